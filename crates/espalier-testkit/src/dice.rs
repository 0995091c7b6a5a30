//! Random numbers for tests that have to be the same everywhere.

/// Random numbers from a seed (SplitMix64; Steele, Lea, Flood, OOPSLA 2014).
#[derive(Debug, Clone)]
pub struct Dice(pub u64);

impl Dice {
    /// Any number.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from 0 to `n` − 1, nearly uniform.
    ///
    /// # Panics
    /// If `n` is 0.
    pub fn below(&mut self, n: usize) -> usize {
        (self.draw() % n as u64) as usize
    }

    /// Whether something happens whose chance is `p` percent.
    pub fn percent(&mut self, p: u64) -> bool {
        self.draw() % 100 < p
    }

    /// One of several.
    ///
    /// # Panics
    /// If there is none.
    pub fn one<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }
}
