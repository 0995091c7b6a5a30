//! When a node begins an exchange, and with whom.
//!
//! An exchange has steps: whoever begins it sends the even ones, from 0, the other side answers
//! with the odd ones. Every step tells the sender's root. So a node knows of each peer whether it
//! may lack something: the root that came last from the peer is not the node's own. Of two that
//! differ one knows, whatever is lost, repeated or late. For sets of operations only grow: if each
//! had heard from the other the root that it has now, each would hold all that the other holds.
//!
//! * News go to the neighbours whose root is another, at once or, if there was an exchange with
//!   them in this tick, in the next one: per tick one exchange for each link that is asked for, and
//!   no more than [`FANOUT`] that a node begins. Whatever else is new until then goes along.
//! * An exchange that is not over after [`PATIENCE`] ticks is given up and begun anew.
//! * Every [`PROBE_EVERY`] ticks a node asks anybody, neighbour or not, in turn. That brings back
//!   what a node lost that was started again, and joins what a topology leaves apart.

use espalier::identity::{Digest, Domain, PeerId};
use std::collections::{BTreeMap, BTreeSet};

static TURN: Domain = Domain::new("espalier maelstrom turn v1");

/// How many exchanges a node begins in a tick. As many neighbours as a node of a grid has, and as
/// one within a tree of degree four has that did not bring the news.
const FANOUT: usize = 4;

/// After how many ticks an exchange is given up, or an answer doubted.
const PATIENCE: u64 = 5;

/// Every how many ticks anybody is asked.
const PROBE_EVERY: u64 = 10;

/// What a node knows of a peer.
#[derive(Debug, Clone, Default)]
struct Link {
    /// The root that came last from the peer. Nodes begin without operations.
    heard: Digest,
    /// Our root when we last answered with all that the peer lacked, and the tick. It has the same
    /// then, unless the answer is lost: then it may be asked again after a while.
    told: Option<(Digest, u64)>,
    /// The tick in which the latest exchange began, whoever began it.
    since: Option<u64>,
    /// That exchange is not over.
    open: bool,
    /// We began it.
    ours: bool,
    /// Tensors that came from the peer or went to it.
    shared: BTreeSet<Digest>,
}

impl Link {
    fn is_open(&self, tick: u64) -> bool {
        self.open && self.since.is_some_and(|since| tick - since < PATIENCE)
    }

    fn is_ready(&self, tick: u64) -> bool {
        !self.is_open(tick) && self.since.is_none_or(|since| since < tick)
    }

    /// Whether the peer may lack something of what we have, our root being `root`.
    fn may_lack(&self, root: Digest, tick: u64) -> bool {
        let told = |(told, since)| told == root && tick - since < PATIENCE;
        self.heard != root && !self.told.is_some_and(told)
    }

    fn begin(&mut self, tick: u64, ours: bool) {
        (self.since, self.open, self.ours) = (Some(tick), true, ours);
    }
}

/// The links of a node to all others.
#[derive(Debug, Clone)]
pub(super) struct Links {
    own: PeerId,
    by_peer: BTreeMap<PeerId, Link>,
    /// All others, in an order that differs from node to node.
    turns: Vec<PeerId>,
    neighbours: Vec<PeerId>,
    tick: u64,
    /// How many exchanges were begun in this tick.
    begun: usize,
    probes: usize,
}

impl Links {
    /// Links of `own` to all of `peers` but itself; all are neighbours.
    pub(super) fn new(own: PeerId, peers: impl Iterator<Item = PeerId>) -> Self {
        let by_peer: BTreeMap<_, _> =
            peers.filter(|peer| *peer != own).map(|peer| (peer, Link::default())).collect();
        let mut turns: Vec<_> = by_peer.keys().copied().collect();
        let place =
            |peer: &PeerId| TURN.fields().field(own.as_bytes()).field(peer.as_bytes()).finish();
        turns.sort_by_cached_key(place);
        let neighbours = turns.clone();
        Self { own, by_peer, turns, neighbours, tick: 0, begun: 0, probes: 0 }
    }

    /// Says who the neighbours are. If nobody is, all stay.
    pub(super) fn set_neighbours(&mut self, neighbours: &BTreeSet<PeerId>) {
        let known = self.turns.iter().filter(|peer| neighbours.contains(peer));
        let known: Vec<_> = known.copied().collect();
        self.neighbours = if known.is_empty() { self.turns.clone() } else { known };
    }

    /// Lets time pass; whom to ask now whatever is known of it.
    pub(super) fn tick(&mut self) -> Option<PeerId> {
        self.tick += 1;
        self.begun = 0;
        if !self.tick.is_multiple_of(PROBE_EVERY) || self.turns.is_empty() {
            return None;
        }
        let peer = self.turns[self.probes % self.turns.len()];
        self.probes += 1;
        let link = self.by_peer.get_mut(&peer)?;
        if !link.is_ready(self.tick) {
            return None;
        }
        link.begin(self.tick, true);
        self.begun += 1;
        Some(peer)
    }

    /// The neighbours with whom to begin an exchange now, our root being `root`.
    pub(super) fn due(&mut self, root: Digest) -> Vec<PeerId> {
        let (tick, mut due) = (self.tick, Vec::new());
        // Where there are more than a node asks in a tick, others come first in the next.
        let first = tick as usize % self.neighbours.len().max(1);
        let (later, sooner) = self.neighbours.split_at(first);
        for peer in sooner.iter().chain(later) {
            if self.begun >= FANOUT {
                break;
            }
            let Some(link) = self.by_peer.get_mut(peer) else { continue };
            if link.may_lack(root, tick) && link.is_ready(tick) {
                link.begin(tick, true);
                self.begun += 1;
                due.push(*peer);
            }
        }
        due
    }

    /// Notes a message of `peer`. False if it is to be dropped: both began an exchange, and ours
    /// goes on, which brings the same.
    pub(super) fn hear(&mut self, peer: &PeerId, step: u64, root: Digest) -> bool {
        let Some(link) = self.by_peer.get_mut(peer) else { return false };
        link.heard = root;
        if step == 0 {
            if link.ours && link.is_open(self.tick) && self.own < *peer {
                return false;
            }
            link.begin(self.tick, false);
        }
        true
    }

    /// Notes that a message with `step` was worked off, our root now being `root`, and whether
    /// there was anything to answer.
    pub(super) fn answered(&mut self, peer: &PeerId, step: u64, answered: bool, root: Digest) {
        let Some(link) = self.by_peer.get_mut(peer) else { return };
        if !step.is_multiple_of(2) {
            link.open &= answered;
            return;
        }
        if step >= 2 {
            link.told = Some((root, self.tick));
        }
        link.open &= link.may_lack(root, self.tick);
    }

    /// Which of `contents` were never shared with `peer`; now they are. Others are forgotten.
    pub(super) fn unshared(&mut self, peer: &PeerId, contents: &BTreeSet<Digest>) -> Vec<Digest> {
        let Some(link) = self.by_peer.get_mut(peer) else { return Vec::new() };
        let new = contents.difference(&link.shared).copied().collect();
        link.shared.clone_from(contents);
        new
    }

    /// Notes that `peer` has these tensors.
    pub(super) fn shared(&mut self, peer: &PeerId, contents: &[Digest]) {
        if let Some(link) = self.by_peer.get_mut(peer) {
            link.shared.extend(contents);
        }
    }
}
