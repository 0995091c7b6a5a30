//! The coordinate-wise median.
//!
//! In each coordinate the middle value, or (a + b) / 2 of the two middle ones if the number of
//! inputs is even. **Weights do not change the result** (they must still be positive): an input
//! counts once or not at all. Tolerates arbitrary values in fewer than half of the inputs. Values
//! are ordered by `total_cmp`. A single input, and equal inputs, are returned as they are.

use std::sync::Arc;

use crate::{
    SelectionCache, StrategyInfo,
    method::{Method, Scratch, Selection, Tensor},
    ranks::{by_rank, pick},
    real::Real,
};

pub(crate) const INFO: StrategyInfo = StrategyInfo {
    name: "median",
    aliases: &["coordinate-median", "coordinatewise-median"],
    summary: "the coordinate-wise median, without weights",
    source: "Yin et al., Byzantine-robust distributed learning, ICML 2018, arXiv 1803.01498",
    parameters: &[],
    needs_base: false,
    uses_randomness: false,
    uses_weights: false,
    passes: 1,
    build: |_| Arc::new(Median),
};

#[derive(Debug)]
struct Median;

impl Method for Median {
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
        let count = tensor.count() as i32;
        let (low, high) = ((count - 1) / 2, count / 2);
        let mut upper = core::mem::take(&mut scratch.more);
        by_rank(tensor, start, out, scratch, |ranked, out| {
            pick(ranked, low, out);
            if low < high {
                upper.resize(upper.len().max(out.len()), T::ZERO);
                let upper = &mut upper[..out.len()];
                pick(ranked, high, upper);
                for (out, &upper) in out.iter_mut().zip(&*upper) {
                    *out = (*out + upper) * T::of(0.5);
                }
            }
        });
        scratch.more = upper;
    }
}
