//! Distances of many models at once: tiles of models by tiles of elements, so that what is compared
//! is in the nearest cache.
//!
//! A pair of groups of models is a job. It goes through the elements in tiles that fit into the
//! second-level cache with the sums of all its pairs, and within a tile through a few models at a
//! time that fit into the first. Each sum gets its terms in the order of the elements, as if its
//! pair were alone: tiles, jobs and threads show nowhere in the bits.

use super::models::{Rows, pieces};
use super::pairwise::in_tiles;
use super::{BlockSum, squared_difference};
use crate::{model::Model, simd::widest};
use core::ops::Range;
use rayon::prelude::*;

/// Models in a group. Each is widened once for all of its group.
const GROUP: usize = 32;
/// Models of a group that are compared at a time.
const NEAR: usize = 8;
/// Elements of a tile: those of [`NEAR`] models are half of a first-level cache.
const TILE: usize = 256;
/// A piece of fewer elements is not worth a job of its own.
const LEAST_OF_A_JOB: u64 = 1 << 12;

/// On which threads something is computed. The result is the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Threads {
    /// On this one: for whoever holds a lock, as a thread that waits for others takes up whatever
    /// work there is.
    One,
    /// On all of rayon's.
    All,
}

/// The squared distances between all pairs of `models`, each with the bits of
/// [`super::squared_distance_blocks`].
///
/// Entry `i (i − 1) / 2 + j` is the pair of `models[i]` and `models[j]`, `j < i`: the rows of
/// the lower triangle. Each entry has `parts` pieces. Cost: n² d / 2 multiply-adds on cached data,
/// on all threads.
///
/// # Panics
/// As [`super::squared_distance_blocks`].
#[must_use]
pub fn pairwise_squared_distances(models: &[&Model], parts: usize) -> Vec<Vec<f64>> {
    squared_distances_of_new(models, 0, parts, Threads::All)
}

/// The squared distances of `model` from each of `others`, with the bits of
/// [`super::squared_distance_blocks`]: what a new model adds to [`pairwise_squared_distances`].
///
/// Cost: n d multiply-adds, on all threads; every model is read and widened once.
///
/// # Panics
/// As [`super::squared_distance_blocks`].
#[must_use]
pub fn squared_distances_from(model: &Model, others: &[&Model], parts: usize) -> Vec<Vec<f64>> {
    let models: Vec<&Model> = others.iter().copied().chain(std::iter::once(model)).collect();
    squared_distances_of_new(&models, others.len(), parts, Threads::All)
}

/// What the models from `first` on add to the distances of those before: the rows of
/// [`pairwise_squared_distances`] from there on, each of a model with all before it, in one list.
///
/// # Panics
/// As [`super::squared_distance_blocks`].
#[must_use]
pub fn squared_distances_of_new(
    models: &[&Model],
    first: usize,
    parts: usize,
    spread: Threads,
) -> Vec<Vec<f64>> {
    let row = |i: usize| i * i.saturating_sub(1) / 2;
    let before = row(first.min(models.len()));
    let mut distances = vec![vec![0.0; parts]; row(models.len()) - before];
    let rows = Rows::new(models);
    let pieces: Vec<_> = pieces(rows.elements, parts).collect();
    let jobs = jobs(models.len(), first, &pieces);
    let run = |job: &Job<'_>| job.run(&rows);
    let mut enter = |(job, sums): (&Job<'_>, Vec<f64>)| {
        let mut sums = sums.into_iter();
        for part in job.parts.clone() {
            for i in job.left.clone() {
                for j in job.right.start..job.right.end.min(i) {
                    distances[row(i) - before + j][part] = sums.next().unwrap_or_default();
                }
            }
        }
    };
    match spread {
        Threads::One => jobs.iter().for_each(|job| enter((job, run(job)))),
        Threads::All => {
            let done: Vec<_> = jobs.par_iter().map(run).collect();
            jobs.iter().zip(done).for_each(enter);
        }
    }
    distances
}

/// Two groups of models, compared over some pieces of them.
struct Job<'a> {
    left: Range<usize>,
    /// Before the left ones or the same.
    right: Range<usize>,
    parts: Range<usize>,
    pieces: &'a [Range<u64>],
}

