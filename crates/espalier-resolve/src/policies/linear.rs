//! Sums of weighted inputs, left to right, several inputs in one pass over the output.

use espalier_tensor::widest;

use super::tensor::Tensor;
use crate::real::{Load, Real};

/// Σ `c[i]` × `x[i]`, or Σ `c[i]` × (`x[i]` − b) if a base is given: a left fold in the order of
/// the inputs, starting with the first product.
pub(crate) fn combine<T: Real>(
    tensor: &Tensor<'_>,
    coefficients: &[T],
    base: Option<&[T]>,
    start: usize,
    out: &mut [T],
    rows: &mut Vec<T>,
) {
    combine_some(tensor, |term| term, coefficients, base, start, out, rows);
}

/// As [`combine`], of the inputs `which(0)`, `which(1)`, … with one coefficient each: the others
/// are not read.
pub(crate) fn combine_some<T: Real>(
    tensor: &Tensor<'_>,
    which: impl Fn(usize) -> usize,
    coefficients: &[T],
    base: Option<&[T]>,
    start: usize,
    out: &mut [T],
    rows: &mut Vec<T>,
) {
    let mut first = 0;
    while first < coefficients.len() {
        let count = match coefficients.len() - first {
            1 => 1,
            2 | 3 => 2,
            _ => 4,
        };
        let c = &coefficients[first..first + count];
        let at = At { tensor, start, first, which: &which };
        match count {
            4 => at.fold::<T, 4>([c[0], c[1], c[2], c[3]], base, out, rows),
            2 => at.fold::<T, 2>([c[0], c[1]], base, out, rows),
            _ => at.fold::<T, 1>([c[0]], base, out, rows),
        }
        first += count;
    }
}

/// Divides by the sum of the weights. A power of two is multiplied by its inverse, which gives
/// the same bits and is faster.
pub(crate) fn divide<T: Real>(out: &mut [T], weights: &[T]) {
    let sum = weights.iter().copied().reduce(|a, b| a + b).unwrap_or(T::ONE);
    if sum == T::ONE {
        return;
    }
    if is_power_of_two(sum) {
        let inverse = T::ONE / sum;
        out.iter_mut().for_each(|value| *value = *value * inverse);
    } else {
        out.iter_mut().for_each(|value| *value = *value / sum);
    }
}

/// Whether `value` is a power of two that has an exact inverse of normal size.
fn is_power_of_two<T: Real>(value: T) -> bool {
    let key: i64 = value.key().into();
    let (mantissa, small, large) = match T::DTYPE {
        espalier_tensor::Dtype::F64 => (52, 1_e-300, 1e300),
        _ => (23, 1e-37, 1e37),
    };
    let fraction = key & ((1 << mantissa) - 1);
    fraction == 0 && value > T::of(small) && value < T::of(large)
}

struct At<'t, W> {
    tensor: &'t Tensor<'t>,
    start: usize,
    /// The first term of this group.
    first: usize,
    /// The input of a term.
    which: &'t W,
}

impl<W: Fn(usize) -> usize> At<'_, W> {
    fn fold<T: Real, const K: usize>(
        &self,
        c: [T; K],
        base: Option<&[T]>,
        out: &mut [T],
        scratch: &mut Vec<T>,
    ) {
        let (tensor, n) = (self.tensor, out.len());
        if tensor.in_place::<T>() {
            let row = |k| T::raw(tensor.bytes(self.input(k), self.start..self.start + n));
            self.fold_rows(core::array::from_fn::<_, K, _>(row), c, base, out);
            return;
        }
        if scratch.len() < K * n {
            scratch.resize(K * n, T::ZERO);
        }
        for (k, row) in scratch.chunks_exact_mut(n).take(K).enumerate() {
            tensor.read(self.input(k), self.start, row);
        }
        let rows = core::array::from_fn::<_, K, _>(|k| &scratch[k * n..(k + 1) * n]);
        self.fold_rows(rows, c, base, out);
    }

    fn input(&self, term: usize) -> usize {
        (self.which)(self.first + term)
    }

    fn fold_rows<T: Real, E: Load<T>, const K: usize>(
        &self,
        rows: [&[E]; K],
        c: [T; K],
        base: Option<&[T]>,
        out: &mut [T],
    ) {
        match (base, self.first == 0) {
            (None, true) => fold::<T, E, K, false, true>(rows, c, &[], out),
            (None, false) => fold::<T, E, K, false, false>(rows, c, &[], out),
            (Some(base), true) => fold::<T, E, K, true, true>(rows, c, base, out),
            (Some(base), false) => fold::<T, E, K, true, false>(rows, c, base, out),
        }
    }
}

widest! {
    fn fold[T: Real, E: Load<T>, const K: usize, const DELTA: bool, const FIRST: bool][
        T, E, K, DELTA, FIRST
    ](rows: [&[E]; K], c: [T; K], base: &[T], out: &mut [T]) {
        // One length for all lets the compiler drop every bounds check and vectorise.
        let n = out.len();
        let rows = rows.map(|row| &row[..n]);
        let base = if DELTA { &base[..n] } else { base };
        for j in 0..n {
            let term = |k: usize| {
                let x = rows[k][j].load();
                c[k] * if DELTA { x - base[j] } else { x }
            };
            let mut sum = if FIRST { term(0) } else { out[j] + term(0) };
            for k in 1..K {
                sum += term(k);
            }
            out[j] = sum;
        }
    }

    /// out + c · x.
    pub(crate) fn add_scaled[T: Real][T](c: T, x: &[T], out: &mut [T]) {
        for (sum, &x) in out.iter_mut().zip(x) {
            *sum += c * x;
        }
    }

    /// b + λ · out.
    pub(crate) fn add_base[T: Real][T](base: &[T], lambda: T, out: &mut [T]) {
        for (value, &b) in out.iter_mut().zip(base) {
            *value = b + lambda * *value;
        }
    }
}
