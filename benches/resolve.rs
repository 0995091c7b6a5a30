//! Merging eight models of 4 Mi elements, beside a copy of the same bytes in the same run; and what
//! one new contribution costs a state that has resolved, beside resolving it from nothing.

use benches::{keys, model, policy};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use espalier::identity::Digest;
use espalier::prelude::*;
use espalier::resolve::{Input, Strategy, canonical_order};
use espalier::tensor::kernels::{self, Threads, squared_distances_of_new};
use espalier::trust::{Constants, Geometry, Profile, Subject, score};
use std::collections::BTreeMap;
use std::hint::black_box;

const MODELS: u64 = 8;
const ELEMENTS: usize = 4 << 20;

fn strategies(c: &mut Criterion) {
    let models: Vec<Model> = (0..=MODELS).map(|seed| model(seed, ELEMENTS)).collect();
    let (base, models) = models.split_first().expect("nine models");
    let input = |model| Input { id: Model::root(model), weight: 1.0, model };
    let mut inputs: Vec<_> = models.iter().map(input).collect();
    canonical_order(&mut inputs);

    let mut group = c.benchmark_group("merge 8 × 4 Mi f32");
    group.sample_size(10);
    group.throughput(Throughput::Bytes((MODELS as usize * ELEMENTS * 4) as u64));
    // The limit: every input is read once. A copy reads and writes each byte.
    let mut sink = vec![0_u8; ELEMENTS * 4];
    group.bench_function("copy of all inputs", |bench| {
        bench.iter(|| {
            for model in models {
                sink.copy_from_slice(model.content(0));
                black_box(&mut sink);
            }
        });
    });
    for name in ["weight-average", "ties", "dare-linear", "median"] {
        let strategy = Strategy::new(name, &BTreeMap::new()).expect("registered");
        group.bench_function(name, |bench| {
            bench.iter(|| {
                // A cache of its own: selections count.
                let cache = Default::default();
                let plan = strategy.prepare(&inputs, Some(base), Digest::ZERO, &cache);
                let mut bytes = 0;
                plan.expect("inputs that fit")
                    .stream_tensor(0, |block| {
                        bytes += black_box(block).len();
                        Ok::<(), espalier::resolve::ResolveError>(())
                    })
                    .expect("finite");
                assert_eq!(bytes, ELEMENTS * 4);
            });
        });
    }
    group.finish();
}

fn trust(c: &mut Criterion) {
    let models: Vec<Model> = (0..20).map(|seed| model(seed, 1_000_000)).collect();
    let list: Vec<&Model> = models.iter().collect();
    let constants: Constants = Profile::Strict.constants();
    let mut group = c.benchmark_group("trust, 20 contributions of 10⁶");
    group.sample_size(10);
    group.bench_function("all distances", |bench| {
        bench.iter(|| black_box(kernels::pairwise_squared_distances(&list, 16)));
    });
    group.bench_function("one new contribution", |bench| {
        bench.iter(|| {
            black_box(kernels::squared_distances_from(list[0], &list[1..], 16));
        });
    });
    let pairs = kernels::pairwise_squared_distances(&list, 16);
    let geometry = Geometry::from_fn(1_000_000, 20, |i, j| pairs[i * (i - 1) / 2 + j].clone());
    let subject = |i: usize| {
        let author = espalier::identity::PeerId::from_bytes([i as u8; 32]);
        Subject::new(author, models[i].root(), i, 0)
    };
    let subjects: Vec<_> = (0..20).map(subject).collect();
    group.bench_function("score from known distances", |bench| {
        bench.iter(|| black_box(score(20, &subjects, &geometry, &constants)));
    });
    group.finish();
}

