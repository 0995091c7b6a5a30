//! The list of attacks.

use super::forger::Forger;
use super::protocol::Liar;
use super::{Attack, Scene, models, protocol};
use crate::node::behaviour::Behaviour;

/// Facts about an attack.
#[derive(Debug)]
pub(super) struct AttackInfo {
    /// Its name.
    pub(super) name: &'static str,
    /// The name with its parameters, as on the command line.
    pub(super) form: &'static str,
    /// What it does, in a line, with the defaults of its parameters.
    pub(super) summary: &'static str,
    pub(super) parameters: &'static [Parameter],
    pub(super) kind: Kind,
}

/// A number after the name.
#[derive(Debug)]
pub(super) struct Parameter {
    /// Its value where it is not given; `None` where that depends on the run.
    pub(super) default: Option<f64>,
    /// Whether it is the number of a round.
    pub(super) is_round: bool,
}

impl Parameter {
    /// Noise in units of the honest standard deviation.
    pub(super) const NOISE: Self = Self::number(0.0);
    /// A round, by itself half of the rounds.
    pub(super) const ROUND: Self = Self { default: None, is_round: true };

    pub(super) const fn number(default: f64) -> Self {
        Self { default: Some(default), is_round: false }
    }
}

/// What liars contribute in place of what they trained, from what each has of its own.
type FromOwn = fn(Attack, &Scene<'_>) -> Vec<Vec<f32>>;
/// The same, from what the honest contribute.
type FromCrowd = fn(Attack, &Forger<'_>) -> Vec<Vec<f32>>;

/// By what an attack lies, and how it is done.
#[derive(Debug)]
pub(super) enum Kind {
    /// By tensors that each liar makes of its own.
    Own(FromOwn),
    /// By training on wrong labels; by such tensors where there are no labels.
    Misled(FromOwn),
    /// By tensors that no honest node can sign.
    Poisoned(FromOwn),
    /// By tensors that hide among the honest ones.
    Hidden(FromCrowd),
    /// By such tensors, with the push of the round before.
    Steady(FromCrowd),
    /// By what it signs, or what it shows to whom.
    Protocol(fn(&Liar<'_>) -> Box<dyn Behaviour>),
}

pub(super) static REGISTRY: [AttackInfo; 37] = [
    models::sign_flip::INFO,
    models::ipm::INFO,
    models::alie::INFO,
    models::alie::OPTIMAL,
    models::ipm::OPTIMAL,
    models::mimic::INFO,
    models::gaussian::INFO,
    models::scale::INFO,
    models::min_max::MIN_MAX,
    models::min_max::MIN_SUM,
    models::spread::INFO,
    models::groups::INFO,
    models::ring::INFO,
    models::block::INFO,
    models::top_component::INFO,
    models::drift::INFO,
    models::label_flip::INFO,
    models::white_box::INFO,
    models::poison::NAN,
    models::poison::INF,
    protocol::equivocation::INFO,
    protocol::equivocation::RELAYED,
    protocol::retract_others::INFO,
    protocol::withhold::INFO,
    protocol::silent::INFO,
    protocol::replay::INFO,
    protocol::copy::INFO,
    protocol::exaggerate::OVERWEIGHT,
    protocol::exaggerate::FUTURE_ROUND,
    protocol::attest::PRAISE,
    protocol::attest::VOTE_DOWN,
    protocol::accuse::SLANDER,
    protocol::accuse::FORGED_NAN,
    protocol::payload_mismatch::INFO,
    protocol::flood::INFO,
    protocol::amnesia::INFO,
    protocol::erratic::INFO,
];

/// The attack of this name.
pub(super) fn find(name: &str) -> Option<&'static AttackInfo> {
    REGISTRY.iter().find(|info| info.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn forms_show_the_name_and_every_parameter() {
        for info in &REGISTRY {
            let mut parts = info.form.split(':');
            assert_eq!(parts.next(), Some(info.name));
            assert_eq!(parts.count(), info.parameters.len(), "{}", info.form);
            // There is room for two values.
            assert!(info.parameters.len() <= 2, "{}", info.form);
        }
        let names: BTreeSet<_> = REGISTRY.iter().map(|info| info.name).collect();
        assert_eq!(names.len(), REGISTRY.len());
    }
}
