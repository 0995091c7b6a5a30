//! Spherical mean of directions, for any number of inputs.
//!
//! Each tensor is a vector. Its inputs are divided by their norms |x|, which puts them on the unit
//! sphere; their weighted Fréchet mean there (the point with the least Σ w θ², θ being angles to
//! the inputs) is found by Karcher's iteration and scaled by the weighted mean Σ w |x| / Σ w of
//! the norms. For two inputs that is interpolation along the great circle, from the first to the
//! second by t = w₂ / (w₁ + w₂), with the norm interpolated linearly; and for two inputs of equal
//! norm it is sin((1 − t) θ) / sin θ x₁ + sin(t θ) / sin θ x₂, as Shoemake has it.
//!
//! The mean is a combination of the inputs whose factors depend on their inner products only. So
//! a first pass computes the N × N Gram matrix in f64, [`ITERATIONS`] steps of the iteration take
//! place on the factors alone, and a second pass combines. The iteration starts at the normalised
//! weighted mean of the directions; for two inputs it is exact after one step.
//!
//! Where the sphere does not help, the tensor is averaged linearly (Σ w x / Σ w), with a note: if
//! all directions are nearly parallel (every cosine is at least `parallel`), if two are nearly
//! opposite (a cosine of −0.9995 or less: antipodal points have no single mean), if a norm is zero
//! or not finite, or if the directions cancel out.

use std::sync::Arc;

use espalier_tensor::kernels::Gram;

use crate::{
    parameters::{ParameterInfo, ParameterRange},
    policies::{
        Note, SelectionCache, StrategyInfo,
        by_tensor::{ByTensor, Selection},
        extent::{exponent_to, magnitude},
        linear,
        tensor::{Scratch, Tensor},
    },
    real::Real,
};

pub(crate) static INFO: StrategyInfo = StrategyInfo {
    name: "slerp",
    aliases: &["multislerp", "karcher"],
    summary: "the spherical mean of directions, scaled by the mean norm, tensor by tensor",
    source: "Shoemake, Animating rotation with quaternion curves, SIGGRAPH 1985; \
             Karcher, Riemannian center of mass, 1977",
    parameters: &[ParameterInfo {
        name: "parallel",
        default: "0.9995",
        range: ParameterRange::Number { min: 0.9, above: false, max: 1.0 },
        help: "average linearly if the cosines of all pairs are at least this",
    }],
    needs_base: false,
    uses_randomness: false,
    uses_weights: true,
    passes: 2,
    build: |values| Arc::new(Slerp { parallel: values.number("parallel") }),
};

/// Steps of the iteration; each at least halves the error for angles below 90 degrees or so.
const ITERATIONS: usize = 48;
/// Two directions with such a cosine have no mean worth the name: between opposite ones every
/// great circle is as short.
const OPPOSITE: f64 = -0.9995;
/// Squared norms outside of these bounds may have overflowed or lost digits.
const MEASURABLE: core::ops::Range<f64> = 1e-280..f64::INFINITY;
/// The iteration stands still where it turns the mean by less than this angle.
const STILL: f64 = 1e-7;
/// Shorter than this, the mean of unit vectors has no direction worth the name.
const CANCELLED: f64 = 1e-6;

#[derive(Debug)]
struct Slerp {
    parallel: f64,
}

impl ByTensor for Slerp {
    /// The factor of each input.
    type Selected = Vec<f64>;

    fn select<T: Real>(&self, tensor: &Tensor<'_>, _: &SelectionCache) -> Selection<Self> {
        let weights = &tensor.context.relative;
        let sum: f64 = weights.iter().sum();
        let linear: Vec<f64> = weights.iter().map(|weight| weight / sum).collect();
        if tensor.count() == 1 || tensor.elements == 0 {
            return Selection(linear, None);
        }
        let (gram, units) = measured(tensor);
        let note = |reason| Note::Linear { tensor: tensor.name().to_owned(), reason };
        match spherical(&gram, &units, &linear, self.parallel) {
            Ok(Spherical { factors, found: true }) => Selection(factors, None),
            Ok(Spherical { factors, .. }) => {
                let what = format!("the spherical mean of tensor `{}`", tensor.name());
                Selection(factors, Some(Note::StillMoving { what, steps: ITERATIONS }))
            }
            Err(reason) => Selection(linear, Some(note(reason))),
        }
    }

    fn keeps_equals(&self) -> bool {
        true
    }

    fn merge<T: Real>(
        &self,
        tensor: &Tensor<'_>,
        factors: &Vec<f64>,
        start: usize,
        out: &mut [T],
        scratch: &mut Scratch<T>,
    ) {
        scratch.weights.clear();
        scratch.weights.extend(factors.iter().map(|&factor| T::of(factor)));
        linear::combine(tensor, &scratch.weights, None, start, out, &mut scratch.rows);
    }
}

