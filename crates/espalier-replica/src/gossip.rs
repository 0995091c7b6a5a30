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
//!    ⇄   Want and tensors by content hash, but for small ones: they came with their operations
//! ```
//!
//! If both have seen equally far and the roots still differ, somebody forked; then the sets are
//! reconciled, see [`crate::repair`]. With a peer that has never seen equally far this is done now
//! and then. An operation is taken in only when its tensors are here,
//! so a replica can serve whatever it offers.
//!
//! Whatever carries operations or tensors is signed by the hop that sends it, see
//! [`Envelope`]: a relay answers for passing on only what it has checked.

use crate::announce::Wishes;
use crate::batch::{self, Batch, BatchError, INSIDE, Packed};
use crate::budget::{BUDGET, Budget};
use crate::compact::Sent;
use crate::envelope::Envelope;
use crate::error::{ApplyError, ChangeError};
use crate::findings::Findings;
use crate::frame::MAX_MESSAGE_LEN;
use crate::intake::Waiting;
use crate::message::{MAX_IDS, Message, MessageError, Pull, Seen};
use crate::op::VerifiedOp;
use crate::pool::Pool;
use crate::repair::Comparisons;
use crate::state::{Frontier, MergeState};
use crate::under_way::UnderWay;
use espalier_identity::{Digest, Keypair, PeerId};
use espalier_tensor::{Content, TensorMeta};
use espalier_trust::{FaultKind, Record as _};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::iter::Peekable;

/// How many bytes of operations go into one message; the next exchange brings the rest.
const MAX_BATCH_LEN: usize = MAX_MESSAGE_LEN / 2;

/// After how many answers to a peer that had not seen equally far the chains are compared all the
/// same: whoever never falls silent must not hide the forks of others.
const COMPARE_EVERY: u32 = 8;

/// For how many peers these answers are counted; then the count begins anew.
pub(crate) const MAX_COUNTED: usize = 4096;

/// What an exchange sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Exchange {
    /// What the other side lacks.
    #[default]
    Delta,
    /// Everything, every time.
    FullState,
}

/// What the driver is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Send a frame.
    Send {
        /// To whom.
        to: PeerId,
        /// The bytes.
        frame: Vec<u8>,
    },
    /// Move tensors by content hash; this replica holds them all. Where the bytes travel they do so
    /// with the envelope of [`Replica::seal`].
    Provide {
        /// To whom.
        to: PeerId,
        /// Which.
        contents: Vec<Digest>,
    },
}

/// What came of a frame or of tensors.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Received {
    /// What to do now.
    pub effects: Vec<Effect>,
    /// How many operations were new.
    pub admitted: usize,
}

