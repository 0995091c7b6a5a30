//! What replicas say to each other. `docs/PROTOCOL.md` shows the bytes.

use crate::signed::frontier::Frontier;
use crate::signed::policy::{MAX_ROSTER, Policy};
use crate::wire::batch::Packed;
use crate::wire::frame::{self, FrameError, MAX_MESSAGE_LEN};
use crate::wire::packing::{bits, read_number};
use espalier_blame::Blame;
use espalier_identity::canonical::{self, CanonicalError};
use espalier_identity::{Digest, PeerId, bounded};
use espalier_reconcile::{Salt, Short, Symbol};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

/// The most operation identifiers or content addresses in one message.
pub(crate) const MAX_IDS: usize = 1 << 20;

/// How many are read: one more than allowed shows that there are too many.
const MAX_READ: usize = MAX_IDS + 1;

/// A frontier on the wire: by position for authors on the roster, which both sides know from the
/// policy, and by key for others. The numbers by position all have as many bits as the greatest
/// needs, the first one lowest: usually a bit for each author.
///
/// It stays packed: unpacked, a bit is 64 bits. What somebody has seen is looked up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Seen {
    width: u8,
    by_position: Packed<'static>,
    /// Ascending.
    by_key: Vec<(PeerId, u64)>,
}

/// A frontier as it may have been written.
#[derive(Deserialize)]
struct Written<'a> {
    width: u8,
    #[serde(borrow)]
    by_position: Packed<'a>,
    #[serde(deserialize_with = "bounded::list::<_, _, MAX_ROSTER>")]
    by_key: Vec<(PeerId, u64)>,
}

impl<'de> Deserialize<'de> for Seen {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Written { width, by_position, by_key } = Written::deserialize(deserializer)?;
        let ascending = by_key.windows(2).all(|pair| pair[0].0 < pair[1].0);
        if !ascending || !is_packed(width, by_position.bytes()) {
            return Err(D::Error::custom("a frontier is not written in canonical form"));
        }
        Ok(Self { width, by_position: by_position.into_owned(), by_key })
    }
}

/// Whether numbers are packed as they have to be: no more than the longest roster has, with no more
/// bits than the greatest needs, and without zeros at the end.
fn is_packed(width: u8, bytes: &[u8]) -> bool {
    let (width, bits_here) = (usize::from(width), bytes.len().saturating_mul(8));
    let Some(count) = bits_here.checked_div(width).filter(|_| width <= 64) else {
        return width == 0 && bytes.is_empty();
    };
    if count.saturating_sub(8) > MAX_ROSTER {
        return false;
    }
    let number = |at| number_at(bytes, width, at);
    let Some(last) = (0..count).rev().find(|at| number(*at) > 0) else { return false };
    let padding = (count * width..bits_here).all(|bit| bytes[bit / 8] >> (bit % 8) & 1 == 0);
    let exact = ((last + 1) * width).div_ceil(8) == bytes.len();
    padding && exact && (0..count).any(|at| number(at) >> (width - 1) == 1)
}

/// The number at a place among numbers of `width` bits, 1 to 64. All of it is there.
fn number_at(bytes: &[u8], width: usize, at: usize) -> u64 {
    let set = |bit: &usize| bytes[(at * width + bit) / 8] >> ((at * width + bit) % 8) & 1 == 1;
    (0..width).filter(set).fold(0, |number, bit| number | 1 << bit)
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
        Self::written(&by_position, by_key)
    }

    fn written(numbers: &[u64], by_key: Vec<(PeerId, u64)>) -> Self {
        let most = numbers.iter().copied().max().unwrap_or(0);
        let len = numbers.iter().rposition(|number| *number > 0).map_or(0, |last| last + 1);
        let width = bits(most);
        let mut bytes = vec![0; (len * usize::from(width)).div_ceil(8)];
        for (number, from) in numbers[..len].iter().zip((0..).step_by(width.max(1).into())) {
            for bit in (0..usize::from(width)).filter(|bit| number >> bit & 1 == 1) {
                bytes[(from + bit) / 8] |= 1 << ((from + bit) % 8);
            }
        }
        Self { width, by_position: bytes.into(), by_key }
    }

    /// How far it has seen an author; 0 if not at all. O(log n).
    pub(crate) fn top(&self, policy: &Policy, author: &PeerId) -> u64 {
        let (width, bytes) = (usize::from(self.width), self.by_position.bytes());
        if let Some(position) = policy.roster_index(author) {
            let count = (bytes.len() * 8).checked_div(width).unwrap_or(0);
            return if position < count { number_at(bytes, width, position) } else { 0 };
        }
        let found = self.by_key.binary_search_by_key(author, |(author, _)| *author);
        found.map_or(0, |at| self.by_key[at].1)
    }

    /// Whether this is exactly that frontier.
    pub(crate) fn is(&self, frontier: &Frontier, policy: &Policy) -> bool {
        // There is one form.
        *self == Self::new(frontier, policy)
    }
}

/// What the sender asks for: what it has not seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pull {
    pub(crate) seen: Seen,
    /// Operations alone, as others may bring the same ones with their tensors right now.
    pub(crate) bare: bool,
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
    /// The number of these operations.
    pub(crate) size: u64,
    /// Symbol 0, the sum of all: tells whether these are still the operations of the message
    /// before.
    pub(crate) whole: Symbol,
    /// The index of the first of those that follow.
    pub(crate) first: u64,
    #[serde(deserialize_with = "bounded::list::<_, _, MAX_READ>")]
    pub(crate) symbols: Vec<Symbol>,
}

