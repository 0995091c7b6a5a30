//! `iso-c` and `iso-cts`: merged differences whose singular values are all the same (Marczak et
//! al., No Task Left Behind, ICML 2025, arXiv 2502.04959, algorithms 1 and 2).
//!
//! `iso-c`: with Σ w d = U S Vᵀ, D = s̄ U Vᵀ, where s̄ is the mean of the singular values.
//!
//! `iso-cts`, for T inputs of shape m × n and r = min(m, n):
//!
//! 1. Of Σ w d = U S Vᵀ the k largest directions are what the inputs have in common; k is the share
//!    `common_space_fraction` of r and what is left of r when the inputs share the rest equally: k
//!    = r − T s with s = ⌊(r − ⌊share · r⌋) / T⌋.
//! 2. Of each w d − U Uᵀ w d the s largest directions are the input's own.
//! 3. All these left vectors side by side are replaced by the nearest orthonormal ones, and all
//!    right vectors likewise: U* and V*.
//! 4. D = s̄ U* V*ᵀ, where s̄ is the mean of the singular values of all these directions.
//!
//! The paper takes a mean over r directions. Here it is over those that there are, which differs
//! where differences are rank-deficient: D keeps the sum of the singular values then too.

use super::{
    Differences, Spectral,
    matrix::{Matrix, outer},
    svd::{Svd, polar},
};
use crate::methods::job::{Job, MethodError};

#[derive(Debug)]
pub(super) struct IsoC;

impl Spectral for IsoC {
    fn merge(&self, _: &Job<'_>, differences: Differences) -> Result<Matrix, MethodError> {
        let svd = Svd::new(&differences.sum(), differences.grain_of_sum());
        Ok(svd.with(&vec![mean_of(&svd.values); svd.values.len()]))
    }
}

#[derive(Debug)]
pub(super) struct IsoCts {
    pub(super) common: f64,
}

impl Spectral for IsoCts {
    fn merge(&self, _: &Job<'_>, differences: Differences) -> Result<Matrix, MethodError> {
        let (rows, columns) = differences.shape();
        let (rank, count) = (rows.min(columns), differences.matrices.len());
        let own = (rank - ((self.common * rank as f64) as usize).min(rank)) / count;
        let together = Svd::new(&differences.sum(), differences.grain_of_sum());
        let common = together.first(rank - count * own);
        let project = |difference: &Matrix| {
            outer(&common.left, &vec![1.0; common.values.len()], &common.left.times(difference))
        };
        let mut parts = vec![common.clone()];
        let Differences { matrices, weights, grain } = differences;
        for (mut difference, weight) in matrices.into_iter().zip(weights) {
            if own == 0 {
                break;
            }
            let shared = project(&difference);
            difference.add(-1.0, &shared);
            parts.push(Svd::new(&difference.scaled(weight), grain * weight.abs()).first(own));
        }
        let values: Vec<f64> = parts.iter().flat_map(|part| part.values.iter().copied()).collect();
        let (left, right): (Vec<_>, Vec<_>) =
            parts.into_iter().map(|part| (part.left, part.right)).unzip();
        let left = polar(&Matrix::stacked(rows, &left));
        let right = polar(&Matrix::stacked(columns, &right));
        Ok(outer(&left, &vec![mean_of(&values); values.len()], &right))
    }
}

/// The mean; zero of none.
fn mean_of(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}
