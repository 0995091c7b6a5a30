//! Where a difference is cut: its largest elements are kept, larger magnitude first, then lower
//! index.

use espalier_tensor::widest;

use crate::real::{Load, Real};

/// The most elements that are sifted at once.
pub(crate) const SIFTED: usize = 1024;
/// Magnitudes compared together.
const LANES: usize = 16;
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
}

impl<K: Copy + Default> Default for Sifted<K> {
    fn default() -> Self {
        Self { above: 0, inside: 0, largest: K::default(), found: [K::default(); SIFTED] }
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
        let mut sieve = Sieve::new(low, high);
        let ((rows, row), (bases, base)) = (row.as_chunks::<LANES>(), base.as_chunks::<LANES>());
        for (x, b) in rows.iter().zip(bases) {
            let of = |lane: usize| (x[lane].load() - b[lane]).magnitude();
            sieve.add(core::array::from_fn(|lane| of(lane).min(T::NAN_MAGNITUDE)), out);
        }
        for (x, &b) in row.iter().zip(base) {
            sieve.add_one((x.load() - b).magnitude().min(T::NAN_MAGNITUDE), out);
        }
        sieve.finish(out);
    }

    /// The same for values as they are.
    pub(crate) fn sift[T: Real][T](
        values: &[T],
        low: T::Key,
        high: T::Key,
        out: &mut Sifted<T::Key>,
    ) {
        let mut sieve = Sieve::new(low, high);
        let (chunks, rest) = values.as_chunks::<LANES>();
        for x in chunks {
            let of = |lane: usize| x[lane].magnitude().min(T::NAN_MAGNITUDE);
            sieve.add(core::array::from_fn(of), out);
        }
        for x in rest {
            sieve.add_one(x.magnitude().min(T::NAN_MAGNITUDE), out);
        }
        sieve.finish(out);
    }
}

/// Counters of a sifting under way, a lane each.
struct Sieve<K> {
    low: K,
    high: K,
    above: [i32; LANES],
    largest: [K; LANES],
    inside: usize,
}

impl<K: Copy + Ord + Default> Sieve<K> {
    #[inline(always)]
    fn new(low: K, high: K) -> Self {
        Self { low, high, above: [0; LANES], largest: [K::default(); LANES], inside: 0 }
    }

    #[inline(always)]
    fn add(&mut self, magnitudes: [K; LANES], out: &mut Sifted<K>) {
        let mut inside = [0; LANES];
        for lane in 0..LANES {
            let m = magnitudes[lane];
            self.above[lane] += i32::from(m > self.high);
            self.largest[lane] = self.largest[lane].max(m);
            inside[lane] = i32::from((m >= self.low) & (m <= self.high));
        }
        let groups = magnitudes.as_chunks::<GROUP>().0;
        for (group, inside) in groups.iter().zip(inside.as_chunks::<GROUP>().0) {
            if inside.iter().fold(0, |any, inside| any | inside) != 0 {
                for (&m, &inside) in group.iter().zip(inside) {
                    out.found[self.inside] = m;
                    self.inside += inside as usize;
                }
            }
        }
    }

    #[inline(always)]
    fn add_one(&mut self, m: K, out: &mut Sifted<K>) {
        self.above[0] += i32::from(m > self.high);
        self.largest[0] = self.largest[0].max(m);
        if (m >= self.low) & (m <= self.high) {
            out.found[self.inside] = m;
            self.inside += 1;
        }
    }

    #[inline(always)]
    fn finish(self, out: &mut Sifted<K>) {
        out.above = self.above.iter().sum::<i32>() as usize;
        out.largest = self.largest.into_iter().fold(K::default(), K::max);
        out.inside = self.inside;
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
