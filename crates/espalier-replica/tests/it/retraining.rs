//! A node that retrains for ever: its memory is that of its last models and of its operations, not
//! of every model that ever was.

use crate::driver::{address, replica};
use crate::key;
use espalier_replica::{Draft, Effect, ExchangeMode, MergeState, Policy, PolicySpec, Replica};
use espalier_tensor::Model;
use espalier_testkit::alloc::allocated;
use std::collections::VecDeque;

/// Numbers of a model: 16 KiB, which does not travel inside a batch.
const ELEMENTS: usize = 4096;
const MODEL_BYTES: usize = 4 * ELEMENTS;

/// What one operation may take for ever, on both nodes together: itself, and its places in indexes,
/// views and Merkle maps.
const OPERATION_BYTES: usize = 12 << 10;

/// Models on both nodes: live ones, and a mebibyte of those that were live last.
const MODELS: usize = 2 * 100;

fn retrain(node: &mut Replica, i: usize, round: u64) {
    let values: Vec<f32> = (0..ELEMENTS).map(|at| (at * (i + 1)) as f32 + round as f32).collect();
    let model = Model::from_f32(&[("w", &[ELEMENTS as u64], &values)]).expect("legal");
    let draft = Draft { round, ..Draft::new("m", model) };
    node.change(|state, key| state.add(key, draft)).expect("legal");
}

fn exchange(nodes: &mut [Replica; 2]) {
    let effects = nodes[0].start(address(1)).into_iter();
    let mut mail: VecDeque<_> = effects.map(|effect| (1, effect)).collect();
    while let Some((to, effect)) = mail.pop_front() {
        let received = match effect.asked_by_frame() {
            Effect::Send { frame, .. } => {
                nodes[to].receive(address(1 - to), &frame).expect("honest")
            }
            Effect::Provide { contents, .. } => {
                for digest in &contents {
                    let content = nodes[1 - to].state().arena().store().get(digest);
                    // Its own bytes: the two are on different machines.
                    let content = content.expect("held").to_vec();
                    nodes[to].state().arena().store().put(content.into());
                }
                nodes[to].tensors_stored(&contents)
            }
            Effect::Fetch { .. } => unreachable!("asked by a frame"),
        };
        mail.extend(received.effects.into_iter().map(|effect| (1 - to, effect)));
    }
}

/// Two nodes train `rounds` rounds from one on, exchange and resolve.
fn train(nodes: &mut [Replica; 2], from: u64, rounds: u64) {
    for round in from..from + rounds {
        for (i, node) in nodes.iter_mut().enumerate() {
            node.tick();
            retrain(node, i, round);
        }
        exchange(nodes);
        if round % 16 == 0 {
            let roots = nodes.each_ref().map(|node| node.state().resolve().expect("held").root());
            assert_eq!(roots[0], roots[1]);
        }
    }
}

#[test]
fn a_thousand_rounds_take_the_memory_of_a_few_models() {
    for exchange in [ExchangeMode::Delta, ExchangeMode::Intervals] {
        let mut nodes = [replica(key(0), 2, exchange), replica(key(1), 2, exchange)];
        let ((), first) = allocated(|| train(&mut nodes, 0, 200));
        let ((), rest) = allocated(|| train(&mut nodes, 200, 800));
        let live = first.live + rest.live;
        let bound = MODELS * MODEL_BYTES + 2 * 1000 * OPERATION_BYTES;
        assert!(live < bound, "{exchange:?}: {live} bytes are live, of at most {bound}");
        let grown = rest.live / (2 * 800);
        assert!(grown < OPERATION_BYTES, "{exchange:?}: {grown} bytes for each operation");
        for node in &nodes {
            let history = 2 * node.state().policy().spec().constants.history as usize;
            let contents = node.state().arena().store().len();
            let spare = (1 << 20) / MODEL_BYTES;
            assert!(contents <= history + spare + 4, "{contents} tensors, {history} are live");
        }
        assert_eq!(nodes[0].state().state_hash(), nodes[1].state().state_hash());
    }
}

/// What somebody else in the arena may need stays: a state of an earlier time resolves.
#[test]
fn a_shared_arena_forgets_nothing() {
    let mut nodes =
        [replica(key(0), 2, ExchangeMode::Delta), replica(key(1), 2, ExchangeMode::Delta)];
    train(&mut nodes, 0, 3);
    let earlier = nodes[0].state().clone();
    let root = earlier.resolve().expect("held").root();
    train(&mut nodes, 3, 80);
    assert!(nodes[0].state().arena().store().len() > 2 * 80);
    assert_eq!(earlier.without_views().resolve().expect("still held").root(), root);
    drop(earlier);
    train(&mut nodes, 83, 2);
    let history = nodes[0].state().policy().spec().constants.history as usize;
    assert!(nodes[0].state().arena().store().len() <= 2 * history + (1 << 20) / MODEL_BYTES + 4);
}

/// The policy's base is needed as long as the policy is, live or not.
#[test]
fn the_base_stays() {
    let large =
        |x: f32| Model::from_f32(&[("w", &[ELEMENTS as u64], &[x; ELEMENTS])]).expect("legal");
    let base = large(1.0);
    let spec = PolicySpec { base: Some(base.root()), ..PolicySpec::for_model(&base) };
    let spec = PolicySpec { strategy: "task-arithmetic".into(), ..spec };
    let state = MergeState::new(Policy::new(spec).expect("legal"));
    state.arena().put_model(base.clone());
    let mut node = Replica::new(key(0), state, ExchangeMode::Delta);
    for round in 0..100_u16 {
        // It contributes the base itself first, and that does not stay live.
        let round = u64::from(round);
        let draft = Draft { round, ..Draft::new("m", large(1.0 + round as f32)) };
        node.change(|state, key| state.add(key, draft)).expect("legal");
        node.tick();
    }
    assert!(node.state().arena().store().len() < 90, "others are gone");
    node.state().resolve().expect("the base is here");
}
