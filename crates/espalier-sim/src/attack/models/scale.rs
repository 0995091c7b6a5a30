//! `scale`: base + K × delta.

use crate::attack::forger::each;
use crate::attack::registry::{AttackInfo, Kind, Parameter};
use crate::attack::{Attack, Scene};

pub(in crate::attack) const INFO: AttackInfo = AttackInfo {
    name: "scale",
    form: "scale:K",
    summary: "base + K × delta [K = 10]",
    parameters: &[Parameter::number(10.0)],
    kind: Kind::Own(forge),
};

fn forge(attack: Attack, scene: &Scene<'_>) -> Vec<Vec<f32>> {
    let k = attack.number(0);
    each(scene.own, |x| k * x)
}
