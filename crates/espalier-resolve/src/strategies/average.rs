//! The mean of all rows: Σ x / n, for steps that make a mean robust.
//!
//! Neighbour mixing followed by the mean is a robust rule of its own, and `arc` bounds what the
//! mean suffers. Without steps every input counts once. **Weights do not change the result.**

use std::sync::Arc;

use crate::{
    Note, StrategyInfo,
    robust::{
        BUCKET, CLIP, LIARS, PRE, Steps,
        combination::{ByProducts, ProductRule},
        products::{Combination, Products},
    },
};

pub(crate) const INFO: StrategyInfo = StrategyInfo {
    name: "average",
    aliases: &[],
    summary: "the mean without weights, for use after steps such as nnm",
    source: "Allouah et al., Fixing by mixing, AISTATS 2023, arXiv 2302.01772",
    parameters: &[LIARS, PRE, BUCKET, CLIP],
    needs_base: false,
    uses_randomness: true,
    uses_weights: false,
    passes: 3,
    build: |values| Arc::new(ByProducts { rule: Average, steps: Steps::new(values) }),
};

#[derive(Debug)]
struct Average;

impl ProductRule for Average {
    const NAME: &'static str = INFO.name;

    fn combine(&self, products: &Products, _: usize, _: &mut Vec<Note>) -> Combination {
        Combination::mean(&(0..products.rows()).collect::<Vec<_>>())
    }
}
