//! Taking in what arrived: budgets, strangers, batches that wait for their tensors, and what to ask
//! for.

use crate::gossip::effect::{Effect, ReceiveError, Received};
use crate::gossip::strangers::MAX_POOL_PER_PEER;
use crate::gossip::waiting::Waiting;
use crate::gossip::{MAX_COUNTED, Replica};
use crate::signed::envelope::Envelope;
use crate::signed::fault;
use crate::signed::op::{Body, OpId, SignedOp, VerifiedOp};
use crate::state::Delta;
use crate::state::apply::{Candidate, Checks, Prepared};
use crate::wire::batch::Packed;
use crate::wire::compact::Sent;
use crate::wire::frame::MAX_MESSAGE_LEN;
use crate::wire::message::MAX_IDS;
use crate::wire::packed_batch::PackedBatch;
use espalier_identity::{Digest, PeerId, canonical};
use espalier_lattice::Dot;
use espalier_tensor::Content;
use espalier_trust::Record as _;
use std::collections::{BTreeMap, BTreeSet};

/// How many batches of operations may wait for their tensors; the oldest gives way.
const MAX_WAITING: usize = 2048;

/// How many of them may come from one peer, so that none pushes the others' out. Over a broadcast
/// tree one peer passes on the operations of many, each a batch of its own.
const MAX_WAITING_PER_PEER: usize = 128;

/// How many bytes of operations may wait altogether.
const MAX_WAITING_LEN: usize = 2 * MAX_MESSAGE_LEN;

/// How often a batch is parted before all of it waits. Every further time needs somebody whose
/// record convicts another of the same batch.
const MAX_PARTINGS: usize = 4;

/// How many bytes of strangers' operations of one batch are kept in any case, besides the first,
/// and which part of what it has. All others come again with a later exchange.
const STRANGERS: usize = 1 << 17;
const STRANGERS_PART: usize = 8;

/// Unpacks what is to be kept of strangers' operations.
fn unpack_some(batch: &PackedBatch<'_>, strangers: &[usize]) -> Vec<SignedOp> {
    let (mut room, mut some) = (STRANGERS + batch.len() / STRANGERS_PART, Vec::new());
    for number in strangers.iter().take(MAX_POOL_PER_PEER) {
        let len = batch.heads()[*number].encoded_len();
        if !some.is_empty() && len > room {
            break;
        }
        room = room.saturating_sub(len);
        some.extend(batch.unpack(*number).map(|sent| sent.signed));
    }
    some
}

fn fetch(from: PeerId, contents: Vec<Digest>) -> Option<Effect> {
    (!contents.is_empty()).then_some(Effect::Fetch { from, contents })
}

impl Replica {
    /// Notes that tensors are here now, with hashes that the caller has verified, and takes in the
    /// operations that waited for them.
    pub fn tensors_stored(&mut self, contents: &[Digest]) -> Received {
        self.held.extend(contents);
        contents.iter().for_each(|content| {
            self.lacking.remove(content);
        });
        let mut admitted = Delta::default();
        for mut waiting in std::mem::take(&mut self.waiting) {
            waiting.missing.retain(|digest| !self.held.contains(digest));
            if waiting.missing.is_empty() {
                admitted.append(self.commit(waiting.ops));
            } else {
                self.waiting.push_back(waiting);
            }
        }
        let mut received =
            Received { effects: self.answer_wishes(contents), admitted, ..Received::default() };
        self.take_admitted(true, &mut received);
        if !received.admitted.is_empty() {
            received.effects.extend(self.acknowledge());
        }
        received
    }

    /// Takes in received tensors as (address, bytes); verifies each hash. Those that operations
    /// wait for are kept.
    ///
    /// # Errors
    /// [`ReceiveError::Content`] if bytes are not those of their address; nothing is kept then. If
    /// the relay signed that they belong together, that convicts it (E2).
    pub fn receive_tensors(
        &mut self,
        envelope: &Envelope,
        tensors: Vec<(Digest, Content)>,
    ) -> Result<Received, ReceiveError> {
        let wrong = tensors.iter().find(|(address, content)| content.digest() != *address);
        if let Some((address, content)) = wrong {
            let (address, found) = (*address, content.digest());
            self.suspect_sender(envelope, &tensors, &address);
            return Err(ReceiveError::Content { address, found });
        }
        let wanted = |(address, _): &(Digest, Content)| self.waits_for(address);
        let kept: Vec<_> = tensors.into_iter().filter(wanted).collect();
        let arrived = kept.into_iter().map(|(_, c)| self.state.arena().store().put(c));
        let arrived: Vec<_> = arrived.collect();
        Ok(self.tensors_stored(&arrived))
    }

