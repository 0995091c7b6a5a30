//! Hop envelopes: what a relay signs about the operations or tensors of one message.
//!
//! An author answers for what it says, a relay for passing on only what it has checked. The
//! envelope commits to a Merkle map over the message, so one bad entry and its path convict the
//! relay (E2), and nobody else can be made to look guilty: without the relay's signature anyone can
//! invent bytes. Whoever receives a message that is in order has no need to look at its envelope.

use crate::signed::op::OpId;
use espalier_identity::{Digest, Domain, Keypair, PeerId, Signature, SignatureError};
use espalier_provenance::MerkleMap;
use serde::{Deserialize, Serialize};

// Two domains: an entry of the one map must never stand for an entry of the other.
static OPERATIONS: Domain = Domain::new("espalier operations envelope v1");
static TENSORS: Domain = Domain::new("espalier tensors envelope v1");

/// What an envelope is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cargo {
    /// A map from operation identifiers to zero.
    Operations,
    /// A map from the addresses named to the hashes of the bytes sent.
    Tensors,
}

/// A relay's signature under a policy, the root of a Merkle map, and the number of its entries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Envelope {
    /// The hash of the policy of the federation in which it was sent.
    pub policy: Digest,
    /// The root of the map.
    pub root: Digest,
    /// The number of its entries.
    pub count: u64,
    /// The relay that signed it.
    pub relay: PeerId,
    /// The signature of the relay.
    pub signature: Signature,
}

impl Envelope {
    /// The envelope that `key` puts around operations with these identifiers.
    #[must_use]
    pub fn of_operations(key: &Keypair, policy: Digest, ids: impl Iterator<Item = OpId>) -> Self {
        Self::sign(key, policy, Cargo::Operations, &operations(ids))
    }

    /// The envelope that `key` puts around tensors: of each the address it names, and the hash of
    /// the bytes it sends. Where they differ, the envelope convicts its signer.
    #[must_use]
    pub fn of_tensors(
        key: &Keypair,
        policy: Digest,
        sent: impl Iterator<Item = (Digest, Digest)>,
    ) -> Self {
        Self::sign(key, policy, Cargo::Tensors, &sent.collect())
    }

    fn sign(key: &Keypair, policy: Digest, cargo: Cargo, map: &MerkleMap) -> Self {
        let (root, count) = (map.root(), map.len() as u64);
        let signature = key.sign(&signing_digest(cargo, &policy, &root, count));
        Self { policy, root, count, relay: key.peer_id(), signature }
    }

    /// Whether this is an envelope around exactly `map`.
    pub(crate) fn holds(&self, map: &MerkleMap) -> bool {
        self.root == map.root() && self.count == map.len() as u64
    }

    pub(crate) fn verify(&self, cargo: Cargo) -> Result<(), SignatureError> {
        let digest = signing_digest(cargo, &self.policy, &self.root, self.count);
        self.relay.verify(&digest, &self.signature)
    }
}

fn signing_digest(cargo: Cargo, policy: &Digest, root: &Digest, count: u64) -> Digest {
    let domain = match cargo {
        Cargo::Operations => &OPERATIONS,
        Cargo::Tensors => &TENSORS,
    };
    domain.fields().digest(policy).digest(root).number(count).finish()
}

/// The map of an envelope around operations.
pub(crate) fn operations(ids: impl Iterator<Item = OpId>) -> MerkleMap {
    ids.map(|id| (id, Digest::ZERO)).collect()
}
