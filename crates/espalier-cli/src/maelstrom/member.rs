//! A node that knows its name: it carries its inputs and outputs as messages of Maelstrom.

use super::element::{Elements, canonical, model};
use super::message::{Cargo, Gossip, Refusal, line};
use super::output::Output;
use espalier::identity::{Digest, Domain, Keypair, PeerId};
use espalier::node::{self, NodeEvent, NodeInput};
use espalier::replica::{
    Blob, Draft, Effect, ExchangeMode, MergeState, Policy, PolicySpec, Replica,
};
use espalier::tensor::Content;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

static KEY: Domain = Domain::new("espalier maelstrom test key v1");

/// The key of a node: anybody can compute it from the name. For tests only.
pub(super) fn key_of(name: &str) -> Keypair {
    Keypair::from_seed(*KEY.hash(name.as_bytes()).as_bytes())
}

/// What is to go to one peer.
#[derive(Debug, Default)]
struct Parcel {
    frames: Vec<Blob>,
    contents: BTreeSet<Digest>,
}

/// A node, the names of its peers, and the elements that it shows.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) name: String,
    names: BTreeMap<PeerId, String>,
    peers: BTreeMap<String, PeerId>,
    node: node::Node,
    elements: Elements,
    /// Ticks so far, as time.
    now: Duration,
}

impl Member {
    /// The node `name` of all `names`. The roster is the keys of all; otherwise the policy is the
    /// default.
    pub(super) fn new(name: &str, names: &BTreeSet<String>) -> Option<Self> {
        let key = key_of(name);
        let peer = |name: &String| (name.clone(), key_of(name).peer_id());
        let peers: BTreeMap<_, _> = names.iter().map(peer).collect();
        let roster: Vec<_> = peers.values().copied().collect();
        let policy = Policy::new(PolicySpec { roster, ..PolicySpec::any_schema() }).ok()?;
        let mut replica = Replica::new(key, MergeState::new(policy), ExchangeMode::Delta);
        // Its tensors are sixteen bytes long.
        replica.set_bare_pulls(false);
        let node = node::Node::new(replica, node::NodeConfig::default());
        let names = peers.iter().map(|(name, peer)| (*peer, name.clone())).collect();
        let (name, elements, now) = (name.to_owned(), Elements::default(), Duration::ZERO);
        Some(Self { name, names, peers, node, elements, now })
    }

    /// Says that everybody can be reached, as far as the network goes.
    pub(super) fn begin(&mut self, out: &mut Vec<Output>) {
        for peer in self.names.keys().copied().collect::<Vec<_>>() {
            self.handle(NodeInput::PeerUp(peer), out);
        }
    }

    /// Whether it was told these nodes.
    pub(super) fn knows(&self, names: &BTreeSet<String>) -> bool {
        self.peers.keys().eq(names)
    }

    /// The key of a node.
    pub(super) fn peer(&self, name: &str) -> Option<PeerId> {
        self.peers.get(name).copied()
    }

    /// All elements, ascending by their text.
    pub(super) fn elements(&self) -> Vec<Value> {
        self.elements.list()
    }

    /// Takes neighbours from a topology: whom the node names and who names it, so that of two
    /// neighbours each tells the other.
    pub(super) fn set_topology(
        &mut self,
        topology: &BTreeMap<String, Vec<String>>,
        out: &mut Vec<Output>,
    ) {
        let named = topology.get(&self.name).into_iter().flatten();
        let naming = topology.iter().filter(|(_, named)| named.contains(&self.name));
        let neighbours = named.chain(naming.map(|(name, _)| name));
        let neighbours = neighbours.filter_map(|name| self.peer(name)).collect();
        let outputs = self.node.set_neighbours(neighbours);
        self.carry_out(outputs, out);
    }

