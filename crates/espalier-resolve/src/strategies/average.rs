//! The mean of all rows: Σ x / n, for steps that bound what a row can do.
//!
//! After `arc` or `clipping` no row is longer than most are, so their mean is not either. Neighbour
//! mixing alone does not make a mean robust: the neighbours of a liar are liars too. Without steps
//! every input counts once. **Weights do not change the result.**

use std::sync::Arc;

use crate::{
    policies::{Note, StrategyInfo},
    robust::{
        BUCKET, CLIP, LIARS, PRE, Steps,
        by_products::{ByProducts, ProductRule},
        products::{Combination, Products},
        survey::Need,
    },
};

pub(crate) static INFO: StrategyInfo = StrategyInfo {
    name: "average",
    aliases: &[],
    summary: "the mean without weights, for use after steps such as arc",
    source: "Allouah et al., Adaptive gradient clipping for robust federated learning, \
             arXiv 2405.14432",
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

    fn need(&self) -> Need {
        Need::Rows
    }

    fn combine(&self, products: &Products, _: usize, _: &mut Vec<Note>) -> Combination {
        Combination::mean(&(0..products.rows()).collect::<Vec<_>>())
    }
}
