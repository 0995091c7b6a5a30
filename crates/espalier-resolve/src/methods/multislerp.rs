//! `multislerp`: with n = |x|, û = x / (n + ε) and M = Σ w û, the result is M / |M| · Σ w n, and
//! Σ w x where |M| is below ε. With a base, differences from it are taken.
//!
//! It is the mean in the tangent space at m = M / |M|, which is zero there: Σ w (û − ⟨û, m⟩ m) = 0.
//! In 16-bit arithmetic, where each step is rounded, it is not: what rounding leaves of it moves
//! the result, cos a · m + sin a · v / a with the mean v and a = |v|, as it does elsewhere.

use super::{
    arith::Arith,
    factors::{Factors, combine},
    formula::Formula,
    groups::{Groups, Vectors, dot, products, vector},
    job::MethodError,
    means::length,
    rows::{Piece, Rows},
};
use crate::real::Real;

#[derive(Debug)]
pub(crate) struct Multislerp {
    pub(crate) normalize: bool,
    pub(crate) eps: f64,
}

pub(crate) enum Mean {
    Combined(Factors),
    Stepwise(Steps),
}

/// What the steps of 16-bit arithmetic know about the whole tensor, rounded to it.
pub(crate) struct Steps {
    eps: f64,
    differences: bool,
    weights: Vec<f64>,
    /// |x| of each input.
    norms: Vec<f64>,
    /// |M|.
    length: f64,
    /// ⟨û, m⟩ of each input.
    along: Vec<f64>,
    /// |v|.
    tangent: f64,
}

fn round<A: Arith>(value: f64) -> f64 {
    A::round(A::T::of(value)).wide()
}

impl Formula for Multislerp {
    type Ready = Mean;

    fn prepare<A: Arith>(&self, rows: &Rows<'_, A>) -> Result<Mean, MethodError> {
        if rows.count() == 1 {
            // The input itself, whatever its weight and the base.
            return Ok(Mean::Combined(Factors { values: vec![1.0], differences: false }));
        }
        if !A::PLAIN {
            return self.stepwise(rows);
        }
        let differences = rows.job.base.is_some();
        let groups = Groups::new(Vectors::Whole, rows);
        let products = products(rows, &groups, differences)?;
        let found = products.group(0);
        let mut weights = rows.numbers("weight");
        if self.normalize {
            let sum: f64 = weights.iter().sum();
            weights.iter_mut().for_each(|weight| *weight /= sum);
        }
        let norms: Vec<f64> = (0..rows.count()).map(|input| found.norm(input)).collect();
        let units: Vec<f64> =
            weights.iter().zip(&norms).map(|(weight, norm)| weight / (norm + self.eps)).collect();
        let length = length(found, &units);
        if length < self.eps {
            return Ok(Mean::Combined(Factors { values: weights, differences }));
        }
        let norm: f64 = weights.iter().zip(&norms).map(|(weight, norm)| weight * norm).sum();
        let values = units.into_iter().map(|unit| unit / length * norm).collect();
        Ok(Mean::Combined(Factors { values, differences }))
    }

    fn merge<A: Arith>(
        &self,
        mean: &Mean,
        _: &Rows<'_, A>,
        piece: &Piece<'_, A::T>,
        out: &mut [A::T],
    ) {
        match mean {
            Mean::Combined(factors) => combine::<A>(factors, piece, out),
            Mean::Stepwise(steps) => steps.merge::<A>(piece, out),
        }
    }
}

