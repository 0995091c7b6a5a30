//! `star`: differences without their small singular values (Lee et al., Spectral Truncation And
//! Rescale, NAACL 2025, arXiv 2502.10339, section 3).
//!
//! Of each d = U S Vᵀ the fewest largest directions are kept whose singular values sum to the share
//! `eta` of all, at least one. What is kept is scaled so that the sum of its singular values is
//! that of d. D is the mean of these by weight: Σ w d' / Σ w.

use super::{Differences, Spectral, matrix::Matrix, svd::Svd};
use crate::methods::job::{Job, MethodError};

#[derive(Debug)]
pub(super) struct Star {
    pub(super) eta: f64,
}

impl Spectral for Star {
    fn merge(&self, _: &Job<'_>, mut differences: Differences) -> Result<Matrix, MethodError> {
        let truncate = |difference: &Matrix| {
            let svd = Svd::new(difference, differences.grain);
            let all: f64 = svd.values.iter().sum();
            let mut kept = 0.0;
            let enough = svd.values.iter().position(|value| {
                kept += value;
                kept >= self.eta * all
            });
            let Some(last) = enough else { return difference.clone() };
            let svd = svd.first(last + 1);
            let weights: Vec<f64> = svd.values.iter().map(|value| value * (all / kept)).collect();
            svd.with(&weights)
        };
        differences.matrices = differences.matrices.iter().map(truncate).collect();
        Ok(differences.mean())
    }
}
