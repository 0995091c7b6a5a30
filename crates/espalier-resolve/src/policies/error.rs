//! What can be wrong with a policy or with the models it is applied to.

use espalier_blame::Blame;
use espalier_identity::Digest;
use espalier_tensor::{Dtype, Mismatch, TensorError};

use super::extent::largest_of;

/// Models cannot be merged. Nothing is changed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ResolveError {
    /// There is nothing to merge.
    #[error("there are no contributions to merge; at least one is needed")]
    Empty,
    /// The strategy merges differences from a base, and none was given.
    #[error("`{strategy}` merges differences from a base model, and no base model was given")]
    BaseRequired {
        /// The strategy.
        strategy: &'static str,
    },
    /// A weight is not a positive number that f32 can hold.
    #[error("contribution {id} has weight {weight}; weights must be above 0 and at most 3.4e38")]
    Weight {
        /// The contribution.
        id: Digest,
        /// Its weight.
        weight: f64,
    },
    /// Two models differ in layout: the fault of the author of the odd one.
    #[error("contribution {id} (the second model) does not fit {with} (the first): {mismatch}")]
    Mismatch {
        /// The contribution that does not fit.
        id: Digest,
        /// What it was compared with, in words.
        with: String,
        /// The tensor in which they differ, and what both sides have.
        mismatch: Box<Mismatch>,
    },
    /// A tensor of integers is not the same everywhere, and `buffers = error` merges none.
    #[error(
        "tensor `{tensor}` ({dtype}) is not the same in all models: element {element} is {} \
         in contribution {id} and {} in {with}; `buffers = mean` would average it and \
         `buffers = base` would take the base's",
        .values[0], .values[1]
    )]
    IntegersDiffer {
        /// The tensor.
        tensor: String,
        /// Its element type.
        dtype: Dtype,
        /// The contribution that differs.
        id: Digest,
        /// What it differs from, in words.
        with: String,
        /// Index of the first element that differs.
        element: usize,
        /// Its value in the contribution, and in what that was compared with; the byte of a truth
        /// value.
        values: Box<[i128; 2]>,
    },
    /// A merged element is finite but too large for the output's element type.
    #[error(
        "tensor `{tensor}`: merged element {element} is too large for {dtype}, whose largest \
         value is {}{}", largest_of(*.dtype), wider(*.dtype)
    )]
    Overflow {
        /// The tensor.
        tensor: String,
        /// Index of the element.
        element: usize,
        /// The element type of the output.
        dtype: Dtype,
    },
    /// An input, or the base, is infinite or not a number.
    #[error(
        "tensor `{tensor}`: element {element} cannot be merged: an input or the base is infinite \
         or NaN there"
    )]
    NotFinite {
        /// The tensor.
        tensor: String,
        /// Index of the element.
        element: usize,
    },
    /// `buffers = base` needs a base, and none was given.
    #[error(
        "`buffers = base` takes tensors of integers from a base model, and no base model was \
         given"
    )]
    BuffersFromBase,
}

impl ResolveError {
    /// Who has to act on this error.
    #[must_use]
    pub fn blame(&self) -> Blame {
        match self {
            Self::Empty
            | Self::BaseRequired { .. }
            | Self::Weight { .. }
            | Self::IntegersDiffer { .. }
            | Self::Overflow { .. }
            | Self::BuffersFromBase => Blame::Caller,
            Self::Mismatch { mismatch, .. } => mismatch.blame(),
            Self::NotFinite { .. } => Blame::Peer,
        }
    }

    /// A stable word for programs to tell this error from all others.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Empty => "merge-empty",
            Self::BaseRequired { .. } => "merge-without-base",
            Self::Weight { .. } => "merge-weight",
            Self::Mismatch { mismatch, .. } => mismatch.code(),
            Self::IntegersDiffer { .. } => "merge-integers",
            Self::Overflow { .. } => "merge-overflow",
            Self::NotFinite { .. } => "merge-not-finite",
            Self::BuffersFromBase => "merge-buffers-without-base",
        }
    }
}

/// What a message says of a type that is not the widest.
fn wider(dtype: Dtype) -> &'static str {
    match dtype {
        Dtype::F64 => "",
        _ => "; the parameter `dtype` can name a wider type",
    }
}

/// A merged model is not written. Nothing is left behind.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MergeWriteError {
    /// It cannot be computed.
    #[error(transparent)]
    Merge(#[from] ResolveError),
    /// The file cannot be written.
    #[error(transparent)]
    File(#[from] TensorError),
}

impl MergeWriteError {
    /// Who has to act on this error.
    #[must_use]
    pub fn blame(&self) -> Blame {
        match self {
            Self::Merge(error) => error.blame(),
            Self::File(error) => error.blame(),
        }
    }

    /// A stable word for programs to tell this error from all others.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Merge(error) => error.code(),
            Self::File(error) => error.code(),
        }
    }
}
