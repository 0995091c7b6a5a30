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
//!    ⇄   Want and tensors by content hash
//! ```
//!
//! If both have seen equally far and the roots still differ, somebody forked; then the chains are
//! compared by fingerprint and operations asked for by identifier. An operation is taken in only
//! when its tensors are here, so a replica can serve whatever it offers.

use crate::arena::Entry;
use crate::error::{ApplyError, ChangeError};
use crate::fault::{Fault, evidence_in};
use crate::frame::MAX_MESSAGE_LEN;
use crate::message::{Fingerprint, MAX_IDS, Message, MessageError, Seen};
use crate::op::{Body, OpId, SignedOp, VerifiedOp};
use crate::state::{Frontier, MergeState, Prepared};
use espalier_identity::{Digest, Domain, Keypair, PeerId};
use espalier_lattice::Dot;
use espalier_trust::{FaultKind, Record as _};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::iter::Peekable;

static CHAIN: Domain = Domain::new("espalier chain fingerprint v1");

/// How many bytes of operations go into one message; the next exchange brings the rest.
const MAX_BATCH_LEN: usize = MAX_MESSAGE_LEN / 2;

/// How many batches of operations may wait for their tensors; the oldest gives way.
const MAX_WAITING: usize = 64;

/// How many of them may come from one peer, so that none pushes the others' out.
const MAX_WAITING_PER_PEER: usize = 4;

/// How many bytes of operations may wait altogether.
const MAX_WAITING_LEN: usize = 2 * MAX_MESSAGE_LEN;

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
    /// Move tensors by content hash; this replica holds them all.
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
    /// The sender, or for a gap nobody: operations that cannot be taken in.
    #[error(transparent)]
    Apply(#[from] ApplyError),
    /// The sender: more identifiers than a message may carry.
    #[error("a message lists more than {MAX_IDS} identifiers")]
    TooMany,
}

/// Operations that wait for tensors.
#[derive(Debug, Clone)]
struct Waiting {
    from: PeerId,
    ops: Prepared,
    missing: BTreeSet<Digest>,
}

impl Waiting {
    fn ids(&self) -> BTreeSet<OpId> {
        self.ops.iter().map(VerifiedOp::id).collect()
    }

    fn len(&self) -> usize {
        self.ops.iter().map(VerifiedOp::encoded_len).sum()
    }
}

/// A node: a key, a merge state, and what it holds for it.
#[derive(Debug, Clone)]
pub struct Replica {
    key: Keypair,
    state: MergeState,
    exchange: Exchange,
    held: BTreeSet<Digest>,
    waiting: VecDeque<Waiting>,
    /// Faults found and not yet published.
    findings: Vec<Fault>,
}

