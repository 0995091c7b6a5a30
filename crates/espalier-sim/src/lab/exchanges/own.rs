//! Custom protocols: the trait that a user implements, and the nodes that run it.
//!
//! A protocol decides whom a node contacts and what it sends; everything else is done here. Nodes
//! hold real signed contributions, whoever gets operations verifies them, and bytes are those that
//! a replica would send. `docs/OWN_PROTOCOL.md` explains it.

use super::drive::{Members, open};
use crate::config::{Clock, Config};
use crate::engine::{Outbox, Population, Timer};
use crate::error::{SimError, field};
use crate::run::{agree, draft, node_keys};
use crate::seeds::{Dice, Seeds};
use espalier_identity::{Digest, PeerId};
use espalier_replica::{Arena, HEADER_LEN, MergeState, SignedOp, VerifiedOp, counting};
use espalier_topology::Network;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

/// How many letters a node may send in a round on average. In rounds messages take no time, so
/// nodes that never stop to answer each other would do so forever.
const MAX_LETTERS: u64 = 1000;

/// A way to spread contributions: one value for each node, with what the node remembers.
pub trait ExchangeProtocol {
    /// Begins a round, or in virtual time a period: the node sends what it likes to whom it likes.
    fn begin(&mut self, node: &mut ProtocolNode<'_>);

    /// Takes a letter. What it carries is with the node already, if it could be taken in.
    fn receive(&mut self, from: usize, letter: &Letter, node: &mut ProtocolNode<'_>);
}

/// What one node sends another. Each part may be empty.
#[derive(Debug, Clone, Default)]
pub struct Letter {
    /// Anything that the protocol itself needs to say, in its own encoding.
    pub note: Vec<u8>,
    /// Signed operations. Each needs its author's operations before it, in the same letter or at
    /// the receiver; otherwise none of them is taken in. They count as a replica packs them.
    pub operations: Vec<SignedOp>,
    /// Tensors by address. Those that the sender does not hold are left out. Each counts with its
    /// bytes, its address and the header of a frame.
    pub tensors: Vec<Digest>,
}

/// A node as its protocol sees it.
pub struct ProtocolNode<'a> {
    number: usize,
    network: &'a Network,
    holdings: &'a Holdings,
    dice: &'a mut Dice,
    sent: Vec<(usize, Letter)>,
}

impl fmt::Debug for ProtocolNode<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProtocolNode").field("number", &self.number).finish_non_exhaustive()
    }
}

impl ProtocolNode<'_> {
    /// Its number, from 0.
    #[must_use]
    pub fn number(&self) -> usize {
        self.number
    }

    /// The nodes that it may contact, ascending. Some may be away.
    pub fn neighbours(&self) -> impl Iterator<Item = usize> {
        self.network.neighbours(self.number)
    }

    /// Any neighbour, or none if there is none.
    pub fn random_neighbour(&mut self) -> Option<usize> {
        let degree = self.network.degree(self.number);
        self.network.neighbour(self.number, self.dice.below(degree.max(1)))
    }

    /// A number from 0 to `n` − 1, the same in every run with the same seed.
    pub fn random_below(&mut self, n: usize) -> usize {
        self.dice.below(n)
    }

    /// The operations that it holds, each after those of its author that it follows.
    pub fn operations(&self) -> impl Iterator<Item = &VerifiedOp> {
        self.holdings.state.ops()
    }

    /// Whether it holds a tensor.
    #[must_use]
    pub fn holds(&self, tensor: &Digest) -> bool {
        self.holdings.tensors.contains(tensor)
    }

    /// The tensors of its live contributions that it does not hold.
    #[must_use]
    pub fn missing(&self) -> Vec<Digest> {
        self.holdings.missing().collect()
    }

    /// A hash over its operations. Nodes with the same hash hold the same operations.
    #[must_use]
    pub fn root(&self) -> Digest {
        self.holdings.state.ops_root()
    }

    /// Everything it holds, for protocols that need more than the other methods tell.
    #[must_use]
    pub fn state(&self) -> &MergeState {
        &self.holdings.state
    }

    /// A letter with the operations for which `choose` returns true, and their tensors.
    pub fn letter(&self, choose: impl Fn(&VerifiedOp) -> bool) -> Letter {
        let chosen: Vec<_> = self.operations().filter(|op| choose(op)).collect();
        let contributions = chosen.iter().filter_map(|op| op.contribution());
        let metas = contributions.flat_map(|contribution| contribution.manifest.tensors());
        let tensors: BTreeSet<_> = metas.map(|meta| meta.content).collect();
        Letter {
            note: Vec::new(),
            operations: chosen.into_iter().map(|op| op.signed().clone()).collect(),
            tensors: tensors.into_iter().filter(|tensor| self.holds(tensor)).collect(),
        }
    }

    /// Sends a letter to any node. Depending on the network it may be lost, come twice or come
    /// late.
    pub fn send(&mut self, to: usize, letter: Letter) {
        self.sent.push((to, letter));
    }
}

