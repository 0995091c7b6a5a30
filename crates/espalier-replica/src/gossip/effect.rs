//! What a replica tells its driver: what to send, what a frame led to, and why one was refused.

use crate::error::ApplyError;
use crate::state::Delta;
use crate::wire::layouts::BatchError;
use crate::wire::message::{MAX_IDS, Message, MessageError, Step};
use espalier_blame::Blame;
use espalier_identity::{Digest, PeerId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What an exchange sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExchangeMode {
    /// What the other side lacks.
    #[default]
    Delta,
    /// The whole state, every time.
    FullState,
    /// What is new since the last exchange with that peer and did not come from it; what the other
    /// side lacks where the two do not know how far they are.
    Intervals,
}

/// An instruction to the driver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Send a frame.
    Send {
        /// The peer to send it to.
        to: PeerId,
        /// The bytes of the frame.
        frame: Vec<u8>,
    },
    /// Move tensors by content hash; this replica holds them all. Where the bytes travel they do so
    /// with the envelope of [`Replica::seal`](crate::Replica::seal).
    Provide {
        /// The peer to move them to.
        to: PeerId,
        /// The addresses of the tensors, ascending.
        contents: Vec<Digest>,
    },
    /// Get tensors that this replica lacks, and report them by
    /// [`Replica::tensors_stored`](crate::Replica::tensors_stored) or
    /// [`Replica::receive_tensors`](crate::Replica::receive_tensors). A driver pulls them from its
    /// blob store's peers, or asks `from` to send them: [`Effect::asked_by_frame`].
    ///
    /// A fetch that fails needs no report. What has not come within a whole tick is fetched again
    /// from every peer that an exchange begins with, so a fetch may also name what is still on its
    /// way: then `from` is one more source, not one more fetch.
    Fetch {
        /// A peer that has them, or waits for them itself.
        from: PeerId,
        /// The addresses of the tensors, ascending.
        contents: Vec<Digest>,
    },
}

impl Effect {
    /// The peer that it is about.
    #[must_use]
    pub fn peer(&self) -> PeerId {
        match self {
            Self::Send { to: peer, .. }
            | Self::Provide { to: peer, .. }
            | Self::Fetch { from: peer, .. } => *peer,
        }
    }

    /// Turns a fetch into a frame that asks the peer to send the tensors: its replica answers with
    /// [`Effect::Provide`], now or when it has them. Leaves other effects as they are.
    #[must_use]
    pub fn asked_by_frame(self) -> Self {
        match self {
            Self::Fetch { from, contents } => send(from, &Message::Want { contents }),
            other => other,
        }
    }
}

/// What a frame or tensors led to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Received {
    /// What the frame was in an exchange.
    pub step: Step,
    /// Instructions to the driver.
    pub effects: Vec<Effect>,
    /// The operations that entered the state, each after those of its author that it follows. A
    /// store appends them to its log.
    pub admitted: Delta,
}

impl Received {
    /// Effects alone.
    pub(crate) fn nothing(effects: Vec<Effect>) -> Self {
        Self { effects, ..Self::default() }
    }

    /// Adds what something else led to.
    pub(crate) fn append(&mut self, other: Self) {
        self.effects.extend(other.effects);
        self.admitted.append(other.admitted);
    }
}

/// Why a frame was refused. The state is unchanged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReceiveError {
    /// The bytes are not a message.
    #[error(transparent)]
    Message(#[from] MessageError),
    /// Operations are not packed as they have to be.
    #[error(transparent)]
    Batch(#[from] BatchError),
    /// Operations cannot be taken in.
    #[error(transparent)]
    Apply(#[from] ApplyError),
    /// Tensors do not hash to the address they come under.
    #[error("bytes that came as {address} hash to {found}")]
    Content {
        /// The address they came under.
        address: Digest,
        /// The hash of the bytes.
        found: Digest,
    },
    /// A message carries too many identifiers.
    #[error("a message lists more than {MAX_IDS} identifiers")]
    TooMany,
}

impl ReceiveError {
    /// Who has to act on this error.
    #[must_use]
    pub fn blame(&self) -> Blame {
        match self {
            Self::Message(error) => error.blame(),
            Self::Batch(error) => error.blame(),
            Self::Apply(error) => error.blame(),
            Self::Content { .. } | Self::TooMany => Blame::Peer,
        }
    }

    /// A stable word for programs to tell this error from all others.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Message(error) => error.code(),
            Self::Batch(error) => error.code(),
            Self::Apply(error) => error.code(),
            Self::Content { .. } => "content-hash",
            Self::TooMany => "message-identifiers",
        }
    }
}

pub(crate) fn send(to: PeerId, message: &Message<'_>) -> Effect {
    Effect::Send { to, frame: message.to_frame() }
}

pub(crate) fn provide(to: PeerId, contents: BTreeSet<Digest>) -> Vec<Effect> {
    if contents.is_empty() {
        return Vec::new();
    }
    vec![Effect::Provide { to, contents: contents.into_iter().collect() }]
}

pub(crate) fn bounded(len: usize) -> Result<(), ReceiveError> {
    if len > MAX_IDS { Err(ReceiveError::TooMany) } else { Ok(()) }
}
