//! Broadcast trees over a network in virtual time.

use espalier_identity::{Digest, Keypair, PeerId};
use espalier_node::{
    Node, NodeConfig, NodeInput, NodeOutput, NodeSchedule, Trees, TreesConfig, TreesInput,
    TreesOutput, TreesTimer,
};
use espalier_replica::{Draft, Effect, ExchangeMode, MergeState, Policy, PolicySpec, Replica};
use espalier_tensor::Model;
use std::collections::BTreeMap;
use std::time::Duration;

/// How long every message takes.
const LATENCY: Duration = Duration::from_millis(20);

#[derive(Debug)]
enum Event {
    Message(PeerId, Vec<u8>),
    Closed(PeerId),
    Timer(TreesTimer),
    Frame(PeerId, Vec<u8>),
    Tensors(Vec<Digest>),
}

/// Nodes that begin no exchanges, so that only their trees bring anything.
struct Net {
    nodes: Vec<(Node, Trees)>,
    ids: Vec<PeerId>,
    /// By time and order of filing, and where it happens.
    events: BTreeMap<(Duration, usize), (usize, Event)>,
    filed: usize,
    now: Duration,
    /// Numbers to be made durable, of nodes whose disk is held up.
    held_up: Vec<(usize, u64)>,
    is_held_up: bool,
    /// What was broadcast: operations a node heard of.
    heard: usize,
}

impl Net {
    fn new(count: u8) -> Self {
        let keys: Vec<_> = (1..=count).map(|i| Keypair::from_seed([i; 32])).collect();
        let ids: Vec<_> = keys.iter().map(Keypair::peer_id).collect();
        let spec = PolicySpec { roster: ids.clone(), ..PolicySpec::any_schema() };
        let policy = Policy::new(spec).expect("a policy");
        let node = |(i, key): (usize, Keypair)| {
            let id = key.peer_id();
            let replica = Replica::new(key, MergeState::new(policy.clone()), ExchangeMode::Delta);
            let config = NodeConfig { schedule: NodeSchedule::Commanded, ..NodeConfig::default() };
            let settle = Duration::from_millis(1000 + 50 * i as u64);
            let retry = Duration::from_secs(1);
            let topic = Digest::of_content(b"a federation");
            let config_of_trees = TreesConfig { topic, settle, retry, announced: 0 };
            (Node::new(replica, config), Trees::new(id, config_of_trees, [i as u8; 32]))
        };
        let nodes = keys.into_iter().enumerate().map(node).collect();
        let (events, held_up) = (BTreeMap::new(), Vec::new());
        let now = Duration::ZERO;
        let mut net =
            Self { nodes, ids, events, filed: 0, now, held_up, is_held_up: false, heard: 0 };
        (0..count.into()).for_each(|at| net.tell(at, TreesInput::Begin));
        net
    }

    fn file(&mut self, after: Duration, at: usize, event: Event) {
        self.events.insert((self.now + after, self.filed), (at, event));
        self.filed += 1;
    }

    fn at(&self, peer: PeerId) -> usize {
        self.ids.iter().position(|id| *id == peer).expect("a peer")
    }

    fn tell(&mut self, at: usize, input: TreesInput) {
        let (node, trees) = &mut self.nodes[at];
        for output in trees.handle(input, node, self.now) {
            match output {
                TreesOutput::Send { to, message } => {
                    let to = self.at(to);
                    self.file(LATENCY, to, Event::Message(self.ids[at], message));
                }
                TreesOutput::Close(peer) => {
                    let to = self.at(peer);
                    self.file(LATENCY, to, Event::Closed(self.ids[at]));
                }
                TreesOutput::Heard { from, frame } => {
                    self.heard += 1;
                    self.file(Duration::ZERO, at, Event::Frame(from, frame));
                }
                // Everybody knows the first node, which knows nobody.
                TreesOutput::NeedsContacts => {
                    let known = self.ids[..at.min(1)].to_vec();
                    self.tell(at, TreesInput::Join(known));
                }
                TreesOutput::Wake { after, timer } => self.file(after, at, Event::Timer(timer)),
                _ => {}
            }
        }
    }

