//! Minimum-diameter averaging: the mean of the n − f rows whose greatest distance is least.
//!
//! Of several such sets the lexicographically first in canonical order. **Weights do not change
//! the result.**
//!
//! Instead of going through all n! / f! / (n − f)! sets: a set of diameter δ exists if f rows can
//! be left out so that no two of the others are farther apart, which is a vertex cover of the
//! pairs that are. The least δ is found by bisection over the distances, each answer by a search
//! that branches on the row with most such pairs and takes exponential time in f only, some 1.5^f.
//! After [`BUDGET`] branches in all it gives up: f up to 20 or so is always exact, and much more as
//! a rule. Then the set is that of the n − f rows nearest to the row for which they are nearest,
//! whose diameter is at most twice the least, and a [`Note::Approximate`] says so.

use std::sync::Arc;

use crate::{
    policies::{Note, StrategyInfo},
    robust::{
        BUCKET, CLIP, LIARS, PRE, Steps,
        by_products::{ByProducts, ProductRule},
        order,
        products::{Combination, Products},
    },
};

pub(crate) static INFO: StrategyInfo = StrategyInfo {
    name: "mda",
    aliases: &["minimum-diameter-averaging"],
    summary: "the mean of the n − f inputs of least diameter, without weights",
    source: "El Mhamdi, Guerraoui, Rouault, The hidden vulnerability of distributed learning in \
             Byzantium, ICML 2018; Rousseeuw, Multivariate estimation with high breakdown point, \
             1985",
    parameters: &[LIARS, PRE, BUCKET, CLIP],
    needs_base: false,
    uses_randomness: true,
    uses_weights: false,
    passes: 3,
    build: |values| Arc::new(ByProducts { rule: Mda, steps: Steps::new(values) }),
};

/// Branches in all searches of one merge.
const BUDGET: usize = 1 << 20;

#[derive(Debug)]
struct Mda;

impl ProductRule for Mda {
    const NAME: &'static str = INFO.name;

    fn combine(&self, products: &Products, liars: usize, notes: &mut Vec<Note>) -> Combination {
        let n = products.rows();
        let rows = least_diameter(products, liars, BUDGET).unwrap_or_else(|| {
            notes.push(Note::Approximate { rows: n, liars });
            least_radius(products, n - liars)
        });
        Combination::mean(&rows)
    }
}

/// The `count` rows nearest to the row that has them nearest.
fn least_radius(products: &Products, count: usize) -> Vec<usize> {
    let radius = |i: usize| {
        let mut squares = products.squared_distances(i);
        squares.sort_unstable_by(f64::total_cmp);
        squares[count - 1]
    };
    let centre = order(&(0..products.rows()).map(radius).collect::<Vec<_>>())[0];
    products.nearest(centre, count)
}

/// All but `out` rows, ascending; `None` if the budget was not enough to be sure.
fn least_diameter(products: &Products, out: usize, budget: usize) -> Option<Vec<usize>> {
    let n = products.rows();
    let pairs = (0..n).flat_map(|i| (0..i).map(move |j| products.squared_distance(i, j)));
    let mut diameters: Vec<f64> = pairs.collect();
    diameters.push(0.0);
    diameters.sort_unstable_by(f64::total_cmp);
    diameters.dedup();
    let mut search = Search { budget };
    let mut possible =
        |diameter: f64| search.covers(&mut Conflicts::new(&far_apart(products, diameter)), out);
    // The largest diameter always is: nothing is farther apart.
    let (mut low, mut high) = (0, diameters.len() - 1);
    while low < high {
        let middle = (low + high) / 2;
        if possible(diameters[middle])? { high = middle } else { low = middle + 1 }
    }
    // Row after row is kept if the rest can still be covered.
    let pairs = far_apart(products, diameters[low]);
    let mut conflicts = Conflicts::new(&pairs);
    let (mut kept, mut left) = (Vec::new(), out);
    for row in 0..n {
        if kept.len() == n - out {
            break;
        }
        if !conflicts.alive[row] {
            continue;
        }
        let mut trial = conflicts.clone();
        let removed = trial.keep(row);
        if removed <= left && search.covers(&mut trial.clone(), left - removed)? {
            (conflicts, left) = (trial, left - removed);
            kept.push(row);
        } else {
            conflicts.remove(row);
            left -= 1;
        }
    }
    Some(kept)
}

/// Per row those that are farther from it than `diameter`.
fn far_apart(products: &Products, diameter: f64) -> Vec<Vec<usize>> {
    let n = products.rows();
    let far = |i: usize| (0..n).filter(move |&j| products.squared_distance(i, j) > diameter);
    (0..n).map(|i| far(i).collect()).collect()
}

