//! The decomposition, against its definition and against slow ways to the same values.

use espalier_identity::Digest;
use espalier_tensor::random::Stream;
use proptest::prelude::*;

use super::{
    matrix::{Matrix, dot},
    svd::{Svd, polar},
};

fn normal(rows: usize, columns: usize, seed: u32) -> Matrix {
    let stream = Stream::new(Digest::of_content(&seed.to_le_bytes()));
    let mut values = vec![0.0_f32; rows * columns];
    stream.fill_normal(0, &mut values);
    Matrix::new(rows, columns, values.into_iter().map(f64::from).collect())
}

/// With these singular values and vectors drawn from a seed.
fn spectrum(rows: usize, columns: usize, values: &[f64], seed: u32) -> Matrix {
    let side = |length, seed| polar(&normal(values.len(), length, seed));
    super::matrix::outer(&side(rows, seed), values, &side(columns, seed + 1))
}

fn largest(matrix: &Matrix) -> f64 {
    matrix.values.iter().fold(0.0, |largest, value| largest.max(value.abs()))
}

fn difference(a: &Matrix, b: &Matrix) -> f64 {
    let mut difference = a.clone();
    difference.add(-1.0, b);
    largest(&difference)
}

/// How far rows are from being orthonormal.
fn skew(rows: &Matrix) -> f64 {
    let product = rows.times(&rows.transposed());
    let mut one = Matrix::zeros(rows.rows, rows.rows);
    (0..rows.rows).for_each(|at| one.values[at * rows.rows + at] = 1.0);
    difference(&product, &one)
}

/// Orthonormal vectors that make up the matrix, with falling values.
fn check(matrix: &Matrix) -> Svd {
    let svd = Svd::new(matrix, 0.0);
    let n = matrix.rows.max(matrix.columns) as f64;
    let error = f64::EPSILON * n * 8.0;
    assert!(skew(&svd.left) <= error, "left vectors: {:e}", skew(&svd.left));
    assert!(skew(&svd.right) <= error, "right vectors: {:e}", skew(&svd.right));
    assert!(svd.values.is_sorted_by(|a, b| a >= b), "{:?}", svd.values);
    let norm = svd.values.first().copied().unwrap_or(0.0);
    let left = difference(&svd.with(&svd.values), matrix);
    assert!(left <= error * norm, "{}×{}: {left:e}", matrix.rows, matrix.columns);
    svd
}

/// The eigenvalues of A Aᵀ by two-sided Jacobi, one pair after the other.
fn slow_values(matrix: &Matrix) -> Vec<f64> {
    let n = matrix.rows;
    let mut gram = matrix.times(&matrix.transposed()).values;
    for _ in 0..30 {
        for p in 0..n {
            for q in p + 1..n {
                let angle =
                    0.5 * libm::atan2(2.0 * gram[p * n + q], gram[q * n + q] - gram[p * n + p]);
                let (sine, cosine) = (libm::sin(angle), libm::cos(angle));
                for k in 0..n {
                    let (x, y) = (gram[k * n + p], gram[k * n + q]);
                    (gram[k * n + p], gram[k * n + q]) =
                        (cosine * x - sine * y, sine * x + cosine * y);
                }
                for k in 0..n {
                    let (x, y) = (gram[p * n + k], gram[q * n + k]);
                    (gram[p * n + k], gram[q * n + k]) =
                        (cosine * x - sine * y, sine * x + cosine * y);
                }
            }
        }
    }
    let mut values: Vec<f64> = (0..n).map(|at| gram[at * n + at].max(0.0).sqrt()).collect();
    values.sort_by(|a, b| b.total_cmp(a));
    values
}

#[test]
fn shapes_of_all_kinds_decompose() {
    let shapes =
        [(1, 1), (1, 9), (9, 1), (2, 2), (16, 16), (17, 5), (5, 40), (33, 33), (40, 64), (70, 48)];
    for (seed, (rows, columns)) in (0..).zip(shapes) {
        let svd = check(&normal(rows, columns, seed));
        assert_eq!(svd.values.len(), rows.min(columns));
    }
}

#[test]
fn values_are_those_of_a_slow_twin() {
    for (seed, (rows, columns)) in (0..).zip([(1, 4), (6, 6), (20, 31), (36, 36)]) {
        let matrix = normal(rows, columns, seed);
        let values = Svd::new(&matrix, 0.0).values;
        for (value, slow) in values.iter().zip(slow_values(&matrix)) {
            assert!((value - slow).abs() < 1e-6 * values[0], "{value} {slow}");
        }
    }
}

