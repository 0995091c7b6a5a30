//! The merge state: a grow-only set of signed operations and its views.

use crate::arena::{Arena, Entry};
use crate::bits::Bits;
use crate::error::ApplyError;
use crate::fault::{Conviction, Judged};
use crate::op::{Checked, OpId, SignedOp, VerifiedOp};
use crate::policy::Policy;
use crate::trust::{self, Resolution, ResolveError, TrustTable};
use crate::view::{Kept, View};
use espalier_identity::{Digest, PeerId};
use espalier_tensor::Model;
use espalier_trust::{Attestations, CausalTrustClock, Evidence};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

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

    pub(crate) fn into_entries(self) -> Vec<Arc<Entry>> {
        self.0
    }
}

impl FromIterator<Arc<Entry>> for Delta {
    fn from_iter<I: IntoIterator<Item = Arc<Entry>>>(iter: I) -> Self {
        Self(iter.into_iter().collect())
    }
}

/// An operation that passed every check.
#[derive(Debug, Clone)]
pub(crate) enum Candidate {
    /// The arena has it.
    Known(Arc<Entry>),
    /// It was checked here.
    Checked(Arc<Judged>),
}

impl Candidate {
    pub(crate) fn op(&self) -> &VerifiedOp {
        match self {
            Self::Known(entry) => entry.op(),
            Self::Checked(judged) => &judged.op,
        }
    }

    /// What it convicts its author of by itself.
    pub(crate) fn guilt(&self) -> Option<&Conviction> {
        match self {
            Self::Known(entry) => entry.guilt.as_ref(),
            Self::Checked(judged) => judged.guilt.as_ref(),
        }
    }

    /// The verified record it carries.
    pub(crate) fn carried(&self) -> Option<&Conviction> {
        match self {
            Self::Known(entry) => entry.carried.as_ref(),
            Self::Checked(judged) => judged.carried.as_ref(),
        }
    }
}

/// Operations that passed every check, by identifier.
pub(crate) type Checks = BTreeMap<OpId, Candidate>;

/// Operations that passed every check and have not been joined, by (author, seq).
#[derive(Debug, Clone, Default)]
pub(crate) struct Prepared(Vec<Candidate>);

impl Prepared {
    pub(crate) fn candidates(&self) -> &[Candidate] {
        &self.0
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &VerifiedOp> {
        self.0.iter().map(Candidate::op)
    }

    /// These and those; still by (author, seq) if the authors are others.
    pub(crate) fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self.0.sort_by_key(|c| c.op().op().dot());
        self
    }

    /// Parts the operations of some authors from the rest.
    pub(crate) fn part(self, first: impl Fn(&PeerId) -> bool) -> (Self, Self) {
        let (first, rest) = self.0.into_iter().partition(|c| first(&c.op().op().author));
        (Self(first), Self(rest))
    }
}

/// How an operation passed.
enum Found {
    Known(Candidate),
    Checked(Checked),
}

