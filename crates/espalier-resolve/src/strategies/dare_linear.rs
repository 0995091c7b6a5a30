//! DARE, linear: b + λ Σ w m (x − b) / ρ, with random masks m that keep a share ρ; divided by Σ w
//! unless `normalize = false`, as task arithmetic is.
//!
//! Each element of each difference is dropped with probability 1 − ρ on its own, and what is
//! left is rescaled by 1/ρ, so the expected merged model is that of task arithmetic. The mask of
//! a contribution depends on the policy's seed, the contribution's content, the tensor's name and
//! the element's index: not on its position, its weight or the other contributions. Element `i`
//! is kept if word `i` of the mask's stream is below ρ · 2³² (rounded to a whole number); a ρ below
//! 2⁻³² counts as that, with a [`Note`].

use std::sync::Arc;

use espalier_tensor::random::Stream;

use super::{LAMBDA, NORMALIZE, RANDOM_DENSITY};
use crate::{
    methods::random::mask_of_content,
    policies::{
        Input, Note, SelectionCache, StrategyInfo,
        by_tensor::{ByTensor, Selection},
        linear,
        tensor::{Scratch, Tensor},
    },
    real::Real,
};

pub(crate) static INFO: StrategyInfo = StrategyInfo {
    name: "dare-linear",
    aliases: &["dare"],
    summary: "task arithmetic with random elements dropped and the others rescaled",
    source: "Yu et al., Language models are super mario, ICML 2024, arXiv 2311.03099",
    parameters: &[RANDOM_DENSITY, LAMBDA, NORMALIZE],
    needs_base: true,
    uses_randomness: true,
    uses_weights: true,
    passes: 1,
    build: |values| {
        let (lambda, normalize) = (values.number("lambda"), values.flag("normalize"));
        let asked = values.number("density");
        let (density, last) = (asked.max(LEAST), last_kept(asked));
        let raised = (asked < LEAST).then(|| Note::Density { asked: asked.to_string() });
        Arc::new(DareLinear { density, last, lambda, normalize, raised })
    },
};

/// 2⁻³²: a word cannot tell less.
const LEAST: f64 = 1.0 / 4_294_967_296.0;

/// The largest word that keeps its element: at least 0, so that something may be kept.
fn last_kept(density: f64) -> u32 {
    ((density * 4_294_967_296.0).round_ties_even().max(1.0) - 1.0) as u32
}

#[derive(Debug)]
struct DareLinear {
    density: f64,
    last: u32,
    lambda: f64,
    normalize: bool,
    /// That the density was too small.
    raised: Option<Note>,
}

impl ByTensor for DareLinear {
    /// Each input's mask.
    type Selected = Vec<Stream>;

    fn select<T: Real>(&self, tensor: &Tensor<'_>, _: &SelectionCache) -> Selection<Self> {
        let context = tensor.context;
        let mask = |input: &Input<'_>| mask_of_content(&context.seed, &input.id, tensor.name());
        Selection(context.inputs.iter().map(mask).collect(), self.raised.clone())
    }

    fn merge<T: Real>(
        &self,
        tensor: &Tensor<'_>,
        masks: &Vec<Stream>,
        start: usize,
        out: &mut [T],
        scratch: &mut Scratch<T>,
    ) {
        let n = out.len();
        let Scratch { rows, weights, words, .. } = scratch;
        rows.resize(rows.len().max(2 * n), T::ZERO);
        words.resize(words.len().max(n), 0);
        let (base, row) = rows.split_at_mut(n);
        let (row, words) = (&mut row[..n], &mut words[..n]);
        tensor.read_base(start, base);
        if self.normalize {
            tensor.relative(weights)
        } else {
            tensor.weights(weights)
        }
        let rescale = T::of(1.0 / self.density);
        out.fill(T::ZERO);
        for (input, (&weight, mask)) in weights.iter().zip(masks).enumerate() {
            tensor.read(input, start, row);
            mask.fill_u32(start as u64, words);
            add_kept(out, row, base, words, self.last, (rescale, weight));
        }
        if self.normalize {
            linear::divide(out, weights);
        }
        linear::add_base(base, T::of(self.lambda), out);
    }
}

/// out += w m (x − b) / ρ.
fn add_kept<T: Real>(
    out: &mut [T],
    row: &[T],
    base: &[T],
    words: &[u32],
    last: u32,
    (rescale, weight): (T, T),
) {
    // One length for all lets the compiler drop every bounds check and vectorise.
    let n = out.len();
    let (row, base, words) = (&row[..n], &base[..n], &words[..n]);
    for j in 0..n {
        let rescaled = (row[j] - base[j]) * rescale;
        let kept = if words[j] <= last { rescaled } else { T::ZERO };
        out[j] += weight * kept;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_exact_at_the_ends() {
        assert_eq!(last_kept(1.0), u32::MAX);
        assert_eq!(last_kept(0.5), (1 << 31) - 1);
        assert_eq!(last_kept(1e-300), 0);
    }
}
