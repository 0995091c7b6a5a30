//! `mimic`: the honest row that reaches farthest along the honest top component. Karimireddy, He,
//! Jaggi, *Byzantine-Robust Learning on Heterogeneous Datasets*, ICLR 2022.

use crate::attack::Attack;
use crate::attack::forger::Forger;
use crate::attack::registry::{AttackInfo, Kind, Parameter};

pub(in crate::attack) const INFO: AttackInfo = AttackInfo {
    name: "mimic",
    form: "mimic:S",
    summary: "all copy one honest node, noise S",
    parameters: &[Parameter::NOISE],
    kind: Kind::Hidden(forge),
};

fn forge(attack: Attack, forger: &Forger<'_>) -> Vec<Vec<f32>> {
    let chosen = &forger.crowd.rows[forger.crowd.extreme()];
    forger.rows(attack.number(0), |_, k| f64::from(chosen[k]))
}
