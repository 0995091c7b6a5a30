//! Domain-separated BLAKE3.

use crate::canonical;
use crate::hex::hex_newtype;
use blake3::hazmat::{ContextKey, HasherExt as _};
use serde::Serialize;
use std::sync::OnceLock;

/// A 32-byte BLAKE3 hash.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest that stands for "nothing": the root of an empty set.
    pub const ZERO: Self = Self([0; 32]);

    /// Wraps 32 bytes that are already a hash.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The plain BLAKE3 hash of `bytes`, without a domain: the address of content (tensor bytes),
    /// equal to what every other BLAKE3 tool computes.
    #[must_use]
    pub fn of_content(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }
}

hex_newtype!(Digest, 32);

/// What a hash is for. Two domains never produce the same digest (BLAKE3 `derive_key` mode).
///
/// The context string should be hard-coded, globally unique and carry a version
/// (BLAKE3 specification, section 2.3). Keep it in a `static`: its key is derived once.
#[derive(Debug)]
pub struct Domain {
    context: &'static str,
    key: OnceLock<ContextKey>,
}

impl Domain {
    /// A domain from its context string.
    #[must_use]
    pub const fn new(context: &'static str) -> Self {
        Self { context, key: OnceLock::new() }
    }

    fn hasher(&self) -> blake3::Hasher {
        let key = self.key.get_or_init(|| blake3::hazmat::hash_derive_key_context(self.context));
        blake3::Hasher::new_from_context_key(key)
    }

    /// Hashes one byte string under this domain.
    #[must_use]
    pub fn hash(&self, bytes: &[u8]) -> Digest {
        let mut hasher = self.hasher();
        hasher.update(bytes);
        Digest(*hasher.finalize().as_bytes())
    }

    /// Hashes the canonical bytes of `value` without making them: their hash, and how many there
    /// are.
    ///
    /// # Panics
    /// As [`canonical::encode`].
    #[must_use]
    pub fn hash_of<T: Serialize + ?Sized>(&self, value: &T) -> (Digest, usize) {
        let mut hasher = self.hasher();
        let len = canonical::stream(value, |bytes| {
            hasher.update(bytes);
        });
        (Digest(*hasher.finalize().as_bytes()), len)
    }

    /// Starts a hash of several fields, each length-prefixed so that their borders are part of
    /// the input.
    ///
    /// ```
    /// # use espalier_identity::Domain;
    /// static D: Domain = Domain::new("espalier example fields v1");
    /// let a = D.fields().field(b"ab").field(b"c").finish();
    /// let b = D.fields().field(b"a").field(b"bc").finish();
    /// assert_ne!(a, b);
    /// ```
    #[must_use]
    pub fn fields(&self) -> FieldHasher {
        FieldHasher(self.hasher())
    }
}

/// A hash over length-prefixed fields; see [`Domain::fields`].
#[derive(Debug, Clone)]
pub struct FieldHasher(blake3::Hasher);

impl FieldHasher {
    /// Adds a field: its length as eight little-endian bytes, then the bytes.
    #[must_use]
    pub fn field(mut self, bytes: &[u8]) -> Self {
        self.0.update(&(bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
        self
    }

    /// Adds a digest. Fixed width, so without a length.
    #[must_use]
    pub fn digest(mut self, digest: &Digest) -> Self {
        self.0.update(digest.as_bytes());
        self
    }

    /// Adds an integer as eight little-endian bytes.
    #[must_use]
    pub fn number(mut self, value: u64) -> Self {
        self.0.update(&value.to_le_bytes());
        self
    }

    /// The digest of everything added.
    #[must_use]
    pub fn finish(self) -> Digest {
        Digest(*self.0.finalize().as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_separate() {
        assert_ne!(Domain::new("a").hash(b"x"), Domain::new("b").hash(b"x"));
        assert_ne!(Domain::new("a").hash(b"x"), Digest::of_content(b"x"));
    }

    #[test]
    fn content_address_is_plain_blake3() {
        // First vector of the BLAKE3 specification's test_vectors.json: the empty input.
        assert_eq!(
            Digest::of_content(b"").to_string(),
            "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"
        );
    }

    #[test]
    fn text_and_serde_round_trip() {
        let digest = Digest::of_content(b"text");
        assert_eq!(digest.to_string().parse(), Ok(digest));
        let json = serde_json::to_string(&digest).expect("json");
        assert_eq!(serde_json::from_str::<Digest>(&json).expect("parse"), digest);
        let binary = postcard::to_allocvec(&digest).expect("postcard");
        assert_eq!(binary.len(), 32);
        assert!(digest.to_string().to_uppercase().parse::<Digest>().is_err());
        assert!("ab".parse::<Digest>().is_err());
    }
}
