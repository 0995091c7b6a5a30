//! What a join brings, in counts, is what two replicas send each other in one exchange.

use crate::driver::Net;
use crate::histories::{AUTHORS, GUESTS, any_steps, honest, look, play};
use crate::naive::{convicts_itself, removes};
use crate::{add, cases, contribution, key, model, pack, policy, say};
use espalier_identity::{Digest, PeerId, canonical};
use espalier_lattice::Dot;
use espalier_replica::{
    Arena, Body, Draft, ExchangeMode, INSIDE, MergeState, OpId, Policy, Replica, VerifiedOp,
    counting::{self, Gain},
};
use espalier_tensor::{Model, TensorMeta};
use espalier_trust::Record as _;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

fn tensors(op: &VerifiedOp) -> &[TensorMeta] {
    op.contribution().map_or(&[], |contribution| contribution.manifest.tensors())
}

fn all_contents(state: &MergeState) -> Vec<Digest> {
    state.ops().flat_map(tensors).map(|meta| meta.content).collect()
}

/// What `ours` lacks of `joined`, by the definition.
fn naive(ours: &MergeState, joined: &MergeState) -> Gain {
    let held: BTreeSet<OpId> = ours.ops().map(VerifiedOp::id).collect();
    let new: Vec<_> = joined.ops().filter(|op| !held.contains(&op.id())).collect();
    let legal = |op: &&VerifiedOp| !convicts_itself(op);
    let both = || ours.ops().chain(new.iter().copied()).filter(legal);
    let silent = |peer: &PeerId| {
        let of_genesis = joined.policy().spec().roster.contains(peer);
        of_genesis && joined.evidence().iter().any(|record| record.accused() == *peer)
    };
    let had: BTreeSet<_> = all_contents(ours).into_iter().collect();
    let removed = |dot| both().any(|by| removes(by).any(|target| target == dot));
    let offered = |op: &&VerifiedOp| !silent(&op.op().author) && !removed(op.op().dot());
    let size = |op: &VerifiedOp| tensors(op).iter().filter_map(TensorMeta::byte_len).sum::<u64>();
    let small = |op: &&VerifiedOp| !tensors(op).is_empty() && size(op) <= INSIDE as u64;
    let inside = |op: &&VerifiedOp| offered(op) && legal(op) && small(op);
    let come = new.iter().filter(|op| inside(op)).flat_map(|op| tensors(op));
    let come: BTreeSet<_> = come.map(|meta| meta.content).collect();
    let mut contents = BTreeMap::new();
    for op in new.iter().filter(|op| offered(op) && !inside(op)) {
        let dot = op.op().dot();
        let adds = |twin: &VerifiedOp| twin.contribution().is_some() && twin.op().dot() == dot;
        if ours.ops().filter(legal).any(adds) {
            continue;
        }
        let wanted = tensors(op).iter().filter(|meta| !had.contains(&meta.content));
        let wanted = wanted.filter(|meta| !come.contains(&meta.content));
        contents.extend(wanted.map(|meta| (meta.content, meta.byte_len().unwrap_or(0))));
    }
    Gain {
        ops: new.len() as u64,
        op_bytes: packed_len(joined.policy(), &new, |op| inside(&op)),
        inside_bytes: new.iter().filter(|op| inside(op)).map(|op| size(op)).sum(),
        contents: contents.len() as u64,
        content_bytes: contents.values().sum(),
    }
}

/// The length of operations in one batch: of each as the twin packs it, after the one before it in
/// its chain if that comes too, and of their layouts.
fn packed_len(policy: &Policy, new: &[&VerifiedOp], inside: impl Fn(&VerifiedOp) -> bool) -> u64 {
    let by_id: BTreeMap<_, _> = new.iter().map(|op| (op.id(), op.signed())).collect();
    let layouts: BTreeSet<_> = new.iter().filter_map(|op| pack::layout(op.signed())).collect();
    let width = [1, 256].iter().filter(|most| layouts.len() > **most).count();
    let len = |op: &&VerifiedOp| {
        let before = op.op().prev.and_then(|prev| by_id.get(&prev).copied());
        let index = &[0; 2][..if op.contribution().is_some() { width } else { 0 }];
        let empty = inside(op).then(Vec::new);
        pack::op(policy, op.signed(), before, index, empty.as_deref()).len()
    };
    let listed = canonical::encode(&layouts.into_iter().collect::<Vec<_>>()).len();
    if new.is_empty() { 0 } else { (new.iter().map(len).sum::<usize>() + listed) as u64 }
}

