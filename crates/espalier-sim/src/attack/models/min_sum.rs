//! `min-sum`: m − γ s with the largest γ with which the sum of its squared distances from the
//! honest rows stays within the largest such sum of an honest row. The paper of
//! [`min-max`](super::min_max).

use super::min_max::{against_deviation, quadratics, root};
use crate::attack::Attack;
use crate::attack::forger::Forger;
use crate::attack::registry::{AttackInfo, Kind, Parameter};

pub(in crate::attack) const INFO: AttackInfo = AttackInfo {
    name: "min-sum",
    form: "min-sum:S",
    summary: "the same by sums of squared distances, noise S",
    parameters: &[Parameter::NOISE],
    kind: Kind::Hidden(forge_sum),
};

fn forge_sum(attack: Attack, forger: &Forger<'_>) -> Vec<Vec<f32>> {
    against_deviation(forger, attack.number(0), min_sum(forger))
}

/// The largest γ with which the sum of squared distances from the honest rows is not above the
/// largest such sum of an honest row.
fn min_sum(forger: &Forger<'_>) -> f64 {
    let sums = forger.crowd.squared_distances().into_iter();
    let sums = sums.map(|row| row.iter().fold(0.0, |sum, d| sum + d));
    let bound = sums.fold(0.0, f64::max);
    let add = |sum: [f64; 3], of_row: [f64; 3]| std::array::from_fn(|i| sum[i] + of_row[i]);
    root(quadratics(forger).into_iter().fold([0.0; 3], add), bound)
}
