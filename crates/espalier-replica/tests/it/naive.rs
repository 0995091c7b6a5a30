//! The slow, obvious twin of the views: everything computed from the set of operations at once.

use espalier_identity::PeerId;
use espalier_lattice::Dot;
use espalier_replica::{Body, Fault, MergeState, OpId, SignedOp, VerifiedOp, legal};
use espalier_trust::{Dimension, FaultKind, Record as _};
use std::collections::{BTreeMap, BTreeSet};

/// A conviction by whom and of what.
pub(crate) type Verdict = (PeerId, FaultKind);

/// What a set of operations means.
#[derive(Debug, PartialEq)]
pub(crate) struct Naive {
    pub(crate) kept: BTreeSet<OpId>,
    pub(crate) visible: BTreeMap<PeerId, OpId>,
    pub(crate) tombstones: u64,
    pub(crate) verdicts: BTreeSet<Verdict>,
    pub(crate) roster: BTreeSet<PeerId>,
}

/// What a state says of itself, in the same form.
pub(crate) fn claimed(state: &MergeState) -> Naive {
    let id = |op: &VerifiedOp| (op.op().author, op.id());
    Naive {
        kept: state.ops().map(VerifiedOp::id).collect(),
        visible: state.visible().map(|entry| id(entry.op())).collect(),
        tombstones: state.tombstones(),
        verdicts: state.evidence().keys().copied().collect(),
        roster: state.roster(),
    }
}

/// What the operations mean to a federation with a roster of `n`.
pub(crate) fn naive(n: usize, ops: Vec<SignedOp>) -> Naive {
    let mut places = BTreeMap::<Dot<PeerId>, BTreeMap<OpId, VerifiedOp>>::new();
    for op in ops {
        let op = op.verify().expect("signed");
        places.entry(op.op().dot()).or_default().insert(op.id(), op);
    }
    let genesis: BTreeSet<_> = (0..n as u8).map(|i| crate::key(i).peer_id()).collect();
    let kept: Vec<_> = places.values().flat_map(|at| kept_at(&genesis, at)).collect();
    let accepted = accepted(&genesis, &kept);
    let kept: Vec<_> = kept.into_iter().filter(|op| accepted.contains(&op.op().author)).collect();
    let mut verdicts: BTreeSet<_> = kept.iter().flat_map(shown).collect();
    verdicts.retain(|(accused, _)| accepted.contains(accused));
    for (dot, at) in &places {
        if at.len() > 1 && accepted.contains(&dot.actor) {
            verdicts.insert((dot.actor, FaultKind::Equivocation));
        }
    }
    verdicts.extend(side_by_side(&kept));
    let legal: Vec<_> = kept.iter().filter(|op| !convicts_itself(op)).collect();
    let (mut context, mut live) = (BTreeSet::new(), BTreeMap::new());
    let mut removed = BTreeSet::new();
    for op in &legal {
        let (dot, none) = (op.op().dot(), Vec::new());
        let targets = match &op.op().body {
            Body::Contribute(c) => {
                context.insert(dot);
                let first = live.entry(dot).or_insert(*op);
                *first = if op.id() < first.id() { *op } else { *first };
                &c.replaces
            }
            Body::Retract { targets } => targets,
            _ => &none,
        };
        // A contribution that names itself stays: adds win.
        let adds = op.contribution().is_some();
        let others = targets.iter().copied().filter(|target| !adds || *target != dot);
        removed.extend(others.filter(|target| target.is_valid()));
    }
    live.retain(|dot, _| !removed.contains(dot));
    let tombstones = (context.len() - live.len()) as u64;
    let convicted: BTreeSet<_> = verdicts.iter().map(|(accused, _)| *accused).collect();
    let roster = roster(&genesis, &legal, &convicted);
    let speaks =
        |op: &VerifiedOp| roster.contains(&op.op().author) && !convicted.contains(&op.op().author);
    let heard: Vec<_> = live.values().filter(|op| speaks(op)).copied().collect();
    let visible = visible(roster.len(), &heard);
    Naive { kept: kept.iter().map(|op| op.id()).collect(), visible, tombstones, verdicts, roster }
}

