//! What a replica that exchanges by intervals remembers of its peers.

use crate::gossip::MAX_COUNTED;
use crate::gossip::log::Log;
use crate::signed::op::OpId;
use crate::state::MergeState;
use crate::wire::message::Point;
use espalier_identity::PeerId;
use espalier_lattice::Dot;
use std::collections::{BTreeMap, BTreeSet};

/// How many operations that came from a peer are remembered until it has acknowledged the log
/// beyond them; others are sent back to it.
const MAX_THEIRS: usize = 1 << 16;

/// How far a peer has acknowledged the log, and on which point of its own log that rests.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Acked {
    pub(crate) upto: u64,
    pub(crate) rests: Point,
}

/// What is known of a peer. To lose it costs an ordinary exchange.
#[derive(Debug, Clone, Default)]
pub(crate) struct Link {
    /// How often everything but the numbers below was forgotten.
    pub(crate) forgotten: u64,
    pub(crate) acked: Option<Acked>,
    /// Up to where of its log everything is here.
    pub(crate) got: Option<Point>,
    /// Operations that came from it and are not acknowledged, as the arena numbers them.
    pub(crate) theirs: BTreeSet<u32>,
    /// How many exchanges it has begun, and how many it had when the last ordinary one followed.
    pub(crate) begun: u64,
    pub(crate) compared: u64,
}

impl Link {
    /// Takes an acknowledgement, unless it is older than what is known.
    fn acknowledge(&mut self, log: &Log, upto: u64, rests: Point) {
        let newer = |acked: Acked| (acked.rests.position, acked.upto) > (rests.position, upto);
        if self.acked.is_some_and(newer) {
            return;
        }
        match self.acked.map_or(0, |acked| acked.upto) {
            // It has forgotten what it had.
            before if upto < before => self.theirs.clear(),
            before => {
                let passed = log.after(before).take((upto - before) as usize);
                passed.for_each(|index| {
                    self.theirs.remove(&index);
                });
            }
        }
        self.acked = Some(Acked { upto, rests });
    }
}

/// Operations of a peer, some of which are not here yet.
#[derive(Debug, Clone)]
pub(crate) struct Pending {
    pub(crate) at: Point,
    pub(crate) ops: Vec<(Dot<PeerId>, OpId)>,
}

impl Pending {
    /// Whether all are here, or have no place: where there are two already, a third may stay out.
    pub(crate) fn is_settled(&self, state: &MergeState) -> bool {
        let here =
            |(dot, id): &(_, _)| state.find(id).is_some() || state.view().at(*dot).count() > 1;
        self.ops.iter().all(here)
    }
}

/// What a replica that exchanges by intervals remembers besides its state.
#[derive(Debug, Clone)]
pub(crate) struct Intervals {
    pub(crate) log: Log,
    pub(crate) links: BTreeMap<PeerId, Link>,
    pub(crate) pending: BTreeMap<PeerId, Pending>,
}

impl Intervals {
    pub(crate) fn new(state: &MergeState) -> Self {
        let mut log = Log::new(state.policy());
        log.extend(state);
        Self { log, links: BTreeMap::new(), pending: BTreeMap::new() }
    }

    pub(crate) fn forget(&mut self, peer: &PeerId) {
        if let Some(link) = self.links.get_mut(peer) {
            let Link { forgotten, begun, compared, .. } = *link;
            *link = Link { forgotten: forgotten + 1, begun, compared, ..Link::default() };
        }
        self.pending.remove(peer);
    }

    /// Forgets even that a peer was ever known.
    pub(crate) fn remove(&mut self, peer: &PeerId) {
        self.links.remove(peer);
        self.pending.remove(peer);
    }

    /// The log, and what is known of a peer, to be added to.
    pub(crate) fn link(&mut self, peer: PeerId) -> (&Log, &mut Link) {
        if self.links.len() >= MAX_COUNTED && !self.links.contains_key(&peer) {
            self.links.clear();
            self.pending.clear();
        }
        (&self.log, self.links.entry(peer).or_default())
    }

    /// Takes up to where of the log a peer has everything, as it says at a point of its own.
    pub(crate) fn acknowledged(&mut self, peer: PeerId, got: Point, at: Point) {
        let (log, link) = self.link(peer);
        link.acknowledge(log, got.position, at);
    }

    /// Notes the operations that a peer sent up to a point of its log.
    pub(crate) fn arrived(&mut self, state: &MergeState, peer: PeerId, news: Pending) {
        let (log, link) = self.link(peer);
        let here = news.ops.iter().filter_map(|(_, id)| state.find(id));
        let here: BTreeSet<_> = here.map(|entry| entry.index).collect();
        if !here.is_empty() {
            let upto = link.acked.map_or(0, |acked| acked.upto);
            let theirs = log.after(upto).filter(|index| here.contains(index));
            link.theirs.extend(theirs.take(MAX_THEIRS.saturating_sub(link.theirs.len())));
        }
        if link.got.is_some_and(|got| news.at.position < got.position) {
            return;
        }
        if news.is_settled(state) {
            link.got = Some(news.at);
            self.pending.remove(&peer);
        } else if self.pending.get(&peer).is_none_or(|old| old.at.position <= news.at.position) {
            self.pending.insert(peer, news);
        }
    }

    /// Adds what another replica of the same node, which was one with this, has learnt. Of logs
    /// that went on apart the other's is given up, and with it what peers know of it.
    pub(crate) fn absorb(&mut self, other: Self, state: &MergeState) {
        let common = self.log.common(&other.log);
        let held = if common == self.log.len() {
            self.log = other.log;
            self.log.len()
        } else {
            common
        };
        self.log.extend(state);
        for (peer, mut link) in other.links {
            if let Some(acked) = &mut link.acked {
                acked.upto = acked.upto.min(held);
            }
            let place = |link: &Link| {
                let acked = link.acked.map(|acked| (acked.rests.position, acked.upto));
                (link.forgotten, acked, link.got.map(|got| got.position))
            };
            let (_, ours) = self.link(peer);
            link.begun = link.begun.max(ours.begun);
            link.compared = link.compared.max(ours.compared);
            if place(&link) > place(ours) {
                *ours = link;
                self.pending.remove(&peer);
            } else {
                (ours.begun, ours.compared) = (link.begun, link.compared);
            }
        }
        self.pending.extend(other.pending);
    }
}
