//! `rescale`: what is kept of a difference times Σ |d| / Σ |kept| over the tensor, so that the sum
//! of magnitudes stays what it was.
//!
//! Both sums are in f64, by pieces in their order. With r rounding to the arithmetic, a kept
//! element becomes r(d · r(Σ |d| / Σ |kept|)). Where Σ |kept| is at most 10⁻⁸ the factor is 1.

use super::{
    arith::Arith,
    deltas::Sparsify,
    groups::vector,
    job::MethodError,
    rows::{Piece, Rows},
};
use crate::real::Real;

/// Another way to keep a part of a difference, with that factor if `on`.
#[derive(Debug)]
pub(crate) struct Matched<S> {
    pub(crate) inner: S,
    pub(crate) on: bool,
}

/// What the inner one has to know, and a factor for each input.
pub(crate) struct Ready<K> {
    kept: K,
    factors: Vec<f64>,
}

/// A smaller sum of magnitudes is not scaled.
const NOTHING: f64 = 1e-8;

impl<S: Sparsify> Sparsify for Matched<S> {
    type Ready = Ready<S::Ready>;

    fn run_length<A: Arith>(&self, rows: &Rows<'_, A>) -> usize {
        self.inner.run_length(rows)
    }

    fn prepare<A: Arith>(&self, rows: &Rows<'_, A>) -> Result<Self::Ready, MethodError> {
        let kept = self.inner.prepare(rows)?;
        let mut sums = vec![[0.0; 2]; rows.count()];
        if self.on {
            for part in rows.map(|piece| self.sums(&kept, rows, &piece))? {
                for (sum, [all, left]) in sums.iter_mut().zip(part) {
                    *sum = [sum[0] + all, sum[1] + left];
                }
            }
        }
        let factor = |[all, left]: [f64; 2]| if left <= NOTHING { 1.0 } else { all / left };
        Ok(Ready { kept, factors: sums.into_iter().map(factor).collect() })
    }

    fn keep<A: Arith>(
        &self,
        ready: &Self::Ready,
        input: usize,
        start: usize,
        differences: &mut [A::T],
    ) {
        self.inner.keep::<A>(&ready.kept, input, start, differences);
        if self.on {
            let factor = A::round(A::T::of(ready.factors[input]));
            differences.iter_mut().for_each(|d| *d = A::round(*d * factor));
        }
    }
}

impl<S: Sparsify> Matched<S> {
    /// Σ |d| and Σ |kept| of a piece, for each input.
    fn sums<A: Arith>(
        &self,
        kept: &S::Ready,
        rows: &Rows<'_, A>,
        piece: &Piece<'_, A::T>,
    ) -> Vec<[f64; 2]> {
        let length = self.inner.run_length(rows).max(1);
        let sums = |input: usize| {
            let mut differences = vector::<A>(piece, input, true);
            let all = magnitude(&differences);
            for (tile, differences) in differences.chunks_mut(length).enumerate() {
                self.inner.keep::<A>(kept, input, piece.start + tile * length, differences);
            }
            [all, magnitude(&differences)]
        };
        (0..piece.inputs()).map(sums).collect()
    }
}

fn magnitude<T: Real>(values: &[T]) -> f64 {
    values.iter().map(|value| value.wide().abs()).sum()
}
