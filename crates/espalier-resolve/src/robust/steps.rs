//! The steps before a rule: each row is replaced by a combination of rows.

use espalier_identity::{Digest, Domain};

use super::{
    majority, order,
    products::{Combination, Products},
};

static BUCKETS: Domain = Domain::new("espalier resolve bucketing v1");

/// One of the steps.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Step {
    /// Nearest-neighbour mixing (Allouah et al. 2023, arXiv 2302.01772).
    Nnm,
    /// Means of a few rows (Karimireddy et al. 2022, arXiv 2006.09365): this many at a time.
    Bucketing(usize),
    /// Static clipping, to this norm or to the median one.
    Clipping(Option<f64>),
    /// Adaptive robust clipping (Allouah et al. 2024, arXiv 2405.14432).
    Arc,
}

impl Step {
    /// Whether the origin of the rows changes the result.
    pub(crate) fn needs_origin(self) -> bool {
        matches!(self, Self::Clipping(_) | Self::Arc)
    }

    /// Whether products are looked at.
    pub(crate) fn needs_products(self) -> bool {
        !matches!(self, Self::Bucketing(_))
    }
}

/// Each row becomes the mean of the n − f rows nearest to it, itself included.
pub(crate) fn nnm(products: &Products, f: usize) -> Vec<Combination> {
    let n = products.rows();
    (0..n).map(|i| Combination::mean(&products.nearest(i, n - f))).collect()
}

/// The rows of each bucket, ascending; the last bucket may be smaller.
///
/// Instead of a random permutation, rows are sorted by a hash of the seed and their content: the
/// same everywhere, and whoever knows the seed can tell in which bucket a content will be. The
/// guarantee does not rest on that: f liars spoil at most f buckets wherever they are.
pub(crate) fn buckets(seed: &Digest, ids: &[Digest], size: usize) -> Vec<Vec<usize>> {
    let key = |id: &Digest| BUCKETS.fields().digest(seed).digest(id).finish();
    let mut keyed: Vec<(Digest, usize)> = ids.iter().map(key).zip(0..).collect();
    keyed.sort_unstable();
    let bucket = |rows: &[(Digest, usize)]| {
        let mut rows: Vec<usize> = rows.iter().map(|(_, row)| *row).collect();
        rows.sort_unstable();
        rows
    };
    keyed.chunks(size.max(1)).map(bucket).collect()
}

/// Rows longer than `limit`, or than the median norm, are shortened to it.
pub(crate) fn clipping(products: &Products, limit: Option<f64>) -> Vec<Combination> {
    let norms: Vec<f64> = (0..products.rows()).map(|i| products.norm(i)).collect();
    clip(&norms, limit.map_or_else(|| majority(&norms), |limit| products.length(limit)))
}

/// The k = ⌊2 f (n − f) / n⌋ longest rows are shortened to the norm of the longest other row.
pub(crate) fn arc(products: &Products, f: usize) -> Vec<Combination> {
    let n = products.rows();
    let norms: Vec<f64> = (0..n).map(|i| products.norm(i)).collect();
    // Twice f (n − f) is below n² / 2, so k is below n / 2 and a row is left.
    let k = 2 * f * (n - f) / n.max(1);
    let limit = order(&norms).iter().rev().nth(k).map_or(0.0, |&row| norms[row]);
    clip(&norms, limit)
}

fn clip(norms: &[f64], limit: f64) -> Vec<Combination> {
    let row = |(row, &norm): (usize, &f64)| {
        let factor = if norm > limit { limit / norm } else { 1.0 };
        Combination { terms: vec![(row, factor)], base: 1.0 - factor }
    };
    norms.iter().enumerate().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::robust::products::tests::products;

    #[test]
    fn buckets_are_a_partition_that_the_seed_changes() {
        let ids: Vec<Digest> = (0..11_u8).map(|i| Digest::of_content(&[i])).collect();
        let [a, b] = [b"a", b"b"].map(|seed| buckets(&Digest::of_content(seed), &ids, 3));
        assert_eq!(a.iter().map(Vec::len).collect::<Vec<_>>(), [3, 3, 3, 2]);
        let mut all = a.concat();
        all.sort_unstable();
        assert_eq!(all, (0..11).collect::<Vec<_>>());
        assert_ne!(a, b);
        assert_eq!(buckets(&Digest::ZERO, &ids[..1], 5), [[0]]);
    }

    #[test]
    fn clipping_by_hand() {
        let p = products(&[vec![3.0, 4.0], vec![1.0, 0.0], vec![0.0, 2.0], vec![0.0, 0.0]]);
        let factors = |rows: Vec<Combination>| -> Vec<f64> {
            rows.iter().map(|row| row.terms[0].1).collect()
        };
        assert_eq!(factors(clipping(&p, Some(1.0))), [0.2, 1.0, 0.5, 1.0]);
        assert_eq!(factors(clipping(&p, None)), [0.4, 1.0, 1.0, 1.0]);
        // k = ⌊2 · 1 · 3 / 4⌋ = 1: the longest, to the norm of the next.
        assert_eq!(factors(arc(&p, 1)), [0.4, 1.0, 1.0, 1.0]);
        assert_eq!(factors(arc(&p, 0)), [1.0; 4]);
        assert_eq!(arc(&p, 1)[0].base, 0.6);
    }
}
