//! How a node paces itself.

use std::time::Duration;

/// The side that decides when an exchange begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NodeSchedule {
    /// The node: it sends news at once and asks every peer from time to time.
    #[default]
    Own,
    /// The driver, by [`Command::Exchange`](crate::Command::Exchange). The node only answers.
    Commanded,
}

/// How large tensors get to a node that lacks them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NodeTensors {
    /// The peer sends them: the node asks by a frame, and the peer's node answers with
    /// `Effect::Provide`.
    #[default]
    Pushed,
    /// The driver gets them: the node says `Effect::Fetch`, and the driver fetches from the store
    /// of the peer. The peer's node takes no part in it.
    Pulled,
}

/// The pace of a node, and what its driver does for it. All numbers of ticks are at least one in
/// effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NodeConfig {
    /// The side that decides when an exchange begins.
    pub schedule: NodeSchedule,
    /// The way in which large tensors get here.
    pub tensors: NodeTensors,
    /// How long a tick is. In a tick at most one exchange begins over each link, and receive
    /// budgets are refilled once. If it is zero, every input `Tick` begins one.
    pub tick: Duration,
    /// The most exchanges that a node begins in a tick.
    pub fanout: usize,
    /// The number of ticks after which an unanswered exchange is given up.
    pub patience: u32,
    /// Every `probe` ticks one peer is asked, whether or not it is known to differ.
    pub probe: u32,
    /// The longest pause, in ticks, before a silent peer is asked again. Pauses double, from one
    /// tick, and vary by up to a half from peer to peer.
    pub longest_pause: u32,
}

impl Default for NodeConfig {
    /// Tensors that peers send, a tick of a second, four exchanges in a tick, patience for five
    /// ticks, a probe every ten, and pauses up to five minutes.
    fn default() -> Self {
        Self {
            schedule: NodeSchedule::Own,
            tensors: NodeTensors::Pushed,
            tick: Duration::from_secs(1),
            fanout: 4,
            patience: 5,
            probe: 10,
            longest_pause: 300,
        }
    }
}
