//! Short identifiers under a salt: SipHash-2-4 (Aumasson and Bernstein, *SipHash: a fast
//! short-input
//! PRF*, INDOCRYPT 2012).

use serde::{Deserialize, Serialize};

/// A 32-byte identifier in 8 bytes, under a salt that both sides know.
///
/// Two of n identifiers get the same one with probability n² / 2⁶⁵, about 3 in 10⁸ for a million;
/// under the next salt they are apart again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Short([u8; 8]);

impl Short {
    pub(crate) const fn from_word(word: u64) -> Self {
        Self(word.to_le_bytes())
    }

    pub(crate) const fn word(self) -> u64 {
        u64::from_le_bytes(self.0)
    }
}

/// What keys the hashes of one session. Whoever may put elements into a set must not be able to
/// guess it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Salt([u8; 16]);

impl Salt {
    /// A salt of 16 bytes.
    #[must_use]
    pub const fn new(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// The short form of an identifier.
    #[must_use]
    pub fn short(&self, id: &[u8; 32]) -> Short {
        let (words, _) = id.as_chunks::<8>();
        Short::from_word(self.hash(words))
    }

    /// The checksum of a short identifier. Of another length than an identifier, so of another
    /// hash.
    pub(crate) fn check(&self, short: Short) -> u32 {
        self.hash(&[short.0]) as u32
    }

    /// SipHash-2-4 of whole words.
    fn hash(&self, words: &[[u8; 8]]) -> u64 {
        let (keys, _) = self.0.as_chunks::<8>();
        let [k0, k1] = [0, 1].map(|i| u64::from_le_bytes(keys[i]));
        let mut v = [
            k0 ^ 0x736f_6d65_7073_6575,
            k1 ^ 0x646f_7261_6e64_6f6d,
            k0 ^ 0x6c79_6765_6e65_7261,
            k1 ^ 0x7465_6462_7974_6573,
        ];
        let length = (words.len() as u64 * 8) << 56;
        for word in words.iter().map(|word| u64::from_le_bytes(*word)).chain([length]) {
            v[3] ^= word;
            (0..2).for_each(|_| round(&mut v));
            v[0] ^= word;
        }
        v[2] ^= 0xff;
        (0..4).for_each(|_| round(&mut v));
        v[0] ^ v[1] ^ v[2] ^ v[3]
    }
}

fn round(v: &mut [u64; 4]) {
    let half = |v: &mut [u64; 4], a: usize, b: usize, turn: u32| {
        v[a] = v[a].wrapping_add(v[b]);
        v[b] = v[b].rotate_left(turn) ^ v[a];
    };
    half(v, 0, 1, 13);
    v[0] = v[0].rotate_left(32);
    half(v, 2, 3, 16);
    half(v, 0, 3, 21);
    half(v, 2, 1, 17);
    v[2] = v[2].rotate_left(32);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_published_vectors() {
        // The authors' list of test vectors, key 00 … 0f, inputs 00 01 02 … of 0, 8 and 32 bytes.
        let mut key = [0; 16];
        (0..).zip(&mut key).for_each(|(i, byte)| *byte = i);
        let salt = Salt::new(key);
        let bytes: Vec<u8> = (0..32).collect();
        let (words, _) = bytes.as_chunks::<8>();
        assert_eq!(salt.hash(&[]), 0x726f_db47_dd0e_0e31);
        assert_eq!(salt.hash(&words[..1]), 0x93f5_f579_9a93_2462);
        assert_eq!(salt.hash(words), 0x7127_512f_72f2_7cce);
    }
}
