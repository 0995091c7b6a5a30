//! A node without IO: a replica, whom it asks and when, and what has to be durable before it is
//! sent.
//!
//! A [`Node`] is a state machine. A driver hands it inputs and carries out its outputs; the same
//! node runs in the simulator, on a network and in a test.
//!
//! ```text
//!               NodeInput                                NodeOutput
//!
//!  transport ── Frame, Tensors ──►┌────────────────┐──► Effect: send ───► transport
//!            ── PeerUp, PeerDown ►│      Node      │        ▲
//!                                 │                │        │ held back while anything that
//!                                 │                │        │ this node signed is not durable
//!    storage ── Persisted(n) ────►│  replica       │──► Effect: fetch ──► storage
//!            ── TensorsStored ───►│  links: whom   │
//!                                 │   to ask, when │──► Persist(n, operations) ──► storage
//!      clock ── Tick ────────────►│  gate: durable │──► WakeAt(time) ──► clock
//!                                 │   before it    │
//!       user ── Command, change ─►│   leaves       │──► Tell(event) ──► user
//!                                 └────────────────┘
//! ```
//!
//! A link between two nodes goes through these states; time is counted in ticks:
//!
//! ```text
//!              news, or a probe                     same, or all given
//!    ┌────────┐ ──────────────► ┌──────────┐ ───────────────────────► ┌───────┐
//!    │ differs│                 │  asking  │                          │ level │
//!    └────────┘ ◄────────────── └──────────┘                          └───────┘
//!         ▲       no answer: a pause that doubles                         │
//!         └───────────────────────────────────────────────────────────────┘
//!                               news here or there
//! ```
//!
//! # What a driver must do
//!
//! 1. Carry out the outputs of each call in their order, before the next call or in a queue.
//! 2. Write what [`NodeOutput::Persist`] holds, make it durable, and only then say
//!    [`NodeInput::Persisted`]. If the disk fails, never say it: nothing that was signed since has
//!    left the node, so the node can be made again from what is durable.
//! 3. Check who sends: `from` is the key of the peer that the transport has authenticated.
//! 4. Carry out `Effect::Fetch`, if the driver itself is to get the tensors that the node lacks
//!    ([`NodeTensors::Pulled`]). A fetch that fails needs no report: it is asked for again.
//!    Otherwise peers send them, and there is no such effect.
//! 5. Hash tensors before [`NodeInput::TensorsStored`], or hand over bytes as
//!    [`NodeInput::Tensors`].
//! 6. Say [`NodeInput::PeerUp`] for each peer that can be reached: only those are asked. Say
//!    [`NodeInput::Tick`] once at the beginning, and then at the times of [`NodeOutput::WakeAt`].
//!
//! Messages may be lost, repeated and reordered: the exchanges repair it.
//!
//! With the feature `trees`, fresh operations can be broadcast to everybody at once: `Trees`.

mod config;
mod gate;
mod io;
mod links;
mod node;
#[cfg(feature = "trees")]
mod trees;

pub use config::{NodeConfig, NodeSchedule, NodeTensors};
pub use io::{Command, NodeEvent, NodeInput, NodeOutput};
pub use node::Node;
#[cfg(feature = "trees")]
pub use trees::{Trees, TreesConfig, TreesInput, TreesOutput, TreesTimer};

// What the examples and most callers need beside this crate.
pub use espalier_identity as identity;
pub use espalier_replica as replica;
pub use espalier_tensor as tensor;

/// The program of the README, compiled and run by the tests of the documentation.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
