//! The order of the inputs in every coordinate.

use espalier_tensor::widest;

use super::tensor::Scratch;
use crate::real::Real;

/// Coordinates that are ranked together.
const LANES: usize = 16;
/// Up to this many inputs, comparing all pairs in all lanes at once beats sorting.
const PAIRS: usize = 48;
/// Coordinates of a tile, for few and for many inputs.
const WIDTH: usize = 128;
const ELEMENTS: usize = 1 << 14;

/// Some consecutive coordinates of all inputs, with ranks.
pub(crate) struct Ranked<'s, T> {
    values: &'s [T],
    ranks: &'s [i32],
    width: usize,
    len: usize,
}

impl<T> Ranked<'_, T> {
    /// Each row's values and their ranks, in the order of the rows. Ranks go from 0, by value in
    /// the order of `total_cmp`, then by place in that order of rows.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (&[T], &[i32])> {
        let rows = self.values.chunks_exact(self.width).zip(self.ranks.chunks_exact(self.width));
        rows.map(|(values, ranks)| (&values[..self.len], &ranks[..self.len]))
    }
}

/// Calls `merge` with tiles of `count` ranked rows and the place where their result belongs.
/// `read(start, len, width, rows)` puts elements `start .. start + len` of row i at `width` i.
pub(crate) fn by_rank<T: Real>(
    count: usize,
    mut read: impl FnMut(usize, usize, usize, &mut [T]),
    start: usize,
    out: &mut [T],
    scratch: &mut Scratch<T>,
    mut merge: impl FnMut(&Ranked<'_, T>, &mut [T]),
) {
    let width = (ELEMENTS / count / LANES * LANES).clamp(LANES, WIDTH);
    let mut keys = vec![[T::Key::default(); LANES]; count];
    let mut lane_ranks = vec![[0; LANES]; count];
    let mut ranks = vec![0; count * width];
    let mut column = Vec::new();
    for (number, out) in out.chunks_mut(width).enumerate() {
        let values = scratch.rows(count * width);
        // What lies behind the last element is ranked too, and not looked at.
        read(start + number * width, out.len(), width, values);
        // Whole arrays of lanes are copied, which takes no call.
        for chunk in 0..out.len().div_ceil(LANES) {
            for (key, row) in keys.iter_mut().zip(values.chunks_exact(width)) {
                *key = row.as_chunks::<LANES>().0[chunk].map(T::key);
            }
            if count <= PAIRS {
                rank_by_pairs(&keys, &mut lane_ranks);
            } else {
                rank_by_sorting(&keys, &mut lane_ranks, &mut column);
            }
            for (row, lanes) in ranks.chunks_exact_mut(width).zip(&lane_ranks) {
                row.as_chunks_mut::<LANES>().0[chunk] = *lanes;
            }
        }
        let (values, ranks) = (&*values, ranks.as_slice());
        merge(&Ranked { values, ranks, width, len: out.len() }, out);
    }
}

/// The values of this rank, into `out`.
pub(crate) fn pick<T: Real>(ranked: &Ranked<'_, T>, wanted: i32, out: &mut [T]) {
    for (values, ranks) in ranked.rows() {
        pick_from(values, ranks, wanted, out);
    }
}

widest! {
    fn pick_from[T: Real][T](values: &[T], ranks: &[i32], wanted: i32, out: &mut [T]) {
        let n = out.len();
        let (values, ranks) = (&values[..n], &ranks[..n]);
        for j in 0..n {
            out[j] = T::select(ranks[j] == wanted, values[j], out[j]);
        }
    }

    /// Every input starts with as many before it as there are; each pair in the wrong order swaps
    /// one rank.
    fn rank_by_pairs[K: Copy + Ord][K](keys: &[[K; LANES]], ranks: &mut [[i32; LANES]]) {
        for (start, rank) in ranks.iter_mut().enumerate() {
            *rank = [start as i32; LANES];
        }
        for i in 0..keys.len() {
            let (mine, mut rank) = (keys[i], ranks[i]);
            for (other, other_rank) in keys[i + 1..].iter().zip(&mut ranks[i + 1..]) {
                for lane in 0..LANES {
                    let swapped = i32::from(mine[lane] > other[lane]);
                    rank[lane] += swapped;
                    other_rank[lane] -= swapped;
                }
            }
            ranks[i] = rank;
        }
    }
}

fn rank_by_sorting<K: Copy + Ord>(
    keys: &[[K; LANES]],
    ranks: &mut [[i32; LANES]],
    column: &mut Vec<(K, usize)>,
) {
    for lane in 0..LANES {
        column.clear();
        column.extend(keys.iter().enumerate().map(|(input, key)| (key[lane], input)));
        column.sort_unstable();
        for (rank, &(_, input)) in column.iter().enumerate() {
            ranks[input][lane] = rank as i32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn both_ways_agree(
            keys in prop::collection::vec(prop::array::uniform16(-3_i32..3), 1..70),
        ) {
            let mut pairs = vec![[0; LANES]; keys.len()];
            let mut sorted = pairs.clone();
            rank_by_pairs(&keys, &mut pairs);
            rank_by_sorting(&keys, &mut sorted, &mut Vec::new());
            prop_assert_eq!(pairs, sorted);
        }
    }
}
