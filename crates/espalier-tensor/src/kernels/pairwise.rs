//! Inner products of all pairs at once: every input is read and widened once instead of once per
//! pair.

use super::models::{Span, TILE};
use super::{BlockSum, add_terms};
use crate::{convert, dtype::Dtype};

/// The inner products of all pairs of rows, each row with itself included.
///
/// Rows are little-endian elements of equal number. Entry `i (i + 1) / 2 + j` is the product of
/// rows `i` and `j ≤ i`, with the bits of [`super::dot_f64`]. Cost: n² d / 2 multiply-adds.
///
/// # Panics
/// If the rows do not have the same number of elements.
#[must_use]
pub fn gram(rows: &[(Dtype, &[u8])]) -> Vec<f64> {
    let mut gram = Gram::new(rows.len());
    gram.push(rows);
    gram.finish()
}

/// [`gram`] of rows that arrive in pieces. Which pieces does not matter.
///
/// ```
/// use espalier_tensor::{Dtype, kernels::Gram};
/// let bytes = |values: [f32; 2]| values.map(f32::to_le_bytes).concat();
/// let (a, b) = (bytes([1.0, 2.0]), bytes([3.0, 4.0]));
/// let mut gram = Gram::new(2);
/// gram.push(&[(Dtype::F32, &a[..4]), (Dtype::F32, &b[..4])]);
/// gram.push(&[(Dtype::F32, &a[4..]), (Dtype::F32, &b[4..])]);
/// assert_eq!(gram.finish(), [5.0, 11.0, 25.0]);
/// ```
#[derive(Debug, Clone)]
pub struct Gram {
    sums: Vec<BlockSum>,
    tiles: Vec<[f64; TILE]>,
    /// What each row is multiplied by; empty if by nothing.
    factors: Vec<f64>,
}

impl Gram {
    /// An empty accumulator for `rows` rows.
    #[must_use]
    pub fn new(rows: usize) -> Self {
        let sums = vec![BlockSum::default(); rows * (rows + 1) / 2];
        Self { sums, tiles: vec![[0.0; TILE]; rows], factors: Vec::new() }
    }

    /// Of rows that are multiplied by these factors first, one for each: for rows whose squares
    /// would overflow or vanish. Powers of two change no bits of what neither does.
    #[must_use]
    pub fn scaled(factors: &[f64]) -> Self {
        Self { factors: factors.to_vec(), ..Self::new(factors.len()) }
    }

    /// Adds the next elements of every row.
    ///
    /// # Panics
    /// If there are more or fewer rows than announced, or they differ in their number of elements.
    pub fn push(&mut self, rows: &[(Dtype, &[u8])]) {
        self.push_spans(None, rows);
    }

    /// As [`Gram::push`], of the differences of the rows from `origin`, taken in f64. Where rows
    /// are near each other and far from zero, distances that are computed from the products are
    /// far more precise so. The origin is multiplied by the factor of the first row, if there
    /// are factors.
    ///
    /// # Panics
    /// As there, `origin` being one of the rows.
    pub fn push_from(&mut self, origin: (Dtype, &[u8]), rows: &[(Dtype, &[u8])]) {
        self.push_spans(Some(origin), rows);
    }

    fn push_spans(&mut self, origin: Option<Span<'_>>, rows: &[Span<'_>]) {
        assert_eq!(rows.len(), self.tiles.len(), "a Gram matrix gets all its rows every time");
        let elements = |row: &Span<'_>| row.1.len() / row.0.size();
        let equal = rows.iter().chain(&origin).map(elements).collect::<Vec<_>>();
        let equal = equal.windows(2).all(|pair| pair[0] == pair[1]);
        assert!(equal, "all rows of a Gram matrix have the same number of elements");
        let sums = &mut self.sums;
        in_tiles(origin, rows, &self.factors, &mut self.tiles, |rows| {
            let mut sums = sums.iter_mut();
            for (i, a) in rows.iter().enumerate() {
                for (b, sum) in rows[..=i].iter().zip(&mut sums) {
                    add_terms(sum, a, b, |x, y| x * y);
                }
            }
        });
    }

    /// The products of everything added; see [`gram`].
    #[must_use]
    pub fn finish(self) -> Vec<f64> {
        self.sums.into_iter().map(BlockSum::total).collect()
    }
}

