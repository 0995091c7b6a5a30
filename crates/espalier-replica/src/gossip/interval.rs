//! Exchanges by intervals: between two who know each other only what is new since the last time,
//! and neither digest nor frontier (Almeida, Shoker, Baquero, *Delta State Replicated Data Types*,
//! JPDC 2018, algorithm 2; without what came from the peer, and each operation once, as in Enes,
//! Almeida, Baquero, Leitão, *Efficient Synchronization of State-Based CRDTs*, ICDE 2019).
//!
//! A replica keeps a [`Log`](crate::gossip::log::Log) of its operations in the order in which they
//! came, and of each peer how far in the log that has acknowledged it.
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

use crate::counting;
use crate::error::ApplyError;
use crate::gossip::effect::{Effect, ReceiveError, Received, send};
use crate::gossip::interval_peers::{Acked, Intervals, Pending};
use crate::gossip::{MAX_BATCH_LEN, Replica};
use crate::wire::message::{Interval, Message, Point, Pull, Reply};
use crate::wire::packed_batch::PackedBatch;
use espalier_identity::PeerId;

/// After how many exchanges that a peer began an ordinary one follows, if nothing is new.
const REPAIR_EVERY: u64 = 8;

/// After how many it follows in any case: whoever never falls silent must not hide anything.
const REPAIR_AT_LATEST: u64 = 2 * REPAIR_EVERY;

/// How many times what asking costs may be sent unasked.
const WORTH: u64 = 4;

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
        let asking = counting::HELLO_LEN + counting::differs_len(seen) + seen;
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
            // A delta that does not fit cannot be an interval: the log would say that it is
            // complete.
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
        self.in_flight.pulled(&from);
        let policy = self.state.policy().clone();
        let batch = PackedBatch::read(&batch, &policy)?;
        let heads = batch.as_ref().map_or(&[][..], PackedBatch::heads);
        let ops: Vec<_> = heads.iter().map(|head| (head.place.dot, head.place.id)).collect();
        let take = |replica: &mut Self| match &batch {
            Some(batch) => replica.take_batch(from, batch, true),
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
        let mut effects: Vec<_> = self.fetch_again(from).into_iter().collect();
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
