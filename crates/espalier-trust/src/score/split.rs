//! Step 3 of the score, the collusion split: liars who agree with each other show as one side of a
//! clean cut along the direction in which the survivors differ most.
//!
//! The only input are squared distances. Double centring them, −½ J D J with J = I − 11ᵀ/m, gives
//! the inner products of the contributions around their mean (classical scaling: Torgerson,
//! *Multidimensional scaling I*, Psychometrika 1952), whatever the number of coordinates.

use super::Constants;
use super::leading::leading;
use super::noise::few;

/// Fewer authors than this show clean cuts by chance.
pub(super) const LEAST: usize = 10;
/// What a side needs at least.
const SIDE: usize = 2;

/// The positions of the strict minority side of a strong two-way cut of `m` contributions,
/// ascending; `None` if there is no such cut. `squared(i, j)` is their squared distance, and `h`
/// how many authors a ball holds.
///
/// Cost: 64 m² multiply-adds.
pub(super) fn minority_side(
    m: usize,
    squared: impl Fn(usize, usize) -> f64,
    constants: &Constants,
    h: usize,
) -> Option<Vec<usize>> {
    if m <= 2 * SIDE {
        return None;
    }
    let gram = double_centred(m, squared);
    let (value, vector) = leading(m, &gram)?;
    let trace = (0..m).fold(0.0, |sum, i| sum + gram[i * m + i]);
    // Is one direction much stronger than the others are on average?
    let ratio = f64::from(constants.split_64ths) / 64.0;
    if value * (m - 2) as f64 <= ratio * (trace - value) {
        return None;
    }
    let other = (trace - value) / (m - 2) as f64;
    let deviations = f64::from(constants.gap_64ths) / 64.0 * few(constants.few_gap_64ths, h);
    let side = cut(&vector, constants, deviations)?;
    let (mut found, mut explained) = (0.0, 0.0);
    for &i in &side {
        for &j in side.iter().filter(|j| **j != i) {
            // Centring spreads what is each author's own over all pairs.
            found += gram[i * m + j] + other / m as f64;
            explained += (value - other) * vector[i] * vector[j];
        }
    }
    // Do the members really share the direction? Two authors with much noise of their own stand out
    // together, too, but have nothing in common.
    (100.0 * found >= f64::from(constants.shared_percent) * explained).then_some(side)
}

/// Inner products around the mean, row by row.
fn double_centred(m: usize, squared: impl Fn(usize, usize) -> f64) -> Vec<f64> {
    let mut gram: Vec<f64> = (0..m * m).map(|at| squared(at / m, at % m)).collect();
    let mean = |row: &[f64]| row.iter().fold(0.0, |sum, x| sum + x) / m as f64;
    let means: Vec<f64> = gram.chunks_exact(m).map(mean).collect();
    let all = mean(&means);
    for (row, row_mean) in gram.chunks_exact_mut(m).zip(&means) {
        for (value, column_mean) in row.iter_mut().zip(&means) {
            *value = -0.5 * (*value - row_mean - column_mean + all);
        }
    }
    gram
}

/// The two-way cut of numbers that explains most of their variance, if it is clean: it explains
/// enough, the sides lie `deviations` pooled deviations apart, and one is a strict minority.
fn cut(values: &[f64], constants: &Constants, deviations: f64) -> Option<Vec<usize>> {
    let m = values.len();
    let mut order: Vec<usize> = (0..m).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]).then(a.cmp(&b)));
    let sorted: Vec<f64> = order.iter().map(|&i| values[i]).collect();
    let total = squares(&sorted);
    if total <= 0.0 {
        return None;
    }
    let mut best = (f64::NEG_INFINITY, SIDE);
    for at in SIDE..=m - SIDE {
        let (low, high) = sorted.split_at(at);
        let explained = 1.0 - (squares(low) + squares(high)) / total;
        if explained > best.0 {
            best = (explained, at);
        }
    }
    let (explained, at) = best;
    let (low, high) = sorted.split_at(at);
    let gap = mean(high) - mean(low);
    let pooled = (squares(low) + squares(high)) / (m - 2) as f64;
    let clean = explained >= f64::from(constants.explained_percent) / 100.0
        && gap * gap >= deviations * deviations * pooled;
    if !clean || 2 * at == m {
        return None;
    }
    let mut side = if 2 * at < m { order[..at].to_vec() } else { order[at..].to_vec() };
    side.sort_unstable();
    Some(side)
}

