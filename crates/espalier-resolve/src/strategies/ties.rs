//! TIES: trim, elect signs, merge.
//!
//! With differences d = x − b, in each tensor:
//!
//! 1. **Trim**: of each d keep the ⌊ρ n⌋ elements of largest magnitude (equal magnitudes: lower
//!    index first), set the others to zero. ρ = 1 keeps all. If ⌊ρ n⌋ is 0, the largest is kept,
//!    and a [`Note`] says so.
//! 2. **Elect**: the sign of Σ w d of each element. If that sum is zero, the sign whose own
//!    Σ w |d| is larger; then +. Zeros have no vote.
//! 3. **Merge**: Σ w d / Σ w over the inputs that agree with the sign; b + λ times that.
//!
//! ⌊ρ n⌋ is the product in f64, truncated.

use std::sync::{Arc, OnceLock};

use espalier_tensor::widest;

use super::LAMBDA;
use crate::{
    parameters::{ParameterInfo, ParameterRange},
    policies::{
        Note, SelectionCache, StrategyInfo,
        by_tensor::{ByTensor, Selection},
        cache::Trimmed,
        selection::thresholds,
        tensor::{Scratch, Tensor},
    },
    real::{Load, Real},
};

pub(crate) static INFO: StrategyInfo = StrategyInfo {
    name: "ties",
    aliases: &["ties-merging"],
    summary: "keep the largest differences, elect a sign, average those that agree",
    source: "Yadav et al., TIES-merging, NeurIPS 2023, arXiv 2306.01708",
    parameters: &[
        ParameterInfo {
            name: "density",
            default: "0.2",
            range: ParameterRange::SHARE,
            help: "ρ: the share of elements of each difference that is kept",
        },
        LAMBDA,
    ],
    needs_base: true,
    uses_randomness: false,
    uses_weights: true,
    passes: 2,
    build: |values| {
        let (density, lambda) = (values.number("density"), values.number("lambda"));
        Arc::new(Ties { density, lambda })
    },
};

/// Elements merged together: all accumulators stay in the first-level cache.
const TILE: usize = 512;

#[derive(Debug)]
struct Ties {
    density: f64,
    lambda: f64,
}

/// What each input keeps.
#[derive(Debug)]
struct Kept {
    keep: usize,
    thresholds: Vec<Trimmed>,
    /// Whether a sum of differences may be more than the arithmetic can hold.
    overflows: bool,
    /// The same, selected among shrunk values in f64, when it is needed.
    shrunk: OnceLock<Vec<Trimmed>>,
}

impl Kept {
    fn of(&self, tensor: &Tensor<'_>) -> &[Trimmed] {
        if !tensor.shrunk {
            return &self.thresholds;
        }
        let all: Vec<usize> = (0..tensor.count()).collect();
        self.shrunk.get_or_init(|| thresholds::<f64>(tensor, &all, self.keep))
    }
}

impl Ties {
    /// Whether a weighted sum of differences, or what is added to the base, may come near the
    /// largest number. Infinite differences look alike, so that the largest could not be told.
    fn overflows<T: Real>(&self, weights: &[f64], thresholds: &[Trimmed]) -> bool {
        let largest = |trimmed: &Trimmed| {
            T::Key::try_from(trimmed.largest).map_or(f64::INFINITY, |m| T::from_magnitude(m).wide())
        };
        let pairs = || weights.iter().zip(thresholds);
        let sum = pairs().fold(0.0, |sum, (weight, t)| sum + weight * largest(t));
        let most = pairs().fold(0.0, |most, (_, t)| largest(t).max(most));
        let limit = T::LARGEST / 4.0;
        !(sum < limit && self.lambda.abs() * most < limit && most < limit)
    }
}

impl ByTensor for Ties {
    type Selected = Kept;

