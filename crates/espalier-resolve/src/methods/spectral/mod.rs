//! Methods that look at the differences of a matrix from the base as a whole, through their
//! singular values and vectors.
//!
//! All of them make one difference D of the differences d = x − b, and the result is b + λ D. Of d
//! and the last two steps each is rounded to the working type; all between is f64. Of a tensor with
//! more than two dimensions the first counts the rows and the others together the columns. What is
//! no matrix has no singular vectors: D is Σ w d / Σ w there, as all these papers average it. That is
//! so, too, where a difference is not finite, which the merge then refuses.
//!
//! Memory: 8 bytes an element for each input and for about four more, for one tensor at a time.
//! Time: see [`svd`]. A singular vector that belongs to a singular value of zero is anyone's choice,
//! so it takes no part.

mod info;
mod iso;
mod knots;
mod matrix;
mod star;
mod svd;
#[cfg(test)]
mod tests;
mod tsv;

use core::fmt::Debug;

use self::{
    iso::{IsoC, IsoCts},
    knots::Knots,
    matrix::Matrix,
    star::Star,
    tsv::TsvM,
};
use super::{
    arith::Arith,
    deltas::NO_WEIGHT,
    formula::Formula,
    job::{Job, MethodError},
    products::vector,
    rows::{Buffers, Piece, Rows},
};
use crate::real::Real;

pub(super) use self::info::{ISO_C, ISO_CTS, KNOTS, STAR, TSV_M};

/// What a method makes of the differences of a matrix.
trait Spectral: Debug + Send + Sync + 'static {
    /// D, of the differences and their weights.
    fn merge(
        &self,
        job: &Job<'_>,
        differences: Vec<Matrix>,
        weights: &[f64],
    ) -> Result<Matrix, MethodError>;
}

/// b + λ D.
#[derive(Debug)]
struct Whole<S> {
    method: S,
    lambda: f64,
}

impl<S: Spectral> Formula for Whole<S> {
    /// D.
    type Ready = Vec<f64>;

    fn prepare<A: Arith>(&self, rows: &Rows<'_, A>) -> Result<Vec<f64>, MethodError> {
        let weights = rows.numbers("weight");
        let differences = differences(rows)?;
        let finite = |matrix: &Matrix| matrix.values.iter().all(|value| value.is_finite());
        let vectors = rows.job.shape.len() < 2 || rows.elements == 0;
        let merged = if vectors || !differences.iter().all(finite) {
            mean(&differences, &weights)
        } else {
            self.method.merge(rows.job, differences, &weights)?
        };
        Ok(merged.values)
    }

    fn merge<A: Arith>(
        &self,
        merged: &Vec<f64>,
        _: &Rows<'_, A>,
        piece: &Piece<'_, A::T>,
        out: &mut [A::T],
    ) {
        let merged = &merged[piece.start..][..piece.len];
        for ((value, &b), &d) in out.iter_mut().zip(piece.base()).zip(merged) {
            *value = b + A::round(A::T::of(self.lambda * d));
        }
    }
}

/// The differences of all inputs, as matrices.
fn differences<A: Arith>(rows: &Rows<'_, A>) -> Result<Vec<Matrix>, MethodError> {
    let count = rows.job.shape.first().map_or(1, |&rows| rows as usize);
    let columns = rows.elements.checked_div(count).unwrap_or(0);
    let mut out = vec![Vec::with_capacity(rows.elements); rows.count()];
    let mut buffers = Buffers::default();
    for range in rows.pieces() {
        let piece = rows.load(range, &mut buffers)?;
        for (input, values) in out.iter_mut().enumerate() {
            values.extend(vector::<A>(&piece, input, true).iter().map(|d| d.wide()));
        }
    }
    Ok(out.into_iter().map(|values| Matrix::new(count, columns, values)).collect())
}

/// Σ w d.
fn sum(differences: &[Matrix], weights: &[f64]) -> Matrix {
    let mut out = Matrix::zeros(differences[0].rows, differences[0].columns);
    for (difference, &weight) in differences.iter().zip(weights) {
        out.add(weight, difference);
    }
    out
}

/// Σ w d / Σ w; a sum of weights that is nearly zero divides nothing.
fn mean(differences: &[Matrix], weights: &[f64]) -> Matrix {
    let weight: f64 = weights.iter().sum();
    let divisor = if weight.abs() < NO_WEIGHT { 1.0 } else { weight };
    sum(differences, weights).scaled(1.0 / divisor)
}
