//! The event core: virtual time, links that fail, and exchanges between the members of a
//! population, whatever these are.
//!
//! [`Engine`] moves messages and knows nothing of what is in them; a [`Population`] takes them in
//! and answers. There are two ways to run it:
//!
//! * In rounds ([`rounds`]): an exchange runs to its end before the next begins, in no time, unless
//!   its messages are held up for rounds. This is the model of most papers.
//! * In virtual time ([`timed`]): messages take as long as their links do, nodes act by clocks of
//!   their own, and exchanges overlap.
//!
//! Both share links, cuts, counting and the [`EventLog`], and the timers by which a population
//! wakes its members: at their time in virtual time, at the beginning of the next round in rounds.

mod links;
mod log;
mod onlooker;
mod queue;
mod rounds;
#[cfg(test)]
mod tests;
mod timed;

use crate::config::{Clock, Config};
use crate::error::SimError;
use crate::seeds::{Dice, Seeds};
use slab::Slab;
use std::collections::VecDeque;
use std::fmt::Debug;

pub(crate) use links::{Fate, Links};
pub(crate) use log::{EventLog, Listener};
pub use log::{Happening, Logged};
pub(crate) use onlooker::{Onlooker, Passage, Passed};
pub(crate) use queue::{Queue, Time};

/// What a node does in answer to something: what it sends to whom, and when it is to be woken.
#[derive(Debug)]
pub(crate) struct Outbox<M> {
    /// The virtual time at which it happens.
    pub(crate) now: Time,
    mail: Vec<(usize, M)>,
    timers: Vec<Timer>,
}

/// After how long, and what the population has to know then.
pub(crate) type Timer = (Time, u64);

impl<M> Outbox<M> {
    pub(crate) fn new() -> Self {
        Self { now: 0, mail: Vec::new(), timers: Vec::new() }
    }

    /// Sends somebody something.
    pub(crate) fn push(&mut self, mail: (usize, M)) {
        self.mail.push(mail);
    }

    /// Wakes the node later, with a token by which its population knows what for.
    pub(crate) fn set_timer(&mut self, timer: Timer) {
        self.timers.push(timer);
    }
}

/// Nodes that exchange messages.
pub(crate) trait Population {
    /// What travels.
    type Message: Clone + Debug;
    /// What is noted of the two sides of an exchange besides counts.
    type Record: Debug;
    /// What exchanges of one round work on if none sees the others.
    type Start;
    /// What is put aside while such an exchange runs.
    type Kept;
    /// Whether nodes begin exchanges by their clocks.
    const CLOCKED: bool = true;

    /// The number of nodes.
    fn count(&self) -> usize;
    /// Whether a node takes part now.
    fn is_up(&self, node: usize) -> bool;
    /// Lets `from` begin an exchange with `to`.
    fn start(&mut self, from: usize, to: usize, out: &mut Outbox<Self::Message>);
    /// Runs a whole exchange over links that neither fail nor take time; `None` if this population
    /// can do so only message by message.
    fn at_once(&mut self, pair: [usize; 2]) -> Option<Moved> {
        let _ = pair;
        None
    }
    /// The greeting and the answer that an exchange of the two consists of as long as they agree,
    /// if they do and this population can tell.
    fn agreement(&mut self, pair: [usize; 2]) -> Option<[Sign; 2]> {
        let _ = pair;
        None
    }
    /// Hands a message to its receiver; how many operations were new to it. What it refuses changes
    /// nothing.
    fn receive(
        &mut self,
        from: usize,
        to: usize,
        message: Self::Message,
        out: &mut Outbox<Self::Message>,
    ) -> u32;
    /// Wakes a node that is up as it wished, with the token that it gave; how many operations it
    /// took in.
    fn timer(&mut self, node: usize, token: u64, out: &mut Outbox<Self::Message>) -> u32 {
        let _ = (node, token, out);
        0
    }
    /// Hears that a message did not get from one node to another, as that is down or out of reach;
    /// when `from` is to be woken about it, if it is.
    fn unreached(&mut self, from: usize, to: usize) -> Option<Timer> {
        let _ = (from, to);
        None
    }
    /// Bytes on the wire.
    fn bytes(&self, message: &Self::Message) -> u64;
    /// How many of them are the bytes of tensors.
    fn tensor_bytes(&self, message: &Self::Message) -> u64 {
        let _ = message;
        0
    }
    /// Whether a link may make two of a message. What travels on a stream comes once.
    fn may_repeat(&self, message: &Self::Message) -> bool {
        let _ = message;
        true
    }
    /// A fingerprint of a message.
    fn mark(&self, message: &Self::Message) -> u64;
    /// Notes how things stand before an exchange.
    fn open(&self, pair: [usize; 2]) -> Self::Record;
    /// Notes how they stand after it.
    fn close(&self, pair: [usize; 2], record: &mut Self::Record);
    /// The states at the start of a round.
    fn snapshot(&self) -> Self::Start;
    /// Puts both nodes of a pair back to the start of the round.
    fn set_apart(&mut self, pair: [usize; 2], start: &Self::Start) -> Self::Kept;
    /// Joins what they learnt since into what was put aside.
    fn rejoin(&mut self, pair: [usize; 2], kept: Self::Kept);
}

