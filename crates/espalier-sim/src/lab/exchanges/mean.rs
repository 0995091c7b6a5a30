//! The mean and nothing else, as a yardstick: partial sums flow up a spanning tree, and the mean
//! flows down.
//!
//! Each of the n − 1 links of a breadth-first tree carries the tensors once up and once down, so it
//! costs 2 (n − 1) T bytes of tensors, where exchanging the contributions costs n (n − 1) T. What
//! it cannot do: nobody learns what anybody contributed, so there is no trust, no other strategy
//! and no way to take something back; who comes late is not in it; and all wait for the slowest.
//!
//! A partial sum travels as the mean of a subtree with the subtree's weight, so that it fits into
//! the tensors' type. A node adds in f64, its own tensors first and then its children's in the
//! order of their numbers, and rounds once. With u the rounding unit of the type, m the greatest
//! absolute value and d the depth of the tree, the result is within (d + 1) u m of the exact mean.
//!
//! What is lost is sent again by a timer that doubles, until it is acknowledged.

#[cfg(test)]
mod tests;

use super::drive::{Members, open};
use crate::config::{Clock, Config};
use crate::engine::{Outbox, Population, Time, Timer};
use crate::error::SimError;
use espalier_identity::{Digest, canonical};
use espalier_replica::{Arena, HEADER_LEN};
use espalier_tensor::{Dtype, Model, read_f64, write_f64};
use espalier_topology::Network;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// Elements added at a time.
const BLOCK: usize = 4096;

/// What travels: a packet in canonical bytes, with the header of a frame.
type Message = Arc<[u8]>;

#[derive(Debug, Serialize, Deserialize)]
enum Packet {
    /// The mean of a subtree, with its weight as the bits of an f64.
    Part { weight: u64, tensors: Vec<u8> },
    /// The mean of all.
    Mean { tensors: Vec<u8> },
    /// Confirms that one of them arrived, and which kind.
    Got { mean: bool },
}

/// The nodes on their tree.
#[derive(Debug)]
pub(crate) struct MeanTree {
    members: Vec<Member>,
    layout: Layout,
    /// How long a node waits before it passes on what it has just got.
    hop: Time,
    /// After how long it sends again at first.
    retry: Time,
    /// The number of packets that were sent again.
    resent: u64,
}

#[derive(Debug)]
struct Member {
    up: bool,
    parent: Option<usize>,
    /// Ascending.
    children: Vec<usize>,
    own: Vec<u8>,
    weight: f64,
    /// What came of the children.
    parts: BTreeMap<usize, (f64, Vec<u8>)>,
    mean: Option<Vec<u8>>,
    /// What it sends now, and who has not acknowledged it.
    sending: Option<Message>,
    open: BTreeSet<usize>,
    sent: bool,
    wait: Time,
    /// The only timer that counts.
    token: u64,
}

impl MeanTree {
    /// The nodes of a configuration.
    ///
    /// # Errors
    /// As [`crate::simulate`].
    pub(crate) fn open(config: &Config, network: &Network) -> Result<Self, SimError> {
        let (_, trained) = open(config, &Arena::default())?;
        let period = config.period.0;
        let hop = if config.clock == Clock::Rounds { period } else { 0 };
        Ok(Self::new(network, &trained, hop, period))
    }

    /// The nodes of a network with what they contribute, on the breadth-first tree from node 0. In
    /// rounds a hop takes one.
    pub(crate) fn new(
        network: &Network,
        contributions: &[(Model, f64)],
        hop: Time,
        retry: Time,
    ) -> Self {
        let parents = breadth_first(network);
        let layout = Layout::of(contributions.first().map(|(model, _)| model));
        let member = |(node, (model, weight)): (usize, &(Model, f64))| Member {
            up: true,
            parent: parents[node],
            children: Vec::new(),
            own: model.tensors().flat_map(|(_, content)| content.iter().copied()).collect(),
            weight: *weight,
            parts: BTreeMap::new(),
            mean: None,
            sending: None,
            open: BTreeSet::new(),
            sent: false,
            wait: retry,
            token: 0,
        };
        let members = contributions.iter().enumerate().map(member).collect();
        let mut tree = Self { members, layout, hop, retry, resent: 0 };
        for (node, parent) in parents.into_iter().enumerate() {
            parent.into_iter().for_each(|parent| tree.members[parent].children.push(node));
        }
        tree
    }

