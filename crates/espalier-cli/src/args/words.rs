//! Values that begin with one of some names, so that shells can complete them.

use clap::builder::{PossibleValue, TypedValueParser};
use clap::{Arg, Command};
use espalier::sim::{Attack, Family, Spread};
use espalier::topology::{EXAMPLES, FORMS, Topology};
use std::ffi::OsStr;
use std::fmt::Display;
use std::str::FromStr;

/// A parser that offers words and takes all that its type takes.
#[derive(Clone)]
pub(crate) struct Words<T> {
    pub(super) offered: fn() -> Vec<&'static str>,
    pub(super) parse: fn(&str) -> Result<T, String>,
}

impl<T: Clone + Send + Sync + 'static> TypedValueParser for Words<T> {
    type Value = T;

    fn parse_ref(
        &self,
        command: &Command,
        arg: Option<&Arg>,
        value: &OsStr,
    ) -> Result<T, clap::Error> {
        TypedValueParser::parse_ref(&self.parse, command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new((self.offered)().into_iter().map(PossibleValue::new)))
    }
}

fn parse<T: FromStr<Err: Display>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error: T::Err| error.to_string())
}

/// Attacks, those with a parameter without it.
pub(crate) fn attacks() -> Words<Attack> {
    fn names() -> Vec<&'static str> {
        Attack::FORMS.into_iter().filter_map(|(form, _)| form.split(':').next()).collect()
    }
    Words { offered: names, parse: parse::<Attack> }
}

/// Strategies. Whether one exists is checked together with its parameters.
pub(crate) fn strategies() -> Words<String> {
    fn names() -> Vec<&'static str> {
        espalier::resolve::registry().map(|info| info.name).collect()
    }
    Words { offered: names, parse: |text| Ok(text.to_owned()) }
}

/// Families of models; a path is one, too.
pub(crate) fn models() -> Words<Family> {
    Words { offered: || vec!["digits", "synthetic:16x16"], parse: parse::<Family> }
}

/// Networks; those with parameters are offered with usual ones. `file:` is left out.
pub(crate) fn topologies() -> Words<Topology> {
    let some = || EXAMPLES.into_iter().filter(|name| !name.starts_with("file:")).collect();
    Words { offered: some, parse: parse::<Topology> }
}

/// What `--topology` takes.
pub(crate) fn networks() -> String {
    format!("The network, that is, which nodes are neighbours: {}", FORMS.join(", "))
}

/// Ways in which data differ between nodes.
pub(crate) fn spreads() -> Words<Spread> {
    let some = || vec!["iid", "mild", "strong", "dirichlet:0.3", "clusters:2"];
    Words { offered: some, parse: parse::<Spread> }
}

pub(crate) fn clocks() -> Vec<&'static str> {
    vec!["rounds", "periodic", "poisson", "none"]
}

pub(crate) fn exchanges() -> Vec<&'static str> {
    vec!["delta", "full-state", "intervals", "broadcast"]
}

pub(crate) fn metrics() -> Vec<&'static str> {
    vec!["full", "sample:16", "off"]
}

pub(crate) fn orders() -> Vec<&'static str> {
    vec!["sequential", "synchronous"]
}

pub(crate) fn schedules() -> Vec<&'static str> {
    vec!["random", "scheduled"]
}

pub(crate) fn wires() -> Vec<&'static str> {
    vec!["frames", "counted"]
}

/// A parser that offers the words of a type.
pub(crate) fn one_of<T: FromStr<Err: Display>>(offered: fn() -> Vec<&'static str>) -> Words<T> {
    Words { offered, parse: parse::<T> }
}

#[cfg(test)]
mod tests {
    use super::*;
    use espalier::sim::{Clock, Exchange, Metrics, Wire};
    use espalier::topology::{Order, Schedule};

    #[test]
    fn what_is_offered_is_taken() {
        fn check<T>(words: Words<T>) {
            for word in (words.offered)() {
                assert!((words.parse)(word).is_ok(), "{word}");
            }
        }
        check(attacks());
        check(strategies());
        check(models());
        check(topologies());
        check(spreads());
        check(one_of::<Clock>(clocks));
        check(one_of::<Exchange>(exchanges));
        check(one_of::<Metrics>(metrics));
        check(one_of::<Order>(orders));
        check(one_of::<Schedule>(schedules));
        check(one_of::<Wire>(wires));
    }
}