/// The first bytes of a hash over all operations of a log up to a point.
pub(crate) type Mark = [u8; 8];

/// A point of somebody's log: the number of operations before it.
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
    /// What the sender lacks.
    Beyond(Pull),
}

/// What the receiver lacks of the sender's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Interval<'a> {
    #[serde(borrow)]
    pub(crate) batch: Packed<'a>,
    /// Everything of your log up to here is with me.
    pub(crate) got: Option<Point>,
    /// What I leave out you have, if this is a point of your log; absent if it is that of `got`.
    pub(crate) rests: Option<Point>,
    /// With this you have everything of my log up to here.
    pub(crate) at: Point,
    pub(crate) reply: Reply,
}

/// One message. Batches come first, so that what is inside them can be told from the beginning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Message<'a> {
    /// This is my root.
    Hello { policy: Digest, root: Digest },
    /// Mine is the same.
    Same,
    /// Mine is not; this is what I lack.
    Differs { pull: Pull },
    /// This is what you lack, and with `pull` what I lack.
    Delta {
        #[serde(borrow)]
        batch: Packed<'a>,
        pull: Option<Pull>,
    },
    /// Coded symbols of my operations: find out in which we differ.
    Symbols(Symbols),
    /// These were not enough: send me `count` more from index `first` on.
    More { scope: Scope, first: u64, count: u64 },
    /// Operations in which we differ, and which others I want, short under this salt.
    Repair {
        #[serde(borrow)]
        batch: Packed<'a>,
        salt: Salt,
        #[serde(deserialize_with = "bounded::list::<_, _, MAX_READ>")]
        want: Vec<Short>,
    },
    /// Send me these tensors.
    Want {
        #[serde(deserialize_with = "bounded::list::<_, _, MAX_READ>")]
        contents: Vec<Digest>,
    },
    /// My whole state; its tensors follow. With `reply`: send me yours.
    Whole {
        #[serde(borrow)]
        batch: Packed<'a>,
        policy: Digest,
        reply: bool,
    },
    /// We differ too much for symbols: list your operations whose identifiers begin with this
    /// number or a greater one.
    List { scope: Scope, from: u64 },
    /// All of mine whose identifiers begin with a number in this range.
    Ids {
        scope: Scope,
        from: u64,
        to: u64,
        #[serde(deserialize_with = "bounded::list::<_, _, MAX_READ>")]
        ids: Vec<Short>,
    },
    /// As `Differs`, at this point of my log.
    Level { at: Point, pull: Pull },
    /// What you lack of my log.
    #[serde(borrow)]
    Interval(Interval<'a>),
    /// Everything of your log up to `got` is with me; mine ends at `at`.
    Ack { got: Point, at: Point },
    /// As `Hello`; and you take something to be here which is not.
    Lost { policy: Digest, root: Digest },
}

/// The numbers of the messages that begin with a batch: Delta, Repair, Whole, Interval.
const WITH_BATCH: [u8; 4] = [3, 6, 8, 12];

/// What a frame was in an exchange: enough for whoever decides when exchanges begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Step {
    /// The peer begins an exchange and says its root.
    Begins(Digest),
    /// The peer has the root that it was told.
    Same,
    /// The peer says how far it has seen. The answer gives what it lacks, and asks.
    Asks,
    /// The peer gives what was lacking here, and asks. The answer gives what it lacks.
    GivesAndAsks,
    /// The peer gives what was lacking here, which ends an exchange.
    Gives,
    /// Anything else.
    #[default]
    Else,
}

impl<'a> Message<'a> {
    /// What it is in an exchange.
    pub(crate) fn step(&self) -> Step {
        match self {
            Self::Hello { root, .. } | Self::Lost { root, .. } => Step::Begins(*root),
            Self::Same => Step::Same,
            Self::Differs { .. } => Step::Asks,
            Self::Delta { pull: Some(_), .. } => Step::GivesAndAsks,
            Self::Delta { pull: None, .. } => Step::Gives,
            Self::Repair { want, .. } if want.is_empty() => Step::Gives,
            _ => Step::Else,
        }
    }

    pub(crate) fn to_frame(&self) -> Vec<u8> {
        frame::wrap(&canonical::encode(self))
    }

    /// Reads a message. What takes more memory than bytes is in there as it came.
    pub(crate) fn from_frame(frame: &'a [u8]) -> Result<Self, MessageError> {
        Ok(canonical::decode(frame::unwrap(frame, MAX_MESSAGE_LEN)?)?)
    }
}

/// The number of bytes of tensors that are inside the message in a payload, as the beginning of its
/// batch says; 0 if it has none.
pub(crate) fn inside_len(payload: &[u8]) -> u64 {
    let Some((kind, mut rest)) = payload.split_first() else { return 0 };
    if !WITH_BATCH.contains(kind) || read_number(&mut rest).is_none_or(|batch_len| batch_len == 0) {
        return 0;
    }
    read_number(&mut rest).unwrap_or(0)
}

/// Why bytes are not a message. The sender or the link is at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MessageError {
    /// The bytes are not a frame.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// The payload is not a message.
    #[error(transparent)]
    Encoding(#[from] CanonicalError),
}

impl MessageError {
    /// Who has to act on this error.
    #[must_use]
    pub fn blame(&self) -> Blame {
        match self {
            Self::Frame(error) => error.blame(),
            Self::Encoding(error) => error.blame(),
        }
    }

    /// A stable word for programs to tell this error from all others.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Frame(error) => error.code(),
            Self::Encoding(error) => error.code(),
        }
    }
}
