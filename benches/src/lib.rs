//! Seeded inputs shared by the benchmarks.

use espalier::prelude::*;
use espalier::tensor::random::Stream;

/// A model of one f32 tensor with normal elements, a function of `seed`.
///
/// # Panics
/// Never: the bytes fit the shape.
#[must_use]
pub fn model(seed: u64, elements: usize) -> Model {
    let mut values = vec![0.0; elements];
    Stream::new(Digest::of_content(&seed.to_le_bytes())).fill_normal(0, &mut values);
    Model::from_f32(&[("w", &[elements as u64], &values)]).expect("one tensor that fits")
}

/// Keys of `count` authors.
#[must_use]
pub fn keys(count: usize) -> Vec<Keypair> {
    let key = |i: usize| Keypair::from_seed(*Digest::of_content(&i.to_le_bytes()).as_bytes());
    (0..count).map(key).collect()
}

/// A policy that admits exactly these authors.
///
/// # Panics
/// Never: the defaults are valid.
#[must_use]
pub fn policy(keys: &[Keypair]) -> Policy {
    let roster = keys.iter().map(Keypair::peer_id).collect();
    Policy::new(PolicySpec { roster, ..PolicySpec::any_schema() }).expect("a valid policy")
}

/// A state in `arena` to which `authors` have each contributed a small model.
///
/// # Panics
/// Never: everybody contributes what the policy allows.
#[must_use]
pub fn state(policy: &Policy, arena: &Arena, authors: &[Keypair]) -> MergeState {
    let mut state = MergeState::with_arena(policy.clone(), arena.clone());
    for (i, key) in authors.iter().enumerate() {
        state.add(key, Draft::new("bench", model(i as u64, 256))).expect("allowed");
    }
    state
}

/// States of one contribution each, in one arena: of every author a small model.
///
/// # Panics
/// Never: everybody contributes what the policy allows.
#[must_use]
pub fn alone(policy: &Policy, authors: &[Keypair]) -> Vec<MergeState> {
    let arena = Arena::default();
    let alone = |(i, key): (usize, &Keypair)| {
        let mut state = MergeState::with_arena(policy.clone(), arena.clone());
        let model = Model::from_f32(&[("w", &[2], &[i as f32, 1.0])]).expect("one tensor");
        state.add(key, Draft::new("bench", model)).expect("allowed");
        state
    };
    authors.iter().enumerate().map(alone).collect()
}

/// The join of states.
///
/// # Panics
/// If they are of different federations, or there are none.
#[must_use]
pub fn union(states: &[MergeState]) -> MergeState {
    let (first, rest) = states.split_first().expect("some");
    rest.iter().fold(first.clone(), |mut all, state| {
        all.merge(state).expect("one policy");
        all
    })
}
