//! All randomness of a run, derived from its seed by name: drawing more for one purpose changes
//! nothing drawn for another.

use espalier_identity::{Digest, Domain};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

static PURPOSE: Domain = Domain::new("espalier simulation randomness v1");

/// The seed of a run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seeds(pub(crate) u64);

impl Seeds {
    /// 32 bytes for one purpose.
    pub(crate) fn key(self, purpose: &str, index: u64) -> Digest {
        PURPOSE.fields().number(self.0).field(purpose.as_bytes()).number(index).finish()
    }

    /// A generator for one purpose.
    pub(crate) fn rng(self, purpose: &str, index: u64) -> Dice {
        Dice(ChaCha8Rng::from_seed(*self.key(purpose, index).as_bytes()))
    }
}

/// Draws with written-down rules, so that they are the same with every version of every library.
#[derive(Debug, Clone)]
pub(crate) struct Dice(ChaCha8Rng);

impl Dice {
    /// What every draw is made of.
    #[inline]
    pub(crate) fn draw(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Uniform in 0..1, a multiple of 2⁻⁵³.
    #[inline]
    pub(crate) fn unit(&mut self) -> f64 {
        (self.draw() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Continues as if this many numbers had been drawn.
    pub(crate) fn skip(&mut self, draws: usize) {
        // A draw is two words.
        let at = self.0.get_word_pos();
        self.0.set_word_pos(at + 2 * draws as u128);
    }

    /// Whether an event of probability `p` happens.
    #[inline]
    pub(crate) fn happens(&mut self, p: f64) -> bool {
        self.unit() < p
    }

    /// Uniform in 0..n by Lemire's multiplication without rejection: the bias is below n / 2⁶⁴.
    #[inline]
    pub(crate) fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.draw()) * n as u128) >> 64) as usize
    }

    /// Fisher–Yates.
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }

    /// Standard normal (Box–Muller).
    pub(crate) fn normal(&mut self) -> f64 {
        let radius = libm::sqrt(-2.0 * libm::log(1.0 - self.unit()));
        radius * libm::cos(2.0 * core::f64::consts::PI * self.unit())
    }

    /// Gamma with shape `a` and scale 1 (Marsaglia and Tsang 2000).
    pub(crate) fn gamma(&mut self, a: f64) -> f64 {
        if a < 1.0 {
            let boost = libm::pow(1.0 - self.unit(), 1.0 / a);
            return self.gamma(a + 1.0) * boost;
        }
        let d = a - 1.0 / 3.0;
        let c = 1.0 / libm::sqrt(9.0 * d);
        loop {
            let x = self.normal();
            let v = 1.0 + c * x;
            let v = v * v * v;
            if v > 0.0 && libm::log(1.0 - self.unit()) < 0.5 * x * x + d - d * v + d * libm::log(v)
            {
                return d * v;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_skipped_is_what_would_have_been_drawn() {
        for (before, skipped) in [(0, 0), (0, 1), (1, 31), (31, 1), (32, 1), (32, 0), (5, 1_000)] {
            let mut dice = Seeds(1).rng("test", 0);
            (0..before).for_each(|_| _ = dice.unit());
            let mut drawn = dice.clone();
            dice.skip(skipped);
            (0..skipped).for_each(|_| _ = drawn.unit());
            for _ in 0..70 {
                assert_eq!(dice.unit(), drawn.unit(), "{skipped} after {before}");
            }
        }
    }

    #[test]
    fn moments_are_sane_and_purposes_independent() {
        let mut dice = Seeds(1).rng("test", 0);
        let n = 20_000;
        let mean =
            |draw: &mut dyn FnMut() -> f64| (0..n).map(|_| draw()).sum::<f64>() / f64::from(n);
        assert!((mean(&mut || dice.unit()) - 0.5).abs() < 0.01);
        assert!(mean(&mut || dice.normal()).abs() < 0.03);
        for shape in [0.3, 1.0, 4.0] {
            assert!((mean(&mut || dice.gamma(shape)) - shape).abs() < 0.05 * (1.0 + shape));
        }
        assert!((mean(&mut || dice.below(7) as f64) - 3.0).abs() < 0.05);
        assert_ne!(Seeds(1).key("a", 0), Seeds(1).key("b", 0));
        assert_ne!(Seeds(1).key("a", 0), Seeds(2).key("a", 0));
    }
}
