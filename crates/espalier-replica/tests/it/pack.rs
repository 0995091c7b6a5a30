//! Batches packed slowly and obviously: the twin of what replicas do, and hostile ones.

use crate::codec::reframe;
use crate::driver::{address, replica};
use crate::histories::{any_steps, play};
use crate::{add, cases, key, model, policy, signed};
use espalier_identity::{Keypair, PeerId, Signature, canonical};
use espalier_replica::{
    BatchError, Body, Draft, Effect, Envelope, ExchangeMode, HEADER_LEN, INSIDE, MergeState,
    Policy, ReceiveError, Replica, SignedOp, counting,
};
use espalier_tensor::{Dtype, Model};
use proptest::prelude::*;
use std::collections::BTreeSet;

/// An operation, and the bytes of its tensors if they travel with it.
pub(crate) type Loaded = (SignedOp, Option<Vec<Vec<u8>>>);

fn number(number: u64) -> Vec<u8> {
    canonical::encode(&number)
}

pub(crate) fn key_bytes(policy: &Policy, key: &PeerId) -> Vec<u8> {
    let roster = &policy.spec().roster;
    let bytes = |position: usize| match roster.len() {
        0 => Vec::new(),
        1..=255 => vec![position as u8],
        _ => vec![position as u8, (position >> 8) as u8],
    };
    match roster.iter().position(|listed| listed == key) {
        Some(position) => bytes(position + 1),
        None => [bytes(0), key.as_bytes().to_vec()].concat(),
    }
}

/// Names, types and shapes of what an operation contributes.
pub(crate) fn layout(op: &SignedOp) -> Option<Vec<u8>> {
    let Body::Contribute(contribution) = &op.op.body else { return None };
    let tensors = contribution.manifest.tensors().iter();
    Some(canonical::encode(&tensors.map(|t| (&t.name, t.dtype, &t.shape)).collect::<Vec<_>>()))
}

fn dots(policy: &Policy, dots: &[espalier_lattice::Dot<PeerId>]) -> Vec<u8> {
    let each = dots.iter().map(|dot| [key_bytes(policy, &dot.actor), number(dot.seq)].concat());
    [number(dots.len() as u64), each.collect::<Vec<_>>().concat()].concat()
}

fn body(policy: &Policy, body: &Body, index: &[u8], inside: Option<&[Vec<u8>]>) -> Vec<u8> {
    match body {
        Body::Contribute(c) => {
            let whole = c.weight.raw() % 65_536 == 0;
            let listed = c.base.is_some() && c.base == policy.spec().base;
            let marks = [
                inside.is_some(),
                whole,
                listed,
                c.base.is_some() && !listed,
                c.round > 0,
                !c.replaces.is_empty(),
            ];
            let marks = marks.iter().rev().fold(0_u8, |marks, is| marks << 1 | u8::from(*is));
            let digests = c.manifest.tensors().iter().map(|t| t.content.as_bytes().to_vec());
            let bare = |is: bool, bytes: Vec<u8>| if is { bytes } else { Vec::new() };
            [
                vec![marks],
                number(c.name.len() as u64),
                c.name.as_bytes().to_vec(),
                number(if whole { c.weight.raw() / 65_536 } else { c.weight.raw() }),
                index.to_vec(),
                inside.map_or_else(|| digests.collect(), <[_]>::to_vec).concat(),
                c.bound.bits().to_le_bytes().to_vec(),
                bare(c.base.is_some() && !listed, canonical::encode(&c.base)[..].to_vec())
                    .into_iter()
                    .skip(1)
                    .collect(),
                bare(c.round > 0, number(c.round)),
                bare(!c.replaces.is_empty(), dots(policy, &c.replaces)),
            ]
            .concat()
        }
        Body::Retract { targets } => dots(policy, targets),
        Body::Attest { subject, dimension, epoch, about, value } => [
            key_bytes(policy, subject),
            canonical::encode(dimension),
            number(*epoch),
            about.as_bytes().to_vec(),
            number(value.raw().into()),
        ]
        .concat(),
        Body::Evidence(fault) => canonical::encode(&canonical::encode(fault)),
        Body::Vote { subject, admit } => {
            [key_bytes(policy, subject), vec![u8::from(*admit)]].concat()
        }
    }
}

