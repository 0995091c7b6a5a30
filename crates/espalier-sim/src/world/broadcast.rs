//! Broadcast: fresh operations at once to everybody, over trees.
//!
//! Each node runs PlumTree (Leitão, Pereira, Rodrigues, *Epidemic Broadcast Trees*, SRDS 2007) over
//! HyParView (the same, DSN 2007), as the state machine of `iroh-gossip` that a node on a network
//! runs too. What is broadcast is small: a frame with operations, from which a replica learns that
//! there are tensors to ask for. It asks the peer that passed the frame on, so tensors follow the
//! tree. The topology only says whom a node knows at first; the membership finds others.
//!
//! PlumTree keeps messages for half a minute and gives up; the replicas' exchanges repair.

use crate::config::Config;
use crate::engine::{Outbox, Population as _, Time, Timer};
use crate::seeds::{Dice, Seeds};
use crate::world::{Payload, World};
use espalier_identity::{Digest, Domain, PeerId, canonical};
use espalier_replica::Effect;
use espalier_topology::Network;
use iroh_gossip::proto;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

static TOPIC: Domain = Domain::new("espalier simulation topic v1");

/// The longest message of a tree, in bytes. What is broadcast may be half as long: above the limit
/// a node's sending ends without a word.
const MAX_MESSAGE: usize = 16 << 10;
/// Whom a node knows at first.
const KNOWN: usize = 8;
/// How many of them it asks at a time to be let in.
const CONTACTS: usize = 3;
/// Bytes of a message that only say which topic it is of; a connection has one stream for each.
const TOPIC_LEN: usize = 32;
/// How long it takes to close a link, in microseconds. Were it no time, nodes that push each other
/// out could do so forever at one moment.
const CLOSING: Time = 10_000;
/// Bytes before a message on its stream: its length.
const PREFIX_LEN: usize = 4;

/// The trees of all nodes.
#[derive(Debug)]
pub(crate) struct Broadcast {
    topic: proto::TopicId,
    /// Virtual time began here. Only differences count.
    epoch: Instant,
    period: Time,
    seeds: Seeds,
    members: Vec<Member>,
    alarms: BTreeMap<u64, Alarm>,
    /// The next token.
    next: u64,
    /// Pairs with an open link, the lesser key first.
    links: BTreeSet<[PeerId; 2]>,
}

/// A node's part of them.
#[derive(Debug)]
struct Member {
    id: PeerId,
    known: Vec<PeerId>,
    tree: Tree,
    dice: Dice,
    /// How often it has come.
    coming: u64,
    /// Whether it has had time to find neighbours.
    settled: bool,
    /// The last own operation that it has announced.
    announced: u64,
    /// Links that are going to be given up.
    silent: BTreeSet<PeerId>,
}

type Tree = proto::State<PeerId, ChaCha8Rng>;

/// What a node is woken for.
#[derive(Debug)]
struct Alarm {
    node: usize,
    what: What,
}

#[derive(Debug)]
enum What {
    Join,
    Announce,
    /// A link is closed.
    Close(PeerId),
    /// A link that brought nothing through is given up.
    GiveUp(PeerId),
    Tree(proto::Timer<PeerId>),
}

/// What comes of an event at a tree.
#[derive(Debug)]
enum Outcome {
    Send(PeerId, Vec<u8>),
    /// A frame that was broadcast, from the peer that passed it on.
    Heard(PeerId, Vec<u8>),
    Wake(Timer),
}

/// How many bytes a message of a tree has on the wire: length and message, without the topic. That
/// a link is closed is said below.
pub(crate) fn wire_len(message: &[u8]) -> u64 {
    message.len().checked_sub(TOPIC_LEN).map_or(0, |len| (PREFIX_LEN + len) as u64)
}

