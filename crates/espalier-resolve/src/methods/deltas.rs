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
//! 5. b + r(s · λ), where λ itself is not rounded.
//!
//! What is not finite is never dropped, so that the merge refuses it.

use core::fmt::Debug;

use espalier_tensor::widest;

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

    /// Elements that it has to see together.
    fn run_length<A: Arith>(&self, _rows: &Rows<'_, A>) -> usize {
        TILE
    }

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

/// Zero if it is not kept, unless it is not finite.
#[inline(always)]
pub(crate) fn or_zero<T: Real>(kept: bool, value: T) -> T {
    T::select(kept | !value.is_finite(), value, T::ZERO)
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
pub(crate) const TILE: usize = 1024;
/// A smaller sum of weights divides nothing.
pub(crate) const NO_WEIGHT: f64 = 1e-8;

impl<S: Sparsify> Formula for Deltas<S> {
    type Ready = Ready<S::Ready>;

    fn run_length<A: Arith>(&self, rows: &Rows<'_, A>) -> usize {
        self.sparsify.run_length(rows)
    }

    fn prepare<A: Arith>(&self, rows: &Rows<'_, A>) -> Result<Self::Ready, MethodError> {
        let weights = rows.numbers("weight");
        Ok(Ready { weights, kept: self.sparsify.prepare(rows)? })
    }

    fn merge<A: Arith>(
        &self,
        ready: &Self::Ready,
        rows: &Rows<'_, A>,
        piece: &Piece<'_, A::T>,
        out: &mut [A::T],
    ) {
        let length = self.sparsify.run_length(rows).max(1);
        let weights: Vec<A::T> =
            ready.weights.iter().map(|&weight| A::round(A::T::of(weight))).collect();
        let lambda = A::T::of(self.lambda);
        let mut difference = vec![A::T::ZERO; length];
        let mut votes = Votes::new(if self.elect { length } else { 0 });
        for (tile, out) in out.chunks_mut(length).enumerate() {
            let (begin, n) = (tile * length, out.len());
            let base = &piece.base()[begin..][..n];
            let difference = &mut difference[..n];
            votes.begin();
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

widest! {
    fn subtract[A: Arith][A](row: &[A::T], base: &[A::T], out: &mut [A::T]) {
        for ((out, &x), &b) in out.iter_mut().zip(row).zip(base) {
            *out = A::round(x - b);
        }
    }

    fn add[A: Arith][A](weight: A::T, differences: &[A::T], out: &mut [A::T]) {
        for (sum, &d) in out.iter_mut().zip(differences) {
            *sum += A::round(weight * d);
        }
    }

    fn finish[A: Arith][A](base: &[A::T], lambda: A::T, out: &mut [A::T]) {
        for (value, &b) in out.iter_mut().zip(base) {
            *value = A::round(b + A::round(*value * lambda));
        }
    }
}

#[inline(always)]
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

/// Sums over the inputs of a tile, each a left fold in their order. What is elected follows from
/// the sums over both signs, so that inputs are looked at once.
struct Votes<T> {
    /// Σ p over both signs.
    sum: Vec<T>,
    up: Vec<T>,
    up_weight: Vec<T>,
    down: Vec<T>,
    down_weight: Vec<T>,
}

impl<T: Real> Votes<T> {
    fn new(length: usize) -> Self {
        let [sum, up, up_weight, down, down_weight] =
            core::array::from_fn(|_| vec![T::ZERO; length]);
        Self { sum, up, up_weight, down, down_weight }
    }

    fn begin(&mut self) {
        let Self { sum, up, up_weight, down, down_weight } = self;
        for sums in [sum, up, up_weight, down, down_weight] {
            sums.fill(T::ZERO);
        }
    }

    fn cast<A: Arith<T = T>>(&mut self, weight: T, differences: &[T]) {
        let Self { sum, up, up_weight, down, down_weight } = self;
        cast::<A>(weight, differences, sum, up, up_weight, down, down_weight);
    }

    fn count<A: Arith<T = T>>(&self, normalize: bool, out: &mut [T]) {
        let Self { sum, up, up_weight, down, down_weight } = self;
        count::<A>(normalize, sum, up, up_weight, down, down_weight, out);
    }
}

widest! {
    fn cast[A: Arith][A](
        weight: A::T,
        differences: &[A::T],
        sum: &mut [A::T],
        up: &mut [A::T],
        up_weight: &mut [A::T],
        down: &mut [A::T],
        down_weight: &mut [A::T],
    ) {
        // One length for all lets the compiler drop every bounds check and vectorise.
        let n = differences.len();
        let (up, up_weight) = (&mut up[..n], &mut up_weight[..n]);
        let (down, down_weight) = (&mut down[..n], &mut down_weight[..n]);
        let sum = &mut sum[..n];
        for j in 0..n {
            let p = A::round(weight * differences[j]);
            let (is_up, is_down) = (p > A::T::ZERO, p < A::T::ZERO);
            sum[j] += p;
            up[j] += A::T::select(is_up, p, A::T::ZERO);
            up_weight[j] += A::T::select(is_up, weight, A::T::ZERO);
            down[j] += A::T::select(is_down, p, A::T::ZERO);
            down_weight[j] += A::T::select(is_down, weight, A::T::ZERO);
        }
    }

    fn count[A: Arith][A](
        normalize: bool,
        sum: &[A::T],
        up: &[A::T],
        up_weight: &[A::T],
        down: &[A::T],
        down_weight: &[A::T],
        out: &mut [A::T],
    ) {
        let n = out.len();
        let (up, up_weight) = (&up[..n], &up_weight[..n]);
        let (down, down_weight) = (&down[..n], &down_weight[..n]);
        let sum = &sum[..n];
        for j in 0..n {
            let all = A::round(sum[j]);
            let is_down = all < A::T::ZERO;
            let total = A::round(A::T::select(is_down, down[j], up[j]));
            // A sum that is not a number has no sign.
            let total = A::T::select(all.is_finite(), total, all);
            let weight = divisor::<A>(A::T::select(is_down, down_weight[j], up_weight[j]));
            out[j] = A::T::select(normalize, A::round(total / weight), total);
        }
    }
}
