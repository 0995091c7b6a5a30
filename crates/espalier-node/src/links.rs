//! Whom to ask, and when.
//!
//! What a node knows of each peer is the root that the peer had when the two last agreed, or that
//! the peer last said. Sets of operations only grow, so a peer that once had the root that this
//! node has now lacks nothing.
//!
//! * News go at once to every neighbour that may lack something, or, if there was an exchange with
//!   it in this tick, in the next one. Whatever else is new until then goes along. A node begins
//!   [`NodeConfig::fanout`] exchanges in a tick at most.
//! * An exchange without an answer is given up after [`NodeConfig::patience`] ticks; the peer is
//!   then left alone for a pause, which doubles with each exchange that it leaves unanswered.
//! * Every [`NodeConfig::probe`] ticks any peer is asked, neighbour or not, in turn. That brings
//!   back what a peer lost that was started again, and joins what a topology leaves apart.

use crate::config::NodeConfig;
use crate::io::{NodeEvent, NodeOutput};
use espalier_identity::{Digest, Domain, PeerId};
use espalier_replica::Step;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

static TURN: Domain = Domain::new("espalier node turn v1");
static JITTER: Domain = Domain::new("espalier node jitter v1");

/// The longest pause is reached by then, whatever it is.
const MAX_DOUBLINGS: u32 = 20;

/// What a node knows of a peer.
#[derive(Debug, Clone, Default)]
struct Link {
    /// The root that the peer is known to have had; `None` if nothing is known.
    heard: Option<Digest>,
    /// Our root when we last answered with all that the peer lacked, and the tick. It has the same
    /// then, unless the answer is lost: so after a while it may be asked again.
    told: Option<(Digest, u64)>,
    /// Our root when we last said it.
    asked: Digest,
    /// Our root when we last sent what the peer lacked and asked for what we lack.
    gave: Option<Digest>,
    /// The tick in which the latest exchange began, whoever began it.
    since: Option<u64>,
    /// That exchange is not over.
    open: bool,
    /// We began it.
    ours: bool,
    /// The peer has said something since.
    answered: bool,
    /// How many exchanges in a row the peer has not answered.
    failures: u32,
    /// Before this tick the peer is not asked.
    not_before: u64,
}

impl Link {
    fn is_open(&self, tick: u64, patience: u32) -> bool {
        self.open && self.since.is_some_and(|since| tick - since < u64::from(patience))
    }

    fn is_ready(&self, tick: u64, patience: u32) -> bool {
        tick >= self.not_before
            && !self.is_open(tick, patience)
            && self.since.is_none_or(|since| since < tick)
    }

    /// Whether the peer may lack something of what we have, or we of what it has.
    fn may_differ(&self, root: Digest, tick: u64, patience: u32) -> bool {
        let told = |(told, since)| told == root && tick - since < u64::from(patience);
        self.heard != Some(root) && !self.told.is_some_and(told)
    }

    fn begin(&mut self, tick: u64, ours: bool) {
        (self.since, self.open, self.ours) = (Some(tick), true, ours);
        self.answered = false;
    }
}

/// The links of a node to the peers that can be reached.
#[derive(Debug, Clone)]
pub(crate) struct Links {
    own: PeerId,
    config: NodeConfig,
    by_peer: BTreeMap<PeerId, Link>,
    /// Those of whom news are told; `None` is everybody.
    neighbours: Option<BTreeSet<PeerId>>,
    /// All peers, in an order that differs from node to node.
    turns: Vec<PeerId>,
    tick: u64,
    /// How many exchanges were begun in this tick.
    begun: usize,
    probes: usize,
}

impl Links {
    pub(crate) fn new(own: PeerId, config: NodeConfig) -> Self {
        let [patience, probe, longest_pause] =
            [config.patience, config.probe, config.longest_pause].map(|ticks| ticks.max(1));
        let config = NodeConfig { patience, probe, longest_pause, ..config };
        Self {
            own,
            config,
            by_peer: BTreeMap::new(),
            neighbours: None,
            turns: Vec::new(),
            tick: 0,
            begun: 0,
            probes: 0,
        }
    }

    /// A peer can be reached. What was known of it from before may not be true any more.
    pub(crate) fn up(&mut self, peer: PeerId) {
        if peer == self.own {
            return;
        }
        let place = |peer: &PeerId| {
            TURN.fields().field(self.own.as_bytes()).field(peer.as_bytes()).finish()
        };
        if self.by_peer.insert(peer, Link::default()).is_none() {
            let at = self.turns.partition_point(|other| place(other) < place(&peer));
            self.turns.insert(at, peer);
        }
    }

    /// A peer cannot be reached any more.
    pub(crate) fn down(&mut self, peer: &PeerId) {
        if self.by_peer.remove(peer).is_some() {
            self.turns.retain(|other| other != peer);
        }
    }

    /// Says whom news are told. If none of them can be reached, everybody is told.
    pub(crate) fn set_neighbours(&mut self, neighbours: BTreeSet<PeerId>) {
        self.neighbours = Some(neighbours);
    }

