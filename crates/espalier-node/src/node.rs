//! The node itself.

use crate::config::{NodeConfig, NodeSchedule, NodeTensors};
use crate::gate::Gate;
use crate::io::{Command, NodeEvent, NodeInput, NodeOutput};
use crate::links::Links;
use espalier_identity::{Keypair, PeerId};
use espalier_replica::{
    ApplyError, ChangeError, Delta, Effect, MergeState, ReceiveError, Received, Replica,
};
use std::collections::BTreeSet;
use std::time::Duration;

/// A replica, what it knows of its peers, and what waits for its disk.
#[derive(Debug, Clone)]
pub struct Node {
    replica: Replica,
    config: NodeConfig,
    links: Links,
    gate: Gate,
    /// When the next tick begins.
    next_tick: Option<Duration>,
}

impl Node {
    /// A node with this replica. What is in its state is durable already.
    #[must_use]
    pub fn new(replica: Replica, config: NodeConfig) -> Self {
        let links = Links::new(replica.id(), config);
        Self { replica, config, links, gate: Gate::default(), next_tick: None }
    }

    /// The node's key.
    #[must_use]
    pub fn id(&self) -> PeerId {
        self.replica.id()
    }

    /// Its replica.
    #[must_use]
    pub fn replica(&self) -> &Replica {
        &self.replica
    }

    /// Its replica, for settings. Change its state only through [`Node::change`] and
    /// [`Node::handle`]; other changes are not written to disk.
    pub fn replica_mut(&mut self) -> &mut Replica {
        &mut self.replica
    }

    /// The state of its replica.
    #[must_use]
    pub fn state(&self) -> &MergeState {
        self.replica.state()
    }

    /// Whether everything that this node has signed is durable.
    #[must_use]
    pub fn is_durable(&self) -> bool {
        self.gate.is_open()
    }

    /// Takes one input. `now` is the time since any moment that is the same for all calls; it must
    /// not go back.
    pub fn handle(&mut self, input: NodeInput, now: Duration) -> Vec<NodeOutput> {
        let mut out = Vec::new();
        match input {
            NodeInput::Frame { from, frame } => self.on_frame(from, &frame, &mut out),
            NodeInput::Tensors { from, envelope, tensors } => {
                let received = self.replica.receive_tensors(&envelope, tensors);
                self.take(from, received, &mut out);
            }
            NodeInput::TensorsStored(contents) => {
                let received = self.replica.tensors_stored(&contents);
                self.take_in(received, &mut out);
            }
            NodeInput::Persisted(number) => self.gate.persisted(number, &mut out),
            // It is asked with the next tick or the next news: others may come up right now.
            NodeInput::PeerUp(peer) => {
                self.links.up(peer);
                return out;
            }
            NodeInput::PeerDown(peer) => {
                self.links.down(&peer);
                self.gate.forget(&peer);
                self.replica.forget_peer(&peer);
            }
            NodeInput::Tick => self.on_tick(now, &mut out),
            NodeInput::Command(Command::Exchange(peer)) => self.begin(peer, &mut out),
            NodeInput::Command(Command::Publish) => {
                self.publish(&mut out);
            }
        }
        self.spread(&mut out);
        out
    }

    /// Makes a local change with the node's own key: `MergeState::add`, `retract` and so on.
    ///
    /// # Errors
    /// What `change` returns; nothing is to be done then.
    pub fn change<T>(
        &mut self,
        change: impl FnOnce(&mut MergeState, &Keypair) -> Result<T, ChangeError>,
    ) -> Result<(T, Vec<NodeOutput>), ChangeError> {
        let before = self.state().without_views();
        let done = self.replica.change(change)?;
        let mut out = Vec::new();
        let news = self.state().since(&before);
        self.persist(news, true, &mut out);
        self.spread(&mut out);
        Ok((done, out))
    }