    /// Adds an element: signs a contribution that carries it, unless it is in. When this returns
    /// it is in the state.
    ///
    /// # Errors
    /// [`Refusal`]; nothing was added.
    pub(super) fn add(&mut self, element: &Value, out: &mut Vec<Output>) -> Result<(), Refusal> {
        let text = canonical(element)?;
        if self.elements.contains(&text) {
            return Ok(());
        }
        let author = self.node.id();
        let draft = Draft::new(text, model(&author, self.node.state().last_seq(&author) + 1)?);
        let (_, outputs) = self.node.change(|state, key| state.add(key, draft))?;
        self.carry_out(outputs, out);
        Ok(())
    }

    /// Lets a period pass: a tick of the node.
    pub(super) fn tick(&mut self, out: &mut Vec<Output>) {
        self.now += node::NodeConfig::default().tick;
        self.handle(NodeInput::Tick, out);
    }

    /// Takes a message of a peer.
    pub(super) fn receive(&mut self, from: PeerId, gossip: Gossip, out: &mut Vec<Output>) {
        let Gossip { frames, cargo } = gossip;
        let mut outputs = Vec::new();
        if let Some(Cargo { envelope, tensors }) = cargo {
            let tensors = tensors.into_iter().map(|(at, bytes)| (at, Content::from(bytes.0)));
            let input = NodeInput::Tensors { from, envelope, tensors: tensors.collect() };
            outputs.extend(self.node.handle(input, self.now));
        }
        for frame in frames {
            let input = NodeInput::Frame { from, frame: frame.0.to_vec() };
            outputs.extend(self.node.handle(input, self.now));
        }
        self.carry_out(outputs, out);
    }

    fn handle(&mut self, input: NodeInput, out: &mut Vec<Output>) {
        let outputs = self.node.handle(input, self.now);
        self.carry_out(outputs, out);
    }

    /// Carries out what the node wants: one message for each peer. Nothing is kept over a restart,
    /// so what is to be durable is so at once.
    fn carry_out(&mut self, outputs: Vec<node::NodeOutput>, out: &mut Vec<Output>) {
        let (mut parcels, mut todo) = (BTreeMap::<PeerId, Parcel>::new(), VecDeque::from(outputs));
        while let Some(output) = todo.pop_front() {
            match output {
                node::NodeOutput::Persist { number, ops } => {
                    ops.ops().for_each(|op| self.elements.take(op));
                    todo.extend(self.node.handle(NodeInput::Persisted(number), self.now));
                }
                node::NodeOutput::Effect(Effect::Send { to, frame }) => {
                    parcels.entry(to).or_default().frames.push(frame.into());
                }
                node::NodeOutput::Effect(Effect::Provide { to, contents }) => {
                    parcels.entry(to).or_default().contents.extend(contents);
                }
                node::NodeOutput::Tell(NodeEvent::Refused { from, error }) => {
                    let from = self.names.get(&from).map_or("?", String::as_str);
                    out.push(Output::Complaint(format!("{}: from {from}: {error}", self.name)));
                }
                _ => {}
            }
        }
        for (to, Parcel { frames, contents }) in parcels {
            let Some(dest) = self.names.get(&to) else { continue };
            let gossip = Gossip { frames, cargo: self.load(&contents) };
            match line(&self.name, dest, &gossip) {
                Ok(line) => out.push(Output::Line(line)),
                Err(error) => out.push(Output::Complaint(error.to_string())),
            }
        }
    }

    /// Puts tensors into an envelope.
    fn load(&self, contents: &BTreeSet<Digest>) -> Option<Cargo> {
        let store = self.node.state().arena().store();
        let found = contents.iter().filter_map(|address| Some((*address, store.get(address)?)));
        let tensors: Vec<_> = found.map(|(at, content)| (at, Blob(content.to_vec()))).collect();
        if tensors.is_empty() {
            return None;
        }
        let sent: Vec<_> = tensors.iter().map(|(address, _)| (*address, *address)).collect();
        Some(Cargo { envelope: self.node.replica().seal(&sent), tensors })
    }
}
