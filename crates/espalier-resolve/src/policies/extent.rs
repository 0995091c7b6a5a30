//! How large the elements of tensors are, where plain arithmetic would overflow or vanish.
//!
//! All strategies are homogeneous: inputs and base times c give the result times c. So whatever
//! overflows is computed again in f64 on values that are multiplied by 2⁻²⁵⁶, exactly, and the
//! result is multiplied by 2²⁵⁶. What does not overflow keeps the bits of plain arithmetic.

use espalier_tensor::{Dtype, kernels};

use super::tensor::{BLOCK, SHRINK, Tensor};
use crate::real::Real;

/// The inverse of [`SHRINK`].
const GROW: f64 = f64::from_bits((1023 + 256) << 52);
/// A result that exceeds the largest f64 by no more than this share is that number: it is what
/// the arithmetic rounded.
const ROUNDING: f64 = f64::from_bits((1023 - 40) << 52);

/// Why an element has no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    /// The type of the output cannot hold the value.
    TooLarge,
    /// An input, or the base, is infinite or not a number there.
    NotFinite,
}

/// An element that has no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Beyond {
    pub(crate) element: usize,
    pub(crate) reason: Reason,
}

/// What was computed on values times [`SHRINK`].
pub(crate) fn grown(value: f64) -> Result<f64, Reason> {
    let result = value * GROW;
    if result.is_finite() {
        return Ok(result);
    }
    if !value.is_finite() {
        return Err(Reason::NotFinite);
    }
    let largest = f64::MAX * SHRINK;
    if value.abs() <= largest * (1.0 + ROUNDING) {
        return Ok(f64::MAX.copysign(value));
    }
    Err(Reason::TooLarge)
}

/// The largest value of a type of floating-point numbers, in decimal.
pub(crate) fn largest_of(dtype: Dtype) -> &'static str {
    match dtype {
        Dtype::F8E4M3 => "448",
        Dtype::F8E5M2 => "57344",
        Dtype::F16 => "65504",
        Dtype::Bf16 => "3.39e38",
        Dtype::F32 => "3.40e38",
        _ => "1.80e308",
    }
}

/// Whether an output of this type may lack values that finite numbers of `T` have.
pub(crate) fn narrows<T: Real>(dtype: Dtype) -> bool {
    match T::DTYPE {
        Dtype::F64 => dtype != Dtype::F64,
        _ => !matches!(dtype, Dtype::F64 | Dtype::F32),
    }
}

/// Whether rounding made none of these elements infinite, of which the first is `start`.
pub(crate) fn check(dtype: Dtype, start: usize, out: &[u8]) -> Result<(), Beyond> {
    let beyond = |element| Beyond { element: start + element, reason: Reason::TooLarge };
    kernels::all_finite(dtype, out).map_err(beyond)
}

/// The greatest absolute value in some tensors of an input; infinite if one is not finite.
pub(crate) fn magnitude(tensors: &[Tensor<'_>], input: usize) -> f64 {
    let mut largest: f64 = 0.0;
    let mut values = [0.0_f64; BLOCK];
    for tensor in tensors {
        for piece in tensor.pieces() {
            for start in piece.clone().step_by(BLOCK) {
                let values = &mut values[..BLOCK.min(piece.end - start)];
                tensor.read(input, start, values);
                for value in values {
                    largest =
                        if value.is_finite() { largest.max(value.abs()) } else { f64::INFINITY };
                }
            }
            tensor.release(piece);
        }
    }
    largest
}

/// The power of two that brings a value near 2^`to`, as far as a factor can be told in f64.
pub(crate) fn exponent_to(to: i32, value: f64) -> i32 {
    (to - libm::ilogb(value)).clamp(-1000, 1000)
}
