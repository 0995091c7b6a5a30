//! The covariance-bound agnostic filter.
//!
//! Every row starts with a mass of 1. Again and again, with μ the mean by mass and v the direction
//! of largest variance about it, the mass of each row is multiplied by 1 − τ / max τ, where τ is
//! the squared length of x − μ along v; until no more than n − 2 f of all mass is left. The result
//! is the μ whose largest variance was least, the first of several. **Weights do not change the
//! result.** With f = 0 it is the mean.
//!
//! Here the greatest τ is sought among rows that still have mass, so each turn takes the mass of
//! one row at least and there are at most n turns; and it ends where nothing varies any more,
//! as with duplicates. v is a combination of the rows, found by the power method on their inner
//! products from a fixed start, in at most [`STEPS`] steps, with a [`Note`] if
//! it still turns then.

use std::sync::Arc;

use crate::{
    policies::{Note, StrategyInfo},
    robust::{
        BUCKET, CLIP, LIARS, PRE, Steps,
        by_products::{ByProducts, ProductRule},
        products::{Combination, Products},
    },
};

pub(crate) static INFO: StrategyInfo = StrategyInfo {
    name: "caf",
    aliases: &[],
    summary: "the mean after taking mass from inputs along the directions of largest variance, \
              without weights",
    source: "Diakonikolas, Kane, Recent advances in algorithmic high-dimensional robust \
             statistics, arXiv 1911.05911; as defined in the documentation of ByzFL",
    parameters: &[LIARS, PRE, BUCKET, CLIP],
    needs_base: false,
    uses_randomness: true,
    uses_weights: false,
    passes: 3,
    build: |values| Arc::new(ByProducts { rule: Caf, steps: Steps::new(values) }),
};

/// Most steps of the power method.
const STEPS: usize = 1000;
/// It ends when the direction, a unit vector, changes by less than this.
const STILL: f64 = 1e-13;

#[derive(Debug)]
struct Caf;

impl ProductRule for Caf {
    const NAME: &'static str = INFO.name;

    fn combine(&self, products: &Products, liars: usize, notes: &mut Vec<Note>) -> Combination {
        let n = products.rows();
        let mut mass = vec![1.0; n];
        let mut best = (f64::INFINITY, vec![1.0 / n as f64; n]);
        loop {
            let total: f64 = mass.iter().sum();
            if total <= (n - 2 * liars) as f64 {
                break;
            }
            let mean: Vec<f64> = mass.iter().map(|mass| mass / total).collect();
            let centred = centre(products, &mean);
            let Principal { variance, along, found } = principal(&centred, &mean);
            if !found {
                let what = "the direction of largest variance".to_owned();
                notes.push(Note::StillMoving { what, steps: STEPS });
            }
            if variance < best.0 {
                best = (variance, mean);
            }
            let squares: Vec<f64> = along.iter().map(|x| x * x).collect();
            let alive = squares.iter().zip(&mass).filter(|(_, mass)| **mass > 0.0);
            let greatest = alive.fold(0.0, |greatest, (square, _)| square.max(greatest));
            if greatest <= 0.0 {
                break;
            }
            for (mass, square) in mass.iter_mut().zip(squares) {
                *mass *= (1.0 - square / greatest).max(0.0);
            }
        }
        Combination::of(&best.1, 0.0)
    }
}

/// The products of x − μ, μ being the mean by these shares.
fn centre(products: &Products, mean: &[f64]) -> Vec<Vec<f64>> {
    let n = products.rows();
    let image: Vec<f64> = (0..n).map(|i| dot(products.row(i), mean)).collect();
    let square = dot(&image, mean);
    let row =
        |i: usize| (0..n).map(|j| (products.at(i, j) - image[i]) + (square - image[j])).collect();
    (0..n).map(row).collect()
}

/// The largest variance.
struct Principal {
    variance: f64,
    /// What each row has along its direction, up to a common factor.
    along: Vec<f64>,
    /// Whether the direction stands still.
    found: bool,
}

/// The largest variance of rows with these products and shares.
///
/// With K the centred products and c the shares, the variance is the largest eigenvalue of
/// √c K √c, and its eigenvector u gives the direction Σ √c u (x − μ).
fn principal(centred: &[Vec<f64>], shares: &[f64]) -> Principal {
    let roots: Vec<f64> = shares.iter().map(|&share| libm::sqrt(share)).collect();
    let times = |vector: &[f64]| -> Vec<f64> {
        let scaled: Vec<f64> = roots.iter().zip(vector).map(|(root, x)| root * x).collect();
        centred.iter().map(|row| dot(row, &scaled)).collect()
    };
    // The column of the row that contributes most is not orthogonal to what is sought, unless
    // the row is.
    let contribution = |i: usize| shares[i] * centred[i][i];
    let first = (0..roots.len())
        .fold(0, |best, i| if contribution(i) > contribution(best) { i } else { best });
    let mut vector: Vec<f64> = (0..roots.len()).map(|i| f64::from(u8::from(i == first))).collect();
    let (mut variance, mut found) = (0.0, false);
    for _ in 0..STEPS {
        let mut next: Vec<f64> =
            times(&vector).iter().zip(&roots).map(|(x, root)| x * root).collect();
        variance = libm::sqrt(dot(&next, &next));
        if variance <= 0.0 {
            found = true;
            break;
        }
        next.iter_mut().for_each(|x| *x /= variance);
        let change = vector.iter().zip(&next).fold(0.0, |sum, (a, b)| sum + (a - b) * (a - b));
        vector = next;
        if change < STILL * STILL {
            found = true;
            break;
        }
    }
    Principal { variance, along: times(&vector), found }
}

/// A left fold that skips what has no factor.
fn dot(values: &[f64], factors: &[f64]) -> f64 {
    let pairs = values.iter().zip(factors).filter(|(_, factor)| **factor != 0.0);
    pairs.fold(0.0, |sum, (value, factor)| sum + value * factor)
}
