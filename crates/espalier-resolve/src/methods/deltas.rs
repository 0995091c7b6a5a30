//! b + λ Σ w d over differences d = x − b of which a part is kept: task arithmetic and its family.
//!
//! In each arithmetic, r rounding to it:
//!
//! 1. d = r(x − b), of which a [`Sparsify`] keeps a part.
//! 2. p = r(d · w).
//! 3. s = r(Σ p), a left fold. With an election, only those p have a part whose sign is that of
//!    r(Σ p), where zero counts as +, and zeros have none.
//! 4. With `normalize`, s = r(s / r(Σ w)), over the inputs that have a part; a sum of weights
//!    below 10⁻⁸ counts as 1.
//! 5. b + r(s · λ).

use core::fmt::Debug;

use super::{
    arith::Arith,
    formula::Formula,
    job::MethodError,
    rows::{Piece, Rows},
};
use crate::real::Real;

/// Which part of a difference is kept.
pub(crate) trait Sparsify: Debug + Send + Sync + 'static {
    /// What it has to know about the whole tensor.
    type Ready: Send + Sync;

    fn prepare<A: Arith>(&self, rows: &Rows<'_, A>) -> Result<Self::Ready, MethodError>;

    /// Sets what is not kept of an input's differences to zero. They begin at element `start`.
    fn keep<A: Arith>(
        &self,
        ready: &Self::Ready,
        input: usize,
        start: usize,
        differences: &mut [A::T],
    );
}

/// Keeps all.
#[derive(Debug)]
pub(crate) struct All;

impl Sparsify for All {
    type Ready = ();

    fn prepare<A: Arith>(&self, _: &Rows<'_, A>) -> Result<(), MethodError> {
        Ok(())
    }

    fn keep<A: Arith>(&self, (): &(), _: usize, _: usize, _: &mut [A::T]) {}
}

#[derive(Debug)]
pub(crate) struct Deltas<S> {
    pub(crate) sparsify: S,
    /// Whether a sign is elected.
    pub(crate) elect: bool,
    pub(crate) normalize: bool,
    pub(crate) lambda: f64,
}

/// The weights, and what is kept.
pub(crate) struct Ready<K> {
    weights: Vec<f64>,
    kept: K,
}

/// Elements merged together: all sums stay in the first-level cache.
const TILE: usize = 1024;
/// A smaller sum of weights divides nothing.
const NO_WEIGHT: f64 = 1e-8;

impl<S: Sparsify> Formula for Deltas<S> {
    type Ready = Ready<S::Ready>;

    fn prepare<A: Arith>(&self, rows: &Rows<'_, A>) -> Result<Self::Ready, MethodError> {
        let weights = rows.numbers("weight");
        Ok(Ready { weights, kept: self.sparsify.prepare(rows)? })
    }

    fn merge<A: Arith>(
        &self,
        ready: &Self::Ready,
        _: &Rows<'_, A>,
        piece: &Piece<'_, A::T>,
        out: &mut [A::T],
    ) {
        let weights: Vec<A::T> =
            ready.weights.iter().map(|&weight| A::round(A::T::of(weight))).collect();
        let lambda = A::T::of(self.lambda);
        let mut buffer = vec![A::T::ZERO; 5 * TILE];
        let (difference, sums) = buffer.split_at_mut(TILE);
        for (tile, out) in out.chunks_mut(TILE).enumerate() {
            let (begin, n) = (tile * TILE, out.len());
            let base = &piece.base()[begin..][..n];
            let difference = &mut difference[..n];
            let mut votes = Votes::new(sums, n);
            for (input, &weight) in weights.iter().enumerate() {
                subtract::<A>(&piece.row(input)[begin..][..n], base, difference);
                let start = piece.start + begin;
                self.sparsify.keep::<A>(&ready.kept, input, start, difference);
                match self.elect {
                    true => votes.cast::<A>(weight, difference),
                    false => add::<A>(weight, difference, out),
                }
            }
            if self.elect {
                votes.count::<A>(self.normalize, out);
            } else {
                let sum = weights.iter().copied().fold(A::T::ZERO, |sum, weight| sum + weight);
                divide::<A>(self.normalize.then_some(sum), out);
            }
            finish::<A>(base, lambda, out);
        }
    }
}