/// Operations of which one is refused.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) error: ApplyError,
    pub(crate) ops: Vec<SignedOp>,
    /// Which of them.
    pub(crate) at: usize,
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
        // Those whose authors the other policy does not accept are of no effect there.
        state.join(self.view.held().cloned().collect());
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
        for theirs in other.view.held() {
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
            missing.push(self.arena.insert(theirs.judged()));
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
    pub fn apply(&mut self, mut ops: Vec<SignedOp>) -> Result<usize, ApplyError> {
        let all_known = ops.iter().all(|signed| self.accepts(&signed.op.author));
        let mut state = if all_known { None } else { Some(self.clone()) };
        let mut taken = 0;
        loop {
            // Those whom the votes among the operations admit come after these.
            let target = state.as_mut().unwrap_or(self);
            let known = |signed: &SignedOp| target.accepts(&signed.op.author);
            let (known, strangers): (Vec<_>, Vec<_>) = ops.into_iter().partition(known);
            if let (true, Some(stranger)) = (known.is_empty(), strangers.first()) {
                return Err(ApplyError::NotAdmitted { author: stranger.op.author });
            }
            let prepared =
                target.prepare(known, &Checks::new()).map_err(|refused| refused.error)?;
            taken += target.commit(prepared).len();
            if strangers.is_empty() {
                break;
            }
            ops = strangers;
        }
        if let Some(state) = state {
            *self = state;
        }
        Ok(taken)
    }

    /// The first half of [`MergeState::apply`]: everything that can fail. Operations among `checks`
    /// are not checked again.
    pub(crate) fn prepare(
        &self,
        mut ops: Vec<SignedOp>,
        checks: &Checks,
    ) -> Result<Prepared, Box<Refused>> {
        ops.sort_by_key(|signed| (signed.op.author, signed.op.seq));
        let mut found = Vec::with_capacity(ops.len());
        let mut tops = BTreeMap::new();
        for (at, signed) in ops.iter().enumerate() {
            match self.check(signed, checks, &mut tops) {
                Ok(checked) => found.push(checked),
                Err(error) => return Err(Box::new(Refused { error, ops, at })),
            }
        }
        let stamp = |(signed, found): (SignedOp, Found)| match found {
            Found::Known(candidate) => candidate,
            Found::Checked(checked) => {
                Candidate::Checked(Arc::new(Judged::new(checked.of(signed))))
            }
        };
        Ok(Prepared(ops.into_iter().zip(found).map(stamp).collect()))
    }

    /// Checks one operation; `tops` says how far the batch before it comes.
    fn check(
        &self,
        signed: &SignedOp,
        checks: &Checks,
        tops: &mut BTreeMap<PeerId, u64>,
    ) -> Result<Found, ApplyError> {
        let (author, seq) = (signed.op.author, signed.op.seq);
        if !self.accepts(&author) {
            return Err(ApplyError::NotAdmitted { author });
        }
        let top = tops.entry(author).or_insert_with(|| self.view.top(&author));
        if seq > top.saturating_add(1) {
            return Err(ApplyError::Gap { author, seq, have: *top });
        }
        *top = seq.max(*top);
        let id = signed.id();
        if let Some(known) = self.arena.find(&id) {
            return Ok(Found::Known(Candidate::Known(known)));
        }
        if let Some(known) = checks.get(&id) {
            return Ok(Found::Known(known.clone()));
        }
        let refused = |source| ApplyError::Op { author, seq, source };
        signed.check().map(Found::Checked).map_err(refused)
    }

    /// The second half: cannot fail. Returns what was new.
    pub(crate) fn commit(&mut self, prepared: Prepared) -> Vec<Arc<Entry>> {
        let entries = prepared.0.into_iter().filter_map(|candidate| match candidate {
            Candidate::Known(entry) => Some(entry),
            // The arena forgets nothing, so what has no place does not get there.
            Candidate::Checked(judged) if self.view.refuses(&self.policy, &judged) => None,
            Candidate::Checked(judged) => Some(self.arena.insert(Arc::unwrap_or_clone(judged))),
        });
        let entries = entries.collect();
        self.join(entries)
    }

    /// Joins verified operations. Returns those that are new; views are built anew at most once.
    pub(crate) fn join(&mut self, entries: Vec<Arc<Entry>>) -> Vec<Arc<Entry>> {
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

    /// The highest sequence number of `author` that this state has seen; 0 if none.
    #[must_use]
    pub fn last_seq(&self, author: &PeerId) -> u64 {
        self.view.top(author)
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
        self.view.ops().len()
    }

    /// Whether operations of `author` are taken in: of the genesis, and of everybody for whom more
    /// than half of it ever voted. An open federation takes everybody's.
    #[must_use]
    pub fn accepts(&self, author: &PeerId) -> bool {
        self.view.accepts(&self.policy, author)
    }

    /// The current roster, ascending: the genesis and whom it admitted, without whom it expelled.
    /// In an open federation the authors seen. O(n).
    #[must_use]
    pub fn roster(&self) -> BTreeSet<PeerId> {
        self.view.roster(&self.policy)
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

    /// Whether this state holds the operation of an arena's entry.
    pub(crate) fn holds(&self, entry: &Entry) -> bool {
        self.ops.contains(entry.index)
    }

    /// The operation with this identifier, if this state holds it.
    pub(crate) fn find(&self, id: &OpId) -> Option<Arc<Entry>> {
        self.arena.find(id).filter(|entry| self.holds(entry))
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