/// A frame that was refused. The state is unchanged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReceiveError {
    /// The sender or the link: not a message.
    #[error(transparent)]
    Message(#[from] MessageError),
    /// The sender or the link: operations that are not packed as they have to be.
    #[error(transparent)]
    Batch(#[from] BatchError),
    /// The sender, or for a gap nobody: operations that cannot be taken in.
    #[error(transparent)]
    Apply(#[from] ApplyError),
    /// The sender or the link: tensor bytes that are not those whose address they come under.
    #[error("bytes that came as {address} hash to {found}")]
    Content {
        /// The address.
        address: Digest,
        /// The hash of the bytes.
        found: Digest,
    },
    /// The sender: more identifiers than a message may carry.
    #[error("a message lists more than {MAX_IDS} identifiers")]
    TooMany,
}

/// A node: a key, a merge state, and what it holds for it.
#[derive(Debug, Clone)]
pub struct Replica {
    pub(crate) key: Keypair,
    pub(crate) state: MergeState,
    exchange: Exchange,
    /// How many bytes the tensors of a contribution may have that travel inside a batch.
    inside: usize,
    pub(crate) held: BTreeSet<Digest>,
    pub(crate) waiting: VecDeque<Waiting>,
    pub(crate) budget: Budget,
    pub(crate) pool: Pool,
    pub(crate) findings: Findings,
    pub(crate) wishes: Wishes,
    /// How often each peer was told what it lacks.
    unequal: BTreeMap<PeerId, u32>,
    pub(crate) comparisons: Comparisons,
    /// Who was asked in this tick for what waiting operations lack.
    pub(crate) asked: BTreeSet<PeerId>,
    pub(crate) under_way: UnderWay,
}

impl Replica {
    /// A replica with this state; its tensors are taken to be here.
    #[must_use]
    pub fn new(key: Keypair, state: MergeState, exchange: Exchange) -> Self {
        let held = state.live_contents().collect();
        Self {
            key,
            state,
            exchange,
            inside: INSIDE,
            held,
            waiting: VecDeque::new(),
            budget: Budget::new(BUDGET),
            pool: Pool::default(),
            findings: Findings::default(),
            wishes: Wishes::default(),
            unequal: BTreeMap::new(),
            comparisons: Comparisons::default(),
            asked: BTreeSet::new(),
            under_way: UnderWay::default(),
        }
    }

    /// Who it is.
    #[must_use]
    pub fn id(&self) -> PeerId {
        self.key.peer_id()
    }

    /// Its state.
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
        let done = change(&mut self.state, &self.key)?;
        self.held.extend(self.state.live_contents_of(&self.key.peer_id()));
        Ok(done)
    }

    /// Sets up to how many bytes the tensors of one contribution travel inside the message with the
    /// operation, instead of being asked for; at most [`INSIDE`], which is what a new replica does.
    /// 0 for a driver that moves all tensors in its own way.
    pub fn set_inside(&mut self, bytes: usize) {
        self.inside = bytes.min(INSIDE);
    }

    /// Begins an exchange with `peer`.
    #[must_use]
    pub fn start(&self, peer: PeerId) -> Vec<Effect> {
        match self.exchange {
            Exchange::Delta => {
                let (policy, root) = (self.state.policy().hash(), self.state.ops_root());
                // What is still lacking comes first: then it is there when how far this replica has
                // seen is told.
                let want = self.still_missing().map(|want| send(peer, &want));
                want.into_iter().chain([send(peer, &Message::Hello { policy, root })]).collect()
            }
            Exchange::FullState => self.whole(peer, true),
        }
    }

    /// Takes a frame from `from`.
    ///
    /// # Errors
    /// [`ReceiveError`]; the state is unchanged.
    pub fn receive(&mut self, from: PeerId, frame: &[u8]) -> Result<Received, ReceiveError> {
        let nothing = |effects| Ok(Received { effects, admitted: 0 });
        match Message::from_frame(frame)? {
            Message::Hello { policy, root } => {
                self.same_policy(policy)?;
                let equal = root == self.state.ops_root();
                #[cfg(feature = "mutants")]
                let equal = equal
                    || crate::mutants::Mutant::ShortRoots
                        .looks_alike(&root, &self.state.ops_root());
                let answer = match equal {
                    true => Message::Same,
                    false => Message::Differs { pull: self.pull(from) },
                };
                let want = self.ask_again(from);
                nothing(want.into_iter().chain([send(from, &answer)]).collect())
            }
            Message::Same => nothing(Vec::new()),
            Message::Differs { pull } => {
                let theirs = pull.seen.frontier(self.state.policy());
                if theirs == self.state.frontier() {
                    return nothing(vec![self.compare(from, None)]);
                }
                let batch = self.lacking(&theirs, pull.bare);
                let mut effects =
                    vec![send(from, &Message::Delta { batch, pull: Some(self.pull(from)) })];
                if self.compare_now(from) {
                    effects.push(self.compare(from, Some(&theirs)));
                }
                nothing(effects)
            }
            Message::Delta { batch, pull } => {
                self.under_way.pulled(&from);
                let mut received = self.take(from, &batch, true)?;
                if let Some(Pull { seen, bare }) = pull {
                    let batch = self.lacking(&seen.frontier(self.state.policy()), bare);
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
        }
    }

    fn same_policy(&self, theirs: Digest) -> Result<(), ApplyError> {
        let ours = self.state.policy().hash();
        if theirs == ours { Ok(()) } else { Err(ApplyError::Policy { ours, theirs }) }
    }

    /// Asks `peer` for what is lacking here.
    fn pull(&mut self, peer: PeerId) -> Pull {
        let seen = Seen::new(&self.state.frontier(), self.state.policy());
        Pull { seen, bare: self.under_way.pull(peer) }
    }

    fn lacking(&self, frontier: &Frontier, bare: bool) -> Packed {
        let delta = self.state.delta(frontier);
        let len: usize = delta.ops().map(|op| self.cost(op)).sum();
        if len <= MAX_BATCH_LEN {
            return self.seal_lacking(delta.ops().collect(), bare);
        }
        // Of whom little is lacking comes first, so that nobody's flood keeps the others back.
        let mut chains = BTreeMap::<PeerId, (usize, Vec<&VerifiedOp>)>::new();
        for op in delta.ops() {
            let (len, chain) = chains.entry(op.op().author).or_default();
            *len += self.cost(op);
            chain.push(op);
        }
        let mut chains: Vec<_> = chains.into_values().collect();
        chains.sort_by_key(|(len, _)| *len);
        let ops = chains.into_iter().flat_map(|(_, chain)| chain);
        self.seal_lacking(self.fill(&mut ops.peekable()), bare)
    }

    fn seal_lacking(&self, ops: Vec<&VerifiedOp>, bare: bool) -> Packed {
        self.seal_with(ops, |op| if bare { None } else { self.inside(op) })
    }

    pub(crate) fn chosen(&self, choose: impl Fn(&VerifiedOp) -> bool) -> Packed {
        self.seal_batch(self.fill(&mut self.state.ops().filter(|op| choose(op)).peekable()))
    }

    fn seal_batch(&self, ops: Vec<&VerifiedOp>) -> Packed {
        self.seal_with(ops, |op| self.inside(op))
    }

    /// Puts operations into the envelope of this hop, with these tensors inside. All were checked
    /// when they came in.
    pub(crate) fn seal_with(
        &self,
        ops: Vec<&VerifiedOp>,
        inside: impl Fn(&VerifiedOp) -> Option<Vec<Content>>,
    ) -> Packed {
        if ops.is_empty() {
            return Packed::default();
        }
        let (policy, ids) = (self.state.policy().hash(), ops.iter().map(|op| op.id()));
        let Envelope { relay, signature, .. } = Envelope::of_operations(&self.key, policy, ids);
        let sent = ops.into_iter().map(|op| Sent::new(op.signed().clone(), inside(op)));
        Batch { relay, signature, sent: sent.collect(), len: 0 }.pack(self.state.policy())
    }

    /// The tensors that travel with an operation: those of a live contribution, if they are small.
    /// All are here.
    fn inside(&self, op: &VerifiedOp) -> Option<Vec<Content>> {
        let manifest = &op.contribution()?.manifest;
        if !batch::fits_inside(manifest, self.inside) || !self.state.offers(op) {
            return None;
        }
        let store = self.state.arena().store();
        let held = |meta: &TensorMeta| {
            let content = store.get(&meta.content).filter(|_| self.held.contains(&meta.content))?;
            // Whoever signs another size than the bytes have gets no place for them in a batch.
            (Some(content.len() as u64) == meta.byte_len()).then_some(content)
        };
        manifest.tensors().iter().map(held).collect()
    }

    /// What an operation takes of a message.
    fn cost(&self, op: &VerifiedOp) -> usize {
        batch::cost(op.encoded_len(), self.inside(op).as_deref())
    }

    /// As many operations as one message takes. Taken in their order they leave no gap.
    fn fill<'a>(
        &self,
        ops: &mut Peekable<impl Iterator<Item = &'a VerifiedOp>>,
    ) -> Vec<&'a VerifiedOp> {
        let (mut len, mut filled) = (0, Vec::new());
        while let Some(op) = ops.next_if(|op| len + self.cost(op) <= MAX_BATCH_LEN) {
            len += self.cost(op);
            filled.push(op);
        }
        filled
    }

    /// The envelope to send with tensors: of each the address named and the hash of the bytes sent.
    #[must_use]
    pub fn seal(&self, sent: &[(Digest, Digest)]) -> Envelope {
        let policy = self.state.policy().hash();
        Envelope::of_tensors(&self.key, policy, sent.iter().copied())
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
    fn compare_now(&mut self, peer: PeerId) -> bool {
        if self.unequal.len() >= MAX_COUNTED {
            self.unequal.clear();
        }
        let times = self.unequal.entry(peer).or_default();
        *times = times.wrapping_add(1);
        times.is_multiple_of(COMPARE_EVERY)
    }

    /// Joins what another replica of the same node has received meanwhile: its operations, its
    /// tensors and its findings.
    ///
    /// # Errors
    /// [`ApplyError::Policy`] if it is of another federation; nothing is changed.
    pub fn absorb(&mut self, other: Self) -> Result<(), ApplyError> {
        self.state.merge(&other.state)?;
        self.held.extend(other.held);
        self.findings.absorb(other.findings);
        self.budget.absorb(other.budget);
        self.asked.extend(other.asked);
        self.under_way.absorb(other.under_way);
        self.comparisons.absorb(&other.comparisons);
        for (peer, times) in other.unequal {
            let ours = self.unequal.entry(peer).or_default();
            *ours = times.max(*ours);
        }
        other.waiting.into_iter().for_each(|waiting| self.wait(waiting));
        self.content_arrived(&[]);
        Ok(())
    }

    /// Lets it take in as much of every author again: the driver calls this once per tick, a round
    /// or a second.
    pub fn refill(&mut self) {
        self.budget.refill();
        self.asked.clear();
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

pub(crate) fn send(to: PeerId, message: &Message) -> Effect {
    Effect::Send { to, frame: message.to_frame() }
}

pub(crate) fn provide(to: PeerId, contents: BTreeSet<Digest>) -> Vec<Effect> {
    if contents.is_empty() {
        return Vec::new();
    }
    vec![Effect::Provide { to, contents: contents.into_iter().collect() }]
}

pub(crate) fn bounded(len: usize) -> Result<(), ReceiveError> {
    if len > MAX_IDS { Err(ReceiveError::TooMany) } else { Ok(()) }
}
