//! `ipm`: −T m. Xie, Koyejo, Gupta, *Fall of Empires*, UAI 2020. `optimal-ipm`: with the T that
//! moves the aggregate most.

use crate::attack::Attack;
use crate::attack::forger::Forger;
use crate::attack::registry::{AttackInfo, Kind, Parameter};
use crate::attack::search::worst_factor;

pub(in crate::attack) const INFO: AttackInfo = AttackInfo {
    name: "ipm",
    form: "ipm:T:S",
    summary: "−T × honest mean, noise S [T = 0.5]",
    parameters: &[Parameter::number(0.5), Parameter::NOISE],
    kind: Kind::Hidden(forge),
};

pub(in crate::attack) const OPTIMAL: AttackInfo = AttackInfo {
    name: "optimal-ipm",
    form: "optimal-ipm:S",
    summary: "ipm with the worst T, noise S",
    parameters: &[Parameter::NOISE],
    kind: Kind::Hidden(worst),
};

fn forge(attack: Attack, forger: &Forger<'_>) -> Vec<Vec<f32>> {
    rows(forger, attack.number(0), attack.number(1))
}

fn worst(attack: Attack, forger: &Forger<'_>) -> Vec<Vec<f32>> {
    worst_factor(forger, |t| rows(forger, t, attack.number(0)))
}

fn rows(forger: &Forger<'_>, t: f64, noise: f64) -> Vec<Vec<f32>> {
    let mean = &forger.crowd.mean;
    forger.rows(noise, |_, k| -t * mean[k])
}
