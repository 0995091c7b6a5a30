//! What follows from a set of operations: every view of the state, kept up to date operation by
//! operation.
//!
//! A view is a function of the set. The order in which operations arrive shows nowhere; the tests
//! compare against a view built from scratch in another order.

use crate::arena::Entry;
use crate::fault::{self, Conviction, Fault, Judged, Occasion};
use crate::heads::Heads;
use crate::op::{Body, OpId};
use crate::policy::Policy;
use crate::roster::Roster;
use crate::trust::TrustTable;
use espalier_identity::{Digest, Domain, PeerId, canonical};
use espalier_lattice::{Dot, Join};
use espalier_orset::OrSet;
use espalier_provenance::MerkleMap;
use espalier_trust::{
    Attestations, CausalTrustClock, Evidence, FaultKind, Measurement, Record, Tick, frontier_round,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

static STATE: Domain = Domain::new("espalier state v1");
static BOUND: Domain = Domain::new("espalier bound root v1");
static EVIDENCE_KEY: Domain = Domain::new("espalier evidence key v1");
static ATTESTATION_KEY: Domain = Domain::new("espalier attestation key v1");
static ATTESTATION: Domain = Domain::new("espalier attestation v1");

/// The operations at one place of an author's chain, ascending by id. An honest author has one. Of
/// an equivocator the two of least id are kept, which convict it, and for every other conviction
/// that an operation here shows the one of least id: no fork takes a conviction back.
#[derive(Debug, Clone)]
struct Slot {
    least: Arc<Entry>,
    more: Vec<Arc<Entry>>,
}

impl Slot {
    fn iter(&self) -> impl Iterator<Item = &Arc<Entry>> {
        std::iter::once(&self.least).chain(&self.more)
    }

    fn find(&self, id: &OpId) -> Option<&Arc<Entry>> {
        self.iter().find(|entry| entry.op.id() == *id)
    }

    /// Adds an operation that is not here. What lost its place, which may be the newcomer.
    fn add(&mut self, policy: &Policy, entry: Arc<Entry>) -> Vec<Arc<Entry>> {
        let mut all: Vec<_> = self.iter().cloned().chain([entry]).collect();
        all.sort_unstable_by_key(|entry| entry.op.id());
        let mut shown = BTreeSet::new();
        let (kept, lost): (Vec<_>, Vec<_>) =
            all.into_iter().enumerate().partition(|(at, entry)| {
                let convicts = entry.convictions().filter(|c| policy.admits(&c.accused()));
                let news = convicts.fold(false, |news, c| shown.insert(key_of(c)) | news);
                *at < 2 || news
            });
        let mut kept = kept.into_iter().map(|(_, entry)| entry);
        if let Some(least) = kept.next() {
            (self.least, self.more) = (least, kept.collect());
        }
        lost.into_iter().map(|(_, entry)| entry).collect()
    }
}

/// What became of an operation.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    /// It was there already.
    Known,
    /// It is in.
    New,
    /// Its place holds two operations of lesser id.
    Refused,
    /// It is in, and the operations with these indices lost their place.
    Evicting(Vec<u32>),
}

/// The views of one set of operations.
#[derive(Debug, Clone, Default)]
pub(crate) struct View {
    /// All operations, also those of authors who are not accepted (any more).
    slots: BTreeMap<Dot<PeerId>, Slot>,
    /// From here on: of accepted authors only.
    tops: BTreeMap<PeerId, u64>,
    ops: MerkleMap,
    heads: Heads,
    contributions: OrSet<PeerId, OpId>,
    evidence: Evidence<Conviction>,
    evidence_tree: MerkleMap,
    attestations: Attestations,
    attestation_tree: MerkleMap,
    /// Of the attestations of one occasion the latest in their author's chain.
    occasions: BTreeMap<Occasion, Arc<Entry>>,
    /// Contributions by the root of their tensors.
    by_root: BTreeMap<Digest, Vec<Arc<Entry>>>,
    /// The last round of each author with a live contribution and no conviction.
    rounds: BTreeMap<PeerId, u64>,
    frontier_round: u64,
    visible: BTreeMap<PeerId, Arc<Entry>>,
    /// Of authors who are heard, live contributions of earlier rounds that the score averages over,
    /// latest first.
    past: BTreeMap<PeerId, Vec<Arc<Entry>>>,
    /// The visible ones and those before them.
    visible_tree: MerkleMap,
    encoded_len: usize,
    /// A fork changed what was taken in before: only `slots` and `tops` are right.
    stale: bool,
    roster: Roster,
    /// Votes are to be counted again.
    voted: bool,
    pub(crate) trust: OnceLock<Arc<TrustTable>>,
}