fn mean(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |sum, x| sum + x) / values.len() as f64
}

/// Sum of squared differences from the mean.
fn squares(values: &[f64]) -> f64 {
    let mean = mean(values);
    values.iter().fold(0.0, |sum, x| sum + (x - mean) * (x - mean))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Profile;
    use proptest::prelude::*;

    fn side(points: &[Vec<f64>]) -> Option<Vec<usize>> {
        let squared = |i: usize, j: usize| {
            points[i].iter().zip(&points[j]).map(|(x, y)| (x - y) * (x - y)).sum()
        };
        minority_side(points.len(), squared, &Profile::Strict.constants(), points.len() / 2 + 1)
    }

    /// `count` points with a coordinate of their own each, and `shift` in a common one.
    fn group(count: usize, from: usize, all: usize, shift: f64) -> Vec<Vec<f64>> {
        let point = |i: usize| {
            let mut x = vec![0.0; all + 1];
            (x[i], x[all]) = (1.0, shift);
            x
        };
        (from..from + count).map(point).collect()
    }

    #[test]
    fn a_shifted_minority_is_one_side() {
        let points = [group(6, 0, 10, 0.0), group(4, 6, 10, 2.0)].concat();
        assert_eq!(side(&points), Some(vec![6, 7, 8, 9]));
        // Half and half: nobody can say which half lies.
        let points = [group(5, 0, 10, 0.0), group(5, 5, 10, 2.0)].concat();
        assert_eq!(side(&points), None);
    }

    /// Two honest authors with more noise than the others: the leading directions are theirs, and
    /// where both are as strong, one vector holds both. They share nothing.
    #[test]
    fn two_noisy_authors_do_not_collude() {
        let mut points = group(12, 0, 12, 0.0);
        for (i, size) in [(3, 3.0), (7, 3.0)] {
            points[i][i] = size;
        }
        assert_eq!(side(&points), None);
        // The same two with a part in common.
        for i in [3, 7] {
            points[i][12] = 6.0;
        }
        assert_eq!(side(&points), Some(vec![3, 7]));
    }

    #[test]
    fn no_cut_where_nothing_is_common() {
        assert_eq!(side(&group(10, 0, 10, 0.0)), None);
        assert_eq!(side(&vec![vec![1.0]; 9]), None);
        let few = [group(2, 0, 4, 0.0), group(2, 2, 4, 9.0)].concat();
        assert_eq!(side(&few), None);
        assert_eq!(side(&vec![vec![f64::NAN]; 9]), None);
    }

    proptest! {
        /// The double-centred distances are the inner products around the mean.
        #[test]
        fn centred_distances_are_inner_products(
            points in prop::collection::vec(prop::collection::vec(-4.0f64..4.0, 3), 2..9)
        ) {
            let m = points.len();
            let squared = |i: usize, j: usize| {
                points[i].iter().zip(&points[j]).map(|(x, y)| (x - y) * (x - y)).sum::<f64>()
            };
            let gram = double_centred(m, squared);
            let centre: Vec<f64> =
                (0..3).map(|k| points.iter().map(|p| p[k]).sum::<f64>() / m as f64).collect();
            for i in 0..m {
                for j in 0..m {
                    let product: f64 = (0..3)
                        .map(|k| (points[i][k] - centre[k]) * (points[j][k] - centre[k]))
                        .sum();
                    prop_assert!((gram[i * m + j] - product).abs() < 1e-9);
                }
            }
        }
    }
}