    /// Joins what a copy of this node has received meanwhile. What the copy knew of its peers is
    /// not joined.
    ///
    /// # Errors
    /// [`ApplyError::Policy`] if it is of another federation; nothing is changed.
    pub fn absorb(&mut self, other: Self) -> Result<Vec<NodeOutput>, ApplyError> {
        let news = self.replica.absorb(other.replica)?;
        let mut out = Vec::new();
        let own = self.id();
        let own = news.ops().any(|op| op.op().author == own);
        self.persist(news, own, &mut out);
        self.spread(&mut out);
        Ok(out)
    }

    /// Sets which of the reachable peers are told news; by default, all of them.
    pub fn set_neighbours(&mut self, neighbours: BTreeSet<PeerId>) -> Vec<NodeOutput> {
        let mut out = Vec::new();
        self.links.set_neighbours(neighbours);
        self.spread(&mut out);
        out
    }

    fn on_frame(&mut self, from: PeerId, frame: &[u8], out: &mut Vec<NodeOutput>) {
        let before = self.state().ops_root();
        match self.replica.receive(from, frame) {
            Ok(mut received) => {
                let roots = [before, self.state().ops_root()];
                if !self.links.hear(&from, received.step, roots, out) {
                    received.effects.clear();
                }
                self.take_in(received, out);
            }
            Err(error) => out.push(NodeOutput::Tell(NodeEvent::Refused { from, error })),
        }
    }

    fn take(
        &mut self,
        from: PeerId,
        received: Result<Received, ReceiveError>,
        out: &mut Vec<NodeOutput>,
    ) {
        match received {
            Ok(received) => self.take_in(received, out),
            Err(error) => out.push(NodeOutput::Tell(NodeEvent::Refused { from, error })),
        }
    }

    fn take_in(&mut self, received: Received, out: &mut Vec<NodeOutput>) {
        self.persist(received.admitted, false, out);
        self.send(received.effects, out);
    }

    fn publish(&mut self, out: &mut Vec<NodeOutput>) {
        let published = self.replica.publish();
        self.persist(published, true, out);
    }

    fn on_tick(&mut self, now: Duration, out: &mut Vec<NodeOutput>) {
        let due = self.next_tick.is_none_or(|next| now >= next);
        if due {
            self.replica.tick();
            // A node that was held up does not catch up on ticks.
            self.next_tick = Some(now.saturating_add(self.config.tick));
            if self.config.schedule == NodeSchedule::Own {
                self.publish(out);
                if let Some(peer) = self.links.tick(now, out) {
                    self.begin(peer, out);
                }
            }
        }
        out.extend(self.next_tick.map(NodeOutput::WakeAt));
    }

    /// Begins the exchanges that are due.
    fn spread(&mut self, out: &mut Vec<NodeOutput>) {
        if self.config.schedule == NodeSchedule::Commanded {
            return;
        }
        for peer in self.links.due(self.state().ops_root()) {
            self.begin(peer, out);
        }
    }

    fn begin(&mut self, peer: PeerId, out: &mut Vec<NodeOutput>) {
        self.links.begin(&peer, self.state().ops_root());
        let effects = self.replica.start(peer);
        self.send(effects, out);
    }

    fn send(&mut self, effects: Vec<Effect>, out: &mut Vec<NodeOutput>) {
        for effect in effects {
            match (effect, self.config.tensors) {
                // It tells nobody of an own operation, so it need not wait for the disk.
                (fetch @ Effect::Fetch { .. }, NodeTensors::Pulled) => {
                    out.push(NodeOutput::Effect(fetch));
                }
                (effect, _) => self.gate.pass(effect.asked_by_frame(), out),
            }
        }
    }

    fn persist(&mut self, ops: Delta, own: bool, out: &mut Vec<NodeOutput>) {
        if !ops.is_empty() {
            let number = self.gate.number(own);
            out.push(NodeOutput::Persist { number, ops });
        }
    }
}
