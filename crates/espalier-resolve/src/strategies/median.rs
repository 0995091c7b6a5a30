//! The coordinate-wise median.
//!
//! In each coordinate the middle value, or (a + b) / 2 of the two middle ones if the number of
//! rows is even. **Weights do not change the result** (they must still be positive): an input
//! counts once or not at all; nor does `f`, except for the steps before. Tolerates arbitrary
//! values in fewer than half of the rows. Values are ordered by `total_cmp`. A single input, and
//! equal inputs, are returned as they are if no step rounds them.

use std::sync::Arc;

use crate::{
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
    name: "median",
    aliases: &["coordinate-median", "coordinatewise-median"],
    summary: "the coordinate-wise median, without weights",
    source: "Yin et al., Byzantine-robust distributed learning, ICML 2018, arXiv 1803.01498",
    parameters: &[LIARS, PRE, BUCKET, CLIP],
    needs_base: false,
    uses_randomness: true,
    uses_weights: false,
    passes: 3,
    build: |values| Arc::new(ByColumns { rule: Median, steps: Steps::new(values) }),
};

#[derive(Debug)]
struct Median;

impl ColumnRule for Median {
    const NAME: &'static str = INFO.name;

    fn merge<T: Real>(
        &self,
        rows: &Rows<'_, T>,
        ranked: &Ranked<'_, T>,
        out: &mut [T],
        more: &mut Vec<T>,
    ) {
        let count = rows.count as i32;
        let (low, high) = ((count - 1) / 2, count / 2);
        pick(ranked, low, out);
        if low < high {
            more.resize(more.len().max(out.len()), T::ZERO);
            let upper = &mut more[..out.len()];
            pick(ranked, high, upper);
            for (out, &upper) in out.iter_mut().zip(&*upper) {
                *out = (*out + upper) * T::of(0.5);
            }
        }
    }
}
