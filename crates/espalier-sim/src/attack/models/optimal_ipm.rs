//! `optimal-ipm`: [`ipm`](super::ipm) with the T that moves the aggregate most.

use super::ipm::rows;
use crate::attack::Attack;
use crate::attack::forger::Forger;
use crate::attack::registry::{AttackInfo, Kind, Parameter};
use crate::attack::search::worst_factor;

pub(in crate::attack) const INFO: AttackInfo = AttackInfo {
    name: "optimal-ipm",
    form: "optimal-ipm:S",
    summary: "ipm with the worst T, noise S",
    parameters: &[Parameter::NOISE],
    kind: Kind::Hidden(worst),
};

fn worst(attack: Attack, forger: &Forger<'_>) -> Vec<Vec<f32>> {
    worst_factor(forger, |t| rows(forger, t, attack.number(0)))
}
