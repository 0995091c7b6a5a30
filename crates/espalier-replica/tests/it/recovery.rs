//! What a store and a driver need: which operations came in, what is lacking after a crash, and
//! that nothing stays of a peer that has gone.

use crate::driver::{Net, address, replica};
use crate::memory::message;
use crate::pack::sealed;
use crate::{key, model, policy, say, signed};
use espalier_identity::{Digest, PeerId};
use espalier_replica::{
    Arena, Body, Delta, Draft, Effect, ExchangeMode, MergeState, Replica, SignedOp, Tensors,
};
use espalier_tensor::Model;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// A model that is too large to travel inside a batch.
fn large(x: f32) -> Model {
    Model::from_f32(&[("w", &[2000], &[x; 2000])]).expect("legal")
}

fn contribute(replica: &mut Replica, model: Model) {
    let draft = Draft { round: 1, ..Draft::new("m", model) };
    replica.change(|state, key| state.add(key, draft)).expect("legal");
}

/// A state as a log of operations brings it back, into an arena of its own with these tensors.
fn read_back(state: &MergeState, tensors: &[Digest]) -> MergeState {
    let arena = Arena::default();
    for content in tensors.iter().filter_map(|digest| state.arena().store().get(digest)) {
        arena.store().put(content);
    }
    let bytes = state.to_bytes(Tensors::ByReference);
    MergeState::from_bytes_in(&bytes, arena).expect("its own bytes")
}

/// Half of the tensors are torn off, own ones among them. The replica gets them from its peers,
/// offers none before, and does not forget what it has signed.
#[test]
fn a_replica_asks_for_what_a_torn_store_lost() {
    for exchange in [ExchangeMode::Delta, ExchangeMode::Intervals, ExchangeMode::FullState] {
        for torn in 0..4 {
            let mut net = Net::new(4, 7, exchange);
            (0..4).for_each(|i| contribute(&mut net.replicas[i], large(1.0 + i as f32)));
            net.rounds(2);
            assert!(net.agree());
            let state = net.replicas[0].state().clone();
            let mut held: Vec<_> = state.live_contents().collect();
            held.rotate_left(torn);
            held.truncate(2);
            let back = read_back(&state, &held);
            assert!(back.resolve().is_err(), "tensors are lacking");
            let held: BTreeSet<_> = held.into_iter().collect();
            net.replicas[0] = Replica::recover(key(0), back, exchange, held);
            // Whoever exchanges with it gets nothing that it lacks.
            let seq = net.replicas[0].state().last_seq(&key(0).peer_id());
            net.rounds(2);
            assert!(net.agree(), "{exchange:?}, torn at {torn}");
            let model = net.replicas[0].state().resolve().expect("all tensors are here again");
            assert_eq!(model.root(), state.resolve().expect("they were").root());
            contribute(&mut net.replicas[0], large(9.0));
            assert_eq!(net.replicas[0].state().last_seq(&key(0).peer_id()), seq + 1);
            net.rounds(2);
            assert!(net.agree() && net.replicas[1].state().evidence().iter().next().is_none());
        }
    }
}

/// Nothing is asked for that was replaced meanwhile, nor what came back by another way.
#[test]
fn what_nobody_needs_any_more_is_not_asked_for() {
    let mut source = replica(key(1), 2, ExchangeMode::Delta);
    contribute(&mut source, large(1.0));
    let back = read_back(source.state(), &[]);
    let mut torn = Replica::recover(key(1), back, ExchangeMode::Delta, BTreeSet::new());
    assert_eq!(torn.start(address(0)).len(), 2, "a request and a greeting");
    contribute(&mut torn, large(1.0));
    assert_eq!(torn.start(address(0)).len(), 1, "it was made again");
    let back = read_back(source.state(), &[]);
    let mut torn = Replica::recover(key(1), back, ExchangeMode::Delta, BTreeSet::new());
    contribute(&mut torn, large(2.0));
    torn.tick();
    let lacks =
        torn.state().live_contents().any(|c| torn.state().arena().store().get(&c).is_none());
    assert_eq!(torn.start(address(0)).len(), if lacks { 2 } else { 1 });
}

/// An exchange that `node` begins with `other`, which both know as `peer`, and all that follows;
/// `came` gets what `node` takes in.
fn converse(node: &mut Replica, peer: PeerId, other: &mut Replica, came: &mut impl FnMut(&Delta)) {
    let effects = node.start(peer).into_iter();
    let mut mail: VecDeque<_> = effects.map(|effect| (true, effect)).collect();
    while let Some((out, effect)) = mail.pop_front() {
        let (from, to) = if out { (&mut *node, &mut *other) } else { (&mut *other, &mut *node) };
        let received = match effect.asked_by_frame() {
            Effect::Send { frame, .. } => to.receive(peer, &frame).expect("honest"),
            Effect::Provide { contents, .. } => {
                for digest in &contents {
                    let content = from.state().arena().store().get(digest).expect("held");
                    to.state().arena().store().put(content);
                }
                to.tensors_stored(&contents)
            }
            Effect::Fetch { .. } => unreachable!("asked by a frame"),
        };
        if !out {
            came(&received.admitted);
        }
        mail.extend(received.effects.into_iter().map(|effect| (!out, effect)));
    }
}