/// The lower triangle of the Gram matrix, and the power of two in units of which each row is
/// measured: zero unless the square of a norm overflows or vanishes.
fn measured(tensor: &Tensor<'_>) -> (Vec<f64>, Vec<i32>) {
    let n = tensor.count();
    let products = |mut gram: Gram| {
        for piece in tensor.pieces() {
            let row = |input| (tensor.dtype, tensor.bytes(input, piece.clone()));
            gram.push(&(0..n).map(row).collect::<Vec<_>>());
            tensor.release(piece);
        }
        gram.finish()
    };
    let plain = products(Gram::new(n));
    if (0..n).all(|i| MEASURABLE.contains(&plain[i * (i + 3) / 2])) {
        return (plain, vec![0; n]);
    }
    let unit = |input| match magnitude(&[*tensor], input) {
        largest if largest > 0.0 && largest.is_finite() => -exponent_to(0, largest),
        _ => 0,
    };
    let units: Vec<i32> = (0..n).map(unit).collect();
    let factors: Vec<f64> = units.iter().map(|unit| libm::scalbn(1.0, -unit)).collect();
    (products(Gram::scaled(&factors)), units)
}

/// The factors of the spherical mean.
#[derive(Debug)]
struct Spherical {
    factors: Vec<f64>,
    /// Whether the iteration stands still.
    found: bool,
}

/// The spherical mean, from the lower triangle of the Gram matrix of rows in these units and from
/// weights that sum to one; or why there is none.
fn spherical(
    gram: &[f64],
    units: &[i32],
    weights: &[f64],
    parallel: f64,
) -> Result<Spherical, &'static str> {
    let n = weights.len();
    let product = |i: usize, j: usize| gram[i.max(j) * (i.max(j) + 1) / 2 + i.min(j)];
    let norms: Vec<f64> = (0..n).map(|i| libm::sqrt(product(i, i))).collect();
    if norms.iter().any(|norm| !norm.is_finite() || *norm <= 0.0) {
        return Err("an input is zero or not finite");
    }
    let cosine = |i: usize, j: usize| (product(i, j) / norms[i] / norms[j]).clamp(-1.0, 1.0);
    let cosines: Vec<Vec<f64>> =
        (0..n).map(|i| (0..n).map(|j| if i == j { 1.0 } else { cosine(i, j) }).collect()).collect();
    if cosines.iter().flatten().all(|cosine| *cosine >= parallel) {
        return Err("all directions are nearly parallel");
    }
    if cosines.iter().flatten().any(|cosine| *cosine <= OPPOSITE) {
        return Err("two directions are nearly opposite");
    }
    let mut mean = weights.to_vec();
    if length(&cosines, &mean) < CANCELLED {
        return Err("the directions cancel out");
    }
    normalise(&cosines, &mut mean);
    let mut angle = 0.0;
    for _ in 0..ITERATIONS {
        angle = step(&cosines, weights, &mut mean);
    }
    // In one unit, that of the row whose unit is largest.
    let largest = units.iter().copied().max().unwrap_or(0);
    let norms: Vec<f64> =
        norms.iter().zip(units).map(|(&norm, unit)| libm::scalbn(norm, unit - largest)).collect();
    let norm: f64 = norms.iter().zip(weights).map(|(norm, weight)| weight * norm).sum();
    let factors: Vec<f64> = mean.iter().zip(&norms).map(|(factor, n)| factor * norm / n).collect();
    match factors.iter().all(|factor| factor.is_finite()) {
        true => Ok(Spherical { factors, found: angle < STILL }),
        false => Err("its norms are too different"),
    }
}

/// One step: the inputs as seen from the mean, averaged there, and back to the sphere. Returns
/// by how much the mean turned.
fn step(cosines: &[Vec<f64>], weights: &[f64], mean: &mut [f64]) -> f64 {
    let mut direction = vec![0.0; weights.len()];
    let mut towards_mean = 0.0;
    for (i, (row, weight)) in cosines.iter().zip(weights).enumerate() {
        let cosine = dot(row, mean).clamp(-1.0, 1.0);
        let sine = libm::sqrt((1.0 - cosine) * (1.0 + cosine));
        // θ / sin θ, which is 1 in the limit; opposite the mean no direction is better.
        let stretch = match sine < 1e-9 {
            false => libm::atan2(sine, cosine) / sine,
            true => f64::from(cosine > 0.0),
        };
        direction[i] = weight * stretch;
        towards_mean += weight * stretch * cosine;
    }
    for (factor, mean) in direction.iter_mut().zip(&*mean) {
        *factor -= towards_mean * mean;
    }
    let angle = length(cosines, &direction);
    // Too short to have a direction: the mean is found.
    if angle < 1e-14 || angle.is_nan() {
        return 0.0;
    }
    let (sine, cosine) = libm::sincos(angle);
    for (mean, factor) in mean.iter_mut().zip(direction) {
        *mean = cosine * *mean + sine / angle * factor;
    }
    normalise(cosines, mean);
    angle
}

