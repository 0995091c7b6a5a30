//! Reductions with a fixed layout, so that a sum has the same bits wherever it is computed.
//!
//! **The layout.** Elements are widened to f64 (exactly) before anything is computed. They are
//! numbered from the start of the reduction and taken in blocks of [`BLOCK`] = 4,096. Within a
//! block, element `i` adds its term to lane `i mod 8`, in order of `i`. The eight lanes of a
//! block are combined as `((l0 + l4) + (l2 + l6)) + ((l1 + l5) + (l3 + l7))`. Blocks are added to
//! the total in order, starting from zero. No fused multiply-add is ever used.
//!
//! So a result depends on the elements and their order only: not on the processor's vector
//! width, on threads, or on the pieces in which callers hand the elements over.

mod distances;
mod finite;
mod models;
mod pairwise;

pub use distances::{
    Threads, pairwise_squared_distances, squared_distances_from, squared_distances_of_new,
};
pub use finite::all_finite;
pub use models::squared_distance_blocks;
pub use pairwise::{Gram, gram};

use crate::simd::widest;

/// Elements per block.
pub const BLOCK: usize = 4096;
/// Lanes per block.
pub const LANES: usize = 8;

/// Σ `a[i]` × `b[i]`. Cost: about 1 ns for two to four elements on one core.
///
/// # Panics
/// If the lengths differ.
#[must_use]
pub fn dot(a: &[f32], b: &[f32]) -> f64 {
    reduce(a, b, |x, y| x * y)
}

/// As [`dot`], for f64.
///
/// # Panics
/// If the lengths differ.
#[must_use]
pub fn dot_f64(a: &[f64], b: &[f64]) -> f64 {
    reduce(a, b, |x, y| x * y)
}

/// Σ `a[i]`²: equal to [`dot`] of `a` with itself.
#[must_use]
pub fn sum_of_squares(a: &[f32]) -> f64 {
    reduce(a, a, |x, y| x * y)
}

/// As [`sum_of_squares`], for f64.
#[must_use]
pub fn sum_of_squares_f64(a: &[f64]) -> f64 {
    reduce(a, a, |x, y| x * y)
}

/// Σ (`a[i]` − `b[i]`)², the differences taken in f64.
///
/// ```
/// use espalier_tensor::kernels::squared_distance;
/// assert_eq!(squared_distance(&[1.0, 2.0, 3.0], &[1.0, 0.0, 0.0]), 13.0);
/// ```
///
/// # Panics
/// If the lengths differ.
#[must_use]
pub fn squared_distance(a: &[f32], b: &[f32]) -> f64 {
    reduce(a, b, squared_difference)
}

/// As [`squared_distance`], for f64.
///
/// # Panics
/// If the lengths differ.
#[must_use]
pub fn squared_distance_f64(a: &[f64], b: &[f64]) -> f64 {
    reduce(a, b, squared_difference)
}

#[inline(always)]
fn squared_difference(x: f64, y: f64) -> f64 {
    let difference = x - y;
    difference * difference
}

fn reduce<T: Widen>(a: &[T], b: &[T], term: impl Fn(f64, f64) -> f64 + Copy) -> f64 {
    assert_eq!(a.len(), b.len(), "both sides of a reduction have the same length");
    let mut sum = BlockSum::default();
    add_terms(&mut sum, a, b, term);
    sum.total()
}

widest! {
    /// [`BlockSum::push`]
    fn add_terms[A: Widen, B: Widen, F: Fn(f64, f64) -> f64 + Copy][A, B, F](
        sum: &mut BlockSum,
        a: &[A],
        b: &[B],
        term: F,
    ) {
        sum.push(a, b, term);
    }
}

/// An element that widens to f64 exactly. Raw little-endian bytes are elements too, so that
/// mapped tensors are read in place.
trait Widen: Copy {
    fn widen(self) -> f64;
}

impl Widen for f64 {
    #[inline(always)]
    fn widen(self) -> f64 {
        self
    }
}

impl Widen for f32 {
    #[inline(always)]
    fn widen(self) -> f64 {
        self.into()
    }
}

impl Widen for [u8; 4] {
    #[inline(always)]
    fn widen(self) -> f64 {
        f32::from_le_bytes(self).into()
    }
}

impl Widen for [u8; 8] {
    #[inline(always)]
    fn widen(self) -> f64 {
        f64::from_le_bytes(self)
    }
}

/// A reduction under way: the layout of this module, fed in pieces of any length.
#[derive(Debug, Clone, Default)]
struct BlockSum {
    lanes: [f64; LANES],
    /// Elements of the current block seen so far.
    filled: usize,
    total: f64,
}

