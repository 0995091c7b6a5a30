//! A small world: nodes with disks, and mail that is lost, doubled, reordered and late.

use espalier_identity::{Digest, Keypair, PeerId};
use espalier_node::{Node, NodeConfig, NodeEvent, NodeInput, NodeOutput, NodeTensors};
use espalier_replica::{
    Draft, Effect, ExchangeMode, MergeState, Policy, PolicySpec, Replica, SignedOp,
};
use espalier_tensor::{Content, Model};
use espalier_testkit::Dice;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// What may go wrong, in percent.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Weather {
    pub(crate) loss: u64,
    pub(crate) double: u64,
    /// Of a message to come later than those after it.
    pub(crate) late: u64,
    /// Of a disk to take its time at a step.
    pub(crate) slow: u64,
    /// Of a fetch of tensors to fail.
    pub(crate) failing: u64,
}

/// A machine: a node while it runs, and what its disk holds.
#[derive(Debug)]
pub(crate) struct Machine {
    key: Keypair,
    pub(crate) node: Node,
    /// Durable operations.
    pub(crate) disk: Vec<SignedOp>,
    /// Written and not yet durable, by number.
    written: VecDeque<(u64, Vec<SignedOp>)>,
    /// The tensors on the disk.
    tensors: BTreeMap<Digest, Content>,
    models: u32,
    /// Whether its disk has stopped working.
    pub(crate) is_stuck: bool,
}

#[derive(Debug, Clone)]
enum Mail {
    Frame(Vec<u8>),
    Tensors(Vec<(Digest, Content)>),
    /// Tensors that a driver fetched.
    Fetched(Vec<(Digest, Content)>),
}

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) machines: Vec<Machine>,
    policy: Policy,
    config: NodeConfig,
    pub(crate) dice: Dice,
    pub(crate) weather: Weather,
    mail: VecDeque<(usize, usize, Mail)>,
    pub(crate) now: Duration,
    pub(crate) events: Vec<(usize, NodeEvent)>,
    /// How many frames were sent.
    pub(crate) frames: usize,
    /// How many tensors were sent by peers, and how many fetched.
    pub(crate) pushed: usize,
    pub(crate) pulled: usize,
    /// Whether drivers say `Persisted` before it is true: the mistake that the gate is there for.
    pub(crate) hasty: bool,
}

impl Machine {
    /// Whether its disk has something to make durable, and can.
    fn has_work(&self) -> bool {
        !self.is_stuck && !self.written.is_empty()
    }
}

impl World {
    pub(crate) fn new(count: u8, config: NodeConfig, seed: u64) -> Self {
        let keys: Vec<_> = (0..count).map(|i| Keypair::from_seed([i + 1; 32])).collect();
        let roster = keys.iter().map(Keypair::peer_id).collect();
        let spec = PolicySpec { roster, ..PolicySpec::any_schema() };
        let policy = Policy::new(spec).expect("a policy");
        let machine = |key: Keypair| {
            let node = boot(key.clone(), MergeState::new(policy.clone()), config);
            let (disk, written, tensors) = (Vec::new(), VecDeque::new(), BTreeMap::new());
            Machine { key, node, disk, written, tensors, models: 0, is_stuck: false }
        };
        let machines = keys.into_iter().map(machine).collect();
        let mut world = Self {
            machines,
            policy,
            config,
            dice: Dice(seed),
            weather: Weather::default(),
            mail: VecDeque::new(),
            now: Duration::ZERO,
            events: Vec::new(),
            frames: 0,
            pushed: 0,
            pulled: 0,
            hasty: false,
        };
        (0..count.into()).for_each(|at| world.wake(at));
        world
    }

    pub(crate) fn id(&self, at: usize) -> PeerId {
        self.machines[at].key.peer_id()
    }

    /// Tells a node that it runs, and who can be reached.
    fn wake(&mut self, at: usize) {
        for peer in 0..self.machines.len() {
            if peer != at {
                self.handle(at, NodeInput::PeerUp(self.id(peer)));
            }
        }
        self.handle(at, NodeInput::Tick);
    }

    pub(crate) fn handle(&mut self, at: usize, input: NodeInput) {
        let outputs = self.machines[at].node.handle(input, self.now);
        self.carry_out(at, outputs);
    }

    /// Lets a node contribute a model of its own.
    pub(crate) fn contribute(&mut self, at: usize) {
        let machine = &mut self.machines[at];
        machine.models += 1;
        let values = [at as f32, machine.models as f32, self.dice.below(1 << 20) as f32];
        let model = Model::from_f32(&[("w", &[3], &values)]).expect("a model");
        let content = model.content(0).clone();
        machine.tensors.insert(content.digest(), content);
        let draft = Draft::new("model", model);
        let done = machine.node.change(|state, key| state.add(key, draft));
        let (_, outputs) = done.expect("legal");
        self.carry_out(at, outputs);
    }

