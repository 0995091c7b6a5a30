//! What goes into a node and what comes out of it.

use espalier_identity::{Digest, PeerId};
use espalier_replica::{Delta, Effect, Envelope, ReceiveError};
use espalier_tensor::Content;
use std::time::Duration;

/// Something that happened to a node.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum NodeInput {
    /// A frame came from a peer.
    Frame {
        /// The peer whose key the transport has checked.
        from: PeerId,
        /// The bytes of one frame.
        frame: Vec<u8>,
    },
    /// Tensors came from a peer. Their bytes are hashed here.
    Tensors {
        /// The peer whose key the transport has checked.
        from: PeerId,
        /// The envelope that the peer signed about them.
        envelope: Envelope,
        /// The address and the bytes of each tensor.
        tensors: Vec<(Digest, Content)>,
    },
    /// Tensors are in the driver's store now. The driver has checked their hashes.
    TensorsStored(Vec<Digest>),
    /// Everything up to and including the [`NodeOutput::Persist`] with this number is durable.
    Persisted(u64),
    /// A peer can be reached.
    PeerUp(PeerId),
    /// A peer cannot be reached any more.
    PeerDown(PeerId),
    /// The time of [`NodeOutput::WakeAt`] has come. Extra ticks are harmless.
    Tick,
    /// The driver wants something done.
    Command(Command),
}

/// Something that a node is told to do. Local changes go through
/// [`Node::change`](crate::Node::change).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Command {
    /// Begin an exchange with this peer, whatever is known of it.
    Exchange(PeerId),
    /// Sign and publish the faults of others that were found.
    Publish,
}

/// An instruction to the driver. Instructions are to be carried out in their order.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum NodeOutput {
    /// Write these operations to durable storage, then pass [`NodeInput::Persisted`]. Several may
    /// be written at once; the highest number stands for all of them.
    Persist {
        /// Counts from 1.
        number: u64,
        /// New operations, each of them verified.
        ops: Delta,
    },
    /// Send a frame or stored tensors, or fetch missing tensors. All of it may fail.
    Effect(Effect),
    /// Give the node a [`NodeInput::Tick`] at this time. A later instruction replaces an earlier
    /// one.
    WakeAt(Duration),
    /// Informational; requires no action.
    Tell(NodeEvent),
}

/// Something that a node noticed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum NodeEvent {
    /// A peer's frame or tensors were refused; nothing was changed.
    Refused {
        /// The peer.
        from: PeerId,
        /// The reason.
        error: ReceiveError,
    },
    /// A peer holds the same operations as this node.
    Level(PeerId),
    /// A peer did not answer. It is not asked again before `until`.
    Silent {
        /// The peer.
        peer: PeerId,
        /// How many exchanges in a row it has not answered.
        failures: u32,
        /// When it may be asked again.
        until: Duration,
    },
    /// The disk is slower than the network: an instruction to send was dropped, as if the message
    /// had been lost.
    Dropped,
}
