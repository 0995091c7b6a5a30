//! Weighted sums of inputs: `weight-average`, and `passthrough` of one.
//!
//! Σ w x, a left fold in the order of the inputs that starts at zero, divided by Σ w with
//! `normalize`. In 16-bit arithmetic inputs are rounded, the sum is computed in f32, and the result
//! is rounded once. If the weights sum to zero, dividing by them is not finite, which is an error
//! of the merge.

use espalier_tensor::widest;

use super::{
    arith::Arith,
    formula::Formula,
    job::MethodError,
    rows::{Piece, Rows},
};
use crate::real::Real;

/// Elements for which all inputs are added up while the sum is in the first-level cache.
const TILE: usize = 2048;

/// Adds Σ c x to `out`, input after input.
pub(crate) fn add_all<T: Real>(factors: &[T], piece: &Piece<'_, T>, out: &mut [T]) {
    for (tile, out) in out.chunks_mut(TILE).enumerate() {
        for (input, &factor) in factors.iter().enumerate() {
            add(factor, &piece.row(input)[tile * TILE..][..out.len()], out);
        }
    }
}

widest! {
    /// out + c x
    fn add[T: Real][T](factor: T, row: &[T], out: &mut [T]) {
        for (sum, &x) in out.iter_mut().zip(row) {
            *sum += factor * x;
        }
    }
}

#[derive(Debug)]
pub(crate) struct WeightAverage {
    pub(crate) normalize: bool,
}

impl Formula for WeightAverage {
    /// The weights.
    type Ready = Vec<f64>;

    fn prepare<A: Arith>(&self, rows: &Rows<'_, A>) -> Result<Vec<f64>, MethodError> {
        Ok(rows.numbers("weight"))
    }

    fn merge<A: Arith>(
        &self,
        weights: &Vec<f64>,
        _: &Rows<'_, A>,
        piece: &Piece<'_, A::T>,
        out: &mut [A::T],
    ) {
        let weights: Vec<A::T> = weights.iter().map(|&weight| A::T::of(weight)).collect();
        add_all(&weights, piece, out);
        if self.normalize {
            let sum = weights.iter().copied().fold(A::T::ZERO, |sum, weight| sum + weight);
            out.iter_mut().for_each(|value| *value = *value / sum);
        }
    }
}

#[derive(Debug)]
pub(crate) struct Passthrough;

impl Formula for Passthrough {
    type Ready = f64;

    fn prepare<A: Arith>(&self, rows: &Rows<'_, A>) -> Result<f64, MethodError> {
        Ok(rows.job.inputs[0].number("scale"))
    }

    fn merge<A: Arith>(
        &self,
        &scale: &f64,
        _: &Rows<'_, A>,
        piece: &Piece<'_, A::T>,
        out: &mut [A::T],
    ) {
        let scale = A::T::of(scale);
        for (value, &x) in out.iter_mut().zip(piece.row(0)) {
            *value = x * scale;
        }
    }
}
