//! `gaussian`: base + normal noise of S times the delta's root mean square.

use crate::attack::forger::normal;
use crate::attack::registry::{AttackInfo, Kind, Parameter};
use crate::attack::{Attack, Scene};
use espalier_tensor::kernels::sum_of_squares;
use rayon::prelude::*;

pub(in crate::attack) const INFO: AttackInfo = AttackInfo {
    name: "gaussian",
    form: "gaussian:S",
    summary: "base + normal noise of S × the delta's RMS [S = 10]",
    parameters: &[Parameter::number(10.0)],
    kind: Kind::Own(forge),
};

fn forge(attack: Attack, scene: &Scene<'_>) -> Vec<Vec<f32>> {
    let s = attack.number(0);
    scene.own.par_iter().enumerate().map(|(i, x)| noise(scene, i, x, s)).collect()
}

/// Normal noise of `size` times the root mean square of `row`.
fn noise(scene: &Scene<'_>, liar: usize, row: &[f32], size: f64) -> Vec<f32> {
    let size = size * libm::sqrt(sum_of_squares(row) / row.len().max(1) as f64);
    let draws = normal(scene.key, "liar", liar, row.len());
    draws.iter().map(|x| (size * f64::from(*x)) as f32).collect()
}
