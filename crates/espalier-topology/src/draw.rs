//! The seeded randomness of the generators, with its mapping to numbers written out here.
//!
//! ChaCha8's stream is specified; how a library turns it into ranges and shuffles is not, and
//! may change between its versions. Everything drawn in this crate goes through these functions.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A stream keyed by seed, number of nodes and a text that says what is drawn.
pub(crate) struct Draw(ChaCha8Rng);

impl Draw {
    pub(crate) fn new(seed: u64, nodes: usize, text: &str) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8..16].copy_from_slice(&(nodes as u64).to_le_bytes());
        key[16..].copy_from_slice(&fnv1a_128(text.as_bytes()).to_le_bytes());
        Self(ChaCha8Rng::from_seed(key))
    }

    /// Uniform in `[0, 1)`, a multiple of 2^-53.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Uniform in `0..bound`; `bound` is at least 1.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        below(&mut self.0, bound as u64) as usize
    }

    /// Fisher–Yates, from the back.
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

/// Uniform in `0..bound` without bias (Lemire, "Fast random integer generation in an interval",
/// ACM TOMACS 2019); 0 for a `bound` of 0.
pub(crate) fn below<R: Rng + ?Sized>(rng: &mut R, bound: u64) -> u64 {
    if bound == 0 {
        return 0;
    }
    let mut product = u128::from(rng.next_u64()) * u128::from(bound);
    if (product as u64) < bound {
        let rejected = bound.wrapping_neg() % bound;
        while (product as u64) < rejected {
            product = u128::from(rng.next_u64()) * u128::from(bound);
        }
    }
    (product >> 64) as u64
}

/// FNV-1a, 128 bits: keeps the streams of different topologies apart; not for security.
fn fnv1a_128(bytes: &[u8]) -> u128 {
    let mut hash = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d_u128;
    for byte in bytes {
        hash = (hash ^ u128::from(*byte)).wrapping_mul(0x0100_0000_0000_0000_0000_013b);
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fnv_matches_its_published_vectors() {
        assert_eq!(fnv1a_128(b""), 0x6c62272e07bb014262b821756295c58d);
        assert_eq!(fnv1a_128(b"a"), 0xd228cb696f1a8caf78912b704e4a8964);
    }

    #[test]
    fn below_is_in_range_and_roughly_uniform() {
        let mut draw = Draw::new(1, 2, "test");
        let mut count = [0_u32; 5];
        (0..50_000).for_each(|_| count[draw.below(5)] += 1);
        assert!(count.iter().all(|c| (9_600..10_400).contains(c)), "{count:?}");
        assert!((0..1_000).map(|_| draw.unit()).all(|u| (0.0..1.0).contains(&u)));
    }

    #[test]
    fn every_part_of_the_key_matters() {
        let first = |seed, nodes, text| Draw::new(seed, nodes, text).0.next_u64();
        let base = first(1, 8, "ring");
        assert_eq!(base, first(1, 8, "ring"));
        assert!(
            [first(2, 8, "ring"), first(1, 9, "ring"), first(1, 8, "line")]
                .iter()
                .all(|other| *other != base)
        );
    }
}
