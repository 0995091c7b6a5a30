//! The list of attacks. Each is a file of its name, among the [models](super::models) or in the
//! [protocol](super::protocol).

use super::forger::Forger;
use super::protocol::Liar;
use super::{Attack, Scene, models, protocol};
use crate::node::behaviour::Behaviour;

/// Facts about an attack.
#[derive(Debug)]
pub(super) struct AttackInfo {
    /// The attack's name.
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

/// How an attack lies, and the function that does it.
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
    models::optimal_alie::INFO,
    models::optimal_ipm::INFO,
    models::mimic::INFO,
    models::gaussian::INFO,
    models::scale::INFO,
    models::min_max::INFO,
    models::min_sum::INFO,
    models::spread::INFO,
    models::groups::INFO,
    models::ring::INFO,
    models::block::INFO,
    models::top_component::INFO,
    models::drift::INFO,
    models::label_flip::INFO,
    models::white_box::INFO,
    models::nan::INFO,
    models::inf::INFO,
    protocol::equivocation::INFO,
    protocol::equivocation_relayed::INFO,
    protocol::retract_others::INFO,
    protocol::withhold::INFO,
    protocol::silent::INFO,
    protocol::replay::INFO,
    protocol::copy::INFO,
    protocol::overweight::INFO,
    protocol::future_round::INFO,
    protocol::praise::INFO,
    protocol::vote_down::INFO,
    protocol::slander::INFO,
    protocol::forged_nan::INFO,
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
    use espalier_testkit::modules_in;
    use std::collections::BTreeSet;

    #[test]
    fn each_attack_has_a_file_of_its_name() {
        let folder = |name| modules_in(format!("{}/src/attack/{name}", env!("CARGO_MANIFEST_DIR")));
        let mut files = folder("models");
        files.extend(folder("protocol"));
        let names: BTreeSet<_> = REGISTRY.iter().map(|info| info.name.replace('-', "_")).collect();
        assert_eq!(files, names);
    }

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
