//! Where a difference is cut: its largest elements are kept, larger magnitude first, then lower
//! index.

use espalier_tensor::widest;

use crate::real::Real;

/// The most magnitudes that are sifted at once.
pub(crate) const SIFTED: usize = 1024;
/// Magnitudes tested together for lying inside a bracket.
const GROUP: usize = 8;

/// What became of some magnitudes.
#[derive(Debug, Default)]
pub(crate) struct Sifted {
    /// How many are above the bracket.
    pub(crate) above: usize,
    /// How many are inside, its ends included.
    pub(crate) inside: usize,
}

widest! {
    /// Counts what is above a bracket, and copies what is inside to the front of `found`, which is
    /// as long as `magnitudes`, at most [`SIFTED`].
    pub(crate) fn sift[K: Copy + Ord][K](
        magnitudes: &[K],
        low: K,
        high: K,
        found: &mut [K],
        sifted: &mut Sifted,
    ) {
        let above: i32 = magnitudes.iter().map(|&m| i32::from(m > high)).sum();
        let mut inside = 0;
        for group in magnitudes.chunks(GROUP) {
            let is_inside = |m: K| (m >= low) & (m <= high);
            // Few groups have any.
            if group.iter().fold(0, |any, &m| any | i32::from(is_inside(m))) != 0 {
                for &m in group {
                    found[inside] = m;
                    inside += usize::from(is_inside(m));
                }
            }
        }
        *sifted = Sifted { above: above as usize, inside };
    }
}

/// The smallest element that is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Threshold {
    /// Its magnitude as an integer; see [`Real::magnitude`]. All larger ones are kept.
    pub(crate) magnitude: i64,
    /// Of those with this magnitude, the ones up to this index are kept.
    pub(crate) last: usize,
}

impl Threshold {
    /// Keeps everything.
    pub(crate) const ALL: Self = Self { magnitude: 0, last: usize::MAX };
    /// Keeps nothing.
    pub(crate) const NONE: Self = Self { magnitude: i64::MAX, last: 0 };

    /// The magnitude of the smallest element that is kept.
    pub(crate) fn value<T: Real>(&self) -> T {
        T::from_magnitude(T::Key::try_from(self.magnitude).unwrap_or(T::UNREACHED))
    }

    /// Splits `start .. start + len` where the treatment of equal magnitudes changes: the length
    /// of the first part, and the smallest absolute value that each part keeps. A NaN keeps
    /// nothing.
    pub(crate) fn split<T: Real>(&self, start: usize, len: usize) -> (usize, [T; 2]) {
        let first = self.last.saturating_add(1).saturating_sub(start).min(len);
        let limit =
            |magnitude: i64| T::from_magnitude(T::Key::try_from(magnitude).unwrap_or(T::UNREACHED));
        (first, [limit(self.magnitude), limit(self.magnitude.saturating_add(1))])
    }
}
