//! `sign-flip`: base − delta in place of base + delta.

use crate::attack::forger::each;
use crate::attack::registry::{AttackInfo, Kind};
use crate::attack::{Attack, Scene};

pub(in crate::attack) const INFO: AttackInfo = AttackInfo {
    name: "sign-flip",
    form: "sign-flip",
    summary: "base − delta",
    parameters: &[],
    kind: Kind::Own(forge),
};

fn forge(_: Attack, scene: &Scene<'_>) -> Vec<Vec<f32>> {
    each(scene.own, |x| -x)
}
