//! The nodes, the links between them, and one exchange over these links.
//!
//! Nodes are real replicas that hear each other only through encoded frames and tensors moved by
//! content hash. Every byte is counted where it is sent, lost ones too.

use crate::behaviour::{Behaviour, Parcel, Turn};
use crate::config::Config;
use crate::measure_peers::Measured;
use crate::seeds::Dice;
use espalier_identity::{Digest, Keypair, PeerId};
use espalier_replica::{Arena, ChangeError, Draft, Effect, HEADER_LEN, MergeState, Replica};
use espalier_tensor::Model;
use std::collections::{BTreeMap, VecDeque};

/// A node. Nothing in here tells whether it lies.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) id: PeerId,
    pub(crate) name: String,
    /// What it shows its peers: one replica, or several of which its behaviour shows each peer one.
    pub(crate) faces: Vec<Replica>,
    /// Whether it takes part now.
    pub(crate) active: bool,
    /// The round in which it comes back after a crash.
    pub(crate) back: Option<u32>,
    /// What survives a crash: its encoded state.
    pub(crate) durable: Vec<u8>,
    /// Its own last sequence number in there.
    pub(crate) durable_seq: u64,
    /// Whose contributions it has measured.
    pub(crate) measured: Measured,
    /// Accuracy of what it trained before the first round, on the common test part and on its own
    /// validation part.
    pub(crate) alone: Option<(f64, f64)>,
}

impl Node {
    pub(crate) fn state(&self) -> &MergeState {
        self.faces[0].state()
    }

    /// Makes a change with the node's key on every face.
    pub(crate) fn say(
        &mut self,
        mut change: impl FnMut(&mut MergeState, &Keypair) -> Result<(), ChangeError>,
    ) -> Result<(), ChangeError> {
        self.faces.iter_mut().try_for_each(|face| face.change(&mut change))
    }
}

/// What travels.
#[derive(Debug, Clone)]
enum Payload {
    Frame(Vec<u8>),
    /// By address: everybody's bytes lie in one store.
    Tensors(Vec<Digest>),
    /// With bytes of their own.
    Parcel(Parcel),
}

#[derive(Debug, Clone)]
struct Mail {
    from: usize,
    to: usize,
    payload: Payload,
}

/// One exchange: who started it, and per direction (towards the partner, back to the starter) what
/// was sent and learnt.
#[derive(Debug)]
pub(crate) struct Exchanged {
    pub(crate) pair: [usize; 2],
    pub(crate) blocked: bool,
    pub(crate) sides: [Side; 2],
}

/// The receiving side of one direction.
#[derive(Debug, Default)]
pub(crate) struct Side {
    pub(crate) before: Option<MergeState>,
    pub(crate) after: Option<MergeState>,
    pub(crate) hashes: Option<(Digest, Digest)>,
    pub(crate) bytes: u64,
    pub(crate) ops: u32,
    pub(crate) lost: bool,
}

/// Everything that exchanges messages.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) nodes: Vec<Node>,
    pub(crate) arena: Arena,
    /// The part of each node while the network is split.
    pub(crate) parts: Option<Vec<u32>>,
    pub(crate) sent_bytes: u64,
    /// How each node behaves.
    behaviours: Vec<Box<dyn Behaviour>>,
    /// Everybody's key, by node number.
    ids: Vec<PeerId>,
    index: BTreeMap<PeerId, usize>,
    dice: Dice,
    faults: Faults,
    /// Mail under way, by the round in which it arrives.
    under_way: BTreeMap<u32, Vec<Mail>>,
    /// Mail held back until the exchanges of this round are over.
    held_back: Vec<Mail>,
    round: u32,
    /// Whether exchanges keep the states before and after, for their distance.
    keep_states: bool,
}

#[derive(Debug, Clone, Copy)]
struct Faults {
    loss: f64,
    duplicate: f64,
    reorder: f64,
    delay: u32,
}

impl World {
    pub(crate) fn new(
        nodes: Vec<Node>,
        behaviours: Vec<Box<dyn Behaviour>>,
        arena: Arena,
        config: &Config,
        dice: Dice,
        keep_states: bool,
    ) -> Self {
        let ids = nodes.iter().map(|node| node.id).collect();
        let index = nodes.iter().enumerate().map(|(at, node)| (node.id, at)).collect();
        let Config { loss, duplicate, reorder, delay, .. } = *config;
        Self {
            nodes,
            arena,
            parts: None,
            sent_bytes: 0,
            behaviours,
            ids,
            index,
            dice,
            faults: Faults { loss, duplicate, reorder, delay },
            under_way: BTreeMap::new(),
            held_back: Vec::new(),
            round: 0,
            keep_states,
        }
    }

    pub(crate) fn behaviour(&self, node: usize) -> &dyn Behaviour {
        &*self.behaviours[node]
    }