impl View {
    /// Takes an operation in. [`View::settle`] must follow before anything is read.
    pub(crate) fn apply(&mut self, policy: &Policy, entry: &Arc<Entry>) -> Kept {
        let dot = entry.op.op().dot();
        let id = entry.op.id();
        let twin = match self.slots.get_mut(&dot) {
            None => {
                self.slots.insert(dot, Slot { least: entry.clone(), more: Vec::new() });
                None
            }
            Some(slot) if slot.find(&id).is_some() => return Kept::Known,
            Some(slot) => {
                let (twin, forked) = (slot.least.clone(), !slot.more.is_empty());
                let lost = slot.add(policy, entry.clone());
                if lost.iter().any(|lost| lost.op.id() == id) {
                    return Kept::Refused;
                }
                let in_pair = slot.iter().take(2).any(|entry| entry.op.id() == id);
                if forked && (in_pair || !lost.is_empty()) {
                    // Another pair convicts now, or what the evicted said no longer holds.
                    self.stale = true;
                    self.trust = OnceLock::new();
                    return Kept::Evicting(lost.iter().map(|entry| entry.index).collect());
                }
                (!forked).then_some(twin)
            }
        };
        if !self.accepts(policy, &dot.actor) {
            return Kept::New;
        }
        self.trust = OnceLock::new();
        self.encoded_len += entry.op.encoded_len();
        self.ops.insert(id, Digest::ZERO);
        self.heads.insert(&entry.op, |id| self.ops.get(id).is_some());
        let top = self.tops.entry(dot.actor).or_default();
        *top = (*top).max(dot.seq);
        if let Some(twin) = twin {
            self.convict(Fault::equivocation(&twin.op, &entry.op));
        }
        self.read_chain(entry);
        self.read_occasion(entry);
        if let Some((root, ..)) = entry.roots {
            self.by_root.entry(root).or_default().push(entry.clone());
        }
        match &entry.guilt {
            Some(conviction) => self.convict(conviction.clone()),
            None => self.take_effect(policy, entry),
        }
        let counts = |c: &&Conviction| self.accepts(policy, &c.accused());
        if let Some(conviction) = entry.carried.as_ref().filter(counts) {
            self.convict(conviction.clone());
            self.refresh(policy, conviction.accused());
        }
        self.refresh(policy, dot.actor);
        Kept::New
    }

    /// Whether an operation would be [`Kept::Refused`].
    pub(crate) fn refuses(&self, policy: &Policy, judged: &Judged) -> bool {
        let id = judged.op.id();
        let Some(slot) = self.slots.get(&judged.op.op().dot()) else { return false };
        if slot.more.first().is_none_or(|second| id <= second.op.id()) {
            return false;
        }
        let shown = |key: &(PeerId, FaultKind)| {
            let lesser = slot.iter().filter(|entry| entry.op.id() < id);
            lesser.flat_map(|entry| entry.convictions()).any(|c| key_of(c) == *key)
        };
        let convictions = judged.convictions().filter(|c| policy.admits(&c.accused()));
        convictions.map(key_of).all(|key| shown(&key))
    }

    /// Compares an operation with those before and after it in its chain (E5).
    fn read_chain(&mut self, entry: &Arc<Entry>) {
        let dot = entry.op.op().dot();
        let before = dot.seq.checked_sub(1).filter(|seq| *seq > 0);
        let after = dot.seq.checked_add(1).filter(|seq| *seq <= self.top(&dot.actor));
        let around = before.into_iter().chain(after).map(|seq| Dot::new(dot.actor, seq));
        let neighbours = around.filter_map(|dot| self.slots.get(&dot)).flat_map(Slot::iter);
        let pairs = neighbours.map(|other| {
            let before = other.op.op().seq < dot.seq;
            if before { (other.clone(), entry.clone()) } else { (entry.clone(), other.clone()) }
        });
        let broken: Vec<_> = pairs.filter(|(a, b)| fault::breaks(&a.op, &b.op)).collect();
        for (first, second) in broken {
            self.convict(Fault::broken_chain(&first.op, &second.op));
        }
    }

