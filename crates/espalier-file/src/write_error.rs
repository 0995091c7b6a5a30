//! Why a file was not written.

use espalier_blame::Blame;
use std::io;
use std::path::PathBuf;

/// A file that was not written. What was there before is unchanged, unless it was written through.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The output exists, and overwriting was not asked for.
    #[error("{} exists", .0.display())]
    Exists(PathBuf),
    /// The system refused to write.
    #[error("cannot write {}: {source}", .path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
}

impl WriteError {
    /// Who has to act on this error.
    #[must_use]
    pub fn blame(&self) -> Blame {
        match self {
            Self::Exists(_) => Blame::Caller,
            Self::Io { .. } => Blame::Environment,
        }
    }

    /// A stable word for programs to tell this error from all others.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Exists(_) => "file-exists",
            Self::Io { .. } => "file-not-written",
        }
    }

    /// Makes an error of the system into one about `path`.
    pub fn io(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }
}

/// What an error of the system means for an output at `path`.
pub(crate) fn refused(path: PathBuf, error: io::Error) -> WriteError {
    match error.kind() {
        io::ErrorKind::AlreadyExists => WriteError::Exists(path),
        _ => WriteError::Io { path, source: error },
    }
}
