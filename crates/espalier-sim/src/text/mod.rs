//! Words that a user gives and reads: values with a text form, what is wrong with them, and lists
//! in a sentence.

use espalier_blame::{Blame, did_you_mean, nearest};

/// The largest number of names that a note lists.
const NAMES: usize = 8;

/// The text does not parse as a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is not {expected}{}{}", did_you_mean(*.nearest), there_are(.all))]
pub struct ParseError {
    given: String,
    expected: String,
    nearest: Option<&'static str>,
    /// All that would do, if they are not what is expected already.
    all: Vec<&'static str>,
}

fn there_are(all: &[&str]) -> String {
    if all.is_empty() { String::new() } else { format!("; there are {}", all.join(", ")) }
}

impl ParseError {
    /// Who has to act on this error.
    #[must_use]
    pub fn blame(&self) -> Blame {
        Blame::Caller
    }

    /// A stable word for programs to tell this error from all others.
    #[must_use]
    pub fn code(&self) -> &'static str {
        "value-unreadable"
    }
}

pub(crate) fn wrong(given: &str, expected: impl Into<String>) -> ParseError {
    ParseError { given: given.into(), expected: expected.into(), nearest: None, all: Vec::new() }
}

/// The same for a word that is none of some names.
pub(crate) fn unknown(
    given: &str,
    expected: impl Into<String>,
    names: &[&'static str],
) -> ParseError {
    let name = given.split(':').next().unwrap_or(given);
    // A known name is not what is wrong.
    let near = nearest(name, names.iter().copied()).filter(|near| *near != name);
    ParseError { nearest: near, ..wrong(given, expected) }
}

impl ParseError {
    /// With the list of all that would do, after the suggestion.
    pub(crate) fn among(self, all: &[&'static str]) -> Self {
        Self { all: all.to_vec(), ..self }
    }
}

/// Text on the command line and in JSON.
macro_rules! text_serde {
    ($($name:ty),*) => {$(
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <String as serde::Deserialize>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}
pub(crate) use text_serde;

/// Names for a sentence; long lists are cut.
pub(crate) fn some_of(names: &[String]) -> String {
    let shown = names.iter().take(NAMES).map(String::as_str).collect::<Vec<_>>();
    match (names.len().saturating_sub(NAMES), shown.split_last()) {
        (0, Some((last, []))) => (*last).to_owned(),
        (0, Some((last, rest))) => format!("{} and {last}", rest.join(", ")),
        (more, _) => format!("{} and {more} more", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_cut_and_joined() {
        let names = |count: usize| (0..count).map(|i| i.to_string()).collect::<Vec<_>>();
        assert_eq!(some_of(&names(1)), "0");
        assert_eq!(some_of(&names(2)), "0 and 1");
        assert_eq!(some_of(&names(3)), "0, 1 and 2");
        assert_eq!(some_of(&names(10)), "0, 1, 2, 3, 4, 5, 6, 7 and 2 more");
    }
}
