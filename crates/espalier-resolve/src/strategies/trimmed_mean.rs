//! The coordinate-wise trimmed mean.
//!
//! In each coordinate the f smallest and the f largest of the values are left out, and the others
//! are averaged: Σ w x / Σ w over what remains, a left fold in canonical order; without weights if
//! `weighted = false`. Values are ordered by `total_cmp`, equal values by canonical order.
//! Tolerates arbitrary values in f rows.
//!
//! A row that a step made of several inputs weighs as much as these on average. `f = 0.5` is a
//! median that averages the middle one or two values by their weights.

use std::sync::Arc;

use espalier_tensor::widest;

use crate::{
    parameters::{ParameterInfo, ParameterRange},
    policies::{
        StrategyInfo,
        ranks::{Ranked, pick},
    },
    real::Real,
    robust::{
        BUCKET, CLIP, LIARS, PRE, Steps,
        columns::{ByColumns, ColumnRule, Rows},
    },
};

pub(crate) static INFO: StrategyInfo = StrategyInfo {
    name: "trimmed-mean",
    aliases: &["trmean", "coordinate-trimmed-mean"],
    summary: "the coordinate-wise mean without the f smallest and f largest values",
    source: "Yin et al., Byzantine-robust distributed learning, ICML 2018, arXiv 1803.01498",
    parameters: &[
        ParameterInfo {
            name: "weighted",
            default: "true",
            range: ParameterRange::FLAG,
            help: "average what remains by weight rather than equally",
        },
        LIARS,
        PRE,
        BUCKET,
        CLIP,
    ],
    needs_base: false,
    uses_randomness: true,
    uses_weights: true,
    passes: 3,
    build: |values| {
        let rule = TrimmedMean { weighted: values.flag("weighted") };
        Arc::new(ByColumns { rule, steps: Steps::new(values) })
    },
};

#[derive(Debug)]
struct TrimmedMean {
    weighted: bool,
}

impl ColumnRule for TrimmedMean {
    const NAME: &'static str = INFO.name;

    fn merge<T: Real>(
        &self,
        rows: &Rows<'_, T>,
        ranked: &Ranked<'_, T>,
        out: &mut [T],
        totals: &mut Vec<T>,
    ) {
        let (first, last) = (rows.liars as i32, (rows.count - 1 - rows.liars) as i32);
        if first == last {
            // One value is left: it is returned without being rounded by its weight.
            return pick(ranked, first, out);
        }
        // Minus zero is what leaves every other number, zero included, as it is.
        out.fill(-T::ZERO);
        totals.clear();
        totals.resize(out.len(), T::ZERO);
        for ((values, ranks), &weight) in ranked.rows().zip(rows.weights) {
            let weight = if self.weighted { weight } else { T::ONE };
            add_kept(values, ranks, weight, (first, last), out, totals);
        }
        for (sum, &total) in out.iter_mut().zip(&*totals) {
            *sum = *sum / total;
        }
    }
}

widest! {
    /// Adds w x and w where the rank lies between the bounds.
    fn add_kept[T: Real][T](
        values: &[T],
        ranks: &[i32],
        weight: T,
        bounds: (i32, i32),
        sums: &mut [T],
        totals: &mut [T],
    ) {
        let n = sums.len();
        let (values, ranks, totals) = (&values[..n], &ranks[..n], &mut totals[..n]);
        for j in 0..n {
            let kept = (ranks[j] >= bounds.0) & (ranks[j] <= bounds.1);
            sums[j] += T::select(kept, weight * values[j], -T::ZERO);
            totals[j] += T::select(kept, weight, T::ZERO);
        }
    }
}
