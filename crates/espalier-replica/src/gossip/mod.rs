//! Push–pull anti-entropy as a state machine (Demers et al., *Epidemic Algorithms for Replicated
//! Database Maintenance*, PODC 1987).
//!
//! Frames go in, [`Effect`]s come out; the driver moves bytes, in a simulator or on a network.
//!
//! ```text
//! A → B  Hello    my root                        32 bytes: equal means done
//! B → A  Differs  how far I have seen            about one byte per author
//! A → B  Delta    what you lack, how far I have seen
//! B → A  Delta    what you lack
//!    ⇄   tensors by content hash, but for small ones: they came with their operations
//! ```
//!
//! How large tensors get here is the driver's choice: see [`Effect::Fetch`].
//!
//! Between two who know how far the other is, exchanges by intervals need neither roots nor
//! frontiers, see [`crate::gossip::interval`].
//!
//! If both have seen equally far and the roots still differ, somebody forked; then the sets are
//! reconciled, see [`crate::gossip::repair`]. With a peer that has never seen equally far this is
//! done now and then. An operation is taken in only when its tensors are here, so a replica can
//! serve whatever it offers.
//!
//! Whatever carries operations or tensors is signed by the hop that sends it, see
//! [`Envelope`](crate::Envelope): a relay answers for passing on only what it has checked.

pub(crate) mod announce;
pub(crate) mod budget;
pub(crate) mod comparisons;
pub(crate) mod effect;
pub(crate) mod eviction;
pub(crate) mod findings;
pub(crate) mod in_flight;
pub(crate) mod intake;
pub(crate) mod interval;
pub(crate) mod interval_peers;
pub(crate) mod log;
pub(crate) mod repair;
pub(crate) mod sealing;
pub(crate) mod strangers;
pub(crate) mod suspects;
pub(crate) mod waiting;
pub(crate) mod wishes;

use crate::error::{ApplyError, ChangeError};
use crate::gossip::budget::{BUDGET, Budget};
use crate::gossip::comparisons::Comparisons;
use crate::gossip::effect::{Effect, ExchangeMode, ReceiveError, Received, bounded, provide, send};
use crate::gossip::eviction::Dead;
use crate::gossip::in_flight::InFlight;
use crate::gossip::interval_peers::Intervals;
use crate::gossip::strangers::Strangers;
use crate::gossip::suspects::Findings;
use crate::gossip::waiting::Waiting;
use crate::gossip::wishes::Wishes;
use crate::signed::op::VerifiedOp;
use crate::state::{Delta, MergeState};
use crate::wire::frame::MAX_MESSAGE_LEN;
use crate::wire::layouts::INSIDE;
use crate::wire::message::{Message, Pull, Reply, Seen};
use espalier_identity::{Digest, Keypair, PeerId};
use espalier_trust::{FaultKind, Record as _};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// How many bytes of operations go into one message; the next exchange brings the rest.
pub(crate) const MAX_BATCH_LEN: usize = MAX_MESSAGE_LEN / 2;

/// After how many answers to a peer that had not seen equally far the chains are compared all the
/// same: whoever never falls silent must not hide the forks of others.
const COMPARE_EVERY: u32 = 8;

/// For how many peers these answers are counted; then the count begins anew.
pub(crate) const MAX_COUNTED: usize = 4096;

/// A node: a key, a merge state, and what it holds for it.
#[derive(Debug, Clone)]
pub struct Replica {
    pub(crate) key: Keypair,
    pub(crate) state: MergeState,
    exchange: ExchangeMode,
    /// How many bytes the tensors of a contribution may have that travel inside a batch.
    pub(crate) inside: usize,
    /// Whether it asks for operations without their tensors while others may bring them.
    bare_pulls: bool,
    pub(crate) held: BTreeSet<Digest>,
    /// Tensors of live contributions of the state that are not here. A replica that was recovered
    /// may lack some; others take no operation in before its tensors are here.
    pub(crate) lacking: BTreeSet<Digest>,
    pub(crate) dead: Dead,
    pub(crate) waiting: VecDeque<Waiting>,
    pub(crate) budget: Budget,
    pub(crate) strangers: Strangers,
    pub(crate) findings: Findings,
    pub(crate) wishes: Wishes,
    /// How often each peer was told what it lacks.
    unequal: BTreeMap<PeerId, u32>,
    pub(crate) comparisons: Comparisons,
    /// What only exchanges by intervals need; absent if it makes others.
    pub(crate) intervals: Option<Intervals>,
    /// Who was asked in this tick for what waiting operations lack.
    pub(crate) asked: BTreeSet<PeerId>,
    pub(crate) in_flight: InFlight,
}

