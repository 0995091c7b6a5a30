//! Exchanges by intervals: between two who know each other only what is new since the last time,
//! and neither digest nor frontier (Almeida, Shoker, Baquero, *Delta State Replicated Data Types*,
//! JPDC 2018, algorithm 2; without what came from the peer, and each operation once, as in Enes,
//! Almeida, Baquero, Leitão, *Efficient Synchronization of State-Based CRDTs*, ICDE 2019).
//!
//! A replica keeps a [`Log`] of its operations in the order in which they came, and of each peer
//! how far in the log that has acknowledged it.
//!
//! ```text
//! A → B  Interval  my log from where you acknowledged it up to here, but for what came from you
//! B → A  Interval  the same, if there is anything; else Ack, if there was; else nothing
//! A → B  Ack       I have all of it, once its tensors are here too
//! ```
//!
//! What is not acknowledged comes again with the next exchange. A log is volatile, and so is what
//! is known of a peer. So whatever leaves something out says on which point of the other's log it
//! rests, with a hash over all up to there: whoever crashed and forgot something has another log.
//! It says so, and both go through one ordinary exchange, with frontiers, in place of everything:
//!
//! ```text
//! B → A  Lost      my root, as Hello; forget what you know of me
//! A → B  Level     how far I have seen, at which point of my log
//! B → A  Interval  what you lack, how far I have seen
//! A → B  Interval  what you lack
//! B → A  Ack
//! ```
//!
//! That is also how two meet, begun with `Hello`, and what they do when so much is new that it is
//! cheaper to ask first: others may have brought it. Now and then one is begun between two who know
//! each other: it finds what logs cannot show.

use crate::error::ApplyError;
use crate::gossip::{Effect, MAX_BATCH_LEN, MAX_COUNTED, ReceiveError, Received, Replica, send};
use crate::log::Log;
use crate::message::{Interval, Message, Point, Pull, Reply};
use crate::parcel::Parcel;
use crate::signed::op::OpId;
use crate::state::MergeState;
use crate::wire;
use espalier_identity::PeerId;
use espalier_lattice::Dot;
use std::collections::{BTreeMap, BTreeSet};

/// After how many exchanges that a peer began an ordinary one follows, if nothing is new.
const REPAIR_EVERY: u64 = 8;

/// After how many it follows in any case: whoever never falls silent must not hide anything.
const REPAIR_AT_LATEST: u64 = 2 * REPAIR_EVERY;

/// How many times what asking costs may be sent unasked.
const WORTH: u64 = 4;

/// How many operations that came from a peer are remembered until it has acknowledged the log
/// beyond them; others are sent back to it.
const MAX_THEIRS: usize = 1 << 16;

/// How far a peer has acknowledged the log, and on which point of its own log that rests.
#[derive(Debug, Clone, Copy)]
struct Acked {
    upto: u64,
    rests: Point,
}

/// What is known of a peer. To lose it costs an ordinary exchange.
#[derive(Debug, Clone, Default)]
struct Link {
    /// How often everything but the numbers below was forgotten.
    forgotten: u64,
    acked: Option<Acked>,
    /// Up to where of its log everything is here.
    got: Option<Point>,
    /// Operations that came from it and are not acknowledged, as the arena numbers them.
    theirs: BTreeSet<u32>,
    /// How many exchanges it has begun, and how many it had when the last ordinary one followed.
    begun: u64,
    compared: u64,
}

impl Link {
    /// Takes an acknowledgement, unless it is older than what is known.
    fn acknowledge(&mut self, log: &Log, upto: u64, rests: Point) {
        let newer = |acked: Acked| (acked.rests.position, acked.upto) > (rests.position, upto);
        if self.acked.is_some_and(newer) {
            return;
        }
        match self.acked.map_or(0, |acked| acked.upto) {
            // It has forgotten what it had.
            before if upto < before => self.theirs.clear(),
            before => {
                let passed = log.after(before).take((upto - before) as usize);
                passed.for_each(|index| {
                    self.theirs.remove(&index);
                });
            }
        }
        self.acked = Some(Acked { upto, rests });
    }
}

/// Operations of a peer of which some are not here yet.
#[derive(Debug, Clone)]
struct Pending {
    at: Point,
    ops: Vec<(Dot<PeerId>, OpId)>,
}