/// Both ways of counting agree with the definition, and with the join.
fn check(ours: &MergeState, theirs: &MergeState) -> Gain {
    let mut joined = ours.clone();
    joined.merge(theirs).expect("one policy");
    let expected = naive(ours, &joined);
    assert_eq!(ours.gain(theirs), Ok(expected));
    let mut counted = ours.clone();
    assert_eq!(counted.merge_counted(theirs), Ok(expected));
    assert!(counted == joined);
    assert_eq!(look(&counted), look(&joined));
    assert_eq!(counted.gain(theirs), Ok(Gain::default()), "nothing new");
    expected
}

/// Whether somebody is admitted by one of these states, and not by all.
fn is_known_to_one(nodes: &[&MergeState]) -> bool {
    let guests = (AUTHORS..AUTHORS + GUESTS).map(|i| key(i).peer_id());
    guests.into_iter().any(|guest| {
        let accepting = nodes.iter().filter(|state| state.accepts(&guest)).count();
        accepting > 0 && accepting < nodes.len()
    })
}

/// What two replicas with these states send in one exchange: frames and tensors in bytes, from
/// either side.
fn sent(a: &MergeState, b: &MergeState) -> [(u64, u64); 2] {
    let replica = |i, state: &MergeState| {
        let mut replica = Replica::new(key(i), state.clone(), ExchangeMode::Delta);
        replica.tensors_stored(&all_contents(state));
        replica
    };
    let mut net = Net::of(vec![replica(0, a), replica(1, b)], 1);
    net.exchange(0, 1);
    assert!(net.agree());
    let frames = |from| {
        let of_side = net.sent.iter().filter(|(side, _)| *side == from);
        of_side.map(|(_, frame)| frame.len() as u64).sum()
    };
    let len = |digest: &Digest| a.arena().store().get(digest).expect("one arena").len() as u64;
    let tensors = |from| {
        let provided = net.provided.iter().filter(|(side, _)| *side == from);
        provided.map(|(_, digest)| counting::tensors_len(1, len(digest))).sum()
    };
    [0, 1].map(|side| (frames(side), tensors(side)))
}

/// The same from counts.
fn counted(a: &MergeState, b: &MergeState) -> [(u64, u64); 2] {
    let (to_a, to_b) = (a.gain(b).expect("one policy"), b.gain(a).expect("one policy"));
    let hello = counting::HELLO_LEN;
    if a == b {
        return [(hello, 0), (counting::SAME_LEN, 0)];
    }
    let (seen_a, seen_b) = (a.frontier_len(), b.frontier_len());
    let want = |gain: Gain| if gain.contents > 0 { counting::want_len(gain.contents) } else { 0 };
    let relay = |i| counting::key_len(a.policy(), &key(i).peer_id());
    let from_a = hello + counting::delta_len(relay(0), Some(seen_a), &to_b) + want(to_a);
    let delta = counting::delta_len(relay(1), None, &to_a);
    let from_b = counting::differs_len(seen_b) + delta + want(to_b);
    let tensors = |gain: Gain| counting::tensors_len(gain.contents, gain.content_bytes);
    [(from_a, tensors(to_b)), (from_b, tensors(to_a))]
}

proptest! {
    #![proptest_config(cases(96))]

    #[test]
    fn counts_are_what_replicas_send(steps in honest(60)) {
        let nodes = play(&steps, true);
        for (a, b) in nodes.iter().zip(nodes.iter().skip(1)) {
            let (a, b) = (&a.state, &b.state);
            let (mut counted, mut sent) = (counted(a, b), sent(a, b));
            if is_known_to_one(&[a, b]) {
                // Who admits somebody in the middle asks for that one's tensors apart.
                (counted, sent) = Default::default();
            }
            prop_assert_eq!(counted, sent);
            check(a, b);
        }
    }

    #[test]
    fn counts_are_exact_whoever_lies(steps in any_steps(60), shared: bool) {
        let nodes = play(&steps, shared);
        for (a, b) in nodes.iter().zip(nodes.iter().skip(1)) {
            let mut joined = a.state.clone();
            joined.merge(&b.state).expect("one policy");
            // A fork may take votes out, and then operations that stay have no effect.
            if !is_known_to_one(&[&a.state, &b.state, &joined]) {
                check(&a.state, &b.state);
            }
            prop_assert_eq!(joined.frontier_len(), frontier_len(&joined));
        }
    }
}

/// The length of a frontier as it is written.
fn frontier_len(state: &MergeState) -> u64 {
    let (mut last, mut most, mut by_key) = (0, 0, Vec::new());
    for (author, top) in state.frontier().0 {
        match state.policy().roster_index(&author) {
            Some(position) => (last, most) = (position + 1, top.max(most)),
            None => by_key.push((author, top)),
        }
    }
    let width = (0..64).filter(|bit| most >> bit > 0).count();
    let by_position = vec![0_u8; (last * width).div_ceil(8)];
    canonical::encode(&(width as u8, by_position, by_key)).len() as u64
}

