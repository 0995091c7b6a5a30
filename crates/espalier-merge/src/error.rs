//! What can go wrong with a merge of files.

use std::{io, path::PathBuf};

use espalier_blame::Blame;
use espalier_file::WriteError;
use espalier_resolve::methods::MethodError;
use espalier_tensor::TensorError;

use crate::{out_adapter_error::OutAdapterError, vocabulary_error::VocabularyError};

/// Model files cannot be merged. Nothing that looks finished is left behind.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MergeError {
    /// A model cannot be read, or the result cannot be written.
    #[error(transparent)]
    Tensor(#[from] TensorError),
    /// A tensor cannot be merged.
    #[error(transparent)]
    Method(#[from] MethodError),
    /// The result exists, or a file of it cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// A file or folder that comes with a model cannot be read.
    #[error("cannot {action} {}", path.display())]
    Read {
        /// The action.
        action: &'static str,
        /// The path.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// A tensor of a model cannot be read.
    #[error("tensor `{tensor}` of {model} cannot be read")]
    ReadTensor {
        /// The tensor.
        tensor: String,
        /// The model.
        model: String,
        /// The reason.
        source: io::Error,
    },
    /// The vocabularies of the models cannot be brought together.
    #[error(transparent)]
    Vocabulary(#[from] VocabularyError),
    /// The result cannot be an adapter.
    #[error(transparent)]
    OutAdapter(#[from] OutAdapterError),
    /// A file or folder of the result cannot be read, written or renamed.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// The action.
        action: &'static str,
        /// The path.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// The result would replace a model that is read.
    #[error("{} is, or contains, the input {model}; name another place", path.display())]
    IsInput {
        /// Where the result should be.
        path: PathBuf,
        /// The model, or its adapter.
        model: String,
    },
    /// The result would replace a folder with files that it does not have itself.
    #[error(
        "{} holds {}, which the merged model does not have; move it away or name another folder",
        path.display(),
        name.display()
    )]
    Foreign {
        /// Where the result should be.
        path: PathBuf,
        /// A file or folder in it.
        name: PathBuf,
    },
    /// Another process writes to the same place.
    #[error("another merge is writing to {}; wait for it, or name another folder", path.display())]
    Busy {
        /// Where the result should be.
        path: PathBuf,
    },
    /// Tensors of integers differ between models; they have to be the same.
    #[error(
        "tensor `{tensor}` holds integers that differ between models: element {element} is {} in \
         {} and {} in {}",
        first.1, first.0, second.1, second.0
    )]
    Integers {
        /// The tensor.
        tensor: String,
        /// The first element that differs, from 0, in row-major order.
        element: u64,
        /// A model and its value there.
        first: Box<(String, i128)>,
        /// Another, and its value there.
        second: Box<(String, i128)>,
    },
    /// A model was changed while it was read.
    #[error("{model} was changed while it was read; run the merge again")]
    Changed {
        /// The model.
        model: String,
    },
    /// An adapter is not of a kind that can be merged.
    #[error("adapter {}: {problem}", path.display())]
    Adapter {
        /// The adapter.
        path: PathBuf,
        /// The problem.
        problem: String,
    },
    /// The caller asked to stop.
    #[error("stopped")]
    Stopped,
}

impl MergeError {
    /// Who has to act on this error.
    #[must_use]
    pub fn blame(&self) -> Blame {
        match self {
            Self::Tensor(error) => error.blame(),
            Self::Method(error) => error.blame(),
            Self::Write(error) => error.blame(),
            Self::OutAdapter(error) => error.blame(),
            Self::Vocabulary(error) => error.blame(),
            Self::ReadTensor { .. }
            | Self::Io { .. }
            | Self::Changed { .. }
            | Self::Busy { .. } => Blame::Environment,
            Self::Read { .. } | Self::IsInput { .. } | Self::Foreign { .. } => Blame::Caller,
            Self::Integers { .. } | Self::Adapter { .. } => Blame::Peer,
            Self::Stopped => Blame::Nobody,
        }
    }

    /// A stable word for programs to tell this error from all others.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Tensor(error) => error.code(),
            Self::Method(error) => error.code(),
            Self::Write(error) => error.code(),
            Self::Read { .. } => "merge-not-read",
            Self::ReadTensor { .. } => "merge-tensor-not-read",
            Self::OutAdapter(error) => error.code(),
            Self::Vocabulary(error) => error.code(),
            Self::Io { .. } => "merge-io",
            Self::IsInput { .. } => "merge-is-input",
            Self::Foreign { .. } => "merge-foreign",
            Self::Busy { .. } => "merge-busy",
            Self::Integers { .. } => "merge-integers-differ",
            Self::Changed { .. } => "merge-changed",
            Self::Adapter { .. } => "merge-adapter",
            Self::Stopped => "merge-stopped",
        }
    }

    /// Makes an error of the system into one about what comes with a model.
    pub(crate) fn read(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Read { action, path: path.into(), source }
    }

    /// Makes an error of the system into one about the result.
    pub(crate) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, path: path.into(), source }
    }
}
