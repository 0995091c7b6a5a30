//! One byte string per value.
//!
//! Values are written with postcard (little-endian, varint). Postcard readers accept some longer
//! spellings of the same value (padded varints) and trailing bytes; [`decode`] accepts only what
//! [`encode`] writes, so a hash of the bytes is a hash of the value.

use serde::{Serialize, de::DeserializeOwned};

/// Bytes that are not the canonical encoding of a value of the expected type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CanonicalError {
    /// The sender's fault: the bytes do not parse.
    #[error("the bytes do not decode")]
    Malformed,
    /// The sender's fault: they parse, but a value has only one spelling and this is not it.
    #[error("the bytes are not the canonical encoding of what they decode to")]
    NotCanonical,
}

/// The canonical bytes of `value`.
///
/// # Panics
/// If `T`'s `Serialize` fails by itself (maps of unknown length, say): a defect of the type.
#[must_use]
pub fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    postcard::to_allocvec(value).expect("in-memory values of our own types always serialise")
}

/// Reads a value from exactly its canonical bytes. Memory is bounded by a small multiple of
/// `bytes.len()`: postcard never trusts a length prefix beyond the input.
///
/// # Errors
/// [`CanonicalError`]; nothing is changed.
pub fn decode<T: Serialize + DeserializeOwned>(bytes: &[u8]) -> Result<T, CanonicalError> {
    let value: T = postcard::from_bytes(bytes).map_err(|_| CanonicalError::Malformed)?;
    if encode(&value) == bytes { Ok(value) } else { Err(CanonicalError::NotCanonical) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn padded_varints_and_trailing_bytes_are_refused() {
        assert_eq!(decode::<u64>(&[0x05]), Ok(5));
        assert_eq!(postcard::from_bytes::<u64>(&[0x85, 0x00]), Ok(5));
        assert_eq!(decode::<u64>(&[0x85, 0x00]), Err(CanonicalError::NotCanonical));
        assert_eq!(decode::<u64>(&[0x05, 0x00]), Err(CanonicalError::NotCanonical));
    }

    #[test]
    fn a_huge_claimed_length_allocates_nothing() {
        let claim = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f];
        assert_eq!(decode::<Vec<u64>>(&claim), Err(CanonicalError::Malformed));
    }

    proptest! {
        #[test]
        fn decode_accepts_only_what_encode_writes(
            bytes in prop::collection::vec(any::<u8>(), 0..64),
        ) {
            if let Ok(value) = decode::<(u32, Vec<String>, Option<u64>)>(&bytes) {
                prop_assert_eq!(encode(&value), bytes);
            }
        }
    }
}
