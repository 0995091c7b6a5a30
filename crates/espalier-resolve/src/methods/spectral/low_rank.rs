//! The product of two thin matrices that is nearest to a matrix (Eckart and Young 1936), from its
//! singular values and vectors.

use super::{
    matrix::{Matrix, dot},
    svd::Svd,
};

/// B A, which is near a matrix.
#[derive(Debug, Clone, PartialEq)]
pub struct LowRank {
    /// The columns of B and the rows of A: those asked for, or the shorter side of the matrix. If
    /// the matrix has fewer directions than that, the rest are zero.
    pub rank: usize,
    /// B, row after row: the rows of the matrix × rank.
    pub b: Vec<f32>,
    /// A, row after row: rank × the columns of the matrix.
    pub a: Vec<f32>,
    /// ‖M − B A‖ / ‖M‖ in Frobenius norms, of B and A as they are here; not a number if the matrix
    /// is zero or its norm is not finite.
    pub error: f64,
}

/// The best B A of this rank for a matrix of finite numbers, given row after row. B and A share the
/// singular values in equal parts: each has their square roots.
///
/// Memory: 8 bytes an element of the matrix, about four times. Time: that of a decomposition, which
/// does not depend on the rank.
///
/// # Panics
/// If there is not a number for each element.
#[must_use]
pub fn low_rank(rows: usize, columns: usize, values: Vec<f64>, rank: usize) -> LowRank {
    assert_eq!(values.len(), rows * columns, "a number for each element");
    let mut matrix = Matrix::new(rows, columns, values);
    let rank = rank.min(rows).min(columns);
    let svd = Svd::new(&matrix, 0.0).first(rank);
    let thin = |vectors: &Matrix| {
        let mut thin = vec![0.0_f32; rank * vectors.columns];
        let of = svd.values.iter().zip(vectors.values.chunks_exact(vectors.columns.max(1)));
        for (out, (value, vector)) in thin.chunks_exact_mut(vectors.columns.max(1)).zip(of) {
            let root = value.sqrt();
            out.iter_mut().zip(vector).for_each(|(out, x)| *out = (root * x) as f32);
        }
        thin
    };
    let (left, a) = (thin(&svd.left), thin(&svd.right));
    let wide = |values: &[f32]| values.iter().map(|&x| f64::from(x)).collect();
    let left = Matrix::new(rank, rows, wide(&left)).transposed();
    let norm = dot(&matrix.values, &matrix.values).sqrt();
    matrix.add(-1.0, &left.times(&Matrix::new(rank, columns, wide(&a))));
    let error = dot(&matrix.values, &matrix.values).sqrt() / norm;
    // From f32, so nothing is lost.
    let b = left.values.iter().map(|&x| x as f32).collect();
    LowRank { rank, b, a, error }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Σ σ u vᵀ with vectors of cosines, which are orthonormal.
    fn known(rows: usize, columns: usize, values: &[f64]) -> Vec<f64> {
        let cosine = |length: usize, k: usize, i: usize| {
            let angle = core::f64::consts::PI * k as f64 * (i as f64 + 0.5) / length as f64;
            libm::cos(angle) * (2.0 / length as f64).sqrt()
        };
        let element = |place: usize| {
            let (row, column) = (place / columns, place % columns);
            let term = |(k, value): (usize, &f64)| {
                value * cosine(rows, k + 1, row) * cosine(columns, k + 1, column)
            };
            values.iter().enumerate().map(term).sum()
        };
        (0..rows * columns).map(element).collect()
    }

    #[test]
    fn what_is_left_out_is_the_smallest_singular_values() {
        let sigma = [8.0, 4.0, 2.0, 1.0];
        for (rows, columns) in [(9, 6), (6, 9), (7, 7)] {
            for rank in 1..=6 {
                let found = low_rank(rows, columns, known(rows, columns, &sigma), rank);
                let square = |values: &[f64]| values.iter().map(|x| x * x).sum::<f64>();
                let rest = sigma.get(rank..).unwrap_or_default();
                let expected = (square(rest) / square(&sigma)).sqrt();
                assert!((found.error - expected).abs() < 1e-6, "{rank}: {}", found.error);
                assert_eq!((found.rank, found.b.len()), (rank, rows * rank));
                assert_eq!(found.a.len(), rank * columns);
            }
        }
    }

    #[test]
    fn the_error_is_that_of_the_product() {
        let (rows, columns, rank) = (5, 8, 2);
        let values = known(rows, columns, &[3.0, 2.0, 1.0]);
        let LowRank { b, a, error, .. } = low_rank(rows, columns, values.clone(), rank);
        let (mut missed, mut all) = (0.0, 0.0);
        for row in 0..rows {
            for column in 0..columns {
                let term =
                    |k: usize| f64::from(b[row * rank + k]) * f64::from(a[k * columns + column]);
                let product: f64 = (0..rank).map(term).sum();
                let value = values[row * columns + column];
                missed += (value - product) * (value - product);
                all += value * value;
            }
        }
        assert!((error - f64::sqrt(missed / all)).abs() < 1e-12, "{error}");
    }

    #[test]
    fn a_rank_above_the_shorter_side_is_that_side_and_zeros_fill_what_is_not_there() {
        let found = low_rank(3, 2, vec![1.0, 2.0, 2.0, 4.0, 3.0, 6.0], 9);
        assert_eq!(found.rank, 2);
        assert!(found.error < 1e-6 && found.a[2..] == [0.0; 2], "{found:?}");
        assert!(low_rank(2, 2, vec![0.0; 4], 1).error.is_nan());
    }
}
