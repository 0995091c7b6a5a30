//! The summary of a run: the model family, round-trip proofs, the trace.

use super::node_view::HeldOp;
use super::{ModelInfo, RoundTrip, TraceEntry};
use crate::config::Config;
use crate::node::Node;
use crate::task::Task;
use crate::task::inputs;
use crate::world::World;
use espalier_identity::{Digest, PeerId};
use espalier_lattice::Dot;
use espalier_replica::{Body, Entry, MergeState, Tensors, VerifiedOp};
use espalier_tensor::{Manifest, Model};
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// What the nodes bring, each judged alone. Only honest work is judged: what a node trained.
pub(crate) fn model_info(
    config: &Config,
    world: &World,
    task: &Task,
    sampled: &[usize],
) -> ModelInfo {
    let entry = |i: usize| {
        let node = &world.nodes[i];
        node.state().visible().find(|entry| entry.op().op().author == node.id).cloned()
    };
    let manifest = task.base().map(|base| base.manifest.clone()).or_else(|| {
        let first = (0..world.nodes.len()).find_map(entry)?;
        first.op().contribution().map(|c| c.manifest.clone())
    });
    let judged: Option<Vec<_>> = sampled.iter().map(|&i| world.nodes[i].alone).collect();
    let judged = judged.filter(|judged| !judged.is_empty());
    ModelInfo {
        alone_accuracy: judged.as_ref().map(|j| j.iter().map(|(alone, _)| *alone).collect()),
        validation_accuracy: judged.map(|j| j.iter().map(|(_, own)| *own).collect()),
        samples: sampled
            .iter()
            .map(|&i| task.samples(i))
            .collect::<Option<Vec<_>>>()
            .filter(|all| !all.is_empty()),
        ..ModelInfo::of(config, task, manifest.as_ref())
    }
}

impl ModelInfo {
    /// What is the same for all nodes.
    pub(crate) fn of(config: &Config, task: &Task, manifest: Option<&Manifest>) -> Self {
        Self {
            family: config.model.to_string(),
            tensors: manifest.map_or(0, |m| m.tensors().len() as u64),
            parameters: manifest.map_or(0, |m| m.elements()),
            bytes: manifest.map_or(0, |m| m.byte_len()),
            base_root: task.base().map(Model::root),
            base_accuracy: task.base().and_then(|base| task.accuracy(base)),
            notes: inputs::notes(task),
            ..Self::default()
        }
    }
}

/// The state that most replicas hold; of equally common ones that of least hash.
pub(crate) fn commonest<'a>(states: impl Iterator<Item = &'a MergeState>) -> &'a MergeState {
    let mut count = BTreeMap::<Digest, (usize, &MergeState)>::new();
    for state in states {
        count.entry(state.state_hash()).or_insert((0, state)).0 += 1;
    }
    let most = count.values().map(|(count, _)| *count).max();
    let found = count.into_values().find(|(count, _)| Some(*count) == most);
    found.expect("a run keeps at least one honest node active").1
}

/// Encodes and decodes the state of each sampled node, in both forms, with every check made anew.
/// Nodes with equal operations share one proof.
pub(crate) fn round_trips(world: &World, sampled: &[usize]) -> Vec<RoundTrip> {
    let states: BTreeMap<Digest, &MergeState> =
        sampled.iter().map(|&i| world.nodes[i].state()).map(|s| (s.bound_root(), s)).collect();
    let prove = |(root, state): (&Digest, &&MergeState)| {
        let binary = MergeState::from_bytes(&state.to_bytes(Tensors::ByReference));
        let json = MergeState::from_json(&state.to_json(Tensors::ByReference));
        let hash = |decoded: Option<MergeState>| decoded.map_or(Digest::ZERO, |s| s.state_hash());
        (*root, [("binary", hash(binary.ok())), ("json", hash(json.ok()))])
    };
    let proofs: BTreeMap<Digest, _> = states.par_iter().map(prove).collect();
    let of_node = |&i: &usize| {
        let node = &world.nodes[i];
        let before = node.state().state_hash();
        proofs[&node.state().bound_root()].map(|(form, after)| RoundTrip {
            node: node.name.clone(),
            form: form.to_owned(),
            before,
            after,
            pass: before == after,
        })
    };
    sampled.iter().flat_map(of_node).collect()
}

/// The operations of a state in their total order, with the roots after each.
pub(crate) fn trace(state: &MergeState, names: &BTreeMap<PeerId, &str>) -> Vec<TraceEntry> {
    let mut entries = Vec::with_capacity(state.op_count());
    state.trace(|step| {
        let HeldOp { op, kind, author, seq, lamport, deps, text, content, weight } =
            HeldOp::of(step.op, names);
        entries.push(TraceEntry {
            op,
            kind,
            author,
            seq,
            lamport,
            deps,
            text,
            content,
            weight,
            state_hash: step.state_hash,
            bound_root: step.bound_root,
            visible: step.visible as u32,
            tombstones: step.tombstones,
        });
    });
    entries
}

