//! What every error of Espalier says: who has to act on it, and which known name was probably
//! meant.
//!
//! Every public error of the library crates says so by `blame()`, and names itself by `code()`, a
//! stable word that no other error has. What a program does with an error follows from these two;
//! its text is for people. All of them are listed in `docs/ERRORS.md`.
//!
//! A message about an unknown name ends with [`did_you_mean`] and the [`nearest`] known one.

mod suggest;

pub use suggest::{did_you_mean, nearest};

use std::fmt;

/// Who has to do something about an error. Not who is guilty: only evidence says that of a peer.
///
/// Exhaustive on purpose, so that code that maps it to something else decides about each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Blame {
    /// Whoever sent or wrote what was read: a peer, the link to it, or the author of a file. The
    /// same bytes are refused again.
    Peer,
    /// The caller: with another argument, file name or configuration it works.
    Caller,
    /// Whoever runs the machine: its disk, memory, permissions or network refuse.
    Environment,
    /// Nobody: it goes away when more has arrived, or it is a defect of this library.
    Nobody,
}

/// In one lower-case word.
impl fmt::Display for Blame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Peer => "peer",
            Self::Caller => "caller",
            Self::Environment => "environment",
            Self::Nobody => "nobody",
        })
    }
}

/// The program of the README, compiled and run by the tests of the documentation.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