impl Replica {
    /// A replica with this state, all of whose tensors are present.
    #[must_use]
    pub fn new(key: Keypair, state: MergeState, exchange: ExchangeMode) -> Self {
        let held = state.live_contents().collect();
        Self::recover(key, state, exchange, held)
    }

    /// A replica with a state that was read back after a crash, of whose tensors only `held` are
    /// here. It asks every peer that it exchanges with for the others, and offers none that it does
    /// not hold. The state is taken as it is: leaving operations out for lack of their tensors
    /// would make the replica sign its own sequence numbers twice.
    ///
    /// Until the tensors have come, [`MergeState::resolve`] fails if it needs them.
    #[must_use]
    pub fn recover(
        key: Keypair,
        state: MergeState,
        exchange: ExchangeMode,
        held: BTreeSet<Digest>,
    ) -> Self {
        let intervals = (exchange == ExchangeMode::Intervals).then(|| Intervals::new(&state));
        let mut replica = Self {
            key,
            state,
            exchange,
            inside: INSIDE,
            bare_pulls: true,
            held,
            lacking: BTreeSet::new(),
            dead: Dead::default(),
            waiting: VecDeque::new(),
            budget: Budget::new(BUDGET),
            strangers: Strangers::default(),
            findings: Findings::default(),
            wishes: Wishes::default(),
            unequal: BTreeMap::new(),
            comparisons: Comparisons::default(),
            intervals,
            asked: BTreeSet::new(),
            in_flight: InFlight::default(),
        };
        replica.find_lacking();
        replica
    }

    /// Its identity: the public half of its key.
    #[must_use]
    pub fn id(&self) -> PeerId {
        self.key.peer_id()
    }

    /// The merge state it holds.
    #[must_use]
    pub fn state(&self) -> &MergeState {
        &self.state
    }

    /// Makes a local change with the replica's own key: `MergeState::add`, `retract` and so on.
    ///
    /// # Errors
    /// What `change` returns.
    pub fn change<T>(
        &mut self,
        change: impl FnOnce(&mut MergeState, &Keypair) -> Result<T, ChangeError>,
    ) -> Result<T, ChangeError> {
        let own = self.id();
        let before = (!self.lacking.is_empty()).then(|| self.state.without_views());
        let done = change(&mut self.state, &self.key)?;
        if let Some(before) = before {
            let new = self.state.since(&before);
            let new = new.ops().filter(|op| op.op().author == own);
            new.filter_map(VerifiedOp::contribution).for_each(|contribution| {
                contribution.manifest.tensors().iter().for_each(|meta| {
                    self.lacking.remove(&meta.content);
                });
            });
        }
        let live = self.state.live_contents_of(&own);
        self.held.extend(live.filter(|content| !self.lacking.contains(content)));
        self.log_news();
        Ok(done)
    }

    /// Sets up to how many bytes the tensors of one contribution travel inside the message with the
    /// operation, instead of being asked for; at most [`INSIDE`], which is what a new replica does.
    /// 0 for a driver that moves all tensors in its own way.
    pub fn set_inline_limit(&mut self, bytes: usize) {
        self.inside = bytes.min(INSIDE);
    }

    /// Sets whether it asks a peer for operations without their small tensors while another peer
    /// may bring the same ones, which a new replica does: it saves bytes where exchanges overlap,
    /// and costs a round trip where the other peer does not bring them.
    pub fn set_bare_pulls(&mut self, bare: bool) {
        self.bare_pulls = bare;
    }

    /// Begins an exchange with `peer`.
    #[must_use]
    pub fn start(&self, peer: PeerId) -> Vec<Effect> {
        if self.exchange == ExchangeMode::FullState {
            return self.whole(peer, true);
        }
        // What is still lacking comes first: then it is there when how far this replica has seen is
        // told.
        let interval = self.interval(&peer, Reply::Interval);
        let begin = interval.map_or_else(|| self.hello(peer), |interval| send(peer, &interval));
        self.fetch_missing(peer).into_iter().chain([begin]).collect()
    }

