//! Inclusion proofs that need nothing but the root.

use crate::hash::{bit_of, branch_hash, leaf_hash};
use espalier_blame::Blame;
use espalier_identity::Digest;
use serde::{Deserialize, Serialize};

/// One level of a path, from the leaf towards the root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProofStep {
    /// The key bit on which this level decides.
    pub bit: u8,
    /// The hash of the subtree on the other side.
    pub sibling: Digest,
}

/// A proof that a map with a known root holds `key` with `value`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InclusionProof {
    /// The key.
    pub key: Digest,
    /// Its value.
    pub value: Digest,
    /// From the leaf to the root: at most 256 steps, about log2 n.
    pub path: Vec<ProofStep>,
}

/// Why a proof proves nothing. The fault of its sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProofError {
    /// Bits must fall strictly from leaf to root.
    #[error("the path is not a path of a tree: its bits do not fall strictly towards the root")]
    NotAPath,
    /// The path ends in another root.
    #[error("the path leads to root {found}, not to {expected}")]
    OtherRoot {
        /// The root it should lead to.
        expected: Digest,
        /// The root it leads to.
        found: Digest,
    },
}

impl ProofError {
    /// Who has to act on this error.
    #[must_use]
    pub fn blame(&self) -> Blame {
        Blame::Peer
    }

    /// A stable word for programs to tell this error from all others.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotAPath => "proof-path",
            Self::OtherRoot { .. } => "proof-root",
        }
    }
}

impl InclusionProof {
    /// Checks the proof against a root. At most 257 hashes.
    ///
    /// # Errors
    /// [`ProofError`].
    pub fn verify(&self, root: &Digest) -> Result<(), ProofError> {
        if self.path.windows(2).any(|pair| pair[0].bit <= pair[1].bit) {
            return Err(ProofError::NotAPath);
        }
        let mut hash = leaf_hash(&self.key, &self.value);
        for step in &self.path {
            hash = if bit_of(&self.key, step.bit) {
                branch_hash(step.bit, &step.sibling, &hash)
            } else {
                branch_hash(step.bit, &hash, &step.sibling)
            };
        }
        if hash == *root {
            Ok(())
        } else {
            Err(ProofError::OtherRoot { expected: *root, found: hash })
        }
    }
}
