//! `sce`: select, calculate, erase (Wan et al., FuseChat, arXiv 2408.07990, section 3.3).
//!
//! With differences d = x − b:
//!
//! 1. **Select** the ⌊k m⌋ elements whose variance over the inputs is largest (of equal ones those
//!    of lower index), of the m whose variance is not zero; all others are zero in every d. With k
//!    = 1 all are selected.
//! 2. **Calculate** the weights of the inputs: their mean d² over the tensor, divided by the sum;
//!    equal weights if the sum is below 10⁻⁶, as model mergers have it.
//! 3. **Erase** what disagrees with the sign of Σ d, zero being +: b + Σ w d / Σ w over the inputs
//!    that agree; a sum of weights below 10⁻⁶ counts as 1.

use super::{
    arith::Arith,
    formula::Formula,
    groups::vector,
    job::MethodError,
    rows::{Piece, Rows},
    thresholds::{Wanted, thresholds_of},
};
use crate::{real::Real, threshold::Threshold};

/// A smaller sum of weights divides nothing.
const LEAST: f64 = 1e-6;

#[derive(Debug)]
pub(crate) struct Sce {
    pub(crate) share: f64,
}

pub(crate) struct Ready {
    selected: Threshold,
    weights: Vec<f64>,
}

impl Formula for Sce {
    type Ready = Ready;

    fn prepare<A: Arith>(&self, rows: &Rows<'_, A>) -> Result<Ready, MethodError> {
        let n = rows.elements;
        let keep = if self.share >= 1.0 {
            n
        } else {
            let differ = rows.map(|piece| {
                variances::<A>(&piece).iter().filter(|variance| **variance > A::T::ZERO).count()
            })?;
            (self.share * differ.iter().sum::<usize>() as f64) as usize
        };
        let wanted = [Wanted { input: 0, keep }];
        let selected = thresholds_of(rows, &wanted, &|piece, _| variances::<A>(piece))?[0];
        let sums = rows.map(|piece| {
            let kept = kept::<A>(&piece, &selected);
            let of = |input: usize| {
                let differences = vector::<A>(&piece, input, true);
                let all = || differences.iter().zip(&kept).filter(|(_, kept)| **kept);
                let rounded = all().map(|(&d, _)| A::round(d * d).wide()).sum::<f64>();
                [rounded, all().map(|(d, _)| d.wide() * d.wide()).sum()]
            };
            (0..rows.count()).map(of).collect::<Vec<[f64; 2]>>()
        })?;
        let mut energies = vec![[0.0; 2]; rows.count()];
        for part in sums {
            let pairs = energies.iter_mut().zip(part);
            pairs.for_each(|(sum, [a, b])| *sum = [sum[0] + a / n as f64, sum[1] + b / n as f64]);
        }
        let round = |value: f64| A::round(A::T::of(value)).wide();
        let sum = round(energies.iter().map(|energy| round(energy[0])).sum());
        let weights = if sum < LEAST {
            vec![1.0 / energies.len() as f64; energies.len()]
        } else if sum.is_finite() {
            energies.iter().map(|energy| round(round(energy[0]) / sum)).collect()
        } else {
            // Out of the range of the arithmetic.
            let sum: f64 = energies.iter().map(|energy| energy[1]).sum();
            energies.iter().map(|energy| round(energy[1] / sum)).collect()
        };
        Ok(Ready { selected, weights })
    }

    fn merge<A: Arith>(
        &self,
        ready: &Ready,
        rows: &Rows<'_, A>,
        piece: &Piece<'_, A::T>,
        out: &mut [A::T],
    ) {
        let zero = A::T::ZERO;
        let kept = kept::<A>(piece, &ready.selected);
        let weights: Vec<A::T> = ready.weights.iter().map(|&weight| A::T::of(weight)).collect();
        let differences: Vec<Vec<A::T>> =
            (0..rows.count()).map(|input| vector::<A>(piece, input, true)).collect();
        for (place, (value, &b)) in out.iter_mut().zip(piece.base()).enumerate() {
            if !kept[place] {
                *value = b;
                continue;
            }
            let all = || differences.iter().map(|d| d[place]);
            let sum = A::round(all().fold(zero, |sum, d| sum + d));
            if is_nan(sum) {
                *value = sum;
                continue;
            }
            let agrees = |d: A::T| if sum < zero { d < zero } else { d > zero };
            let (mut total, mut weight) = (zero, zero);
            for (d, &w) in all().zip(&weights).filter(|(d, _)| agrees(*d)) {
                total += A::round(w * d);
                weight += w;
            }
            let (total, weight) = (A::round(total), A::round(weight));
            let below = weight < A::T::of(LEAST);
            *value = b + if below { total } else { A::round(total / weight) };
        }
    }
}

/// What is not a number is never dropped, so that the merge refuses it.
fn is_nan<T: Real>(value: T) -> bool {
    value.magnitude() >= T::NAN_MAGNITUDE
}

/// Which elements of a piece are selected.
fn kept<A: Arith>(piece: &Piece<'_, A::T>, selected: &Threshold) -> Vec<bool> {
    if *selected == Threshold::ALL {
        return vec![true; piece.len];
    }
    let (split, [first, then]) = selected.split::<A::T>(piece.start, piece.len);
    let limit = |place: usize| if place < split { first } else { then };
    let kept = |(place, v): (usize, &A::T)| *v >= limit(place) || is_nan(*v);
    variances::<A>(piece).iter().enumerate().map(kept).collect()
}

/// The variance of each element of a piece over the inputs, divided by their number.
fn variances<A: Arith>(piece: &Piece<'_, A::T>) -> Vec<A::T> {
    let inputs: Vec<Vec<A::T>> =
        (0..piece.inputs()).map(|input| vector::<A>(piece, input, true)).collect();
    let count = inputs.len() as f64;
    let variance = |place: usize| {
        let values = || inputs.iter().map(|row| row[place].wide());
        let mean = values().sum::<f64>() / count;
        let squares = values().map(|value| (value - mean) * (value - mean)).sum::<f64>();
        A::round(A::T::of(squares / count))
    };
    (0..piece.len).map(variance).collect()
}
