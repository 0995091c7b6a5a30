//! A tiny network: replicas with arenas of their own, and mail that is lost, doubled and reordered.

use crate::{Dice, key, policy};
use espalier_identity::{Digest, Keypair, PeerId};
use espalier_replica::{Effect, ExchangeMode, MergeState, Replica};
use std::collections::VecDeque;

/// What may happen to a message, in percent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Weather {
    pub(crate) loss: u64,
    pub(crate) double: u64,
    pub(crate) reorder: u64,
}

/// Nothing happens to anything.
pub(crate) const CALM: Weather = Weather { loss: 0, double: 0, reorder: 0 };

enum Payload {
    Frame(Vec<u8>),
    Tensors(Vec<Digest>),
}

struct Mail {
    from: usize,
    to: usize,
    payload: Payload,
}

/// The replicas and the mail between them. Addresses are places in the list: two replicas may have
/// one key.
pub(crate) struct Net {
    pub(crate) replicas: Vec<Replica>,
    pub(crate) dice: Dice,
    pub(crate) weather: Weather,
    /// The number of tensors that were moved.
    pub(crate) moved: usize,
    /// Which tensors, and by whom.
    pub(crate) provided: Vec<(usize, Digest)>,
    /// Frames in the order of sending, if they are kept.
    pub(crate) sent: Vec<(usize, Vec<u8>)>,
    mail: VecDeque<Mail>,
}

/// The address of replica `i`.
pub(crate) fn address(i: usize) -> PeerId {
    PeerId::from_bytes([i as u8; 32])
}

/// A replica of a federation of `n`, with an arena of its own.
pub(crate) fn replica(key: Keypair, n: u8, exchange: ExchangeMode) -> Replica {
    Replica::new(key, MergeState::new(policy(n)), exchange)
}

impl Net {
    pub(crate) fn new(n: u8, seed: u64, exchange: ExchangeMode) -> Self {
        let replicas = (0..n).map(|i| replica(key(i), n, exchange)).collect();
        Self::of(replicas, seed)
    }

    pub(crate) fn of(replicas: Vec<Replica>, seed: u64) -> Self {
        let (mail, sent, provided) = (VecDeque::new(), Vec::new(), Vec::new());
        Self { replicas, dice: Dice(seed), weather: CALM, moved: 0, provided, sent, mail }
    }

    /// One exchange, started by `a`, and everything that follows from it.
    pub(crate) fn exchange(&mut self, a: usize, b: usize) {
        for node in [a, b] {
            self.replicas[node].tick();
            // All exchanges before are over.
            self.replicas[node].lapse();
        }
        let effects = self.replicas[a].start(address(b));
        self.post(a, effects);
        while let Some(at) = self.next() {
            let mail = self.mail.remove(at).expect("in range");
            self.deliver(&mail);
        }
    }

    fn next(&mut self) -> Option<usize> {
        let any = self.dice.percent(self.weather.reorder);
        let len = self.mail.len();
        (len > 0).then(|| if any { self.dice.below(len) } else { 0 })
    }

    /// A round in which everybody asks somebody and all work on copies of the replicas at its
    /// start, which are joined afterwards.
    pub(crate) fn round_apart(&mut self) {
        let (start, n) = (self.replicas.clone(), self.replicas.len());
        let mut learnt = Vec::new();
        for a in 0..n {
            let b = (a + 1 + self.dice.below(n - 1)) % n;
            self.replicas.clone_from(&start);
            self.exchange(a, b);
            learnt.extend([(a, self.replicas[a].clone()), (b, self.replicas[b].clone())]);
        }
        self.replicas = start;
        for (node, copy) in learnt {
            self.replicas[node].absorb(copy).expect("one policy");
        }
    }

    /// Everybody with everybody, `times` times.
    pub(crate) fn rounds(&mut self, times: usize) {
        for _ in 0..times {
            for a in 0..self.replicas.len() {
                for b in 0..self.replicas.len() {
                    if a != b {
                        self.exchange(a, b);
                    }
                }
            }
            self.replicas.iter_mut().for_each(|replica| {
                replica.publish();
            });
        }
    }

    fn post(&mut self, from: usize, effects: Vec<Effect>) {
        for effect in effects.into_iter().map(Effect::asked_by_frame) {
            let copies = 1 + usize::from(self.dice.percent(self.weather.double));
            for _ in 0..copies {
                if self.dice.percent(self.weather.loss) {
                    continue;
                }
                let (to, payload) = match &effect {
                    Effect::Send { to, frame } => {
                        self.sent.push((from, frame.clone()));
                        (to, Payload::Frame(frame.clone()))
                    }
                    Effect::Provide { to, contents } => {
                        assert!(!contents.is_empty(), "nothing is no effect");
                        (to, Payload::Tensors(contents.clone()))
                    }
                    Effect::Fetch { .. } => unreachable!("asked by a frame"),
                };
                let to = usize::from(to.as_bytes()[0]);
                // Whoever asked may be nobody here.
                if to < self.replicas.len() {
                    self.mail.push_back(Mail { from, to, payload });
                }
            }
        }
    }

    fn deliver(&mut self, mail: &Mail) {
        let effects = match &mail.payload {
            Payload::Frame(frame) => {
                // A gap is nobody's fault; the next exchange brings what is missing.
                let received = self.replicas[mail.to].receive(address(mail.from), frame);
                received.unwrap_or_default().effects
            }
            Payload::Tensors(contents) => {
                self.moved += contents.len();
                self.provided.extend(contents.iter().map(|digest| (mail.from, *digest)));
                for digest in contents {
                    let content = self.replicas[mail.from].state().arena().store().get(digest);
                    let content = content.expect("a replica holds what it provides");
                    self.replicas[mail.to].state().arena().store().put(content);
                }
                self.replicas[mail.to].tensors_stored(contents).effects
            }
        };
        self.post(mail.to, effects);
    }

    /// Whether all replicas are the same from all sides.
    pub(crate) fn agree(&self) -> bool {
        let look = |replica: &Replica| crate::histories::look(replica.state());
        self.replicas.windows(2).all(|pair| look(&pair[0]) == look(&pair[1]))
    }
}
