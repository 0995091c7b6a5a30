//! Random histories: several authors who contribute, replace, retract, measure and accuse, and
//! some who fork themselves, lie about fields, retract others and slander.

use crate::{add, contribution, key, model, policy, say};
use espalier_identity::{Digest, Keypair, PeerId};
use espalier_lattice::Dot;
use espalier_replica::{
    Arena, Blob, Body, ChangeError, Contribution, Draft, Fault, MergeState, Policy, VerifiedOp,
    Weight,
};
use espalier_trust::{Dimension, FaultKind, Q16, Record as _};
use proptest::prelude::*;
use std::collections::BTreeSet;

/// The number of authors the policy names.
pub(crate) const AUTHORS: u8 = 4;

/// The number of further authors that take part once they are voted in.
pub(crate) const GUESTS: u8 = 2;

/// One step: what, by which node, about which node, with what.
pub(crate) type Step = (u8, u8, u8, u8);

/// Steps of honest authors only.
pub(crate) fn honest(len: usize) -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec((0..8_u8, any::<u8>(), any::<u8>(), 0..6_u8), 0..len)
}

/// Steps of any kind.
pub(crate) fn any_steps(len: usize) -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec((0..22_u8, any::<u8>(), any::<u8>(), 0..6_u8), 0..len)
}

/// A node of a history: a key and what it has seen. Nodes with one key are forks of one author.
#[derive(Clone)]
pub(crate) struct Node {
    pub(crate) key: Keypair,
    pub(crate) state: MergeState,
}

/// Plays a history and returns its nodes.
pub(crate) fn play(steps: &[Step], shared: bool) -> Vec<Node> {
    let arena = Arena::default();
    let policy: Policy = policy(AUTHORS);
    let node = |i| {
        let arena = if shared { arena.clone() } else { Arena::default() };
        Node { key: key(i), state: MergeState::with_arena(policy.clone(), arena) }
    };
    let mut nodes: Vec<_> = (0..AUTHORS + GUESTS).map(node).collect();
    for &(kind, who, whom, value) in steps {
        let (who, whom) = (usize::from(who) % nodes.len(), usize::from(whom) % nodes.len());
        let other = nodes[whom].clone();
        match kind {
            4 => {
                // Several at once, or hardly anybody would ever be admitted.
                for voter in 0..usize::from(value) {
                    let node = (who + voter) % nodes.len();
                    vote(&mut nodes[node], value);
                }
            }
            0..=7 => honest_step(kind, &mut nodes[who], &other, value),
            // Who is not admitted in its own eyes says nothing.
            _ if !nodes[who].state.accepts(&nodes[who].key.peer_id()) => {}
            8 | 9 if nodes.len() < 10 => {
                let copy = nodes[who].clone();
                nodes.push(copy);
            }
            _ => lie(kind - 2, &mut nodes[who], &other, value),
        }
    }
    nodes
}

fn honest_step(kind: u8, node: &mut Node, other: &Node, value: u8) {
    let Node { key, state } = node;
    match kind {
        0 | 1 => {
            // Some models several authors come upon.
            let own = if value < 2 { 1.0 } else { f32::from(key.peer_id().as_bytes()[0]) };
            let draft = Draft::new("model", model(f32::from(value), own));
            let round = u64::from(value % 3);
            let added = state.add(key, Draft { round, ..draft });
            use ChangeError::{Copy, NotAdmitted};
            let fair = matches!(added, Ok(_) | Err(Copy { .. } | NotAdmitted { .. }));
            assert!(fair, "{added:?}");
        }
        2 => {
            let own = |op: &&VerifiedOp| op.op().author == key.peer_id();
            let dots: Vec<_> = state.ops().filter(own).map(|op| op.op().dot()).collect();
            for dot in dots.into_iter().rev().take(2) {
                // Refused if it is not live.
                let _ = state.retract(key, dot);
            }
        }
        3 => {
            let (subject, value) = (other.key.peer_id(), Q16::from_raw(u32::from(value) << 13));
            let said = state.attest(key, subject, Dimension::Accuracy, value);
            use ChangeError::{NotAdmitted, NothingToMeasure};
            let fair = matches!(said, Ok(_) | Err(NothingToMeasure { .. } | NotAdmitted { .. }));
            assert!(fair, "{said:?}");
        }
        _ => {
            state.merge(&other.state).expect("one policy");
        }
    }
}

/// Mostly for the guests, at times against one of them or of the genesis.
fn vote(Node { key, state }: &mut Node, value: u8) {
    let (who, admit) = match value {
        0..=3 => (AUTHORS + value % GUESTS, true),
        4 => (AUTHORS, false),
        _ => (0, false),
    };
    let voted = state.vote(key, crate::key(who).peer_id(), admit);
    assert!(matches!(voted, Ok(_) | Err(ChangeError::NotGenesis { .. })), "{voted:?}");
}