impl HeldOp {
    pub(crate) fn of(verified: &VerifiedOp, names: &BTreeMap<PeerId, &str>) -> Self {
        let op = verified.op();
        let (kind, text) = describe(verified, names);
        let contribution = verified.contribution();
        Self {
            op: verified.id(),
            kind: kind.to_owned(),
            author: name_of(&op.author, names),
            seq: op.seq,
            lamport: op.lamport,
            deps: op.deps.len() as u32,
            text,
            content: contribution.map(|c| c.manifest.root()),
            weight: contribution.map(|c| c.weight.to_f64()),
        }
    }
}

fn name_of(peer: &PeerId, names: &BTreeMap<PeerId, &str>) -> String {
    names.get(peer).map_or_else(|| peer.short(), |name| (*name).to_owned())
}

fn describe(op: &VerifiedOp, names: &BTreeMap<PeerId, &str>) -> (&'static str, String) {
    let dots = |dots: &[Dot<PeerId>]| {
        let shown: Vec<_> = dots
            .iter()
            .take(4)
            .map(|d| format!("{}/{}", name_of(&d.actor, names), d.seq))
            .collect();
        let more = dots.len().saturating_sub(shown.len());
        let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
        format!("{}{rest}", shown.join(", "))
    };
    match &op.op().body {
        Body::Contribute(c) if c.replaces.is_empty() => {
            ("contribute", format!("{} in training round {}", c.name, c.round))
        }
        Body::Contribute(c) => {
            let gone = dots(&c.replaces);
            ("contribute", format!("{} in training round {}, replacing {gone}", c.name, c.round))
        }
        Body::Retract { targets } if targets.iter().any(|dot| dot.actor != op.op().author) => {
            ("retract", format!("would remove {}, not all its own", dots(targets)))
        }
        Body::Retract { targets } => ("retract", format!("removes {}", dots(targets))),
        Body::Attest { subject, dimension, value, .. } => {
            let subject = name_of(subject, names);
            ("attest", format!("measured {subject}: {dimension:?} {:.3}", value.to_f64()))
        }
        Body::Vote { subject, admit } => {
            let verdict = if *admit { "on the roster" } else { "off the roster" };
            ("vote", format!("wants {} {verdict}", name_of(subject, names)))
        }
        Body::Evidence(fault) => {
            let accused = fault.verify().ok().map(|conviction| {
                use espalier_trust::Record as _;
                name_of(&conviction.accused(), names)
            });
            let against = accused.unwrap_or_else(|| "nobody: it proves nothing".into());
            ("evidence", format!("{} against {against}", fault.kind()))
        }
    }
}

/// The least bytes of tensors that must have been sent for these nodes to hold what they hold: for
/// each of them every live content of its own state that it did not make itself, once. What is by
/// a convicted author nobody need have fetched, and the base everybody had.
///
/// A tensor that is inside a frame comes with its bytes, so that all bytes sent are never fewer.
pub(crate) fn least_bytes<'a>(
    world: &'a World,
    base: Option<&Model>,
    nodes: impl Iterator<Item = &'a Node>,
) -> u64 {
    let mut groups = BTreeMap::<Digest, (&MergeState, Vec<PeerId>)>::new();
    for node in nodes {
        let group = groups.entry(node.state().bound_root());
        group.or_insert_with(|| (node.state(), Vec::new())).1.push(node.id);
    }
    let known: BTreeSet<Digest> = base.map_or_else(BTreeSet::new, contents_of);
    let size = |digest: &Digest| world.arena.store().get(digest).map_or(0, |c| c.len() as u64);
    let least = |(state, ids): (&MergeState, Vec<PeerId>)| {
        let convicted = state.evidence().convicted();
        let (mut live, mut own) = (BTreeSet::new(), BTreeMap::<PeerId, BTreeSet<Digest>>::new());
        let visible = state.visible().filter(|e| !convicted.contains(&e.op().op().author));
        live.extend(
            visible.flat_map(|entry| contents_of_entry(entry)).filter(|c| !known.contains(c)),
        );
        for entry in state.entries() {
            own.entry(entry.op().op().author).or_default().extend(contents_of_entry(entry));
        }
        let all: u64 = live.iter().map(size).sum();
        let made = |id: &PeerId| -> u64 {
            let made = own.get(id).into_iter().flatten();
            made.filter(|content| live.contains(content)).map(size).sum()
        };
        ids.iter().map(|id| all - made(id)).sum::<u64>()
    };
    groups.into_values().map(least).sum()
}

fn contents_of(model: &Model) -> BTreeSet<Digest> {
    model.manifest.tensors().iter().map(|meta| meta.content).collect()
}

fn contents_of_entry(entry: &Entry) -> Vec<Digest> {
    let contribution = entry.op().contribution();
    let tensors = contribution.into_iter().flat_map(|c| c.manifest.tensors());
    tensors.map(|meta| meta.content).collect()
}