/// A message in flight, and the exchange it belongs to.
#[derive(Debug, Clone)]
pub(crate) struct Mail<M> {
    from: usize,
    to: usize,
    message: M,
    talk: usize,
}

/// What arrived and is still to be taken in, in its order.
type Inbox<M> = VecDeque<Mail<M>>;

/// One exchange: who started it, and per direction (towards the partner, back to the starter) what
/// was sent and learnt.
#[derive(Debug)]
pub(crate) struct Exchanged<R> {
    pub(crate) pair: [usize; 2],
    pub(crate) blocked: bool,
    pub(crate) sides: [Side; 2],
    pub(crate) record: R,
}

/// What a whole exchange moved.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Moved {
    /// Towards the partner, and back.
    pub(crate) sides: [Side; 2],
    pub(crate) messages: u64,
    pub(crate) tensor_bytes: u64,
}

/// What shows of a message that changes nothing: its bytes on the wire, none of them of tensors,
/// and its fingerprint.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sign {
    pub(crate) bytes: u64,
    pub(crate) mark: u64,
}

/// One direction of an exchange.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Side {
    pub(crate) bytes: u64,
    pub(crate) ops: u32,
    pub(crate) lost: bool,
}

impl<R> Exchanged<R> {
    fn side(&mut self, to: usize) -> &mut Side {
        &mut self.sides[usize::from(to == self.pair[0])]
    }
}

/// A moment, and what was sent up to then.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct News {
    pub(crate) time: Time,
    pub(crate) messages: u64,
    pub(crate) bytes: u64,
    pub(crate) tensor_bytes: u64,
}

/// An exchange in virtual time, and how many messages of it are in flight.
type Talk<R> = (Exchanged<R>, u32);

/// What is still to happen.
#[derive(Debug)]
enum Event<M> {
    Deliver(Mail<M>),
    /// A node begins an exchange.
    Wake(usize),
    /// A population wakes a node, with its token.
    Timer(usize, u64),
}

/// How many messages are in the queue, by receiver and in all.
#[derive(Debug)]
struct UnderWay {
    to: Vec<u32>,
    all: usize,
}

impl UnderWay {
    fn to(&self, node: usize) -> u32 {
        self.to[node]
    }

    fn came(&mut self, node: usize) {
        self.to[node] += 1;
        self.all += 1;
    }

    fn went(&mut self, node: usize, messages: usize) {
        self.to[node] -= messages as u32;
        self.all -= messages;
    }
}

/// A population and the network between its members.
#[derive(Debug)]
pub(crate) struct Engine<'a, P: Population> {
    pub(crate) peers: P,
    pub(crate) links: Links,
    pub(crate) log: EventLog<'a>,
    pub(crate) sent_bytes: u64,
    /// How many of them were of tensors.
    tensor_bytes: u64,
    messages: u64,
    /// How things stood when somebody last learnt something.
    pub(crate) news: News,
    clock: Clock,
    period: Time,
    /// How long it is from one exchange that a node begins to its next.
    every: Time,
    queue: Queue<Event<P::Message>>,
    /// Messages in the queue.
    under_way: UnderWay,
    /// Held back until the exchanges of this round are over.
    held_back: Vec<Mail<P::Message>>,
    /// Exchanges in virtual time that are not over, with how many messages of theirs are in flight.
    /// Nothing is there only while something of the exchange is at work.
    talks: Slab<Option<Talk<P::Record>>>,
    /// The links' dice in rounds.
    dice: Dice,
    /// Each node's own in virtual time.
    own: Vec<Dice>,
    timers: timed::Timers,
    /// Buffers of the exchange before, to be used again.
    spare: (Outbox<P::Message>, Inbox<P::Message>),
    pub(crate) onlooker: Option<Box<dyn Onlooker<P> + 'a>>,
}

