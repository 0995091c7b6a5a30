//! `alie`: m + T s. Baruch, Baruch, Goldberg, *A Little Is Enough*, NeurIPS 2019. Their z for n
//! and f hardly moves anything where f is small, so T is a parameter and 1.5 its default.

use crate::attack::Attack;
use crate::attack::crowd::Crowd;
use crate::attack::forger::Forger;
use crate::attack::registry::{AttackInfo, Kind, Parameter};

pub(in crate::attack) const INFO: AttackInfo = AttackInfo {
    name: "alie",
    form: "alie:T:S",
    summary: "honest mean + T × spread, noise S [T = 1.5]",
    parameters: &[Parameter::number(1.5), Parameter::NOISE],
    kind: Kind::Hidden(forge),
};

fn forge(attack: Attack, forger: &Forger<'_>) -> Vec<Vec<f32>> {
    rows(forger, attack.number(0), attack.number(1))
}

pub(super) fn rows(forger: &Forger<'_>, t: f64, noise: f64) -> Vec<Vec<f32>> {
    let Crowd { mean, deviation, .. } = &forger.crowd;
    forger.rows(noise, |_, k| mean[k] + t * deviation[k])
}
