//! Rounds: exchanges one after the other, each to its end and in no time.

use super::{Engine, Event, Exchanged, Fate, Happening, Inbox, Mail, Outbox, Population, Time};

/// How often answers to messages that were held back may be held back again in one round.
const TURNS: usize = 8;

impl<P: Population> Engine<'_, P> {
    /// Begins a round: wakes whom a timer is to wake, in the order of time, and then delivers what
    /// was in flight to this round, in random order.
    pub(crate) fn begin_round(&mut self) -> Vec<Exchanged<P::Record>> {
        let (mut due, mut done) = (Vec::new(), Vec::new());
        while let Some((_, event)) = self.queue.pop(self.log.now()) {
            match event {
                Event::Deliver(mail) => {
                    self.under_way.went(mail.to, 1);
                    due.push(mail);
                }
                Event::Timer(node, token) => self.wake_up(node, token, &mut done),
                Event::Wake(_) => {}
            }
        }
        self.dice.shuffle(&mut due);
        done.extend(due.into_iter().filter_map(|mail| self.deliver_late(mail)));
        done
    }

    /// Wakes a node; what it sends then is an exchange of its own each, unless it is blocked.
    fn wake_up(&mut self, node: usize, token: u64, done: &mut Vec<Exchanged<P::Record>>) {
        let mut out = Outbox::new();
        if !self.ring(node, token, &mut out) {
            return;
        }
        for (to, message) in std::mem::take(&mut out.mail) {
            let (mut exchanged, mut inbox) = (self.begin_record([node, to]), Inbox::new());
            if !self.reaches(node, to) {
                exchanged.blocked = true;
                self.log.note(Happening::Blocked, node, to, 0);
                self.unreached(node, to);
                done.push(self.end_record(exchanged));
                continue;
            }
            out.push((to, message));
            self.route(node, &mut out, &mut inbox, &mut exchanged);
            self.run_to_end(&mut inbox, &mut out, &mut exchanged);
            done.push(self.end_record(exchanged));
        }
    }

    /// Ends a round: delivers what was held back, in an order of its own.
    pub(crate) fn end_round(&mut self) -> Vec<Exchanged<P::Record>> {
        let mut late = Vec::new();
        for _ in 0..TURNS {
            let mut mails = std::mem::take(&mut self.held_back);
            self.dice.shuffle(&mut mails);
            late.extend(mails.into_iter().filter_map(|mail| self.deliver_late(mail)));
        }
        for mail in std::mem::take(&mut self.held_back) {
            self.hold_up(mail, 1);
        }
        late
    }

    fn hold_up(&mut self, mail: Mail<P::Message>, rounds: u32) {
        let due = self.log.now().saturating_add(self.period.saturating_mul(Time::from(rounds)));
        self.under_way.came(mail.to);
        self.queue.push(due, Event::Deliver(mail));
    }

    /// One push–pull exchange, started by `a`, to its end.
    pub(crate) fn exchange(&mut self, a: usize, b: usize) -> Exchanged<P::Record> {
        let mut exchanged = self.begin_record([a, b]);
        if !self.reaches(a, b) {
            exchanged.blocked = true;
            self.log.note(Happening::Blocked, a, b, 0);
            return self.end_record(exchanged);
        }
        self.log.note(Happening::Start, a, b, 0);
        if self.exchange_at_once(&mut exchanged) || self.exchange_agreed(&mut exchanged) {
            return self.end_record(exchanged);
        }
        let (mut out, mut inbox) = self.take_spare();
        out.now = self.log.now();
        self.peers.start(a, b, &mut out);
        self.file_timers(a, &mut out);
        self.route(a, &mut out, &mut inbox, &mut exchanged);
        self.run_to_end(&mut inbox, &mut out, &mut exchanged);
        self.spare = (out, inbox);
        self.end_record(exchanged)
    }

    fn take_spare(&mut self) -> (Outbox<P::Message>, Inbox<P::Message>) {
        std::mem::replace(&mut self.spare, (Outbox::new(), Inbox::new()))
    }

    /// The same on copies of the states at the start of the round; what is learnt is joined into
    /// the nodes.
    pub(crate) fn exchange_apart(
        &mut self,
        pair: [usize; 2],
        start: &P::Start,
    ) -> Exchanged<P::Record> {
        let kept = self.peers.set_apart(pair, start);
        let exchanged = self.exchange(pair[0], pair[1]);
        self.peers.rejoin(pair, kept);
        exchanged
    }

    /// Delivers mail outside its exchange: a record of its own if somebody learnt something or
    /// answered.
    fn deliver_late(&mut self, mail: Mail<P::Message>) -> Option<Exchanged<P::Record>> {
        if !self.reaches(mail.from, mail.to) {
            self.drop_late(&mail);
            return None;
        }
        let mut exchanged = self.begin_record([mail.from, mail.to]);
        let (mut out, mut inbox) = self.take_spare();
        inbox.push_back(mail);
        self.run_to_end(&mut inbox, &mut out, &mut exchanged);
        self.spare = (out, inbox);
        let exchanged = self.end_record(exchanged);
        exchanged.sides.iter().any(|side| side.ops > 0 || side.bytes > 0).then_some(exchanged)
    }

    fn run_to_end(
        &mut self,
        inbox: &mut Inbox<P::Message>,
        out: &mut Outbox<P::Message>,
        exchanged: &mut Exchanged<P::Record>,
    ) {
        while !self.log.is_stopped()
            && let Some(mail) = inbox.pop_front()
        {
            let by = mail.to;
            if !self.peers.is_up(by) {
                // Somebody else's answer, to a node that has gone.
                self.drop_late(&mail);
                continue;
            }
            self.hand_over(mail, exchanged, out);
            self.route(by, out, inbox, exchanged);
        }
        // Where the run was stopped something may be left.
        inbox.clear();
    }

    /// Puts what a node sends on its way, past the link's faults.
    fn route(
        &mut self,
        from: usize,
        out: &mut Outbox<P::Message>,
        inbox: &mut Inbox<P::Message>,
        exchanged: &mut Exchanged<P::Record>,
    ) {
        // From the end: so the buffer stays where it is, and most of the time it is one message.
        out.mail.reverse();
        while let Some((to, message)) = out.mail.pop() {
            for _ in 1..self.copies(from, to, &message) {
                let again = Mail { from, to, message: message.clone(), talk: 0 };
                self.send(again, inbox, exchanged);
            }
            self.send(Mail { from, to, message, talk: 0 }, inbox, exchanged);
        }
    }

    fn send(
        &mut self,
        mail: Mail<P::Message>,
        inbox: &mut Inbox<P::Message>,
        exchanged: &mut Exchanged<P::Record>,
    ) {
        match self.dispatch(&mail, exchanged) {
            Fate::Lost => {}
            Fate::HeldBack => self.held_back.push(mail),
            Fate::Rounds(0) | Fate::At(_) => inbox.push_back(mail),
            Fate::Rounds(rounds) => self.hold_up(mail, rounds),
        }
    }
}
