//! Task arithmetic: b + λ Σ w (x − b) / Σ w, or b + λ Σ w (x − b) with `normalize = false`.
//!
//! The paper does not divide: two contributions of weight 1 add both their differences. The
//! default divides, since a federation has as many parties as it has: the sum of a hundred similar
//! differences is a hundred times too far from the base.

use std::sync::Arc;

use super::{LAMBDA, NORMALIZE, delta_coefficients};
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
    name: "task-arithmetic",
    aliases: &["task_arithmetic"],
    summary: "the mean of weighted differences from the base, or their sum: b + λ Σ w (x − b)",
    source: "Ilharco et al., Editing models with task arithmetic, ICLR 2023, arXiv 2212.04089",
    parameters: &[LAMBDA, NORMALIZE],
    needs_base: true,
    uses_randomness: false,
    uses_weights: true,
    passes: 1,
    build: |values| {
        let (lambda, normalize) = (values.number("lambda"), values.flag("normalize"));
        Arc::new(TaskArithmetic { lambda, normalize })
    },
};

#[derive(Debug)]
struct TaskArithmetic {
    lambda: f64,
    normalize: bool,
}

impl ByTensor for TaskArithmetic {
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
        let Scratch { rows, weights, more, .. } = scratch;
        more.resize(more.len().max(out.len()), T::ZERO);
        let base = &mut more[..out.len()];
        tensor.read_base(start, base);
        if self.normalize {
            tensor.relative(weights)
        } else {
            tensor.weights(weights)
        }
        linear::combine(tensor, weights, Some(base), start, out, rows);
        if self.normalize {
            linear::divide(out, weights);
        }
        linear::add_base(base, T::of(self.lambda), out);
    }

    fn coefficients(&self, weights: &[f64]) -> Option<(Vec<f64>, f64)> {
        Some(delta_coefficients(weights, self.lambda, self.normalize))
    }
}