    /// Takes a frame from `from`.
    ///
    /// # Errors
    /// [`ReceiveError`]; the state is unchanged.
    pub fn receive(&mut self, from: PeerId, frame: &[u8]) -> Result<Received, ReceiveError> {
        let message = Message::from_frame(frame)?;
        let step = message.step();
        let received = self.on_message(from, message)?;
        Ok(Received { step, ..received })
    }

    fn on_message(&mut self, from: PeerId, message: Message<'_>) -> Result<Received, ReceiveError> {
        let nothing = |effects| Ok(Received::nothing(effects));
        match message {
            Message::Hello { policy, root } => nothing(self.on_hello(from, policy, root)?),
            Message::Same => nothing(Vec::new()),
            Message::Differs { pull } => nothing(self.on_differs(from, &pull)),
            Message::Delta { batch, pull } => {
                self.in_flight.pulled(&from);
                let mut received = self.take(from, &batch, true)?;
                if let Some(Pull { seen, bare }) = pull {
                    let batch = self.lacking(&seen, bare);
                    let answer = Message::Delta { batch, pull: None };
                    received.effects.insert(0, send(from, &answer));
                }
                Ok(received)
            }
            Message::Symbols(symbols) => nothing(self.on_symbols(from, symbols)?),
            Message::More { scope, first, count } => {
                nothing(vec![send(from, &self.symbols(scope, first, count))])
            }
            Message::List { scope, from: first } => nothing(vec![self.list(from, scope, first)]),
            Message::Ids { scope, from: first, to, ids } => {
                nothing(self.on_ids(from, scope, first..=to, ids)?)
            }
            Message::Repair { batch, salt, want } => {
                bounded(want.len())?;
                let mut received = self.take(from, &batch, true)?;
                let answer = self.repair(from, salt, &want.into_iter().collect(), Vec::new());
                received.effects.splice(0..0, answer);
                Ok(received)
            }
            Message::Want { contents } => {
                bounded(contents.len())?;
                nothing(self.answer_want(from, contents))
            }
            Message::Whole { batch, policy, reply } => {
                self.same_policy(policy)?;
                let answer = if reply { self.whole(from, false) } else { Vec::new() };
                let mut received = self.take(from, &batch, false)?;
                received.effects.splice(0..0, answer);
                Ok(received)
            }
            Message::Level { at, pull } => nothing(self.on_level(from, at, &pull)),
            Message::Interval(interval) => self.on_interval(from, interval),
            Message::Ack { got, at } => {
                self.on_ack(from, got, at);
                nothing(Vec::new())
            }
            Message::Lost { policy, root } => {
                self.forget(&from);
                nothing(self.on_hello(from, policy, root)?)
            }
        }
    }

    pub(crate) fn hello(&self, to: PeerId) -> Effect {
        let (policy, root) = (self.state.policy().hash(), self.state.ops_root());
        send(to, &Message::Hello { policy, root })
    }

    /// Answers somebody who says its root.
    fn on_hello(
        &mut self,
        from: PeerId,
        policy: Digest,
        root: Digest,
    ) -> Result<Vec<Effect>, ApplyError> {
        self.same_policy(policy)?;
        let equal = root == self.state.ops_root();
        #[cfg(feature = "mutants")]
        let equal =
            equal || crate::mutants::Mutant::ShortRoots.looks_alike(&root, &self.state.ops_root());
        let answer = if equal { Message::Same } else { self.differs(from) };
        let fetch = self.fetch_again(from);
        Ok(fetch.into_iter().chain([send(from, &answer)]).collect())
    }

    /// Takes how far somebody has seen who has other operations.
    pub(crate) fn on_differs(&mut self, from: PeerId, pull: &Pull) -> Vec<Effect> {
        if pull.seen.is(&self.state.frontier(), self.state.policy()) {
            return vec![self.compare(from, None)];
        }
        let batch = self.lacking(&pull.seen, pull.bare);
        let mut effects = vec![send(from, &Message::Delta { batch, pull: Some(self.pull(from)) })];
        if self.compare_now(from) {
            effects.push(self.compare(from, Some(&pull.seen)));
        }
        effects
    }

    fn same_policy(&self, theirs: Digest) -> Result<(), ApplyError> {
        let ours = self.state.policy().hash();
        if theirs == ours { Ok(()) } else { Err(ApplyError::Policy { ours, theirs }) }
    }

