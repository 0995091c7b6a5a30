//! Dots: names of single events.

use espalier_blame::Blame;
use serde::{Deserialize, Serialize};

/// The `seq`-th event of `actor`.
///
/// Events are numbered from 1 to [`Dot::MAX_SEQ`]. A dot with another number names no event: it
/// cannot be read, and no set of dots holds it.
///
/// ```
/// use espalier_lattice::Dot;
/// assert!(Dot::new("ada", 1).is_valid());
/// assert!(!Dot::new("ada", 0).is_valid());
/// assert!(!Dot::new("ada", u64::MAX).is_valid());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Unchecked<A>")]
pub struct Dot<A> {
    /// The actor that caused the event.
    pub actor: A,
    /// Its number among the actor's events, from 1 to [`Dot::MAX_SEQ`].
    pub seq: u64,
}

/// A dot as it is written, valid or not.
#[derive(Deserialize)]
#[serde(rename = "Dot", deny_unknown_fields)]
struct Unchecked<A> {
    actor: A,
    seq: u64,
}

/// A number that no event has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{seq} is not the number of an event: events are numbered from 1 to 2^64 - 2")]
pub struct InvalidSeq {
    /// The number that is not one.
    pub seq: u64,
}

impl InvalidSeq {
    /// Who has to act on this error.
    #[must_use]
    pub fn blame(&self) -> Blame {
        Blame::Peer
    }

    /// A stable word for programs to tell this error from all others.
    #[must_use]
    pub fn code(&self) -> &'static str {
        "event-number"
    }
}

/// An actor has used all of its event numbers, or a peer has claimed that it did. Nothing changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the actor has no event numbers left: 1 to 2^64 - 2 are all used")]
pub struct Exhausted;

impl Exhausted {
    /// Who has to act on this error.
    #[must_use]
    pub fn blame(&self) -> Blame {
        Blame::Caller
    }

    /// A stable word for programs to tell this error from all others.
    #[must_use]
    pub fn code(&self) -> &'static str {
        "event-numbers-exhausted"
    }
}

impl<A> Dot<A> {
    /// The greatest number of an event. One less than the greatest integer, so that the number
    /// after the last one can always be computed.
    pub const MAX_SEQ: u64 = u64::MAX - 1;

    /// A dot, which [names an event](Dot::is_valid) if `seq` is from 1 to [`Dot::MAX_SEQ`].
    pub const fn new(actor: A, seq: u64) -> Self {
        Self { actor, seq }
    }

    /// Whether it names an event.
    pub const fn is_valid(&self) -> bool {
        self.check().is_ok()
    }

    /// Checks that it names an event.
    ///
    /// # Errors
    /// [`InvalidSeq`] if it does not.
    pub const fn check(&self) -> Result<(), InvalidSeq> {
        check_seq(self.seq)
    }
}

/// That `seq` is the number of an event.
pub(crate) const fn check_seq(seq: u64) -> Result<(), InvalidSeq> {
    if seq == 0 || seq > Dot::<()>::MAX_SEQ { Err(InvalidSeq { seq }) } else { Ok(()) }
}

impl<A> TryFrom<Unchecked<A>> for Dot<A> {
    type Error = InvalidSeq;

    fn try_from(Unchecked { actor, seq }: Unchecked<A>) -> Result<Self, InvalidSeq> {
        check_seq(seq)?;
        Ok(Self { actor, seq })
    }
}