    /// Whether operations here wait for a tensor, or the state lacks it.
    pub(crate) fn waits_for(&self, content: &Digest) -> bool {
        let waiting = || self.waiting.iter().any(|waiting| waiting.missing.contains(content));
        self.lacking.contains(content) || waiting()
    }

    /// Begins a tick for what was asked for.
    pub(crate) fn age_requests(&mut self) {
        let waiting = self.waiting.iter().flat_map(|waiting| &waiting.missing);
        let needed: BTreeSet<_> = waiting.collect();
        self.in_flight.tick(|content| needed.contains(content));
    }

    /// Marks all outstanding requests as lost, so that they are repeated at the next opportunity.
    /// Without it a replica waits for one to two ticks. For drivers that know, such as one in which
    /// every exchange is over before the next begins.
    pub fn lapse(&mut self) {
        self.in_flight.lapse();
    }

    /// The tensors for which operations have waited too long, and those that the state lacks, to be
    /// fetched from any peer.
    pub(crate) fn fetch_missing(&self, from: PeerId) -> Option<Effect> {
        let missing = self.waiting.iter().flat_map(|waiting| &waiting.missing);
        let overdue = missing.filter(|content| self.in_flight.is_overdue(content));
        let overdue = overdue.chain(&self.lacking);
        let contents: BTreeSet<_> = overdue.copied().collect();
        let contents: Vec<_> = contents.into_iter().take(MAX_IDS).collect();
        fetch(from, contents)
    }

    /// Fetches them from a peer that begins an exchange, once a tick. The peer that brought the
    /// operations may be out of reach, and asking this one needs fewer messages to arrive.
    pub(crate) fn fetch_again(&mut self, from: PeerId) -> Option<Effect> {
        let effect = self.fetch_missing(from)?;
        let first = self.asked.len() < MAX_COUNTED && self.asked.insert(from);
        first.then_some(effect)
    }

    /// Takes in a batch of operations. With `ask` it fetches the tensors that are lacking.
    pub(crate) fn take(
        &mut self,
        from: PeerId,
        batch: &Packed<'_>,
        ask: bool,
    ) -> Result<Received, ReceiveError> {
        let policy = self.state.policy().clone();
        match PackedBatch::read(batch, &policy)? {
            Some(batch) => self.take_batch(from, &batch, ask),
            None => Ok(Received::default()),
        }
    }

    /// The same once it is read.
    pub(crate) fn take_batch(
        &mut self,
        from: PeerId,
        batch: &PackedBatch<'_>,
        ask: bool,
    ) -> Result<Received, ReceiveError> {
        let place = |number: usize| batch.heads()[number].place;
        let accepted = |number: &usize| self.state.accepts(&place(*number).dot.actor);
        let (ops, mut strangers): (Vec<_>, Vec<_>) = batch.in_order().partition(accepted);
        let checks = self.waiting_checks(ops.iter().map(|number| place(*number).id));
        let head = |number: usize| {
            let head = &batch.heads()[number];
            (head.place.dot.actor, head.place.id, head.encoded_len())
        };
        let (ops, _) = self.budget.cut(&self.state, &checks, ops, head);
        let places = ops.iter().map(|number| place(*number));
        let read = |nth: usize| Some(batch.unpack(*ops.get(nth)?)?.signed);
        let prepared = match self.state.prepare(places, &checks, read) {
            Ok(prepared) => prepared,
            Err(refused) => {
                self.suspect_relay(batch, &refused);
                return Err(refused.error.into());
            }
        };
        self.budget.charge(&self.state, &checks, &prepared);
        let arrived = self.keep(&prepared, batch, &ops);
        let mut received = self.take_checked(from, prepared, ask);
        if !arrived.is_empty() {
            received.append(self.tensors_stored(&arrived));
        }
        strangers.sort_unstable();
        self.strangers.put(from, unpack_some(batch, &strangers));
        self.take_admitted(ask, &mut received);
        if !received.admitted.is_empty() {
            received.effects.extend(self.acknowledge());
        }
        Ok(received)
    }