/// What a node holds.
#[derive(Debug)]
struct Holdings {
    state: MergeState,
    tensors: BTreeSet<Digest>,
}

impl Holdings {
    fn missing(&self) -> impl Iterator<Item = Digest> {
        self.state.live_contents().filter(|content| !self.tensors.contains(content))
    }
}

#[derive(Debug)]
struct Member<P> {
    id: PeerId,
    up: bool,
    protocol: P,
    holdings: Holdings,
    dice: Dice,
    /// When in a period it begins.
    phase: u64,
}

/// A letter with its length.
#[derive(Debug, Clone)]
pub(super) struct Sealed {
    letter: Arc<Letter>,
    bytes: u64,
    tensor_bytes: u64,
}

/// Nodes that run a protocol.
#[derive(Debug)]
pub(super) struct Crowd<P> {
    members: Vec<Member<P>>,
    network: Network,
    in_rounds: bool,
    /// The order in which nodes begin in rounds.
    order: Dice,
    /// How many letters may still be sent in this round.
    left: u64,
}

impl<P: ExchangeProtocol> Crowd<P> {
    /// The nodes of a configuration with what they contribute.
    ///
    /// # Errors
    /// As [`crate::simulate`].
    pub(super) fn new(
        config: &Config,
        network: &Network,
        make: &dyn Fn(usize) -> P,
    ) -> Result<Self, SimError> {
        let arena = Arena::default();
        let (task, trained) = open(config, &arena)?;
        let base = task.base().map(|base| arena.put_model(base.clone()).root());
        let keys = node_keys(config);
        let policy = agree(config, &task, &keys, base)?;
        let seeds = Seeds(config.seed);
        let member = |(node, (model, _))| {
            let mut state = MergeState::with_arena(policy.clone(), arena.clone());
            state.add(&keys[node], draft(&task, node, model, 0))?;
            let (tensors, mut dice) =
                (state.live_contents().collect(), seeds.rng("protocol", node as u64));
            let phase = dice.below(config.period.0.max(1) as usize) as u64;
            let (id, holdings) = (keys[node].peer_id(), Holdings { state, tensors });
            Ok(Member { id, up: true, protocol: make(node), holdings, dice, phase })
        };
        let members = trained.into_iter().enumerate().map(member);
        Ok(Self {
            members: members.collect::<Result<_, SimError>>()?,
            network: network.clone(),
            in_rounds: config.clock == Clock::Rounds,
            order: seeds.rng("protocol order", 0),
            left: 0,
        })
    }