impl BlockSum {
    /// Adds the terms of the next `a.len()` elements.
    #[inline(always)]
    fn push<A: Widen, B: Widen>(
        &mut self,
        mut a: &[A],
        mut b: &[B],
        term: impl Fn(f64, f64) -> f64 + Copy,
    ) {
        debug_assert_eq!(a.len(), b.len());
        while !a.is_empty() {
            let count = a.len().min(BLOCK - self.filled);
            let ((head_a, tail_a), (head_b, tail_b)) = (a.split_at(count), b.split_at(count));
            self.push_within_block(head_a, head_b, term);
            (a, b) = (tail_a, tail_b);
            if self.filled == BLOCK {
                self.close_block();
            }
        }
    }

    #[inline(always)]
    fn push_within_block<A: Widen, B: Widen>(
        &mut self,
        a: &[A],
        b: &[B],
        term: impl Fn(f64, f64) -> f64 + Copy,
    ) {
        let to_first_lane = (LANES - self.filled % LANES) % LANES;
        let (head_a, a) = a.split_at(to_first_lane.min(a.len()));
        let (head_b, b) = b.split_at(head_a.len());
        self.push_scalars(head_a, head_b, term);
        let ((a, tail_a), (b, tail_b)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
        let mut lanes = self.lanes;
        for (x, y) in a.iter().zip(b) {
            for lane in 0..LANES {
                lanes[lane] += term(x[lane].widen(), y[lane].widen());
            }
        }
        self.lanes = lanes;
        self.filled += LANES * a.len();
        self.push_scalars(tail_a, tail_b, term);
    }

    #[inline(always)]
    fn push_scalars<A: Widen, B: Widen>(
        &mut self,
        a: &[A],
        b: &[B],
        term: impl Fn(f64, f64) -> f64,
    ) {
        for (x, y) in a.iter().zip(b) {
            self.lanes[self.filled % LANES] += term(x.widen(), y.widen());
            self.filled += 1;
        }
    }

    #[inline(always)]
    fn close_block(&mut self) {
        let l = self.lanes;
        self.total += ((l[0] + l[4]) + (l[2] + l[6])) + ((l[1] + l[5]) + (l[3] + l[7]));
        self.lanes = [0.0; LANES];
        self.filled = 0;
    }

    fn total(mut self) -> f64 {
        if self.filled > 0 {
            self.close_block();
        }
        self.total
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The layout of the header, word for word.
    fn slow(a: &[f64], b: &[f64], term: fn(f64, f64) -> f64) -> f64 {
        let mut total = 0.0;
        for block in 0..a.len().div_ceil(4096) {
            let mut l = [0.0; 8];
            for i in 4096 * block..a.len().min(4096 * (block + 1)) {
                l[i % 8] += term(a[i], b[i]);
            }
            total += ((l[0] + l[4]) + (l[2] + l[6])) + ((l[1] + l[5]) + (l[3] + l[7]));
        }
        total
    }

    fn values(seed: u64, n: usize) -> Vec<f32> {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) as f32 / 1e9 - 1.0
        };
        (0..n).map(|_| next()).collect()
    }

    fn wide(values: &[f32]) -> Vec<f64> {
        values.iter().map(|&v| v.into()).collect()
    }

    #[test]
    fn fast_equals_slow_at_every_kind_of_length() {
        for n in [0, 1, 7, 8, 9, 4095, 4096, 4097, 12_345] {
            let (a, b) = (values(1, n), values(2, n));
            let (wa, wb) = (wide(&a), wide(&b));
            let (product, distance) = (|x, y| x * y, |x: f64, y: f64| (x - y) * (x - y));
            let bits = |x: f64| x.to_bits();
            assert_eq!(bits(dot(&a, &b)), bits(slow(&wa, &wb, product)));
            assert_eq!(bits(dot_f64(&wa, &wb)), bits(slow(&wa, &wb, product)));
            assert_eq!(bits(sum_of_squares(&a)), bits(slow(&wa, &wa, product)));
            assert_eq!(bits(squared_distance(&a, &b)), bits(slow(&wa, &wb, distance)));
            assert_eq!(bits(squared_distance_f64(&wa, &wb)), bits(slow(&wa, &wb, distance)));
        }
    }

    proptest! {
        #[test]
        fn pieces_do_not_matter(cuts in prop::collection::vec(0_usize..10_000, 0..20)) {
            let (a, b) = (values(3, 10_000), values(4, 10_000));
            let mut cuts = cuts;
            cuts.extend([0, a.len()]);
            cuts.sort_unstable();
            let mut sum = BlockSum::default();
            for pair in cuts.windows(2) {
                let range = pair[0]..pair[1];
                sum.push(&a[range.clone()], &b[range], squared_difference);
            }
            prop_assert_eq!(sum.total().to_bits(), squared_distance(&a, &b).to_bits());
        }
    }
}