/// An operation after another one, with these bytes for which layout it has.
pub(crate) fn op(
    policy: &Policy,
    signed: &SignedOp,
    before: Option<&SignedOp>,
    index: &[u8],
    inside: Option<&[Vec<u8>]>,
) -> Vec<u8> {
    let op = &signed.op;
    let goes_on = before.is_some_and(|before| {
        (before.op.author, before.op.seq + 1) == (op.author, op.seq) && op.prev == Some(before.id())
    });
    let kind = match op.body {
        Body::Contribute(_) => 0,
        Body::Retract { .. } => 1,
        Body::Attest { .. } => 2,
        Body::Evidence(_) => 3,
        Body::Vote { .. } => 4,
    };
    let mut bytes = vec![kind + 8 * u8::from(goes_on) + 16 * u8::from(!op.deps.is_empty())];
    if !goes_on {
        bytes.extend([key_bytes(policy, &op.author), number(op.seq)].concat());
        op.prev.iter().for_each(|prev| bytes.extend(prev.as_bytes()));
    }
    if !op.deps.is_empty() {
        bytes.extend(canonical::encode(&op.deps));
    }
    bytes.extend(number(op.lamport));
    bytes.extend(body(policy, &op.body, index, inside));
    bytes.extend(signed.signature.as_bytes());
    bytes
}

pub(crate) fn batch(
    policy: &Policy,
    relay: PeerId,
    signature: Signature,
    ops: &[Loaded],
) -> Vec<u8> {
    let mut layouts: Vec<Vec<u8>> = Vec::new();
    for layout in ops.iter().filter_map(|(op, _)| layout(op)) {
        if !layouts.contains(&layout) {
            layouts.push(layout);
        }
    }
    let width = [1, 256, 65_536].iter().filter(|most| layouts.len() > **most).count();
    let inside = ops.iter().flat_map(|(_, inside)| inside.iter().flatten().map(Vec::len));
    let mut bytes = number(inside.sum::<usize>() as u64);
    bytes.extend(key_bytes(policy, &relay));
    bytes.extend(signature.as_bytes());
    bytes.extend(canonical::encode(&layouts));
    for (at, (signed, inside)) in ops.iter().enumerate() {
        let index = layouts.iter().position(|known| Some(known) == layout(signed).as_ref());
        let index = index.unwrap_or(0).to_le_bytes();
        let before = at.checked_sub(1).map(|before| &ops[before].0);
        bytes.extend(op(policy, signed, before, &index[..width], inside.as_deref()));
    }
    bytes
}

/// A Delta with this batch.
pub(crate) fn delta(batch: &[u8]) -> Vec<u8> {
    reframe(&canonical::encode(&(3_u8, batch, None::<u8>)))
}

/// A Delta with operations without tensors, in an envelope of this relay and signature.
pub(crate) fn message(
    policy: &Policy,
    relay: PeerId,
    signature: Signature,
    ops: &[SignedOp],
) -> Vec<u8> {
    let loaded: Vec<_> = ops.iter().map(|op| (op.clone(), None)).collect();
    delta(&batch(policy, relay, signature, &loaded))
}

/// The same in a valid envelope of `relay`.
pub(crate) fn sealed(policy: &Policy, relay: &Keypair, ops: &[SignedOp]) -> Vec<u8> {
    let ids = ops.iter().map(SignedOp::id);
    let Envelope { relay, signature, .. } = Envelope::of_operations(relay, policy.hash(), ids);
    message(policy, relay, signature, ops)
}

