//! One byte string per value.
//!
//! Values are written with postcard (little-endian, varint). Postcard readers accept some longer
//! spellings of the same value (padded varints) and trailing bytes; [`decode`] accepts only what
//! [`encode`] writes, so a hash of the bytes is a hash of the value.

use espalier_blame::Blame;
use postcard::ser_flavors::Flavor;
use serde::{Deserialize, Serialize};

/// Bytes that are not the canonical encoding of a value of the expected type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CanonicalError {
    /// The bytes do not parse.
    #[error("the bytes do not decode")]
    Malformed,
    /// The bytes parse, but are not the canonical encoding of their value.
    #[error("the bytes are not the canonical encoding of what they decode to")]
    NotCanonical,
}

impl CanonicalError {
    /// Who has to act on this error.
    #[must_use]
    pub fn blame(&self) -> Blame {
        Blame::Peer
    }

    /// A stable word for programs to tell this error from all others.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed => "encoding-malformed",
            Self::NotCanonical => "encoding-not-canonical",
        }
    }
}

/// The canonical bytes of `value`.
///
/// # Panics
/// If `T`'s `Serialize` fails by itself (maps of unknown length, say): a defect of the type.
#[must_use]
pub fn encode<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    postcard::to_allocvec(value).expect("in-memory values of our own types always serialise")
}

/// Reads a value from exactly its canonical bytes. Of its own it allocates nothing: what `T` takes
/// is all. Postcard never trusts a length prefix beyond the input, but a `Vec` of elements that
/// are longer in memory than in bytes takes more; see [`bounded`](crate::bounded).
///
/// # Errors
/// [`CanonicalError`]; nothing is changed.
pub fn decode<'a, T: Serialize + Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, CanonicalError> {
    let mut rest = bytes;
    let value = take(&mut rest)?;
    if rest.is_empty() { Ok(value) } else { Err(CanonicalError::NotCanonical) }
}

/// Reads a value from the beginning of `bytes`, which go on after it.
///
/// # Errors
/// [`CanonicalError`]; `bytes` are unchanged.
pub fn take<'a, T: Serialize + Deserialize<'a>>(bytes: &mut &'a [u8]) -> Result<T, CanonicalError> {
    let read = postcard::take_from_bytes::<T>(bytes);
    let (value, rest) = read.map_err(|_| CanonicalError::Malformed)?;
    let (own, _) = bytes.split_at(bytes.len() - rest.len());
    if !is_encoding(own, &value) {
        return Err(CanonicalError::NotCanonical);
    }
    *bytes = rest;
    Ok(value)
}

/// Whether `bytes` are the canonical bytes of `value`. Allocates nothing.
#[must_use]
pub fn is_encoding<T: Serialize + ?Sized>(bytes: &[u8], value: &T) -> bool {
    postcard::serialize_with_flavor(value, Expected(bytes)).is_ok_and(|rest| rest.is_empty())
}

/// How long the canonical bytes of `value` are. Allocates nothing.
///
/// # Panics
/// As [`encode`].
#[must_use]
pub fn len<T: Serialize + ?Sized>(value: &T) -> usize {
    postcard::experimental::serialized_size(value).expect("values of our own types serialise")
}

/// Hands over the canonical bytes of `value` piece by piece, and says how many there are.
///
/// # Panics
/// As [`encode`].
pub fn stream<T: Serialize + ?Sized>(value: &T, each: impl FnMut(&[u8])) -> usize {
    let pieces = Pieces { buffer: [0; PIECE], held: 0, len: 0, each };
    postcard::serialize_with_flavor(value, pieces).expect("values of our own types serialise")
}

/// The bytes that are still expected.
struct Expected<'a>(&'a [u8]);

impl<'a> Flavor for Expected<'a> {
    type Output = &'a [u8];

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.try_extend(&[byte])
    }

    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        // Any error stops the comparison.
        self.0 = self.0.strip_prefix(bytes).ok_or(postcard::Error::SerializeBufferFull)?;
        Ok(())
    }

    fn finalize(self) -> postcard::Result<&'a [u8]> {
        Ok(self.0)
    }
}

/// The number of bytes that are handed over at a time.
const PIECE: usize = 1024;

/// Bytes that are gathered and handed over.
struct Pieces<F> {
    buffer: [u8; PIECE],
    held: usize,
    len: usize,
    each: F,
}

impl<F: FnMut(&[u8])> Pieces<F> {
    fn flush(&mut self) {
        (self.each)(&self.buffer[..self.held]);
        self.held = 0;
    }
}

impl<F: FnMut(&[u8])> Flavor for Pieces<F> {
    type Output = usize;

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.try_extend(&[byte])
    }

    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        self.len += bytes.len();
        if self.held + bytes.len() > PIECE {
            self.flush();
        }
        if bytes.len() > PIECE {
            (self.each)(bytes);
            return Ok(());
        }
        self.buffer[self.held..self.held + bytes.len()].copy_from_slice(bytes);
        self.held += bytes.len();
        Ok(())
    }

    fn finalize(mut self) -> postcard::Result<usize> {
        self.flush();
        Ok(self.len)
    }
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

    type Sample = (u32, Vec<String>, Option<u64>);

    proptest! {
        #[test]
        fn streams_lengths_and_comparisons_are_those_of_the_bytes(
            value in any::<(u32, Vec<String>, Option<u64>)>(), long in 0..4000_usize, at: usize,
        ) {
            let value: (Sample, String) = (value, "n".repeat(long));
            let bytes = encode(&value);
            let mut streamed = Vec::new();
            let len = stream(&value, |piece| streamed.extend_from_slice(piece));
            prop_assert_eq!((&streamed, len, super::len(&value)), (&bytes, bytes.len(), len));
            prop_assert!(is_encoding(&bytes, &value));
            let mut other = bytes.clone();
            other[at % bytes.len()] ^= 1;
            prop_assert!(!is_encoding(&other, &value));
            prop_assert!(!is_encoding(&bytes[..bytes.len() - 1], &value));
            prop_assert!(!is_encoding(&[&bytes[..], &[0]].concat(), &value));
            let both = [bytes.clone(), bytes].concat();
            let mut rest = &both[..];
            prop_assert_eq!(take::<(Sample, String)>(&mut rest), Ok(value.clone()));
            prop_assert_eq!(take::<(Sample, String)>(&mut rest), Ok(value));
            prop_assert!(rest.is_empty());
        }

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
