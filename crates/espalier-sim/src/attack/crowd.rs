//! What an omniscient attacker computes from the honest rows. Every sum is over rows in their
//! order, coordinate by coordinate, or has the layout of the kernels: threads change no bit.

use espalier_tensor::kernels::{dot_f64, squared_distance_f64};
use rayon::prelude::*;

/// Coordinates that one task works on.
const STEP: usize = 1024;
/// Power steps for the top component.
const POWER_STEPS: usize = 100;

/// The honest rows with their mean and spread.
#[derive(Debug)]
pub(crate) struct Crowd<'a> {
    pub(crate) rows: &'a [Vec<f32>],
    pub(crate) mean: Vec<f64>,
    /// Per coordinate the population standard deviation.
    pub(crate) deviation: Vec<f64>,
}

impl<'a> Crowd<'a> {
    /// Of at least one row; all have one length.
    pub(crate) fn new(rows: &'a [Vec<f32>]) -> Self {
        Self { rows, mean: by_column(rows, |column| mean(column)), deviation: spread(rows) }
    }

    /// The distance of each row from the mean.
    pub(crate) fn radii(&self) -> Vec<f64> {
        let radius = |row: &Vec<f32>| libm::sqrt(squared_distance_f64(&wide(row), &self.mean));
        self.rows.par_iter().map(radius).collect()
    }

    /// Root mean square distance from the mean.
    pub(crate) fn radius(&self) -> f64 {
        let squares = self.deviation.iter().fold(0.0, |sum, s| sum + s * s);
        libm::sqrt(squares)
    }

    /// The squared distances between all pairs of rows, row by row.
    pub(crate) fn squared_distances(&self) -> Vec<Vec<f64>> {
        let wide: Vec<Vec<f64>> = self.rows.iter().map(|row| wide(row)).collect();
        let row =
            |a: &Vec<f64>| wide.iter().map(|b| squared_distance_f64(a, b)).collect::<Vec<_>>();
        wide.par_iter().map(row).collect()
    }

    /// The unit vector along which the rows vary most, pointing against the mean, and their
    /// standard deviation along it. Zero where they do not vary. Cost: n² d.
    pub(crate) fn top(&self) -> (Vec<f64>, f64) {
        let centred: Vec<Vec<f64>> = self.rows.iter().map(|row| self.centred(row)).collect();
        let gram: Vec<Vec<f64>> = centred
            .par_iter()
            .map(|a| centred.iter().map(|b| dot_f64(a, b)).collect::<Vec<_>>())
            .collect();
        let (weights, value) = top_of(&gram);
        let mut direction = vec![0.0; self.mean.len()];
        if value <= 0.0 {
            return (direction, 0.0);
        }
        let length = libm::sqrt(value);
        for (row, weight) in centred.iter().zip(&weights) {
            let scale = weight / length;
            direction.iter_mut().zip(row).for_each(|(sum, x)| *sum += scale * x);
        }
        if dot_f64(&direction, &self.mean) > 0.0 {
            direction.iter_mut().for_each(|x| *x = -*x);
        }
        (direction, length / libm::sqrt(self.rows.len() as f64))
    }

    /// The row with the largest projection on the top component: the one to mimic.
    pub(crate) fn extreme(&self) -> usize {
        let (direction, _) = self.top();
        let reach = |row: &Vec<f32>| dot_f64(&self.centred(row), &direction).abs();
        let reaches: Vec<f64> = self.rows.iter().map(reach).collect();
        let farthest = |best: usize, i: usize| if reaches[i] > reaches[best] { i } else { best };
        (0..reaches.len()).fold(0, farthest)
    }

    fn centred(&self, row: &[f32]) -> Vec<f64> {
        row.iter().zip(&self.mean).map(|(x, mean)| f64::from(*x) - mean).collect()
    }
}

/// Widens a row.
pub(crate) fn wide(row: &[f32]) -> Vec<f64> {
    row.iter().map(|x| f64::from(*x)).collect()
}

/// A vector of the same direction and length 1; zero stays zero.
pub(crate) fn unit(mut vector: Vec<f64>) -> Vec<f64> {
    let length = libm::sqrt(dot_f64(&vector, &vector));
    if length > 0.0 {
        vector.iter_mut().for_each(|x| *x /= length);
    }
    vector
}

