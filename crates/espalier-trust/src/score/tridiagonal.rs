//! Eigenvalues and eigenvectors of a symmetric tridiagonal matrix.
//!
//! Implicit QL steps with Wilkinson's shift (Golub, Van Loan, *Matrix Computations*, 8.3): some two
//! steps for each eigenvalue, each of as many rotations as there are rows left.

/// One or two are the rule.
const MOST_STEPS: usize = 60;

/// The eigenvalues of the matrix with this diagonal and these entries next to it, in no order, and
/// their unit vectors. Not-a-number in, not-a-number out. O(n³) at worst.
pub(super) fn eigen(mut diagonal: Vec<f64>, mut off: Vec<f64>) -> (Vec<f64>, Vec<Vec<f64>>) {
    let n = diagonal.len();
    let mut vectors: Vec<Vec<f64>> =
        (0..n).map(|i| (0..n).map(|j| f64::from(u8::from(i == j))).collect()).collect();
    let scale = diagonal.iter().chain(&off).fold(0.0, |scale, x| f64::max(scale, x.abs()));
    off.resize(n, 0.0);
    for first in 0..n {
        for _ in 0..MOST_STEPS {
            // The block that begins here and has no entry that is only rounding.
            let small = |at: &usize| off[*at].abs() <= f64::EPSILON * scale;
            let last = (first..n - 1).find(small).unwrap_or(n - 1);
            if last == first {
                break;
            }
            step(first, last, &mut diagonal, &mut off, &mut vectors);
        }
    }
    (diagonal, vectors)
}

/// One step on the block from `first` to `last`, from its end to its beginning.
fn step(first: usize, last: usize, diagonal: &mut [f64], off: &mut [f64], rows: &mut [Vec<f64>]) {
    let half = (diagonal[first + 1] - diagonal[first]) / (2.0 * off[first]);
    let root = (half * half + 1.0).sqrt();
    let shift = off[first] / (half + root.copysign(half));
    let mut bulge = diagonal[last] - diagonal[first] + shift;
    let (mut sin, mut cos, mut moved) = (1.0, 1.0, 0.0);
    for i in (first..last).rev() {
        let (f, b) = (sin * off[i], cos * off[i]);
        let length = (f * f + bulge * bulge).sqrt();
        off[i + 1] = length;
        if length == 0.0 {
            // The block falls apart here.
            diagonal[i + 1] -= moved;
            off[last] = 0.0;
            return;
        }
        (sin, cos) = (f / length, bulge / length);
        let rest = diagonal[i + 1] - moved;
        let turned = (diagonal[i] - rest) * sin + 2.0 * cos * b;
        moved = sin * turned;
        diagonal[i + 1] = rest + moved;
        bulge = cos * turned - b;
        let (before, from) = rows.split_at_mut(i + 1);
        for (x, y) in before[i].iter_mut().zip(&mut from[0]) {
            (*x, *y) = (cos * *x - sin * *y, sin * *x + cos * *y);
        }
    }
    diagonal[first] -= moved;
    off[first] = bulge;
    off[last] = 0.0;
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(diagonal: &[f64], off: &[f64]) -> Result<(), TestCaseError> {
        let n = diagonal.len();
        let (values, vectors) = eigen(diagonal.to_vec(), off.to_vec());
        for (value, v) in values.iter().zip(&vectors) {
            for i in 0..n {
                let before = if i > 0 { off[i - 1] * v[i - 1] } else { 0.0 };
                let after = if i + 1 < n { off[i] * v[i + 1] } else { 0.0 };
                let times = before + diagonal[i] * v[i] + after;
                prop_assert!((times - value * v[i]).abs() < 1e-9);
            }
        }
        for (i, u) in vectors.iter().enumerate() {
            for (j, v) in vectors.iter().enumerate() {
                let product: f64 = u.iter().zip(v).map(|(x, y)| x * y).sum();
                prop_assert!((product - f64::from(u8::from(i == j))).abs() < 1e-9);
            }
        }
        Ok(())
    }

    proptest! {
        /// The vectors are orthonormal and satisfy A v = λ v, with entries of zero among others.
        #[test]
        fn it_diagonalises(
            rows in prop::collection::vec((-4i8..5, prop_oneof![Just(0i8), -4i8..5]), 1..40),
            scale in 1u8..9,
        ) {
            let scaled = |x: i8| f64::from(x) / f64::from(scale);
            let diagonal: Vec<f64> = rows.iter().map(|row| scaled(row.0)).collect();
            let off: Vec<f64> = rows[1..].iter().map(|row| scaled(row.1)).collect();
            check(&diagonal, &off)?;
        }
    }

    #[test]
    fn what_is_not_finite_ends() {
        for bad in [f64::NAN, f64::INFINITY] {
            let (values, _) = eigen(vec![1.0, bad, 2.0], vec![1.0, 1.0]);
            assert!(values.iter().any(|value| !value.is_finite()));
            eigen(vec![1.0, 2.0, 3.0], vec![bad, 1.0]);
        }
    }

    /// All eigenvalues of the second difference are known: 2 − 2 cos(kπ / (n + 1)).
    #[test]
    fn the_second_difference_has_its_eigenvalues() {
        let (mut values, _) = eigen(vec![2.0; 64], vec![-1.0; 63]);
        values.sort_by(f64::total_cmp);
        for (k, value) in values.iter().enumerate() {
            let angle = std::f64::consts::PI * (k + 1) as f64 / 65.0;
            assert!((value - (2.0 - 2.0 * angle.cos())).abs() < 1e-12);
        }
    }
}
