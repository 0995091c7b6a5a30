//! The nodes: real replicas that hear each other only through encoded frames and tensors moved by
//! content hash.

pub(crate) mod broadcast;

use crate::config::Exchange;
use crate::course::Stage;
use crate::course::event::EventKind;
use crate::engine::{Outbox, Population, Timer};
use crate::error::SimError;
use crate::node::Node;
use crate::node::behaviour::{Behaviour, Parcel, Turn};
use crate::node::face::Face;
use crate::seeds::Dice;
use espalier_identity::{Digest, Domain, Keypair, PeerId};
use espalier_node::NodeInput;
use espalier_replica::{
    Arena, ChangeError, Draft, Effect, HEADER_LEN, MergeState, Policy, Replica, counting,
};
use espalier_tensor::Model;
use std::collections::BTreeMap;

use broadcast::Broadcast;

static ROUND: Domain = Domain::new("espalier simulation round v1");

/// What travels.
#[derive(Debug, Clone)]
pub(crate) enum Payload {
    Frame(Vec<u8>),
    /// By address: everybody's bytes lie in one store.
    Tensors(Vec<Digest>),
    /// With bytes of their own.
    Parcel(Parcel),
    /// A message of the broadcast trees.
    Gossip(Vec<u8>),
}

/// How the receiving side of one direction of an exchange stood before and after.
#[derive(Debug)]
pub(crate) struct Look {
    pub(crate) before: Option<MergeState>,
    pub(crate) after: Option<MergeState>,
    pub(crate) hashes: (Digest, Digest),
}

/// What nodes need to come, to write and to come back.
#[derive(Debug)]
pub(crate) struct Equipment {
    pub(crate) keys: Vec<Keypair>,
    pub(crate) policy: Policy,
    pub(crate) exchange: Exchange,
    /// Whether nodes may crash and so need their disks.
    pub(crate) disks: bool,
    /// Whether somebody is to hear of every new operation of a node's own.
    pub(crate) tells: bool,
    /// The model from which training starts.
    pub(crate) base: Option<Model>,
}

/// Everything that exchanges messages.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) nodes: Vec<Node>,
    pub(crate) arena: Arena,
    /// How each node behaves.
    pub(crate) behaviours: Vec<Box<dyn Behaviour>>,
    /// Everybody's key, by node number.
    pub(crate) ids: Vec<PeerId>,
    pub(crate) index: BTreeMap<PeerId, usize>,
    /// The trees over which fresh operations are broadcast, if they are.
    pub(crate) broadcast: Option<Broadcast>,
    equipment: Equipment,
    /// What nodes contribute when they come.
    later: BTreeMap<usize, Draft>,
    /// Who could not contribute what it had, and why, since somebody last asked.
    pub(crate) withheld: Vec<(EventKind, usize)>,
    /// Whether exchanges overlap, so that what a node asked for in one may still come in another.
    pub(crate) overlap: bool,
    round: u32,
    /// Whether exchanges keep the states before and after, for their distance.
    keep_states: bool,
}

impl World {
    pub(crate) fn new(
        nodes: Vec<Node>,
        behaviours: Vec<Box<dyn Behaviour>>,
        arena: Arena,
        equipment: Equipment,
        keep_states: bool,
    ) -> Self {
        Self {
            ids: nodes.iter().map(|node| node.id).collect(),
            index: nodes.iter().enumerate().map(|(at, node)| (node.id, at)).collect(),
            nodes,
            arena,
            behaviours,
            broadcast: None,
            equipment,
            later: BTreeMap::new(),
            withheld: Vec::new(),
            overlap: false,
            round: 0,
            keep_states,
        }
    }

    pub(crate) fn behaviour(&self, node: usize) -> &dyn Behaviour {
        &*self.behaviours[node]
    }

    /// Lets a node put what it trained into the federation. What would convict it is not said: its
    /// last contribution stands, and that is noted.
    pub(crate) fn contribute(&mut self, node: usize, draft: Draft) -> Result<(), ChangeError> {
        let base = self.equipment.base.as_ref();
        let said = self.behaviours[node].contribute(&mut self.nodes[node], draft, base);
        let why = match said {
            Err(ChangeError::Magnitude { .. }) => EventKind::NotFinite,
            Err(ChangeError::Copy { .. }) => EventKind::SameModel,
            said => return said,
        };
        self.withheld.push((why, node));
        Ok(())
    }

