//! Keeps the largest differences (`ties`), or all but the largest and the smallest
//! (`breadcrumbs`).
//!
//! Of n elements `ties` keeps the ⌊ρ n⌋ of largest magnitude, of equal magnitudes those of lower
//! index; if that is none and ρ is above zero, the largest one; and all with ρ ≥ 1.

use espalier_tensor::widest;

use super::{
    arith::Arith,
    deltas::{Sparsify, or_zero},
    job::MethodError,
    rows::Rows,
    thresholds::{Wanted, thresholds},
};
use crate::{real::Real, threshold::Threshold};

#[derive(Debug)]
pub(crate) struct Largest;

impl Sparsify for Largest {
    /// One for each input.
    type Ready = Vec<Threshold>;

    fn prepare<A: Arith>(&self, rows: &Rows<'_, A>) -> Result<Vec<Threshold>, MethodError> {
        let n = rows.elements;
        let wanted = |(input, density): (usize, f64)| {
            let least = usize::from(density > 0.0);
            Wanted { input, keep: ((density * n as f64) as usize).clamp(least, n.max(least)) }
        };
        let wanted: Vec<Wanted> =
            rows.numbers("density").into_iter().enumerate().map(wanted).collect();
        thresholds(rows, &wanted)
    }

    fn keep<A: Arith>(
        &self,
        ready: &Vec<Threshold>,
        input: usize,
        start: usize,
        differences: &mut [A::T],
    ) {
        let (split, [first, then]) = ready[input].split::<A::T>(start, differences.len());
        let (before, after) = differences.split_at_mut(split);
        drop_below(before, first);
        drop_below(after, then);
    }
}

widest! {
    /// Sets to zero what is smaller than `limit`.
    fn drop_below[T: Real][T](values: &mut [T], limit: T) {
        for value in values {
            *value = or_zero(value.abs() >= limit, *value);
        }
    }
}

#[derive(Debug)]
pub(crate) struct Middle;

impl Sparsify for Middle {
    /// For each input the thresholds of what is dropped as too large, and of that with what is
    /// kept.
    type Ready = Vec<[Threshold; 2]>;

    fn prepare<A: Arith>(&self, rows: &Rows<'_, A>) -> Result<Self::Ready, MethodError> {
        let n = rows.elements;
        let parts = rows.numbers("density").into_iter().zip(rows.numbers("gamma")).enumerate();
        let wanted = parts.flat_map(|(input, (density, gamma))| {
            let kept = ((density * n as f64) as usize).min(n);
            let dropped = ((gamma * n as f64) as usize).min(n - kept);
            [Wanted { input, keep: dropped }, Wanted { input, keep: dropped + kept }]
        });
        let found = thresholds(rows, &wanted.collect::<Vec<_>>())?;
        Ok(found.as_chunks().0.to_vec())
    }

    fn keep<A: Arith>(
        &self,
        ready: &Self::Ready,
        input: usize,
        start: usize,
        differences: &mut [A::T],
    ) {
        let [dropped, kept] = &ready[input];
        let n = differences.len();
        let (a, [first, then]) = dropped.split::<A::T>(start, n);
        let (b, [low, lower]) = kept.split::<A::T>(start, n);
        for (place, value) in differences.iter_mut().enumerate() {
            let above = value.abs() >= if place < a { first } else { then };
            let enough = value.abs() >= if place < b { low } else { lower };
            *value = or_zero(enough & !above, *value);
        }
    }
}
