//! Where a difference is cut: its largest elements are kept, larger magnitude first, then lower
//! index.

use espalier_tensor::widest;

use crate::real::{Load, Real};

/// The most elements that are sifted at once.
pub(crate) const SIFTED: usize = 1024;
/// Magnitudes tested together for lying inside the bracket, which few do.
const GROUP: usize = 8;

/// What became of some magnitudes. All NaN count as one.
#[derive(Debug)]
pub(crate) struct Sifted<K> {
    /// The number above the bracket.
    pub(crate) above: usize,
    /// The number inside, ends included.
    pub(crate) inside: usize,
    /// The largest of all.
    pub(crate) largest: K,
    /// Those inside come first.
    found: [K; SIFTED],
    all: [K; SIFTED],
}

impl<K: Copy + Default> Default for Sifted<K> {
    fn default() -> Self {
        let none = [K::default(); SIFTED];
        Self { above: 0, inside: 0, largest: K::default(), found: none, all: none }
    }
}

impl<K> Sifted<K> {
    /// The magnitudes inside, in their order.
    pub(crate) fn found(&self) -> &[K] {
        &self.found[..self.inside]
    }
}

widest! {
    /// Sifts the magnitudes of differences from a base by a bracket: `low` and `high`, ends
    /// included. There are at most [`SIFTED`].
    pub(crate) fn sift_differences[T: Real, E: Load<T>][T, E](
        row: &[E],
        base: &[T],
        low: T::Key,
        high: T::Key,
        out: &mut Sifted<T::Key>,
    ) {
        let all = &mut out.all[..row.len()];
        for ((m, x), &b) in all.iter_mut().zip(row).zip(base) {
            *m = (x.load() - b).magnitude().min(T::NAN_MAGNITUDE);
        }
        pick_out(row.len(), low, high, out);
    }

    /// The same for values as they are.
    pub(crate) fn sift[T: Real][T](
        values: &[T],
        low: T::Key,
        high: T::Key,
        out: &mut Sifted<T::Key>,
    ) {
        for (m, x) in out.all.iter_mut().zip(values) {
            *m = x.magnitude().min(T::NAN_MAGNITUDE);
        }
        pick_out(values.len(), low, high, out);
    }
}

/// Sifts the first `count` of all.
#[inline(always)]
fn pick_out<K: Copy + Ord + Default>(count: usize, low: K, high: K, out: &mut Sifted<K>) {
    let Sifted { all, found, .. } = out;
    let all = &all[..count];
    let (mut above, mut largest) = (0_i32, K::default());
    for &m in all {
        above += i32::from(m > high);
        largest = if m > largest { m } else { largest };
    }
    let mut inside = 0;
    for group in all.chunks(GROUP) {
        let is_inside = |m: K| (m >= low) & (m <= high);
        if group.iter().fold(0, |any, &m| any | i32::from(is_inside(m))) != 0 {
            for &m in group {
                found[inside] = m;
                inside += usize::from(is_inside(m));
            }
        }
    }
    (out.above, out.inside, out.largest) = (above as usize, inside, largest);
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
