//! Robust strategies on twenty models of 10⁶ elements, beside the trust score with a weighted
//! average, and ByzFL.
//!
//! In one sitting, with `pip install byzfl==0.0.11` done:
//!
//! ```text
//! cargo bench -p benches --bench robust -- --quick && python benches/time_byzfl.py
//! ```
//!
//! Both have the same sizes, f = 6 and f32 elements, and use all cores. Each time is from the
//! inputs to the merged elements: selections are made anew.

use benches::model;
use criterion::{Criterion, criterion_group, criterion_main};
use espalier::identity::{Digest, PeerId};
use espalier::resolve::{Input, SelectionCache, Strategy, canonical_order};
use espalier::tensor::{Model, kernels};
use espalier::trust::{Geometry, Profile, Subject, score};
use std::hint::black_box;

const MODELS: usize = 20;
const ELEMENTS: usize = 1_000_000;
/// Blocks of the score.
const PARTS: usize = 16;

const RULES: [(&str, &str); 15] = [
    ("average", "none"),
    ("median", "none"),
    ("trimmed-mean", "none"),
    ("meamed", "none"),
    ("krum", "none"),
    ("multi-krum", "none"),
    ("mda", "none"),
    ("geometric-median", "none"),
    ("centered-clipping", "none"),
    ("caf", "none"),
    ("trimmed-mean", "nnm"),
    ("trimmed-mean", "bucketing"),
    ("trimmed-mean", "arc"),
    ("trimmed-mean", "arc+nnm"),
    ("geometric-median", "nnm"),
];

fn inputs(models: &[Model]) -> Vec<Input<'_>> {
    let input = |model| Input { id: Model::root(model), weight: 1.0, model };
    let mut inputs: Vec<_> = models.iter().map(input).collect();
    canonical_order(&mut inputs);
    inputs
}

fn merge(strategy: &Strategy, inputs: &[Input<'_>], out: &mut Vec<u8>) {
    let plan = strategy.prepare(inputs, None, Digest::ZERO, &SelectionCache::new());
    plan.and_then(|plan| plan.run_tensor_into(0, out)).expect("inputs that fit");
    black_box(out);
}

fn rules(c: &mut Criterion) {
    let models: Vec<Model> = (0..MODELS as u64).map(|seed| model(seed, ELEMENTS)).collect();
    let inputs = inputs(&models);
    let mut out = Vec::new();
    let mut group = c.benchmark_group("robust, 20 × 10⁶ f32, f = 6");
    group.sample_size(10);
    for (name, pre) in RULES {
        let parameters = [("f", "6"), ("pre", pre)].map(|(k, v)| (k.to_owned(), v.to_owned()));
        let strategy = Strategy::new(name, &parameters.into()).expect("registered");
        group.bench_function(format!("{pre}, {name}"), |bench| {
            bench.iter(|| merge(&strategy, &inputs, &mut out));
        });
    }
    let average = Strategy::new("weight-average", &[].into()).expect("registered");
    group.bench_function("trust score, weight-average", |bench| {
        bench.iter(|| merge(&average, &scored(&inputs), &mut out));
    });
    group.finish();
}

/// The inputs that the score leaves, weighted by it.
fn scored<'a>(inputs: &[Input<'a>]) -> Vec<Input<'a>> {
    let list: Vec<&Model> = inputs.iter().map(|input| input.model).collect();
    let pairs = kernels::pairwise_squared_distances(&list, PARTS);
    let geometry =
        Geometry::from_fn(ELEMENTS as u64, MODELS, |i, j| pairs[i * (i - 1) / 2 + j].clone());
    let subject = |i: usize| Subject::new(PeerId::from_bytes([i as u8; 32]), inputs[i].id, i, 0);
    let subjects: Vec<_> = (0..MODELS).map(subject).collect();
    let scores = score(MODELS, &subjects, &geometry, &Profile::Strict.constants()).trust;
    let heard = inputs.iter().zip(&scores).filter(|(_, score)| score.overall().raw() > 0);
    heard.map(|(input, score)| Input { weight: score.overall().raw().into(), ..*input }).collect()
}

criterion_group!(benches, rules);
criterion_main!(benches);