    fn select<T: Real>(&self, tensor: &Tensor<'_>, cache: &SelectionCache) -> Selection<Self> {
        let elements = tensor.elements;
        if elements == 0 {
            let thresholds = vec![Trimmed::ALL; tensor.count()];
            let shrunk = OnceLock::new();
            return Selection(Kept { keep: 0, thresholds, overflows: false, shrunk }, None);
        }
        let keep = (self.density * elements as f64) as usize;
        let note = (keep == 0).then(|| Note::KeptOne { tensor: tensor.name().into(), elements });
        let keep = keep.clamp(1, elements);
        let known = |input| cache.get(&tensor.selection_key::<T>(input, keep)?);
        let mut found: Vec<Option<Trimmed>> = (0..tensor.count()).map(known).collect();
        let missing: Vec<usize> = (0..found.len()).filter(|&i| found[i].is_none()).collect();
        for (&input, threshold) in missing.iter().zip(thresholds::<T>(tensor, &missing, keep)) {
            found[input] = Some(threshold);
            if let Some(key) = tensor.selection_key::<T>(input, keep) {
                cache.put(key, threshold);
            }
        }
        let thresholds: Vec<Trimmed> =
            found.into_iter().map(|t| t.unwrap_or(Trimmed::ALL)).collect();
        let overflows = Self::overflows::<T>(self, &tensor.context.relative, &thresholds);
        Selection(Kept { keep, thresholds, overflows, shrunk: OnceLock::new() }, note)
    }

    fn overflows(&self, selected: &Kept) -> bool {
        selected.overflows
    }

    fn merge<T: Real>(
        &self,
        tensor: &Tensor<'_>,
        selected: &Kept,
        start: usize,
        out: &mut [T],
        scratch: &mut Scratch<T>,
    ) {
        let mut weights = core::mem::take(&mut scratch.weights);
        let selected = selected.of(tensor);
        tensor.relative(&mut weights);
        let lambda = T::of(self.lambda);
        let rows = scratch.rows(8 * TILE);
        let (base, rows) = rows.split_at_mut(TILE);
        let (row, votes) = rows.split_at_mut(2 * TILE);
        for (number, out) in out.chunks_mut(TILE).enumerate() {
            let (start, n) = (start + number * TILE, out.len());
            let (base, row) = (&mut base[..n], &mut row[..2 * n]);
            tensor.read_base(start, base);
            votes.fill(T::ZERO);
            let mut votes = Votes::new(votes);
            let ballots = |input: usize| {
                let trimmed: &Trimmed = &selected[input];
                (weights[input], trimmed.threshold.split::<T>(start, n))
            };
            for input in (0..weights.len()).step_by(2) {
                let pair = input..(input + 2).min(weights.len());
                if tensor.in_place::<T>() {
                    let raw = |input| T::raw(tensor.bytes(input, start..start + n));
                    votes.cast_all::<T::Raw>(pair, raw, ballots, base);
                } else {
                    let (first, second) = row.split_at_mut(n);
                    tensor.read(input, start, first);
                    if pair.len() == 2 {
                        tensor.read(input + 1, start, second);
                    }
                    let rows = [&*first, &*second];
                    votes.cast_all::<T>(pair, |i| rows[i - input], ballots, base);
                }
            }
            votes.count(base, lambda, out);
        }
        scratch.weights = weights;
    }
}

/// Sums over the inputs of a tile, each a left fold in their order.
struct Votes<'s, T> {
    /// Σ w d.
    sum: &'s mut [T],
    /// Σ w d and Σ w over the positive d.
    up: &'s mut [T],
    up_weight: &'s mut [T],
    /// The same over the negative d.
    down: &'s mut [T],
    down_weight: &'s mut [T],
}

impl<'s, T: Real> Votes<'s, T> {
    /// In a buffer of five tiles.
    fn new(buffer: &'s mut [T]) -> Self {
        let (sum, rest) = buffer.split_at_mut(TILE);
        let (up, rest) = rest.split_at_mut(TILE);
        let (up_weight, rest) = rest.split_at_mut(TILE);
        let (down, down_weight) = rest.split_at_mut(TILE);
        Self { sum, up, up_weight, down, down_weight }
    }

