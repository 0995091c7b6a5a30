//! `model-stock`: t · mean of x + (1 − t) · b with t = K c / (1 + (K − 1) c), where c is the mean
//! cosine of all pairs of differences from the base (Jang et al. 2024, equation 3 and section 4).
//!
//! A cosine is divided by at least 10⁻⁶, so a difference of zero has none. Where 1 + (K − 1) c is
//! zero the result is the base. One input alone has t = 1. With `filter_wise` each row is a vector
//! with a t of its own.

use super::{
    arith::Arith,
    formula::Formula,
    groups::{Gram, Groups, Vectors, products_of, vector},
    job::MethodError,
    rows::{Piece, Rows},
};
use crate::real::Real;

#[derive(Debug)]
pub(crate) struct ModelStock {
    pub(crate) vectors: Vectors,
}

/// The share of the mean, for each vector.
pub(crate) struct Shares {
    groups: Groups,
    shares: Vec<f64>,
}

impl Formula for ModelStock {
    type Ready = Shares;

    fn run_length<A: Arith>(&self, rows: &Rows<'_, A>) -> usize {
        Groups::new(self.vectors, rows).run_length()
    }

    fn prepare<A: Arith>(&self, rows: &Rows<'_, A>) -> Result<Shares, MethodError> {
        let groups = Groups::new(self.vectors, rows);
        let differences = |piece: &Piece<'_, A::T>| -> Vec<Vec<A::T>> {
            (0..rows.count()).map(|input| vector::<A>(piece, input, true)).collect()
        };
        let products = products_of(rows, &groups, differences, true)?;
        let shares = products.groups().map(share::<A>).collect();
        Ok(Shares { groups, shares })
    }

    fn merge<A: Arith>(
        &self,
        ready: &Shares,
        rows: &Rows<'_, A>,
        piece: &Piece<'_, A::T>,
        out: &mut [A::T],
    ) {
        let one = A::T::ONE;
        for input in 0..rows.count() {
            for (sum, &x) in out.iter_mut().zip(piece.row(input)) {
                *sum = A::round(*sum + x);
            }
        }
        let count = A::T::of(rows.count() as f64);
        for (place, (value, &b)) in out.iter_mut().zip(piece.base()).enumerate() {
            let share = A::T::of(ready.shares[ready.groups.of(piece.start + place)]);
            let mean = A::round(share * A::round(*value / count));
            *value = mean + A::round(A::round(one - share) * b);
        }
    }
}

fn share<A: Arith>(found: Gram<'_>) -> f64 {
    const LEAST: f64 = 1e-6;
    let round = |value: f64| A::round(A::T::of(value)).wide();
    let k = found.count();
    if k < 2 {
        // An input is at one with itself.
        return 1.0;
    }
    let pairs = (0..k).flat_map(|a| (a + 1..k).map(move |b| (a, b)));
    let norm = |input: usize| round(found.norm(input));
    let cosine = |(a, b): (usize, usize)| {
        let product = round(found.of(a, b));
        round(product / round(norm(a) * norm(b)).max(LEAST)).clamp(-1.0, 1.0)
    };
    let number = (k * (k - 1) / 2) as f64;
    let mean = round(pairs.map(cosine).sum::<f64>() / number);
    let k = k as f64;
    let below = round(1.0 + round((k - 1.0) * mean));
    if below == 0.0 { 0.0 } else { round(round(k * mean) / below) }
}