    /// Compares an attestation with the one before it on the same occasion (E9). If any two differ,
    /// so do two that are neighbours in the chain.
    fn read_occasion(&mut self, entry: &Arc<Entry>) {
        let Some((occasion, _)) = fault::said(entry.op.op()) else { return };
        let place = |entry: &Entry| (entry.op.op().seq, entry.op.id());
        let before = match self.occasions.get(&occasion) {
            // Only a fork comes late. Its neighbours on both sides are compared with it anew.
            Some(last) if place(last) > place(entry) => {
                self.stale = true;
                return;
            }
            Some(last) => Some(last.clone()),
            None => None,
        };
        self.occasions.insert(occasion, entry.clone());
        if let Some(before) = before.filter(|b| fault::measures_twice(&b.op, &entry.op)) {
            self.convict(Fault::double_attestation(&before.op, &entry.op));
        }
    }

    /// Builds the views anew if a fork made them stale or an author was accepted, and counts the
    /// votes if there are new ones. O(n log n) then.
    pub(crate) fn settle(&mut self, policy: &Policy) {
        if self.stale {
            let mut votes = Roster::default();
            for entry in self.held() {
                if let (Body::Vote { subject, admit }, None) = (&entry.op.op().body, &entry.guilt) {
                    let Dot { actor, seq } = entry.op.op().dot();
                    votes.vote(policy, actor, *subject, (seq, entry.op.id(), *admit));
                }
            }
            let accepted = Roster::accepting(votes.will_accept(policy));
            let mut view = Self { roster: accepted, ..Self::default() };
            // Ascending by (author, seq, id): no operation evicts another.
            for entry in self.held() {
                view.apply(policy, entry);
            }
            *self = view;
        }
        if std::mem::take(&mut self.voted) {
            let evidence = &self.evidence;
            if self.roster.count(policy, |voter| !evidence.convicts(voter)) {
                self.trust = OnceLock::new();
                let authors: Vec<_> = self.tops.keys().copied().collect();
                authors.iter().for_each(|author| self.note_round(policy, *author));
                self.frontier_round = self.majority_round(policy);
                authors.into_iter().for_each(|author| self.choose(policy, author));
            }
        }
    }

    fn take_effect(&mut self, policy: &Policy, entry: &Entry) {
        let op = entry.op.op();
        match &op.body {
            Body::Contribute(c) => {
                let delta = OrSet::delta_add(op.dot(), entry.op.id(), c.replaces.iter().copied());
                self.contributions.join(&delta);
            }
            Body::Retract { targets } => {
                self.contributions.join(&OrSet::delta_remove(targets.iter().copied()));
            }
            Body::Attest { subject, dimension, epoch, about, value } => {
                let (observer, dimension) = (op.author, *dimension);
                let measured = Measurement { epoch: *epoch, about: *about, value: *value };
                let news = self.attestations.insert(observer, *subject, dimension, measured);
                if news && !self.evidence.convicts(&observer) {
                    let key = canonical::encode(&(observer, subject, dimension));
                    let value = canonical::encode(&measured);
                    let (key, value) = (ATTESTATION_KEY.hash(&key), ATTESTATION.hash(&value));
                    self.attestation_tree.insert(key, value);
                }
            }
            Body::Vote { subject, admit } => {
                let vote = (op.seq, entry.op.id(), *admit);
                self.stale |= self.roster.vote(policy, op.author, *subject, vote);
                self.voted = true;
            }
            Body::Evidence(_) => {}
        }
    }

    fn convict(&mut self, conviction: Conviction) {
        let key = canonical::encode(&(conviction.accused(), conviction.kind()));
        let (accused, digest) = (conviction.accused(), conviction.digest());
        let known = self.evidence.convicts(&accused);
        if !self.evidence.insert(conviction) {
            return;
        }
        self.evidence_tree.insert(EVIDENCE_KEY.hash(&key), digest);
        if known {
            return;
        }
        // A convicted voter is silent.
        self.voted = true;
        // What the convicted measured no longer counts, so it no longer shows in the state hash.
        for (subject, dimension, observer, ..) in self.attestations.iter() {
            if observer == accused {
                let key = canonical::encode(&(observer, subject, dimension));
                self.attestation_tree.remove(&ATTESTATION_KEY.hash(&key));
            }
        }
    }

