//! Spherical interpolation of two inputs.
//!
//! `slerp`: with û = x / |x| (a vector shorter than 10⁻⁸ stays as it is) and cos θ = ⟨û₀, û₁⟩, the
//! result is sin((1 − t) θ) / sin θ · x₀ + sin(t θ) / sin θ · x₁, and (1 − t) x₀ + t x₁ where
//! |cos θ| > 0.9995. A vector of zeros is at a right angle to all others. The tensor is one
//! vector.
//!
//! `nuslerp`: t = w₁ / (w₀ + w₁), and ½ where the weights cancel out; linear only where
//! sin θ < 10⁻⁷. Differences from the base are interpolated if there is one. In 16-bit arithmetic
//! each step is rounded.

use super::{
    arith::Arith,
    factors::{Factoring, Factors},
    formula::Formula,
    groups::{Gram, Groups, Vectors, products, products_of, vector},
    job::MethodError,
    rows::{Piece, Rows},
};
use crate::real::Real;

#[derive(Debug)]
pub(crate) struct Slerp {
    pub(crate) t: f64,
}

/// Beyond this cosine, two directions are taken as parallel.
const PARALLEL: f64 = 0.9995;

impl Factoring for Slerp {
    fn factors<A: Arith>(&self, rows: &Rows<'_, A>) -> Result<Factors, MethodError> {
        const ZERO: f64 = 1e-8;
        let both = |factors: [f64; 2]| Factors { values: factors.into(), differences: false };
        let t = self.t;
        let groups = Groups::new(Vectors::Whole, rows);
        let products = products(rows, &groups, false)?;
        let found = products.group(0);
        let unit = |input: usize| {
            let norm = found.norm(input);
            if norm > ZERO { norm } else { 1.0 }
        };
        let cosine = found.of(0, 1) / unit(0) / unit(1);
        if cosine.abs() > PARALLEL || cosine.is_nan() {
            return Ok(both([1.0 - t, t]));
        }
        let angle = libm::acos(cosine);
        let sine = libm::sin(angle);
        Ok(both([libm::sin((1.0 - t) * angle) / sine, libm::sin(t * angle) / sine]))
    }
}

#[derive(Debug)]
pub(crate) struct Nuslerp {
    pub(crate) vectors: Vectors,
}

/// y = (a x₀ + b x₁) / c.
pub(crate) struct Mix {
    groups: Groups,
    factors: Vec<[f64; 3]>,
    differences: bool,
}

impl Formula for Nuslerp {
    type Ready = Mix;

    fn run_length<A: Arith>(&self, rows: &Rows<'_, A>) -> usize {
        Groups::new(self.vectors, rows).run_length()
    }

    fn prepare<A: Arith>(&self, rows: &Rows<'_, A>) -> Result<Mix, MethodError> {
        const ZERO: f64 = 1e-7;
        let differences = rows.job.base.is_some();
        let groups = Groups::new(self.vectors, rows);
        let weights = rows.numbers("weight");
        let sum = weights[0] + weights[1];
        let t = if sum.abs() < 1e-6 { 0.5 } else { weights[1] / sum };
        let round = |value: f64| A::round(A::T::of(value)).wide();
        let found = products(rows, &groups, differences)?;
        let norm = |found: Gram<'_>, input: usize| round(found.norm(input)).max(ZERO);
        let units = if A::PLAIN {
            None
        } else {
            let norms = |input| found.groups().map(move |group| A::T::of(norm(group, input)));
            let norms: [Vec<A::T>; 2] = [0, 1].map(|input| norms(input).collect());
            let unit = |piece: &Piece<'_, A::T>, input: usize| {
                let mut unit = vector::<A>(piece, input, differences);
                for (place, x) in unit.iter_mut().enumerate() {
                    *x = A::round(*x / norms[input][groups.of(piece.start + place)]);
                }
                unit
            };
            let both = |piece: &Piece<'_, A::T>| vec![unit(piece, 0), unit(piece, 1)];
            Some(products_of(rows, &groups, both, true)?)
        };
        let factors = |(group, found): (usize, Gram<'_>)| {
            let cosine = match &units {
                Some(units) => units.group(group).of(0, 1),
                None => found.of(0, 1) / norm(found, 0) / norm(found, 1),
            };
            let cosine = cosine.clamp(-1.0, 1.0);
            let angle = round(libm::acos(round(cosine)));
            let sine = round(libm::sin(angle));
            if sine < ZERO || sine.is_nan() {
                return [1.0 - t, t, 1.0];
            }
            let side = |share: f64| round(libm::sin(round(share * angle)));
            [side(1.0 - t), side(t), sine]
        };
        let factors = found.groups().enumerate().map(factors).collect();
        Ok(Mix { groups, factors, differences })
    }

    fn merge<A: Arith>(
        &self,
        mix: &Mix,
        _: &Rows<'_, A>,
        piece: &Piece<'_, A::T>,
        out: &mut [A::T],
    ) {
        let [x, y] = [0, 1].map(|input| vector::<A>(piece, input, mix.differences));
        for (place, value) in out.iter_mut().enumerate() {
            let [a, b, c] = mix.factors[mix.groups.of(piece.start + place)].map(A::T::of);
            let sum = A::round(A::round(a * x[place]) + A::round(b * y[place]));
            *value = A::round(sum / c);
            if mix.differences {
                *value = A::round(piece.base()[place] + *value);
            }
        }
    }
}