    /// Notes what a node contributes when it comes.
    pub(crate) fn bring_later(&mut self, node: usize, draft: Draft) {
        self.later.insert(node, draft);
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

    fn look(&self, node: usize, peer: usize) -> &MergeState {
        self.nodes[node].faces[self.face(node, peer)].state()
    }

    /// What a node lets out of what its replica wants to send.
    fn let_out(&mut self, from: usize, effects: Vec<Effect>, out: &mut Outbox<Payload>) {
        for effect in self.behaviours[from].let_out(effects) {
            let Some(&to) = self.index.get(&effect.peer()) else { continue };
            let payload = match effect {
                Effect::Send { frame, .. } => Payload::Frame(frame),
                Effect::Provide { contents, .. } => {
                    let replica = self.nodes[from].faces[self.face(from, to)].replica();
                    let parcel = self.behaviours[from].parcel(replica, &contents);
                    parcel.map_or(Payload::Tensors(contents), Payload::Parcel)
                }
                // Peers send tensors; nobody fetches them.
                Effect::Fetch { .. } => continue,
            };
            out.push((to, payload));
        }
    }
}

impl Population for World {
    type Message = Payload;
    type Record = [Look; 2];
    type Start = Vec<Vec<Face>>;
    type Kept = [Vec<Face>; 2];

    fn count(&self) -> usize {
        self.nodes.len()
    }

    fn is_up(&self, node: usize) -> bool {
        self.nodes[node].active
    }

    fn start(&mut self, from: usize, to: usize, out: &mut Outbox<Payload>) {
        if !self.overlap {
            for node in [from, to] {
                self.nodes[node].faces.iter_mut().for_each(Face::lapse);
            }
        }
        let (face, peer) = (self.face(from, to), self.ids[to]);
        let mut effects = self.nodes[from].faces[face].start(peer);
        let besides = self.behaviours[from].besides().into_iter();
        effects.extend(besides.map(|frame| Effect::Send { to: peer, frame }));
        self.let_out(from, effects, out);
        self.rejoin_trees(from, peer, out);
    }

    fn receive(
        &mut self,
        from: usize,
        to: usize,
        message: Payload,
        out: &mut Outbox<Payload>,
    ) -> u32 {
        let face = self.face(to, from);
        let sender = self.ids[from];
        let input = match message {
            Payload::Frame(frame) => {
                self.behaviours[to].overhear(&frame);
                NodeInput::Frame { from: sender, frame }
            }
            Payload::Tensors(mut contents) => {
                // What nobody has does not arrive, whoever named it.
                contents.retain(|digest| self.arena.store().get(digest).is_some());
                NodeInput::TensorsStored(contents)
            }
            Payload::Parcel(Parcel { envelope, tensors }) => {
                NodeInput::Tensors { from: sender, envelope, tensors }
            }
            Payload::Gossip(message) => return self.hear(from, to, message, out),
        };
        let (effects, admitted) = self.nodes[to].faces[face].handle(input);
        self.let_out(to, effects, out);
        admitted as u32
    }

    fn timer(&mut self, node: usize, token: u64, out: &mut Outbox<Payload>) -> u32 {
        self.wake(node, token, out)
    }

    fn unreached(&mut self, from: usize, to: usize) -> Option<Timer> {
        let driver = self.nodes[from].faces[0].driver();
        self.broadcast.as_mut()?.unreached(from, self.ids[to], driver)
    }

    /// Tensors that are not inside a frame travel with a frame header and their address each.
    fn bytes(&self, message: &Payload) -> u64 {
        let tensors = match message {
            // What is inside it travels without a header.
            Payload::Frame(frame) => return frame.len() as u64,
            Payload::Gossip(message) => return broadcast::wire_len(message),
            Payload::Tensors(contents) => contents.len(),
            Payload::Parcel(Parcel { tensors, .. }) => tensors.len(),
        };
        counting::tensors_len(tensors as u64, self.tensor_bytes(message))
    }

    fn tensor_bytes(&self, message: &Payload) -> u64 {
        match message {
            Payload::Frame(frame) => counting::inside_len(frame),
            Payload::Gossip(_) => 0,
            Payload::Tensors(contents) => {
                let size = |digest| self.arena.store().get(digest).map_or(0, |c| c.len() as u64);
                contents.iter().map(size).sum()
            }
            Payload::Parcel(Parcel { tensors, .. }) => {
                tensors.iter().map(|(_, content)| content.len() as u64).sum()
            }
        }
    }

    /// The trees' messages travel on streams. Each may be answered, and its answer, so that a link
    /// which makes two of every one would never come to rest.
    fn may_repeat(&self, message: &Payload) -> bool {
        #[cfg(feature = "mutants")]
        if crate::mutants::SimMutant::StreamsRepeat.is_loose() {
            return true;
        }
        !matches!(message, Payload::Gossip(_))
    }

    /// A frame's checksum; of tensors the beginning of the first one's address or of its hash.
    fn mark(&self, message: &Payload) -> u64 {
        let bytes = match message {
            Payload::Gossip(message) => return broadcast::mark(message),
            Payload::Frame(frame) => frame.get(HEADER_LEN - 8..HEADER_LEN),
            Payload::Tensors(contents) => contents.first().map(|d| &d.as_bytes()[..8]),
            Payload::Parcel(Parcel { envelope, .. }) => Some(&envelope.root.as_bytes()[..8]),
        };
        bytes.and_then(|b| b.try_into().ok()).map_or(0, u64::from_le_bytes)
    }

