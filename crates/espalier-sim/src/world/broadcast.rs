//! Broadcast: the transport of the trees over which fresh operations reach everybody at once.
//!
//! Each node runs `espalier-node`'s trees, as a node on a network does. Here is what carries their
//! messages: which links are open, how long closing one takes, and alarms in virtual time. The
//! topology only says whom a node knows at first.

use crate::config::Config;
use crate::engine::{Outbox, Population as _, Time, Timer};
use crate::seeds::{Dice, Seeds};
use crate::world::{Payload, World};
use espalier_identity::{Digest, Domain, PeerId};
use espalier_node::{Node, Trees, TreesConfig, TreesInput, TreesOutput, TreesTimer};
use espalier_replica::Effect;
use espalier_topology::Network;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

static TOPIC: Domain = Domain::new("espalier simulation topic v1");

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

/// The trees of all nodes, and the links between them.
#[derive(Debug)]
pub(crate) struct Broadcast {
    topic: Digest,
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
    trees: Trees,
    dice: Dice,
    /// How often it has come.
    coming: u64,
}

/// What a node is woken for.
#[derive(Debug)]
struct Alarm {
    node: usize,
    what: What,
}

#[derive(Debug)]
enum What {
    Join,
    News,
    /// A link is closed.
    Close(PeerId),
    Trees(TreesTimer),
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
        let (seeds, period) = (Seeds(config.seed), config.period.0);
        let topic = TOPIC.fields().number(config.seed).finish();
        let member = |(node, id): (usize, &PeerId)| {
            let mut dice = seeds.rng("broadcast", node as u64);
            let degree = network.degree(node);
            let mut known = BTreeSet::new();
            for _ in 0..KNOWN {
                known.extend(network.neighbour(node, dice.below(degree.max(1))));
            }
            let known = known.into_iter().map(|peer| ids[peer]).collect();
            let config = trees_config(topic, period, period, 0);
            let trees = Trees::new(*id, config, tree_seed(seeds, node, 0));
            Member { id: *id, known, trees, dice, coming: 0 }
        };
        Self {
            topic,
            period,
            seeds,
            members: ids.iter().enumerate().map(member).collect(),
            alarms: BTreeMap::new(),
            next: 0,
            links: BTreeSet::new(),
        }
    }

    /// Lets a node that comes, or comes back, begin anew: it asks some peers that it knows to be
    /// let in, and announces what it has signed a little later, when the tree has formed.
    pub(crate) fn come(&mut self, node: usize, driver: &Node) -> Vec<Timer> {
        let (topic, period) = (self.topic, self.period);
        let member = &mut self.members[node];
        member.coming += 1;
        let settle = period + member.dice.below(period as usize) as Time;
        let config = trees_config(topic, settle, period, member.trees.announced());
        member.trees = Trees::new(member.id, config, tree_seed(self.seeds, node, member.coming));
        let outputs = member.trees.handle(TreesInput::Begin, driver, Duration::ZERO);
        // What was set before it went is not for the one that comes back.
        self.alarms.retain(|_, alarm| alarm.node != node);
        let alarm = |output| match output {
            TreesOutput::NeedsContacts => Some(self.alarm(node, 0, What::Join)),
            TreesOutput::Wake { after, timer } => {
                Some(self.alarm(node, micros(after), What::Trees(timer)))
            }
            _ => None,
        };
        outputs.into_iter().filter_map(alarm).collect()
    }

    /// Lets a node announce what it has just signed, if it has settled.
    pub(crate) fn news(&mut self, node: usize) -> Option<Timer> {
        self.members[node].trees.is_settled().then(|| self.alarm(node, 0, What::News))
    }

    /// A message from `from` did not get to `to`.
    pub(crate) fn unreached(&mut self, from: usize, to: PeerId, driver: &Node) -> Option<Timer> {
        let outputs = self.handle(from, TreesInput::Unreached(to), driver, 0);
        let wake = |output| match output {
            TreesOutput::Wake { after, timer } => Some((micros(after), What::Trees(timer))),
            _ => None,
        };
        let (after, what) = outputs.into_iter().find_map(wake)?;
        Some(self.alarm(from, after, what))
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

    /// Some of the peers that a node knows.
    fn contacts(&mut self, node: usize) -> TreesInput {
        let Member { known, dice, .. } = &mut self.members[node];
        dice.shuffle(known);
        TreesInput::Join(known.iter().take(CONTACTS).copied().collect())
    }

    /// What a message is for the trees. An empty one says that the link was closed.
    fn heard(&mut self, node: usize, from: PeerId, message: Vec<u8>) -> TreesInput {
        if message.is_empty() {
            return TreesInput::Closed(from);
        }
        self.links.insert(self.link(node, from));
        TreesInput::Message { from, message }
    }

    /// Closes a link, if it is open: when the other side is to be told.
    fn close(&mut self, node: usize, peer: PeerId) -> Option<Timer> {
        let closes = self.links.remove(&self.link(node, peer));
        closes.then(|| self.alarm(node, CLOSING, What::Close(peer)))
    }

    fn link(&self, node: usize, peer: PeerId) -> [PeerId; 2] {
        let id = self.members[node].id;
        [id.min(peer), id.max(peer)]
    }

    fn handle(
        &mut self,
        node: usize,
        input: TreesInput,
        driver: &Node,
        now: Time,
    ) -> Vec<TreesOutput> {
        self.members[node].trees.handle(input, driver, Duration::from_micros(now))
    }
}

