//! Durable before it leaves.

use crate::driver::{Weather, World};
use espalier_identity::Keypair;
use espalier_node::{Node, NodeConfig, NodeInput, NodeOutput};
use espalier_replica::{Draft, Effect, ExchangeMode, MergeState, Policy, PolicySpec, Replica};
use espalier_tensor::Model;
use proptest::prelude::*;
use std::time::Duration;

/// Machines that contribute, crash and lose what was not durable; whether all ended equal, and how
/// many were convicted.
fn run(seed: u64, hasty: bool) -> (bool, usize) {
    let mut world = World::new(4, NodeConfig::default(), seed);
    world.hasty = hasty;
    world.weather = Weather { loss: 10, double: 10, late: 20, slow: 97, failing: 0 };
    for _ in 0..30 {
        for at in 0..4 {
            if world.dice.percent(15) {
                world.crash(at);
            }
            if world.dice.percent(40) {
                world.contribute(at);
            }
        }
        world.tick();
    }
    world.weather = Weather::default();
    let agrees = (0..60).any(|_| {
        world.tick();
        world.agree()
    });
    (agrees, world.convictions())
}

#[test]
fn whoever_crashes_with_a_slow_disk_is_never_convicted() {
    for seed in 0..60 {
        assert_eq!(run(seed, false), (true, 0), "seed {seed}");
    }
}

/// The test above can fail: a driver that says `Persisted` too early gets its owner convicted.
#[test]
fn whoever_says_persisted_too_early_is_convicted() {
    let runs: Vec<_> = (0..20).map(|seed| run(seed, true)).collect();
    let convicted = runs.iter().filter(|(agrees, convicted)| *agrees && *convicted > 0).count();
    assert!(convicted >= 10, "{convicted} of 20 runs");
}

fn policy() -> Policy {
    let roster = [1, 2].map(|i| Keypair::from_seed([i; 32]).peer_id()).to_vec();
    Policy::new(PolicySpec { roster, ..PolicySpec::any_schema() }).expect("a policy")
}

fn node() -> Node {
    let key = Keypair::from_seed([1; 32]);
    Node::new(
        Replica::new(key, MergeState::new(policy()), ExchangeMode::Delta),
        NodeConfig::default(),
    )
}

/// What a node is told at random: how far it says itself to have come must be durable.
#[derive(Debug, Clone)]
enum Act {
    Contribute,
    /// The disk has got so far, of what it was given.
    Persisted(u64),
    Tick,
    Up,
    Down,
    /// The peer begins or answers.
    Talk,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        2 => Just(Act::Contribute),
        2 => (0..12_u64).prop_map(Act::Persisted),
        2 => Just(Act::Tick),
        1 => Just(Act::Up),
        1 => Just(Act::Down),
        3 => Just(Act::Talk),
    ];
    prop::collection::vec(act, 1..60)
}

proptest! {
    /// The peer takes in whatever the node lets out, and never knows an operation of the node that
    /// is not durable; and when all is durable, it knows everything.
    #[test]
    fn nothing_leaves_before_it_is_durable(acts in acts()) {
        let (mut node, own) = (node(), Keypair::from_seed([1; 32]).peer_id());
        let key = Keypair::from_seed([2; 32]);
        let (peer, mut other) =
            (key.peer_id(), Replica::new(key, MergeState::new(policy()), ExchangeMode::Delta));
        let (mut now, mut made, mut inbox) = (Duration::ZERO, 0_u64, Vec::new());
        // By number, up to which sequence number of the node's own it goes.
        let (mut written, mut durable) = (vec![0_u64], 0);
        let acts = acts.into_iter().chain([Act::Up, Act::Persisted(u64::MAX)]);
        let acts = acts.chain((0..40).flat_map(|_| [Act::Tick, Act::Talk, Act::Talk, Act::Talk]));
        for act in acts {
            let input = match act {
                Act::Contribute => {
                    made += 1;
                    let model = Model::from_f32(&[("w", &[1], &[made as f32])]).expect("a model");
                    let draft = Draft::new("model", model);
                    let done = node.change(|state, key| state.add(key, draft));
                    let (_, outputs) = done.expect("legal");
                    take(outputs, &own, &mut written, &mut inbox);
                    continue;
                }
                Act::Persisted(number) => {
                    // A disk never says more than it was given.
                    let number = number.min(written.len() as u64 - 1);
                    durable = durable.max(written[number as usize]);
                    NodeInput::Persisted(number)
                }
                Act::Tick => {
                    now += Duration::from_secs(1);
                    NodeInput::Tick
                }
                Act::Up => NodeInput::PeerUp(peer),
                Act::Down => NodeInput::PeerDown(peer),
                Act::Talk => {
                    if inbox.is_empty() {
                        continue;
                    }
                    let frame = inbox.remove(0);
                    let received = other.receive(own, &frame).unwrap_or_default();
                    prop_assert!(other.state().last_seq(&own) <= durable);
                    for effect in received.effects {
                        let Effect::Send { frame, .. } = effect else { continue };
                        let outputs = node.handle(NodeInput::Frame { from: peer, frame }, now);
                        take(outputs, &own, &mut written, &mut inbox);
                    }
                    continue;
                }
            };
            let outputs = node.handle(input, now);
            take(outputs, &own, &mut written, &mut inbox);
        }
        prop_assert_eq!(other.state().last_seq(&own), made);
    }
}

/// Splits outputs into what is written and what is sent.
fn take(
    outputs: Vec<NodeOutput>,
    own: &espalier_identity::PeerId,
    written: &mut Vec<u64>,
    inbox: &mut Vec<Vec<u8>>,
) {
    for output in outputs {
        match output {
            NodeOutput::Persist { number, ops } => {
                assert_eq!(number, written.len() as u64, "numbers count");
                let ops = ops.ops().map(|op| op.op()).filter(|op| op.author == *own);
                let top = ops.map(|op| op.seq).max().unwrap_or(0);
                written.push(top.max(*written.last().expect("zero")));
            }
            NodeOutput::Effect(Effect::Send { frame, .. }) => inbox.push(frame),
            _ => {}
        }
    }
}
