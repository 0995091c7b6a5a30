//! Why a folder or a key file cannot be used.

use espalier_blame::Blame;
use espalier_file::{ReadError, WriteError};
use espalier_replica::{ChangeError, PolicyError};
use std::io;
use std::path::PathBuf;

/// Why a folder does not serve as a state. What was whole in it is still whole.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The folder is not a state, or not yet.
    #[error("{} is not a state: it has no file `policy`", .0.display())]
    NotAState(PathBuf),
    /// There is a state in the folder already.
    #[error("{} already contains a state", .0.display())]
    Taken(PathBuf),
    /// The policy cannot be read.
    #[error("cannot read {}: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: ReadError,
    },
    /// The policy is damaged, or not of a state.
    #[error("{}: {source}", .path.display())]
    Policy {
        /// The file.
        path: PathBuf,
        /// The problem.
        source: PolicyError,
    },
    /// States with different policies do not merge.
    #[error(
        "{} has another policy than {}; only folders that began with one policy merge",
        .theirs.display(), .ours.display()
    )]
    OtherPolicy {
        /// The folder that would have taken files.
        ours: PathBuf,
        /// The folder with the other policy.
        theirs: PathBuf,
    },
    /// The base is not the model that the policy names.
    #[error("the base is not the model that the policy names")]
    OtherBase,
    /// The policy names a base, and there is none.
    #[error("the policy names a base model, but none was given")]
    NoBase,
    /// A folder cannot be listed.
    #[error("cannot list {}: {source}", .path.display())]
    List {
        /// The folder.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// Something that is not a file has the name of one.
    #[error(
        "{} is not a regular file, but a file of the state has this name; remove it",
        .0.display()
    )]
    NotAFile(PathBuf),
    /// A file cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl StoreError {
    /// Who has to act on this error.
    #[must_use]
    pub fn blame(&self) -> Blame {
        match self {
            Self::NotAState(_)
            | Self::Taken(_)
            | Self::OtherPolicy { .. }
            | Self::OtherBase
            | Self::NoBase => Blame::Caller,
            Self::Policy { source, .. } => source.blame(),
            Self::List { .. } | Self::NotAFile(_) => Blame::Environment,
            Self::Read { source, .. } => source.blame(),
            Self::Write(error) => error.blame(),
        }
    }

    /// A stable word for programs to tell this error from all others.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotAState(_) => "folder-not-a-state",
            Self::Taken(_) => "folder-taken",
            Self::Read { source, .. } => source.code(),
            Self::Policy { source, .. } => source.code(),
            Self::OtherPolicy { .. } => "folder-other-policy",
            Self::OtherBase => "folder-other-base",
            Self::NoBase => "folder-no-base",
            Self::List { .. } => "folder-not-listed",
            Self::NotAFile(_) => "folder-not-a-file",
            Self::Write(error) => error.code(),
        }
    }
}

/// Why a key is not made, or does not sign. Nothing that it signed has left.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// A key is never overwritten: it could not be made again.
    #[error("{} exists, and a lost key cannot be replaced; name another file", .0.display())]
    Exists(PathBuf),
    /// The record of another key stands where that of a new one would.
    #[error("{} is the record of another key; move it away or name another file", .0.display())]
    RecordExists(PathBuf),
    /// The system's random source failed.
    #[error("the system's random source failed: {0}")]
    Random(getrandom::Error),
    /// The key file cannot be opened, locked or read.
    #[error("cannot read the key {}: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: ReadError,
    },
    /// Others may read the key.
    #[error("others can read the key {path}; run `chmod 600 {path}`", path = .0.display())]
    Exposed(PathBuf),
    /// The file does not hold a key.
    #[error(
        "{} is not a key: a key is 64 lower-case hexadecimal digits",
        .0.display()
    )]
    Malformed(PathBuf),
    /// What the key has signed is not known.
    #[error(
        "{} is missing: it says what the key has signed; bring it along with the key, or make a \
         new key",
        .0.display()
    )]
    NoRecord(PathBuf),
    /// The record is damaged.
    #[error("{} is not the record of this key: {reason}", .path.display())]
    Record {
        /// The file.
        path: PathBuf,
        /// The problem.
        reason: String,
    },
    /// The folder lacks operations that the key has signed. Signing on would be equivocation.
    #[error(
        "{} lacks operations: {} has signed number {signed} for this state, and the last one here \
         is {here}; merge a newer copy of the folder into it, or use a new key",
        .folder.display(), .key.display()
    )]
    Behind {
        /// The key file.
        key: PathBuf,
        /// The folder.
        folder: PathBuf,
        /// The greatest number that the key has signed.
        signed: u64,
        /// The greatest number in the folder.
        here: u64,
    },
    /// The state refuses the change.
    #[error(transparent)]
    Change(#[from] ChangeError),
    /// The folder cannot be written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The key or its record cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl KeyError {
    /// Who has to act on this error.
    #[must_use]
    pub fn blame(&self) -> Blame {
        match self {
            Self::Exists(_)
            | Self::RecordExists(_)
            | Self::Exposed(_)
            | Self::Malformed(_)
            | Self::NoRecord(_)
            | Self::Record { .. }
            | Self::Behind { .. } => Blame::Caller,
            Self::Random(_) => Blame::Environment,
            Self::Read { source, .. } => source.blame(),
            Self::Change(error) => error.blame(),
            Self::Store(error) => error.blame(),
            Self::Write(error) => error.blame(),
        }
    }

    /// A stable word for programs to tell this error from all others.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Exists(_) => "key-exists",
            Self::RecordExists(_) => "key-record-exists",
            Self::Random(_) => "key-random",
            Self::Read { source, .. } => source.code(),
            Self::Exposed(_) => "key-exposed",
            Self::Malformed(_) => "key-malformed",
            Self::NoRecord(_) => "key-record-missing",
            Self::Record { .. } => "key-record",
            Self::Behind { .. } => "key-behind",
            Self::Change(error) => error.code(),
            Self::Store(error) => error.code(),
            Self::Write(error) => error.code(),
        }
    }
}
