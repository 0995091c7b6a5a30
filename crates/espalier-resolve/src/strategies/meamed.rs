//! The mean around the median, coordinate by coordinate.
//!
//! In each coordinate the n − f values nearest to the median are averaged; the median of an even
//! number of values is the mean of the middle two. Of two values equally near on either side the
//! lower one stays. The sum goes in the order of the values. **Weights do not change the
//! result.** Values are ordered by `total_cmp`.

use std::sync::Arc;

use crate::{
    policies::{StrategyInfo, ranks::Ranked},
    real::Real,
    robust::{
        BUCKET, CLIP, LIARS, PRE, Steps,
        columns::{ByColumns, ColumnRule, Rows},
    },
};

pub(crate) static INFO: StrategyInfo = StrategyInfo {
    name: "meamed",
    aliases: &["mean-around-median"],
    summary: "the coordinate-wise mean of the n − f values nearest to the median, without weights",
    source: "Xie, Koyejo, Gupta, Generalized Byzantine-tolerant SGD, arXiv 1802.10116",
    parameters: &[LIARS, PRE, BUCKET, CLIP],
    needs_base: false,
    uses_randomness: true,
    uses_weights: false,
    passes: 3,
    build: |values| Arc::new(ByColumns { rule: Meamed, steps: Steps::new(values) }),
};

#[derive(Debug)]
struct Meamed;

impl ColumnRule for Meamed {
    const NAME: &'static str = INFO.name;

    fn merge<T: Real>(
        &self,
        rows: &Rows<'_, T>,
        ranked: &Ranked<'_, T>,
        out: &mut [T],
        more: &mut Vec<T>,
    ) {
        let (count, width) = (rows.count, out.len());
        more.resize(more.len().max(count * width), T::ZERO);
        let sorted = &mut more[..count * width];
        for (values, ranks) in ranked.rows() {
            for (j, (&value, &rank)) in values.iter().zip(ranks).enumerate() {
                sorted[j * count + rank as usize] = value;
            }
        }
        let kept = T::of((count - rows.liars) as f64);
        for (out, column) in out.iter_mut().zip(sorted.chunks_exact(count)) {
            let near = around(column, rows.liars);
            // Minus zero is what leaves every other number, zero included, as it is.
            *out = near.iter().fold(-T::ZERO, |sum, &value| sum + value) / kept;
        }
    }
}

/// All but `liars` of some sorted values: those nearest to their median, which are neighbours.
fn around<T: Real>(sorted: &[T], liars: usize) -> &[T] {
    let n = sorted.len();
    // Twice the median. m − a ≤ b − m is asked as 2 m ≤ a + b: so values that are equal to the
    // middle ones are exactly as far as these, whatever is rounded.
    let middle = [sorted[(n - 1) / 2], sorted[n / 2]];
    let (mut first, mut end) = (0, n);
    for _ in 0..liars {
        // What cannot be compared goes from above.
        if less([sorted[first], sorted[end - 1]], middle) {
            first += 1;
        } else {
            end -= 1;
        }
    }
    &sorted[first..end]
}

/// Whether one sum is less than the other, also where they overflow.
fn less<T: Real>(a: [T; 2], b: [T; 2]) -> bool {
    let [left, right] = [a, b].map(|[x, y]| x + y);
    if left.is_finite() && right.is_finite() {
        return left < right;
    }
    let half = |[x, y]: [T; 2]| x * T::of(0.5) + y * T::of(0.5);
    half(a) < half(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_to_the_median() {
        assert_eq!(around(&[0.0, 2.0, 3.0, 9.0, 10.0], 2), [0.0, 2.0, 3.0]);
        assert_eq!(around(&[-9.0, 2.0, 3.0, 4.0, 10.0], 2), [2.0, 3.0, 4.0]);
        assert_eq!(around(&[1.0, 2.0, 3.0], 1), [1.0, 2.0], "of equals the lower one");
        assert_eq!(around(&[1.0, 1.0, 4.0, 4.0], 1), [1.0, 1.0, 4.0]);
        assert_eq!(around(&[f64::NEG_INFINITY, 1.0, 4.0, 5.0], 1), [1.0, 4.0, 5.0]);
        assert_eq!(around(&[0.0, 1.0, 4.0, f64::NAN], 1), [0.0, 1.0, 4.0]);
        assert_eq!(around(&[7.0], 0), [7.0]);
        let (high, low) = (f32::MAX, f32::MIN);
        assert_eq!(around(&[-5.0, high, high, high], 1), [high; 3]);
        assert_eq!(around(&[low, low, low, 5.0], 1), [low; 3]);
        assert_eq!(around(&[low, 0.0, high, high], 1), [0.0, high, high]);
    }
}
