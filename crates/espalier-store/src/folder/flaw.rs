//! Files that are passed over, and why.

use espalier_replica::OpError;
use std::fmt;
use std::io;
use std::path::PathBuf;

/// A file in a folder that is not part of the state.
#[derive(Debug)]
pub struct Flaw {
    /// The file, from the folder on.
    pub file: PathBuf,
    /// The problem.
    pub kind: FlawKind,
}

/// What is wrong with a file.
#[derive(Debug)]
#[non_exhaustive]
pub enum FlawKind {
    /// Its name is not one of a file of a state.
    Foreign,
    /// No operation in the folder names this tensor.
    Unclaimed,
    /// It has the name of a file and is something else: a link, a folder, a pipe.
    NotAFile,
    /// It is longer than a file of this name can be.
    TooLong,
    /// Its content is not what its name says: half copied, damaged, or misnamed.
    Damaged,
    /// An operation that nobody need believe.
    Refused(OpError),
    /// The system does not let it be read.
    Unread(io::Error),
}

impl FlawKind {
    /// Whether nothing can be lacking for it.
    #[must_use]
    pub fn is_harmless(&self) -> bool {
        matches!(self, Self::Foreign | Self::Unclaimed)
    }

    /// What is wrong with a file that does not open.
    pub(crate) fn of(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::FileTooLarge => Self::TooLong,
            io::ErrorKind::InvalidInput => Self::NotAFile,
            _ => Self::Unread(error),
        }
    }
}

impl fmt::Display for FlawKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Foreign => f.write_str("not a file of a state"),
            Self::Unclaimed => f.write_str("no operation here names this tensor"),
            Self::NotAFile => f.write_str("not a regular file"),
            Self::TooLong => f.write_str("too long"),
            Self::Damaged => f.write_str("half copied, damaged or misnamed"),
            Self::Refused(error) => error.fmt(f),
            Self::Unread(error) => write!(f, "cannot be read: {error}"),
        }
    }
}