    /// The mean as a node has it, in the layout of `like`.
    #[cfg(test)]
    pub(crate) fn mean(&self, node: usize, like: &Model) -> Option<Model> {
        let (mut rest, mut tensors) = (self.members[node].mean.as_deref()?, Vec::new());
        for (meta, content) in like.tensors() {
            let (bytes, after) = rest.split_at(content.len());
            tensors.push((meta.name.clone(), meta.dtype, meta.shape.clone(), bytes.to_vec()));
            rest = after;
        }
        Model::from_tensors(tensors).ok()
    }

    /// Once all its children's parts are here, lets a node send its own; the root has the mean.
    fn gather(&mut self, node: usize) -> u32 {
        let member = &mut self.members[node];
        if member.parts.len() < member.children.len() || member.sending.is_some() {
            return 0;
        }
        let (weight, tensors) = self.layout.mean_of(member);
        if let Some(parent) = member.parent {
            self.send(node, BTreeSet::from([parent]), Packet::Part { weight, tensors });
            return 0;
        }
        self.hand_down(node, tensors);
        1
    }

    fn hand_down(&mut self, node: usize, tensors: Vec<u8>) {
        let member = &mut self.members[node];
        member.mean = Some(tensors.clone());
        let children = member.children.iter().copied().collect();
        self.send(node, children, Packet::Mean { tensors });
    }

    /// From now on a node sends this, in place of what it sent before.
    fn send(&mut self, node: usize, to: BTreeSet<usize>, packet: Packet) {
        let member = &mut self.members[node];
        member.sending = Some(canonical::encode(&packet).into());
        (member.open, member.sent, member.wait) = (to, false, self.retry);
    }

    /// Wakes a node that has something to send when it is to send it.
    fn schedule(&mut self, node: usize, out: &mut Outbox<Message>) {
        let member = &mut self.members[node];
        if !member.sent && !member.open.is_empty() {
            member.token += 1;
            out.set_timer((self.hop, member.token));
        }
    }
}

impl Members for MeanTree {
    fn come(&mut self, node: usize) -> Option<Timer> {
        self.members[node].up = true;
        if self.members[node].sending.is_none() {
            self.gather(node);
        }
        self.members[node].token += 1;
        Some((0, self.members[node].token))
    }

    fn leave(&mut self, node: usize) {
        self.members[node].up = false;
    }

    /// Whether everybody who is up has the mean.
    fn is_done(&self) -> bool {
        self.members.iter().all(|member| !member.up || member.mean.is_some())
    }

    fn is_exact(&self) -> bool {
        false
    }

    fn resent(&self) -> u64 {
        self.resent
    }
}

impl Population for MeanTree {
    type Message = Message;
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

    fn start(&mut self, _: usize, _: usize, _: &mut Outbox<Message>) {}

    fn receive(
        &mut self,
        from: usize,
        to: usize,
        message: Message,
        out: &mut Outbox<Message>,
    ) -> u32 {
        let Ok(packet) = canonical::decode::<Packet>(&message) else { return 0 };
        let member = &mut self.members[to];
        let (mean, learnt) = match packet {
            Packet::Got { mean } => {
                // An old acknowledgement is of what it sent before.
                if mean == member.mean.is_some() {
                    member.open.remove(&from);
                }
                return 0;
            }
            Packet::Part { weight, tensors } => {
                if member.children.contains(&from) && member.mean.is_none() {
                    member.parts.entry(from).or_insert((f64::from_bits(weight), tensors));
                }
                (false, self.gather(to))
            }
            Packet::Mean { tensors } if member.mean.is_none() => {
                self.hand_down(to, tensors);
                (true, 1)
            }
            Packet::Mean { .. } => (true, 0),
        };
        out.push((from, canonical::encode(&Packet::Got { mean }).into()));
        self.schedule(to, out);
        learnt
    }

