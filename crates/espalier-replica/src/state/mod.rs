//! The merge state: a grow-only set of signed operations and its views.

pub(crate) mod apply;
pub(crate) mod arena;
pub(crate) mod change;
pub(crate) mod codec;
pub(crate) mod counted;
pub(crate) mod join;
pub(crate) mod lazy;
pub(crate) mod liveness;
pub(crate) mod provenance;
pub(crate) mod records;
pub(crate) mod views;

use crate::arena::bits::Bits;
use crate::arena::entry::Entry;
use crate::counting::reach::Reach;
use crate::signed::fault::{Conviction, Judged};
use crate::signed::frontier::Frontier;
use crate::signed::op::{OpId, VerifiedOp};
use crate::signed::policy::Policy;
use crate::state::arena::{Arena, Federation};
use crate::state::lazy::Lazy;
use crate::view::View;
use crate::view::comparable::Incomparable;
use crate::view::trust::{self, Resolution, ResolutionError, TrustTable};
use crate::wire::message::Seen;
use espalier_identity::{Digest, PeerId};
use espalier_tensor::Model;
use espalier_trust::{Attestations, CausalTrustClock, Evidence};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Operations that a state has and another may lack: what a change made, what a frame brought.
/// Clones share the operations.
#[derive(Debug, Clone, Default)]
pub struct Delta(Vec<Arc<Entry>>);

/// The same operations in the same order.
impl PartialEq for Delta {
    fn eq(&self, other: &Self) -> bool {
        self.ops().map(VerifiedOp::id).eq(other.ops().map(VerifiedOp::id))
    }
}

impl Eq for Delta {}

impl Delta {
    /// The operations.
    pub fn ops(&self) -> impl ExactSizeIterator<Item = &VerifiedOp> {
        self.0.iter().map(|entry| entry.op())
    }

    /// The number of operations.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it holds no operation.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds the operations of another one after these.
    pub fn append(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    pub(crate) fn entries(&self) -> &[Arc<Entry>] {
        &self.0
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

/// The state of a node; see the crate's header.
///
/// It is a bitmap over the operations of an arena. Cloning and joining cost what a bitmap costs;
/// everything else follows from the set and is made when somebody asks, once for all states of an
/// arena that hold the same.
#[derive(Debug, Clone)]
pub struct MergeState {
    pub(crate) federation: Arc<Federation>,
    pub(crate) ops: Bits,
    pub(crate) reach: Reach,
    pub(crate) lazy: Lazy,
}

/// Equal operations under an equal policy, those of authors who are not accepted included. O(words)
/// in one arena, O(1) for states of which one was joined into the other; no views are made.
impl PartialEq for MergeState {
    fn eq(&self, other: &Self) -> bool {
        if self.is_of_same_arena(other) {
            return self.policy() == other.policy() && self.ops == other.ops;
        }
        let theirs = || other.held().into_iter();
        self.policy() == other.policy()
            && self.ops.len() == other.ops.len()
            && theirs().all(|entry| self.find(&entry.op().id()).is_some())
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
        let federation = arena.federation(policy);
        let (ops, reach, lazy) = (Bits::default(), Reach::default(), Lazy::default());
        Self { federation, ops, reach, lazy }
    }

    /// The policy.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.federation.policy
    }

    /// The arena.
    #[must_use]
    pub fn arena(&self) -> &Arena {
        &self.federation.arena
    }

    /// A number that states of one arena with equal operations have in common, and others hardly
    /// ever: to group states before they are compared. It means nothing in another arena. No views
    /// are made; O(words).
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        self.ops.fingerprint()
    }

    /// The same set without views: as small as a state gets, for those who keep many and look at
    /// few. O(1).
    #[must_use]
    pub fn without_views(&self) -> Self {
        Self { lazy: Lazy::default(), ..self.clone() }
    }

    /// Which bitmap this is, as states that agree mostly share one: equal for states that do, as
    /// long as none of them changes. It means nothing after that, and says nothing of others.
    #[must_use]
    #[inline]
    pub fn bitmap(&self) -> usize {
        self.ops.words().as_ptr().addr()
    }

    pub(crate) fn is_of_same_arena(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.federation, &other.federation) || self.arena().same_as(other.arena())
    }

