//! Why a merge cannot be written as an adapter.

use espalier_blame::Blame;

/// A merge does not fit into a low-rank adapter. Nothing is written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OutAdapterError {
    /// The recipe has no base.
    #[error("an adapter is a difference from a base model, and no base model is given")]
    NoBase,
    /// The target is a file.
    #[error("an adapter is a folder of two files; name one that does not end in .safetensors")]
    File,
    /// The rank is zero.
    #[error("an adapter has rank 1 or more")]
    Rank,
    /// Base and result do not have the same tensors.
    #[error(
        "tensor `{tensor}` is not in both the base and the result, or has another shape; an \
         adapter needs all tensors of its base as they are"
    )]
    Layout {
        /// The tensor.
        tensor: String,
    },
    /// The base's layers store their matrices transposed.
    #[error(
        "the base is of type `{model}`, whose layers store their matrices transposed; write the \
         whole model instead"
    )]
    Transposed {
        /// The type, as its configuration says.
        model: String,
    },
    /// The result differs from its base in tensors that a low-rank adapter has no place for.
    #[error(
        "{} changed and cannot be low-rank matrices; keep their modules whole \
         (`modules_to_save`), or write the whole model", listed(.tensors)
    )]
    NotMatrices {
        /// The tensors.
        tensors: Vec<String>,
    },
    /// A tensor that has no module of its own, so that an adapter cannot save it.
    #[error(
        "tensor `{tensor}` changed, and its module cannot be saved apart from what is below it; \
         write the whole model instead"
    )]
    NoModule {
        /// The tensor.
        tensor: String,
    },
    /// A difference is infinite or not a number.
    #[error("tensor `{tensor}` has a difference from its base that is not finite")]
    NotFinite {
        /// The tensor.
        tensor: String,
    },
    /// The matrices of the result are those of the base.
    #[error("the result and the base have the same matrices, so an adapter would be empty")]
    Nothing,
}

impl OutAdapterError {
    /// Who has to act on this error.
    #[must_use]
    pub fn blame(&self) -> Blame {
        match self {
            Self::NotFinite { .. } => Blame::Peer,
            _ => Blame::Caller,
        }
    }

    /// A stable word for programs to tell this error from all others.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoBase => "out-adapter-no-base",
            Self::File => "out-adapter-file",
            Self::Rank => "out-adapter-rank",
            Self::Layout { .. } => "out-adapter-layout",
            Self::Transposed { .. } => "out-adapter-transposed",
            Self::NotMatrices { .. } => "out-adapter-not-matrices",
            Self::NoModule { .. } => "out-adapter-no-module",
            Self::NotFinite { .. } => "out-adapter-not-finite",
            Self::Nothing => "out-adapter-nothing",
        }
    }
}

/// The first few names, and how many more there are.
fn listed(names: &[String]) -> String {
    const SHOWN: usize = 5;
    let shown = names.iter().take(SHOWN).map(|name| format!("`{name}`")).collect::<Vec<_>>();
    match names.len().saturating_sub(SHOWN) {
        0 => format!("tensors {}", shown.join(", ")),
        more => format!("tensors {} and {more} more", shown.join(", ")),
    }
}