#[test]
fn known_values_come_back_however_they_lie() {
    let spread: Vec<f64> = (0..24).map(|at| libm::pow(10.0, -f64::from(at) / 2.0)).collect();
    let clustered: Vec<f64> = (0..24).map(|at| if at < 20 { 1.0 } else { 0.5 }).collect();
    let close: Vec<f64> = (0..24).map(|at| 1.0 - 1e-13 * f64::from(at)).collect();
    for values in [spread, clustered, close] {
        let matrix = spectrum(40, 30, &values, 7);
        let found = check(&matrix).values;
        for (found, value) in found.iter().zip(&values) {
            assert!((found - value).abs() < 1e-14, "{found} {value}");
        }
    }
}

#[test]
fn zero_values_have_no_vectors() {
    assert!(check(&Matrix::zeros(4, 6)).values.is_empty());
    for rank in [1, 3, 17] {
        let values: Vec<f64> = (0..rank).map(|at| f64::from(at) + 1.0).collect();
        assert_eq!(check(&spectrum(40, 50, &values, 3)).values.len(), values.len());
    }
    // Rows that are all the same, and rows of zeros between others.
    let same = Matrix::new(20, 3, [3.0, -4.0, 0.0].repeat(20));
    let svd = check(&same);
    assert_eq!(svd.values.len(), 1);
    assert!((svd.values[0] - 5.0 * libm::sqrt(20.0)).abs() < 1e-13);
}

#[test]
fn rounding_errors_of_elements_have_no_vectors() {
    let grain = 1e-6;
    let mut matrix = spectrum(40, 50, &[3.0, 2.0, 1e-3], 3);
    assert_eq!(Svd::new(&matrix, grain).values.len(), 3);
    matrix.add(grain, &normal(40, 50, 9));
    assert_eq!(Svd::new(&matrix, 0.0).values.len(), 40);
    assert_eq!(Svd::new(&matrix, grain).values.len(), 3);
    assert_eq!(Svd::new(&matrix.transposed(), grain).values.len(), 3);
}

#[test]
fn scales_at_the_ends_of_the_range_change_nothing() {
    let matrix = normal(12, 20, 1);
    let values = Svd::new(&matrix, 0.0).values;
    for scale in [f64::MIN_POSITIVE, 1e-200, 1e200, 1e307] {
        let scaled = Svd::new(&matrix.clone().scaled(scale), 0.0).values;
        for (scaled, value) in scaled.iter().zip(&values) {
            assert!((scaled / scale - value).abs() < 1e-13 * values[0], "{scale:e}: {scaled:e}");
        }
    }
    // One element beside which all others are nothing.
    let mut matrix = normal(12, 20, 2);
    matrix.values[30] = 1e300;
    assert_eq!(Svd::new(&matrix, 0.0).values, [1e300]);
}

#[test]
fn polar_factors_are_the_nearest_orthonormal_rows() {
    let rows = normal(9, 30, 5);
    let nearest = polar(&rows);
    assert!(skew(&nearest) < 1e-13);
    // A = H Q with H symmetric and positive: A Qᵀ is symmetric.
    let symmetric = rows.times(&nearest.transposed());
    assert!(difference(&symmetric, &symmetric.transposed()) < 1e-13);
    // Orthonormal rows are their own polar factor, and copies of one share it.
    assert!(difference(&polar(&nearest), &nearest) < 1e-14);
    let twice = Matrix::new(2, 3, [0.0, 0.0, 1.0].repeat(2));
    let half = libm::sqrt(0.5);
    assert!(difference(&polar(&twice), &Matrix::new(2, 3, [0.0, 0.0, half].repeat(2))) < 1e-15);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn small_matrices_of_any_numbers_decompose(
        rows in 1_usize..7,
        columns in 1_usize..7,
        values in prop::collection::vec(-1e3..1e3_f64, 36),
        zeros in prop::collection::vec(any::<bool>(), 36),
    ) {
        let value = |at: usize| if zeros[at] { 0.0 } else { values[at] };
        check(&Matrix::new(rows, columns, (0..rows * columns).map(value).collect()));
    }

    #[test]
    fn products_are_what_they_are_defined_as(m in 1_usize..40, k in 1_usize..9, n in 1_usize..9) {
        let (a, b) = (normal(m, k, 1), normal(k, n, 2));
        let product = a.times(&b);
        let turned = b.transposed();
        for row in 0..m {
            for column in 0..n {
                let slow = dot(a.row(row), turned.row(column));
                prop_assert!((product.row(row)[column] - slow).abs() < 1e-12);
            }
        }
    }
}