fn lie(kind: u8, node: &mut Node, other: &Node, value: u8) {
    let Node { key, state } = node;
    match kind {
        8 => {
            let mut illegal = contribution(&model(1.0, 1.0), 0, Vec::new());
            illegal.weight = Weight::from_raw(0);
            say(state, key, Body::Contribute(illegal));
        }
        9 => {
            let targets = vec![Dot::new(other.key.peer_id(), u64::from(value) + 1)];
            say(state, key, Body::Retract { targets });
        }
        10 => {
            // Its own next operations, never made or not yet.
            let next = state.next_op(key.peer_id(), Body::Retract { targets: Vec::new() });
            let dot = |ahead| Dot::new(key.peer_id(), next.seq + ahead);
            let targets = vec![dot(u64::from(value)), dot(2)];
            say(state, key, Body::Retract { targets });
        }
        11 => slander(key, state, other.key.peer_id()),
        12 => {
            add(state, key, f32::NAN);
        }
        13 => accuse_all(key, state),
        14 | 15 => {
            let mut op = state.next_op(key.peer_id(), Body::Retract { targets: Vec::new() });
            match op.prev {
                Some(prev) if kind == 14 => op.prev = Some(Digest::of_content(prev.as_bytes())),
                _ => op.lamport = op.lamport.saturating_sub(u64::from(value)).max(1),
            }
            state.apply(vec![op.sign(key)]).expect("well formed");
        }
        16 => {
            let visible = state.visible().find(|e| e.op().op().author == other.key.peer_id());
            if let Some(copied) = visible.and_then(|entry| entry.op().contribution()).cloned() {
                say(state, key, Body::Contribute(Contribution { replaces: Vec::new(), ..copied }));
            }
        }
        17 | 18 => {
            let about = Digest::of_content(&[value % 2]);
            let (subject, value) = (other.key.peer_id(), Q16::from_raw(u32::from(value)));
            let (dimension, epoch) = (Dimension::Accuracy, u64::from(kind - 16));
            say(state, key, Body::Attest { subject, dimension, epoch, about, value });
        }
        _ => {
            // Its past holds something that nobody ever sees.
            let mut op = state.next_op(key.peer_id(), Body::Retract { targets: Vec::new() });
            op.deps = vec![Digest::of_content(&[value])];
            state.apply(vec![op.sign(key)]).expect("well formed");
        }
    }
}

/// The bytes of an operation, as they stand in records.
pub(crate) fn encoded(op: &VerifiedOp) -> Blob {
    espalier_identity::canonical::encode(op.signed()).into()
}

/// Publishes a record about `victim` that shows no fault.
fn slander(key: &Keypair, state: &mut MergeState, victim: PeerId) {
    let of_victim = state.ops().find(|op| op.op().author == victim);
    if let Some(op) = of_victim.map(encoded) {
        say(state, key, Body::Evidence(Fault::Equivocation { first: op.clone(), second: op }));
    }
}

/// Publishes every NaN the state's contributions hold.
pub(crate) fn accuse_all(key: &Keypair, state: &mut MergeState) {
    let arena = state.arena().clone();
    let found = |op: &VerifiedOp| {
        let Contribution { manifest, bound, .. } = op.contribution()?;
        let model = arena.load(&manifest.root(), manifest).ok()?;
        let (tensor, element) = arena.first_beyond(&model, *bound)?;
        Fault::non_finite(op, tensor, element, model.content(tensor))
    };
    let faults: Vec<_> = state.ops().filter_map(found).collect();
    for fault in faults {
        state.accuse(key, fault).expect("a proof");
    }
}

/// Everything that can be seen of a state.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Seen {
    hashes: [espalier_identity::Digest; 3],
    visible: Vec<espalier_replica::OpId>,
    tombstones: u64,
    clock: espalier_trust::CausalTrustClock,
    evidence: Vec<(PeerId, FaultKind, espalier_identity::Digest)>,
    attestations: espalier_trust::Attestations,
    roster: BTreeSet<PeerId>,
    bytes: Vec<u8>,
}

/// Looks at a state from all sides.
pub(crate) fn look(state: &MergeState) -> Seen {
    Seen {
        hashes: [state.state_hash(), state.bound_root(), state.ops_root()],
        visible: state.visible().map(|entry| entry.op().id()).collect(),
        tombstones: state.tombstones(),
        clock: state.clock(),
        evidence: state.evidence().iter().map(|r| (r.accused(), r.kind(), r.digest())).collect(),
        attestations: state.attestations().clone(),
        roster: state.roster(),
        bytes: state.to_bytes(espalier_replica::Tensors::ByReference),
    }
}