/// What a replica answers somebody who has seen nothing.
fn told(replica: &mut Replica) -> Option<Vec<u8>> {
    let nothing = (2_u8, 0_u8, Vec::<u8>::new(), Vec::<(PeerId, u64)>::new(), false);
    let frame = reframe(&canonical::encode(&nothing));
    let answer = replica.receive(address(9), &frame).expect("well formed");
    let [Effect::Send { frame, .. }] = &answer.effects[..] else { panic!("one frame") };
    // The other possible answer is that both have seen nothing.
    (frame[HEADER_LEN] == 3).then(|| frame.clone())
}

/// The batch of a Delta with a frontier.
fn batch_of(frame: &[u8]) -> Vec<u8> {
    let payload = &frame[HEADER_LEN + 1..];
    let prefix = payload.iter().take_while(|byte| **byte >= 0x80).count() + 1;
    let len =
        payload[..prefix].iter().rev().fold(0, |len, byte| len << 7 | usize::from(byte & 0x7f));
    payload[prefix..prefix + len].to_vec()
}

/// The same operations as the twin packs them, with the tensors inside that belong there.
fn twin(replica: &Replica, key: &Keypair) -> Vec<u8> {
    let state = replica.state();
    let live: BTreeSet<_> = state.live_contents().collect();
    let store = state.arena().store();
    let load = |op: &SignedOp| -> Loaded {
        let Body::Contribute(c) = &op.op.body else { return (op.clone(), None) };
        let shown = state.visible().any(|entry| entry.op().id() == op.id());
        let tensors = c.manifest.tensors().iter().map(|t| t.content);
        let inside = shown.then(|| tensors.filter(|t| live.contains(t)).map(|t| store.get(&t)));
        (op.clone(), inside.map(|all| all.map(|c| c.expect("held").to_vec()).collect()))
    };
    let loaded: Vec<_> = signed(state).iter().map(load).collect();
    let ids = signed(state).into_iter().map(|op| op.id());
    let envelope =
        Envelope::of_operations(key, state.policy().hash(), ids.collect::<Vec<_>>().into_iter());
    batch(state.policy(), envelope.relay, envelope.signature, &loaded)
}

/// Small operations of all kinds.
fn sample() -> Replica {
    let mut source = replica(key(0), 4, ExchangeMode::Delta);
    let (a, b) = (model(1.0, 2.0), Model::from_f32(&[("v", &[1], &[3.0])]).expect("legal"));
    for (name, model) in [("first", a), ("second", b)] {
        source.change(|state, key| state.add(key, Draft::new(name, model))).expect("legal");
    }
    source.change(|state, key| state.vote(key, crate::key(70).peer_id(), true)).expect("allowed");
    let mut other = MergeState::new(policy(4));
    add(&mut other, &key(1), 5.0);
    source.change(|state, _| Ok(state.apply(signed(&other)).expect("signed"))).expect("taken");
    let content = other.live_contents().next().expect("one");
    source.state().arena().store().put(other.arena().store().get(&content).expect("held"));
    source.tensors_stored(&[content]);
    source
}

