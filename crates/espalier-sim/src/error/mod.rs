//! Why a simulation does not start. Nothing was written.

mod models;

use espalier_blame::Blame;
use espalier_replica::{ChangeError, PolicyError};
use espalier_resolve::ResolveError;
use espalier_tensor::{Mismatch, TensorError};
use espalier_topology::TopologyError;
use std::path::PathBuf;

pub use models::{BadElement, DifferentIntegers};

/// A run that cannot be made. It [names](SimError::field) the field of the configuration that is
/// wrong, as [`Config`](crate::Config) spells it; callers map it to a flag or a form field.
#[derive(Debug, thiserror::Error)]
#[error("{}", shown(self))]
#[non_exhaustive]
pub enum SimError {
    /// The network.
    Topology(#[from] TopologyError),
    /// The strategy or its parameters.
    Policy(#[from] PolicyError),
    /// The strategy cannot merge what the model family gives.
    Resolve(#[from] ResolveError),
    /// A model file.
    Model(#[from] TensorError),
    /// Two models do not fit together.
    Mismatch {
        /// One of the two files.
        first: PathBuf,
        /// The other file.
        second: PathBuf,
        /// The tensor in which they differ.
        mismatch: Box<Mismatch>,
    },
    /// A model holds an element that an honest node cannot contribute.
    Element {
        /// The file, or which node trained it.
        model: String,
        /// The element.
        element: Box<BadElement>,
    },
    /// Integers differ, and no rule says how to merge them.
    Integers(Box<DifferentIntegers>),
    /// A field of the configuration is out of range or does not go with another.
    Field {
        /// The field, as the configuration names it.
        field: &'static str,
        /// What is wrong and what would be right.
        problem: String,
    },
    /// The model file is not the one that the report was made from.
    BaseChanged {
        /// The root in the report.
        expected: espalier_identity::Digest,
        /// The root that was found.
        found: espalier_identity::Digest,
    },
    /// A defect: a node could not sign what it should.
    Change(#[from] ChangeError),
}

fn shown(error: &SimError) -> String {
    let problem = error.problem();
    error.field().map_or_else(|| problem.clone(), |field| format!("{field}: {problem}"))
}

impl SimError {
    /// Which field of the configuration is wrong, unless it is a defect.
    #[must_use]
    pub fn field(&self) -> Option<&'static str> {
        match self {
            Self::Topology(_) => Some("topology"),
            Self::Policy(_) | Self::Resolve(_) => Some("strategy"),
            Self::Model(_)
            | Self::Mismatch { .. }
            | Self::Element { .. }
            | Self::BaseChanged { .. } => Some("model"),
            Self::Integers(_) => Some("buffers"),
            Self::Field { field, .. } => Some(field),
            Self::Change(_) => None,
        }
    }

    /// What is wrong, without the field.
    #[must_use]
    pub fn problem(&self) -> String {
        match self {
            Self::Topology(error) => error.to_string(),
            Self::Policy(error) => error.to_string(),
            Self::Resolve(error) => error.to_string(),
            Self::Model(error) => error.to_string(),
            Self::Mismatch { first, second, mismatch } => {
                let (first, second) = (first.display(), second.display());
                format!("{first} and {second} do not fit together: {mismatch}")
            }
            Self::Element { model, element } => format!("{model}: {element}"),
            Self::Integers(integers) => integers.to_string(),
            Self::Field { problem, .. } => problem.clone(),
            Self::BaseChanged { expected, found } => {
                format!("the base model's root is {found}, the report was made with {expected}")
            }
            Self::Change(error) => format!("a node could not contribute: {error}"),
        }
    }

    /// Who has to act on this error.
    #[must_use]
    pub fn blame(&self) -> Blame {
        match self {
            Self::Topology(error) => error.blame(),
            Self::Policy(error) => error.blame(),
            Self::Resolve(error) => error.blame(),
            Self::Model(error) => error.blame(),
            Self::Mismatch { mismatch, .. } => mismatch.blame(),
            Self::Element { .. }
            | Self::Integers(_)
            | Self::Field { .. }
            | Self::BaseChanged { .. } => Blame::Caller,
            Self::Change(_) => Blame::Nobody,
        }
    }

    /// A stable word for programs to tell this error from all others.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Topology(error) => error.code(),
            Self::Policy(error) => error.code(),
            Self::Resolve(error) => error.code(),
            Self::Model(error) => error.code(),
            Self::Mismatch { mismatch, .. } => mismatch.code(),
            Self::Element { .. } => "model-element",
            Self::Integers(_) => "model-integers",
            Self::Field { .. } => "config-field",
            Self::BaseChanged { .. } => "base-changed",
            Self::Change(error) => error.code(),
        }
    }
}

/// A field that is wrong, as the configuration names it.
pub(crate) fn field(field: &'static str, problem: impl Into<String>) -> SimError {
    SimError::Field { field, problem: problem.into() }
}
