//! The geometric median: the point with the least sum of distances to the rows.
//!
//! Found by Weiszfeld's iteration with smoothing: z ← Σ x / max(ν s, |x − z|) / Σ 1 / max(ν s,
//! |x − z|), the point being a combination of the rows whose distances follow from their inner
//! products. It ends when the factors stand still, or after [`STEPS`] steps, with a [`Note`]. It
//! starts at the mean of the majority that lies nearest together, and not at the mean of all, which
//! a liar moves as far as it likes; s is the distance from there within which a majority lies, so
//! the smoothing goes with the scale of the models. **Weights do not change the result**, nor does
//! `f`, except for the steps before. Tolerates arbitrary values in fewer than half of the rows.

use std::sync::Arc;

use crate::{
    parameters::{ParameterInfo, ParameterRange},
    policies::{Note, StrategyInfo},
    robust::{
        BUCKET, CLIP, LIARS, PRE, Steps,
        by_products::{ByProducts, ProductRule},
        majority,
        products::{Combination, Products},
    },
};

pub(crate) static INFO: StrategyInfo = StrategyInfo {
    name: "geometric-median",
    aliases: &["rfa"],
    summary: "the point with the least sum of distances to the inputs, without weights",
    source: "Pillutla et al., Robust aggregation for federated learning, arXiv 1912.13445; \
             Weiszfeld, Tôhoku Math. J. 43, 1937",
    parameters: &[
        ParameterInfo {
            name: "nu",
            default: "0.000001",
            range: ParameterRange::SHARE,
            help: "ν: the smoothing, as a share of the distance within which a majority lies",
        },
        LIARS,
        PRE,
        BUCKET,
        CLIP,
    ],
    needs_base: false,
    uses_randomness: true,
    uses_weights: false,
    passes: 3,
    build: |values| {
        let rule = GeometricMedian { nu: values.number("nu") };
        Arc::new(ByProducts { rule, steps: Steps::new(values) })
    },
};

/// Most steps; some fifty are usual.
const STEPS: usize = 1000;
/// The iteration ends when the factors, which sum to one, change by less than this in all.
const STILL: f64 = 1e-13;

#[derive(Debug)]
struct GeometricMedian {
    nu: f64,
}

impl ProductRule for GeometricMedian {
    const NAME: &'static str = INFO.name;

    fn combine(&self, products: &Products, _: usize, notes: &mut Vec<Note>) -> Combination {
        let n = products.rows();
        let near = products.nearest(products.core(), n / 2 + 1);
        let mut factors = vec![0.0; n];
        near.iter().for_each(|&row| factors[row] = 1.0 / near.len() as f64);
        let floor = self.nu * majority(&products.distances_to(&factors));
        // A majority in one point is the median.
        if floor > 0.0 && !(0..STEPS).any(|_| step(products, floor, &mut factors) < STILL) {
            let what = "the geometric median".to_owned();
            notes.push(Note::StillMoving { what, steps: STEPS });
        }
        Combination::of(&factors, 0.0)
    }
}

/// One step; returns how much the factors changed.
fn step(products: &Products, floor: f64, factors: &mut [f64]) -> f64 {
    let mut next: Vec<f64> =
        products.distances_to(factors).iter().map(|distance| 1.0 / distance.max(floor)).collect();
    let sum: f64 = next.iter().sum();
    next.iter_mut().for_each(|factor| *factor /= sum);
    let change = factors.iter().zip(&next).map(|(a, b)| (a - b).abs()).sum();
    factors.copy_from_slice(&next);
    change
}
