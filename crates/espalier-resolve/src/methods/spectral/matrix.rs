//! Dense matrices of f64, with products whose sums have one order on every machine.

use rayon::prelude::*;

/// A matrix, row after row.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Matrix {
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) values: Vec<f64>,
}

/// Rows of a product that a thread computes together, so that a row of the second factor is read
/// once for all of them.
const TOGETHER: usize = 16;
/// Partial sums of an inner product.
const LANES: usize = 8;

impl Matrix {
    pub(super) fn new(rows: usize, columns: usize, values: Vec<f64>) -> Self {
        debug_assert_eq!(values.len(), rows * columns, "a value for each element");
        Self { rows, columns, values }
    }

    pub(super) fn zeros(rows: usize, columns: usize) -> Self {
        Self::new(rows, columns, vec![0.0; rows * columns])
    }

    pub(super) fn row(&self, row: usize) -> &[f64] {
        &self.values[row * self.columns..][..self.columns]
    }

    /// The first rows alone.
    pub(super) fn first_rows(mut self, rows: usize) -> Self {
        self.rows = self.rows.min(rows);
        self.values.truncate(self.rows * self.columns);
        self
    }

    pub(super) fn transposed(&self) -> Self {
        let (rows, columns) = (self.rows, self.columns);
        let element = |place: usize| self.values[place % rows * columns + place / rows];
        Self::new(columns, rows, (0..rows * columns).map(element).collect())
    }

    pub(super) fn scaled(mut self, factor: f64) -> Self {
        self.values.iter_mut().for_each(|value| *value *= factor);
        self
    }

    pub(super) fn add(&mut self, factor: f64, other: &Self) {
        add(factor, &other.values, &mut self.values);
    }

    /// The rows of all parts, one part under the other.
    pub(super) fn stacked(columns: usize, parts: &[Self]) -> Self {
        let values: Vec<f64> = parts.iter().flat_map(|part| part.values.iter().copied()).collect();
        Self::new(parts.iter().map(|part| part.rows).sum(), columns, values)
    }

    /// The product. Each element is a left fold over the inner dimension.
    pub(super) fn times(&self, other: &Self) -> Self {
        debug_assert_eq!(self.columns, other.rows, "matrices that fit");
        let mut out = Self::zeros(self.rows, other.columns);
        let band = TOGETHER * other.columns.max(1);
        out.values.par_chunks_mut(band).enumerate().for_each(|(band, out)| {
            for inner in 0..self.columns {
                let from = other.row(inner);
                for (place, out) in out.chunks_exact_mut(from.len()).enumerate() {
                    add(self.values[(band * TOGETHER + place) * self.columns + inner], from, out);
                }
            }
        });
        out
    }
}

/// Σ w l rᵀ over the rows l of `left` and r of `right`.
pub(super) fn outer(left: &Matrix, weights: &[f64], right: &Matrix) -> Matrix {
    let mut weighted = left.clone();
    let rows = weighted.values.chunks_exact_mut(left.columns.max(1));
    for (row, weight) in rows.zip(weights) {
        row.iter_mut().for_each(|value| *value *= weight);
    }
    weighted.transposed().times(right)
}

/// out + c x. Not inlined, because only an argument is known to be the one way to its memory.
#[inline(never)]
fn add(factor: f64, row: &[f64], out: &mut [f64]) {
    for (sum, &x) in out.iter_mut().zip(row) {
        *sum += factor * x;
    }
}

/// The inner product: eight sums of every eighth element, then the sum of these, then the rest.
#[inline(never)]
pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    let mut sums = [0.0; LANES];
    for (a, b) in a.iter().zip(b) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    let rest = a_rest.iter().zip(b_rest).map(|(a, b)| a * b);
    sums.into_iter().chain(rest).fold(0.0, |sum, value| sum + value)
}