proptest! {
    #![proptest_config(cases(64))]

    #[test]
    fn what_is_packed_is_unpacked_to_the_same_operations(steps in any_steps(40), small: bool) {
        for node in play(&steps, true).iter().step_by(2) {
            let mut source = Replica::new(key(0), node.state.clone(), ExchangeMode::Delta);
            source.set_inline_limit(if small { INSIDE } else { 0 });
            let Some(frame) = told(&mut source) else { continue };
            let empty = MergeState::new(node.state.policy().clone());
            let mut sink = Replica::new(key(1), empty, ExchangeMode::Delta);
            prop_assert!(sink.receive(address(0), &frame).is_ok());
            // Once its tensors are here, everything is in that was sent and has a place.
            let contents: Vec<_> = source.state().ops().flat_map(|op| {
                let tensors = op.contribution().map_or(&[][..], |c| c.manifest.tensors());
                tensors.iter().map(|t| t.content).collect::<Vec<_>>()
            }).collect();
            for content in contents.iter().filter_map(|c| source.state().arena().store().get(c)) {
                sink.state().arena().store().put(content);
            }
            sink.tensors_stored(&contents);
            let known: BTreeSet<_> = source.state().ops().map(|op| op.id()).collect();
            prop_assert!(sink.state().ops().all(|op| known.contains(&op.id())));
            let accepted = source.state().ops().filter(|op| sink.state().accepts(&op.op().author));
            prop_assert_eq!(sink.state().op_count(), accepted.count());
            if !small {
                prop_assert_eq!(counting::inside_len(&frame), 0);
            }
        }
    }

    #[test]
    fn changed_batches_are_refused_with_an_error_or_are_other_batches(
        at in any::<prop::sample::Index>(), bit in 0..8_u8, how in 0..4_u8,
        noise in prop::collection::vec(any::<u8>(), 0..9),
    ) {
        let mut source = sample();
        let mut bytes = batch_of(&told(&mut source).expect("operations"));
        let at = at.index(bytes.len());
        match how {
            0 => bytes[at] ^= 1 << bit,
            1 => bytes.truncate(at),
            2 => drop(bytes.splice(at..at, noise)),
            _ => bytes[at] = noise.first().copied().unwrap_or(0xff),
        }
        let mut sink = replica(key(2), 4, ExchangeMode::Delta);
        let known: BTreeSet<_> = source.state().ops().map(|op| op.id()).collect();
        let _ = sink.receive(address(0), &delta(&bytes));
        prop_assert!(sink.state().ops().all(|op| known.contains(&op.id())), "all else is unsigned");
    }
}

#[test]
fn replicas_pack_as_the_twin_does() {
    let mut source = sample();
    let frame = told(&mut source).expect("operations");
    assert_eq!(batch_of(&frame), twin(&source, &key(0)));
    assert_eq!(counting::inside_len(&frame), 12, "one is replaced");
    let mut sink = replica(key(2), 4, ExchangeMode::Delta);
    let received = sink.receive(address(0), &frame).expect("in order");
    assert_eq!(received.effects.len(), 1, "nothing is asked for, only its own side is sent");
    assert_eq!(sink.state().state_hash(), source.state().state_hash());
    assert!(sink.state().trust().is_ok(), "the tensors are here");
}

#[test]
fn a_batch_has_one_form() {
    let under = policy(4);
    let mut state = MergeState::new(under.clone());
    add(&mut state, &key(0), 1.0);
    add(&mut state, &key(0), 2.0);
    let ops = signed(&state);
    let loaded: Vec<_> = ops.iter().map(|op| (op.clone(), None)).collect();
    let (relay, signature) = (key(1).peer_id(), Signature::from_bytes([3; 64]));
    let good = batch(&under, relay, signature, &loaded);
    let refused =
        |bytes: &[u8]| replica(key(2), 4, ExchangeMode::Delta).receive(address(1), &delta(bytes));
    assert!(refused(&good).is_ok());
    let head = |inside: u8, relay: &[u8]| [&[inside], relay, signature.as_bytes()].concat();
    let (key_one, ops_of) = (key_bytes(&under, &relay), |goes_on: bool| {
        let before = goes_on.then_some(&ops[0]);
        [op(&under, &ops[0], None, &[], None), op(&under, &ops[1], before, &[], None)].concat()
    });
    let layouts = |list: &[Vec<u8>]| canonical::encode(&list.to_vec());
    let known = layout(&ops[0]).expect("a contribution");
    let other = canonical::encode(&vec![("x", Dtype::F32, vec![1_u64])]);
    let one = layouts(std::slice::from_ref(&known));
    assert_eq!([head(0, &key_one), one.clone(), ops_of(true)].concat(), good);
    let bare = [vec![0], relay.as_bytes().to_vec()].concat();
    for (what, bytes) in [
        ("a wrong sum of tensors", [head(1, &key_one), one.clone(), ops_of(true)].concat()),
        ("a key that has a position", [head(0, &bare), one.clone(), ops_of(true)].concat()),
        ("a prev that follows", [head(0, &key_one), one.clone(), ops_of(false)].concat()),
        ("no operations", [head(0, &key_one), layouts(&[])].concat()),
        (
            "a layout twice",
            [head(0, &key_one), layouts(&[known.clone(), known.clone()]), ops_of(true)].concat(),
        ),
        ("padded", [vec![0x80, 0], good[1..].to_vec()].concat()),
    ] {
        let refused = refused(&bytes);
        assert_eq!(refused, Err(ReceiveError::Batch(BatchError::NotCanonical)), "{what}");
    }
    let unused = [head(0, &key_one), layouts(&[known, other]), ops_of(true)].concat();
    let nobody = [head(0, &[9]), one, ops_of(true)].concat();
    for bytes in [&unused, &nobody, &good[..good.len() - 1].to_vec()] {
        assert!(matches!(refused(bytes), Err(ReceiveError::Batch(_))));
    }
}