    fn timer(&mut self, node: usize, token: u64, out: &mut Outbox<Message>) -> u32 {
        let member = &mut self.members[node];
        let Some(message) = member.sending.clone().filter(|_| token == member.token) else {
            return 0;
        };
        if member.open.is_empty() {
            return 0;
        }
        if member.sent {
            self.resent += member.open.len() as u64;
        }
        member.sent = true;
        member.open.iter().for_each(|peer| out.push((*peer, message.clone())));
        out.set_timer((member.wait, token));
        member.wait = member.wait.saturating_mul(2);
        0
    }

    fn bytes(&self, message: &Message) -> u64 {
        (HEADER_LEN + message.len()) as u64
    }

    fn tensor_bytes(&self, message: &Message) -> u64 {
        // The kind comes first.
        if message.first().is_some_and(|kind| *kind < 2) { self.layout.len() } else { 0 }
    }

    fn mark(&self, message: &Message) -> u64 {
        let digest = Digest::of_content(message);
        digest.as_bytes().first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
    }

    fn open(&self, _: [usize; 2]) {}
    fn close(&self, _: [usize; 2], (): &mut ()) {}
    fn snapshot(&self) {}
    fn set_apart(&mut self, _: [usize; 2], (): &()) {}
    fn rejoin(&mut self, _: [usize; 2], (): ()) {}
}

/// Each node's parent on the breadth-first tree from node 0, neighbours ascending. O(edges), and
/// O(n) on a complete graph.
fn breadth_first(network: &Network) -> Vec<Option<usize>> {
    let mut parents = vec![None; network.nodes()];
    let mut left = network.nodes() - 1;
    let mut queue = VecDeque::from([0]);
    while let Some(node) = queue.pop_front().filter(|_| left > 0) {
        for peer in network.neighbours(node) {
            if peer != 0 && parents[peer].is_none() {
                parents[peer] = Some(node);
                left -= 1;
                queue.push_back(peer);
            }
        }
    }
    parents
}

/// The tensors of a model, one after the other: their types and lengths in bytes.
#[derive(Debug)]
struct Layout(Vec<(Dtype, usize)>);

impl Layout {
    fn of(model: Option<&Model>) -> Self {
        let tensors = model.into_iter().flat_map(Model::tensors);
        Self(tensors.map(|(meta, content)| (meta.dtype, content.len())).collect())
    }

    fn len(&self) -> u64 {
        self.0.iter().map(|(_, len)| *len as u64).sum()
    }

    /// The weighted mean of a node's own tensors and its children's parts, and their weight. Other
    /// tensors than floats are the node's own.
    fn mean_of(&self, member: &Member) -> (u64, Vec<u8>) {
        let parts = || member.parts.values().map(|(weight, tensors)| (*weight, tensors));
        let all = || std::iter::once((member.weight, &member.own)).chain(parts());
        let total = all().fold(0.0, |sum, (weight, _)| sum + weight);
        let (mut out, mut begin) = (member.own.clone(), 0);
        let (mut sums, mut values) = (vec![0.0; BLOCK], vec![0.0; BLOCK]);
        for (dtype, len) in &self.0 {
            let end = begin + len;
            let step = BLOCK * dtype.size();
            for at in (begin..end).step_by(step).filter(|_| dtype.is_float()) {
                let range = at..end.min(at + step);
                let count = range.len() / dtype.size();
                sums.fill(0.0);
                for (weight, tensors) in all() {
                    let Some(bytes) = tensors.get(range.clone()) else { continue };
                    read_f64(*dtype, bytes, &mut values[..count]);
                    sums.iter_mut().zip(&values[..count]).for_each(|(s, v)| *s += weight * v);
                }
                sums.iter_mut().for_each(|sum| *sum /= total);
                write_f64(*dtype, &sums[..count], &mut out[range]);
            }
            begin = end;
        }
        (total.to_bits(), out)
    }
}