    /// Brings `author`'s place among the visible up to date, and everybody's if the round up to
    /// which contributions are visible moved.
    fn refresh(&mut self, policy: &Policy, author: PeerId) {
        self.note_round(policy, author);
        let frontier = self.majority_round(policy);
        if std::mem::replace(&mut self.frontier_round, frontier) == frontier {
            self.choose(policy, author);
        } else {
            let authors: Vec<_> = self.tops.keys().copied().collect();
            authors.into_iter().for_each(|author| self.choose(policy, author));
        }
    }

    /// Whether `author` may be heard: on the roster, and not convicted.
    fn is_heard(&self, policy: &Policy, author: &PeerId) -> bool {
        self.on_roster(policy, author) && !self.evidence.convicts(author)
    }

    fn note_round(&mut self, policy: &Policy, author: PeerId) {
        match self.live_of(&author).map(|entry| round_of(entry)).max() {
            Some(round) if self.is_heard(policy, &author) => self.rounds.insert(author, round),
            _ => self.rounds.remove(&author),
        };
    }

    fn majority_round(&self, policy: &Policy) -> u64 {
        frontier_round(self.roster_len(policy), self.rounds.values().copied())
    }

    /// Chooses the contribution by which `author` is heard: the latest live one that is not from
    /// a round beyond the majority's next. Those of the rounds before, one each, speak for it.
    fn choose(&mut self, policy: &Policy, author: PeerId) {
        let mut chosen: Vec<Arc<Entry>> = Vec::new();
        if self.is_heard(policy, &author) {
            let live = self.live_of(&author);
            chosen.extend(live.filter(|e| round_of(e) <= self.frontier_round + 1).cloned());
            let key = |entry: &Arc<Entry>| (round_of(entry), entry.op.op().seq, entry.op.id());
            chosen.sort_unstable_by_key(|entry| std::cmp::Reverse(key(entry)));
            chosen.dedup_by_key(|entry| round_of(entry));
            let history = u64::from(policy.spec().constants.history);
            let latest = chosen.first().map_or(0, |entry| round_of(entry));
            chosen.retain(|entry| round_of(entry) + history > latest);
        }
        let before = self.visible.remove(&author).into_iter();
        for before in before.chain(self.past.remove(&author).into_iter().flatten()) {
            self.visible_tree.remove(&before.op.id());
        }
        for entry in &chosen {
            let root = entry.roots.map_or(Digest::ZERO, |(root, ..)| root);
            self.visible_tree.insert(entry.op.id(), root);
        }
        let mut chosen = chosen.into_iter();
        if let Some(visible) = chosen.next() {
            self.visible.insert(author, visible);
        }
        if chosen.len() > 0 {
            self.past.insert(author, chosen.collect());
        }
    }

    /// The contributions of `author` before the visible one, latest first.
    pub(crate) fn past(&self, author: &PeerId) -> &[Arc<Entry>] {
        self.past.get(author).map_or(&[], Vec::as_slice)
    }

    fn live_of(&self, author: &PeerId) -> impl Iterator<Item = &Arc<Entry>> {
        let entries = self.contributions.entries_of(author);
        entries.filter_map(|(dot, id)| self.slots.get(dot)?.find(id))
    }

    /// n: the size of the roster, or of an open federation the authors seen.
    pub(crate) fn roster_len(&self, policy: &Policy) -> usize {
        match policy.spec().roster.len() {
            0 => self.tops.len(),
            _ => self.roster.len(policy),
        }
    }

    /// The current roster; in an open federation the authors seen.
    pub(crate) fn roster(&self, policy: &Policy) -> BTreeSet<PeerId> {
        match policy.spec().roster.len() {
            0 => self.tops.keys().copied().collect(),
            _ => self.roster.keys(policy),
        }
    }

    pub(crate) fn on_roster(&self, policy: &Policy, peer: &PeerId) -> bool {
        self.roster.contains(policy, peer)
    }

