//! A node that knows its name: a replica among its peers, driven by messages and ticks.

use super::element::{Elements, TENSOR_LEN, canonical, model};
use super::links::Links;
use super::message::{Cargo, Gossip, Refusal, line};
use super::node::Output;
use espalier::identity::{Digest, Domain, Keypair, PeerId};
use espalier::replica::{Blob, Draft, Effect, Exchange, MergeState, Policy, PolicySpec, Replica};
use espalier::tensor::Content;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

static KEY: Domain = Domain::new("espalier maelstrom test key v1");

/// The key of a node: anybody can compute it from the name. For tests only.
fn key_of(name: &str) -> Keypair {
    Keypair::from_seed(*KEY.hash(name.as_bytes()).as_bytes())
}

/// What is to go to one peer.
#[derive(Debug, Default)]
struct Parcel {
    frames: Vec<Blob>,
    contents: BTreeSet<Digest>,
}

/// A replica, who its peers are, and what it keeps of them.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) name: String,
    names: BTreeMap<PeerId, String>,
    peers: BTreeMap<String, PeerId>,
    replica: Replica,
    elements: Elements,
    links: Links,
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
        let links = Links::new(key.peer_id(), peers.values().copied());
        let mut replica = Replica::new(key, MergeState::new(policy), Exchange::Delta);
        // Tensors go along with operations in a way of their own.
        replica.set_inline_limit(0);
        let names = peers.iter().map(|(name, peer)| (*peer, name.clone())).collect();
        let (name, elements) = (name.to_owned(), Elements::default());
        Some(Self { name, names, peers, replica, elements, links })
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
    pub(super) fn set_topology(&mut self, topology: &BTreeMap<String, Vec<String>>) {
        let named = topology.get(&self.name).into_iter().flatten();
        let naming = topology.iter().filter(|(_, named)| named.contains(&self.name));
        let neighbours = named.chain(naming.map(|(name, _)| name));
        let neighbours = neighbours.filter_map(|name| self.peer(name)).collect();
        self.links.set_neighbours(&neighbours);
    }

    /// Adds an element: signs a contribution that carries it, unless it is in. When this returns
    /// it is in the state.
    ///
    /// # Errors
    /// [`Refusal`]; nothing was added.
    pub(super) fn add(&mut self, element: &Value) -> Result<(), Refusal> {
        let text = canonical(element)?;
        if self.elements.contains(&text) {
            return Ok(());
        }
        let author = self.replica.id();
        let seq = self.replica.state().frontier().0.get(&author).map_or(1, |seq| seq + 1);
        let draft = Draft::new(text, model(&author, seq)?);
        self.replica.change(|state, key| state.add(key, draft))?;
        self.elements.refresh(self.replica.state());
        Ok(())
    }

    /// Lets time pass.
    pub(super) fn tick(&mut self) -> Vec<Output> {
        self.replica.tick();
        let probed = self.links.tick();
        let mut out = Vec::new();
        if let Some(peer) = probed {
            let effects = self.replica.start(peer);
            self.dispatch(0, effects, &mut out);
        }
        self.spread(&mut out);
        out
    }

    /// Begins the exchanges that are due.
    pub(super) fn spread(&mut self, out: &mut Vec<Output>) {
        for peer in self.links.due(self.replica.state().ops_root()) {
            let effects = self.replica.start(peer);
            self.dispatch(0, effects, out);
        }
    }

    /// Takes a step of an exchange from a peer.
    pub(super) fn receive(&mut self, from: PeerId, gossip: Gossip, out: &mut Vec<Output>) {
        let Gossip { step, root, frames, cargo } = gossip;
        if !self.links.hear(&from, step, root) {
            return;
        }
        let mut effects = Vec::new();
        if let Some(cargo) = cargo {
            self.unload(from, cargo, &mut effects, out);
        }
        for frame in frames {
            match self.replica.receive(from, &frame.0) {
                Ok(received) => effects.extend(received.effects),
                Err(error) => out.push(self.complaint(&from, &error)),
            }
        }
        self.elements.refresh(self.replica.state());
        let answered = !effects.is_empty();
        self.links.answered(&from, step, answered, self.replica.state().ops_root());
        self.dispatch(step.saturating_add(1), effects, out);
        self.spread(out);
    }

    /// Takes in tensors. They come with the operations that name them, to save asking, so nothing
    /// waits for them yet.
    fn unload(
        &mut self,
        from: PeerId,
        cargo: Cargo,
        effects: &mut Vec<Effect>,
        out: &mut Vec<Output>,
    ) {
        let tensors = cargo.tensors.into_iter().map(|(address, bytes)| (address, bytes.0));
        // No node of this kind makes another length. What is kept unasked has to be small.
        let tensors = tensors.filter(|(_, bytes)| bytes.len() == TENSOR_LEN);
        let tensors: Vec<_> = tensors.map(|(at, bytes)| (at, Content::from(bytes))).collect();
        match self.replica.receive_tensors(&cargo.envelope, tensors.clone()) {
            Ok(received) => effects.extend(received.effects),
            Err(error) => {
                out.push(self.complaint(&from, &error));
                return;
            }
        }
        let store = self.replica.state().arena().store();
        let kept: Vec<_> = tensors.into_iter().map(|(_, content)| store.put(content)).collect();
        self.links.shared(&from, &kept);
        effects.extend(self.replica.tensors_stored(&kept).effects);
    }

    /// Sends what a replica wants sent: one message for each peer. With operations go the tensors
    /// of visible contributions that were never shared with the peer.
    fn dispatch(&mut self, step: u64, effects: Vec<Effect>, out: &mut Vec<Output>) {
        let mut parcels = BTreeMap::<PeerId, Parcel>::new();
        for effect in effects {
            match effect {
                Effect::Send { to, frame } => {
                    parcels.entry(to).or_default().frames.push(frame.into());
                }
                Effect::Provide { to, contents } => {
                    parcels.entry(to).or_default().contents.extend(contents);
                }
            }
        }
        for (to, Parcel { frames, mut contents }) in parcels {
            if step >= 2 {
                contents.extend(self.links.unshared(&to, &self.visible_contents()));
            }
            let Some(dest) = self.names.get(&to) else { continue };
            let root = self.replica.state().ops_root();
            let gossip = Gossip { step, root, frames, cargo: self.load(&contents) };
            match line(&self.name, dest, &gossip) {
                Ok(line) => out.push(Output::Line(line)),
                Err(error) => out.push(Output::Complaint(error.to_string())),
            }
        }
    }

    fn visible_contents(&self) -> BTreeSet<Digest> {
        let visible = self.replica.state().visible().filter_map(|entry| entry.contribution());
        visible.flat_map(|(c, _)| c.manifest.tensors()).map(|meta| meta.content).collect()
    }

    /// Puts tensors into an envelope.
    fn load(&self, contents: &BTreeSet<Digest>) -> Option<Cargo> {
        let store = self.replica.state().arena().store();
        let found = contents.iter().filter_map(|address| Some((*address, store.get(address)?)));
        let tensors: Vec<_> = found.map(|(at, content)| (at, Blob(content.to_vec()))).collect();
        if tensors.is_empty() {
            return None;
        }
        let sent: Vec<_> = tensors.iter().map(|(address, _)| (*address, *address)).collect();
        Some(Cargo { envelope: self.replica.seal(&sent), tensors })
    }

    fn complaint(&self, from: &PeerId, error: &impl std::fmt::Display) -> Output {
        let from = self.names.get(from).map_or("?", String::as_str);
        Output::Complaint(format!("{}: from {from}: {error}", self.name))
    }
}
