//! Ed25519 keys and signatures over digests.

use crate::digest::Digest;
use crate::hex::hex_newtype;
use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use espalier_blame::Blame;

/// A peer: its Ed25519 public key. Ordered by its bytes, which is the order of authors everywhere.
///
/// Any 32 bytes can be held; bytes that are not a valid key simply never verify a signature.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerId([u8; 32]);

impl PeerId {
    /// Wraps the bytes of a public key.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes of the public key.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Checks that this peer signed `digest`, by the strict rules (canonical encodings, no key of
    /// small order), so that every implementation reaches the same verdict.
    ///
    /// # Errors
    /// [`SignatureError`] if the key or the signature is malformed or the equation fails: the fault
    /// of whoever sent it.
    pub fn verify(&self, digest: &Digest, signature: &Signature) -> Result<(), SignatureError> {
        let key = VerifyingKey::from_bytes(&self.0).map_err(|_| SignatureError)?;
        let signature = ed25519_dalek::Signature::from_bytes(&signature.0);
        key.verify_strict(digest.as_bytes(), &signature).map_err(|_| SignatureError)
    }
}

hex_newtype!(PeerId, 32);

/// A signature that does not verify.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the signature does not verify under the author's key")]
pub struct SignatureError;

impl SignatureError {
    /// Who has to act on this error.
    #[must_use]
    pub fn blame(&self) -> Blame {
        Blame::Peer
    }

    /// A stable word for programs to tell this error from all others.
    #[must_use]
    pub fn code(&self) -> &'static str {
        "signature"
    }
}

/// An Ed25519 signature.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signature([u8; 64]);

impl Signature {
    /// Wraps the 64 bytes of a signature.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 64]) -> Self {
        Self(bytes)
    }

    /// The 64 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 64] {
        &self.0
    }
}

hex_newtype!(Signature, 64);

/// A signing key. Its `Debug` form shows the public half only.
#[derive(Clone)]
pub struct Keypair(SigningKey);

impl Keypair {
    /// The key whose RFC 8032 secret seed is `seed`. The caller supplies the randomness.
    #[must_use]
    pub fn from_seed(seed: [u8; 32]) -> Self {
        Self(SigningKey::from_bytes(&seed))
    }

    /// The public half.
    #[must_use]
    pub fn peer_id(&self) -> PeerId {
        PeerId(self.0.verifying_key().to_bytes())
    }

    /// Signs a digest. Deterministic (RFC 8032).
    #[must_use]
    pub fn sign(&self, digest: &Digest) -> Signature {
        Signature(self.0.sign(digest.as_bytes()).to_bytes())
    }
}

impl core::fmt::Debug for Keypair {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Keypair({})", self.peer_id().short())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tampered_signature_is_refused() {
        let key = Keypair::from_seed([1; 32]);
        let digest = Digest::of_content(b"payload");
        let good = key.sign(&digest);
        assert_eq!(key.peer_id().verify(&digest, &good), Ok(()));
        for i in 0..64 {
            let mut bytes = *good.as_bytes();
            bytes[i] ^= 1;
            assert!(key.peer_id().verify(&digest, &Signature::from_bytes(bytes)).is_err(), "{i}");
        }
    }

    #[test]
    fn bytes_that_are_no_key_verify_nothing() {
        let digest = Digest::of_content(b"payload");
        let signature = Keypair::from_seed([1; 32]).sign(&digest);
        for bytes in [[0; 32], [255; 32], [2; 32]] {
            assert!(PeerId::from_bytes(bytes).verify(&digest, &signature).is_err());
        }
    }
}
