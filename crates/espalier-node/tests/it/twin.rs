//! A commanded node does what its replica does: what is tested of replicas holds for nodes.

use espalier_identity::{Keypair, PeerId};
use espalier_node::{Command, Node, NodeConfig, NodeInput, NodeOutput, NodeSchedule};
use espalier_replica::{
    Body, Draft, Effect, ExchangeMode, MergeState, Policy, PolicySpec, Replica, SignedOp,
};
use espalier_tensor::Model;
use espalier_testkit::Dice;
use std::collections::VecDeque;
use std::time::Duration;

/// A replica, and a node with a replica like it.
struct Twins {
    replica: Replica,
    node: Node,
}

impl Twins {
    fn new(key: &Keypair, policy: &Policy, exchange: ExchangeMode) -> Self {
        let state = MergeState::new(policy.clone());
        let mut replica = Replica::new(key.clone(), state, exchange);
        replica.set_inline_limit(8);
        let config = NodeConfig {
            schedule: NodeSchedule::Commanded,
            tick: Duration::ZERO,
            ..NodeConfig::default()
        };
        Self { node: Node::new(replica.clone(), config), replica }
    }

    /// What both want done by an input, which must be the same.
    fn handle(&mut self, input: NodeInput) -> Vec<Effect> {
        let effects = match &input {
            NodeInput::Frame { from, frame } => {
                self.replica.receive(*from, frame).unwrap_or_default().effects
            }
            NodeInput::TensorsStored(contents) => self.replica.tensors_stored(contents).effects,
            NodeInput::Command(Command::Exchange(peer)) => self.replica.start(*peer),
            NodeInput::Command(Command::Publish) => {
                self.replica.publish();
                Vec::new()
            }
            NodeInput::Tick => {
                self.replica.tick();
                Vec::new()
            }
            other => panic!("{other:?}"),
        };
        let effects: Vec<_> = effects.into_iter().map(Effect::asked_by_frame).collect();
        let outputs = self.node.handle(input, Duration::ZERO);
        assert_eq!(self.carry_out(outputs), effects);
        assert!(self.node.state() == self.replica.state());
        effects
    }

    /// The effects of these outputs. What is to be durable is so at once.
    fn carry_out(&mut self, outputs: Vec<NodeOutput>) -> Vec<Effect> {
        let (mut effects, mut work) = (Vec::new(), VecDeque::from(outputs));
        while let Some(output) = work.pop_front() {
            match output {
                NodeOutput::Effect(effect) => effects.push(effect),
                NodeOutput::Persist { number, .. } => {
                    let persisted = NodeInput::Persisted(number);
                    work.extend(self.node.handle(persisted, Duration::ZERO));
                }
                _ => {}
            }
        }
        effects
    }

    fn contribute(&mut self, values: &[f32]) {
        let draft = || {
            let shape = [values.len() as u64];
            Draft::new("m", Model::from_f32(&[("w", &shape, values)]).expect("a model"))
        };
        self.replica.change(|state, key| state.add(key, draft())).expect("legal");
        let (_, outputs) = self.node.change(|state, key| state.add(key, draft())).expect("legal");
        assert!(self.carry_out(outputs).is_empty());
    }

    fn take(&mut self, op: &SignedOp) {
        let take = |state: &mut MergeState| {
            state.apply(vec![op.clone()]).expect("well formed");
            Ok(())
        };
        self.replica.change(|state, _| take(state)).expect("taken in");
        let (_, outputs) = self.node.change(|state, _| take(state)).expect("taken in");
        self.carry_out(outputs);
    }
}

#[test]
fn a_commanded_node_does_what_its_replica_does() {
    for exchange in [ExchangeMode::Delta, ExchangeMode::FullState, ExchangeMode::Intervals] {
        for seed in 0..12 {
            run(exchange, &mut Dice(seed));
        }
    }
}

fn run(exchange: ExchangeMode, dice: &mut Dice) {
    let keys: Vec<_> = (1..=4).map(|i| Keypair::from_seed([i; 32])).collect();
    let ids: Vec<_> = keys.iter().map(Keypair::peer_id).collect();
    let spec = PolicySpec { roster: ids.clone(), ..PolicySpec::any_schema() };
    let policy = Policy::new(spec).expect("a policy");
    let mut all: Vec<_> = keys[..3].iter().map(|k| Twins::new(k, &policy, exchange)).collect();
    for _ in 0..25 {
        let at = dice.below(3);
        match dice.below(5) {
            0 => {
                let count = 1 + dice.below(4);
                let values: Vec<_> = (0..count).map(|_| dice.draw() as u16 as f32).collect();
                all[at].contribute(&values);
            }
            // The fourth author forks, and does not exchange anything itself.
            1 => {
                let mut op =
                    all[at].replica.state().next_op(ids[3], Body::Retract { targets: Vec::new() });
                op.lamport += dice.below(3) as u64;
                all[at].take(&op.sign(&keys[3]));
            }
            2 => drop(all[at].handle(NodeInput::Command(Command::Publish))),
            3 => drop(all[at].handle(NodeInput::Tick)),
            _ => {
                let to = (at + 1 + dice.below(2)) % 3;
                talk(&mut all, &ids, [at, to], dice);
            }
        }
    }
}

/// An exchange over links that lose.
fn talk(all: &mut [Twins], ids: &[PeerId], [from, to]: [usize; 2], dice: &mut Dice) {
    let begun = all[from].handle(NodeInput::Command(Command::Exchange(ids[to])));
    let mut mail: VecDeque<_> = begun.into_iter().map(|effect| (from, effect)).collect();
    while let Some((from, effect)) = mail.pop_front() {
        let Some(to) = ids[..3].iter().position(|id| *id == effect.peer()) else { continue };
        let input = match effect {
            _ if dice.percent(5) => continue,
            Effect::Send { frame, .. } => NodeInput::Frame { from: ids[from], frame },
            Effect::Provide { contents, .. } => {
                let source = all[from].replica.state().arena().store().clone();
                for state in [all[to].replica.state(), all[to].node.state()] {
                    for digest in &contents {
                        state.arena().store().put(source.get(digest).expect("held"));
                    }
                }
                NodeInput::TensorsStored(contents)
            }
            Effect::Fetch { .. } => panic!("asked by a frame"),
        };
        let answers = all[to].handle(input);
        mail.extend(answers.into_iter().map(|effect| (to, effect)));
    }
}