/// Many contributions seen at once: all distances between them, on one thread and on all, beside
/// one pair again and again that stays in the nearest cache, which is what the processor can do;
/// and the order of all neighbours that the score walks.
fn first_sight(c: &mut Criterion) {
    const COUNT: usize = 256;
    const ELEMENTS: usize = 1 << 16;
    let models: Vec<Model> = (0..COUNT as u64).map(|seed| model(seed, ELEMENTS)).collect();
    let list: Vec<&Model> = models.iter().collect();
    let pairs = COUNT * (COUNT - 1) / 2;
    let mut group = c.benchmark_group("256 contributions of 65,536 at first sight");
    group.sample_size(10);
    group.throughput(Throughput::Elements((pairs * ELEMENTS) as u64));
    group.bench_function("all distances, one thread", |bench| {
        bench.iter(|| black_box(squared_distances_of_new(&list, 0, 16, Threads::One)));
    });
    group.bench_function("all distances, all threads", |bench| {
        bench.iter(|| black_box(kernels::pairwise_squared_distances(&list, 16)));
    });
    let near = [0, 1].map(|seed| (0..1024).map(|i| f64::from(i ^ seed)).collect::<Vec<_>>());
    group.throughput(Throughput::Elements(1024 * 1024));
    group.bench_function("limit: one pair of 1,024 elements, 1,024 times", |bench| {
        bench.iter(|| {
            for _ in 0..1024 {
                black_box(kernels::squared_distance_f64(black_box(&near[0]), &near[1]));
            }
        });
    });
    group.throughput(Throughput::Elements(pairs as u64));
    let found = squared_distances_of_new(&list, 0, 16, Threads::One);
    group.bench_function("order of the neighbours", |bench| {
        bench.iter(|| {
            let entry = |i: usize, j: usize| found[i * (i - 1) / 2 + j].clone();
            black_box(Geometry::from_fn(ELEMENTS as u64, COUNT, entry))
        });
    });
    group.bench_function("the same, one by one", |bench| {
        bench.iter(|| {
            let mut geometry = Geometry::new(ELEMENTS as u64);
            (0..COUNT).for_each(|i| {
                geometry.push(|j| found[i * (i - 1) / 2 + j].clone());
            });
            black_box(geometry)
        });
    });
    group.finish();
}

/// Twenty contributions of 10⁶ elements in an arena that has never compared any; then one author
/// replaces its own in a state that has resolved. Magnitudes are known in both cases: they belong
/// to taking a contribution in.
fn state(c: &mut Criterion) {
    let models: Vec<Model> = (0..21).map(|seed| model(seed, 1_000_000)).collect();
    let keys = keys(20);
    let policy = policy(&keys);
    let contribute = |state: &mut MergeState, key: &Keypair, model: &Model| {
        state.add(key, Draft::new("bench", model.clone())).expect("allowed");
    };
    let cold = || {
        let mut state = MergeState::with_arena(policy.clone(), Arena::default());
        keys.iter().zip(&models).for_each(|(key, model)| contribute(&mut state, key, model));
        state
    };
    // A new arena each time: one that is used again would remember what was replaced before.
    let warm = || {
        let mut state = cold();
        black_box(state.resolve().expect("comparable models"));
        contribute(&mut state, &keys[0], &models[20]);
        state
    };
    let weights = |state: &mut MergeState| state.resolution().expect("comparable models");
    let merged = |state: &mut MergeState| state.resolve().expect("comparable models");

    let mut group = c.benchmark_group("a state of 20 contributions of 10⁶");
    group.sample_size(10);
    let batch = BatchSize::PerIteration;
    group.bench_function("trust and weights, cold arena", |bench| {
        bench.iter_batched_ref(cold, |state| black_box(weights(state)), batch);
    });
    group.bench_function("trust and weights, one replaced", |bench| {
        bench.iter_batched_ref(warm, |state| black_box(weights(state)), batch);
    });
    group.bench_function("resolve, cold arena", |bench| {
        bench.iter_batched_ref(cold, |state| black_box(merged(state)), batch);
    });
    group.bench_function("resolve, one replaced", |bench| {
        bench.iter_batched_ref(warm, |state| black_box(merged(state)), batch);
    });
    group.finish();
}

criterion_group!(benches, strategies, trust, first_sight, state);
criterion_main!(benches);