/// A log of what was admitted, changed, absorbed and published holds exactly the state.
#[test]
fn what_came_in_is_the_state() {
    let mut net = Net::new(3, 1, ExchangeMode::Delta);
    (0..3).for_each(|i| contribute(&mut net.replicas[i], large(1.0 + i as f32)));
    let (mut log, mut node) = (Vec::<SignedOp>::new(), replica(key(9), 3, ExchangeMode::Delta));
    let empty = node.state().clone();
    let mut append = |delta: &Delta| {
        log.extend(delta.ops().map(|op| op.signed().clone()));
    };
    for peer in 0..3 {
        converse(&mut node, address(peer), &mut net.replicas[peer], &mut append);
    }
    let mut other = node.clone();
    say_in(&mut net.replicas[0], &mut other);
    append(&node.absorb(other).expect("one policy"));
    append(&node.publish());
    assert_eq!(log.len(), node.state().op_count());
    assert_eq!(node.state().since(&empty).len(), log.len());
    let mut replayed = MergeState::new(policy(3));
    // Every prefix is a log too.
    log.chunks(1).for_each(|op| {
        replayed.apply(op.to_vec()).expect("in order");
    });
    assert_eq!(replayed.ops_root(), node.state().ops_root());
}

/// Author 0 retracts nothing once more, and `to` hears of it.
fn say_in(author: &mut Replica, to: &mut Replica) {
    let body = Body::Retract { targets: Vec::new() };
    let op = author.change(|state, key| Ok(say(state, key, body))).expect("legal");
    to.change(|state, _| {
        state.apply(vec![op]).expect("in order");
        Ok(())
    })
    .expect("legal");
}

/// In which fields of a replica a peer stands, as its debug form shows them.
fn mentions(replica: &Replica, peer: PeerId) -> BTreeSet<String> {
    let (text, mut field, mut found) = (format!("{replica:#?}"), "", BTreeSet::new());
    for line in text.lines() {
        let name = line.strip_prefix("    ").filter(|rest| !rest.starts_with([' ', '}', ']', ')']));
        field = name.and_then(|rest| rest.split(':').next()).unwrap_or(field);
        if line.contains(&peer.short()) {
            found.insert(field.to_owned());
        }
    }
    found
}

#[test]
fn nothing_stays_of_a_peer_that_is_forgotten() {
    let peer = address(9);
    let (mut node, mut other) =
        (replica(key(0), 2, ExchangeMode::Intervals), replica(key(1), 2, ExchangeMode::Intervals));
    let hear = |node: &mut Replica, frame: &[u8]| node.receive(peer, frame).expect("well formed");
    // Two who know how far they are.
    contribute(&mut other, model(1.0, 2.0));
    converse(&mut node, peer, &mut other, &mut |_| {});
    // What waits for a tensor, who asks for it, and what a stranger signed.
    contribute(&mut other, large(3.0));
    let wanted: Vec<_> = other.state().live_contents().collect();
    hear(&mut node, &sealed(&policy(2), &key(1), &signed(other.state())));
    hear(&mut node, &message(7, &wanted));
    let mut stranger = MergeState::new(policy(0));
    let op = say(&mut stranger, &key(7), Body::Retract { targets: Vec::new() });
    hear(&mut node, &sealed(&policy(2), &key(1), &[op]));
    // Overdue, and asked for again.
    node.tick();
    node.tick();
    let root = Digest::of_content(b"another root");
    hear(&mut node, &message(0, &(policy(2).hash(), root)));
    // How far it has seen, and symbols of its operations.
    let nobody: BTreeMap<PeerId, u64> = BTreeMap::new();
    hear(&mut node, &message(2, &(0_u8, Vec::<u8>::new(), &nobody, false)));
    let salt = espalier_reconcile::Salt::new([3; 16]);
    let symbol = espalier_reconcile::Encoder::new(&salt, [salt.short(&[7; 32])]).take(1)[0];
    let scope = ([3_u8; 16], None::<u8>);
    hear(&mut node, &message(4, &(scope, 1_u64, symbol, 0_u64, vec![symbol])));

    let memory = [
        "asked",
        "comparisons",
        "in_flight",
        "intervals",
        "strangers",
        "unequal",
        "waiting",
        "wishes",
    ];
    assert_eq!(mentions(&node, peer), memory.map(str::to_owned).into(), "all that there is");
    let before = node.state().ops_root();
    node.forget_peer(&peer);
    assert_eq!(mentions(&node, peer), BTreeSet::new());
    assert_eq!(node.state().ops_root(), before, "what it brought stays");
    node.forget_peer(&peer);
    // It is met again like anybody.
    converse(&mut node, peer, &mut other, &mut |_| {});
    assert_eq!(node.state().ops_root(), other.state().ops_root());
}
