//! `arcee-fusion`: elements that matter are taken from the input, the others from the base, as the
//! common merging tool has it.
//!
//! An element's importance is |x − b| · Σ p ln (p / q), where p and q are the softmax of its row
//! in the input and in the base; a row is along the last dimension, and a vector is one row. Of
//! all importances in ascending order s₀ … s₍ₙ₋₁₎ the element at ⌊f (n − 1)⌋ is the quantile of f,
//! without interpolation. Where the importance is at least s(½) + 1.5 (s(¾) − s(¼)), the result is
//! b + r(x − b), r rounding to the arithmetic; elsewhere it is b.
//!
//! The sum over a row is computed in f64 and is never below zero. Importances and the limit are
//! rounded to f32, or to f64 in that arithmetic.

use super::{
    arith::Arith,
    formula::Formula,
    info::{Base, MethodInfo, method},
    job::MethodError,
    rows::{Piece, Rows},
    thresholds::{Wanted, ranked},
};
use crate::real::Real;

pub(crate) static INFO: MethodInfo = method(
    ("arcee-fusion", &["arcee_fusion"]),
    "take elements that matter from the input: far from the base, in rows that differ",
    "",
    (&[], &[]),
    Base::Required,
    (1, 1),
    |_| Box::new(Fusion),
);

#[derive(Debug)]
pub(crate) struct Fusion;

pub(crate) struct Ready {
    /// Σ p ln (p / q) of each row.
    divergences: Vec<f64>,
    /// The importance from which on elements are taken.
    limit: f64,
}

impl Formula for Fusion {
    type Ready = Ready;

    fn run_length<A: Arith>(&self, rows: &Rows<'_, A>) -> usize {
        rows.row_length()
    }

    fn prepare<A: Arith>(&self, rows: &Rows<'_, A>) -> Result<Ready, MethodError> {
        let length = rows.row_length().max(1);
        let parts = rows.map(|piece| {
            let pairs = piece.row(0).chunks(length).zip(piece.base().chunks(length));
            pairs.map(|(x, b)| divergence(x, b)).collect::<Vec<f64>>()
        })?;
        let divergences = parts.concat();
        let n = rows.elements;
        if n == 0 {
            return Ok(Ready { divergences, limit: 0.0 });
        }
        let at = |share: f64| Wanted { input: 0, keep: n - (share * (n - 1) as f64) as usize };
        let found = ranked(rows, &[at(0.25), at(0.5), at(0.75)], &|piece, _| {
            importances::<A>(piece, length, &divergences)
        })?;
        let [quarter, half, most] = [0, 1, 2].map(|place| found[place].value::<A::T>());
        let limit = (half + A::T::of(1.5) * (most - quarter)).wide();
        Ok(Ready { divergences, limit })
    }

    fn merge<A: Arith>(
        &self,
        ready: &Ready,
        rows: &Rows<'_, A>,
        piece: &Piece<'_, A::T>,
        out: &mut [A::T],
    ) {
        let limit = A::T::of(ready.limit);
        let importances = importances::<A>(piece, rows.row_length().max(1), &ready.divergences);
        let pairs = piece.row(0).iter().zip(piece.base());
        for ((value, importance), (&x, &b)) in out.iter_mut().zip(importances).zip(pairs) {
            // What is not a number is taken, so that it is refused.
            let left = importance < limit;
            *value = if left { b } else { b + A::round(x - b) };
        }
    }
}

/// Importances of a piece, which begins with a row.
fn importances<A: Arith>(piece: &Piece<'_, A::T>, length: usize, divergences: &[f64]) -> Vec<A::T> {
    let pairs = piece.row(0).iter().zip(piece.base()).enumerate();
    let importance = |(place, (&x, &b)): (usize, (&A::T, &A::T))| {
        let distance = A::round(x - b).abs().wide();
        A::T::of(distance * divergences[(piece.start + place) / length])
    };
    pairs.map(importance).collect()
}

/// Σ p ln (p / q) with p and q the softmax of two rows.
fn divergence<T: Real>(x: &[T], b: &[T]) -> f64 {
    // ln Σ exp: what each logarithm of a softmax is below the value.
    let below = |row: &[T]| {
        let values = || row.iter().map(|value| value.wide());
        let most = values().fold(f64::NEG_INFINITY, f64::max);
        most + libm::log(values().map(|value| libm::exp(value - most)).sum())
    };
    let (of_x, of_b) = (below(x), below(b));
    let term = |(x, b): (&T, &T)| {
        let (p, q) = (x.wide() - of_x, b.wide() - of_b);
        libm::exp(p) * (p - q)
    };
    let sum: f64 = x.iter().zip(b).map(term).sum();
    if sum < 0.0 { 0.0 } else { sum }
}
