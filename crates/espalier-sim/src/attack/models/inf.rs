//! `inf`: infinity in one element of a hundred.

use super::nan::poisoned;
use crate::attack::registry::{AttackInfo, Kind};
use crate::attack::{Attack, Scene};

pub(in crate::attack) const INFO: AttackInfo = AttackInfo {
    name: "inf",
    form: "inf",
    summary: "infinity in one element of a hundred",
    parameters: &[],
    kind: Kind::Poisoned(inf),
};

fn inf(_: Attack, scene: &Scene<'_>) -> Vec<Vec<f32>> {
    scene.own.iter().map(|row| poisoned(row, f32::INFINITY)).collect()
}
