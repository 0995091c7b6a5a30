//! `tsv-m`: singular vectors of all inputs, made orthogonal to each other (Gargiulo et al., Task
//! Singular Vectors, CVPR 2025, arXiv 2412.00081, algorithm 1).
//!
//! For T inputs of shape m × n:
//!
//! 1. Of each d = U S Vᵀ the ⌊min(m, n) / T⌋ largest directions are kept, at least one.
//! 2. The left vectors of all inputs side by side are replaced by the nearest orthonormal ones,
//!    and the right vectors likewise: U⊥ and V⊥.
//! 3. D = U⊥ S V⊥ᵀ, where S holds the singular values of all inputs, times their weights.

use super::{
    Differences, Spectral,
    matrix::{Matrix, outer},
    svd::{Svd, polar},
};
use crate::methods::job::{Job, MethodError};

#[derive(Debug)]
pub(super) struct TsvM;

impl Spectral for TsvM {
    fn merge(&self, _: &Job<'_>, differences: Differences) -> Result<Matrix, MethodError> {
        let (rows, columns) = differences.shape();
        let Differences { matrices, weights, grain } = differences;
        let kept = (rows.min(columns) / matrices.len()).max(1);
        let (mut left, mut right, mut values) = (Vec::new(), Vec::new(), Vec::new());
        for (difference, weight) in matrices.into_iter().zip(weights) {
            let svd = Svd::new(&difference, grain).first(kept);
            values.extend(svd.values.iter().map(|value| value * weight));
            left.push(svd.left);
            right.push(svd.right);
        }
        let left = polar(&Matrix::stacked(rows, &left));
        let right = polar(&Matrix::stacked(columns, &right));
        Ok(outer(&left, &values, &right))
    }
}