    /// Lets a node put what it trained from `base` into the federation.
    pub(crate) fn contribute(
        &mut self,
        node: usize,
        draft: Draft,
        base: Option<&Model>,
    ) -> Result<(), ChangeError> {
        self.behaviours[node].contribute(&mut self.nodes[node], draft, base)
    }

    /// Lets a node do what it does at the start of a round.
    pub(crate) fn act(&mut self, node: usize, round: u32) -> Result<(), ChangeError> {
        let mut turn = Turn { node: &mut self.nodes[node], round, ids: &self.ids };
        self.behaviours[node].act(&mut turn)
    }

    /// The face that a node shows a peer.
    fn face(&self, node: usize, peer: usize) -> usize {
        let shown = self.behaviours[node].face(peer, self.round);
        shown.min(self.nodes[node].faces.len() - 1)
    }

    /// Begins a round: delivers what was under way to it.
    pub(crate) fn begin_round(&mut self, round: u32) -> Vec<Exchanged> {
        self.round = round;
        let mut due = self.under_way.remove(&round).unwrap_or_default();
        self.dice.shuffle(&mut due);
        due.into_iter().filter_map(|mail| self.deliver_late(mail)).collect()
    }

    /// Ends a round: delivers what was held back, in an order of its own.
    pub(crate) fn end_round(&mut self) -> Vec<Exchanged> {
        let mut late = Vec::new();
        // Answers may be held back again, so this goes on for a few turns at most.
        for _ in 0..8 {
            let mut mails = std::mem::take(&mut self.held_back);
            self.dice.shuffle(&mut mails);
            late.extend(mails.into_iter().filter_map(|mail| self.deliver_late(mail)));
        }
        for mail in std::mem::take(&mut self.held_back) {
            self.under_way.entry(self.round + 1).or_default().push(mail);
        }
        late
    }

    /// Begins a tick for everybody: budgets are full again.
    pub(crate) fn refill(&mut self) {
        let faces = self.nodes.iter_mut().flat_map(|node| &mut node.faces);
        faces.for_each(Replica::refill);
    }

    /// Whether no message is under way and nobody is to come back.
    pub(crate) fn is_quiet(&self) -> bool {
        self.under_way.is_empty() && self.nodes.iter().all(|node| node.back.is_none())
    }

    /// Forgets what is under way to a node.
    pub(crate) fn drop_mail_to(&mut self, node: usize) {
        self.under_way.values_mut().for_each(|mails| mails.retain(|mail| mail.to != node));
        self.under_way.retain(|_, mails| !mails.is_empty());
        self.held_back.retain(|mail| mail.to != node);
    }

    fn reachable(&self, a: usize, b: usize) -> bool {
        let together = self.parts.as_ref().is_none_or(|parts| parts[a] == parts[b]);
        together && self.nodes[a].active && self.nodes[b].active
    }

    /// One push–pull exchange, started by `a`, to its end.
    pub(crate) fn exchange(&mut self, a: usize, b: usize) -> Exchanged {
        let mut exchanged = self.open_record(a, b);
        if !self.reachable(a, b) {
            exchanged.blocked = true;
            self.close_record(&mut exchanged);
            return exchanged;
        }
        let (face, to) = (self.face(a, b), self.ids[b]);
        let mut effects = self.nodes[a].faces[face].start(to);
        let besides = self.behaviours[a].besides().into_iter();
        effects.extend(besides.map(|frame| Effect::Send { to, frame }));
        let mut inbox = VecDeque::new();
        self.send(a, effects, &mut inbox, &mut exchanged);
        while let Some(mail) = inbox.pop_front() {
            let effects = self.deliver(&mail, &mut exchanged);
            self.send(mail.to, effects, &mut inbox, &mut exchanged);
        }
        self.close_record(&mut exchanged);
        exchanged
    }

    /// The same on copies of the states at the start of the round; what is learnt is joined into
    /// the nodes.
    pub(crate) fn exchange_apart(
        &mut self,
        a: usize,
        b: usize,
        start: &[Vec<Replica>],
    ) -> Exchanged {
        let swap = |world: &mut Self, node: usize, faces| {
            std::mem::replace(&mut world.nodes[node].faces, faces)
        };
        let kept = [a, b].map(|node| swap(self, node, start[node].clone()));
        let exchanged = self.exchange(a, b);
        for (node, faces) in [a, b].into_iter().zip(kept) {
            let learnt = swap(self, node, faces);
            for (face, learnt) in self.nodes[node].faces.iter_mut().zip(learnt) {
                face.absorb(learnt).expect("replicas of one node share its policy");
            }
        }
        exchanged
    }

    fn open_record(&self, a: usize, b: usize) -> Exchanged {
        let side = |node: usize, peer: usize| {
            let state = self.nodes[node].faces[self.face(node, peer)].state();
            Side {
                before: self.keep_states.then(|| state.clone()),
                hashes: Some((state.state_hash(), state.state_hash())),
                ..Side::default()
            }
        };
        Exchanged { pair: [a, b], blocked: false, sides: [side(b, a), side(a, b)] }
    }