    fn carry_out(&mut self, at: usize, outputs: Vec<NodeOutput>) {
        for output in outputs {
            match output {
                NodeOutput::Persist { number, ops } => {
                    let ops = ops.ops().map(|op| op.signed().clone()).collect();
                    self.machines[at].written.push_back((number, ops));
                    if self.hasty {
                        self.handle(at, NodeInput::Persisted(number));
                    }
                }
                NodeOutput::Effect(Effect::Send { to, frame }) => {
                    self.frames += 1;
                    self.post(at, to, &Mail::Frame(frame));
                }
                NodeOutput::Effect(Effect::Provide { to, contents }) => {
                    let store = self.machines[at].node.state().arena().store().clone();
                    let bytes = |digest| Some((digest, store.get(&digest)?));
                    let tensors: Vec<_> = contents.into_iter().filter_map(bytes).collect();
                    self.pushed += tensors.len();
                    self.post(at, to, &Mail::Tensors(tensors));
                }
                NodeOutput::Effect(Effect::Fetch { from, contents }) => {
                    self.fetch(at, from, &contents);
                }
                NodeOutput::Tell(event) => self.events.push((at, event)),
                _ => {}
            }
        }
    }

    fn post(&mut self, from: usize, to: PeerId, mail: &Mail) {
        let to = self.place(to);
        let Weather { loss, double, .. } = self.weather;
        for _ in 0..1 + usize::from(self.dice.percent(double)) {
            if !self.dice.percent(loss) {
                self.mail.push_back((from, to, mail.clone()));
            }
        }
    }

    /// Gets what a peer's store has, unless that fails. Then nobody is told.
    fn fetch(&mut self, at: usize, from: PeerId, contents: &[Digest]) {
        let from = self.place(from);
        let has = &self.machines[from].tensors;
        let bytes = |digest: &Digest| Some((*digest, has.get(digest)?.clone()));
        let tensors: Vec<_> = contents.iter().filter_map(bytes).collect();
        if !self.dice.percent(self.weather.failing) && !tensors.is_empty() {
            self.pulled += tensors.len();
            self.mail.push_back((from, at, Mail::Fetched(tensors)));
        }
    }

    fn place(&self, peer: PeerId) -> usize {
        (0..self.machines.len()).find(|at| self.id(*at) == peer).expect("a peer")
    }

    /// Makes durable what a machine has written, or the first part of it.
    fn sync(&mut self, at: usize) {
        let machine = &mut self.machines[at];
        let Some((number, ops)) = machine.written.pop_front() else { return };
        machine.disk.extend(ops);
        self.handle(at, NodeInput::Persisted(number));
    }

    /// Takes the power away and brings it back: the node knows what its disk holds.
    pub(crate) fn crash(&mut self, at: usize) {
        let machine = &mut self.machines[at];
        machine.written.clear();
        let mut state = MergeState::new(self.policy.clone());
        for content in machine.tensors.values() {
            state.arena().store().put(content.clone());
        }
        state.apply(machine.disk.clone()).expect("what was durable");
        machine.node = boot(machine.key.clone(), state, self.config);
        self.mail.retain(|(_, to, _)| *to != at);
        for peer in (0..self.machines.len()).filter(|peer| *peer != at) {
            let peer_id = self.id(at);
            self.handle(peer, NodeInput::PeerDown(peer_id));
            self.handle(peer, NodeInput::PeerUp(peer_id));
        }
        self.wake(at);
    }

    /// Lets a tick pass: disks, then mail until none is left, then clocks.
    pub(crate) fn tick(&mut self) {
        let mut postponed = 0;
        loop {
            for at in 0..self.machines.len() {
                while self.machines[at].has_work() && !self.dice.percent(self.weather.slow) {
                    self.sync(at);
                }
            }
            let Some((from, to, mail)) = self.mail.pop_front() else { break };
            if postponed < 100 && self.dice.percent(self.weather.late) {
                postponed += 1;
                self.mail.push_back((from, to, mail));
                continue;
            }
            self.deliver(from, to, mail);
        }
        self.now += self.config.tick;
        (0..self.machines.len()).for_each(|at| self.handle(at, NodeInput::Tick));
    }

    fn deliver(&mut self, from: usize, to: usize, mail: Mail) {
        let sender = self.id(from);
        match mail {
            Mail::Frame(frame) => self.handle(to, NodeInput::Frame { from: sender, frame }),
            Mail::Tensors(tensors) | Mail::Fetched(tensors) => {
                let addresses = tensors.iter().map(|(digest, _)| *digest).collect();
                for (digest, content) in tensors {
                    self.machines[to].node.state().arena().store().put(content.clone());
                    self.machines[to].tensors.insert(digest, content);
                }
                self.handle(to, NodeInput::TensorsStored(addresses));
            }
        }
    }

    /// Whether all nodes hold the same.
    pub(crate) fn agree(&self) -> bool {
        let hashes = self.machines.iter().map(|machine| machine.node.state().state_hash());
        let mut hashes: Vec<_> = hashes.collect();
        hashes.dedup();
        hashes.len() == 1
    }

    /// How many convictions there are, whoever holds them.
    pub(crate) fn convictions(&self) -> usize {
        self.machines.iter().map(|m| m.node.state().evidence().convicted().len()).max().unwrap_or(0)
    }
}

/// A node; where drivers fetch, no tensors travel inside frames.
fn boot(key: Keypair, state: MergeState, config: NodeConfig) -> Node {
    let mut replica = Replica::new(key, state, ExchangeMode::Delta);
    if config.tensors == NodeTensors::Pulled {
        replica.set_inline_limit(0);
    }
    Node::new(replica, config)
}
