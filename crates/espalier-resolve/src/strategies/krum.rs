//! Krum and multi-Krum.
//!
//! The score of a row is the sum of the squared distances to its n − f nearest rows, itself
//! (distance 0) among them. Krum is the row of least score, multi-Krum the mean of the n − f rows
//! of least scores. Equal scores, and equal distances, go by the canonical order. **Weights do
//! not change the result.** The paper counts n − f − 2 neighbours besides the row itself; this
//! is the n − f − 1 of later work and of ByzFL, and what every f below n / 2 has a meaning for.

use std::sync::Arc;

use crate::{
    policies::{Note, StrategyInfo},
    robust::{
        BUCKET, CLIP, LIARS, PRE, Steps,
        by_products::{ByProducts, ProductRule},
        order,
        products::{Combination, Products},
    },
};

pub(crate) static KRUM: StrategyInfo = StrategyInfo {
    name: "krum",
    aliases: &[],
    summary: "the input whose nearest n − f inputs are nearest, without weights",
    source: "Blanchard et al., Machine learning with adversaries, NeurIPS 2017",
    parameters: &[LIARS, PRE, BUCKET, CLIP],
    needs_base: false,
    uses_randomness: true,
    uses_weights: false,
    passes: 3,
    build: |values| Arc::new(ByProducts { rule: Krum, steps: Steps::new(values) }),
};

pub(crate) static MULTI_KRUM: StrategyInfo = StrategyInfo {
    name: "multi-krum",
    aliases: &["multikrum"],
    summary: "the mean of the n − f inputs of least Krum score, without weights",
    build: |values| Arc::new(ByProducts { rule: MultiKrum, steps: Steps::new(values) }),
    ..KRUM
};

#[derive(Debug)]
struct Krum;

#[derive(Debug)]
struct MultiKrum;

impl ProductRule for Krum {
    const NAME: &'static str = KRUM.name;

    fn combine(&self, products: &Products, liars: usize, _: &mut Vec<Note>) -> Combination {
        Combination::mean(&best(products, liars, 1))
    }
}

impl ProductRule for MultiKrum {
    const NAME: &'static str = MULTI_KRUM.name;

    fn combine(&self, products: &Products, liars: usize, _: &mut Vec<Note>) -> Combination {
        Combination::mean(&best(products, liars, products.rows() - liars))
    }
}

/// The rows of least score, ascending.
fn best(products: &Products, liars: usize, count: usize) -> Vec<usize> {
    let n = products.rows();
    let score = |i: usize| {
        let mut squares = products.squared_distances(i);
        squares.sort_unstable_by(f64::total_cmp);
        squares[..n - liars].iter().sum::<f64>()
    };
    let mut best = order(&(0..n).map(score).collect::<Vec<_>>());
    best.truncate(count);
    best.sort_unstable();
    best
}