impl Multislerp {
    fn stepwise<A: Arith>(&self, rows: &Rows<'_, A>) -> Result<Mean, MethodError> {
        let round = round::<A>;
        let differences = rows.job.base.is_some();
        let mut weights: Vec<f64> = rows.numbers("weight").into_iter().map(round).collect();
        if self.normalize {
            let sum = round(weights.iter().sum());
            weights.iter_mut().for_each(|weight| *weight = round(*weight / sum));
        }
        let groups = Groups::new(Vectors::Whole, rows);
        let products = products(rows, &groups, differences)?;
        let found = products.group(0);
        let norms = (0..rows.count()).map(|input| round(found.norm(input))).collect();
        let (eps, along) = (self.eps, vec![0.0; rows.count()]);
        let (length, tangent) = (0.0, 0.0);
        let mut steps = Steps { eps, differences, weights, norms, length, along, tangent };
        let squares = |row: &[A::T]| dot(row, row, |x, y| x.wide() * y.wide());
        let sums = rows.map(|piece| {
            let units = steps.units::<A>(&piece);
            squares(&steps.sum::<A>(&units))
        })?;
        steps.length = round(libm::sqrt(sums.into_iter().sum()));
        if steps.length < self.eps {
            return Ok(Mean::Combined(Factors { values: steps.weights, differences }));
        }
        let sums = rows.map(|piece| {
            let (units, middle) = steps.middle::<A>(&piece);
            let along = |unit: &Vec<A::T>| dot(unit, &middle, |x, y| A::round(x * y).wide());
            units.iter().map(along).collect::<Vec<f64>>()
        })?;
        for part in sums {
            steps.along.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
        }
        steps.along.iter_mut().for_each(|along| *along = round(*along));
        let sums = rows.map(|piece| {
            let (units, middle) = steps.middle::<A>(&piece);
            squares(&steps.tangent::<A>(units, &middle))
        })?;
        steps.tangent = round(libm::sqrt(sums.into_iter().sum())).max(self.eps);
        Ok(Mean::Stepwise(steps))
    }
}

impl Steps {
    /// û of each input.
    fn units<A: Arith>(&self, piece: &Piece<'_, A::T>) -> Vec<Vec<A::T>> {
        let unit = |(input, &norm): (usize, &f64)| {
            let norm = A::T::of(round::<A>(norm + self.eps));
            let mut unit = vector::<A>(piece, input, self.differences);
            unit.iter_mut().for_each(|x| *x = A::round(*x / norm));
            unit
        };
        self.norms.iter().enumerate().map(unit).collect()
    }

    /// Σ w x over vectors, one for each input.
    fn sum<A: Arith>(&self, vectors: &[Vec<A::T>]) -> Vec<A::T> {
        let mut sums = vec![A::T::ZERO; vectors.first().map_or(0, Vec::len)];
        for (vector, &weight) in vectors.iter().zip(&self.weights) {
            let weight = A::T::of(weight);
            sums.iter_mut().zip(vector).for_each(|(sum, &x)| *sum += A::round(weight * x));
        }
        sums.iter_mut().for_each(|sum| *sum = A::round(*sum));
        sums
    }

    /// û of each input, and m.
    fn middle<A: Arith>(&self, piece: &Piece<'_, A::T>) -> (Vec<Vec<A::T>>, Vec<A::T>) {
        let units = self.units::<A>(piece);
        let mut middle = self.sum::<A>(&units);
        let length = A::T::of(self.length);
        middle.iter_mut().for_each(|x| *x = A::round(*x / length));
        (units, middle)
    }

    /// v.
    fn tangent<A: Arith>(&self, mut units: Vec<Vec<A::T>>, middle: &[A::T]) -> Vec<A::T> {
        for (unit, &along) in units.iter_mut().zip(&self.along) {
            let along = A::T::of(along);
            for (x, &m) in unit.iter_mut().zip(middle) {
                *x = A::round(*x - A::round(along * m));
            }
        }
        self.sum::<A>(&units)
    }

    fn merge<A: Arith>(&self, piece: &Piece<'_, A::T>, out: &mut [A::T]) {
        let round = round::<A>;
        let (units, middle) = self.middle::<A>(piece);
        let tangent = self.tangent::<A>(units, &middle);
        let weighted = self.weights.iter().zip(&self.norms);
        let norm = round(weighted.map(|(weight, norm)| round(weight * norm)).sum());
        let (sine, cosine) = libm::sincos(self.tangent);
        let [sine, cosine] = [sine, cosine].map(|value| A::T::of(round(value)));
        let [angle, norm] = [self.tangent, norm].map(A::T::of);
        for ((value, &m), &v) in out.iter_mut().zip(&middle).zip(&tangent) {
            let moved = A::round(sine * A::round(v / angle));
            *value = A::round(A::round(A::round(cosine * m) + moved) * norm);
        }
        if self.differences {
            let all = out.iter_mut().zip(piece.base());
            all.for_each(|(value, &b)| *value = A::round(b + *value));
        }
    }
}