/// A few bytes must not claim gigabytes: thousands of operations that name one long layout.
#[test]
fn layouts_are_no_bombs() {
    let under = policy(0);
    let tensor = |i: usize| (format!("{i:0>400}"), Dtype::U8, vec![0], Vec::new());
    let wide = Model::from_tensors((0..128).map(tensor).collect()).expect("legal");
    let body = Body::Contribute(crate::contribution(&wide, 0, Vec::new()));
    let mut op = MergeState::new(under.clone()).next_op(key(0).peer_id(), body);
    op.lamport = 1;
    let loaded: Vec<Loaded> = vec![(op.sign(&key(0)), Some(vec![Vec::new(); 128])); 2000];
    let bytes = batch(&under, key(1).peer_id(), Signature::from_bytes([3; 64]), &loaded);
    assert!(bytes.len() < 1 << 19);
    let mut sink = replica(key(2), 0, ExchangeMode::Delta);
    let refused = sink.receive(address(1), &delta(&bytes));
    assert_eq!(refused, Err(ReceiveError::Batch(BatchError::TooLong)));
}

#[test]
fn other_bytes_inside_are_another_operation_that_nobody_signed() {
    let mut source = replica(key(0), 3, ExchangeMode::Delta);
    source.change(|state, key| state.add(key, Draft::new("m", model(1.0, 2.0)))).expect("legal");
    let good = batch_of(&told(&mut source).expect("an operation"));
    let tensor = model(1.0, 2.0).content(0).to_vec();
    let at = good.windows(tensor.len()).position(|bytes| bytes == &tensor[..]).expect("inside");
    let mut bytes = good;
    bytes[at] ^= 1;
    let mut sink = replica(key(1), 3, ExchangeMode::Delta);
    assert!(matches!(sink.receive(address(0), &delta(&bytes)), Err(ReceiveError::Apply(_))));
    sink.publish();
    assert_eq!(sink.state().op_count(), 0, "whoever put them in had no envelope for them");
    // A relay that signs for what it sends is convicted.
    let (mut op, policy) = (signed(source.state()).remove(0), policy(3));
    let Body::Contribute(contribution) = &mut op.op.body else { panic!("a contribution") };
    contribution.manifest = model(1.5, 2.0).manifest;
    let inside = Some(vec![model(1.5, 2.0).content(0).to_vec()]);
    let Envelope { relay, signature, .. } =
        Envelope::of_operations(&key(2), policy.hash(), [op.id()].into_iter());
    let frame = delta(&batch(&policy, relay, signature, &[(op, inside)]));
    assert!(sink.receive(address(2), &frame).is_err());
    sink.publish();
    let convicted: Vec<_> = sink.state().evidence().keys().map(|(peer, _)| *peer).collect();
    assert_eq!(convicted, [key(2).peer_id()]);
}
