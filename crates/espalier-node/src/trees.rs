//! Broadcast: fresh operations at once to everybody, over trees.
//!
//! A node runs PlumTree (Leitão, Pereira, Rodrigues, *Epidemic Broadcast Trees*, SRDS 2007) over
//! HyParView (the same, DSN 2007), as the state machine of `iroh-gossip`. What is broadcast is
//! small: a frame with operations, from which a node learns that there are tensors to ask for. It
//! asks the peer that passed the frame on, so tensors follow the tree. A node needs to know a few
//! peers at first; the membership finds others.
//!
//! PlumTree keeps messages for half a minute and gives up; the nodes' exchanges repair.
//!
//! [`Trees`] stands next to a [`Node`] and asks it what to announce. It has no IO:
//!
//! ```text
//!               TreesInput                        TreesOutput
//!
//!  transport ── Message, Closed ──►┌─────────┐──► Send, Close ──► transport
//!            ── Unreached ────────►│  Trees  │──► Heard ────────► Node, as a frame
//!       Node ── News ─────────────►│         │──► NeedsContacts ► whoever knows peers
//!            ── Begin, Join, Met ─►│         │
//!      clock ── Timer ────────────►└─────────┘──► Wake ─────────► clock
//! ```

use crate::node::Node;
use espalier_identity::{Digest, PeerId, canonical};
use iroh_gossip::proto;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// The longest message of a tree, in bytes. What is broadcast may be half as long: above the limit
/// a node's sending ends without a word.
const MAX_MESSAGE: usize = 16 << 10;

/// What the nodes of one tree agree on, and where a node begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TreesConfig {
    /// Which tree it is: the same for all nodes of a federation.
    pub topic: Digest,
    /// How long a node waits before it announces what it signed before it joined. The tree forms
    /// meanwhile, so this should be longer than messages take, and differ from node to node.
    pub settle: Duration,
    /// How long a node that is not in the trees yet waits before it asks again, and how long an
    /// unreachable peer is kept.
    pub retry: Duration,
    /// The node's last own operation that was announced before a restart.
    pub announced: u64,
}

/// Something that happened to a node's part of the trees.
#[derive(Debug)]
#[non_exhaustive]
pub enum TreesInput {
    /// The node runs, and its transport too. Once, before everything else.
    Begin,
    /// Ask these peers to be let in.
    Join(Vec<PeerId>),
    /// The node talks to a peer about something else. If it has lost all its neighbours, it asks
    /// this one to be let in.
    Met(PeerId),
    /// A message came from a peer.
    Message {
        /// The peer whose key the transport has checked.
        from: PeerId,
        /// Its bytes.
        message: Vec<u8>,
    },
    /// A peer has closed the link to this node.
    Closed(PeerId),
    /// A message did not get to a peer.
    Unreached(PeerId),
    /// Something that the node has signed is durable now: after each
    /// [`NodeInput::Persisted`](crate::NodeInput::Persisted).
    News,
    /// The time of [`TreesOutput::Wake`] has come.
    Timer(TreesTimer),
}

/// An instruction to the driver. Instructions are to be carried out in their order.
#[derive(Debug)]
#[non_exhaustive]
pub enum TreesOutput {
    /// Send a message. It may be lost.
    Send {
        /// The peer to send it to.
        to: PeerId,
        /// Its bytes.
        message: Vec<u8>,
    },
    /// Close the link to a peer, once what was to be sent over it is sent, unless it is used again
    /// by then.
    Close(PeerId),
    /// A frame that was broadcast: give it to the node as
    /// [`NodeInput::Frame`](crate::NodeInput::Frame).
    Heard {
        /// The peer that passed it on.
        from: PeerId,
        /// The bytes of the frame.
        frame: Vec<u8>,
    },
    /// Say [`TreesInput::Join`] with a few of the peers that the node knows, or with none: until
    /// then it takes nobody in.
    NeedsContacts,
    /// Give this timer back after some time.
    Wake {
        /// After how long.
        after: Duration,
        /// The timer that ends then.
        timer: TreesTimer,
    },
}

/// What a node's part of the trees is woken for.
#[derive(Debug, Clone)]
pub struct TreesTimer(What);

#[derive(Debug, Clone)]
enum What {
    Announce,
    /// A peer that messages do not reach is given up.
    GiveUp(PeerId),
    Tree(proto::Timer<PeerId>),
}

/// A node's part of the broadcast trees.
#[derive(Debug)]
pub struct Trees {
    config: TreesConfig,
    topic: proto::TopicId,
    tree: proto::State<PeerId, ChaCha8Rng>,
    /// Time is counted from here. Only differences matter.
    epoch: Instant,
    /// Whether it has had time to find neighbours.
    settled: bool,
    /// Peers that are going to be given up.
    silent: BTreeSet<PeerId>,
}