    /// Lets a node's protocol act, and sends what it wants to send.
    fn act(
        &mut self,
        node: usize,
        act: impl FnOnce(&mut P, &mut ProtocolNode<'_>),
        out: &mut Outbox<Sealed>,
    ) {
        let Member { protocol, holdings, dice, .. } = &mut self.members[node];
        let network = &self.network;
        let mut seen = ProtocolNode { number: node, network, holdings, dice, sent: Vec::new() };
        act(protocol, &mut seen);
        for (to, letter) in seen.sent {
            if to < self.members.len() && to != node && self.left > 0 {
                self.left -= 1;
                out.push((to, self.seal(node, letter)));
            }
        }
    }

    fn seal(&self, from: usize, mut letter: Letter) -> Sealed {
        let Member { id, holdings, .. } = &self.members[from];
        letter.tensors.retain(|tensor| holdings.tensors.contains(tensor));
        let store = holdings.state.arena().store();
        let size = |tensor| store.get(tensor).map_or(0, |content| content.len() as u64);
        let tensor_bytes = letter.tensors.iter().map(size).sum();
        let batch = counting::batch_len(holdings.state.policy(), id, &letter.operations);
        let tensors = counting::tensors_len(letter.tensors.len() as u64, tensor_bytes);
        let bytes = (HEADER_LEN + letter.note.len()) as u64 + batch + tensors;
        Sealed { letter: letter.into(), bytes, tensor_bytes }
    }
}

impl<P: ExchangeProtocol> Members for Crowd<P> {
    fn come(&mut self, node: usize) -> Option<Timer> {
        self.members[node].up = true;
        None
    }

    fn leave(&mut self, node: usize) {
        self.members[node].up = false;
    }

    /// Everybody who is up is woken once: in rounds in random order, else at its own time.
    fn begin_round(&mut self) -> Vec<(usize, Timer)> {
        self.left = MAX_LETTERS * self.members.len() as u64;
        let mut order: Vec<_> = (0..self.members.len()).collect();
        if self.in_rounds {
            self.order.shuffle(&mut order);
        }
        let after = |node: usize| if self.in_rounds { 0 } else { self.members[node].phase };
        order.into_iter().map(|node| (node, (after(node), 0))).collect()
    }

    fn is_done(&self) -> bool {
        let mut up = self.members.iter().filter(|member| member.up).map(|m| &m.holdings);
        let Some(first) = up.clone().next() else { return true };
        up.all(|one| one.state.ops_root() == first.state.ops_root() && one.missing().count() == 0)
    }

    fn is_exact(&self) -> bool {
        self.is_done()
    }
}

impl<P: ExchangeProtocol> Population for Crowd<P> {
    type Message = Sealed;
    type Record = ();
    type Start = ();
    type Kept = ();
    const CLOCKED: bool = false;

    fn count(&self) -> usize {
        self.members.len()
    }

    fn is_up(&self, node: usize) -> bool {
        self.members[node].up
    }

    fn start(&mut self, _: usize, _: usize, _: &mut Outbox<Sealed>) {}

    fn receive(&mut self, from: usize, to: usize, sealed: Sealed, out: &mut Outbox<Sealed>) -> u32 {
        let Holdings { state, tensors } = &mut self.members[to].holdings;
        let before = tensors.len();
        tensors.extend(&sealed.letter.tensors);
        let news = tensors.len() - before;
        // What cannot be taken in changes nothing.
        let news = news + state.apply(sealed.letter.operations.clone()).unwrap_or(0);
        self.act(to, |protocol, node| protocol.receive(from, &sealed.letter, node), out);
        news as u32
    }

    fn timer(&mut self, node: usize, _: u64, out: &mut Outbox<Sealed>) -> u32 {
        self.act(node, P::begin, out);
        0
    }

    fn bytes(&self, sealed: &Sealed) -> u64 {
        sealed.bytes
    }

    fn tensor_bytes(&self, sealed: &Sealed) -> u64 {
        sealed.tensor_bytes
    }

    fn mark(&self, sealed: &Sealed) -> u64 {
        let digest = Digest::of_content(&sealed.letter.note);
        let note = digest.as_bytes().first_chunk().map_or(0, |b| u64::from_le_bytes(*b));
        note ^ sealed.bytes
    }

    fn open(&self, _: [usize; 2]) {}
    fn close(&self, _: [usize; 2], (): &mut ()) {}
    fn snapshot(&self) {}
    fn set_apart(&mut self, _: [usize; 2], (): &()) {}
    fn rejoin(&mut self, _: [usize; 2], (): ()) {}
}

/// By which clock it does not run.
pub(super) fn check_clock(clock: Clock) -> Result<(), SimError> {
    match clock {
        Clock::Rounds | Clock::Periodic => Ok(()),
        Clock::Poisson | Clock::None => {
            Err(field("clock", "a protocol of one's own runs in rounds or periods"))
        }
    }
}
