//! `nan`: NaN in one element of a hundred. No honest node can sign it.

use crate::attack::registry::{AttackInfo, Kind};
use crate::attack::{Attack, Scene};

pub(in crate::attack) const INFO: AttackInfo = AttackInfo {
    name: "nan",
    form: "nan",
    summary: "NaN in one element of a hundred",
    parameters: &[],
    kind: Kind::Poisoned(nan),
};

fn nan(_: Attack, scene: &Scene<'_>) -> Vec<Vec<f32>> {
    scene.own.iter().map(|row| poisoned(row, f32::NAN)).collect()
}

pub(super) fn poisoned(row: &[f32], poison: f32) -> Vec<f32> {
    let mut row = row.to_vec();
    row.iter_mut().step_by(100).for_each(|x| *x = poison);
    row
}
