//! What Byzantine nodes do.
//!
//! An attack on the model changes the tensors that a liar contributes; an attack on the protocol
//! changes what it signs or to whom it shows what. Everything a liar sends goes through the same
//! encoded messages as everybody else's. Each attack says what it is in a file of its own, and
//! stands in the [registry].

mod crowd;
mod forger;
mod models;
mod protocol;
mod registry;
mod search;
#[cfg(test)]
mod tests;

use crate::node::behaviour::Behaviour;
use crate::text::{ParseError, text_serde, unknown, wrong};
use espalier_identity::Digest;
use espalier_topology::Network;
use forger::Forger;
use protocol::{Dutiful, Liar, Reckless};
use registry::{AttackInfo, Kind, REGISTRY};
use std::fmt;
use std::str::FromStr;

pub(crate) use protocol::Gang;

/// An attack by name, with its parameters; `parse` reads one. [`Attack::FORMS`] lists them.
#[derive(Clone, Copy)]
pub struct Attack {
    info: &'static AttackInfo,
    /// The numbers after the name, as far as they are known before a run.
    values: [Option<f64>; 2],
}

text_serde!(Attack);

impl PartialEq for Attack {
    fn eq(&self, other: &Self) -> bool {
        self.info.name == other.info.name && self.values == other.values
    }
}

impl fmt::Debug for Attack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Attack({self})")
    }
}

/// An aggregation under attack: from rows, the honest ones first, to one row of the same length.
pub type Target<'a> = dyn Fn(&[Vec<f32>]) -> Vec<f32> + Sync + 'a;

/// What the liars of one attack know when they forge a round's contributions: everything.
///
/// Rows are deltas from the base, all of one length; f32, with arithmetic in f64.
pub struct Scene<'a> {
    /// What the honest nodes contribute.
    pub honest: &'a [Vec<f32>],
    /// What each liar would contribute if it were honest.
    pub own: &'a [Vec<f32>],
    /// The number of nodes in all.
    pub roster: usize,
    /// Key of all randomness.
    pub key: Digest,
    /// The aggregation, for those that search. Without it they assume a coordinate-wise trimmed
    /// mean that cuts off as many rows at both ends as there are liars.
    pub target: Option<&'a Target<'a>>,
    /// The liars' common push in the last round ([`Scene::push`]), for those that remember.
    pub previous: Option<&'a [f32]>,
}

impl fmt::Debug for Scene<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (honest, liars) = (self.honest.len(), self.own.len());
        write!(f, "Scene({honest} honest of {}, {liars} liars)", self.roster)
    }
}

impl Scene<'_> {
    /// How far the mean of `forged` is from the honest mean.
    #[must_use]
    pub fn push(&self, forged: &[Vec<f32>]) -> Vec<f32> {
        if forged.is_empty() || self.honest.is_empty() {
            return Vec::new();
        }
        let means = crowd::trimmed_mean(forged, 0).into_iter();
        let from = means.zip(crowd::trimmed_mean(self.honest, 0));
        from.map(|(forged, honest)| (forged - honest) as f32).collect()
    }
}

impl Attack {
    pub(crate) const SIGN_FLIP: Self = Self::plain(&models::sign_flip::INFO);
    pub(crate) const ERRATIC: Self = Self::plain(&protocol::erratic::INFO);

    /// The names as on the command line, with defaults. Noise is 0 unless given.
    pub const FORMS: [(&'static str, &'static str); REGISTRY.len()] = {
        let mut forms = [("", ""); REGISTRY.len()];
        let mut at = 0;
        while at < forms.len() {
            forms[at] = (REGISTRY[at].form, REGISTRY[at].summary);
            at += 1;
        }
        forms
    };

    /// An attack without parameters.
    const fn plain(info: &'static AttackInfo) -> Self {
        Self { info, values: [None; 2] }
    }

    /// Whether it lies by its tensors, so that [`Attack::forge`] shows all of it.
    #[must_use]
    pub fn changes_models(self) -> bool {
        !matches!(self.info.kind, Kind::Protocol(_))
    }

    /// Whether its liars train on wrong labels where there are labels.
    pub(crate) fn is_misled(self) -> bool {
        matches!(self.info.kind, Kind::Misled(_))
    }

    /// Whether its liars push as they pushed in the round before.
    pub(crate) fn is_steady(self) -> bool {
        matches!(self.info.kind, Kind::Steady(_))
    }