/// Per coordinate the mean of the values that are left without the `cut` least and greatest, of
/// which at least one stays (Yin et al. 2018).
pub(crate) fn trimmed_mean(rows: &[Vec<f32>], cut: usize) -> Vec<f64> {
    let cut = cut.min(rows.len().saturating_sub(1) / 2);
    by_column(rows, |column| {
        column.sort_unstable_by(f64::total_cmp);
        mean(&column[cut..column.len() - cut])
    })
}

fn mean(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |sum, x| sum + x) / values.len() as f64
}

fn spread(rows: &[Vec<f32>]) -> Vec<f64> {
    by_column(rows, |column| {
        let mean = mean(column);
        let squares = column.iter().fold(0.0, |sum, x| sum + (x - mean) * (x - mean));
        libm::sqrt(squares / column.len() as f64)
    })
}

/// One value per coordinate, from the values of all rows there.
fn by_column(rows: &[Vec<f32>], value: impl Fn(&mut [f64]) -> f64 + Sync) -> Vec<f64> {
    let mut out = vec![0.0; rows.first().map_or(0, Vec::len)];
    out.par_chunks_mut(STEP).enumerate().for_each(|(step, out)| {
        let mut column = vec![0.0; rows.len()];
        for (i, out) in out.iter_mut().enumerate() {
            let at = step * STEP + i;
            column.iter_mut().zip(rows).for_each(|(x, row)| *x = f64::from(row[at]));
            *out = value(&mut column);
        }
    });
    out
}

/// Top eigenvector and eigenvalue of a positive semidefinite matrix, by power steps from the column
/// of largest diagonal.
fn top_of(gram: &[Vec<f64>]) -> (Vec<f64>, f64) {
    let wider = |best: usize, i: usize| if gram[i][i] > gram[best][best] { i } else { best };
    let mut vector = unit(gram[(0..gram.len()).fold(0, wider)].clone());
    let image = |vector: &[f64]| gram.iter().map(|row| dot_f64(row, vector)).collect::<Vec<_>>();
    for _ in 0..POWER_STEPS {
        vector = unit(image(&vector));
    }
    let value = dot_f64(&vector, &image(&vector));
    (vector, value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mean_deviation_and_radii_are_what_they_say() {
        let rows = [vec![1.0, 0.0], vec![3.0, 0.0], vec![5.0, 6.0]];
        let crowd = Crowd::new(&rows);
        assert_eq!(crowd.mean, [3.0, 2.0]);
        assert_eq!(crowd.deviation, [libm::sqrt(8.0 / 3.0), libm::sqrt(8.0)]);
        assert_eq!(crowd.radii(), [libm::sqrt(8.0), 2.0, libm::sqrt(20.0)]);
        assert!((crowd.radius() * crowd.radius() - 32.0 / 3.0).abs() < 1e-12);
        assert_eq!(crowd.squared_distances()[0], [0.0, 4.0, 52.0]);
    }

    #[test]
    fn the_top_component_is_the_longest_axis_and_points_against_the_mean() {
        let rows = [vec![14.0, 1.0], vec![6.0, 1.0], vec![10.0, 2.0], vec![10.0, 0.0]];
        let crowd = Crowd::new(&rows);
        let (direction, deviation) = crowd.top();
        assert!((direction[0] + 1.0).abs() < 1e-12 && direction[1].abs() < 1e-12);
        assert!((deviation - libm::sqrt(8.0)).abs() < 1e-12);
        assert_eq!(crowd.extreme(), 0);
        let same = [vec![1.0, 2.0], vec![1.0, 2.0]];
        assert_eq!(Crowd::new(&same).top(), (vec![0.0, 0.0], 0.0));
    }

    #[test]
    fn a_trimmed_mean_forgets_both_ends() {
        let rows = [[1.0], [2.0], [3.0], [90.0], [-70.0]].map(Vec::from);
        assert_eq!(trimmed_mean(&rows, 1), [2.0]);
        assert_eq!(trimmed_mean(&rows, 9), [2.0]);
        assert_eq!(trimmed_mean(&rows[..2], 1), [1.5]);
    }
}
