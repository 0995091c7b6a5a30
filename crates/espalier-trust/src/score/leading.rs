//! The direction in which points differ most, from their inner products.
//!
//! Lanczos' iteration (*An iteration method for the solution of the eigenvalue problem*, 1950) with
//! full reorthogonalisation: exact for up to [`MOST_STEPS`] points, and for more it has long
//! converged wherever one direction leads. Where several are as strong, none of them is *the*
//! leading one, and which a method returns is chance; so the result is the direction within their
//! span that points to the point farthest out.

/// At most this many steps, each of m² multiply-adds.
const MOST_STEPS: usize = 64;

/// Directions at least this strong, by the strongest, count as equally strong.
const AS_STRONG: f64 = 0.95;

/// A remainder of this part of the matrix's scale is rounding.
const ROUNDING: f64 = 1e-12;

/// The strength of the leading direction and its unit vector, for a positive semidefinite matrix
/// of `m` rows; `None` if it is zero or not finite.
pub(super) fn leading(m: usize, gram: &[f64]) -> Option<(f64, Vec<f64>)> {
    let first =
        |best: usize, i: usize| if gram[i * m + i] > gram[best * m + best] { i } else { best };
    let farthest = (1..m).fold(0, first);
    let start = unit(&gram[farthest * m..(farthest + 1) * m])?;
    let (basis, diagonal, off) = lanczos(m, gram, start);
    let steps = basis.len();
    let mut small = vec![0.0; steps * steps];
    for i in 0..steps {
        small[i * steps + i] = diagonal[i];
        if i + 1 < steps {
            small[i * steps + i + 1] = off[i];
            small[(i + 1) * steps + i] = off[i];
        }
    }
    let (values, vectors) = eigen(steps, small);
    let strongest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if !(strongest > 0.0 && strongest.is_finite()) {
        return None;
    }
    // The start, which points to the farthest, projected on the strongest directions.
    let mut within = vec![0.0; steps];
    for (vector, _) in vectors.iter().zip(&values).filter(|(_, v)| **v >= AS_STRONG * strongest) {
        within.iter_mut().zip(vector).for_each(|(sum, x)| *sum += vector[0] * x);
    }
    let mut direction = vec![0.0; m];
    for (factor, row) in within.iter().zip(&basis) {
        direction.iter_mut().zip(row).for_each(|(sum, x)| *sum += factor * x);
    }
    let direction = unit(&direction)?;
    Some((dot(&times(m, gram, &direction), &direction), direction))
}

/// An orthonormal basis of the Krylov space of `start`, and the matrix in it: its diagonal, and
/// what stands beside it.
fn lanczos(m: usize, gram: &[f64], start: Vec<f64>) -> (Vec<Vec<f64>>, Vec<f64>, Vec<f64>) {
    let scale = (0..m).map(|i| gram[i * m + i]).fold(0.0, |sum, x| sum + x);
    let (mut basis, mut diagonal, mut off) = (vec![start], Vec::new(), Vec::new());
    loop {
        let last = &basis[basis.len() - 1];
        let mut next = times(m, gram, last);
        diagonal.push(dot(&next, last));
        // Twice is enough (Parlett, The Symmetric Eigenvalue Problem, 6.9).
        for _ in 0..2 {
            for row in &basis {
                let part = dot(&next, row);
                next.iter_mut().zip(row).for_each(|(x, y)| *x -= part * y);
            }
        }
        let length = dot(&next, &next).sqrt();
        if basis.len() == m.min(MOST_STEPS) || length.is_nan() || length <= ROUNDING * scale {
            return (basis, diagonal, off);
        }
        off.push(length);
        basis.push(next.into_iter().map(|x| x / length).collect());
    }
}

/// The eigenvalues of a symmetric matrix, and their vectors, by Jacobi's rotations in cyclic order
/// (Golub, Van Loan, Matrix Computations, 8.5).
fn eigen(n: usize, mut a: Vec<f64>) -> (Vec<f64>, Vec<Vec<f64>>) {
    /// Convergence is quadratic: a handful is the rule.
    const SWEEPS: usize = 60;
    let mut vectors: Vec<Vec<f64>> =
        (0..n).map(|i| (0..n).map(|j| f64::from(u8::from(i == j))).collect()).collect();
    let rounding = f64::EPSILON * (0..n).fold(0.0, |sum, i| sum + a[i * n + i].abs());
    for _ in 0..SWEEPS {
        let mut rotated = false;
        for p in 0..n {
            for q in p + 1..n {
                let (app, aqq, apq) = (a[p * n + p], a[q * n + q], a[p * n + q]);
                if apq.is_nan() || apq.abs() <= rounding {
                    continue;
                }
                rotated = true;
                let theta = (aqq - app) / (2.0 * apq);
                let t = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
                let cos = 1.0 / (t * t + 1.0).sqrt();
                let sin = t * cos;
                for k in 0..n {
                    let (x, y) = (a[k * n + p], a[k * n + q]);
                    (a[k * n + p], a[k * n + q]) = (cos * x - sin * y, sin * x + cos * y);
                }
                for k in 0..n {
                    let (x, y) = (a[p * n + k], a[q * n + k]);
                    (a[p * n + k], a[q * n + k]) = (cos * x - sin * y, sin * x + cos * y);
                }
                let (before, from_q) = vectors.split_at_mut(q);
                for (x, y) in before[p].iter_mut().zip(&mut from_q[0]) {
                    (*x, *y) = (cos * *x - sin * *y, sin * *x + cos * *y);
                }
            }
        }
        if !rotated {
            break;
        }
    }
    ((0..n).map(|i| a[i * n + i]).collect(), vectors)
}

