//! Merkle roots over sets, inclusion proofs, tree difference and content proofs
