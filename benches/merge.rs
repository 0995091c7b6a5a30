//! Merge throughput of whole states: in one arena, from bytes, by gossip, as bitmaps; and views.

use benches::{alone, keys, policy, state, union};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use espalier::prelude::*;
use espalier::provenance::MerkleMap;
use espalier::replica::counting::Gain;
use std::hint::black_box;

const AUTHORS: usize = 128;

/// Two states that share half of their operations, and their arena.
fn overlapping(keys: &[Keypair], policy: &Policy) -> (MergeState, MergeState) {
    let arena = Arena::default();
    let third = keys.len() / 3;
    let common = state(policy, &arena, &keys[..third]);
    let [mut a, mut b] = [common.clone(), common];
    a.merge(&state(policy, &arena, &keys[third..2 * third])).expect("one policy");
    b.merge(&state(policy, &arena, &keys[2 * third..])).expect("one policy");
    (a, b)
}

fn merge(c: &mut Criterion) {
    let keys = keys(AUTHORS);
    let policy = policy(&keys);
    let (a, b) = overlapping(&keys, &policy);
    let mut union = a.clone();
    union.merge(&b).expect("one policy");
    let mut other = b.clone();
    other.merge(&a).expect("one policy");
    assert_eq!(union.bound_root(), other.bound_root());
    let new = (union.op_count() - a.op_count()) as u64;

    let mut group = c.benchmark_group("merge of 128 authors' states");
    group.throughput(Throughput::Elements(new));
    group.bench_function("one arena, two thirds each", |bench| {
        let merge = |state: &mut MergeState| state.merge(&b).expect("one policy");
        bench.iter_batched_ref(
            || a.clone(),
            |state| black_box(merge(state)),
            BatchSize::SmallInput,
        );
    });
    group.bench_function("one arena, nothing new", |bench| {
        let mut state = union.clone();
        bench.iter(|| black_box(state.merge(&b).expect("one policy")));
    });
    let bytes = union.to_bytes(Tensors::ByReference);
    group.throughput(Throughput::Elements(union.op_count() as u64));
    group.bench_function("from bytes, every signature checked", |bench| {
        bench.iter(|| black_box(MergeState::from_bytes(&bytes).expect("its own bytes")));
    });
    group.bench_function("to bytes", |bench| {
        bench.iter(|| black_box(union.to_bytes(Tensors::ByReference)));
    });
    // The limit beside it: Ed25519 alone.
    let digest = Digest::of_content(b"bench");
    let (key, signature) = (keys[0].peer_id(), keys[0].sign(&digest));
    group.throughput(Throughput::Elements(1));
    group.bench_function("one strict signature check", |bench| {
        bench.iter(|| black_box(key.verify(&digest, &signature)));
    });
    group.finish();
}

fn exchange(c: &mut Criterion) {
    let keys = keys(AUTHORS);
    let policy = policy(&keys);
    let (a, b) = overlapping(&keys, &policy);
    let mut group = c.benchmark_group("push-pull exchange through frames");
    group.throughput(Throughput::Elements(1));
    for (name, a, b) in [("two thirds each", &a, &b), ("equal", &a, &a)] {
        let pair = [(0, a), (1, b)]
            .map(|(i, state)| Replica::new(keys[i].clone(), state.clone(), ExchangeMode::Delta));
        group.bench_function(name, |bench| {
            bench.iter_batched_ref(|| pair.clone(), drive, BatchSize::SmallInput);
        });
    }
    group.finish();
}

/// Carries frames and tensors between two replicas until nobody has anything to say.
fn drive(pair: &mut [Replica; 2]) {
    let mut turn: Vec<(usize, Effect)> =
        pair[0].start(pair[1].id()).into_iter().map(|effect| (1, effect)).collect();
    while let Some((to, effect)) = turn.pop() {
        let from = pair[1 - to].id();
        let received = match effect.asked_by_frame() {
            Effect::Send { frame, .. } => pair[to].receive(from, &frame).expect("honest frames"),
            Effect::Provide { contents, .. } => pair[to].tensors_stored(&contents),
            Effect::Fetch { .. } => continue,
        };
        turn.extend(received.effects.into_iter().map(|effect| (1 - to, effect)));
    }
}

/// The way of a real node: an arena of its own, a few new operations, then the roots.
fn node(c: &mut Criterion) {
    let mut group = c.benchmark_group("apply in an arena of one's own, then the roots");
    for (held, new) in [(128, 1), (128, 16), (1024, 1), (1024, 16)] {
        let keys = keys(held + new);
        let policy = policy(&keys);
        let all = state(&policy, &Arena::default(), &keys[..held]);
        let bytes = all.to_bytes(Tensors::ByReference);
        let ops: Vec<_> = keys[held..]
            .iter()
            .map(|key| state(&policy, &Arena::default(), std::slice::from_ref(key)))
            .flat_map(|state| state.ops().map(|op| op.signed().clone()).collect::<Vec<_>>())
            .collect();
        let fresh = || {
            let state = MergeState::from_bytes(&bytes).expect("its own bytes");
            black_box(state.bound_root());
            state
        };
        group.throughput(Throughput::Elements(new as u64));
        group.bench_function(format!("{new} to {held}"), |bench| {
            let apply = |state: &mut MergeState| {
                let taken = state.apply(ops.clone()).expect("signed");
                (taken, state.bound_root())
            };
            bench.iter_batched_ref(fresh, |state| black_box(apply(state)), BatchSize::SmallInput);
        });
    }
    group.finish();
}