    /// What the liars of this attack contribute in this scene: one row for each of `scene.own`, the
    /// same on any number of threads. Attacks that lie otherwise leave their own rows as they are.
    ///
    /// Cost: a few passes over the rows, with `mimic`, `min-max`, `min-sum`, `top-component` and
    /// `groups` n² d; `optimal-alie` and `optimal-ipm` call the target 24 times, `white-box` 110
    /// times.
    ///
    /// ```
    /// use espalier_sim::{Attack, Scene};
    /// let (honest, own) = ([vec![1.0, 4.0], vec![3.0, 4.0]], [vec![2.0, 4.0]]);
    /// let scene = Scene {
    ///     honest: &honest,
    ///     own: &own,
    ///     roster: 3,
    ///     key: espalier_identity::Digest::ZERO,
    ///     target: None,
    ///     previous: None,
    /// };
    /// assert_eq!("ipm:0.5".parse::<Attack>()?.forge(&scene), [[-1.0, -2.0]]);
    /// assert_eq!("alie:1.5".parse::<Attack>()?.forge(&scene), [[3.5, 4.0]]);
    /// # Ok::<(), espalier_sim::ParseError>(())
    /// ```
    ///
    /// # Panics
    /// If the rows do not have one length, or the target returns another one.
    #[must_use]
    pub fn forge(self, scene: &Scene<'_>) -> Vec<Vec<f32>> {
        match self.info.kind {
            Kind::Own(forge) | Kind::Misled(forge) | Kind::Poisoned(forge) => forge(self, scene),
            // Without anybody honest there is nobody to hide among.
            Kind::Hidden(_) | Kind::Steady(_) if scene.honest.is_empty() => scene.own.to_vec(),
            Kind::Hidden(forge) | Kind::Steady(forge) => forge(self, &Forger::new(scene)),
            Kind::Protocol(_) => scene.own.to_vec(),
        }
    }

    /// How `node`, a liar of this attack, behaves.
    pub(crate) fn behaviour(
        self,
        node: usize,
        gang: &Gang,
        network: &Network,
    ) -> Box<dyn Behaviour> {
        match self.info.kind {
            Kind::Protocol(behave) => behave(&Liar { attack: self, node, gang, network }),
            Kind::Poisoned(_) => Box::new(Reckless),
            Kind::Own(_) | Kind::Misled(_) | Kind::Hidden(_) | Kind::Steady(_) => Box::new(Dutiful),
        }
    }

    /// A parameter, if it is known before a run.
    fn given(self, place: usize) -> Option<f64> {
        self.values[place]
    }

    /// A parameter that has a default.
    fn number(self, place: usize) -> f64 {
        self.values[place].unwrap_or_default()
    }

    /// With the numbers after the name; `None` if there are too many, or one is not what it should
    /// be.
    fn with(info: &'static AttackInfo, numbers: &[f64]) -> Option<Self> {
        if numbers.len() > info.parameters.len() {
            return None;
        }
        let mut attack = Self::plain(info);
        for (place, parameter) in info.parameters.iter().enumerate() {
            let given = numbers.get(place).copied();
            if parameter.is_round && !given.is_none_or(is_whole) {
                return None;
            }
            attack.values[place] = given.or(parameter.default);
        }
        Some(attack)
    }
}

/// Whether this is the number of a round.
fn is_whole(number: f64) -> bool {
    f64::from(number as u32) == number
}

impl FromStr for Attack {
    type Err = ParseError;
    fn from_str(text: &str) -> Result<Self, ParseError> {
        let mut parts = text.split(':');
        let name = parts.next().unwrap_or(text);
        let Some(info) = registry::find(name) else {
            let forms = REGISTRY.each_ref().map(|info| info.form);
            let names = REGISTRY.each_ref().map(|info| info.name);
            return Err(unknown(text, "an attack", &names).among(&forms));
        };
        let finite = |part: &str| part.parse().ok().filter(|x: &f64| x.is_finite());
        let numbers: Option<Vec<f64>> = parts.map(finite).collect();
        numbers.and_then(|numbers| Self::with(info, &numbers)).ok_or_else(|| {
            let what = match info.parameters {
                [] => ", which takes no parameter",
                [one] if one.is_round => " with the number of a round",
                [_] => " with a finite number",
                _ => " with finite numbers",
            };
            wrong(text, format!("{}{what}", info.form))
        })
    }
}

/// A second parameter is left out where it is 0, which is its default.
impl fmt::Display for Attack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.info.name)?;
        for (place, number) in self.values.iter().flatten().enumerate() {
            if place == 0 || *number != 0.0 {
                write!(f, ":{number}")?;
            }
        }
        Ok(())
    }
}
