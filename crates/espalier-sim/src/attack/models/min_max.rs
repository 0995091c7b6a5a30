//! `min-max`: m − γ s with the largest γ that stays as near to every honest row as these
//! are to each other. Shejwalkar, Houmansadr, *Manipulating the Byzantine*, NDSS 2021; the paper
//! bisects, but the bound is quadratic in γ and has a root.

use crate::attack::Attack;
use crate::attack::crowd::{Crowd, wide};
use crate::attack::forger::Forger;
use crate::attack::registry::{AttackInfo, Kind, Parameter};
use espalier_tensor::kernels::dot_f64;
use rayon::prelude::*;

pub(in crate::attack) const INFO: AttackInfo = AttackInfo {
    name: "min-max",
    form: "min-max:S",
    summary: "as far off as honest nodes are apart, noise S",
    parameters: &[Parameter::NOISE],
    kind: Kind::Hidden(forge_max),
};

fn forge_max(attack: Attack, forger: &Forger<'_>) -> Vec<Vec<f32>> {
    against_deviation(forger, attack.number(0), min_max(forger))
}

pub(super) fn against_deviation(forger: &Forger<'_>, noise: f64, gamma: f64) -> Vec<Vec<f32>> {
    let Crowd { mean, deviation, .. } = &forger.crowd;
    forger.rows(noise, |_, k| mean[k] - gamma * deviation[k])
}

/// Coefficients of the squared distance of m − γ s from each honest row x as a function of γ:
/// |m − x|², −2 (m − x) s, and |s|².
pub(super) fn quadratics(forger: &Forger<'_>) -> Vec<[f64; 3]> {
    let Crowd { rows, mean, deviation, .. } = &forger.crowd;
    let of_row = |row: &Vec<f32>| {
        let from: Vec<f64> = mean.iter().zip(wide(row)).map(|(mean, x)| mean - x).collect();
        [dot_f64(&from, &from), -2.0 * dot_f64(&from, deviation), dot_f64(deviation, deviation)]
    };
    rows.par_iter().map(of_row).collect()
}

/// The largest γ with which no honest row is farther away than two honest rows are apart.
fn min_max(forger: &Forger<'_>) -> f64 {
    let squared = forger.crowd.squared_distances();
    let bound = squared.iter().flatten().fold(0.0, |most: f64, d| most.max(*d));
    let roots = quadratics(forger).into_iter().map(|of_row| root(of_row, bound));
    let least = roots.fold(f64::INFINITY, f64::min);
    if least.is_finite() { least } else { 0.0 }
}

/// The greater x with c + b x + a x² = bound; 0 if the parabola is none or starts above the bound.
pub(super) fn root([c, b, a]: [f64; 3], bound: f64) -> f64 {
    if a <= 0.0 || c > bound {
        return 0.0;
    }
    (-b + libm::sqrt(b * b + 4.0 * a * (bound - c))) / (2.0 * a)
}