#[inline(never)]
fn subtract<A: Arith>(row: &[A::T], base: &[A::T], out: &mut [A::T]) {
    for ((out, &x), &b) in out.iter_mut().zip(row).zip(base) {
        *out = A::round(x - b);
    }
}

#[inline(never)]
fn add<A: Arith>(weight: A::T, differences: &[A::T], out: &mut [A::T]) {
    for (sum, &d) in out.iter_mut().zip(differences) {
        *sum += A::round(weight * d);
    }
}

fn divisor<A: Arith>(sum: A::T) -> A::T {
    let sum = A::round(sum);
    A::T::select(sum.abs() < A::T::of(NO_WEIGHT), A::T::ONE, sum)
}

fn divide<A: Arith>(weights: Option<A::T>, out: &mut [A::T]) {
    let Some(sum) = weights else {
        out.iter_mut().for_each(|value| *value = A::round(*value));
        return;
    };
    let sum = divisor::<A>(sum);
    out.iter_mut().for_each(|value| *value = A::round(A::round(*value) / sum));
}

#[inline(never)]
fn finish<A: Arith>(base: &[A::T], lambda: A::T, out: &mut [A::T]) {
    let lambda = A::round(lambda);
    for (value, &b) in out.iter_mut().zip(base) {
        *value = A::round(b + A::round(*value * lambda));
    }
}

/// Sums over the inputs of a tile, each a left fold in their order. What is elected follows from
/// the sums over both signs, so that inputs are looked at once.
struct Votes<'s, T> {
    up: &'s mut [T],
    up_weight: &'s mut [T],
    down: &'s mut [T],
    down_weight: &'s mut [T],
    /// Σ p over both signs.
    sum: Vec<T>,
}

impl<'s, T: Real> Votes<'s, T> {
    fn new(buffer: &'s mut [T], n: usize) -> Self {
        buffer.fill(T::ZERO);
        let (up, rest) = buffer.split_at_mut(TILE);
        let (up_weight, rest) = rest.split_at_mut(TILE);
        let (down, down_weight) = rest.split_at_mut(TILE);
        let [up, up_weight, down, down_weight] =
            [up, up_weight, down, down_weight].map(|part| &mut part[..n]);
        Self { up, up_weight, down, down_weight, sum: vec![T::ZERO; n] }
    }

    fn cast<A: Arith<T = T>>(&mut self, weight: T, differences: &[T]) {
        // One length for all lets the compiler drop every bounds check and vectorise.
        let n = differences.len();
        let (up, up_weight) = (&mut self.up[..n], &mut self.up_weight[..n]);
        let (down, down_weight) = (&mut self.down[..n], &mut self.down_weight[..n]);
        let sum = &mut self.sum[..n];
        for j in 0..n {
            let p = A::round(weight * differences[j]);
            let (is_up, is_down) = (p > T::ZERO, p < T::ZERO);
            sum[j] += p;
            up[j] += T::select(is_up, p, T::ZERO);
            up_weight[j] += T::select(is_up, weight, T::ZERO);
            down[j] += T::select(is_down, p, T::ZERO);
            down_weight[j] += T::select(is_down, weight, T::ZERO);
        }
    }

    fn count<A: Arith<T = T>>(&self, normalize: bool, out: &mut [T]) {
        let n = out.len();
        let (up, up_weight) = (&self.up[..n], &self.up_weight[..n]);
        let (down, down_weight) = (&self.down[..n], &self.down_weight[..n]);
        let sum = &self.sum[..n];
        for j in 0..n {
            let is_down = A::round(sum[j]) < T::ZERO;
            let total = A::round(T::select(is_down, down[j], up[j]));
            let weight = divisor::<A>(T::select(is_down, down_weight[j], up_weight[j]));
            out[j] = T::select(normalize, A::round(total / weight), total);
        }
    }
}