/// All pairs of a model from `first` on with one before it.
fn jobs(models: usize, first: usize, pieces: &[Range<u64>]) -> Vec<Job<'_>> {
    let elements = pieces.iter().map(|piece| piece.end - piece.start).max().unwrap_or(0);
    let at_once = if elements < LEAST_OF_A_JOB { pieces.len().max(1) } else { 1 };
    let group = |start: usize, end: usize| start..(start + GROUP).min(end);
    let mut jobs = Vec::new();
    let lefts = (first..models).step_by(GROUP).map(|start| group(start, models));
    for left in lefts {
        // What is left of the new ones itself is its own last group.
        let rights = (0..first).step_by(GROUP).map(|start| group(start, first));
        let newer = (first..=left.start).step_by(GROUP).map(|start| group(start, models));
        for right in rights.chain(newer) {
            for start in (0..pieces.len()).step_by(at_once) {
                let parts = start..(start + at_once).min(pieces.len());
                jobs.push(Job { left: left.clone(), right: right.clone(), parts, pieces });
            }
        }
    }
    jobs
}

impl Job<'_> {
    /// The sums of all pairs with the right one before the left, by piece, left and right.
    fn run(&self, rows: &Rows<'_>) -> Vec<f64> {
        let same = self.left == self.right;
        let others = if same { 0..0 } else { self.right.clone() };
        let rows = rows.of(self.left.clone().chain(others));
        let (left, right) = (self.left.len(), self.right.len());
        let width = |i: usize| if same { i } else { right };
        let mut tiles = vec![[0.0; TILE]; rows.count()];
        let mut totals = Vec::new();
        for part in self.parts.clone() {
            let mut sums = vec![BlockSum::default(); left * right];
            rows.spans(self.pieces[part].clone(), |spans| {
                in_tiles(None, spans, &[], &mut tiles, |rows| {
                    let (a, b) = rows.split_at(left);
                    let b = if same { a } else { b };
                    compare(a, b, width, &mut sums);
                });
            });
            for (i, sums) in sums.chunks(right.max(1)).enumerate() {
                totals.extend(sums[..width(i)].iter().map(|sum| sum.clone().total()));
            }
        }
        totals
    }
}

widest! {
    /// Adds the terms of a tile: of each of `a` with the first of `b`, as many as `width` says.
    fn compare[W: Fn(usize) -> usize][W](
        a: &[&[f64]],
        b: &[&[f64]],
        width: W,
        sums: &mut [BlockSum],
    ) {
        for start in (0..b.len()).step_by(NEAR) {
            for (i, x) in a.iter().enumerate() {
                let end = (start + NEAR).min(width(i));
                let near = b.get(start..end).unwrap_or_default();
                let sums = sums[i * b.len()..].iter_mut().skip(start);
                for (y, sum) in near.iter().zip(sums) {
                    sum.push(x, y, squared_difference);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::squared_distance_blocks;

    fn models(count: usize, sizes: &[usize]) -> Vec<Model> {
        let mut state = 7_u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / 1e6 - 8.0
        };
        let mut model = |_| {
            let tensors: Vec<(String, [u64; 1], Vec<f32>)> = sizes
                .iter()
                .enumerate()
                .map(|(i, n)| (format!("t{i}"), [*n as u64], (0..*n).map(|_| next()).collect()))
                .collect();
            let view: Vec<(&str, &[u64], &[f32])> =
                tensors.iter().map(|(name, shape, v)| (&**name, &shape[..], &v[..])).collect();
            Model::from_f32(&view).expect("a model")
        };
        (0..count).map(&mut model).collect()
    }

    /// Whatever the groups and threads, a pair has the bits that it has alone.
    #[test]
    fn groups_show_nowhere() {
        let pools = [1, 3].map(|threads| {
            rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool")
        });
        let cases: [(usize, &[usize], usize); 4] =
            [(70, &[37, 300], 16), (35, &[9_000, 1], 2), (33, &[5], 1), (3, &[70_001], 16)];
        for (count, sizes, parts) in cases {
            let models = models(count, sizes);
            let list: Vec<&Model> = models.iter().collect();
            let alone: Vec<Vec<f64>> = (0..count)
                .flat_map(|i| (0..i).map(move |j| (i, j)))
                .map(|(i, j)| squared_distance_blocks(list[i], list[j], parts))
                .collect();
            for pool in &pools {
                assert_eq!(pool.install(|| pairwise_squared_distances(&list, parts)), alone);
            }
            for first in [0, 1, count / 2, count - 1, count] {
                let new = squared_distances_of_new(&list, first, parts, Threads::One);
                assert_eq!(new, alone[first * first.saturating_sub(1) / 2..], "from {first} on");
            }
        }
        assert!(squared_distances_of_new(&[], 0, 3, Threads::All).is_empty());
    }
}
