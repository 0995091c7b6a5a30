//! `nan` and `inf`: one element of a hundred that no honest node can contribute.

use crate::attack::registry::{AttackInfo, Kind};
use crate::attack::{Attack, Scene};

pub(in crate::attack) const NAN: AttackInfo = AttackInfo {
    name: "nan",
    form: "nan",
    summary: "NaN in one element of a hundred",
    parameters: &[],
    kind: Kind::Poisoned(nan),
};

pub(in crate::attack) const INF: AttackInfo = AttackInfo {
    name: "inf",
    form: "inf",
    summary: "infinity in one element of a hundred",
    parameters: &[],
    kind: Kind::Poisoned(inf),
};

fn nan(_: Attack, scene: &Scene<'_>) -> Vec<Vec<f32>> {
    scene.own.iter().map(|row| poisoned(row, f32::NAN)).collect()
}

fn inf(_: Attack, scene: &Scene<'_>) -> Vec<Vec<f32>> {
    scene.own.iter().map(|row| poisoned(row, f32::INFINITY)).collect()
}

fn poisoned(row: &[f32], poison: f32) -> Vec<f32> {
    let mut row = row.to_vec();
    row.iter_mut().step_by(100).for_each(|x| *x = poison);
    row
}