/// The votes of the genesis as (voter, seq, id, subject, admit).
type Vote = (PeerId, u64, OpId, PeerId, bool);

fn votes(genesis: &BTreeSet<PeerId>, ops: &[&VerifiedOp]) -> Vec<Vote> {
    let vote = |op: &&VerifiedOp| match &op.op().body {
        Body::Vote { subject, admit } if genesis.contains(&op.op().author) => {
            Some((op.op().author, op.op().seq, op.id(), *subject, *admit))
        }
        _ => None,
    };
    ops.iter().filter_map(vote).collect()
}

/// Whose operations count: the genesis, and for whom more than half of it ever voted.
fn accepted(genesis: &BTreeSet<PeerId>, kept: &[VerifiedOp]) -> BTreeSet<PeerId> {
    let innocent = |op: &&VerifiedOp| !convicts_itself(op);
    let votes = votes(genesis, &kept.iter().filter(innocent).collect::<Vec<_>>());
    let subjects: BTreeSet<_> = votes.iter().map(|vote| vote.3).collect();
    let voters = |subject: &PeerId| -> BTreeSet<PeerId> {
        votes.iter().filter(|vote| vote.3 == *subject && vote.4).map(|vote| vote.0).collect()
    };
    let let_in = subjects.into_iter().filter(|s| 2 * voters(s).len() > genesis.len());
    genesis.iter().copied().chain(let_in).collect()
}

/// The genesis and whom more than half of it wants, without whom more than half does not want, by
/// the latest vote of each who is not convicted.
fn roster(
    genesis: &BTreeSet<PeerId>,
    legal: &[&VerifiedOp],
    convicted: &BTreeSet<PeerId>,
) -> BTreeSet<PeerId> {
    let votes = votes(genesis, legal);
    let subjects: BTreeSet<_> = votes.iter().map(|vote| vote.3).collect();
    let mut roster = genesis.clone();
    for subject in subjects {
        let latest = |voter: &PeerId| {
            votes.iter().filter(|vote| vote.0 == *voter && vote.3 == subject).max()
        };
        let counted = genesis.iter().filter(|voter| !convicted.contains(voter));
        let said: Vec<bool> = counted.filter_map(|v| latest(v).map(|vote| vote.4)).collect();
        let for_it = said.iter().filter(|admit| **admit).count();
        if 2 * for_it > genesis.len() {
            roster.insert(subject);
        }
        if 2 * (said.len() - for_it) > genesis.len() {
            roster.remove(&subject);
        }
    }
    roster
}

/// The heads that somebody new would name: the latest of those whose whole past is here and that no
/// other such operation names.
pub(crate) fn heads(state: &MergeState) -> Vec<OpId> {
    let mut whole = BTreeSet::new();
    loop {
        let has_past = |op: &&VerifiedOp| op.op().past().all(|id| whole.contains(id));
        let next: BTreeSet<OpId> = state.ops().filter(has_past).map(VerifiedOp::id).collect();
        if next == whole {
            break;
        }
        whole = next;
    }
    let ops = || state.ops().filter(|op| whole.contains(&op.id()));
    let named: BTreeSet<OpId> = ops().flat_map(|op| op.op().past().copied()).collect();
    let mut heads: Vec<_> =
        ops().filter(|op| !named.contains(&op.id())).map(VerifiedOp::order).collect();
    heads.sort_unstable();
    let mut heads: Vec<_> = heads.into_iter().rev().take(64).map(|order| order.2).collect();
    heads.sort_unstable();
    heads
}

/// The two of least id, and the least for every other verdict on the genesis.
fn kept_at(genesis: &BTreeSet<PeerId>, at: &BTreeMap<OpId, VerifiedOp>) -> Vec<VerifiedOp> {
    let keep = |position: usize, op: &VerifiedOp| {
        let before: Vec<_> = at.values().take(position).flat_map(shown).collect();
        let news = |v: &Verdict| genesis.contains(&v.0) && !before.contains(v);
        position < 2 || shown(op).iter().any(news)
    };
    let all = at.values().enumerate();
    all.filter(|(position, op)| keep(*position, op)).map(|(_, op)| op.clone()).collect()
}