    /// Whether operations of `author` are counted.
    pub(crate) fn accepts(&self, policy: &Policy, author: &PeerId) -> bool {
        self.roster.accepts(policy, author)
    }

    pub(crate) fn state_hash(&self, policy: &Policy) -> Digest {
        STATE
            .fields()
            .digest(&policy.hash())
            .digest(&self.visible_tree.root())
            .digest(&self.attestation_tree.root())
            .number(self.roster_len(policy) as u64)
            .digest(&self.roster.root())
            .finish()
    }

    pub(crate) fn evidence_root(&self) -> Digest {
        self.evidence_tree.root()
    }

    pub(crate) fn bound_root(&self, policy: &Policy) -> Digest {
        bound_root(&self.state_hash(policy), &self.evidence_root(), &self.ops.root())
    }

    pub(crate) fn ops(&self) -> &MerkleMap {
        &self.ops
    }

    pub(crate) fn heads(&self) -> &Heads {
        &self.heads
    }

    pub(crate) fn visible(&self) -> &BTreeMap<PeerId, Arc<Entry>> {
        &self.visible
    }

    pub(crate) fn contributions(&self) -> &OrSet<PeerId, OpId> {
        &self.contributions
    }

    pub(crate) fn evidence(&self) -> &Evidence<Conviction> {
        &self.evidence
    }

    pub(crate) fn attestations(&self) -> &Attestations {
        &self.attestations
    }

    /// The attestation that was made on an occasion; of several the latest.
    pub(crate) fn attested(&self, occasion: &Occasion) -> Option<&Arc<Entry>> {
        self.occasions.get(occasion)
    }

    /// The contributions of the tensors with this root, visible or not.
    pub(crate) fn with_root(&self, root: &Digest) -> &[Arc<Entry>] {
        self.by_root.get(root).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn top(&self, author: &PeerId) -> u64 {
        self.tops.get(author).copied().unwrap_or(0)
    }

    pub(crate) fn tops(&self) -> &BTreeMap<PeerId, u64> {
        &self.tops
    }

    /// Sum of the lengths of the canonical operations.
    pub(crate) fn encoded_len(&self) -> usize {
        self.encoded_len
    }

    /// The operations at one place of a chain.
    pub(crate) fn at(&self, dot: Dot<PeerId>) -> impl Iterator<Item = &Arc<Entry>> {
        self.slots.get(&dot).into_iter().flat_map(Slot::iter)
    }

    /// An author's operations from number `from` on, by (seq, id).
    pub(crate) fn chain(&self, author: PeerId, from: u64) -> impl Iterator<Item = &Arc<Entry>> {
        let range = Dot::new(author, from)..=Dot::new(author, u64::MAX);
        self.slots.range(range).flat_map(|(_, slot)| slot.iter())
    }

    /// All operations of accepted authors, by (author, seq, id).
    pub(crate) fn entries(&self) -> impl Iterator<Item = &Arc<Entry>> {
        self.held().filter(|entry| self.tops.contains_key(&entry.op.op().author))
    }

    /// All operations that are held.
    pub(crate) fn held(&self) -> impl Iterator<Item = &Arc<Entry>> {
        self.slots.values().flat_map(Slot::iter)
    }

    pub(crate) fn clock(&self) -> CausalTrustClock {
        let mut clock = CausalTrustClock::default();
        for (author, top) in &self.tops {
            let forked = self.evidence.has(author, FaultKind::Equivocation);
            clock.tick(*author, if forked { Tick::Forked } else { Tick::Seq(*top) });
        }
        for (accused, kind) in self.evidence.keys() {
            clock.convict(*accused, *kind);
        }
        clock
    }
}

fn key_of(conviction: &Conviction) -> (PeerId, FaultKind) {
    (conviction.accused(), conviction.kind())
}

fn round_of(entry: &Entry) -> u64 {
    entry.op.contribution().map_or(0, |c| c.round)
}

/// How `bound_root` is made of its parts.
pub(crate) fn bound_root(state_hash: &Digest, evidence_root: &Digest, ops_root: &Digest) -> Digest {
    BOUND.fields().digest(state_hash).digest(evidence_root).digest(ops_root).finish()
}
