//! The merge state: a grow-only set of signed operations and its views.

use crate::arena::{Arena, Entry};
use crate::bits::Bits;
use crate::error::{ApplyError, ChangeError};
use crate::fault::{Conviction, Fault};
use crate::legal;
use crate::op::{Body, Contribution, MAX_DEPS, Op, SignedOp, VerifiedOp, Weight};
use crate::policy::Policy;
use crate::trust::{self, Resolution, ResolveError, TrustTable};
use crate::view::{Kept, View};
use espalier_identity::{Digest, Keypair, PeerId};
use espalier_lattice::Dot;
use espalier_tensor::Model;
use espalier_trust::{Attestations, CausalTrustClock, Dimension, Evidence, Q16};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A contribution that is about to be made.
#[derive(Debug, Clone)]
pub struct Draft {
    /// For people.
    pub name: String,
    /// How much it should count. Default 1.
    pub weight: f64,
    /// The tensors.
    pub model: Model,
    /// Root of the model from which training started. Default: the policy's base.
    pub base: Option<Digest>,
    /// The training round. Default 0.
    pub round: u64,
}

impl Draft {
    /// A contribution of weight 1 in round 0.
    #[must_use]
    pub fn new(name: impl Into<String>, model: Model) -> Self {
        Self { name: name.into(), weight: 1.0, model, base: None, round: 0 }
    }

    /// The same with another weight.
    #[must_use]
    pub fn weight(self, weight: f64) -> Self {
        Self { weight, ..self }
    }
}

/// Operations to be joined into a state; what a mutator returns and what gossip sends.
#[derive(Debug, Clone, Default)]
pub struct Delta(Vec<Arc<Entry>>);

