//! What replicas read: messages, states, operations, policies, evidence.

use crate::samples::{self, key};
use crate::{within, within_and};
use espalier_identity::{Digest, PeerId, canonical};
use espalier_replica::{
    Effect, ExchangeMode, Fault, MergeState, Op, Policy, PolicySpec, ReceiveError, Received,
    Replica, Tensors,
};
use std::cell::OnceCell;

/// For what comes from any peer, with or without a key.
const OF_A_PEER: usize = 4;
/// What a replica says at most to one message of a stranger.
const MAX_ANSWER: usize = 512 << 10;
/// For a state: views over its operations take more than the operations.
const OF_A_STATE: usize = 16;
/// For text, where a digit becomes a number and a comma another.
const OF_TEXT: usize = 64;

/// A frame around a payload, as the codec makes it.
pub(crate) fn framed(payload: &[u8]) -> Vec<u8> {
    let len = u32::try_from(payload.len()).expect("short").to_le_bytes();
    let check = Digest::of_content(payload);
    [b"ESPL\x01", &len[..], &check.as_bytes()[..8], payload].concat()
}

thread_local! {
    static NODES: [OnceCell<Replica>; 3] = const { [const { OnceCell::new() }; 3] };
}

/// A replica that has something, of one of three kinds.
fn node(kind: u8) -> Replica {
    let at = usize::from(kind % 3);
    let exchange = [ExchangeMode::Delta, ExchangeMode::FullState, ExchangeMode::Intervals][at];
    NODES.with(|nodes| {
        let make = || Replica::new(key(1), samples::state(), exchange);
        nodes[at].get_or_init(make).clone()
    })
}

/// How long the answers are, which may be longer than a question but not as long as it likes.
fn answer(received: &Result<Received, ReceiveError>) -> usize {
    let effects = received.iter().flat_map(|received| &received.effects);
    let len = |effect: &Effect| match effect {
        Effect::Send { frame, .. } => frame.len(),
        Effect::Provide { contents, .. } | Effect::Fetch { contents, .. } => 32 * contents.len(),
    };
    let len = effects.map(len).sum();
    assert!(len < MAX_ANSWER, "an answer of {len} bytes");
    len
}

/// The kind of the replica, then the payload of a frame.
pub(crate) fn messages(bytes: &[u8]) {
    let Some((kind, payload)) = bytes.split_first() else { return };
    let mut node = node(*kind);
    let (before, stranger) = (node.state().state_hash(), PeerId::from_bytes([9; 32]));
    let frame = framed(payload);
    let received = within_and(OF_A_PEER, &frame, answer, || node.receive(stranger, &frame));
    if received.is_err() {
        assert_eq!(node.state().state_hash(), before, "refused, so nothing changed");
    }
    // As it came: the frame itself.
    let _ = within(OF_A_PEER, bytes, || node.receive(stranger, bytes));
    node.tick();
}

pub(crate) fn states(bytes: &[u8]) {
    for frame in [bytes.to_vec(), framed(bytes)] {
        let read = within(OF_A_STATE, &frame, || MergeState::from_bytes(&frame));
        if let Ok(state) = read {
            assert_eq!(state.to_bytes(Tensors::Inline), frame, "one encoding");
            look(&state);
        }
    }
}

/// What everybody asks of a state.
fn look(state: &MergeState) {
    let _ = (state.state_hash(), state.bound_root(), state.tombstones(), state.clock());
    let _ = (state.trust().is_ok(), state.visible().count(), state.resolve().is_ok());
}

pub(crate) fn json_states(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(state) = within(OF_TEXT, bytes, || MergeState::from_json(text)) {
        let again = MergeState::from_json(&state.to_json(Tensors::Inline)).expect("written");
        assert_eq!(again.state_hash(), state.state_hash());
        look(&state);
    }
}

/// Operations as bytes, one after the other, each after its length; each is signed by who it says,
/// if that is one of ours, and else by somebody.
pub(crate) fn operations(mut bytes: &[u8]) {
    let mut state = samples::state();
    while let Some((len, rest)) = bytes.split_first_chunk::<2>() {
        let len = usize::from(u16::from_le_bytes(*len)).min(rest.len());
        let (op, rest) = rest.split_at(len);
        bytes = rest;
        let Ok(mut op) = canonical::decode::<Op>(op) else { continue };
        let keys = (0..4).map(key);
        let key = keys.into_iter().find(|key| key.peer_id() == op.author).unwrap_or_else(|| key(3));
        op.author = key.peer_id();
        let signed = op.sign(&key);
        let before = state.state_hash();
        if state.apply(vec![signed]).is_err() {
            assert_eq!(state.state_hash(), before, "refused, so nothing changed");
        }
    }
    look(&state);
    let written = state.to_bytes(Tensors::Inline);
    let again = MergeState::from_bytes(&written).expect("what was accepted can be read back");
    assert_eq!(again.state_hash(), state.state_hash());
    let again = MergeState::from_json(&state.to_json(Tensors::Inline)).expect("in JSON too");
    assert_eq!(again.state_hash(), state.state_hash());
    for record in state.evidence().iter() {
        record.fault().explain().expect("what convicts can be explained");
    }
}

pub(crate) fn policies(bytes: &[u8]) {
    let in_text = within(OF_TEXT, bytes, || serde_json::from_slice::<PolicySpec>(bytes).ok());
    let in_binary = within(OF_A_STATE, bytes, || canonical::decode::<PolicySpec>(bytes).ok());
    for spec in in_text.into_iter().chain(in_binary) {
        let Ok(policy) = within(OF_TEXT, bytes, || Policy::new(spec)) else { continue };
        let again = Policy::new(policy.spec().clone()).expect("checked");
        assert_eq!(again.hash(), policy.hash(), "one form");
        let _ = MergeState::new(policy).state_hash();
    }
}

pub(crate) fn evidence(bytes: &[u8]) {
    let Ok(records) = within(OF_TEXT, bytes, || Fault::all_in(bytes)) else { return };
    for record in records {
        let (verified, explained) = (record.verify(), record.explain());
        assert_eq!(verified.is_ok(), explained.is_ok());
        drop(explained.map(|explained| explained.to_string()));
    }
}
