//! Inner products of rows, and what follows from them alone.

use super::{majority, order};

/// Rows as combinations of other rows and of the base: what a mixing matrix W consists of.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Combination {
    /// Row and factor, ascending by row; rows that do not take part are not named, so that what
    /// is not a number in them stays out.
    pub(crate) terms: Vec<(usize, f64)>,
    /// Factor of the base (the origin of the rows): exactly zero for means.
    pub(crate) base: f64,
}

impl Combination {
    /// The mean of some rows, ascending.
    pub(crate) fn mean(rows: &[usize]) -> Self {
        let factor = 1.0 / rows.len() as f64;
        Self { terms: rows.iter().map(|&row| (row, factor)).collect(), base: 0.0 }
    }

    /// With one factor for every row, those that are zero left out.
    pub(crate) fn of(factors: &[f64], base: f64) -> Self {
        let named = factors.iter().copied().enumerate().filter(|(_, factor)| *factor != 0.0);
        Self { terms: named.collect(), base }
    }

    /// The same in terms of what `rows` are combinations of.
    pub(crate) fn through(&self, rows: &[Self], inputs: usize) -> Self {
        let mut factors = vec![0.0; inputs];
        let mut base = self.base;
        for &(row, factor) in &self.terms {
            for &(input, inner) in &rows[row].terms {
                factors[input] += factor * inner;
            }
            base += factor * rows[row].base;
        }
        Self::of(&factors, base)
    }
}

/// The inner products of all pairs of rows; see the module above for their precision.
#[derive(Debug, Clone)]
pub(crate) struct Products {
    rows: usize,
    values: Vec<f64>,
    /// Lengths are in units of two to this power: zero unless rows are so long or so short that
    /// their squares could not be told.
    unit: i32,
}

impl Products {
    /// From the rows of the lower triangle, one after another, in units of 2^`unit`.
    pub(crate) fn from_triangle(rows: usize, triangle: &[f64], unit: i32) -> Self {
        let at = |i: usize, j: usize| triangle[i.max(j) * (i.max(j) + 1) / 2 + i.min(j)];
        let values = (0..rows * rows).map(|k| at(k / rows, k % rows)).collect();
        Self { rows, values, unit }
    }