    /// Asks `peer` for what is lacking here.
    pub(crate) fn pull(&mut self, peer: PeerId) -> Pull {
        let seen = Seen::new(&self.state.frontier(), self.state.policy());
        let others = self.in_flight.pull(peer);
        Pull { seen, bare: others && self.bare_pulls }
    }

    /// The whole state, in as many messages as it needs.
    fn whole(&self, to: PeerId, reply: bool) -> Vec<Effect> {
        let policy = self.state.policy().hash();
        let mut ops = self.state.ops().peekable();
        let first = Message::Whole { batch: self.seal_batch(self.fill(&mut ops)), policy, reply };
        let mut effects = vec![send(to, &first)];
        while ops.peek().is_some() {
            let batch = self.seal_batch(self.fill(&mut ops));
            let more = Message::Whole { batch, policy, reply: false };
            effects.push(send(to, &more));
        }
        let mut contents: BTreeSet<_> = self.state.live_contents().collect();
        contents.retain(|content| self.held.contains(content));
        for content in self.state.ops().filter_map(|op| self.inside(op)).flatten() {
            contents.remove(&content.digest());
        }
        effects.extend(provide(to, contents));
        effects
    }

    /// Whether the operations are to be compared with this peer's, although it has not seen equally
    /// far.
    pub(crate) fn compare_now(&mut self, peer: PeerId) -> bool {
        if self.unequal.len() >= MAX_COUNTED {
            self.unequal.clear();
        }
        let times = self.unequal.entry(peer).or_default();
        *times = times.wrapping_add(1);
        times.is_multiple_of(COMPARE_EVERY)
    }

    /// Joins what another replica of the same node has received meanwhile: its operations, its
    /// tensors and its findings. Returns the operations that this one did not have.
    ///
    /// # Errors
    /// [`ApplyError::Policy`] if it is of another federation; nothing is changed.
    pub fn absorb(&mut self, other: Self) -> Result<Delta, ApplyError> {
        let before = self.state.without_views();
        self.state.merge(&other.state)?;
        self.held.extend(other.held);
        self.findings.absorb(other.findings);
        self.budget.absorb(other.budget);
        self.asked.extend(other.asked);
        self.in_flight.absorb(other.in_flight);
        self.comparisons.absorb(&other.comparisons);
        for (peer, times) in other.unequal {
            let ours = self.unequal.entry(peer).or_default();
            *ours = times.max(*ours);
        }
        match (&mut self.intervals, other.intervals) {
            (Some(ours), Some(theirs)) => ours.absorb(theirs, &self.state),
            _ => self.log_news(),
        }
        other.waiting.into_iter().for_each(|waiting| self.wait(waiting));
        self.lacking.extend(other.lacking);
        self.lacking.retain(|content| !self.held.contains(content));
        self.tensors_stored(&[]);
        Ok(self.state.since(&before))
    }

    /// Drops bookkeeping about a peer that only saves traffic: how far it is, what it asked for,
    /// what was asked of it, and its operations that wait for tensors or for the admission of their
    /// authors. The remaining peers bring them again. For a peer that has gone; one that comes back
    /// is met like a new one.
    ///
    /// What authors signed is not forgotten: neither operations nor faults found in them, nor what
    /// of this tick's budget an author has spent.
    pub fn forget_peer(&mut self, peer: &PeerId) {
        self.waiting.retain(|waiting| waiting.from != *peer);
        self.strangers.forget(peer);
        self.wishes.forget(peer);
        self.unequal.remove(peer);
        self.comparisons.forget(peer);
        self.asked.remove(peer);
        self.in_flight.pulled(peer);
        if let Some(intervals) = &mut self.intervals {
            intervals.remove(peer);
        }
    }

    /// Begins a tick: a round, or a second. Every author has its full budget again, what was asked
    /// for grows older, and tensors that nobody needs any more are forgotten if no other state is
    /// in the arena.
    pub fn tick(&mut self) {
        self.budget.tick();
        self.asked.clear();
        self.evict();
        self.forget_lacking();
        self.age_requests();
    }

    /// Sets how many bytes of new operations of one author it takes in per tick; see [`BUDGET`].
    pub fn set_budget(&mut self, bytes: usize) {
        self.budget.set_limit(bytes);
    }

    /// Evidence this replica holds against `peer`, by kind.
    pub fn convictions(&self, peer: &PeerId) -> impl Iterator<Item = FaultKind> {
        let records = self.state.evidence().iter();
        records.filter(move |record| record.accused() == *peer).map(|record| record.kind())
    }
}
