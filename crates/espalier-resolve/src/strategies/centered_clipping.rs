//! Centred clipping: v ← v + (1 / n) Σ (x − v) min(1, τ / |x − v|), some number of times.
//!
//! Each row pulls by at most τ / n, so fewer than half of them move the result by a bounded
//! amount. τ is a length, or `auto`: the distance from v within which a majority lies, anew in
//! each step. The start is the base (zero if there is none), as in the paper, where it is the
//! last result; or with `start = core` the row whose ball over a majority of the rows is smallest,
//! for models without a base. **Weights do not change the result**, nor does `f`, except for the
//! steps before.

use std::sync::Arc;

use crate::{
    parameters::{ParameterInfo, ParameterRange},
    policies::{Note, StrategyInfo},
    robust::{
        BUCKET, CLIP, LIARS, PRE, Steps,
        by_products::{ByProducts, ProductRule},
        majority,
        products::{Combination, Products},
        survey::Need,
    },
};

pub(crate) static INFO: StrategyInfo = StrategyInfo {
    name: "centered-clipping",
    aliases: &["centred-clipping"],
    summary: "a mean towards which no input pulls by more than a bounded length, without weights",
    source: "Karimireddy, He, Jaggi, Learning from history, ICML 2021, arXiv 2012.10333",
    parameters: &[
        ParameterInfo {
            name: "tau",
            default: "auto",
            range: ParameterRange::PositiveOr("auto"),
            help: "τ: the length to which differences from the centre are clipped; `auto` is the \
                   distance within which a majority lies",
        },
        ParameterInfo {
            name: "iterations",
            default: "10",
            range: ParameterRange::Whole { min: 1, max: 1000 },
            help: "how often the centre is moved",
        },
        ParameterInfo {
            name: "start",
            default: "base",
            range: ParameterRange::Choice(&["base", "core"]),
            help: "the first centre: the base, or the input in the middle of a majority",
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
        let rule = CenteredClipping {
            tau: values.number_or_word("tau"),
            iterations: values.number("iterations") as usize,
            from_base: values.word("start") == "base",
        };
        Arc::new(ByProducts { rule, steps: Steps::new(values) })
    },
};

#[derive(Debug)]
struct CenteredClipping {
    /// `None` is the distance of the majority.
    tau: Option<f64>,
    iterations: usize,
    from_base: bool,
}

impl ProductRule for CenteredClipping {
    const NAME: &'static str = INFO.name;

    fn need(&self) -> Need {
        if self.from_base { Need::Norms } else { Need::Distances }
    }

    fn combine(&self, products: &Products, _: usize, _: &mut Vec<Note>) -> Combination {
        let n = products.rows();
        let mut factors = vec![0.0; n];
        let mut base = 1.0;
        if !self.from_base {
            (factors[products.core()], base) = (1.0, 0.0);
        }
        for _ in 0..self.iterations {
            let distances = products.distances_to(&factors);
            let tau = self.tau.map_or_else(|| majority(&distances), |tau| products.length(tau));
            let pull = |distance: &f64| if *distance > tau { tau / distance } else { 1.0 };
            let pulls: Vec<f64> =
                distances.iter().map(|distance| pull(distance) / n as f64).collect();
            // All pulls together replace this share of the centre; it may be all of it.
            let kept = 1.0 - pulls.iter().sum::<f64>();
            factors
                .iter_mut()
                .zip(&pulls)
                .for_each(|(factor, pull)| *factor = *factor * kept + pull);
            base *= kept;
        }
        Combination::of(&factors, base)
    }
}