    /// Begins a tick; whom to ask now whatever is known of it.
    pub(crate) fn tick(&mut self, now: Duration, out: &mut Vec<NodeOutput>) -> Option<PeerId> {
        self.tick += 1;
        self.begun = 0;
        self.give_up(now, out);
        let NodeConfig { probe, patience, .. } = self.config;
        if !self.tick.is_multiple_of(u64::from(probe)) || self.turns.is_empty() {
            return None;
        }
        let peer = self.turns[self.probes % self.turns.len()];
        self.probes += 1;
        let link = self.by_peer.get(&peer)?;
        link.is_ready(self.tick, patience).then_some(peer)
    }

    /// Gives up the exchanges that were not answered.
    fn give_up(&mut self, now: Duration, out: &mut Vec<NodeOutput>) {
        let NodeConfig { patience, longest_pause, tick: length, .. } = self.config;
        let (own, tick) = (self.own, self.tick);
        for (peer, link) in &mut self.by_peer {
            if !link.open || link.is_open(tick, patience) {
                continue;
            }
            link.open = false;
            if !link.ours || link.answered {
                continue;
            }
            link.failures = link.failures.saturating_add(1);
            let pause = 1_u64 << (link.failures - 1).min(MAX_DOUBLINGS);
            let pause = pause.min(u64::from(longest_pause));
            // From a half to the whole of it, so that nodes that lost the same peer at the same
            // time do not all come back to it at the same time.
            let hash = JITTER.fields().field(own.as_bytes()).field(peer.as_bytes());
            let hash = hash.number(u64::from(link.failures)).finish();
            let part = u64::from(hash.as_bytes()[0]) * (pause - pause / 2) / 256;
            let pause = pause / 2 + part;
            link.not_before = tick + pause;
            let pause = length.saturating_mul(u32::try_from(pause).unwrap_or(u32::MAX));
            let until = now.saturating_add(pause);
            let (peer, failures) = (*peer, link.failures);
            out.push(NodeOutput::Tell(NodeEvent::Silent { peer, failures, until }));
        }
    }

    /// The peers with whom to begin an exchange now, our root being `root`.
    pub(crate) fn due(&mut self, root: Digest) -> Vec<PeerId> {
        let NodeConfig { fanout, patience, .. } = self.config;
        let (tick, mut due) = (self.tick, Vec::new());
        let is_neighbour =
            |peer: &PeerId| self.neighbours.as_ref().is_none_or(|n| n.contains(peer));
        let mut told: Vec<_> = self.turns.iter().copied().filter(|p| is_neighbour(p)).collect();
        if told.is_empty() {
            told.clone_from(&self.turns);
        }
        // Where there are more than a node asks in a tick, others come first in the next.
        let first = tick as usize % told.len().max(1);
        told.rotate_left(first);
        for peer in told {
            if self.begun + due.len() >= fanout {
                break;
            }
            let Some(link) = self.by_peer.get(&peer) else { continue };
            if link.may_differ(root, tick, patience) && link.is_ready(tick, patience) {
                due.push(peer);
            }
        }
        due
    }

    /// Notes that we begin an exchange.
    pub(crate) fn begin(&mut self, peer: &PeerId, root: Digest) {
        if let Some(link) = self.by_peer.get_mut(peer) {
            link.begin(self.tick, true);
            link.asked = root;
            self.begun += 1;
        }
    }

    /// Notes a frame of a peer that was taken in, our root having been `before` and being `after`.
    /// False if the answer to it is to be dropped: both began an exchange, and ours goes on, which
    /// brings the same.
    pub(crate) fn hear(
        &mut self,
        peer: &PeerId,
        step: Step,
        [before, after]: [Digest; 2],
        out: &mut Vec<NodeOutput>,
    ) -> bool {
        let (own, tick, patience) = (self.own, self.tick, self.config.patience);
        let Some(link) = self.by_peer.get_mut(peer) else { return true };
        (link.failures, link.not_before, link.answered) = (0, 0, true);
        match step {
            Step::Begins(root) => {
                link.heard = Some(root);
                if link.ours && link.is_open(tick, patience) && own < *peer {
                    return false;
                }
                link.begin(tick, false);
                link.open = root != after;
            }
            Step::Same => {
                link.heard = Some(link.asked);
                link.open = false;
            }
            Step::Asks => link.gave = Some(after),
            Step::GivesAndAsks => {
                link.told = Some((after, tick));
                link.open = false;
            }
            Step::Gives => {
                // With what we gave, the peer has what we had, and we have now what it had.
                if link.gave.take() == Some(before) {
                    link.heard = Some(after);
                }
                link.open = false;
            }
            Step::Else => {}
        }
        if link.heard == Some(after) && matches!(step, Step::Same | Step::Gives | Step::Begins(_)) {
            out.push(NodeOutput::Tell(NodeEvent::Level(*peer)));
        }
        true
    }
}