    /// What follows from the set; made now if nobody has asked before.
    pub(crate) fn view(&self) -> &View {
        self.lazy.get(&self.federation, &self.ops)
    }

    /// All operations of the set, also those of authors who are not accepted, as the arena numbers
    /// them.
    pub(crate) fn held(&self) -> Vec<Arc<Entry>> {
        self.arena().entries(self.ops.iter())
    }

    /// Whether an operation that is not in the arena has no place in this state.
    pub(crate) fn refuses(&self, judged: &Judged) -> bool {
        self.arena().refuses(self.policy(), &self.ops, judged)
    }

    /// What this state holds and an earlier one in the same arena did not, ordered by
    /// (author, seq, id), also of authors who are not accepted. For a store that writes down what
    /// is new, however it came: O(words), and O(new log new). From a state in another arena it is
    /// everything.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Delta {
        let new: Vec<u32> = match self.is_of_same_arena(earlier) {
            true => self.ops.minus(&earlier.ops).collect(),
            false => self.ops.iter().collect(),
        };
        lazy::in_order(self.arena(), new).into_iter().collect()
    }

    /// What a replica with this frontier lacks, as far as the frontier shows, ordered by
    /// (author, seq).
    #[must_use]
    pub fn delta(&self, since: &Frontier) -> Delta {
        self.delta_after(|author| since.0.get(author).copied().unwrap_or(0))
    }

    /// The same for a frontier as it is on the wire.
    pub(crate) fn beyond(&self, seen: &Seen) -> Delta {
        self.delta_after(|author| seen.top(self.policy(), author))
    }

    fn delta_after(&self, top: impl Fn(&PeerId) -> u64) -> Delta {
        let from = |author| top(author).saturating_add(1);
        #[cfg(feature = "mutants")]
        let from = |author| {
            let late = crate::mutants::Mutant::Frontier.is_loose() && top(author) > 0;
            from(author) + u64::from(late)
        };
        self.view().tops().keys().flat_map(|a| self.view().chain(*a, from(a))).cloned().collect()
    }

    // --- views ---------------------------------------------------------------------------------
    //
    // Costs are those once the views are made; whoever asks first makes them.

    /// How far this state has seen each author.
    #[must_use]
    pub fn frontier(&self) -> Frontier {
        Frontier(self.view().tops().clone())
    }

    /// The highest sequence number of `author` that this state has seen; 0 if none.
    #[must_use]
    pub fn last_seq(&self, author: &PeerId) -> u64 {
        self.view().top(author)
    }

    /// Commits to the policy and to everything from which `resolve` computes: the visible
    /// contributions and the measurements of peers. Equal hashes, equal models. O(1).
    #[must_use]
    pub fn state_hash(&self) -> Digest {
        self.view().state_hash(self.policy())
    }

    /// Commits to `state_hash`, the evidence, and every operation. O(1).
    #[must_use]
    pub fn bound_root(&self) -> Digest {
        self.view().bound_root(self.policy())
    }

    /// Commits to every operation. O(1).
    #[must_use]
    pub fn ops_root(&self) -> Digest {
        self.view().ops().root()
    }

    /// The number of operations. O(words) if all authors are of the genesis, otherwise the
    /// views are made.
    #[must_use]
    pub fn op_count(&self) -> usize {
        if self.reach.is_known() { self.ops.len() } else { self.view().ops().len() }
    }

    /// Whether operations of `author` are taken in: of the genesis, and of everybody for whom more
    /// than half of it ever voted. An open federation takes everybody's.
    #[must_use]
    pub fn accepts(&self, author: &PeerId) -> bool {
        self.policy().admits(author) || self.view().accepts(self.policy(), author)
    }

    /// The current roster, ascending: the genesis and the keys it admitted, without those it
    /// expelled. In an open federation the authors seen. O(n).
    #[must_use]
    pub fn roster(&self) -> BTreeSet<PeerId> {
        self.view().roster(self.policy())
    }

    /// All operations, by (author, seq, id).
    pub fn ops(&self) -> impl Iterator<Item = &VerifiedOp> {
        self.view().entries().map(|entry| entry.op())
    }

    /// The same with what follows from each alone.
    pub fn entries(&self) -> impl Iterator<Item = &Arc<Entry>> {
        self.view().entries()
    }

    /// The visible contributions, ascending by author: of each author without a conviction the
    /// latest live one that is not beyond the round after the majority's.
    pub fn visible(&self) -> impl Iterator<Item = &Arc<Entry>> {
        self.view().visible().values()
    }

    /// The number of contributions that were made and are gone. A retraction of what was never made
    /// is none. O(n).
    #[must_use]
    pub fn tombstones(&self) -> u64 {
        self.view().tombstones()
    }

    /// What this state has seen, with its partial order.
    #[must_use]
    pub fn clock(&self) -> CausalTrustClock {
        self.view().clock()
    }

    /// Verified faults.
    #[must_use]
    pub fn evidence(&self) -> &Evidence<Conviction> {
        self.view().evidence()
    }

    /// Whether this state holds the operation of an arena's entry.
    pub(crate) fn holds(&self, entry: &Entry) -> bool {
        self.ops.contains(entry.index)
    }

    /// Whether the tensors of a contribution are for whoever lacks it: it is live here, and not by
    /// a convicted author of the genesis.
    pub(crate) fn offers(&self, op: &VerifiedOp) -> bool {
        let (author, id) = (op.op().author, op.id());
        let mut live = self.view().contributions().entries_of(&author);
        let convicted = || self.policy().admits(&author) && self.evidence().convicts(&author);
        live.any(|(_, live)| *live == id) && !convicted()
    }

    /// The operation with this identifier, if this state holds it.
    pub(crate) fn find(&self, id: &OpId) -> Option<Arc<Entry>> {
        self.arena().find(id).filter(|entry| self.holds(entry))
    }

    /// Measurements of peers by peers.
    #[must_use]
    pub fn attestations(&self) -> &Attestations {
        self.view().attestations()
    }

    /// Trust in every author with a visible contribution or a conviction. Computed once.
    ///
    /// # Errors
    /// [`ResolutionError::Tensor`] if the tensors of a visible contribution that can be compared
    /// are not in the arena.
    pub fn trust(&self) -> Result<Arc<TrustTable>, ResolutionError> {
        if let Some(table) = self.view().trust.get() {
            return Ok(table.clone());
        }
        let table = Arc::new(trust::table(self.view(), self.policy(), self.arena())?);
        Ok(self.view().trust.get_or_init(|| table).clone())
    }

    /// Why the visible contributions cannot be compared with each other, if they cannot: no
    /// majority of the roster has contributed alike. Then nobody is judged by what differs, trust
    /// in those it is about is full, and [`MergeState::resolve`] returns this. Needs no tensors;
    /// O(n).
    #[must_use]
    pub fn incomparable(&self) -> Option<Incomparable> {
        trust::incomparable(self.view(), self.policy())
    }

    /// Measures the distances between all visible contributions that [`MergeState::trust`] will ask
    /// for, on all threads, if many are new: for whoever is about to ask for the trust of many
    /// states of this arena, which would measure them on one. Changes nothing else, and must not be
    /// called where a lock is held that work of other threads may wait for.
    pub fn measure_ahead(&self) {
        let mut alike = BTreeMap::<_, Vec<_>>::new();
        for entry in self.visible() {
            let Some((contribution, root)) = entry.contribution() else { continue };
            // What is not here is found out where it is needed.
            if let Ok(model) = self.arena().load(&root, &contribution.manifest) {
                let key = (contribution.manifest.schema(), contribution.round);
                alike.entry(key).or_default().push((root, model));
            }
        }
        for ((schema, round), models) in alike {
            let models: Vec<_> = models.iter().map(|(root, model)| (*root, model)).collect();
            self.arena().measure_ahead(schema, round, &models);
        }
    }

    /// What goes into the merged model, and with which weight.
    ///
    /// # Errors
    /// [`ResolutionError`].
    pub fn resolution(&self) -> Result<Resolution, ResolutionError> {
        trust::resolution(self.view(), self.policy(), self.arena(), &*self.trust()?)
    }

    /// The merged model: a pure function of the visible contributions and the policy.
    ///
    /// # Errors
    /// [`ResolutionError`].
    pub fn resolve(&self) -> Result<Model, ResolutionError> {
        self.resolution()?.model()
    }
}