    /// Takes in from the pool what strangers signed who are none any more.
    fn take_admitted(&mut self, ask: bool, received: &mut Received) {
        while let Some((from, mut ops)) = self.strangers.take(|author| self.state.accepts(author)) {
            ops.sort_by_key(|signed| (signed.op.author, signed.op.seq));
            let checks = self.waiting_checks(ops.iter().map(SignedOp::id));
            let head = |at: usize| (ops[at].op.author, ops[at].id(), canonical::len(&ops[at]));
            let all = (0..ops.len()).collect();
            let (taken, _) = self.budget.cut(&self.state, &checks, all, head);
            let taken: Vec<_> = taken.into_iter().map(|at| ops[at].clone()).collect();
            // Nobody had checked them. What is refused the next exchange brings anew, or nobody.
            let Ok(ops) = self.state.prepare_all(taken, &checks) else { continue };
            self.budget.charge(&self.state, &checks, &ops);
            received.append(self.take_checked(from, ops, ask));
        }
    }

    /// Keeps those tensors that came with these operations and that they would have to wait for.
    fn keep(&mut self, prepared: &Prepared, batch: &PackedBatch<'_>, ops: &[usize]) -> Vec<Digest> {
        let missing = self.missing(prepared);
        let lacking =
            |number: &&usize| missing.contains_key(&batch.heads()[**number].place.dot.actor);
        let mut kept = Vec::new();
        for number in ops.iter().filter(lacking) {
            let Some(Sent { signed, inside: Some(contents), .. }) = batch.unpack(*number) else {
                continue;
            };
            let wanted = missing.get(&signed.op.author);
            for content in contents {
                if wanted.is_some_and(|wanted| wanted.contains(&content.digest())) {
                    kept.push(self.state.arena().store().put(content));
                }
            }
        }
        self.held.extend(&kept);
        kept
    }

    fn take_checked(&mut self, from: PeerId, ops: Prepared, ask: bool) -> Received {
        let (complete, rest) = self.part(ops);
        let mut admitted = self.commit(complete);
        let missing: BTreeSet<_> = self.missing(&rest).into_values().flatten().collect();
        if missing.is_empty() {
            admitted.append(self.commit(rest));
            return Received { admitted, ..Received::default() };
        }
        // Where nobody is to be asked they are in flight too.
        let contents = self.in_flight.ask(&missing);
        self.wait(Waiting { from, ops: rest, missing });
        let effects = ask.then(|| fetch(from, contents)).flatten().into_iter().collect();
        Received { effects, admitted, ..Received::default() }
    }

    /// Parts the operations of authors whose tensors are here from the others', so that nobody
    /// waits for somebody else's tensors. An author is taken in without its tensors only where
    /// those who are taken in with it convict it.
    fn part(&self, ops: Prepared) -> (Prepared, Prepared) {
        let (mut complete, mut rest) = (ops, Prepared::default());
        for _ in 0..MAX_PARTINGS {
            let missing = self.missing(&complete);
            if missing.is_empty() {
                return (complete, rest);
            }
            let (lacking, others) = complete.part(|author| missing.contains_key(author));
            (complete, rest) = (others, rest.and(lacking));
        }
        (Prepared::default(), rest.and(complete))
    }

    /// What of these operations waits, so that it is neither checked nor paid for again. A chain of
    /// which the tensors in the middle are gone thus grows tick by tick until it can be taken in as
    /// a whole.
    fn waiting_checks(&self, ids: impl Iterator<Item = OpId>) -> Checks {
        if self.waiting.is_empty() {
            return Checks::new();
        }
        let ids: BTreeSet<_> = ids.collect();
        let candidates = self.waiting.iter().flat_map(|waiting| waiting.ops.candidates());
        let waiting = candidates.map(|candidate| (candidate.op().id(), candidate));
        let again = waiting.filter(|(id, _)| ids.contains(id));
        again.map(|(id, candidate)| (id, candidate.clone())).collect()
    }