/// Two states of which each holds half of many operations, joined as bitmaps. The limit beside it:
/// an or of as many words.
fn bitmaps(c: &mut Criterion) {
    for n in [1_000, 100_000] {
        let keys = keys(n);
        let alone = alone(&policy(&keys), &keys);
        // Every second one, so that both sides have something new in every word. A half is put
        // together of two parts, so that each has a bitmap of its own.
        let every = |of: usize, first: usize| {
            let states: Vec<_> = alone.iter().skip(first).step_by(of).cloned().collect();
            union(&states)
        };
        let (parts, b) = ([every(4, 0), every(4, 2)], every(2, 1));
        let half = || {
            let mut half = parts[0].clone();
            half.merge(&parts[1]).expect("one policy");
            half
        };
        let all = union(&[half(), b.clone()]);
        assert_eq!((half().op_count(), b.op_count(), all.op_count()), (n / 2, n / 2, n));
        let words = vec![0x5555_5555_5555_5555_u64; n.div_ceil(64)];
        let others: Vec<u64> = words.iter().map(|word| word << 1).collect();

        let mut group = c.benchmark_group(format!("two halves of {n} operations in one arena"));
        let batch = BatchSize::NumIterations(if n < 10_000 { 1_000 } else { 16 });
        group.bench_function("plain or of two word vectors", |bench| {
            let or = |words: &mut Vec<u64>| {
                words.iter_mut().zip(black_box(&others)).for_each(|(word, other)| *word |= other);
            };
            bench.iter_batched_ref(|| words.clone(), or, batch);
        });
        group.bench_function("merge", |bench| {
            let merge = |state: &mut MergeState| state.merge(black_box(&b)).expect("one policy");
            bench.iter_batched_ref(half, merge, batch);
        });
        group.bench_function("merge_counted", |bench| {
            let merge =
                |state: &mut MergeState| state.merge_counted(black_box(&b)).expect("one policy");
            bench.iter_batched_ref(half, merge, batch);
        });
        group.bench_function("gain", |bench| {
            let half = half();
            bench.iter(|| black_box(half.gain(&b).expect("one policy")));
        });
        group.bench_function("merge, nothing new", |bench| {
            let mut all = all.clone();
            bench.iter(|| black_box(all.merge(&b).expect("one policy")));
        });
        group.bench_function("merge, one bitmap", |bench| {
            let (mut state, other) = (all.clone(), all.clone());
            bench.iter(|| black_box(state.merge(&other).expect("one policy")));
        });
        group.finish();
        if n == 100_000 {
            views(c, &all);
        }
    }
}

/// Views from nothing. The limit beside it: the Merkle map of the identifiers alone.
fn views(c: &mut Criterion, all: &MergeState) {
    let mut group = c.benchmark_group(format!("views of {} operations", all.op_count()));
    group.sample_size(10);
    group.bench_function("from nothing", |bench| {
        // Nobody holds the views afterwards, so that they are made again.
        bench.iter_batched_ref(
            || all.clone(),
            |state| black_box(state.ops_root()),
            BatchSize::PerIteration,
        );
    });
    let ids: Vec<_> = all.clone().ops().map(|op| op.id()).collect();
    group.bench_function("the map of identifiers alone", |bench| {
        let map = || ids.iter().map(|id| (*id, Digest::ZERO)).collect::<MerkleMap>();
        bench.iter_with_large_drop(map);
    });
    group.finish();
}

/// Push-pull with random partners until all hold everything; what came, and what frontiers would
/// have cost, is counted. How many exchanges that took.
fn gossip(states: &mut [MergeState]) -> u64 {
    let (n, mut exchanges, mut gain, mut frontiers) = (states.len(), 0, Gain::default(), 0);
    let mut dice = Dice(88_172_645_463_325_252);
    while states.iter().any(|state| *state != states[0]) {
        for i in 0..n {
            let j = (i + 1 + dice.below(n - 1)) % n;
            let [a, b] = states.get_disjoint_mut([i, j]).expect("two of them");
            exchanges += 1;
            if a != b {
                frontiers += a.frontier_len() + b.frontier_len();
                gain += a.merge_counted(b).expect("one policy");
                gain += b.merge_counted(a).expect("one policy");
            }
        }
    }
    black_box(frontiers);
    assert_eq!(gain.ops, (n * (n - 1)) as u64);
    exchanges
}

/// Random numbers by xorshift (Marsaglia, *Xorshift RNGs*, 2003).
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n as u64) as usize
    }
}

fn all_to_all(c: &mut Criterion) {
    let mut group = c.benchmark_group("push-pull of sets until all are equal");
    group.sample_size(10);
    for n in [1_000, 10_000] {
        let keys = keys(n);
        let alone = alone(&policy(&keys), &keys);
        group.throughput(Throughput::Elements(gossip(&mut alone.clone())));
        group.bench_function(format!("{n} replicas"), |bench| {
            bench.iter_batched_ref(
                || alone.clone(),
                |states| gossip(states),
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, merge, exchange, node, bitmaps, all_to_all);
criterion_main!(benches);