impl<'a, P: Population> Engine<'a, P> {
    /// # Errors
    /// [`SimError::Field`] if a file that describes the links cannot be used.
    pub(crate) fn new(
        peers: P,
        config: &Config,
        listener: Option<Listener<'a>>,
    ) -> Result<Self, SimError> {
        let (seeds, count) = (Seeds(config.seed), peers.count());
        let timed = config.clock != Clock::Rounds;
        let own = (0..if timed { count } else { 0 }).map(|i| seeds.rng("node", i as u64));
        Ok(Self {
            links: Links::open(config)?,
            log: EventLog::new(listener),
            sent_bytes: 0,
            tensor_bytes: 0,
            messages: 0,
            news: News::default(),
            clock: config.clock,
            period: config.period.0,
            every: config.period.0.saturating_mul(config.exchange.every()),
            queue: Queue::default(),
            under_way: UnderWay { to: vec![0; count], all: 0 },
            held_back: Vec::new(),
            talks: Slab::new(),
            dice: seeds.rng("links", 0),
            own: own.collect(),
            timers: timed::Timers::new(config.clock, count),
            spare: (Outbox::new(), Inbox::new()),
            onlooker: None,
            peers,
        })
    }

    /// Whether no message is in flight.
    pub(crate) fn is_quiet(&self) -> bool {
        self.under_way.all == 0
    }

    fn begin_record(&self, pair: [usize; 2]) -> Exchanged<P::Record> {
        let record = self.peers.open(pair);
        Exchanged { pair, blocked: false, sides: [Side::default(); 2], record }
    }

    fn end_record(&self, mut exchanged: Exchanged<P::Record>) -> Exchanged<P::Record> {
        self.peers.close(exchanged.pair, &mut exchanged.record);
        exchanged
    }

    /// Whether a message that `from` sends now can get to `to`.
    fn reaches(&self, from: usize, to: usize) -> bool {
        self.links.pass(from, to) && self.peers.is_up(from) && self.peers.is_up(to)
    }

    /// Runs an exchange that has begun to its end at once, if it may be, and notes what it moved;
    /// whether it did.
    fn exchange_at_once(&mut self, exchanged: &mut Exchanged<P::Record>) -> bool {
        let [a, b] = exchanged.pair;
        if !self.links.is_perfect() || !self.links.pass(b, a) || self.onlooker.is_some() {
            return false;
        }
        let Some(moved) = self.peers.at_once([a, b]) else { return false };
        exchanged.sides = moved.sides;
        self.sent_bytes += moved.sides.iter().map(|side| side.bytes).sum::<u64>();
        self.tensor_bytes += moved.tensor_bytes;
        self.messages += moved.messages;
        for (side, (from, to)) in moved.sides.iter().zip([(a, b), (b, a)]) {
            if side.ops > 0 {
                self.log.note(Happening::Deliver, from, to, side.bytes);
                self.learnt(side.ops);
            }
        }
        true
    }

    /// Runs an exchange in a round that has begun to its end if both agree and links do nothing but
    /// lose; whether it did. The same happens as message by message, without the messages.
    fn exchange_agreed(&mut self, exchanged: &mut Exchanged<P::Record>) -> bool {
        let [a, b] = exchanged.pair;
        if !self.links.only_lose() || !self.links.pass(b, a) || self.onlooker.is_some() {
            return false;
        }
        let Some(signs) = self.peers.agreement([a, b]) else { return false };
        for (side, (sign, (from, to))) in
            exchanged.sides.iter_mut().zip(signs.into_iter().zip([(a, b), (b, a)]))
        {
            side.bytes += sign.bytes;
            self.sent_bytes += sign.bytes;
            self.messages += 1;
            if self.links.loses(&mut self.dice) {
                side.lost = true;
                self.count_lost(from, to, sign.bytes);
                break;
            }
            if self.log.is_stopped() {
                break;
            }
            self.log.note(Happening::Deliver, from, to, sign.mark);
        }
        true
    }