/// What an operation by itself proves.
fn shown(op: &VerifiedOp) -> Vec<Verdict> {
    let author = op.op().author;
    let mut shown = Vec::new();
    if legal::illegal_field(op.op()).is_some() {
        shown.push((author, FaultKind::IllegalField));
    } else if legal::retracts_others(op.op()) {
        shown.push((author, FaultKind::ForeignRetraction));
    }
    if let Body::Evidence(fault) = &op.op().body {
        match Fault::verify(fault) {
            Ok(conviction) if conviction.kind() != FaultKind::Slander => {
                shown.push((conviction.accused(), conviction.kind()));
            }
            Err(_) if shown.is_empty() => shown.push((author, FaultKind::Slander)),
            _ => {}
        }
    }
    shown
}

/// Whether an operation convicts its author all by itself, and so has no other effect.
pub(crate) fn convicts_itself(op: &VerifiedOp) -> bool {
    shown(op).iter().any(|verdict| proves_alone(op, verdict))
}

/// What an operation removes, if it is legal.
pub(crate) fn removes(op: &VerifiedOp) -> impl Iterator<Item = Dot<PeerId>> {
    // A contribution that names itself stays: adds win.
    let own = op.contribution().map(|_| op.op().dot());
    legal::removed(op.op()).iter().copied().filter(move |target| Some(*target) != own)
}

/// Whether a verdict is about the operation itself, not about what it carries.
fn proves_alone(op: &VerifiedOp, (accused, kind): &Verdict) -> bool {
    let own = [FaultKind::IllegalField, FaultKind::ForeignRetraction, FaultKind::Slander];
    let carried = match &op.op().body {
        Body::Evidence(fault) => fault.verify().is_ok_and(|c| c.kind() == *kind),
        _ => false,
    };
    *accused == op.op().author && own.contains(kind) && !carried
}

/// What every two operations of one author prove together.
fn side_by_side(kept: &[VerifiedOp]) -> BTreeSet<Verdict> {
    let mut verdicts = BTreeSet::new();
    for (first, second) in kept.iter().flat_map(|a| kept.iter().map(move |b| (a, b))) {
        let (a, b) = (first.op(), second.op());
        if a.author != b.author {
            continue;
        }
        let stands_still = a.lamport == legal::MAX_LAMPORT && b.lamport == a.lamport;
        let continues = b.prev == Some(first.id()) && (b.lamport > a.lamport || stands_still);
        if a.seq + 1 == b.seq && !continues {
            verdicts.insert((a.author, FaultKind::BrokenChain));
        }
        let one_occasion = occasion(&a.body).is_some() && occasion(&a.body) == occasion(&b.body);
        if one_occasion && a.body != b.body {
            verdicts.insert((a.author, FaultKind::DoubleAttestation));
        }
    }
    verdicts
}

fn occasion(body: &Body) -> Option<(PeerId, Dimension, u64)> {
    match body {
        Body::Attest { subject, dimension, epoch, .. } => Some((*subject, *dimension, *epoch)),
        _ => None,
    }
}

fn visible(n: usize, heard: &[&VerifiedOp]) -> BTreeMap<PeerId, OpId> {
    let round = |op: &VerifiedOp| op.contribution().map_or(0, |c| c.round);
    let mut last = BTreeMap::<PeerId, u64>::new();
    for op in heard {
        let last = last.entry(op.op().author).or_default();
        *last = (*last).max(round(op));
    }
    let mut rounds: Vec<_> = last.into_values().collect();
    rounds.resize(n, 0);
    rounds.sort_unstable();
    rounds.reverse();
    let limit = rounds[n / 2] + 1;
    let mut chosen = BTreeMap::<PeerId, &VerifiedOp>::new();
    for op in heard.iter().filter(|op| round(op) <= limit) {
        let rank = |op: &VerifiedOp| (round(op), op.op().seq, op.id());
        let best = chosen.entry(op.op().author).or_insert(op);
        *best = if rank(op) > rank(best) { op } else { best };
    }
    chosen.into_iter().map(|(author, op)| (author, op.id())).collect()
}
