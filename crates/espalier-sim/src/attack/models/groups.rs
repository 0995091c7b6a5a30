//! `groups`: three groups with pushes of size T in three directions.

use crate::attack::Attack;
use crate::attack::crowd::Crowd;
use crate::attack::forger::Forger;
use crate::attack::registry::{AttackInfo, Kind, Parameter};

pub(in crate::attack) const INFO: AttackInfo = AttackInfo {
    name: "groups",
    form: "groups:T",
    summary: "three groups with pushes of T [T = 1.5]",
    parameters: &[Parameter::number(1.5)],
    kind: Kind::Hidden(forge),
};

/// Three groups in turn: m + T s, −T m, and m pushed along the top component, all disguised.
fn forge(attack: Attack, forger: &Forger<'_>) -> Vec<Vec<f32>> {
    let t = attack.number(0);
    let Crowd { mean, deviation, .. } = &forger.crowd;
    let (direction, along) = forger.crowd.top();
    forger.rows(1.0, |liar, k| match liar % 3 {
        0 => mean[k] + t * deviation[k],
        1 => -t * mean[k],
        _ => mean[k] + t * along * direction[k],
    })
}
