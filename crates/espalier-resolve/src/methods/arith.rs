//! The arithmetics in which a tensor is merged: f32 and f64, and the 16-bit types, where every
//! step is computed in f32 and rounded.

use crate::real::Real;

/// An arithmetic.
pub(crate) trait Arith: Send + Sync + 'static {
    /// What holds its values.
    type T: Real;
    /// Whether [`Arith::round`] changes nothing.
    const PLAIN: bool;

    /// The nearest value that the arithmetic has, ties to even.
    fn round(value: Self::T) -> Self::T;
}

#[derive(Debug)]
pub(crate) struct Double;
#[derive(Debug)]
pub(crate) struct Single;
#[derive(Debug)]
pub(crate) struct Brain;
#[derive(Debug)]
pub(crate) struct Half;

impl Arith for Double {
    type T = f64;
    const PLAIN: bool = true;

    #[inline(always)]
    fn round(value: f64) -> f64 {
        value
    }
}

impl Arith for Single {
    type T = f32;
    const PLAIN: bool = true;

    #[inline(always)]
    fn round(value: f32) -> f32 {
        value
    }
}

impl Arith for Brain {
    type T = f32;
    const PLAIN: bool = false;

    /// Adds half of the last place, and a little less if the place is even; NaN stay as they are.
    #[inline(always)]
    fn round(value: f32) -> f32 {
        let bits = value.to_bits();
        let up = 0x7fff + ((bits >> 16) & 1);
        let rounded = f32::from_bits(bits.wrapping_add(up) & 0xffff_0000);
        f32::select(value.is_nan(), value, rounded)
    }
}

impl Arith for Half {
    type T = f32;
    const PLAIN: bool = false;

    /// As [`Brain`], with 13 bits dropped; below the normal numbers, adding and taking away a
    /// number whose last place is 2⁻²⁴ rounds to a multiple of that.
    #[inline(always)]
    fn round(value: f32) -> f32 {
        const LEAST_NORMAL: f32 = 6.103_515_6e-5;
        const BEYOND: f32 = 65520.0;
        let bits = value.to_bits();
        let up = 0xfff + ((bits >> 13) & 1);
        let rounded = f32::from_bits(bits.wrapping_add(up) & 0xffff_e000);
        let magnitude = value.abs();
        let small = ((magnitude + 0.75) - 0.75).copysign(value);
        let rounded = f32::select(magnitude < LEAST_NORMAL, small, rounded);
        let infinite = f32::INFINITY.copysign(value);
        let rounded = f32::select(magnitude >= BEYOND, infinite, rounded);
        f32::select(value.is_nan(), value, rounded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use espalier_tensor::{Dtype, read_f32, write_f32};
    use proptest::prelude::*;

    fn through(dtype: Dtype, value: f32) -> f32 {
        let (mut bytes, mut out) = ([0; 2], [0.0]);
        write_f32(dtype, &[value], &mut bytes);
        read_f32(dtype, &bytes, &mut out);
        out[0]
    }

    fn agree(value: f32) {
        for (dtype, ours) in [(Dtype::Bf16, Brain::round(value)), (Dtype::F16, Half::round(value))]
        {
            let stored = through(dtype, value);
            let same = ours.to_bits() == stored.to_bits() || (ours.is_nan() && stored.is_nan());
            assert!(same, "{dtype}: {value:e} is {ours:e}, stored {stored:e}");
        }
    }

    #[test]
    fn borders_round_as_stored_values_do() {
        for base in [0.0_f32, 1e-8, 5.96e-8, 6.1e-5, 6.103_515_6e-5, 1.0, 65504.0, 65519.9, 65520.0]
        {
            for step in -3..=3 {
                let value = f32::from_bits((base.to_bits() as i32 + step).max(0) as u32);
                agree(value);
                agree(-value);
            }
        }
        for value in [f32::INFINITY, f32::NAN, f32::MAX, f32::MIN_POSITIVE] {
            agree(value);
            agree(-value);
        }
    }

    proptest! {
        #[test]
        fn rounds_as_stored_values_do(bits: u32) {
            agree(f32::from_bits(bits));
        }
    }
}
