//! `top-component`: m pushed by T standard deviations along the honest top component.

use crate::attack::Attack;
use crate::attack::forger::Forger;
use crate::attack::registry::{AttackInfo, Kind, Parameter};

pub(in crate::attack) const INFO: AttackInfo = AttackInfo {
    name: "top-component",
    form: "top-component:T:S",
    summary: "along the honest top component, noise S [T = 1.5]",
    parameters: &[Parameter::number(1.5), Parameter::NOISE],
    kind: Kind::Hidden(forge),
};

fn forge(attack: Attack, forger: &Forger<'_>) -> Vec<Vec<f32>> {
    let (t, mean) = (attack.number(0), &forger.crowd.mean);
    let (direction, along) = forger.crowd.top();
    forger.rows(attack.number(1), |_, k| mean[k] + t * along * direction[k])
}