impl Replica {
    /// A replica with this state; its tensors are taken to be here.
    #[must_use]
    pub fn new(key: Keypair, state: MergeState, exchange: Exchange) -> Self {
        let held = state.live_contents().collect();
        Self { key, state, exchange, held, waiting: VecDeque::new(), findings: Vec::new() }
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

    /// Begins an exchange with `peer`.
    #[must_use]
    pub fn start(&self, peer: PeerId) -> Vec<Effect> {
        match self.exchange {
            Exchange::Delta => {
                let (policy, root) = (self.state.policy().hash(), self.state.ops_root());
                vec![send(peer, &Message::Hello { policy, root })]
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
                let seen = || self.seen();
                let answer = if equal { Message::Same } else { Message::Differs { seen: seen() } };
                nothing(vec![send(from, &answer)])
            }
            Message::Same => nothing(Vec::new()),
            Message::Differs { seen } => {
                let theirs = seen.frontier(self.state.policy());
                let answer = if theirs == self.state.frontier() {
                    Message::Chains { chains: self.chains() }
                } else {
                    Message::Delta { seen: Some(self.seen()), ops: self.lacking(&theirs) }
                };
                nothing(vec![send(from, &answer)])
            }
            Message::Delta { seen, ops } => {
                let mut received = self.take(from, ops, true)?;
                if let Some(seen) = seen {
                    let ops = self.lacking(&seen.frontier(self.state.policy()));
                    let answer = Message::Delta { seen: None, ops };
                    received.effects.insert(0, send(from, &answer));
                }
                Ok(received)
            }
            Message::Chains { chains } => nothing(self.compare_chains(from, chains)?),
            Message::Ids { ids, authors } => nothing(self.answer_ids(from, &ids, &authors)?),
            Message::Repair { ops, want } => {
                bounded(want.len())?;
                let mut received = self.take(from, ops, true)?;
                if !want.is_empty() {
                    let want: BTreeSet<_> = want.into_iter().collect();
                    let ops = self.signed(|op| want.contains(&op.id()));
                    let answer = Message::Repair { ops, want: Vec::new() };
                    received.effects.insert(0, send(from, &answer));
                }
                Ok(received)
            }
            Message::Want { contents } => {
                bounded(contents.len())?;
                let contents: BTreeSet<_> =
                    contents.into_iter().filter(|digest| self.held.contains(digest)).collect();
                nothing(provide(from, contents))
            }
            Message::Whole { policy, reply, ops } => {
                self.same_policy(policy)?;
                let answer = if reply { self.whole(from, false) } else { Vec::new() };
                let mut received = self.take(from, ops, false)?;
                received.effects.splice(0..0, answer);
                Ok(received)
            }
        }
    }

    /// Notes that tensors are here now, hashes verified by whoever moved them, and takes in the
    /// operations that waited for them.
    pub fn content_arrived(&mut self, contents: &[Digest]) -> Received {
        self.held.extend(contents);
        let mut admitted = 0;
        for mut waiting in std::mem::take(&mut self.waiting) {
            waiting.missing.retain(|digest| !self.held.contains(digest));
            if waiting.missing.is_empty() {
                admitted += self.commit(waiting.ops);
            } else {
                self.waiting.push_back(waiting);
            }
        }
        Received { effects: Vec::new(), admitted }
    }

    fn same_policy(&self, theirs: Digest) -> Result<(), ApplyError> {
        let ours = self.state.policy().hash();
        if theirs == ours { Ok(()) } else { Err(ApplyError::Policy { ours, theirs }) }
    }

    fn seen(&self) -> Seen {
        Seen::new(&self.state.frontier(), self.state.policy())
    }

    fn lacking(&self, frontier: &Frontier) -> Vec<SignedOp> {
        batch(&mut self.state.delta(frontier).ops().peekable())
    }

    fn signed(&self, choose: impl Fn(&VerifiedOp) -> bool) -> Vec<SignedOp> {
        batch(&mut self.state.ops().filter(|op| choose(op)).peekable())
    }

    /// The whole state, in as many messages as it needs.
    fn whole(&self, to: PeerId, reply: bool) -> Vec<Effect> {
        let policy = self.state.policy().hash();
        let mut ops = self.state.ops().peekable();
        let first = Message::Whole { policy, reply, ops: batch(&mut ops) };
        let mut effects = vec![send(to, &first)];
        while ops.peek().is_some() {
            let more = Message::Whole { policy, reply: false, ops: batch(&mut ops) };
            effects.push(send(to, &more));
        }
        let contents: BTreeSet<_> = self.state.live_contents().collect();
        effects.extend(provide(to, contents.intersection(&self.held).copied().collect()));
        effects
    }

    fn chains(&self) -> Vec<(PeerId, Fingerprint)> {
        let mut chains = BTreeMap::<PeerId, Vec<u8>>::new();
        for op in self.state.ops() {
            chains.entry(op.op().author).or_default().extend(op.id().as_bytes());
        }
        let fingerprint = |ids: Vec<u8>| {
            let mut out = Fingerprint::default();
            out.copy_from_slice(&CHAIN.hash(&ids).as_bytes()[..8]);
            out
        };
        chains.into_iter().map(|(author, ids)| (author, fingerprint(ids))).collect()
    }

    fn compare_chains(
        &self,
        from: PeerId,
        theirs: Vec<(PeerId, Fingerprint)>,
    ) -> Result<Vec<Effect>, ReceiveError> {
        bounded(theirs.len())?;
        let theirs: BTreeMap<_, _> = theirs.into_iter().collect();
        let differs = |(author, ours): &(PeerId, Fingerprint)| theirs.get(author) != Some(ours);
        let authors: Vec<_> = self.chains().into_iter().filter(differs).map(|(a, _)| a).collect();
        let ids = self.state.ops().filter(|op| authors.binary_search(&op.op().author).is_ok());
        let ids = ids.map(VerifiedOp::id).collect();
        Ok(vec![send(from, &Message::Ids { ids, authors })])
    }

    fn answer_ids(
        &self,
        from: PeerId,
        ids: &[OpId],
        authors: &[PeerId],
    ) -> Result<Vec<Effect>, ReceiveError> {
        bounded(ids.len().max(authors.len()))?;
        let theirs: BTreeSet<_> = ids.iter().copied().collect();
        let authors: BTreeSet<_> = authors.iter().copied().collect();
        let ours: BTreeSet<_> = self.state.ops().map(VerifiedOp::id).collect();
        let lacking =
            |op: &VerifiedOp| authors.contains(&op.op().author) && !theirs.contains(&op.id());
        let (ops, want) = (self.signed(lacking), theirs.difference(&ours).copied().collect());
        Ok(vec![send(from, &Message::Repair { ops, want })])
    }

    /// Takes operations in, or lets them wait for their tensors and asks for these.
    fn take(
        &mut self,
        from: PeerId,
        ops: Vec<SignedOp>,
        ask: bool,
    ) -> Result<Received, ReceiveError> {
        let ops = self.state.prepare(ops)?;
        let missing = self.missing(&ops);
        if missing.is_empty() {
            return Ok(Received { effects: Vec::new(), admitted: self.commit(ops) });
        }
        let contents = missing.iter().copied().collect();
        self.wait(Waiting { from, ops, missing });
        let effects = if ask { vec![send(from, &Message::Want { contents })] } else { Vec::new() };
        Ok(Received { effects, admitted: 0 })
    }

    /// Lets a batch wait, in place of those of the same peer that it covers.
    fn wait(&mut self, newcomer: Waiting) {
        let (from, ids) = (newcomer.from, newcomer.ids());
        self.waiting.retain(|old| old.from != from || !old.ids().is_subset(&ids));
        let of_peer = self.waiting.iter().filter(|old| old.from == from).count();
        if of_peer >= MAX_WAITING_PER_PEER {
            let oldest = self.waiting.iter().position(|old| old.from == from);
            oldest.map(|at| self.waiting.remove(at));
        }
        self.waiting.push_back(newcomer);
        let mut len: usize = self.waiting.iter().map(Waiting::len).sum();
        while self.waiting.len() > MAX_WAITING || len > MAX_WAITING_LEN {
            len -= self.waiting.pop_front().map_or(len, |oldest| oldest.len());
        }
    }

    /// Tensors that are not here, of the contributions that can become visible: not removed again,
    /// and not by an author whom this state or these operations convict. Convictions stay, so what
    /// is left out here is never asked for by anybody else either.
    fn missing(&self, ops: &Prepared) -> BTreeSet<Digest> {
        let convicted = self.convicted_by(ops);
        let mut removed = BTreeSet::<Dot<PeerId>>::new();
        for op in ops.iter().filter(|op| crate::legal::is_legal(op.op())) {
            match &op.op().body {
                // An operation that names itself removes nothing: adds win.
                Body::Contribute(c) => {
                    removed.extend(c.replaces.iter().filter(|dot| **dot != op.op().dot()));
                }
                Body::Retract { targets } => removed.extend(targets),
                Body::Attest { .. } | Body::Evidence(_) => {}
            }
        }
        let seen = self.state.view().contributions().context();
        let wanted = |op: &&VerifiedOp| {
            let dot = op.op().dot();
            !convicted.contains(&dot.actor) && !removed.contains(&dot) && !seen.contains(&dot)
        };
        ops.iter()
            .filter(wanted)
            .filter_map(|op| op.contribution())
            .flat_map(|c| c.manifest.tensors().iter().map(|meta| meta.content))
            .filter(|digest| !self.held.contains(digest))
            .collect()
    }

    /// Everybody convicted by this state, by these operations, or by both together.
    fn convicted_by(&self, ops: &Prepared) -> BTreeSet<PeerId> {
        let mut convicted = self.state.evidence().convicted();
        let mut places = BTreeMap::new();
        for op in ops.iter() {
            let (author, dot, id) = (op.op().author, op.op().dot(), op.id());
            let twin = *places.entry(dot).or_insert(id) != id
                || self.state.view().at(&dot).any(|entry| entry.op().id() != id);
            if twin || !crate::legal::is_legal(op.op()) {
                convicted.insert(author);
            }
            let accused = evidence_in(op).map(|conviction| conviction.accused());
            convicted.extend(accused.filter(|peer| self.state.policy().admits(peer)));
        }
        convicted
    }

    /// Joins prepared operations and notes the faults that their tensors prove.
    fn commit(&mut self, ops: Prepared) -> usize {
        let new = self.state.commit(ops);
        let faults: Vec<_> = new.iter().filter_map(|entry| self.inspect(entry)).collect();
        self.findings.extend(faults);
        new.len()
    }

    /// Signs and publishes the faults found since the last time; how many operations that made.
    ///
    /// Apart from receiving, because whoever drives a replica must make an own sequence number
    /// durable before the operation that bears it leaves the machine.
    pub fn publish(&mut self) -> usize {
        let findings = std::mem::take(&mut self.findings);
        let published = findings.into_iter().filter(|fault| {
            let accused = self.state.accuse(&self.key, fault.clone());
            accused.is_ok_and(|delta| !delta.is_empty())
        });
        published.count()
    }

    /// Joins what another replica of the same node has received meanwhile: its operations, its
    /// tensors and its findings.
    ///
    /// # Errors
    /// [`ApplyError::Policy`] if it is of another federation; nothing is changed.
    pub fn absorb(&mut self, other: Self) -> Result<(), ApplyError> {
        self.state.merge(&other.state)?;
        self.held.extend(other.held);
        self.findings.extend(other.findings);
        other.waiting.into_iter().for_each(|waiting| self.wait(waiting));
        self.content_arrived(&[]);
        Ok(())
    }

    /// Looks into the tensors of a new contribution (E3).
    fn inspect(&self, entry: &Entry) -> Option<Fault> {
        let author = entry.op().op().author;
        let known = self.state.evidence().has(&author, FaultKind::NonFinite);
        if known || author == self.id() || entry.guilt.is_some() {
            return None;
        }
        let (contribution, root) = entry.contribution()?;
        let model = self.state.arena().load(&root, &contribution.manifest).ok()?;
        let (tensor, element) = self.state.arena().first_non_finite(&model)?;
        Fault::non_finite(entry.op(), tensor, element, model.content(tensor))
    }

    /// Evidence this replica holds against `peer`, by kind.
    pub fn convictions(&self, peer: &PeerId) -> impl Iterator<Item = FaultKind> {
        let records = self.state.evidence().iter();
        records.filter(move |record| record.accused() == *peer).map(|record| record.kind())
    }
}

fn send(to: PeerId, message: &Message) -> Effect {
    Effect::Send { to, frame: message.to_frame() }
}

fn provide(to: PeerId, contents: BTreeSet<Digest>) -> Vec<Effect> {
    if contents.is_empty() {
        return Vec::new();
    }
    vec![Effect::Provide { to, contents: contents.into_iter().collect() }]
}

/// As many operations as one message takes. Taken in their order they leave no gap.
fn batch<'a>(ops: &mut Peekable<impl Iterator<Item = &'a VerifiedOp>>) -> Vec<SignedOp> {
    let (mut len, mut batch) = (0, Vec::new());
    while let Some(op) = ops.next_if(|op| len + op.encoded_len() <= MAX_BATCH_LEN) {
        len += op.encoded_len();
        batch.push(op.signed().clone());
    }
    batch
}

fn bounded(len: usize) -> Result<(), ReceiveError> {
    if len > MAX_IDS { Err(ReceiveError::TooMany) } else { Ok(()) }
}