/// Many authors in one arena, each with a model of its own.
fn crowd(n: u8, wide: bool) -> Vec<MergeState> {
    let (policy, arena) = (policy(n), Arena::default());
    let alone = |i: u8| {
        let mut state = MergeState::with_arena(policy.clone(), arena.clone());
        let (own, pair, zeros) = ([f32::from(i)], [0.5, f32::from(i)], vec![0.0; INSIDE / 4]);
        let shape = [zeros.len() as u64];
        let tensors: [(&str, &[u64], &[f32]); 3] =
            [("v", &[1], &own), ("w", &[2], &pair), ("x", &shape, &zeros)];
        let model = Model::from_f32(&tensors[..if wide { 3 } else { 2 }]);
        state.add(&key(i), Draft::new("model", model.expect("legal"))).expect("allowed");
        state
    };
    (0..n).map(alone).collect()
}

fn union<'a>(states: impl IntoIterator<Item = &'a MergeState>) -> MergeState {
    let mut states = states.into_iter();
    let mut all = states.next().expect("at least one").clone();
    states.for_each(|state| {
        all.merge(state).expect("one policy");
    });
    all
}

#[test]
fn words_of_like_operations_and_of_others_are_counted_alike() {
    let n = 200;
    let alone = crowd(n, false);
    let mut halves = [union(&alone[..120]), union(&alone[70..])];
    let gain = check(&halves[0], &halves[1]);
    assert_eq!((gain.ops, gain.contents, gain.inside_bytes), (80, 0, 80 * 12));
    assert_eq!(check(&alone[3], &halves[0]).ops, 119);
    // One is replaced, one retracted, and one says what another contributed before.
    let [first, second] = &mut halves;
    add(first, &key(100), 7.0);
    second.retract(&key(190), Dot::new(key(190).peer_id(), 1)).expect("its own");
    let same = contribution(&model(0.5, 3.0), 0, Vec::new());
    say(second, &key(150), Body::Contribute(same));
    let [first, second] = &halves;
    assert_eq!(check(first, second).inside_bytes, 79 * 12 + 8, "one is gone, one has another");
    assert_eq!(check(second, first).ops, 71);
    assert_eq!(check(&alone[0], second).ops, 132);
}

#[test]
fn large_tensors_are_asked_for_and_shared_ones_once() {
    let (small, large) = (crowd(8, false), crowd(8, true));
    let mixed: Vec<_> = small
        .iter()
        .zip(&large)
        .enumerate()
        .map(|(i, (small, large))| {
            let mut state = MergeState::new(small.policy().clone());
            let chosen = if i % 2 == 0 { small } else { large };
            for content in chosen.live_contents() {
                state.arena().store().put(chosen.arena().store().get(&content).expect("held"));
            }
            state.merge(chosen).expect("one policy");
            state
        })
        .collect();
    for alone in [&large, &mixed] {
        let one = MergeState::with_arena(alone[0].policy().clone(), Arena::default());
        for (a, b) in [(&one, &union(alone)), (&alone[1], &union(&alone[2..]))] {
            let gain = check(a, b);
            assert!(gain.contents > 0 && gain.content_bytes > 0);
        }
    }
    let (a, b) = (union(&large[..3]), union(&large[2..]));
    let gain = check(&a, &b);
    assert_eq!((gain.contents, gain.inside_bytes), (5 * 2, 0), "all have the zeros");
    assert_eq!(counted(&a, &b), sent(&a, &b));
}

#[test]
fn frontiers_are_as_long_as_they_are_written() {
    let alone = crowd(200, false);
    let mut all = union(&alone);
    for state in alone.iter().chain([&all, &MergeState::new(policy(3))]) {
        assert_eq!(state.frontier_len(), frontier_len(state));
    }
    // Up to numbers of eight bits.
    for _ in 0..127 {
        say(&mut all, &key(5), Body::Retract { targets: Vec::new() });
        assert_eq!(all.frontier_len(), frontier_len(&all));
    }
    let mut open = MergeState::new(policy(0));
    add(&mut open, &key(0), 1.0);
    assert_eq!(open.frontier_len(), frontier_len(&open));
}

#[test]
fn policies_must_be_equal_to_be_counted() {
    let [mut a, b] = [3, 4].map(|n| MergeState::new(policy(n)));
    assert!(a.gain(&b).is_err() && a.merge_counted(&b).is_err());
}