impl Trees {
    /// The part of the node with this key, which nobody has let in yet. The seed should be used
    /// once: a node that crashed begins with another.
    #[must_use]
    pub fn new(own: PeerId, config: TreesConfig, seed: [u8; 32]) -> Self {
        let limits = proto::Config { max_message_size: MAX_MESSAGE, ..proto::Config::default() };
        let rng = ChaCha8Rng::from_seed(seed);
        Self {
            topic: (*config.topic.as_bytes()).into(),
            tree: proto::State::new(own, proto::PeerData::default(), limits, rng),
            config,
            epoch: epoch(),
            settled: false,
            silent: BTreeSet::new(),
        }
    }

    /// The node's last own operation that was announced.
    #[must_use]
    pub fn announced(&self) -> u64 {
        self.config.announced
    }

    /// Whether the node announces at once what it signs.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.settled
    }

    /// Whether the node has neighbours.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.tree.has_active_peers(&self.topic)
    }

    /// Takes one input. `node` is the node whose part it is; `now` is the time since any moment
    /// that is the same for all calls, and must not go back.
    pub fn handle(&mut self, input: TreesInput, node: &Node, now: Duration) -> Vec<TreesOutput> {
        match input {
            TreesInput::Begin => {
                vec![TreesOutput::NeedsContacts, announce_after(self.config.settle)]
            }
            TreesInput::Join(peers) => self.command(proto::Command::Join(peers), now),
            TreesInput::Met(peer) if self.settled && !self.is_connected() => {
                self.command(proto::Command::Join(vec![peer]), now)
            }
            TreesInput::Met(_) => Vec::new(),
            TreesInput::Message { from, message } => match canonical::decode(&message) {
                Ok(message) => self.tell(proto::InEvent::RecvMessage(from, message), now),
                Err(_) => Vec::new(),
            },
            TreesInput::Closed(peer) => self.tell(proto::InEvent::PeerDisconnected(peer), now),
            TreesInput::Unreached(peer) if self.silent.insert(peer) => {
                let timer = TreesTimer(What::GiveUp(peer));
                vec![TreesOutput::Wake { after: self.config.retry, timer }]
            }
            TreesInput::Unreached(_) => Vec::new(),
            TreesInput::News if self.settled => self.announce(node, now),
            TreesInput::News => Vec::new(),
            TreesInput::Timer(TreesTimer(What::Announce)) => self.announce(node, now),
            TreesInput::Timer(TreesTimer(What::GiveUp(peer))) => {
                self.silent.remove(&peer);
                self.tell(proto::InEvent::PeerDisconnected(peer), now)
            }
            TreesInput::Timer(TreesTimer(What::Tree(timer))) => {
                self.tell(proto::InEvent::TimerExpired(timer), now)
            }
        }
    }

    /// Broadcasts what the node has signed since it did so last, if all of it is durable and
    /// anybody hears it.
    fn announce(&mut self, node: &Node, now: Duration) -> Vec<TreesOutput> {
        if !self.is_connected() {
            // Nobody let it in; it asks others.
            return vec![announce_after(self.config.retry), TreesOutput::NeedsContacts];
        }
        self.settled = true;
        if !node.is_durable() {
            // When it is, there are news.
            return Vec::new();
        }
        let (replica, after) = (node.replica(), self.config.announced);
        self.config.announced = replica.state().last_seq(&node.id());
        let frames = replica.announcements(after, MAX_MESSAGE / 2).into_iter();
        let broadcast = |frame: Vec<u8>| proto::Command::Broadcast(frame.into(), SWARM);
        frames.flat_map(|frame| self.command(broadcast(frame), now)).collect()
    }

    fn command(&mut self, command: proto::Command<PeerId>, now: Duration) -> Vec<TreesOutput> {
        self.tell(proto::InEvent::Command(self.topic, command), now)
    }

    fn tell(&mut self, event: proto::InEvent<PeerId>, now: Duration) -> Vec<TreesOutput> {
        let now = self.epoch.checked_add(now).unwrap_or(self.epoch);
        let events = self.tree.handle(event, now.into(), None);
        let output = |event| match event {
            proto::OutEvent::SendMessage(to, message) => {
                Some(TreesOutput::Send { to, message: canonical::encode(&message) })
            }
            proto::OutEvent::EmitEvent(_, proto::Event::Received(heard)) => {
                let (from, frame) = (heard.delivered_from, heard.content.to_vec());
                Some(TreesOutput::Heard { from, frame })
            }
            proto::OutEvent::ScheduleTimer(after, timer) => {
                Some(TreesOutput::Wake { after, timer: TreesTimer(What::Tree(timer)) })
            }
            proto::OutEvent::DisconnectPeer(peer) => Some(TreesOutput::Close(peer)),
            proto::OutEvent::EmitEvent(..) | proto::OutEvent::PeerData(..) => None,
        };
        events.filter_map(output).collect()
    }
}

/// To everybody.
const SWARM: proto::Scope = proto::Scope::Swarm;

fn announce_after(after: Duration) -> TreesOutput {
    TreesOutput::Wake { after, timer: TreesTimer(What::Announce) }
}

#[expect(clippy::disallowed_methods, reason = "no other way to an instant; only differences count")]
fn epoch() -> Instant {
    Instant::now()
}
