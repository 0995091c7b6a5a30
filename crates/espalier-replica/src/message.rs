//! What replicas say to each other. `docs/PROTOCOL.md` shows the bytes.

use crate::frame::{self, FrameError, MAX_MESSAGE_LEN};
use crate::op::SignedOp;
use crate::policy::Policy;
use crate::state::Frontier;
use espalier_identity::canonical::{self, CanonicalError};
use espalier_identity::{Digest, PeerId, Signature};
use espalier_reconcile::{Salt, Short, Symbol};
use serde::{Deserialize, Serialize};

/// The most operation identifiers or content addresses in one message.
pub(crate) const MAX_IDS: usize = 1 << 20;

/// A frontier on the wire: by position for authors on the roster, which both sides know from the
/// policy, and by key for others. Usually one byte per author.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Seen {
    by_position: Vec<u64>,
    by_key: Vec<(PeerId, u64)>,
}

impl Seen {
    pub(crate) fn new(frontier: &Frontier, policy: &Policy) -> Self {
        let mut by_position = Vec::new();
        let mut by_key = Vec::new();
        for (author, seq) in &frontier.0 {
            match policy.roster_index(author) {
                Some(position) => {
                    // Roster and frontier are both ascending, so positions only grow.
                    by_position.resize(position, 0);
                    by_position.push(*seq);
                }
                None => by_key.push((*author, *seq)),
            }
        }
        Self { by_position, by_key }
    }

    pub(crate) fn frontier(&self, policy: &Policy) -> Frontier {
        let roster = policy.spec().roster.iter().copied();
        let listed = roster.zip(self.by_position.iter().copied());
        Frontier(listed.chain(self.by_key.iter().copied()).filter(|(_, seq)| *seq > 0).collect())
    }
}

/// Which operations of both sides are compared, and under which salt. Every message of a comparison
/// says it again, so that none needs the one before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Scope {
    pub(crate) salt: Salt,
    /// Only those up to here, as both have seen that far; absent for all.
    pub(crate) upto: Option<Seen>,
}

/// Coded symbols of the sender's operations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Symbols {
    pub(crate) scope: Scope,
    /// How many operations these are.
    pub(crate) size: u64,
    /// Symbol 0, the sum of all: tells whether these are still the operations of the message
    /// before.
    pub(crate) whole: Symbol,
    /// The index of the first of those that follow.
    pub(crate) first: u64,
    pub(crate) symbols: Vec<Symbol>,
}

/// Operations in a message, with the envelope of the hop that sends them. Root and number of
/// entries follow from the operations, the policy from the federation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Batch {
    pub(crate) relay: PeerId,
    pub(crate) signature: Signature,
    pub(crate) ops: Vec<SignedOp>,
}

/// The first bytes of a hash over all operations of a log up to a point.
pub(crate) type Mark = [u8; 8];

/// A point of somebody's log of operations: after so many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Point {
    pub(crate) position: u64,
    pub(crate) mark: Mark,
}

/// What is asked for in answer to an interval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Reply {
    /// Nothing but an acknowledgement.
    Nothing,
    /// The receiver's interval.
    Interval,
    /// What the sender lacks, who has seen so far.
    Beyond(Seen),
}

/// What the receiver lacks of the sender's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Interval {
    /// Everything of your log up to here is with me.
    pub(crate) got: Option<Point>,
    /// What I leave out you have, if this is a point of your log; absent if it is that of `got`.
    pub(crate) rests: Option<Point>,
    /// With this you have everything of my log up to here.
    pub(crate) at: Point,
    pub(crate) reply: Reply,
    pub(crate) batch: Option<Batch>,
}

/// One message. A batch is absent where there are no operations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Message {
    /// This is my root.
    Hello { policy: Digest, root: Digest },
    /// Mine is the same.
    Same,
    /// Mine is not; this is how far I have seen.
    Differs { seen: Seen },
    /// This is what you lack. With `seen`: tell me what I lack.
    Delta { seen: Option<Seen>, batch: Option<Batch> },
    /// Coded symbols of my operations: find out in which we differ.
    Symbols(Symbols),
    /// These were not enough: send me so many more from this index on.
    More { scope: Scope, first: u64, count: u64 },
    /// Operations in which we differ, and which others I want, short under this salt.
    Repair { batch: Option<Batch>, salt: Salt, want: Vec<Short> },
    /// Send me these tensors.
    Want { contents: Vec<Digest> },
    /// My whole state; its tensors follow. With `reply`: send me yours.
    Whole { policy: Digest, reply: bool, batch: Option<Batch> },
    /// We differ too much for symbols: list your operations whose identifiers begin with this
    /// number
    /// or a greater one.
    List { scope: Scope, from: u64 },
    /// All of mine whose identifiers begin with a number in this range.
    Ids { scope: Scope, from: u64, to: u64, ids: Vec<Short> },
    /// As `Differs`, at this point of my log.
    Level { at: Point, seen: Seen },
    /// What you lack of my log.
    Interval(Interval),
    /// Everything of your log up to `got` is with me; mine ends at `at`.
    Ack { got: Point, at: Point },
    /// As `Hello`; and you take something to be here which is not.
    Lost { policy: Digest, root: Digest },
}

impl Message {
    pub(crate) fn to_frame(&self) -> Vec<u8> {
        frame::wrap(&canonical::encode(self))
    }

    pub(crate) fn from_frame(frame: &[u8]) -> Result<Self, MessageError> {
        Ok(canonical::decode(frame::unwrap(frame, MAX_MESSAGE_LEN)?)?)
    }
}

/// Bytes that are no message. The sender's fault, or the link's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// No frame.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// No message in it.
    #[error(transparent)]
    Encoding(#[from] CanonicalError),
}