    fn open(&self, [a, b]: [usize; 2]) -> [Look; 2] {
        [(b, a), (a, b)].map(|(node, peer)| {
            let state = self.look(node, peer);
            let (before, hash) = (self.keep_states.then(|| state.clone()), state.state_hash());
            Look { before, after: None, hashes: (hash, hash) }
        })
    }

    fn close(&self, [a, b]: [usize; 2], record: &mut [Look; 2]) {
        for (look, (node, peer)) in record.iter_mut().zip([(b, a), (a, b)]) {
            let state = self.look(node, peer);
            look.after = self.keep_states.then(|| state.clone());
            look.hashes.1 = state.state_hash();
        }
    }

    fn snapshot(&self) -> Vec<Vec<Face>> {
        self.nodes.iter().map(|node| node.faces.clone()).collect()
    }

    fn set_apart(&mut self, pair: [usize; 2], start: &Vec<Vec<Face>>) -> [Vec<Face>; 2] {
        pair.map(|node| std::mem::replace(&mut self.nodes[node].faces, start[node].clone()))
    }

    fn rejoin(&mut self, pair: [usize; 2], kept: [Vec<Face>; 2]) {
        for (node, faces) in pair.into_iter().zip(kept) {
            let learnt = std::mem::replace(&mut self.nodes[node].faces, faces);
            for (face, learnt) in self.nodes[node].faces.iter_mut().zip(learnt) {
                face.absorb(learnt).expect("replicas of one node share its policy");
            }
        }
    }
}

impl Stage for World {
    fn set_up(&mut self, node: usize, up: bool) {
        self.nodes[node].active = up;
    }

    fn is_fragile(&self, node: usize) -> bool {
        self.behaviours[node].crashes()
    }

    /// Finds its place in the broadcast trees, if there are any.
    fn come(&mut self, node: usize) -> Vec<Timer> {
        let driver = self.nodes[node].faces[0].driver();
        self.broadcast.as_mut().map(|trees| trees.come(node, driver)).unwrap_or_default()
    }

    fn appear(&mut self, node: usize) -> Result<(), SimError> {
        if let Some(draft) = self.later.remove(&node) {
            self.contribute(node, draft)?;
        }
        Ok(())
    }

    /// Budgets are full again.
    fn begin_round(&mut self, round: u32) {
        self.round = round;
        let faces = self.nodes.iter_mut().flat_map(|node| &mut node.faces);
        faces.for_each(|face| drop(face.handle(NodeInput::Tick)));
    }

    fn crash(&mut self, node: usize, dice: &mut Dice) {
        self.nodes[node].disk.tear(dice);
    }

    fn restart(&mut self, node: usize) {
        let Equipment { keys, policy, exchange, .. } = &self.equipment;
        let key = keys[node].clone();
        let node = &mut self.nodes[node];
        let state = node.disk.read(policy, &self.arena);
        let replica = Replica::new(key, state, exchange.of_replicas());
        node.faces = vec![Face::new(replica, true)];
        node.measured = Default::default();
    }

    fn persist(&mut self, node: usize, sync: bool) -> bool {
        let publishes = self.behaviours[node].publishes();
        let node = &mut self.nodes[node];
        for face in node.faces.iter_mut().filter(|_| publishes) {
            face.publish();
        }
        let Equipment { disks, tells, .. } = self.equipment;
        if !disks && !tells {
            node.faces.iter_mut().for_each(Face::persisted);
            return false;
        }
        let own = node.state().last_seq(&node.id);
        let news = std::mem::replace(&mut node.own_seq, own) < own;
        if disks {
            let ops = node.faces[0].unwritten();
            node.disk.write(node.faces[0].state(), ops);
            #[cfg(feature = "mutants")]
            let news = news && !crate::mutants::SimMutant::Unsynchronised.is_loose();
            if news || sync {
                node.disk.sync();
            }
        }
        // What is only others' may be lost in a crash; whoever signed it brings it again.
        node.faces.iter_mut().for_each(Face::persisted);
        news
    }

    fn news(&mut self, node: usize) -> Option<Timer> {
        self.broadcast.as_mut().and_then(|trees| trees.news(node))
    }

    fn mark_of_all(&self) -> u64 {
        let roots = self.nodes.iter().map(|node| node.state().ops_root());
        let all = roots.fold(ROUND.fields(), |hash, root| hash.digest(&root)).finish();
        u64::from_le_bytes(*all.as_bytes().first_chunk().expect("a digest is longer"))
    }
}
