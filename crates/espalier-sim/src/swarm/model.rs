//! The slow, obvious model: what a list of operations means, computed at once and from nothing
//! else. It shares no code with the views of `espalier-replica`.
//!
//! Rosters do not change in a swarm: nobody votes.

use super::facts::{Fact, MAX_LAMPORT, Verdict, removes};
use espalier_identity::{Digest, PeerId};
use espalier_lattice::Dot;
use espalier_replica::{Body, OpId};
use espalier_trust::{Dimension, FaultKind, Q16};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What a list of operations means to a federation.
#[derive(Debug, Default)]
pub(crate) struct Model {
    /// The highest number of each author.
    pub(crate) tops: BTreeMap<PeerId, u64>,
    pub(crate) verdicts: BTreeSet<Verdict>,
    /// Dots that somebody removed who may.
    pub(crate) removed: BTreeSet<Dot<PeerId>>,
    /// Live contributions by dot.
    pub(crate) live: BTreeMap<Dot<PeerId>, OpId>,
    /// The number of contributions that were made and are not live.
    pub(crate) tombstones: u64,
    pub(crate) visible: BTreeMap<PeerId, OpId>,
    /// The tensors of live contributions.
    pub(crate) contents: BTreeSet<Digest>,
}

impl Model {
    /// What the operations mean to a federation of these keys. O(n log n).
    pub(crate) fn of(facts: &[Arc<Fact>], roster: &BTreeSet<PeerId>) -> Self {
        let mut model = Self::default();
        for fact in facts {
            let top = model.tops.entry(fact.op().author).or_default();
            *top = fact.op().seq.max(*top);
        }
        model.verdicts = facts.iter().flat_map(|fact| fact.shows()).collect();
        model.verdicts.extend(forks(facts));
        model.verdicts.extend(broken_chains(facts));
        model.verdicts.extend(double_measurements(facts));
        model.verdicts.retain(|(accused, _)| roster.contains(accused));

        let effective: Vec<_> = facts.iter().filter(|fact| fact.guilt.is_none()).collect();
        let mut added = BTreeMap::<Dot<PeerId>, &Arc<Fact>>::new();
        for fact in &effective {
            let adds = fact.op.contribution().is_some();
            if adds {
                let held = added.entry(fact.dot()).or_insert(fact);
                *held = if fact.id() < held.id() { fact } else { held };
            }
            // A contribution that names itself stays: adds win.
            let others = removes(fact.op()).iter().filter(|dot| !adds || **dot != fact.dot());
            model.removed.extend(others.filter(|dot| dot.is_valid()).copied());
        }
        let made = added.len();
        let live = added.into_iter().filter(|(dot, _)| !model.removed.contains(dot));
        let live: BTreeMap<_, _> = live.collect();
        model.tombstones = (made - live.len()) as u64;
        let of_live = live.values().filter_map(|fact| fact.op.contribution());
        let tensors = of_live.flat_map(|contribution| contribution.manifest.tensors());
        model.contents = tensors.map(|meta| meta.content).collect();
        model.visible = visible(&live, roster.len(), |author| model.convicts(author));
        model.live = live.into_iter().map(|(dot, fact)| (dot, fact.id())).collect();
        model
    }

    pub(crate) fn convicts(&self, author: &PeerId) -> bool {
        self.verdicts.iter().any(|(accused, _)| accused == author)
    }

    pub(crate) fn has_forked(&self, author: &PeerId) -> bool {
        self.verdicts.contains(&(*author, FaultKind::Equivocation))
    }
}

/// E1: two operations at one place.
fn forks(facts: &[Arc<Fact>]) -> BTreeSet<Verdict> {
    let mut places = BTreeSet::new();
    let twice = facts.iter().filter(|fact| !places.insert(fact.dot()));
    twice.map(|fact| (fact.op().author, FaultKind::Equivocation)).collect()
}

/// E5: an operation that does not name one before it, or whose clock does not grow.
fn broken_chains(facts: &[Arc<Fact>]) -> BTreeSet<Verdict> {
    let mut places = BTreeMap::<Dot<PeerId>, Vec<&Arc<Fact>>>::new();
    for fact in facts {
        places.entry(fact.dot()).or_default().push(fact);
    }
    let broken = |later: &&Arc<Fact>| {
        let Dot { actor, seq } = later.dot();
        let before = places.get(&Dot::new(actor, seq - 1)).into_iter().flatten();
        before.into_iter().any(|first| {
            let (a, b) = (first.op().lamport, later.op().lamport);
            later.op().prev != Some(first.id()) || (b <= a && (a, b) != (MAX_LAMPORT, MAX_LAMPORT))
        })
    };
    let guilty = facts.iter().filter(broken);
    guilty.map(|fact| (fact.op().author, FaultKind::BrokenChain)).collect()
}

/// E9: one occasion, two statements.
fn double_measurements(facts: &[Arc<Fact>]) -> BTreeSet<Verdict> {
    type Occasion = (PeerId, PeerId, Dimension, u64);
    let mut said = BTreeMap::<Occasion, (Digest, Q16)>::new();
    let mut guilty = BTreeSet::new();
    for fact in facts {
        let Body::Attest { subject, dimension, epoch, about, value } = fact.op().body else {
            continue;
        };
        let author = fact.op().author;
        let first = said.entry((author, subject, dimension, epoch)).or_insert((about, value));
        if *first != (about, value) {
            guilty.insert((author, FaultKind::DoubleAttestation));
        }
    }
    guilty
}

/// Of each author without a conviction the latest live contribution that is at most one round
/// beyond the one that a majority of the roster has reached.
fn visible(
    live: &BTreeMap<Dot<PeerId>, &Arc<Fact>>,
    roster: usize,
    convicts: impl Fn(&PeerId) -> bool,
) -> BTreeMap<PeerId, OpId> {
    let round = |fact: &Fact| fact.op.contribution().map_or(0, |c| c.round);
    let heard: Vec<_> = live.values().filter(|fact| !convicts(&fact.op().author)).collect();
    let mut last = BTreeMap::<PeerId, u64>::new();
    for fact in &heard {
        let last = last.entry(fact.op().author).or_default();
        *last = round(fact).max(*last);
    }
    let mut rounds: Vec<u64> = last.into_values().collect();
    rounds.resize(rounds.len().max(roster), 0);
    rounds.sort_unstable_by(|a, b| b.cmp(a));
    let majority = rounds[roster / 2];
    let mut chosen = BTreeMap::<PeerId, (u64, u64, OpId)>::new();
    for fact in heard.into_iter().filter(|fact| round(fact) <= majority + 1) {
        let rank = (round(fact), fact.op().seq, fact.id());
        let best = chosen.entry(fact.op().author).or_insert(rank);
        *best = rank.max(*best);
    }
    chosen.into_iter().map(|(author, (.., id))| (author, id)).collect()
}