    /// Adds the differences of one input or of two.
    fn cast_all<'r, E: Load<T> + 'r>(
        &mut self,
        inputs: core::ops::Range<usize>,
        row: impl Fn(usize) -> &'r [E],
        ballot: impl Fn(usize) -> (T, (usize, [T; 2])),
        base: &[T],
    ) {
        let n = base.len();
        // A limit that changes within the tile is rare: only then inputs go one by one.
        let uniform = |(split, limits): (usize, [T; 2])| match split {
            0 => Some(limits[1]),
            split if split == n => Some(limits[0]),
            _ => None,
        };
        if let [first, second] = inputs.clone().collect::<Vec<_>>()[..] {
            let ((w, split), (v, other)) = (ballot(first), ballot(second));
            if let (Some(l), Some(m)) = (uniform(split), uniform(other)) {
                return self.cast([row(first), row(second)], base, [w, v], [l, m], 0);
            }
        }
        for input in inputs {
            let (weight, (split, limits)) = ballot(input);
            let (before, after) = row(input).split_at(split);
            self.cast([before], &base[..split], [weight], [limits[0]], 0);
            self.cast([after], &base[split..], [weight], [limits[1]], split);
        }
    }

    /// Adds those differences whose absolute value reaches a limit. The rows belong at `start`.
    fn cast<E: Load<T>, const K: usize>(
        &mut self,
        rows: [&[E]; K],
        base: &[T],
        weights: [T; K],
        limits: [T; K],
        start: usize,
    ) {
        let n = base.len();
        let of = start..start + n;
        cast(
            rows.map(|row| &row[..n]),
            base,
            weights,
            limits,
            &mut self.sum[of.clone()],
            &mut self.up[of.clone()],
            &mut self.up_weight[of.clone()],
            &mut self.down[of.clone()],
            &mut self.down_weight[of],
        );
    }

    fn count(&self, base: &[T], lambda: T, out: &mut [T]) {
        count(self.sum, self.up, self.up_weight, self.down, self.down_weight, base, lambda, out);
    }
}

widest! {
    /// See [`Votes::cast`].
    #[expect(clippy::too_many_arguments, reason = "slices that are known not to overlap")]
    fn cast[T: Real, E: Load<T>, const K: usize][T, E, K](
        rows: [&[E]; K],
        base: &[T],
        weights: [T; K],
        limits: [T; K],
        sum: &mut [T],
        up: &mut [T],
        up_weight: &mut [T],
        down: &mut [T],
        down_weight: &mut [T],
    ) {
        // One length for all lets the compiler drop every bounds check and vectorise.
        let n = base.len();
        let rows = rows.map(|row| &row[..n]);
        let (sum, up, up_weight) = (&mut sum[..n], &mut up[..n], &mut up_weight[..n]);
        let (down, down_weight) = (&mut down[..n], &mut down_weight[..n]);
        for j in 0..n {
            for k in 0..K {
                let difference = rows[k][j].load() - base[j];
                let difference =
                    T::select(difference.abs() >= limits[k], difference, T::ZERO);
                let vote = weights[k] * difference;
                sum[j] += vote;
                up[j] += T::select(vote > T::ZERO, vote, T::ZERO);
                up_weight[j] += T::select(difference > T::ZERO, weights[k], T::ZERO);
                down[j] += T::select(vote < T::ZERO, vote, T::ZERO);
                down_weight[j] += T::select(difference < T::ZERO, weights[k], T::ZERO);
            }
        }
    }

    /// Writes what the elected sign comes to.
    #[expect(clippy::too_many_arguments, reason = "slices that are known not to overlap")]
    fn count[T: Real][T](
        sum: &[T],
        up: &[T],
        up_weight: &[T],
        down: &[T],
        down_weight: &[T],
        base: &[T],
        lambda: T,
        out: &mut [T],
    ) {
        let n = out.len();
        let (sum, base) = (&sum[..n], &base[..n]);
        let (up, up_weight) = (&up[..n], &up_weight[..n]);
        let (down, down_weight) = (&down[..n], &down_weight[..n]);
        for j in 0..n {
            let is_up = sum[j] > T::ZERO;
            let is_down = (sum[j] < T::ZERO) | (!is_up & (-down[j] > up[j]));
            let total = T::select(is_down, down[j], up[j]);
            let weight = T::select(is_down, down_weight[j], up_weight[j]);
            let mean = T::select(weight > T::ZERO, total / weight, T::ZERO);
            out[j] = base[j] + lambda * mean;
        }
    }
}