/// Widens the next elements of every row, less those of `origin`, and hands them over, until all
/// are seen.
pub(super) fn in_tiles<const TILE: usize>(
    origin: Option<Span<'_>>,
    spans: &[Span<'_>],
    factors: &[f64],
    tiles: &mut [[f64; TILE]],
    mut each: impl FnMut(&[&[f64]]),
) {
    let Some(&(dtype, bytes)) = spans.first() else { return };
    let elements = bytes.len() / dtype.size();
    let mut centre = [0.0; TILE];
    for start in (0..elements).step_by(TILE) {
        let count = TILE.min(elements - start);
        let read = |(dtype, bytes): Span<'_>, row: usize, out: &mut [f64]| {
            convert::read_f64(dtype, &bytes[start * dtype.size()..][..count * dtype.size()], out);
            if let Some(factor) = factors.get(row) {
                out.iter_mut().for_each(|x| *x *= factor);
            }
        };
        if let Some(origin) = origin {
            read(origin, 0, &mut centre[..count]);
        }
        for (row, (&span, tile)) in spans.iter().zip(tiles.iter_mut()).enumerate() {
            read(span, row, &mut tile[..count]);
            if origin.is_some() {
                tile[..count].iter_mut().zip(&centre).for_each(|(x, c)| *x -= c);
            }
        }
        let rows: Vec<&[f64]> = tiles.iter().map(|tile| &tile[..count]).collect();
        each(&rows);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Model;
    use crate::kernels::{self, pairwise_squared_distances, squared_distances_from};

    fn values(seed: u32, n: usize) -> Vec<f32> {
        (0..n as u32).map(|i| ((i * 7919 + seed * 104_729) % 1009) as f32 / 97.0 - 5.0).collect()
    }

    #[test]
    fn all_pairs_equal_one_by_one() {
        let n = 9001;
        let rows: Vec<Vec<f32>> = (0..4).map(|seed| values(seed, n)).collect();
        let model = |v: &Vec<f32>| {
            let (u, w) = v.split_at(1234);
            Model::from_f32(&[("u", &[1234], u), ("w", &[n as u64 - 1234], w)]).expect("model")
        };
        let models: Vec<Model> = rows.iter().map(model).collect();
        let list: Vec<&Model> = models.iter().collect();
        let all = pairwise_squared_distances(&list, 3);
        let from = squared_distances_from(list[3], &list[..3], 3);
        assert_eq!(from, all[3..]);
        let bytes: Vec<Vec<u8>> =
            rows.iter().map(|v| v.iter().flat_map(|x| x.to_le_bytes()).collect()).collect();
        let spans: Vec<_> = bytes.iter().map(|b| (Dtype::F32, b.as_slice())).collect();
        let products = gram(&spans);
        let mut pieces = Gram::new(4);
        for range in [0..1000, 1000..1001, 1001..n] {
            let piece = |b: &Vec<u8>| b[4 * range.start..4 * range.end].to_vec();
            let piece: Vec<Vec<u8>> = bytes.iter().map(piece).collect();
            pieces.push(&piece.iter().map(|b| (Dtype::F32, &**b)).collect::<Vec<_>>());
        }
        assert_eq!(pieces.finish(), products);
        let mut centred = Gram::new(4);
        centred.push_from(spans[2], &spans);
        let centred = centred.finish();
        let mut halves = Gram::scaled(&[0.5; 4]);
        halves.push_from(spans[2], &spans);
        assert_eq!(halves.finish(), centred.iter().map(|p| p / 4.0).collect::<Vec<_>>());
        let mut single = Gram::scaled(&[1.0, 2.0, 1.0, 0.25]);
        single.push(&spans);
        let single = single.finish();
        assert_eq!(
            (single[1], single[2], single[8]),
            (2.0 * products[1], 4.0 * products[2], 0.25 * products[8],)
        );
        for i in 0..4 {
            for j in 0..=i {
                assert_eq!(products[i * (i + 1) / 2 + j], kernels::dot(&rows[i], &rows[j]));
                let from = |row: &[f32]| -> Vec<f64> {
                    row.iter().zip(&rows[2]).map(|(x, y)| f64::from(*x) - f64::from(*y)).collect()
                };
                let expected = kernels::dot_f64(&from(&rows[i]), &from(&rows[j]));
                assert_eq!(centred[i * (i + 1) / 2 + j], expected);
                if j < i {
                    let single = kernels::squared_distance_blocks(list[i], list[j], 3);
                    assert_eq!(all[i * (i - 1) / 2 + j], single);
                }
            }
        }
        assert!(pairwise_squared_distances(&[], 2).is_empty() && gram(&[]).is_empty());
        assert!(squared_distances_from(list[0], &[], 2).is_empty());
    }
}