    /// Lets a batch wait, in place of those of the same peer that it covers.
    pub(crate) fn wait(&mut self, newcomer: Waiting) {
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

    /// Tensors that are not here, of the contributions that can become visible, by author: not
    /// removed, and not by an author whom this state or these operations convict. Convictions of
    /// the genesis stay, so what is left out here is never asked for by anybody else either. Those
    /// of others may be forked away by who published them.
    pub(crate) fn missing(&self, ops: &Prepared) -> BTreeMap<PeerId, BTreeSet<Digest>> {
        let convicted = self.convicted_by(ops);
        let mut removed = BTreeSet::<Dot<PeerId>>::new();
        for op in ops.candidates().iter().filter(|c| c.guilt().is_none()).map(Candidate::op) {
            match &op.op().body {
                // An operation that names itself removes nothing: adds win.
                Body::Contribute(c) => {
                    removed.extend(c.replaces.iter().filter(|dot| **dot != op.op().dot()));
                }
                Body::Retract { targets } => removed.extend(targets),
                Body::Attest { .. } | Body::Evidence(_) | Body::Vote { .. } => {}
            }
        }
        let seen = self.state.view().contributions().context();
        let wanted = |op: &&VerifiedOp| {
            let dot = op.op().dot();
            let gone = convicted.contains(&dot.actor) && self.state.policy().admits(&dot.actor);
            !gone && !removed.contains(&dot) && !seen.contains(&dot)
        };
        let mut missing = BTreeMap::<PeerId, BTreeSet<Digest>>::new();
        for op in ops.iter().filter(wanted) {
            let tensors = op.contribution().into_iter().flat_map(|c| c.manifest.tensors());
            let absent = tensors.map(|meta| meta.content).filter(|d| !self.held.contains(d));
            let absent: Vec<_> = absent.collect();
            if !absent.is_empty() {
                missing.entry(op.op().author).or_default().extend(absent);
            }
        }
        missing
    }

    /// Everybody convicted by this state, by these operations, or by both together.
    fn convicted_by(&self, ops: &Prepared) -> BTreeSet<PeerId> {
        let (state, mut convicted) = (self.state.view(), self.state.evidence().convicted());
        let mut places = BTreeMap::<Dot<PeerId>, Vec<&VerifiedOp>>::new();
        let mut occasions = BTreeMap::new();
        for candidate in ops.candidates() {
            let (op, dot) = (candidate.op(), candidate.op().op().dot());
            let held = |seq| state.at(Dot::new(dot.actor, seq)).map(|entry| entry.op());
            let at = |seq| places.get(&Dot::new(dot.actor, seq)).into_iter().flatten().copied();
            let twin = at(dot.seq).chain(held(dot.seq)).any(|other| other.id() != op.id());
            // The batch is in the order of chains, so what comes after in it is not here yet.
            let before = at(dot.seq - 1).chain(held(dot.seq - 1));
            let broken = before.into_iter().any(|other| fault::breaks(other, op))
                || held(dot.seq.saturating_add(1)).any(|other| fault::breaks(op, other));
            let doubled = fault::said(op.op()).is_some_and(|(occasion, what)| {
                let held = state.attested(&occasion).map(|entry| entry.op());
                let other = *occasions.entry(occasion).or_insert(what);
                other != what || held.is_some_and(|held| fault::measures_twice(held, op))
            });
            if twin || broken || doubled || candidate.guilt().is_some() {
                convicted.insert(dot.actor);
            }
            let accused = candidate.carried().map(|conviction| conviction.accused());
            convicted.extend(accused.filter(|peer| self.state.accepts(peer)));
            places.entry(dot).or_default().push(op);
        }
        convicted
    }

    /// Joins prepared operations and looks at what they bring.
    fn commit(&mut self, ops: Prepared) -> Delta {
        let new: Delta = self.state.commit(ops).into_iter().collect();
        self.log_news();
        new.entries().iter().for_each(|entry| self.inspect(entry));
        new
    }
}