    fn handle(&mut self, at: usize, input: NodeInput) {
        let outputs = self.nodes[at].0.handle(input, self.now);
        self.carry_out(at, outputs);
    }

    fn carry_out(&mut self, at: usize, outputs: Vec<NodeOutput>) {
        for output in outputs {
            match output {
                NodeOutput::Persist { number, .. } if self.is_held_up => {
                    self.held_up.push((at, number));
                }
                NodeOutput::Persist { number, .. } => self.persisted(at, number),
                NodeOutput::Effect(Effect::Send { to, frame }) => {
                    let to = self.at(to);
                    self.file(LATENCY, to, Event::Frame(self.ids[at], frame));
                }
                NodeOutput::Effect(Effect::Provide { to, contents }) => {
                    let (to, from) = (self.at(to), self.nodes[at].0.state().arena().store());
                    let store = self.nodes[to].0.state().arena().store();
                    for digest in &contents {
                        store.put(from.get(digest).expect("held"));
                    }
                    self.file(LATENCY, to, Event::Tensors(contents));
                }
                _ => {}
            }
        }
    }

    fn persisted(&mut self, at: usize, number: u64) {
        self.handle(at, NodeInput::Persisted(number));
        self.tell(at, TreesInput::News);
    }

    fn contribute(&mut self, at: usize) {
        let model = Model::from_f32(&[("w", &[1], &[at as f32])]).expect("a model");
        let draft = Draft::new("model", model);
        let done = self.nodes[at].0.change(|state, key| state.add(key, draft));
        self.carry_out(at, done.expect("legal").1);
    }

    fn run(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(entry) = self.events.first_entry().filter(|entry| entry.key().0 <= end) {
            let ((now, _), (at, event)) = entry.remove_entry();
            self.now = now;
            match event {
                Event::Message(from, message) => {
                    self.tell(at, TreesInput::Message { from, message });
                }
                Event::Closed(peer) => self.tell(at, TreesInput::Closed(peer)),
                Event::Timer(timer) => self.tell(at, TreesInput::Timer(timer)),
                Event::Frame(from, frame) => self.handle(at, NodeInput::Frame { from, frame }),
                Event::Tensors(contents) => self.handle(at, NodeInput::TensorsStored(contents)),
            }
        }
        self.now = end;
    }

    /// How many operations each node holds.
    fn counts(&self) -> Vec<usize> {
        self.nodes.iter().map(|(node, _)| node.state().op_count()).collect()
    }
}

#[test]
fn what_a_node_signs_reaches_everybody_over_the_trees_alone() {
    let mut net = Net::new(12);
    net.contribute(3);
    net.run(Duration::from_secs(4));
    assert!(net.nodes.iter().all(|(_, trees)| trees.is_connected() && trees.is_settled()));
    assert_eq!(net.counts(), [1; 12], "what was signed before the tree formed");
    assert!(net.nodes[3].1.announced() == 1 && net.heard == 11);
    net.contribute(7);
    // Deeper than that no tree of twelve is; then the tensors follow, with a way back and forth.
    net.run(LATENCY * 24);
    assert_eq!(net.counts(), [2; 12]);
}

#[test]
fn nothing_is_announced_before_it_is_durable() {
    let mut net = Net::new(4);
    net.run(Duration::from_secs(3));
    net.is_held_up = true;
    net.contribute(1);
    net.tell(1, TreesInput::News);
    net.run(Duration::from_secs(3));
    assert_eq!((net.counts(), net.heard), (vec![0, 1, 0, 0], 0));
    net.is_held_up = false;
    for (at, number) in std::mem::take(&mut net.held_up) {
        net.persisted(at, number);
    }
    net.run(Duration::from_secs(1));
    assert_eq!(net.counts(), [1; 4]);
}

#[test]
fn bytes_of_strangers_do_nothing() {
    let mut net = Net::new(2);
    net.run(Duration::from_secs(3));
    for message in [Vec::new(), vec![0; 40], vec![0xff; 3000]] {
        let (node, trees) = &mut net.nodes[0];
        let from = PeerId::from_bytes([9; 32]);
        let outputs = trees.handle(TreesInput::Message { from, message }, node, net.now);
        assert!(outputs.is_empty(), "{outputs:?}");
    }
}
