//! A face of a node: the driver that real nodes run, commanded by the simulator.

use espalier_identity::{Keypair, PeerId};
use espalier_node::{
    Command, Node as Driver, NodeConfig, NodeInput, NodeOutput, NodeSchedule, NodeTensors,
};
use espalier_replica::{ApplyError, ChangeError, Delta, Effect, MergeState, Replica};
use std::time::Duration;

/// Exchanges begin when the engine says so, and a tick is whenever it gives one.
const COMMANDED: NodeConfig = NodeConfig {
    schedule: NodeSchedule::Commanded,
    tensors: NodeTensors::Pushed,
    tick: Duration::ZERO,
    fanout: usize::MAX,
    patience: 1,
    probe: 1,
    longest_pause: 1,
};

/// What a node shows its peers.
#[derive(Debug, Clone)]
pub(crate) struct Face {
    driver: Driver,
    /// Whether what is to be durable is written anywhere.
    logs: bool,
    /// What is to be written, and the number of the last of it.
    unwritten: Vec<Delta>,
    number: u64,
}

impl Face {
    /// `logs` says whether somebody asks for what is to be written.
    pub(crate) fn new(replica: Replica, logs: bool) -> Self {
        let driver = Driver::new(replica, COMMANDED);
        Self { driver, logs, unwritten: Vec::new(), number: 0 }
    }

    pub(crate) fn driver(&self) -> &Driver {
        &self.driver
    }

    pub(crate) fn replica(&self) -> &Replica {
        self.driver.replica()
    }

    pub(crate) fn state(&self) -> &MergeState {
        self.driver.state()
    }

    /// Makes a change with the node's key.
    pub(crate) fn change<T>(
        &mut self,
        change: impl FnOnce(&mut MergeState, &Keypair) -> Result<T, ChangeError>,
    ) -> Result<T, ChangeError> {
        let (done, outputs) = self.driver.change(change)?;
        self.sort(outputs);
        Ok(done)
    }

    /// Signs what it found out about others.
    pub(crate) fn publish(&mut self) {
        self.handle(NodeInput::Command(Command::Publish));
    }

    /// Begins an exchange.
    pub(crate) fn start(&mut self, peer: PeerId) -> Vec<Effect> {
        self.handle(NodeInput::Command(Command::Exchange(peer))).0
    }

    /// Takes something in; what it sends, and how many operations were new.
    pub(crate) fn handle(&mut self, input: NodeInput) -> (Vec<Effect>, usize) {
        let outputs = self.driver.handle(input, Duration::ZERO);
        self.sort(outputs)
    }

    /// All exchanges before are over.
    pub(crate) fn lapse(&mut self) {
        self.driver.replica_mut().lapse();
    }

    pub(crate) fn set_inline_limit(&mut self, bytes: usize) {
        self.driver.replica_mut().set_inline_limit(bytes);
    }

    /// Joins what a copy of it learnt meanwhile.
    pub(crate) fn absorb(&mut self, learnt: Self) -> Result<(), ApplyError> {
        let outputs = self.driver.absorb(learnt.driver)?;
        self.sort(outputs);
        Ok(())
    }

    /// What is to be written, once.
    pub(crate) fn unwritten(&mut self) -> Vec<Delta> {
        std::mem::take(&mut self.unwritten)
    }

    /// Everything that was to be written is durable. Nodes write before anybody speaks, so nothing
    /// was held back until now.
    pub(crate) fn persisted(&mut self) {
        let (effects, _) = self.handle(NodeInput::Persisted(self.number));
        debug_assert!(effects.is_empty(), "held back: {effects:?}");
    }

    fn sort(&mut self, outputs: Vec<NodeOutput>) -> (Vec<Effect>, usize) {
        let (mut effects, mut admitted) = (Vec::new(), 0);
        for output in outputs {
            match output {
                NodeOutput::Persist { number, ops } => {
                    admitted += ops.len();
                    self.number = number;
                    if self.logs {
                        self.unwritten.push(ops);
                    }
                }
                NodeOutput::Effect(effect) => effects.push(effect),
                _ => {}
            }
        }
        (effects, admitted)
    }
}
