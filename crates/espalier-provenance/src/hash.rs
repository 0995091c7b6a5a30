//! The hashes of a Merkle map, which the map and its proofs share, and the bits of its keys.

use espalier_identity::{Digest, Domain};

static LEAF: Domain = Domain::new("espalier merkle leaf v1");
static BRANCH: Domain = Domain::new("espalier merkle branch v1");

pub(crate) fn leaf_hash(key: &Digest, value: &Digest) -> Digest {
    LEAF.fields().digest(key).digest(value).finish()
}

pub(crate) fn branch_hash(bit: u8, left: &Digest, right: &Digest) -> Digest {
    BRANCH.fields().number(u64::from(bit)).digest(left).digest(right).finish()
}

/// Bit `index` of a key, most significant first.
pub(crate) fn bit_of(key: &Digest, index: u8) -> bool {
    key.as_bytes()[usize::from(index / 8)] & (0x80 >> (index % 8)) != 0
}
