//! What follows from a set of operations: every view of the state, made at once or brought up to
//! date operation by operation.
//!
//! A view is a function of the set. The order in which operations are read shows nowhere; the tests
//! compare against a view made from scratch in another order. Which of an equivocator's operations
//! a set holds is settled before, see [`Rule`](crate::arena::forks::Rule).

pub(crate) mod comparable;
pub(crate) mod heads;
pub(crate) mod roster;
pub(crate) mod round_distances;
pub(crate) mod trust;
pub(crate) mod visible;

use crate::arena::entry::Entry;
use crate::arena::forks::Slot;
#[cfg(feature = "mutants")]
use crate::mutants::Mutant;
use crate::signed::fault::{self, Conviction, Fault, Occasion};
use crate::signed::op::{Body, OpId};
use crate::signed::policy::Policy;
use crate::view::heads::Heads;
use crate::view::roster::Roster;
use crate::view::trust::TrustTable;
use crate::view::visible::{Visible, round_of};
use espalier_identity::{Digest, Domain, PeerId, canonical};
use espalier_lattice::{Dot, Join};
use espalier_orset::OrSet;
use espalier_provenance::MerkleMap;
use espalier_trust::{
    Attestations, CausalTrustClock, Evidence, FaultKind, Measurement, Record, Tick,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

static STATE: Domain = Domain::new("espalier state v1");
static BOUND: Domain = Domain::new("espalier bound root v1");
static EVIDENCE_KEY: Domain = Domain::new("espalier evidence key v1");
static ATTESTATION_KEY: Domain = Domain::new("espalier attestation key v1");
static ATTESTATION: Domain = Domain::new("espalier attestation v1");

/// The views of one set of operations.
#[derive(Debug, Clone, Default)]
pub(crate) struct View {
    /// All operations, also those of authors who are not accepted (any more).
    slots: BTreeMap<Dot<PeerId>, Slot>,
    /// From here on: of accepted authors only.
    tops: BTreeMap<PeerId, u64>,
    ops: MerkleMap,
    /// Those that are read and not in `ops` yet: they go in together.
    fresh: BTreeSet<OpId>,
    heads: Heads,
    contributions: OrSet<PeerId, OpId>,
    /// The number of dots that have a contribution that took effect, live or not.
    contributed: u64,
    evidence: Evidence<Conviction>,
    evidence_tree: MerkleMap,
    attestations: Attestations,
    attestation_tree: MerkleMap,
    /// What is to be put there.
    measured: BTreeMap<Digest, Digest>,
    /// Of the attestations of one occasion the latest in their author's chain.
    occasions: BTreeMap<Occasion, Arc<Entry>>,
    /// Contributions by the root of their tensors.
    by_root: BTreeMap<Digest, Vec<Arc<Entry>>>,
    visible: Visible,
    encoded_len: usize,
    /// A fork changed what was taken in before: only `slots` and `tops` are right.
    stale: bool,
    roster: Roster,
    /// Votes are to be counted again.
    voted: bool,
    /// Of whom something is new.
    touched: BTreeSet<PeerId>,
    pub(crate) trust: OnceLock<Arc<TrustTable>>,
}

impl View {
    /// The views of a set, its operations by (author, seq, id): in that order nothing comes late,
    /// so each is read once. O(n log n).
    pub(crate) fn of(policy: &Policy, entries: &[Arc<Entry>]) -> Self {
        let mut votes = Roster::default();
        for entry in entries {
            if let (Body::Vote { subject, admit }, None) = (&entry.op.op().body, &entry.guilt) {
                let Dot { actor, seq } = entry.op.op().dot();
                votes.vote(policy, actor, *subject, (seq, entry.op.id(), *admit));
            }
        }
        let roster = Roster::accepting(votes.will_accept(policy));
        let mut view = Self { roster, ..Self::default() };
        entries.iter().for_each(|entry| view.read(policy, entry));
        view.settle(policy);
        view
    }

    /// Takes in operations that the set did not hold, in any order. O(log n) each; O(n log n) if a
    /// fork changed what was read before, or somebody is accepted now.
    pub(crate) fn extend(&mut self, policy: &Policy, entries: &[Arc<Entry>]) {
        entries.iter().for_each(|entry| self.read(policy, entry));
        if self.stale {
            let held: Vec<_> = self.held().cloned().collect();
            #[cfg(feature = "mutants")]
            let left = held.len() - usize::from(Mutant::LossyRebuild.is_loose());
            #[cfg(feature = "mutants")]
            let held = held[..left].to_vec();
            *self = Self::of(policy, &held);
        }
        self.settle(policy);
        #[cfg(feature = "mutants")]
        if Mutant::ShortMemory.is_loose() && entries.len() > 1 {
            self.evidence = Evidence::default();
        }
    }

    fn read(&mut self, policy: &Policy, entry: &Arc<Entry>) {
        let dot = entry.op.op().dot();
        let id = entry.op.id();
        let twin = match self.slots.get_mut(&dot) {
            None => {
                self.slots.insert(dot, Slot::new(entry.clone()));
                None
            }
            Some(slot) if slot.find(&id).is_some() => return,
            Some(slot) => {
                let (twin, forked) = (slot.least().clone(), slot.is_forked());
                let in_pair = slot.add(entry.clone()) < 2;
                if forked && in_pair {
                    // Another pair convicts now.
                    self.stale = true;
                    return;
                }
                (!forked).then_some(twin)
            }
        };
        if !self.accepts(policy, &dot.actor) {
            return;
        }
        self.trust = OnceLock::new();
        self.encoded_len += entry.op.encoded_len();
        self.fresh.insert(id);
        let holds = |id: &OpId| self.fresh.contains(id) || self.ops.get(id).is_some();
        self.heads.insert(&entry.op, holds);
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
            #[cfg(feature = "mutants")]
            Some(guilt)
                if Mutant::ForeignRetraction.is_loose()
                    && guilt.kind() == FaultKind::ForeignRetraction =>
            {
                self.convict(guilt.clone());
                self.take_effect(policy, entry);
            }
            Some(conviction) => self.convict(conviction.clone()),
            None => self.take_effect(policy, entry),
        }
        let counts = |c: &&Conviction| self.accepts(policy, &c.accused());
        if let Some(conviction) = entry.carried.as_ref().filter(counts) {
            self.convict(conviction.clone());
        }
        self.touched.insert(dot.actor);
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

    /// Counts the votes if there are new ones or a voter was convicted, and brings up to date who
    /// is heard with what: those who said something or were convicted, and everybody if the roster
    /// or the round up to which contributions are visible is another. Puts what is new into the
    /// trees.
    fn settle(&mut self, policy: &Policy) {
        self.ops
            .insert_all(std::mem::take(&mut self.fresh).into_iter().map(|id| (id, Digest::ZERO)));
        self.attestation_tree.insert_all(std::mem::take(&mut self.measured));
        let mut authors: Vec<_> = std::mem::take(&mut self.touched).into_iter().collect();
        let everybody = |view: &Self| view.tops.keys().copied().collect();
        if std::mem::take(&mut self.voted) {
            let evidence = &self.evidence;
            if self.roster.count(policy, |voter| !evidence.convicts(voter)) {
                self.trust = OnceLock::new();
                authors = everybody(self);
            }
        }
        authors.iter().for_each(|author| self.note_round(policy, *author));
        if self.visible.advance(self.roster_len(policy)) {
            authors = everybody(self);
        }
        authors.into_iter().for_each(|author| self.choose(policy, author));
        self.visible.settle();
    }

    fn take_effect(&mut self, policy: &Policy, entry: &Entry) {
        let op = entry.op.op();
        match &op.body {
            Body::Contribute(c) => {
                let effective = |other: &&Arc<Entry>| {
                    other.op.contribution().is_some() && other.guilt.is_none()
                };
                let here = self.at(op.dot()).filter(effective).count();
                self.contributed += u64::from(here == 1);
                let replaced = c.replaces.iter().copied();
                let delta = OrSet::with_entry(op.dot(), entry.op.id(), replaced);
                self.contributions.join(&delta.expect("the number of a verified operation"));
            }
            #[cfg(feature = "mutants")]
            Body::Retract { targets }
                if Mutant::EarlyRetraction.is_loose()
                    && targets.iter().all(|dot| self.contributions.get(dot).is_none()) => {}
            Body::Retract { targets } => {
                self.contributions.join(&OrSet::with_removed(targets.iter().copied()));
            }
            Body::Attest { subject, dimension, epoch, about, value } => {
                let (observer, dimension) = (op.author, *dimension);
                let measured = Measurement { epoch: *epoch, about: *about, value: *value };
                let news = self.attestations.insert(observer, *subject, dimension, measured);
                if news && !self.evidence.convicts(&observer) {
                    let key = canonical::encode(&(observer, subject, dimension));
                    let value = canonical::encode(&measured);
                    let (key, value) = (ATTESTATION_KEY.hash(&key), ATTESTATION.hash(&value));
                    self.measured.insert(key, value);
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
        self.touched.insert(accused);
        // What the convicted measured no longer counts, so it no longer shows in the state hash.
        for (subject, dimension, observer, ..) in self.attestations.iter() {
            if observer == accused {
                let key = canonical::encode(&(observer, subject, dimension));
                let key = ATTESTATION_KEY.hash(&key);
                self.measured.remove(&key);
                self.attestation_tree.remove(&key);
            }
        }
    }

    /// Whether `author` may be heard: on the roster, and not convicted.
    fn is_heard(&self, policy: &Policy, author: &PeerId) -> bool {
        #[cfg(feature = "mutants")]
        if Mutant::DeafToEvidence.is_loose() {
            return self.on_roster(policy, author);
        }
        self.on_roster(policy, author) && !self.evidence.convicts(author)
    }

    fn note_round(&mut self, policy: &Policy, author: PeerId) {
        let heard = self.is_heard(policy, &author);
        let last = self.live_of(&author).map(|entry| round_of(entry)).max();
        self.visible.note_round(author, last.filter(|_| heard));
    }

    fn choose(&mut self, policy: &Policy, author: PeerId) {
        let history = u64::from(policy.spec().constants.history);
        let heard = self.is_heard(policy, &author);
        let live: Vec<_> = self.live_of(&author).filter(|_| heard).cloned().collect();
        self.visible.choose(author, &live, history);
    }

    /// The contributions of `author` before the visible one, latest first.
    pub(crate) fn past(&self, author: &PeerId) -> &[Arc<Entry>] {
        self.visible.past(author)
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
            .digest(&self.visible.root())
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
        self.visible.latest()
    }

    pub(crate) fn contributions(&self) -> &OrSet<PeerId, OpId> {
        &self.contributions
    }

    /// The number of contributions that were made and are not live. What was taken back and never
    /// made is none, though the causal context of the set holds it.
    pub(crate) fn tombstones(&self) -> u64 {
        self.contributed - self.contributions.entries().count() as u64
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

/// How `bound_root` is made of its parts.
pub(crate) fn bound_root(state_hash: &Digest, evidence_root: &Digest, ops_root: &Digest) -> Digest {
    BOUND.fields().digest(state_hash).digest(evidence_root).digest(ops_root).finish()
}
