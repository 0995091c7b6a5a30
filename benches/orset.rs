//! Joining ten new elements into an OR-Set of 100,000, beside the `crdts` crate's Orswot.

use crdts::{CmRDT, CvRDT, Orswot};
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use espalier::lattice::{Dot, Join};
use espalier::orset::OrSet;
use std::hint::black_box;

const LARGE: u64 = 100_000;
const NEW: u64 = 10;

fn ours() -> (OrSet<u64, u64>, OrSet<u64, u64>) {
    let add = |i| OrSet::with_entry(Dot::new(i % 64, 1 + i / 64), i, []).expect("a valid dot");
    let mut large = OrSet::default();
    for i in 0..LARGE {
        large.join(&add(i));
    }
    let mut delta = OrSet::default();
    for i in LARGE..LARGE + NEW {
        delta.join(&add(i));
    }
    (large, delta)
}

/// A state-based set sends its whole state.
fn theirs() -> (Orswot<u64, u64>, Orswot<u64, u64>) {
    let mut large = Orswot::new();
    for i in 0..LARGE {
        let add = large.add(i, large.read_ctx().derive_add_ctx(i % 64));
        large.apply(add);
    }
    let mut other = large.clone();
    for i in LARGE..LARGE + NEW {
        let add = other.add(i, other.read_ctx().derive_add_ctx(i % 64));
        other.apply(add);
    }
    (large, other)
}

fn join(c: &mut Criterion) {
    let mut group = c.benchmark_group("orset join, 10 new of 100,000");
    group.sample_size(10);
    let (large, delta) = ours();
    let mut joined = large.clone();
    joined.join(&delta);
    assert_eq!(joined.len() as u64, LARGE + NEW);
    // Joining again changes nothing but costs the same look-ups; cloning stays outside the clock.
    group.bench_function("espalier, delta", |b| {
        b.iter_batched_ref(
            || large.clone(),
            |set| black_box(set.join(&delta)),
            BatchSize::LargeInput,
        );
    });
    let whole = joined.clone();
    group.bench_function("espalier, whole state", |b| {
        b.iter_batched_ref(
            || large.clone(),
            |set| black_box(set.join(&whole)),
            BatchSize::LargeInput,
        );
    });
    let (large, other) = theirs();
    group.bench_function("crdts, whole state", |b| {
        b.iter_batched(
            || (large.clone(), other.clone()),
            |(mut set, other)| {
                set.merge(other);
                black_box(set)
            },
            BatchSize::LargeInput,
        );
    });
    group.finish();
}

criterion_group!(benches, join);
criterion_main!(benches);