    fn count_lost(&mut self, from: usize, to: usize, bytes: u64) {
        let _ = bytes;
        #[cfg(feature = "mutants")]
        if crate::mutants::SimMutant::CountedTwice.is_loose() {
            self.sent_bytes += bytes;
        }
        self.log.note(Happening::Lost, from, to, 0);
    }

    /// Hands a message over.
    fn hand_over(
        &mut self,
        mail: Mail<P::Message>,
        exchanged: &mut Exchanged<P::Record>,
        out: &mut Outbox<P::Message>,
    ) {
        let Mail { from, to, message, .. } = mail;
        let mark = self.peers.mark(&message);
        self.log.note(Happening::Deliver, from, to, mark);
        out.now = self.log.now();
        let learnt = self.peers.receive(from, to, message, out);
        exchanged.side(to).ops += learnt;
        self.learnt(learnt);
        self.file_timers(to, out);
        self.show(Passed { from, to, mark, what: Passage::TakenIn { news: learnt } });
    }

    fn learnt(&mut self, ops: u32) {
        if ops > 0 {
            self.news = News {
                time: self.log.now(),
                messages: self.messages,
                bytes: self.sent_bytes,
                tensor_bytes: self.tensor_bytes,
            };
        }
    }

    /// Wakes a node after some time.
    pub(crate) fn set_timer(&mut self, node: usize, (after, token): Timer) {
        self.queue.push(self.log.now().saturating_add(after), Event::Timer(node, token));
    }

    fn file_timers(&mut self, node: usize, out: &mut Outbox<P::Message>) {
        for timer in out.timers.drain(..) {
            self.set_timer(node, timer);
        }
    }

    /// Wakes a node as it wished, unless it has gone down since; whether it was.
    fn ring(&mut self, node: usize, token: u64, out: &mut Outbox<P::Message>) -> bool {
        if !self.peers.is_up(node) {
            return false;
        }
        self.log.note(Happening::Timer, node, node, token);
        out.now = self.log.now();
        let learnt = self.peers.timer(node, token, out);
        self.learnt(learnt);
        self.file_timers(node, out);
        true
    }

    /// Tells the population that a message did not get through.
    fn unreached(&mut self, from: usize, to: usize) {
        if let Some(timer) = self.peers.unreached(from, to) {
            self.set_timer(from, timer);
        }
    }

    /// Counts a message that is sent and draws its fate.
    fn dispatch(&mut self, mail: &Mail<P::Message>, exchanged: &mut Exchanged<P::Record>) -> Fate {
        let bytes = self.peers.bytes(&mail.message);
        let link = (mail.from, mail.to);
        let side = exchanged.side(mail.to);
        side.bytes += bytes;
        self.sent_bytes += bytes;
        self.tensor_bytes += self.peers.tensor_bytes(&mail.message);
        // What has no bytes is not a message, but something that is noticed.
        self.messages += u64::from(bytes > 0);
        let dice = self.own.get_mut(mail.from).unwrap_or(&mut self.dice);
        let mut fate = self.links.fate(link, bytes, self.log.now(), dice);
        // A cut in one direction swallows what is sent into it.
        if !self.links.pass(mail.from, mail.to) {
            fate = Fate::Lost;
            self.unreached(mail.from, mail.to);
        }
        exchanged.side(mail.to).lost |=
            matches!(fate, Fate::Lost | Fate::HeldBack | Fate::Rounds(1..));
        if fate == Fate::Lost {
            self.count_lost(mail.from, mail.to, bytes);
            self.show_mail(mail, Passage::Lost);
        }
        fate
    }

    /// The number of copies of a message its link makes.
    fn copies(&mut self, from: usize, to: usize, message: &P::Message) -> usize {
        let duplicate = self.links.duplicate;
        let dice = self.own.get_mut(from).unwrap_or(&mut self.dice);
        let again = dice.happens(duplicate) && self.peers.may_repeat(message);
        let copies = 1 + usize::from(again);
        if self.onlooker.is_some() {
            let (mark, bytes) = (self.peers.mark(message), self.peers.bytes(message));
            self.show(Passed { from, to, mark, what: Passage::Sent { bytes, copies } });
        }
        copies
    }

    /// Notes that a message came where nobody was, or no longer passed.
    fn drop_late(&mut self, mail: &Mail<P::Message>) {
        self.log.note(Happening::Dropped, mail.from, mail.to, 0);
        self.show_mail(mail, Passage::Dropped);
        self.unreached(mail.from, mail.to);
    }
}