impl Pending {
    /// Whether all are here, or have no place: where there are two already, a third may stay out.
    fn is_settled(&self, state: &MergeState) -> bool {
        let here =
            |(dot, id): &(_, _)| state.find(id).is_some() || state.view().at(*dot).count() > 1;
        self.ops.iter().all(here)
    }
}

/// What a replica that exchanges by intervals remembers besides its state.
#[derive(Debug, Clone)]
pub(crate) struct Intervals {
    log: Log,
    links: BTreeMap<PeerId, Link>,
    pending: BTreeMap<PeerId, Pending>,
}

impl Intervals {
    pub(crate) fn new(state: &MergeState) -> Self {
        let mut log = Log::new(state.policy());
        log.extend(state);
        Self { log, links: BTreeMap::new(), pending: BTreeMap::new() }
    }

    fn forget(&mut self, peer: &PeerId) {
        if let Some(link) = self.links.get_mut(peer) {
            let Link { forgotten, begun, compared, .. } = *link;
            *link = Link { forgotten: forgotten + 1, begun, compared, ..Link::default() };
        }
        self.pending.remove(peer);
    }

    /// The log, and what is known of a peer, to be added to.
    fn link(&mut self, peer: PeerId) -> (&Log, &mut Link) {
        if self.links.len() >= MAX_COUNTED && !self.links.contains_key(&peer) {
            self.links.clear();
            self.pending.clear();
        }
        (&self.log, self.links.entry(peer).or_default())
    }

    /// Takes up to where of the log a peer has everything, as it says at a point of its own.
    fn acknowledged(&mut self, peer: PeerId, got: Point, at: Point) {
        let (log, link) = self.link(peer);
        link.acknowledge(log, got.position, at);
    }

    /// Notes the operations that a peer sent up to a point of its log.
    fn arrived(&mut self, state: &MergeState, peer: PeerId, news: Pending) {
        let (log, link) = self.link(peer);
        let here = news.ops.iter().filter_map(|(_, id)| state.find(id));
        let here: BTreeSet<_> = here.map(|entry| entry.index).collect();
        if !here.is_empty() {
            let upto = link.acked.map_or(0, |acked| acked.upto);
            let theirs = log.after(upto).filter(|index| here.contains(index));
            link.theirs.extend(theirs.take(MAX_THEIRS.saturating_sub(link.theirs.len())));
        }
        if link.got.is_some_and(|got| news.at.position < got.position) {
            return;
        }
        if news.is_settled(state) {
            link.got = Some(news.at);
            self.pending.remove(&peer);
        } else if self.pending.get(&peer).is_none_or(|old| old.at.position <= news.at.position) {
            self.pending.insert(peer, news);
        }
    }

    /// Adds what another replica of the same node, which was one with this, has learnt. Of logs
    /// that went on apart the other's is given up, and with it what peers know of it.
    pub(crate) fn absorb(&mut self, other: Self, state: &MergeState) {
        let common = self.log.common(&other.log);
        let held = if common == self.log.len() {
            self.log = other.log;
            self.log.len()
        } else {
            common
        };
        self.log.extend(state);
        for (peer, mut link) in other.links {
            if let Some(acked) = &mut link.acked {
                acked.upto = acked.upto.min(held);
            }
            let place = |link: &Link| {
                let acked = link.acked.map(|acked| (acked.rests.position, acked.upto));
                (link.forgotten, acked, link.got.map(|got| got.position))
            };
            let (_, ours) = self.link(peer);
            link.begun = link.begun.max(ours.begun);
            link.compared = link.compared.max(ours.compared);
            if place(&link) > place(ours) {
                *ours = link;
                self.pending.remove(&peer);
            } else {
                (ours.begun, ours.compared) = (link.begun, link.compared);
            }
        }
        self.pending.extend(other.pending);
    }
}

