//! One file per strategy.

pub(crate) mod average;
pub(crate) mod bridge;
pub(crate) mod caf;
pub(crate) mod centered_clipping;
pub(crate) mod dare_linear;
pub(crate) mod formulas;
pub(crate) mod geometric_median;
pub(crate) mod krum;
pub(crate) mod mda;
pub(crate) mod meamed;
pub(crate) mod median;
pub(crate) mod slerp;
pub(crate) mod task_arithmetic;
pub(crate) mod ties;
pub(crate) mod trimmed_mean;
pub(crate) mod weight_average;

use crate::parameters::{ParameterInfo, ParameterRange};

/// λ of the strategies that merge differences from a base.
pub(crate) const LAMBDA: ParameterInfo = ParameterInfo {
    name: "lambda",
    default: "1",
    range: ParameterRange::FACTOR,
    help: "factor of the merged difference before it is added to the base",
};

/// Whether the weights of differences are divided by their sum.
pub(crate) const NORMALIZE: ParameterInfo = ParameterInfo {
    name: "normalize",
    default: "true",
    range: ParameterRange::FLAG,
    help: "divide the weighted sum of differences by the sum of weights, so that the result does \
           not move farther the more inputs there are; `false` adds them all up, as published",
};

/// The share that random masks keep.
pub(crate) const RANDOM_DENSITY: ParameterInfo = ParameterInfo {
    name: "density",
    default: "0.5",
    range: ParameterRange::SHARE,
    help: "ρ: the share of elements of each difference that is kept",
};

/// λ w, and what is left of the base: 1 − λ Σ w; weights divided by their sum if `normalize`.
pub(crate) fn delta_coefficients(weights: &[f64], lambda: f64, normalize: bool) -> (Vec<f64>, f64) {
    let sum: f64 = if normalize { weights.iter().sum() } else { 1.0 };
    let factors: Vec<f64> = weights.iter().map(|weight| lambda * (weight / sum)).collect();
    let base = 1.0 - factors.iter().sum::<f64>();
    (factors, base)
}