/// The length of a combination of unit vectors with these cosines.
fn length(cosines: &[Vec<f64>], factors: &[f64]) -> f64 {
    let square: f64 = cosines.iter().zip(factors).map(|(row, f)| f * dot(row, factors)).sum();
    libm::sqrt(square.max(0.0))
}

fn normalise(cosines: &[Vec<f64>], factors: &mut [f64]) {
    let length = length(cosines, factors);
    factors.iter_mut().for_each(|factor| *factor /= length);
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gram matrix of rows, lower triangle.
    fn gram(rows: &[&[f64]]) -> Vec<f64> {
        let of = |i: usize| rows[..=i].iter().map(move |row| dot(rows[i], row));
        (0..rows.len()).flat_map(of).collect()
    }

    #[test]
    fn two_inputs_are_the_classical_formula() {
        for (angle, t) in [(0.1_f64, 0.3), (1.0, 0.5), (2.0, 0.9), (3.0, 0.25), (3.1, 0.5)] {
            let (a, b) = ([2.0, 0.0], [2.0 * libm::cos(angle), 2.0 * libm::sin(angle)]);
            let factors = spherical(&gram(&[&a, &b]), &[0; 2], &[1.0 - t, t], 0.9995)
                .expect("a mean")
                .factors;
            let classical = |share: f64| libm::sin(share * angle) / libm::sin(angle);
            assert!((factors[0] - classical(1.0 - t)).abs() < 1e-9, "{angle} {t}: {factors:?}");
            assert!((factors[1] - classical(t)).abs() < 1e-9, "{angle} {t}: {factors:?}");
        }
    }

    /// The gradient of Σ w θ² vanishes at the mean.
    #[test]
    fn many_inputs_are_balanced() {
        let rows: [&[f64]; 4] = [
            &[1.0, 0.2, 0.0, 0.1],
            &[0.0, 3.0, 0.1, 0.0],
            &[0.3, 0.0, 0.5, 0.0],
            &[0.0, 0.1, 0.2, 1.0],
        ];
        let weights = [0.1, 0.4, 0.3, 0.2];
        let factors = spherical(&gram(&rows), &[0; 4], &weights, 0.9995).expect("a mean");
        assert!(factors.found);
        let factors = factors.factors;
        let coordinate = |k: usize| (0..4).map(|i| factors[i] * rows[i][k]).sum::<f64>();
        let mean: Vec<f64> = (0..4).map(coordinate).collect();
        let norm = dot(&mean, &mean).sqrt();
        let expected: f64 = rows.iter().zip(weights).map(|(r, w)| w * dot(r, r).sqrt()).sum();
        assert!((norm - expected).abs() < 1e-12);
        let mut gradient = [0.0; 4];
        for (row, weight) in rows.iter().zip(weights) {
            let length = dot(row, row).sqrt();
            let cosine = dot(row, &mean) / norm / length;
            let angle = libm::acos(cosine);
            for k in 0..4 {
                let tangent = row[k] / length - cosine * mean[k] / norm;
                gradient[k] += weight * angle / libm::sin(angle) * tangent;
            }
        }
        assert!(gradient.iter().all(|g| g.abs() < 1e-12), "{gradient:?}");
    }

    #[test]
    fn where_there_is_no_mean_on_the_sphere() {
        let mean = |a: &[f64], b: &[f64], weights: [f64; 2]| {
            spherical(&gram(&[a, b]), &[0; 2], &weights, 0.9995)
        };
        let refused = |a: &[f64], b: &[f64]| mean(a, b, [0.5, 0.5]).is_err();
        let opposite = mean(&[1.0, 2.0], &[-3.0, -6.0], [0.25, 0.75]);
        assert_eq!(opposite.expect_err("no mean"), "two directions are nearly opposite");
        assert!(refused(&[1.0, 0.0], &[3.0, 1e-3]));
        assert!(refused(&[1.0, 0.0], &[-2.0, 0.0]));
        assert!(refused(&[1.0, 0.0], &[0.0, 0.0]));
        assert!(refused(&[1.0, 0.0], &[f64::INFINITY, 0.0]));
        assert!(refused(&[1.0, 0.0], &[f64::NAN, 0.0]));
        assert!(!refused(&[1e-30, 0.0], &[0.0, 1e30]));
    }
}