impl Replica {
    /// The operations that `peer` has not acknowledged and did not bring: what an exchange with it
    /// begins with. Nothing if it never acknowledged any, or if it is cheaper to ask what it lacks.
    pub(crate) fn interval(&self, peer: &PeerId, reply: Reply) -> Option<Message<'static>> {
        let Intervals { log, links, .. } = self.intervals.as_ref()?;
        let link = links.get(peer)?;
        let Acked { upto, rests } = link.acked?;
        let lacks = |index: &u32| self.state.ops.contains(*index) && !link.theirs.contains(index);
        let lacking = log.after(upto).filter(lacks);
        let entries = self.state.arena().entries(lacking);
        let len: usize = entries.iter().map(|entry| self.cost(entry.op())).sum();
        if len > self.worth_asking() {
            return None;
        }
        let batch = self.seal_batch(entries.iter().map(|entry| entry.op()).collect());
        let (at, rests) = (log.end(), (link.got != Some(rests)).then_some(rests));
        Some(Message::Interval(Interval { batch, got: link.got, rests, at, reply }))
    }

    /// How many bytes of operations are not sent before it is asked whether they are lacking: a
    /// few times what asking costs, a root and two frontiers. So what somebody else has brought
    /// meanwhile never costs more.
    fn worth_asking(&self) -> usize {
        let seen = self.state.frontier_len();
        let asking = wire::HELLO_LEN + wire::differs_len(seen) + seen;
        MAX_BATCH_LEN.min(WORTH.saturating_mul(asking) as usize)
    }

    /// Notes what is new in the state, whatever brought it.
    pub(crate) fn log_news(&mut self) {
        if let Some(intervals) = &mut self.intervals {
            intervals.log.extend(&self.state);
        }
    }

    /// Answers somebody who has other operations, with frontiers.
    pub(crate) fn differs(&mut self, from: PeerId) -> Message<'static> {
        let pull = self.pull(from);
        match &mut self.intervals {
            None => Message::Differs { pull },
            Some(intervals) => {
                intervals.forget(&from);
                Message::Level { at: intervals.log.end(), pull }
            }
        }
    }

    /// Takes how far somebody has seen, and at which point of its log.
    pub(crate) fn on_level(&mut self, from: PeerId, at: Point, pull: &Pull) -> Vec<Effect> {
        let Some(intervals) = &mut self.intervals else { return self.on_differs(from, pull) };
        intervals.forget(&from);
        if pull.seen.is(&self.state.frontier(), self.state.policy()) {
            return vec![self.compare(from, None)];
        }
        let reply = Reply::Beyond(self.pull(from));
        let mut effects = vec![self.beyond(from, pull, at, reply)];
        if self.compare_now(from) {
            effects.push(self.compare(from, Some(&pull.seen)));
        }
        effects
    }

    /// All that a peer which asks so lacked at this point of its log.
    fn beyond(&self, from: PeerId, pull: &Pull, rests: Point, reply: Reply) -> Effect {
        let batch = self.lacking(&pull.seen, pull.bare);
        let delta = self.state.beyond(&pull.seen);
        let whole = delta.ops().map(|op| self.cost(op)).sum::<usize>() <= MAX_BATCH_LEN;
        let Some(intervals) = self.intervals.as_ref().filter(|_| whole) else {
            // What does not fit is no interval: the log would say that there is no more.
            let pull = if let Reply::Beyond(pull) = reply { Some(pull) } else { None };
            return send(from, &Message::Delta { batch, pull });
        };
        let got = intervals.links.get(&from).and_then(|link| link.got);
        let (at, rests) = (intervals.log.end(), (got != Some(rests)).then_some(rests));
        send(from, &Message::Interval(Interval { batch, got, rests, at, reply }))
    }

    /// Takes an interval of a peer's log and answers it.
    pub(crate) fn on_interval(
        &mut self,
        from: PeerId,
        interval: Interval<'_>,
    ) -> Result<Received, ReceiveError> {
        let Interval { batch, got, rests, at, reply } = interval;
        self.under_way.pulled(&from);
        let policy = self.state.policy().clone();
        let parcel = Parcel::read(&batch, &policy)?;
        let heads = parcel.as_ref().map_or(&[][..], Parcel::heads);
        let ops: Vec<_> = heads.iter().map(|head| (head.place.dot, head.place.id)).collect();
        let take = |replica: &mut Self| match &parcel {
            Some(parcel) => replica.take_parcel(from, parcel, true),
            None => Ok(Received::default()),
        };
        let Some(rests) = rests.or(got).filter(|_| self.intervals.is_some()) else {
            let mut received = take(self)?;
            if reply != Reply::Nothing {
                received.effects.push(self.hello(from));
            }
            return Ok(received);
        };
        let has = |point: &Point| self.intervals.as_ref().is_some_and(|i| i.log.has(point));
        let mut follows = has(&rests) && got.as_ref().is_none_or(has);
        let mut received = match take(self) {
            // It leaves out what it takes to be here.
            Err(ReceiveError::Apply(ApplyError::Gap { .. })) => {
                follows = false;
                Received::default()
            }
            taken => taken?,
        };
        let Some(intervals) = self.intervals.as_mut().filter(|_| follows) else {
            received.effects.insert(0, self.lost(from));
            return Ok(received);
        };
        let (silent, before) = (ops.is_empty(), intervals.link(from).1.got);
        if let Some(got) = got {
            intervals.acknowledged(from, got, at);
        }
        intervals.arrived(&self.state, from, Pending { at, ops });
        let further = intervals.link(from).1.got != before;
        let behind = got != Some(intervals.log.end());
        let effects = match reply {
            // What is acknowledged is not acknowledged in turn.
            Reply::Nothing if silent || !further => Vec::new(),
            Reply::Nothing => self.ack(from).into_iter().collect(),
            Reply::Interval => self.answer(from, further || behind, silent),
            Reply::Beyond(pull) => vec![self.beyond(from, &pull, at, Reply::Nothing)],
        };
        received.effects.splice(0..0, effects);
        Ok(received)
    }

    /// Answers an exchange that a peer began by an interval. `news`: how far one has the log of the
    /// other is to be told. `silent`: there were no operations in it.
    fn answer(&mut self, from: PeerId, news: bool, silent: bool) -> Vec<Effect> {
        let mut effects: Vec<_> = self.ask_again(from).into_iter().collect();
        let Some(answer) = self.interval(&from, Reply::Nothing) else {
            effects.push(self.hello(from));
            return effects;
        };
        let tells = matches!(&answer, Message::Interval(interval) if !interval.batch.is_empty());
        effects.extend((tells || news).then(|| send(from, &answer)));
        if let Some(intervals) = &mut self.intervals {
            let quiet = silent && !tells && !intervals.pending.contains_key(&from);
            let (_, link) = intervals.link(from);
            link.begun += 1;
            let every = if quiet { REPAIR_EVERY } else { REPAIR_AT_LATEST };
            if link.begun - link.compared >= every {
                link.compared = link.begun;
                effects.push(self.hello(from));
            }
        }
        effects
    }

    /// Tells a peer up to where everything of its log is here, and if it lacks nothing, up to where
    /// that is so of this one.
    fn ack(&self, to: PeerId) -> Option<Effect> {
        let nothing = |interval: &Interval<'_>| interval.batch.is_empty();
        let whole = |message: &Message<'_>| match message {
            Message::Interval(interval) => nothing(interval),
            _ => false,
        };
        if let Some(interval) = self.interval(&to, Reply::Nothing).filter(whole) {
            return Some(send(to, &interval));
        }
        let intervals = self.intervals.as_ref()?;
        let got = intervals.links.get(&to)?.got?;
        Some(send(to, &Message::Ack { got, at: intervals.log.end() }))
    }

    /// Takes an acknowledgement. One of another life of this replica is of a log that is not here.
    pub(crate) fn on_ack(&mut self, from: PeerId, got: Point, at: Point) {
        if let Some(intervals) = self.intervals.as_mut().filter(|i| i.log.has(&got)) {
            intervals.acknowledged(from, got, at);
        }
    }

    /// Says that a peer takes something to be here which is not.
    fn lost(&mut self, to: PeerId) -> Effect {
        self.forget(&to);
        let (policy, root) = (self.state.policy().hash(), self.state.ops_root());
        send(to, &Message::Lost { policy, root })
    }

    /// Forgets what is known of a peer.
    pub(crate) fn forget(&mut self, peer: &PeerId) {
        if let Some(intervals) = &mut self.intervals {
            intervals.forget(peer);
        }
    }

    /// Acknowledges what was waited for and is here now.
    pub(crate) fn acknowledge(&mut self) -> Vec<Effect> {
        let Some(intervals) = &mut self.intervals else { return Vec::new() };
        let mut settled = Vec::new();
        for (peer, pending) in std::mem::take(&mut intervals.pending) {
            settled.extend(pending.is_settled(&self.state).then_some(peer));
            intervals.arrived(&self.state, peer, pending);
        }
        settled.into_iter().filter_map(|peer| self.ack(peer)).collect()
    }
}

#[cfg(test)]
mod tests;
