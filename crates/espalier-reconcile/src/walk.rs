//! To which indices an element is mapped: to index i with probability ρ(i) = 2 / (i + 2), each on
//! its own, so to index 0 always and to about 2 ln m of the first m.
//!
//! An element steps from one of its indices to the next. After index i, the next is at most x with
//! probability
//!
//! ```text
//! 1 − Π (1 − ρ(j)), j = i+1 … x   =   1 − (i + 1)(i + 2) / ((x + 1)(x + 2))
//! ```
//!
//! so for u uniform in (0, 1] it is the least x with (x + 1)(x + 2) ≥ (i + 1)(i + 2) / u: a square
//! root, rounded up. (Yang, Gilad, Alizadeh, section 4.2, use an approximation of this.)

use crate::salt::Short;

/// An element on its way along its indices.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Walk {
    index: u64,
    random: u64,
}

impl Walk {
    /// At index 0, to which everything is mapped.
    pub(crate) fn of(id: Short) -> Self {
        Self { index: 0, random: id.word() }
    }

    /// Goes to its next index.
    fn step(&mut self) {
        let u = ((self.draw() >> 11) + 1) as f64 * (1.0 / (1_u64 << 53) as f64);
        let at = self.index as f64;
        let next = (((at + 1.0) * (at + 2.0) / u + 0.25).sqrt() - 1.5).ceil();
        self.index = (next as u64).max(self.index.saturating_add(1));
    }

    /// Calls `visit` with its indices below `end`, and stays at the first that is not.
    pub(crate) fn until(&mut self, end: u64, mut visit: impl FnMut(u64)) {
        while self.index < end {
            visit(self.index);
            self.step();
        }
    }

    /// SplitMix64 (Steele, Lea, Flood, OOPSLA 2014).
    fn draw(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = self.random;
        let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_mapped_as_often_as_they_should_be() {
        const WALKS: u64 = 20_000;
        let mut hits = [0_u64; 64];
        for id in 0..WALKS {
            let short = Short::from_word(id.wrapping_mul(0xd134_2543_de82_ef95));
            Walk::of(short).until(64, |index| hits[index as usize] += 1);
        }
        for (index, hits) in hits.into_iter().enumerate() {
            let expected = 2.0 * WALKS as f64 / (index as f64 + 2.0);
            // Five standard deviations of a binomial, and at index 0 exactly all.
            let spread = 5.0 * (expected * (1.0 - expected / WALKS as f64)).sqrt();
            assert!((hits as f64 - expected).abs() <= spread, "{hits} at index {index}");
        }
    }

    #[test]
    fn a_walk_never_stands_still() {
        let mut walk = Walk { index: u64::MAX - 1, random: 1 };
        (0..3).for_each(|_| walk.step());
        assert_eq!(walk.index, u64::MAX);
    }

    #[test]
    fn a_walk_is_the_same_everywhere() {
        // Recomputed from the formula above in another language.
        let mut indices = Vec::new();
        Walk::of(Short::from_word(1)).until(1 << 20, |index| indices.push(index));
        let first = [0, 1, 2, 3, 6, 10, 12, 13, 19, 37, 42, 67, 87, 130, 180, 274, 673, 839, 930];
        let last = [1127, 1199, 4673, 16_382, 23_265, 66_310, 123_797, 565_642, 787_806, 932_482];
        assert_eq!(indices, [&first[..], &last[..]].concat());
    }
}