/// A fingerprint of a message of a tree.
pub(crate) fn mark(message: &[u8]) -> u64 {
    let digest = Digest::of_content(message);
    digest.as_bytes().first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

impl Broadcast {
    pub(crate) fn new(config: &Config, network: &Network, ids: &[PeerId]) -> Self {
        let seeds = Seeds(config.seed);
        let member = |(node, id): (usize, &PeerId)| {
            let mut dice = seeds.rng("broadcast", node as u64);
            let degree = network.degree(node);
            let mut known = BTreeSet::new();
            for _ in 0..KNOWN {
                known.extend(network.neighbour(node, dice.below(degree.max(1))));
            }
            let known = known.into_iter().map(|peer| ids[peer]).collect();
            let (tree, silent) = (tree(*id, seeds, node, 0), BTreeSet::new());
            Member { id: *id, known, tree, dice, coming: 0, settled: false, announced: 0, silent }
        };
        Self {
            topic: (*TOPIC.fields().number(config.seed).finish().as_bytes()).into(),
            epoch: epoch(),
            period: config.period.0,
            seeds,
            members: ids.iter().enumerate().map(member).collect(),
            alarms: BTreeMap::new(),
            next: 0,
            links: BTreeSet::new(),
        }
    }

    /// Lets a node that comes, or comes back, begin anew: it asks some peers that it knows to be
    /// let in, and announces what it has signed a little later, when the tree has formed.
    pub(crate) fn come(&mut self, node: usize) -> [Timer; 2] {
        let (seeds, period) = (self.seeds, self.period);
        let member = &mut self.members[node];
        member.coming += 1;
        member.settled = false;
        member.silent.clear();
        member.tree = tree(member.id, seeds, node, member.coming);
        let settle = period + member.dice.below(period as usize) as Time;
        // What was set before it went is not for the one that comes back.
        self.alarms.retain(|_, alarm| alarm.node != node);
        [self.alarm(node, 0, What::Join), self.alarm(node, settle, What::Announce)]
    }

    /// Lets a node announce what it has just signed, if it has settled.
    pub(crate) fn news(&mut self, node: usize) -> Option<Timer> {
        self.members[node].settled.then(|| self.alarm(node, 0, What::Announce))
    }

    /// A message from `from` did not get to `to`: the link is given up after a period, unless it is
    /// known already.
    pub(crate) fn unreached(&mut self, from: usize, to: PeerId) -> Option<Timer> {
        let first = self.members[from].silent.insert(to);
        first.then(|| self.alarm(from, self.period, What::GiveUp(to)))
    }

    fn alarm(&mut self, node: usize, after: Time, what: What) -> Timer {
        let token = self.next;
        self.next += 1;
        self.alarms.insert(token, Alarm { node, what });
        (after, token)
    }

    /// What a node was woken for.
    fn ring(&mut self, node: usize, token: u64) -> Option<What> {
        let alarm = self.alarms.remove(&token).filter(|alarm| alarm.node == node)?;
        Some(alarm.what)
    }

    fn is_connected(&self, node: usize) -> bool {
        self.members[node].tree.has_active_peers(&self.topic)
    }

    /// Asks some of the peers that a node knows to be let in.
    fn join(&mut self, node: usize, now: Time) -> Vec<Outcome> {
        let Member { known, dice, .. } = &mut self.members[node];
        dice.shuffle(known);
        let contacts = known.iter().take(CONTACTS).copied().collect();
        self.command(node, proto::Command::Join(contacts), now)
    }

    fn command(&mut self, node: usize, command: proto::Command<PeerId>, now: Time) -> Vec<Outcome> {
        self.handle(node, proto::InEvent::Command(self.topic, command), now)
    }

    /// Takes a message of a tree. An empty one says that the link was closed.
    fn hear(&mut self, node: usize, from: PeerId, message: &[u8], now: Time) -> Vec<Outcome> {
        if message.is_empty() {
            return self.handle(node, proto::InEvent::PeerDisconnected(from), now);
        }
        self.links.insert(self.link(node, from));
        match canonical::decode(message) {
            Ok(message) => self.handle(node, proto::InEvent::RecvMessage(from, message), now),
            Err(_) => Vec::new(),
        }
    }

    fn link(&self, node: usize, peer: PeerId) -> [PeerId; 2] {
        let id = self.members[node].id;
        [id.min(peer), id.max(peer)]
    }

    fn handle(&mut self, node: usize, event: proto::InEvent<PeerId>, now: Time) -> Vec<Outcome> {
        let now = self.epoch + Duration::from_micros(now);
        let events: Vec<_> = self.members[node].tree.handle(event, now.into(), None).collect();
        let outcome = |event| match event {
            proto::OutEvent::SendMessage(to, message) => {
                Some(Outcome::Send(to, canonical::encode(&message)))
            }
            proto::OutEvent::EmitEvent(_, proto::Event::Received(heard)) => {
                Some(Outcome::Heard(heard.delivered_from, heard.content.to_vec()))
            }
            proto::OutEvent::ScheduleTimer(after, timer) => {
                let after = Time::try_from(after.as_micros()).unwrap_or(Time::MAX);
                Some(Outcome::Wake(self.alarm(node, after, What::Tree(timer))))
            }
            proto::OutEvent::DisconnectPeer(peer) => {
                let closes = self.links.remove(&self.link(node, peer));
                closes.then(|| Outcome::Wake(self.alarm(node, CLOSING, What::Close(peer))))
            }
            proto::OutEvent::EmitEvent(..) | proto::OutEvent::PeerData(..) => None,
        };
        events.into_iter().filter_map(outcome).collect()
    }
}

/// A tree of nobody yet, with randomness of its own for each time that its node comes.
fn tree(id: PeerId, seeds: Seeds, node: usize, coming: u64) -> Tree {
    let key = seeds.key("broadcast tree", node as u64 + (coming << 32));
    let config = proto::Config { max_message_size: MAX_MESSAGE, ..proto::Config::default() };
    let rng = ChaCha8Rng::from_seed(*key.as_bytes());
    proto::State::new(id, proto::PeerData::default(), config, rng)
}

#[expect(clippy::disallowed_methods, reason = "no other way to an instant; only differences count")]
fn epoch() -> Instant {
    Instant::now()
}

impl World {
    /// Takes a message of the trees; how many operations were new.
    pub(crate) fn hear(
        &mut self,
        from: usize,
        to: usize,
        message: &[u8],
        out: &mut Outbox<Payload>,
    ) -> u32 {
        let sender = self.ids[from];
        let Some(trees) = &mut self.broadcast else { return 0 };
        let outcomes = trees.hear(to, sender, message, out.now);
        self.carry_out(to, outcomes, out)
    }

    /// Wakes a node for its tree; how many operations it took in.
    pub(crate) fn wake(&mut self, node: usize, token: u64, out: &mut Outbox<Payload>) -> u32 {
        let Some(trees) = &mut self.broadcast else { return 0 };
        let outcomes = match trees.ring(node, token) {
            None => return 0,
            Some(What::Join) => trees.join(node, out.now),
            Some(What::GiveUp(peer)) => {
                trees.members[node].silent.remove(&peer);
                trees.handle(node, proto::InEvent::PeerDisconnected(peer), out.now)
            }
            // Unless it has been opened again.
            Some(What::Close(peer)) if trees.links.contains(&trees.link(node, peer)) => return 0,
            Some(What::Close(peer)) => vec![Outcome::Send(peer, Vec::new())],
            Some(What::Tree(timer)) => {
                trees.handle(node, proto::InEvent::TimerExpired(timer), out.now)
            }
            Some(What::Announce) if trees.is_connected(node) => self.announce(node, out.now),
            Some(What::Announce) => {
                // Nobody let it in; it asks others.
                let again = trees.alarm(node, trees.period, What::Announce);
                let mut outcomes = trees.join(node, out.now);
                outcomes.push(Outcome::Wake(again));
                outcomes
            }
        };
        self.carry_out(node, outcomes, out)
    }

    /// A node that lost all its neighbours in the trees asks its partner in an exchange to be let
    /// in.
    pub(crate) fn rejoin_trees(&mut self, node: usize, partner: PeerId, out: &mut Outbox<Payload>) {
        if let Some(trees) = &mut self.broadcast
            && trees.members[node].settled
            && !trees.is_connected(node)
        {
            let join = proto::Command::Join(vec![partner]);
            let outcomes = trees.command(node, join, out.now);
            self.carry_out(node, outcomes, out);
        }
    }

    /// Broadcasts what a node has signed since it did so last.
    fn announce(&mut self, node: usize, now: Time) -> Vec<Outcome> {
        let Some(trees) = &mut self.broadcast else { return Vec::new() };
        let (replica, member) = (self.nodes[node].faces[0].replica(), &mut trees.members[node]);
        member.settled = true;
        let frames = replica.announcements(member.announced, MAX_MESSAGE / 2);
        member.announced = replica.state().last_seq(&member.id);
        let mut outcomes = Vec::new();
        for frame in frames {
            let command = proto::Command::Broadcast(frame.into(), proto::Scope::Swarm);
            outcomes.extend(trees.command(node, command, now));
        }
        outcomes
    }

    fn carry_out(&mut self, node: usize, outcomes: Vec<Outcome>, out: &mut Outbox<Payload>) -> u32 {
        let mut learnt = 0;
        for outcome in outcomes {
            match outcome {
                Outcome::Wake(timer) => out.set_timer(timer),
                Outcome::Send(to, frame) => {
                    // A node that keeps silent does so here too.
                    let effects = vec![Effect::Send { to, frame }];
                    for effect in self.behaviours[node].let_out(effects) {
                        if let Effect::Send { to, frame } = effect
                            && let Some(&to) = self.index.get(&to)
                        {
                            out.push((to, Payload::Gossip(frame)));
                        }
                    }
                }
                Outcome::Heard(from, frame) => {
                    if let Some(&from) = self.index.get(&from) {
                        learnt += self.receive(from, node, Payload::Frame(frame), out);
                    }
                }
            }
        }
        learnt
    }
}
