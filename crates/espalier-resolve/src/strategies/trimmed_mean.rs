//! The coordinate-wise trimmed mean.
//!
//! In each coordinate the ⌊β n⌋ smallest and the ⌊β n⌋ largest of the n values are left out (at
//! most ⌊(n − 1) / 2⌋ at each end, so at least one remains), and the others are averaged:
//! Σ w x / Σ w over what remains, a left fold in canonical order; without weights if
//! `weighted = false`. Values are ordered by `total_cmp`, equal values by canonical order.
//! Tolerates arbitrary values in up to ⌊β n⌋ inputs.
//!
//! ⌊β n⌋ is the product in f64, truncated. β = 0.5 is a median that averages the middle one or
//! two values by their weights.

use std::sync::Arc;

use crate::{
    ParameterInfo, ParameterRange, SelectionCache, StrategyInfo,
    method::{Method, Scratch, Selection, Tensor},
    ranks::{by_rank, pick},
    real::Real,
};

pub(crate) const INFO: StrategyInfo = StrategyInfo {
    name: "trimmed-mean",
    aliases: &["trmean", "coordinate-trimmed-mean"],
    summary: "the coordinate-wise mean without the smallest and largest values",
    source: "Yin et al., Byzantine-robust distributed learning, ICML 2018, arXiv 1803.01498",
    parameters: &[
        ParameterInfo {
            name: "fraction",
            default: "0.1",
            range: ParameterRange::Number { min: 0.0, above: false, max: 0.5 },
            help: "β: the share of values that is left out at each end",
        },
        ParameterInfo {
            name: "weighted",
            default: "true",
            range: ParameterRange::FLAG,
            help: "average what remains by weight rather than equally",
        },
    ],
    needs_base: false,
    uses_randomness: false,
    uses_weights: true,
    passes: 1,
    build: |values| {
        let (fraction, weighted) = (values.number("fraction"), values.flag("weighted"));
        Arc::new(TrimmedMean { fraction, weighted })
    },
};

#[derive(Debug)]
struct TrimmedMean {
    fraction: f64,
    weighted: bool,
}

impl Method for TrimmedMean {
    type Selected = ();

    fn select<T: Real>(&self, _: &Tensor<'_>, _: &SelectionCache) -> Selection<Self> {
        Selection((), None)
    }

    fn merge<T: Real>(
        &self,
        tensor: &Tensor<'_>,
        (): &(),
        start: usize,
        out: &mut [T],
        scratch: &mut Scratch<T>,
    ) {
        let count = tensor.count();
        let cut = ((self.fraction * count as f64) as usize).min((count - 1) / 2);
        let (first, last) = (cut as i32, (count - 1 - cut) as i32);
        let mut weights = core::mem::take(&mut scratch.weights);
        if self.weighted {
            tensor.relative(&mut weights);
        } else {
            weights.clear();
            weights.resize(count, T::ONE);
        }
        let mut totals = core::mem::take(&mut scratch.more);
        by_rank(tensor, start, out, scratch, |ranked, out| {
            if first == last {
                // One value is left: it is returned without being rounded by its weight.
                return pick(ranked, first, out);
            }
            // Minus zero is what leaves every other number, zero included, as it is.
            out.fill(-T::ZERO);
            totals.clear();
            totals.resize(out.len(), T::ZERO);
            for ((values, ranks), &weight) in ranked.rows().zip(&weights) {
                add_kept(values, ranks, weight, (first, last), out, &mut totals);
            }
            for (sum, &total) in out.iter_mut().zip(&totals) {
                *sum = *sum / total;
            }
        });
        (scratch.weights, scratch.more) = (weights, totals);
    }
}

/// Adds w x and w where the rank lies between the bounds. Not inlined, because only an argument
/// is known to be the one way to its memory.
#[inline(never)]
fn add_kept<T: Real>(
    values: &[T],
    ranks: &[i32],
    weight: T,
    (first, last): (i32, i32),
    sums: &mut [T],
    totals: &mut [T],
) {
    let n = sums.len();
    let (values, ranks, totals) = (&values[..n], &ranks[..n], &mut totals[..n]);
    for j in 0..n {
        let kept = (ranks[j] >= first) & (ranks[j] <= last);
        sums[j] += T::select(kept, weight * values[j], -T::ZERO);
        totals[j] += T::select(kept, weight, T::ZERO);
    }
}
