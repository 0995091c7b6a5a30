//! Virtual time: nodes act by clocks of their own, messages take as long as their links do, and
//! exchanges overlap.

use super::{Engine, Event, Exchanged, Fate, Happening, Mail, Outbox, Population, Time};
use crate::config::Clock;
use crate::seeds::Dice;
use espalier_topology::Network;

/// How fast or slow a clock may be: one part in this many of the period.
const DRIFT: u64 = 100;

/// The nodes' clocks.
#[derive(Debug)]
pub(crate) struct Timers {
    /// Each node's own period, or whether it is to wake up already, where it has no clock.
    of: Vec<Time>,
    set: bool,
}

impl Timers {
    pub(super) fn new(clock: Clock, nodes: usize) -> Self {
        let timed = clock != Clock::Rounds;
        Self { of: vec![0; if timed { nodes } else { 0 }], set: false }
    }
}

impl<P: Population> Engine<'_, P> {
    /// Runs everything that happens up to `end`, that time included.
    pub(crate) fn run_until(&mut self, end: Time, network: &Network) -> Vec<Exchanged<P::Record>> {
        self.set_clocks();
        let (mut done, mut out) = (Vec::new(), Outbox::new());
        while let Some((now, event)) = self.queue.pop(end) {
            self.log.at(now);
            match event {
                Event::Wake(node) => self.wake(node, network, &mut out, &mut done),
                Event::Timer(node, token) => {
                    self.ring(node, token, &mut out);
                    self.begin_talks(node, &mut out, &mut done);
                }
                Event::Deliver(mail) => {
                    self.under_way.went(mail.to, 1);
                    self.deliver(mail, &mut out, &mut done);
                }
            }
            if self.log.is_stopped() {
                break;
            }
        }
        if !self.log.is_stopped() {
            self.log.at(end);
        }
        done
    }

    /// Wakes a node that has something new and no clock.
    pub(crate) fn tell(&mut self, node: usize) {
        if P::CLOCKED && self.clock == Clock::None && self.timers.of[node] == 0 {
            self.timers.of[node] = 1;
            self.queue.push(self.log.now(), Event::Wake(node));
        }
    }

    /// Ends all faults of the network: cuts heal, links lose, repeat and hold up nothing any more,
    /// and what is in flight arrives at once. Nodes without a clock get one: whoever only passes on
    /// what is new never repairs what was lost (Demers et al. 1987).
    pub(crate) fn calm(&mut self) {
        self.links.calm();
        let under_way = |event: &Event<P::Message>| match event {
            Event::Deliver(mail) => Some(mail.clone()),
            Event::Wake(_) | Event::Timer(..) => None,
        };
        for mail in self.queue.remove(under_way) {
            self.queue.push(self.log.now(), Event::Deliver(mail));
        }
        if self.clock == Clock::None {
            self.queue.remove(|event| matches!(event, Event::Wake(_)).then_some(()));
            (self.clock, self.timers.set) = (Clock::Periodic, false);
        }
    }

    /// Forgets what is in flight to a node.
    pub(crate) fn drop_mail_to(&mut self, node: usize) -> Vec<Exchanged<P::Record>> {
        #[cfg(feature = "mutants")]
        if crate::mutants::SimMutant::MailWaits.is_loose() {
            return Vec::new();
        }
        let to_node = |event: &Event<P::Message>| match event {
            Event::Deliver(mail) => (mail.to == node).then_some(mail.talk),
            Event::Wake(_) | Event::Timer(..) => None,
        };
        let talks = match self.under_way.to(node) {
            0 => Vec::new(),
            _ => self.queue.remove(to_node),
        };
        self.under_way.went(node, talks.len());
        self.held_back.retain(|mail| mail.to != node);
        talks.into_iter().filter_map(|talk| self.settle(talk)).collect()
    }

    /// Sets the clocks at the beginning: each node's at a phase of its own.
    fn set_clocks(&mut self) {
        if std::mem::replace(&mut self.timers.set, true) || !P::CLOCKED {
            return;
        }
        let now = self.log.now();
        for node in 0..self.timers.of.len() {
            let dice = &mut self.own[node];
            match self.clock {
                Clock::Rounds => {}
                Clock::None => self.tell(node),
                Clock::Periodic => {
                    let slack = self.every / DRIFT;
                    let own = self.every - slack + dice.below(2 * slack as usize + 1) as Time;
                    let phase = dice.below(own.max(1) as usize) as Time;
                    self.timers.of[node] = own.max(1);
                    self.queue.push(now + phase, Event::Wake(node));
                }
                Clock::Poisson => {
                    let first = exponential(self.every, dice);
                    self.queue.push(now + first, Event::Wake(node));
                }
            }
        }
    }

    fn wake(
        &mut self,
        node: usize,
        network: &Network,
        out: &mut Outbox<P::Message>,
        done: &mut Vec<Exchanged<P::Record>>,
    ) {
        let now = self.log.now();
        match self.clock {
            Clock::Rounds => {}
            Clock::None => self.timers.of[node] = 0,
            Clock::Periodic => self.queue.push(now + self.timers.of[node], Event::Wake(node)),
            Clock::Poisson => {
                let wait = exponential(self.every, &mut self.own[node]);
                self.queue.push(now + wait, Event::Wake(node));
            }
        }
        let choice = self.own[node].below(network.degree(node).max(1));
        let Some(peer) = network.neighbour(node, choice).filter(|_| self.peers.is_up(node)) else {
            return;
        };
        let mut exchanged = self.begin_record([node, peer]);
        if !self.reaches(node, peer) {
            exchanged.blocked = true;
            self.log.note(Happening::Blocked, node, peer, 0);
            done.push(self.end_record(exchanged));
            return;
        }
        self.log.note(Happening::Start, node, peer, 0);
        if self.exchange_at_once(&mut exchanged) {
            let [there, back] = exchanged.sides.map(|side| side.ops > 0);
            [(peer, there), (node, there || back)]
                .into_iter()
                .filter(|(_, news)| *news)
                .for_each(|(node, _)| self.tell(node));
            done.push(self.end_record(exchanged));
            return;
        }
        out.now = now;
        self.peers.start(node, peer, out);
        self.file_timers(node, out);
        let talk = self.talks.vacant_key();
        let sent = self.send_off(node, talk, out, &mut exchanged);
        self.talks.insert(Some((exchanged, sent + 1)));
        done.extend(self.settle(talk));
        self.begin_talks(node, out, done);
    }

    /// Sends what a node has to send outside the exchange that it is in; with each peer that is an
    /// exchange of its own.
    fn begin_talks(
        &mut self,
        from: usize,
        out: &mut Outbox<P::Message>,
        done: &mut Vec<Exchanged<P::Record>>,
    ) {
        while let Some(&(to, _)) = out.mail.first() {
            let (talk, mut exchanged) = (self.talks.vacant_key(), self.begin_record([from, to]));
            let sent = self.send_off(from, talk, out, &mut exchanged);
            self.talks.insert(Some((exchanged, sent + 1)));
            done.extend(self.settle(talk));
        }
    }

    fn deliver(
        &mut self,
        mail: Mail<P::Message>,
        out: &mut Outbox<P::Message>,
        done: &mut Vec<Exchanged<P::Record>>,
    ) {
        let (talk, by) = (mail.talk, mail.to);
        let Some((mut exchanged, left)) = self.talks.get_mut(talk).and_then(Option::take) else {
            return;
        };
        let mut sent = 0;
        if self.reaches(mail.from, mail.to) {
            let before = exchanged.sides;
            self.hand_over(mail, &mut exchanged, out);
            sent = self.send_off(by, talk, out, &mut exchanged);
            let learnt = |(side, before): (&super::Side, &super::Side)| side.ops > before.ops;
            if exchanged.sides.iter().zip(&before).any(learnt) {
                self.tell(by);
            }
        } else {
            self.drop_late(&mail);
            exchanged.side(by).lost = true;
        }
        self.talks[talk] = Some((exchanged, left + sent));
        done.extend(self.settle(talk));
        self.begin_talks(by, out, done);
    }

    /// Puts what a node sends its partner in an exchange on its way; how many messages that are.
    /// What it sends others stays where it is.
    fn send_off(
        &mut self,
        from: usize,
        talk: usize,
        out: &mut Outbox<P::Message>,
        exchanged: &mut Exchanged<P::Record>,
    ) -> u32 {
        let mut sent = 0;
        let [a, b] = exchanged.pair;
        let partner = if from == a { b } else { a };
        let mut others = Vec::new();
        // From the end: so the buffer stays where it is, and most of the time it is one message.
        out.mail.reverse();
        while let Some((to, message)) = out.mail.pop() {
            if to != partner {
                others.push((to, message));
                continue;
            }
            for _ in 1..self.copies(from, to, &message) {
                let again = Mail { from, to, message: message.clone(), talk };
                sent += self.post(again, exchanged);
            }
            sent += self.post(Mail { from, to, message, talk }, exchanged);
        }
        out.mail.append(&mut others);
        sent
    }

    /// Puts a message into the queue, if it is not lost; how many that are.
    fn post(&mut self, mail: Mail<P::Message>, exchanged: &mut Exchanged<P::Record>) -> u32 {
        let at = match self.dispatch(&mail, exchanged) {
            Fate::Lost => return 0,
            Fate::At(at) => at,
            Fate::HeldBack | Fate::Rounds(_) => self.log.now(),
        };
        self.under_way.came(mail.to);
        self.queue.push(at, Event::Deliver(mail));
        1
    }

    /// One message of an exchange less is in flight; the exchange if it was the last.
    fn settle(&mut self, talk: usize) -> Option<Exchanged<P::Record>> {
        let (_, left) = self.talks.get_mut(talk)?.as_mut()?;
        *left -= 1;
        if *left > 0 {
            return None;
        }
        let (exchanged, _) = self.talks.remove(talk)?;
        if exchanged.sides[0].ops > 0 {
            // As long as it finds peers to whom it is news, a node goes on telling it (Demers et
            // al. 1987, rumor mongering with feedback).
            self.tell(exchanged.pair[0]);
        }
        Some(self.end_record(exchanged))
    }
}

/// Exponentially distributed with this mean, at least 1 microsecond.
fn exponential(mean: Time, dice: &mut Dice) -> Time {
    let draw = -libm::log(1.0 - dice.unit()) * mean as f64;
    (draw + 1.0) as Time
}
