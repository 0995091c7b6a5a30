//! Eigenvalues and eigenvectors of a symmetric tridiagonal matrix.
//!
//! Implicit QL steps with Wilkinson's shift (Golub, Van Loan, *Matrix Computations*, 8.3): one or
//! two steps for each eigenvalue, each of as many rotations as there are rows left. The rotations
//! are kept and never multiplied out, so that everything is O(n²).

/// The most steps for one eigenvalue. One or two are the rule.
const MOST_STEPS: usize = 60;

/// What a symmetric tridiagonal matrix is made of.
pub(super) struct Spectrum {
    /// The eigenvalues, in no order.
    pub(super) values: Vec<f64>,
    /// Their product turns a vector into its components along the eigenvectors.
    rotations: Vec<Rotation>,
}

/// A rotation in the plane of row `low` and the next one.
struct Rotation {
    low: usize,
    cos: f64,
    sin: f64,
}

impl Spectrum {
    /// Of the matrix with this diagonal and these entries next to it. Not-a-number in,
    /// not-a-number out.
    pub(super) fn of(mut diagonal: Vec<f64>, mut off: Vec<f64>) -> Self {
        let n = diagonal.len();
        let mut rotations = Vec::with_capacity(n * n);
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
                step(first, last, &mut diagonal, &mut off, &mut rotations);
            }
        }
        Self { values: diagonal, rotations }
    }

    /// The projection of the first unit vector on the eigenvectors with these eigenvalues.
    pub(super) fn first_within(&self, values: impl Fn(f64) -> bool) -> Vec<f64> {
        let mut vector = vec![0.0; self.values.len()];
        vector[0] = 1.0;
        for Rotation { low, cos, sin } in &self.rotations {
            let (x, y) = (vector[*low], vector[low + 1]);
            (vector[*low], vector[low + 1]) = (cos * x - sin * y, sin * x + cos * y);
        }
        for (x, value) in vector.iter_mut().zip(&self.values) {
            if !values(*value) {
                *x = 0.0;
            }
        }
        for Rotation { low, cos, sin } in self.rotations.iter().rev() {
            let (x, y) = (vector[*low], vector[low + 1]);
            (vector[*low], vector[low + 1]) = (cos * x + sin * y, cos * y - sin * x);
        }
        vector
    }
}

/// One step on the block from `first` to `last`, from its end to its beginning.
fn step(
    first: usize,
    last: usize,
    diagonal: &mut [f64],
    off: &mut [f64],
    rotations: &mut Vec<Rotation>,
) {
    let half = (diagonal[first + 1] - diagonal[first]) / (2.0 * off[first]);
    let root = (half * half + 1.0).sqrt();
    let shift = off[first] / (half + root.copysign(half));
    let mut bulge = diagonal[last] - diagonal[first] + shift;
    let (mut sin, mut cos, mut moved) = (1.0, 1.0, 0.0);
    for low in (first..last).rev() {
        let (f, b) = (sin * off[low], cos * off[low]);
        let length = (f * f + bulge * bulge).sqrt();
        off[low + 1] = length;
        if length == 0.0 {
            // The block falls apart here.
            diagonal[low + 1] -= moved;
            off[last] = 0.0;
            return;
        }
        (sin, cos) = (f / length, bulge / length);
        let rest = diagonal[low + 1] - moved;
        let turned = (diagonal[low] - rest) * sin + 2.0 * cos * b;
        moved = sin * turned;
        diagonal[low + 1] = rest + moved;
        bulge = cos * turned - b;
        rotations.push(Rotation { low, cos, sin });
    }
    diagonal[first] -= moved;
    off[first] = bulge;
    off[last] = 0.0;
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The first unit vector is the sum of its projections, and the matrix stretches each by its
    /// value.
    fn check(diagonal: &[f64], off: &[f64]) -> Result<(), TestCaseError> {
        let n = diagonal.len();
        let spectrum = Spectrum::of(diagonal.to_vec(), off.to_vec());
        let trace: f64 = diagonal.iter().sum();
        prop_assert!((spectrum.values.iter().sum::<f64>() - trace).abs() < 1e-9);
        let mut sum = vec![0.0; n];
        let mut done: Vec<f64> = Vec::new();
        for &value in &spectrum.values {
            if done.iter().any(|other| (value - other).abs() < 1e-7) {
                continue;
            }
            done.push(value);
            let v = spectrum.first_within(|other| (value - other).abs() < 1e-7);
            for i in 0..n {
                let before = if i > 0 { off[i - 1] * v[i - 1] } else { 0.0 };
                let after = if i + 1 < n { off[i] * v[i + 1] } else { 0.0 };
                let times = before + diagonal[i] * v[i] + after;
                prop_assert!((times - value * v[i]).abs() < 1e-6, "{times} {value} {v:?}");
                sum[i] += v[i];
            }
        }
        for (i, x) in sum.iter().enumerate() {
            prop_assert!((x - f64::from(u8::from(i == 0))).abs() < 1e-9);
        }
        Ok(())
    }

    proptest! {
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
            let spectrum = Spectrum::of(vec![1.0, bad, 2.0], vec![1.0, 1.0]);
            assert!(spectrum.values.iter().any(|value| !value.is_finite()));
            Spectrum::of(vec![1.0, 2.0, 3.0], vec![bad, 1.0]);
        }
    }

    /// All eigenvalues of the second difference are known: 2 − 2 cos(kπ / (n + 1)).
    #[test]
    fn the_second_difference_has_its_eigenvalues() {
        let mut values = Spectrum::of(vec![2.0; 64], vec![-1.0; 63]).values;
        values.sort_by(f64::total_cmp);
        for (k, value) in values.iter().enumerate() {
            let angle = std::f64::consts::PI * (k + 1) as f64 / 65.0;
            assert!((value - (2.0 - 2.0 * libm::cos(angle))).abs() < 1e-12);
        }
    }
}
