//! `label-flip`: trained on wrong labels; where there are no labels, as `sign-flip`.

use crate::attack::forger::each;
use crate::attack::registry::{AttackInfo, Kind};
use crate::attack::{Attack, Scene};

pub(in crate::attack) const INFO: AttackInfo = AttackInfo {
    name: "label-flip",
    form: "label-flip",
    summary: "trained on 9 − label; without labels as sign-flip",
    parameters: &[],
    kind: Kind::Misled(forge),
};

fn forge(_: Attack, scene: &Scene<'_>) -> Vec<Vec<f32>> {
    each(scene.own, |x| -x)
}
