//! The weighted mean of all inputs: Σ w x / Σ w.
//!
//! The sum is a left fold in canonical order and is divided once. Equal weights count as 1, so
//! a single input is returned as it is, and so is a tensor that all inputs hold alike.

use std::sync::Arc;

use crate::{
    policies::{
        SelectionCache, StrategyInfo,
        by_tensor::{ByTensor, Selection},
        linear,
        tensor::{Scratch, Tensor},
    },
    real::Real,
};

pub(crate) static INFO: StrategyInfo = StrategyInfo {
    name: "weight-average",
    aliases: &["linear"],
    summary: "the weighted mean: Σ w x / Σ w",
    source: "Wortsman et al., Model soups, ICML 2022, arXiv 2203.05482",
    parameters: &[],
    needs_base: false,
    uses_randomness: false,
    uses_weights: true,
    passes: 1,
    build: |_| Arc::new(WeightAverage),
};

#[derive(Debug)]
struct WeightAverage;

impl ByTensor for WeightAverage {
    type Selected = ();

    fn select<T: Real>(&self, _: &Tensor<'_>, _: &SelectionCache) -> Selection<Self> {
        Selection((), None)
    }

    fn keeps_equals(&self) -> bool {
        true
    }

    fn merge<T: Real>(
        &self,
        tensor: &Tensor<'_>,
        (): &(),
        start: usize,
        out: &mut [T],
        scratch: &mut Scratch<T>,
    ) {
        tensor.relative(&mut scratch.weights);
        linear::combine(tensor, &scratch.weights, None, start, out, &mut scratch.rows);
        linear::divide(out, &scratch.weights);
    }

    fn coefficients(&self, weights: &[f64]) -> Option<(Vec<f64>, f64)> {
        let sum: f64 = weights.iter().sum();
        Some((weights.iter().map(|weight| weight / sum).collect(), 0.0))
    }
}