    fn close_record(&self, exchanged: &mut Exchanged) {
        let [a, b] = exchanged.pair;
        for (side, (node, peer)) in exchanged.sides.iter_mut().zip([(b, a), (a, b)]) {
            let state = self.nodes[node].faces[self.face(node, peer)].state();
            side.after = self.keep_states.then(|| state.clone());
            side.hashes = side.hashes.map(|(before, _)| (before, state.state_hash()));
        }
    }

    /// Puts what a node sends on its way, past the link's faults.
    fn send(
        &mut self,
        from: usize,
        effects: Vec<Effect>,
        inbox: &mut VecDeque<Mail>,
        exchanged: &mut Exchanged,
    ) {
        for effect in self.behaviours[from].let_out(effects) {
            let (Effect::Send { to, .. } | Effect::Provide { to, .. }) = &effect;
            let Some(&to) = self.index.get(to) else { continue };
            let payload = match effect {
                Effect::Send { frame, .. } => Payload::Frame(frame),
                Effect::Provide { contents, .. } => {
                    let replica = &self.nodes[from].faces[self.face(from, to)];
                    let parcel = self.behaviours[from].parcel(replica, &contents);
                    parcel.map_or(Payload::Tensors(contents), Payload::Parcel)
                }
            };
            let copies = 1 + usize::from(self.dice.happens(self.faults.duplicate));
            for _ in 0..copies {
                let mail = Mail { from, to, payload: payload.clone() };
                self.route(mail, inbox, exchanged);
            }
        }
    }

    fn route(&mut self, mail: Mail, inbox: &mut VecDeque<Mail>, exchanged: &mut Exchanged) {
        let side = usize::from(mail.to == exchanged.pair[0]);
        let bytes = self.length(&mail.payload);
        exchanged.sides[side].bytes += bytes;
        self.sent_bytes += bytes;
        let delay = self.dice.below(self.faults.delay as usize + 1) as u32;
        if self.dice.happens(self.faults.loss) {
            exchanged.sides[side].lost = true;
        } else if delay > 0 {
            exchanged.sides[side].lost = true;
            let due = self.round.saturating_add(delay);
            self.under_way.entry(due).or_default().push(mail);
        } else if self.dice.happens(self.faults.reorder) {
            exchanged.sides[side].lost = true;
            self.held_back.push(mail);
        } else {
            inbox.push_back(mail);
        }
    }

    /// Bytes on the wire. Tensors travel with a frame header and their address each.
    fn length(&self, payload: &Payload) -> u64 {
        match payload {
            Payload::Frame(frame) => frame.len() as u64,
            Payload::Tensors(contents) => {
                let size = |digest| self.arena.store().get(digest).map_or(0, |c| c.len() as u64);
                contents.iter().map(|digest| size(digest) + HEADER_LEN as u64 + 32).sum()
            }
            Payload::Parcel(Parcel { tensors, .. }) => {
                tensors.iter().map(|(_, c)| (c.len() + HEADER_LEN + 32) as u64).sum()
            }
        }
    }

    /// Hands mail to its receiver. Bytes that it refuses change nothing.
    fn deliver(&mut self, mail: &Mail, exchanged: &mut Exchanged) -> Vec<Effect> {
        let face = self.face(mail.to, mail.from);
        let (sender, replica) = (self.ids[mail.from], &mut self.nodes[mail.to].faces[face]);
        let received = match &mail.payload {
            Payload::Frame(frame) => {
                self.behaviours[mail.to].overhear(frame);
                replica.receive(sender, frame).unwrap_or_default()
            }
            Payload::Tensors(contents) => replica.content_arrived(contents),
            Payload::Parcel(Parcel { envelope, tensors }) => {
                replica.content_delivered(envelope, tensors.clone()).unwrap_or_default()
            }
        };
        let side = usize::from(mail.to == exchanged.pair[0]);
        exchanged.sides[side].ops += received.admitted as u32;
        received.effects
    }

    /// Delivers mail outside its exchange: a record of its own if the receiver learnt something.
    fn deliver_late(&mut self, mail: Mail) -> Option<Exchanged> {
        if !self.reachable(mail.from, mail.to) {
            return None;
        }
        let mut exchanged = self.open_record(mail.from, mail.to);
        let mut inbox = VecDeque::from([mail]);
        while let Some(mail) = inbox.pop_front() {
            let effects = self.deliver(&mail, &mut exchanged);
            self.send(mail.to, effects, &mut inbox, &mut exchanged);
        }
        self.close_record(&mut exchanged);
        exchanged.sides.iter().any(|side| side.ops > 0).then_some(exchanged)
    }
}