fn times(m: usize, gram: &[f64], vector: &[f64]) -> Vec<f64> {
    gram.chunks_exact(m).map(|row| dot(row, vector)).collect()
}

/// The vector at length one; `None` if it has none.
fn unit(vector: &[f64]) -> Option<Vec<f64>> {
    let length = dot(vector, vector).sqrt();
    (length > 0.0 && length.is_finite()).then(|| vector.iter().map(|x| x / length).collect())
}

/// Eight partial sums in a fixed tree: the order is part of the definition.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let ((a, rest_a), (b, rest_b)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    let mut lanes = [0.0; 8];
    for (x, y) in a.iter().zip(b) {
        for lane in 0..8 {
            lanes[lane] += x[lane] * y[lane];
        }
    }
    for (lane, (x, y)) in rest_a.iter().zip(rest_b).enumerate() {
        lanes[lane] += x * y;
    }
    let [a, b, c, d, e, f, g, h] = lanes;
    ((a + e) + (c + g)) + ((b + f) + (d + h))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The inner products of rows.
    fn gram(rows: &[Vec<f64>]) -> Vec<f64> {
        rows.iter().flat_map(|a| rows.iter().map(|b| dot(a, b))).collect()
    }

    #[test]
    fn nothing_leads_where_all_is_zero_or_not_a_number() {
        assert_eq!(leading(3, &[0.0; 9]), None);
        assert_eq!(leading(2, &[f64::NAN; 4]), None);
        assert_eq!(leading(2, &[f64::INFINITY; 4]), None);
    }

    #[test]
    fn of_equally_strong_directions_the_one_to_the_farthest_is_taken() {
        // Three orthogonal points; the second is a little farther out.
        let (value, vector) = leading(3, &[1.0, 0.0, 0.0, 0.0, 1.01, 0.0, 0.0, 0.0, 1.0]).unwrap();
        assert!((value - 1.01).abs() < 1e-12);
        assert!(vector[1] == 1.0 && vector[0] == 0.0);
    }

    #[test]
    fn a_hundred_points_more_than_steps_converge() {
        // A strong common part and noise of a fixed pattern.
        let noise = |i: usize, k: usize| f64::from(((i * 131 + k * 17) % 97) as u32) / 97.0 - 0.5;
        let row = |i: usize| {
            let shift = if i.is_multiple_of(3) { 2.0 } else { -1.0 };
            (0..40).map(|k| noise(i, k) + if k == 0 { shift } else { 0.0 }).collect()
        };
        let rows: Vec<Vec<f64>> = (0..150).map(row).collect();
        let gram = gram(&rows);
        let (value, vector) = leading(150, &gram).unwrap();
        let residual: f64 = times(150, &gram, &vector)
            .iter()
            .zip(&vector)
            .map(|(a, v)| (a - value * v).abs())
            .sum();
        assert!(residual < 1e-8 * value, "{residual}");
    }

    proptest! {
        /// The obvious twin: many power steps. It agrees where one direction clearly leads.
        #[test]
        fn it_is_where_power_steps_lead(
            rows in prop::collection::vec(prop::collection::vec(-4.0f64..4.0, 4), 2..12)
        ) {
            let m = rows.len();
            let gram = gram(&rows);
            let Some((value, vector)) = leading(m, &gram) else { return Ok(()) };
            let (values, _) = eigen(m, gram.clone());
            let mut sorted = values;
            sorted.sort_by(f64::total_cmp);
            prop_assume!(m < 2 || sorted[m - 2] < 0.9 * sorted[m - 1]);
            prop_assert!((value - sorted[m - 1]).abs() < 1e-9 * value);
            let mut by_power = vector.clone();
            for _ in 0..200 {
                by_power = unit(&times(m, &gram, &by_power)).expect("not zero");
            }
            for (a, b) in vector.iter().zip(&by_power) {
                prop_assert!((a - b).abs() < 1e-7, "{vector:?} {by_power:?}");
            }
        }

        /// Eigenvalues sum to the trace, and vectors are orthonormal and satisfy A v = λ v.
        #[test]
        fn jacobi_diagonalises(
            rows in prop::collection::vec(prop::collection::vec(-4.0f64..4.0, 5), 1..9)
        ) {
            let m = rows.len();
            let a = gram(&rows);
            let (values, vectors) = eigen(m, a.clone());
            for (value, vector) in values.iter().zip(&vectors) {
                for (x, v) in times(m, &a, vector).iter().zip(vector) {
                    prop_assert!((x - value * v).abs() < 1e-9);
                }
            }
            for (i, u) in vectors.iter().enumerate() {
                for (j, v) in vectors.iter().enumerate() {
                    prop_assert!((dot(u, v) - f64::from(u8::from(i == j))).abs() < 1e-9);
                }
            }
        }
    }
}