    /// A length, in the unit of these products.
    pub(crate) fn length(&self, length: f64) -> f64 {
        libm::scalbn(length, -self.unit)
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// The products of row `i` with all rows.
    pub(crate) fn row(&self, i: usize) -> &[f64] {
        &self.values[i * self.rows..(i + 1) * self.rows]
    }

    pub(crate) fn at(&self, i: usize, j: usize) -> f64 {
        self.values[i * self.rows + j]
    }

    pub(crate) fn norm(&self, i: usize) -> f64 {
        libm::sqrt(self.at(i, i))
    }

    /// |x − y|², exactly zero for equal rows, with the same bits from either side.
    pub(crate) fn squared_distance(&self, i: usize, j: usize) -> f64 {
        ((self.at(i, i) + self.at(j, j)) - 2.0 * self.at(i, j)).max(0.0)
    }

    /// The squared distances of row `i` to all rows.
    pub(crate) fn squared_distances(&self, i: usize) -> Vec<f64> {
        (0..self.rows).map(|j| self.squared_distance(i, j)).collect()
    }

    /// The `count` rows that are nearest to row `i`, itself among them, ascending. Of rows
    /// equally far the first ones.
    pub(crate) fn nearest(&self, i: usize, count: usize) -> Vec<usize> {
        let mut nearest = order(&self.squared_distances(i));
        nearest.truncate(count);
        nearest.sort_unstable();
        nearest
    }

    /// The row whose ball over a majority of the rows is smallest; the first of several. However
    /// far a minority is, this row is where the others are.
    pub(crate) fn core(&self) -> usize {
        let radii: Vec<f64> =
            (0..self.rows).map(|i| majority(&self.squared_distances(i))).collect();
        order(&radii).first().copied().unwrap_or(0)
    }

    /// The distances of all rows to Σ a x.
    pub(crate) fn distances_to(&self, factors: &[f64]) -> Vec<f64> {
        let images: Vec<f64> = (0..self.rows).map(|i| dot(self.row(i), factors)).collect();
        let square = dot(&images, factors);
        let distance = |i: usize| square - 2.0 * images[i] + self.at(i, i);
        (0..self.rows).map(|i| libm::sqrt(distance(i).max(0.0))).collect()
    }

    /// W P Wᵀ: the products of combinations of the rows, the base being the origin.
    pub(crate) fn mixed(&self, rows: &[Combination]) -> Self {
        let n = rows.len();
        let mut values = vec![0.0; n * n];
        for i in 0..n {
            let mut image = vec![0.0; self.rows];
            for &(row, factor) in &rows[i].terms {
                image.iter_mut().zip(self.row(row)).for_each(|(sum, p)| *sum += factor * p);
            }
            for j in 0..=i {
                let product = rows[j].terms.iter().map(|&(row, factor)| factor * image[row]);
                let product = product.fold(0.0, |sum, term| sum + term);
                (values[i * n + j], values[j * n + i]) = (product, product);
            }
        }
        Self { rows: n, values, unit: self.unit }
    }

    /// The products among some of the rows.
    pub(crate) fn among(&self, chosen: &[usize]) -> Self {
        let row = |&i: &usize| chosen.iter().map(move |&j| self.at(i, j));
        let values = chosen.iter().flat_map(row).collect();
        Self { rows: chosen.len(), values, unit: self.unit }
    }
}

/// A left fold that skips what has no factor: zero times infinity would not be zero.
fn dot(values: &[f64], factors: &[f64]) -> f64 {
    let pairs = values.iter().zip(factors).filter(|(_, factor)| **factor != 0.0);
    pairs.fold(0.0, |sum, (value, factor)| sum + value * factor)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Of plain vectors, each product a plain sum.
    pub(crate) fn products(rows: &[Vec<f64>]) -> Products {
        let product = |i: usize, j: usize| rows[i].iter().zip(&rows[j]).map(|(x, y)| x * y).sum();
        let n = rows.len();
        let values = (0..n * n).map(|k| product(k / n, k % n)).collect();
        Products { rows: n, values, unit: 0 }
    }

    #[test]
    fn what_products_say_is_what_vectors_say() {
        let rows = [vec![1.0, 2.0], vec![4.0, 6.0], vec![1.0, 2.0], vec![-2.0, 2.0]];
        let p = products(&rows);
        assert_eq!(p.squared_distances(0), [0.0, 25.0, 0.0, 9.0]);
        assert_eq!(p.nearest(1, 2), [0, 1], "of equals the first");
        assert_eq!(p.core(), 0);
        assert_eq!(p.distances_to(&[0.5, 0.5, 0.0, 0.0])[3], (4.5_f64 * 4.5 + 4.0).sqrt());
        assert_eq!(p.among(&[3, 1]).at(0, 1), 4.0);
        let mixed = p.mixed(&[Combination::mean(&[0, 1]), Combination::of(&[0., 0., 2., 0.], -1.)]);
        assert_eq!((mixed.at(0, 0), mixed.at(1, 0), mixed.at(1, 1)), (22.25, 21.0, 20.0));
        let triangle = [1.0, 2.0, 3.0];
        assert_eq!(Products::from_triangle(2, &triangle, 0).values, [1.0, 2.0, 2.0, 3.0]);
    }

    #[test]
    fn combinations_of_combinations() {
        let rows = [Combination::mean(&[0, 2]), Combination { terms: vec![(1, 0.5)], base: 0.5 }];
        let outer = Combination::mean(&[0, 1]).through(&rows, 3);
        assert_eq!(outer.terms, [(0, 0.25), (1, 0.25), (2, 0.25)]);
        assert_eq!(outer.base, 0.25);
    }
}