impl Delta {
    /// The operations.
    pub fn ops(&self) -> impl ExactSizeIterator<Item = &VerifiedOp> {
        self.0.iter().map(|entry| entry.op())
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<Arc<Entry>> for Delta {
    fn from_iter<I: IntoIterator<Item = Arc<Entry>>>(iter: I) -> Self {
        Self(iter.into_iter().collect())
    }
}

/// An operation that passed every check.
#[derive(Debug, Clone)]
enum Candidate {
    Known(Arc<Entry>),
    Checked(Box<VerifiedOp>),
}

/// Operations that passed every check and have not been joined.
#[derive(Debug, Clone)]
pub(crate) struct Prepared(Vec<Candidate>);

impl Prepared {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &VerifiedOp> {
        self.0.iter().map(|candidate| match candidate {
            Candidate::Known(entry) => entry.op(),
            Candidate::Checked(op) => op,
        })
    }
}

/// How far a state has seen each author: the highest sequence number.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frontier(pub BTreeMap<PeerId, u64>);

/// The state of a node; see the crate's header. Cloning is cheap: views are shared until one side
/// changes.
#[derive(Debug, Clone)]
pub struct MergeState {
    policy: Policy,
    arena: Arena,
    ops: Bits,
    view: Arc<View>,
}

/// Equal operations under an equal policy.
impl PartialEq for MergeState {
    fn eq(&self, other: &Self) -> bool {
        self.policy == other.policy && self.ops_root() == other.ops_root()
    }
}

impl Eq for MergeState {}

impl MergeState {
    /// An empty state with an arena of its own.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        Self::with_arena(policy, Arena::default())
    }

    /// An empty state in a shared arena.
    #[must_use]
    pub fn with_arena(policy: Policy, arena: Arena) -> Self {
        Self { policy, arena, ops: Bits::default(), view: Arc::default() }
    }

    /// The same operations under another policy.
    #[must_use]
    pub fn with_policy(&self, policy: Policy) -> Self {
        let mut state = Self::with_arena(policy, self.arena.clone());
        let admitted = |entry: &&Arc<Entry>| state.policy.admits(&entry.op().op().author);
        let entries: Vec<_> = self.view.entries().filter(admitted).cloned().collect();
        state.join(entries);
        state
    }

    /// The policy.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The arena.
    #[must_use]
    pub fn arena(&self) -> &Arena {
        &self.arena
    }

    pub(crate) fn view(&self) -> &View {
        &self.view
    }

    // --- changes -------------------------------------------------------------------------------

    /// Contributes a model under `key`, in place of the author's earlier contributions. Its tensors
    /// go into the arena. Returns what other replicas need.
    ///
    /// # Errors
    /// [`ChangeError`]; nothing is changed.
    pub fn add(&mut self, key: &Keypair, draft: Draft) -> Result<Delta, ChangeError> {
        let weight = Weight::new(draft.weight).ok_or(ChangeError::Weight)?;
        let manifest = draft.model.manifest.clone();
        if self.policy.spec().schema.is_some_and(|schema| schema != manifest.schema()) {
            return Err(ChangeError::Schema);
        }
        let author = key.peer_id();
        let live = self.view.contributions().entries_of(&author);
        let replaces: Vec<_> = live.map(|(dot, _)| *dot).take(legal::MAX_TARGETS).collect();
        let base = draft.base.or(self.policy.spec().base);
        let (name, round) = (draft.name, draft.round);
        let body = Body::Contribute(Contribution { name, weight, manifest, base, round, replaces });
        let delta = self.publish(key, body)?;
        self.arena.put_model(draft.model);
        Ok(delta)
    }

    /// Retracts a contribution. Only its author can.
    ///
    /// # Errors
    /// [`ChangeError`]; nothing is changed.
    pub fn retract(&mut self, key: &Keypair, dot: Dot<PeerId>) -> Result<Delta, ChangeError> {
        let by = key.peer_id();
        if dot.actor != by {
            return Err(ChangeError::NotYours { author: dot.actor, seq: dot.seq, by });
        }
        if self.view.contributions().get(&dot).is_none() {
            return Err(ChangeError::NotLive(dot));
        }
        self.publish(key, Body::Retract { targets: vec![dot] })
    }

    /// Publishes a measurement of a peer.
    ///
    /// # Errors
    /// [`ChangeError`]; nothing is changed.
    pub fn attest(
        &mut self,
        key: &Keypair,
        subject: PeerId,
        dimension: Dimension,
        value: Q16,
    ) -> Result<Delta, ChangeError> {
        self.publish(key, Body::Attest { subject, dimension, value })
    }

    /// Publishes a fault that proves itself. An empty delta if the state has one of this kind
    /// against the same author already.
    ///
    /// # Errors
    /// [`ChangeError::NoFault`] if it proves nothing; nothing is changed.
    pub fn accuse(&mut self, key: &Keypair, fault: Fault) -> Result<Delta, ChangeError> {
        use espalier_trust::Record as _;
        let conviction = fault.verify()?;
        if self.evidence().has(&conviction.accused(), conviction.kind()) {
            return Ok(Delta::default());
        }
        self.publish(key, Body::Evidence(fault))
    }

    fn publish(&mut self, key: &Keypair, body: Body) -> Result<Delta, ChangeError> {
        let author = key.peer_id();
        if !self.policy.admits(&author) {
            return Err(ChangeError::NotAdmitted { author });
        }
        let op = self.next_op(author, body);
        if let Some((field, range)) = legal::illegal_field(&op) {
            return Err(ChangeError::Illegal { field, range });
        }
        let entry = self.arena.insert(op.sign(key).verify()?);
        self.join(vec![entry.clone()]);
        Ok(Delta(vec![entry]))
    }

    /// The operation with which `author` would say `body` next: its place in the chain, the heads
    /// and the logical time that follow from this state. The caller signs it; see [`Op::sign`].
    #[must_use]
    pub fn next_op(&self, author: PeerId, body: Body) -> Op {
        let seq = self.view.top(&author) + 1;
        let before = Dot::new(author, seq - 1);
        let prev = self.view.at(&before).next().map(|entry| entry.op().id());
        let heads = self.view.heads();
        let (deps, lamport) = (heads.latest(MAX_DEPS, prev), heads.next_lamport());
        Op { author, seq, prev, deps, lamport, body }
    }

    // --- joins ---------------------------------------------------------------------------------

    /// Joins another state into this one; true if that changed anything.
    ///
    /// # Errors
    /// [`ApplyError::Policy`] if the policies differ; nothing is changed.
    pub fn merge(&mut self, other: &Self) -> Result<bool, ApplyError> {
        if self.policy != other.policy {
            let (ours, theirs) = (self.policy.hash(), other.policy.hash());
            return Err(ApplyError::Policy { ours, theirs });
        }
        if !self.arena.same_as(&other.arena) {
            return Ok(self.merge_from_elsewhere(other));
        }
        if self.ops.is_superset(&other.ops) {
            return Ok(false);
        }
        if other.ops.is_superset(&self.ops) {
            // Their set is the union: share their views instead of building them again.
            (self.ops, self.view) = (other.ops.clone(), other.view.clone());
            return Ok(true);
        }
        let missing: Vec<_> = other.ops.minus(&self.ops).map(|i| self.arena.get(i)).collect();
        Ok(!self.join(missing).is_empty())
    }

    fn merge_from_elsewhere(&mut self, other: &Self) -> bool {
        let mut missing = Vec::new();
        for theirs in other.view.entries() {
            if self.view.ops().get(&theirs.op().id()).is_some() {
                continue;
            }
            if let Some((contribution, _)) = theirs.contribution() {
                for meta in contribution.manifest.tensors() {
                    if let Some(content) = other.arena.store().get(&meta.content) {
                        self.arena.store().put(content);
                    }
                }
            }
            missing.push(self.arena.insert(theirs.op().clone()));
        }
        !self.join(missing).is_empty()
    }

    /// Takes operations from a peer: all of them or, on any error, none. The number that were new.
    ///
    /// Checks encoding limits, roster, chain and signatures; each signature once per arena. What
    /// operations *say* is not judged: an illegal statement becomes evidence.
    ///
    /// # Errors
    /// [`ApplyError`]; nothing is changed.
    pub fn apply(&mut self, ops: Vec<SignedOp>) -> Result<usize, ApplyError> {
        let prepared = self.prepare(ops)?;
        Ok(self.commit(prepared).len())
    }

    /// The first half of [`MergeState::apply`]: everything that can fail.
    pub(crate) fn prepare(&self, mut ops: Vec<SignedOp>) -> Result<Prepared, ApplyError> {
        ops.sort_by_key(|signed| (signed.op.author, signed.op.seq));
        let mut prepared = Vec::with_capacity(ops.len());
        let mut tops = BTreeMap::new();
        for signed in ops {
            let (author, seq) = (signed.op.author, signed.op.seq);
            if !self.policy.admits(&author) {
                return Err(ApplyError::NotAdmitted { author });
            }
            let top = tops.entry(author).or_insert_with(|| self.view.top(&author));
            if seq > *top + 1 {
                return Err(ApplyError::Gap { author, seq, have: *top });
            }
            *top = seq.max(*top);
            prepared.push(match self.arena.find(&signed.id()) {
                Some(known) => Candidate::Known(known),
                None => {
                    let refused = |source| ApplyError::Op { author, seq, source };
                    Candidate::Checked(Box::new(signed.verify().map_err(refused)?))
                }
            });
        }
        Ok(Prepared(prepared))
    }

    /// The second half: cannot fail. Returns what was new.
    pub(crate) fn commit(&mut self, prepared: Prepared) -> Vec<Arc<Entry>> {
        let entries = prepared.0.into_iter().filter_map(|candidate| match candidate {
            Candidate::Known(entry) => Some(entry),
            // The arena forgets nothing, so what has no place does not get there.
            Candidate::Checked(op) if self.view.refuses(&self.policy, &op) => None,
            Candidate::Checked(op) => Some(self.arena.insert(*op)),
        });
        let entries = entries.collect();
        self.join(entries)
    }

    /// Joins verified operations. Returns those that are new; views are built anew at most once.
    fn join(&mut self, entries: Vec<Arc<Entry>>) -> Vec<Arc<Entry>> {
        let mut new = Vec::new();
        for entry in entries {
            if self.ops.contains(entry.index) {
                continue;
            }
            match Arc::make_mut(&mut self.view).apply(&self.policy, &entry) {
                Kept::Known | Kept::Refused => continue,
                Kept::New => {}
                Kept::Evicting(evicted) => evicted.iter().for_each(|i| self.ops.remove(*i)),
            }
            self.ops.insert(entry.index);
            new.push(entry);
        }
        if !new.is_empty() {
            Arc::make_mut(&mut self.view).settle(&self.policy);
            new.retain(|entry| self.ops.contains(entry.index));
        }
        new
    }

    /// What a replica with this frontier lacks, as far as the frontier shows, ordered by
    /// (author, seq).
    #[must_use]
    pub fn delta(&self, since: &Frontier) -> Delta {
        let from = |author| since.0.get(author).map_or(1, |top| top.saturating_add(1));
        self.view.tops().keys().flat_map(|a| self.view.chain(*a, from(a))).cloned().collect()
    }

    // --- views ---------------------------------------------------------------------------------

    /// How far this state has seen each author.
    #[must_use]
    pub fn frontier(&self) -> Frontier {
        Frontier(self.view.tops().clone())
    }

    /// Commits to the policy and to everything from which `resolve` computes: the visible
    /// contributions and the measurements of peers. Equal hashes, equal models. O(1).
    #[must_use]
    pub fn state_hash(&self) -> Digest {
        self.view.state_hash(&self.policy)
    }

    /// Commits to `state_hash`, the evidence, and every operation. O(1).
    #[must_use]
    pub fn bound_root(&self) -> Digest {
        self.view.bound_root(&self.policy)
    }

    /// Commits to every operation. O(1).
    #[must_use]
    pub fn ops_root(&self) -> Digest {
        self.view.ops().root()
    }

    /// How many operations there are.
    #[must_use]
    pub fn op_count(&self) -> usize {
        self.ops.len()
    }

    /// All operations, by (author, seq, id).
    pub fn ops(&self) -> impl Iterator<Item = &VerifiedOp> {
        self.view.entries().map(|entry| entry.op())
    }

    /// The same with what follows from each alone.
    pub fn entries(&self) -> impl Iterator<Item = &Arc<Entry>> {
        self.view.entries()
    }

    /// The visible contributions, ascending by author: of each author without a conviction the
    /// latest live one that is not beyond the round after the majority's.
    pub fn visible(&self) -> impl Iterator<Item = &Arc<Entry>> {
        self.view.visible().values()
    }

    /// How many contributions were made and are gone: what the causal context implies, nothing of
    /// it is stored.
    #[must_use]
    pub fn tombstones(&self) -> u64 {
        self.view.contributions().tombstones()
    }

    /// What this state has seen, with its partial order.
    #[must_use]
    pub fn clock(&self) -> CausalTrustClock {
        self.view.clock()
    }

    /// Verified faults.
    #[must_use]
    pub fn evidence(&self) -> &Evidence<Conviction> {
        self.view.evidence()
    }

    /// Measurements of peers by peers.
    #[must_use]
    pub fn attestations(&self) -> &Attestations {
        self.view.attestations()
    }

    /// Trust in every author with a visible contribution or a conviction. Computed once.
    ///
    /// # Errors
    /// [`ResolveError::Tensor`] if a visible contribution's tensors are not in the arena.
    pub fn trust(&self) -> Result<Arc<TrustTable>, ResolveError> {
        if let Some(table) = self.view.trust.get() {
            return Ok(table.clone());
        }
        let table = Arc::new(trust::table(&self.view, &self.policy, &self.arena)?);
        Ok(self.view.trust.get_or_init(|| table).clone())
    }

    /// What goes into the merged model, and with which weight.
    ///
    /// # Errors
    /// [`ResolveError`].
    pub fn resolution(&self) -> Result<Resolution, ResolveError> {
        trust::resolution(&self.view, &self.policy, &self.arena, &*self.trust()?)
    }

    /// The merged model: a pure function of the visible contributions and the policy.
    ///
    /// # Errors
    /// [`ResolveError`].
    pub fn resolve(&self) -> Result<Model, ResolveError> {
        self.resolution()?.model()
    }
}
