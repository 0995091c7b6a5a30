//! Methods that look at the differences of a matrix from the base as a whole, through their
//! singular values and vectors.
//!
//! All of them make one difference D of the differences d = x − b, and the result is b + λ D. Of d
//! and the last two steps each is rounded to the working type; all between is f64. Of a tensor with
//! more than two dimensions the first counts the rows and the others together the columns. What is
//! not a matrix has no singular vectors: D is Σ w d / Σ w there, as these papers average it. That
//! is so, too, where a difference is not finite, which the merge then refuses.
//!
//! Memory: 8 bytes an element for each input and for about four more, for one tensor at a time.
//! Time: see [`svd`].
//!
//! A singular vector that belongs to a singular value of zero is anyone's choice, so it takes no
//! part. As zero counts what rounding elements of the base to f32 (to f64, when merging in f64) can
//! make: methods that raise small singular values would raise that to the size of what was learnt.

mod info;
mod iso;
mod knots;
mod low_rank;
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
    groups::vector,
    job::{Job, MethodError},
    rows::{Piece, RowBuffers, Rows},
};
use crate::real::Real;

pub(crate) use self::info::{COMMON, ETA, ISO_C, ISO_CTS, KNOTS, STAR, TSV_M};
pub use self::low_rank::{LowRank, low_rank};

/// The names of all methods here.
pub(super) const DECOMPOSING: [&str; 5] =
    [ISO_C.name, ISO_CTS.name, KNOTS.name, STAR.name, TSV_M.name];

/// What a method makes of the differences of a matrix.
trait Spectral: Debug + Send + Sync + 'static {
    /// D.
    fn merge(&self, job: &Job<'_>, differences: Differences) -> Result<Matrix, MethodError>;
}

/// Differences from the base, of which there is at least one.
#[derive(Debug)]
struct Differences {
    matrices: Vec<Matrix>,
    weights: Vec<f64>,
    /// The size of the rounding errors of their elements.
    grain: f64,
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

    const FINDS_AS_MUCH: bool = true;

    fn prepare<A: Arith>(&self, rows: &Rows<'_, A>) -> Result<Vec<f64>, MethodError> {
        let differences = Differences::load(rows)?;
        let finite = |matrix: &Matrix| matrix.values.iter().all(|value| value.is_finite());
        let vectors = rows.job.shape.len() < 2 || rows.elements == 0;
        let merged = if vectors || !differences.matrices.iter().all(finite) {
            differences.mean()
        } else {
            self.method.merge(rows.job, differences)?
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

impl Differences {
    fn load<A: Arith>(rows: &Rows<'_, A>) -> Result<Self, MethodError> {
        let count = rows.job.shape.first().map_or(1, |&rows| rows as usize);
        let columns = rows.elements.checked_div(count).unwrap_or(0);
        let mut values = vec![Vec::with_capacity(rows.elements); rows.count()];
        let mut buffers = RowBuffers::default();
        let mut squares = 0.0;
        for range in rows.pieces() {
            let piece = rows.load(range, &mut buffers)?;
            squares += piece.base().iter().map(|b| b.wide() * b.wide()).sum::<f64>();
            for (input, values) in values.iter_mut().enumerate() {
                values.extend(vector::<A>(&piece, input, true).iter().map(|d| d.wide()));
            }
        }
        let matrix = |values| Matrix::new(count, columns, values);
        Ok(Self {
            matrices: values.into_iter().map(matrix).collect(),
            weights: rows.numbers("weight"),
            grain: A::T::UNIT * (squares / rows.elements.max(1) as f64).sqrt(),
        })
    }

    /// The shape of each.
    fn shape(&self) -> (usize, usize) {
        (self.matrices[0].rows, self.matrices[0].columns)
    }

    /// Σ w d.
    fn sum(&self) -> Matrix {
        let (rows, columns) = self.shape();
        let mut out = Matrix::zeros(rows, columns);
        for (difference, &weight) in self.matrices.iter().zip(&self.weights) {
            out.add(weight, difference);
        }
        out
    }

    /// The size of the rounding errors of Σ w d.
    fn grain_of_sum(&self) -> f64 {
        self.grain * self.weights.iter().map(|weight| weight.abs()).sum::<f64>()
    }

    /// Σ w d / Σ w; a sum of weights that is nearly zero divides nothing.
    fn mean(&self) -> Matrix {
        let weight: f64 = self.weights.iter().sum();
        let divisor = if weight.abs() < NO_WEIGHT { 1.0 } else { weight };
        self.sum().scaled(1.0 / divisor)
    }
}