fn trees_config(topic: Digest, settle: Time, retry: Time, announced: u64) -> TreesConfig {
    let [settle, retry] = [settle, retry].map(Duration::from_micros);
    TreesConfig { topic, settle, retry, announced }
}

/// Randomness of its own for each time that a node comes.
fn tree_seed(seeds: Seeds, node: usize, coming: u64) -> [u8; 32] {
    *seeds.key("broadcast tree", node as u64 + (coming << 32)).as_bytes()
}

fn micros(after: Duration) -> Time {
    Time::try_from(after.as_micros()).unwrap_or(Time::MAX)
}

impl World {
    /// Takes a message of the trees; how many operations were new.
    pub(crate) fn hear(
        &mut self,
        from: usize,
        to: usize,
        message: Vec<u8>,
        out: &mut Outbox<Payload>,
    ) -> u32 {
        let sender = self.ids[from];
        let Some(trees) = &mut self.broadcast else { return 0 };
        let input = trees.heard(to, sender, message);
        self.tell_trees(to, input, out)
    }

    /// Wakes a node for its tree; how many operations it took in.
    pub(crate) fn wake(&mut self, node: usize, token: u64, out: &mut Outbox<Payload>) -> u32 {
        let Some(trees) = &mut self.broadcast else { return 0 };
        let input = match trees.ring(node, token) {
            None => return 0,
            Some(What::Join) => trees.contacts(node),
            Some(What::News) => TreesInput::News,
            Some(What::Trees(timer)) => TreesInput::Timer(timer),
            // Unless it has been opened again.
            Some(What::Close(peer)) if trees.links.contains(&trees.link(node, peer)) => return 0,
            Some(What::Close(peer)) => {
                self.send_gossip(node, peer, Vec::new(), out);
                return 0;
            }
        };
        self.tell_trees(node, input, out)
    }

    /// A node that lost all its neighbours in the trees asks its partner in an exchange to be let
    /// in.
    pub(crate) fn rejoin_trees(&mut self, node: usize, partner: PeerId, out: &mut Outbox<Payload>) {
        self.tell_trees(node, TreesInput::Met(partner), out);
    }

    /// Tells a node's part of the trees something; how many operations the node took in.
    fn tell_trees(&mut self, node: usize, input: TreesInput, out: &mut Outbox<Payload>) -> u32 {
        let Some(trees) = &mut self.broadcast else { return 0 };
        let outputs = trees.handle(node, input, self.nodes[node].faces[0].driver(), out.now);
        outputs.into_iter().map(|output| self.carry_out(node, output, out)).sum()
    }

    fn carry_out(&mut self, node: usize, output: TreesOutput, out: &mut Outbox<Payload>) -> u32 {
        let Some(trees) = &mut self.broadcast else { return 0 };
        match output {
            TreesOutput::Wake { after, timer } => {
                out.set_timer(trees.alarm(node, micros(after), What::Trees(timer)));
            }
            TreesOutput::Close(peer) => {
                trees.close(node, peer).into_iter().for_each(|timer| out.set_timer(timer));
            }
            TreesOutput::NeedsContacts => {
                let contacts = trees.contacts(node);
                return self.tell_trees(node, contacts, out);
            }
            TreesOutput::Send { to, message } => self.send_gossip(node, to, message, out),
            TreesOutput::Heard { from, frame } => {
                if let Some(&from) = self.index.get(&from) {
                    return self.receive(from, node, Payload::Frame(frame), out);
                }
            }
            _ => {}
        }
        0
    }

    /// Sends a message of the trees. A node that keeps silent does so here too.
    fn send_gossip(&mut self, node: usize, to: PeerId, frame: Vec<u8>, out: &mut Outbox<Payload>) {
        let effects = vec![Effect::Send { to, frame }];
        for effect in self.behaviours[node].let_out(effects) {
            if let Effect::Send { to, frame } = effect
                && let Some(&to) = self.index.get(&to)
            {
                out.push((to, Payload::Gossip(frame)));
            }
        }
    }
}
