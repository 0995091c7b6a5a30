//! `ipm`: −T m. Xie, Koyejo, Gupta, *Fall of Empires*, UAI 2020.

use crate::attack::Attack;
use crate::attack::forger::Forger;
use crate::attack::registry::{AttackInfo, Kind, Parameter};

pub(in crate::attack) const INFO: AttackInfo = AttackInfo {
    name: "ipm",
    form: "ipm:T:S",
    summary: "−T × honest mean, noise S [T = 0.5]",
    parameters: &[Parameter::number(0.5), Parameter::NOISE],
    kind: Kind::Hidden(forge),
};

fn forge(attack: Attack, forger: &Forger<'_>) -> Vec<Vec<f32>> {
    rows(forger, attack.number(0), attack.number(1))
}

pub(super) fn rows(forger: &Forger<'_>, t: f64, noise: f64) -> Vec<Vec<f32>> {
    let mean = &forger.crowd.mean;
    forger.rows(noise, |_, k| -t * mean[k])
}
