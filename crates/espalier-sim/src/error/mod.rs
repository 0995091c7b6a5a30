//! Why a simulation does not start. Nothing was written.

mod models;

use espalier_replica::{ChangeError, PolicyError};
use espalier_resolve::ResolveError;
use espalier_tensor::{Mismatch, TensorError};
use espalier_topology::TopologyError;
use std::path::PathBuf;

pub use models::{BadElement, DifferentIntegers};

/// A run that cannot be made. The user's fault unless it says otherwise.
#[derive(Debug, thiserror::Error)]
pub enum SimError {
    /// The network.
    #[error("--topology: {0}")]
    Topology(#[from] TopologyError),
    /// The strategy or its parameters.
    #[error("--strategy: {0}")]
    Policy(#[from] PolicyError),
    /// The strategy cannot merge what the model family gives.
    #[error("--strategy: {0}")]
    Resolve(#[from] ResolveError),
    /// A model file.
    #[error("--model: {0}")]
    Model(#[from] TensorError),
    /// Two models do not fit together.
    #[error(
        "--model: {} and {} do not fit together: {mismatch}",
        .first.display(), .second.display()
    )]
    Mismatch {
        /// The file of the first model.
        first: PathBuf,
        /// The file of the second model.
        second: PathBuf,
        /// Where they differ.
        mismatch: Box<Mismatch>,
    },
    /// A model holds an element that an honest node cannot contribute.
    #[error("--model: {model}: {element}")]
    Element {
        /// The file, or which node trained it.
        model: String,
        /// The element and its value.
        element: Box<BadElement>,
    },
    /// Integers differ, and no rule says how to merge them.
    #[error("--buffers: {0}")]
    Integers(Box<DifferentIntegers>),
    /// A flag is out of range or does not go with another.
    #[error("{flag}: {problem}")]
    Flag {
        /// The name of the flag.
        flag: &'static str,
        /// What is wrong and what would be right.
        problem: String,
    },
    /// The model file is not the one that the report was made from.
    #[error("--model: the base model's root is {found}, the report was made with {expected}")]
    BaseChanged {
        /// The root in the report.
        expected: espalier_identity::Digest,
        /// The root of the file as it is now.
        found: espalier_identity::Digest,
    },
    /// A defect: a node could not sign what it should.
    #[error("a node could not contribute: {0}")]
    Change(#[from] ChangeError),
}

pub(crate) fn flag(flag: &'static str, problem: impl Into<String>) -> SimError {
    SimError::Flag { flag, problem: problem.into() }
}