/// The pairs of rows that are too far apart to be kept both.
#[derive(Debug, Clone)]
struct Conflicts<'p> {
    pairs: &'p [Vec<usize>],
    /// Rows that are neither left out nor known to be kept.
    alive: Vec<bool>,
    /// The number of conflicts each has with others that are alive.
    degrees: Vec<usize>,
}

impl<'p> Conflicts<'p> {
    fn new(pairs: &'p [Vec<usize>]) -> Self {
        let degrees = pairs.iter().map(Vec::len).collect();
        Self { pairs, alive: vec![true; pairs.len()], degrees }
    }

    fn remove(&mut self, row: usize) {
        self.alive[row] = false;
        for &other in &self.pairs[row] {
            self.degrees[other] -= 1;
        }
    }

    fn restore(&mut self, row: usize) {
        self.alive[row] = true;
        for &other in &self.pairs[row] {
            self.degrees[other] += 1;
        }
    }

    /// Keeps a row: whatever is too far from it goes. Returns how many went.
    fn keep(&mut self, row: usize) -> usize {
        let gone = self.rivals(row);
        gone.iter().for_each(|&other| self.remove(other));
        self.remove(row);
        gone.len()
    }

    fn rivals(&self, row: usize) -> Vec<usize> {
        self.pairs[row].iter().copied().filter(|&other| self.alive[other]).collect()
    }
}

/// A search with a limit on how many branches it looks at.
struct Search {
    budget: usize,
}

impl Search {
    /// Whether leaving out `out` rows leaves no conflict; `None` when the budget is spent.
    /// `conflicts` is the same afterwards, unless it is.
    fn covers(&mut self, conflicts: &mut Conflicts<'_>, out: usize) -> Option<bool> {
        self.budget = self.budget.checked_sub(1)?;
        let (mut most, mut ends) = (None, 0);
        for (row, &degree) in conflicts.degrees.iter().enumerate() {
            if conflicts.alive[row] && degree > 0 {
                ends += degree;
                most = most.filter(|&(_, best)| best >= degree).or(Some((row, degree)));
            }
        }
        let Some((row, degree)) = most else { return Some(true) };
        // Each row that goes settles as many conflicts as the worst one at most.
        if ends > 2 * degree * out {
            return Some(false);
        }
        // Either this row goes or all its rivals do.
        conflicts.remove(row);
        let found = self.covers(conflicts, out - 1)?;
        conflicts.restore(row);
        if found || degree > out {
            return Some(found);
        }
        let rivals = conflicts.rivals(row);
        rivals.iter().for_each(|&rival| conflicts.remove(rival));
        let found = self.covers(conflicts, out - rivals.len())?;
        rivals.iter().rev().for_each(|&rival| conflicts.restore(rival));
        Some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::robust::products::tests::products;

    #[test]
    fn the_first_of_several_sets() {
        // Two pairs of equal diameter.
        let p = products(&[vec![5.0], vec![0.0], vec![1.0], vec![6.0], vec![9.0]]);
        assert_eq!(least_diameter(&p, 3, BUDGET), Some(vec![0, 3]));
        assert_eq!(least_diameter(&p, 2, BUDGET), Some(vec![0, 3, 4]));
        assert_eq!(least_diameter(&p, 0, BUDGET), Some(vec![0, 1, 2, 3, 4]));
        let equal = products(&vec![vec![2.0]; 5]);
        assert_eq!(least_diameter(&equal, 2, BUDGET), Some(vec![0, 1, 2]));
    }

    #[test]
    fn where_the_search_gives_up() {
        let rows: Vec<Vec<f64>> = (0..24_u64)
            .map(|i| (0..3).map(|k| ((i * 7919 + k * 104_729 + i * i * k) % 1009) as f64).collect())
            .collect();
        let p = products(&rows);
        let diameter = |rows: &[usize]| {
            let pairs = rows.iter().flat_map(|&i| rows.iter().map(move |&j| (i, j)));
            pairs.map(|(i, j)| p.squared_distance(i, j)).fold(0.0, f64::max)
        };
        assert_eq!(least_diameter(&p, 11, 50), None);
        let best = least_diameter(&p, 11, BUDGET).expect("enough");
        let near = least_radius(&p, 13);
        assert_eq!((best.len(), near.len()), (13, 13));
        assert!(diameter(&near) <= 4.0 * diameter(&best), "twice, as squares");
        let mut notes = Vec::new();
        Mda.combine(&p, 11, &mut notes);
        assert!(notes.is_empty());
    }
}
