//! The greatest absolute value of tensors, and the bound that an author signs.
//!
//! Without their sign bit, IEEE 754 numbers are ordered like the integers with the same bits, and
//! infinity and NaN come after all finite ones. So the greatest magnitude is a maximum of integers.

use espalier_tensor::{Dtype, read_f64};
use serde::{Deserialize, Serialize};

/// The greatest absolute value of a contribution's float elements, as its author signed it: the
/// bits of an f32, legal or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Bound(u32);

impl Bound {
    /// 0: all elements are zero, or there are none.
    pub const ZERO: Self = Self(0);
    /// The greatest legal bound, just below 2¹²⁸.
    pub const MAX: Self = Self(f32::MAX.to_bits());

    /// The bound with these bits, legal or not.
    #[must_use]
    pub const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }

    /// The bits of the f32.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// The least bound that is at least `magnitude`; `None` if that is negative, no number, or more
    /// than [`Bound::MAX`].
    #[must_use]
    pub fn covering(magnitude: f64) -> Option<Self> {
        if !(0.0..=f64::from(f32::MAX)).contains(&magnitude) {
            return None;
        }
        let nearest = magnitude.abs() as f32;
        let below = f64::from(nearest) < magnitude;
        Some(Self(nearest.to_bits() + u32::from(below)))
    }

    /// As a number, exactly. Not finite or negative if the bound is not legal.
    #[must_use]
    pub fn to_f64(self) -> f64 {
        f32::from_bits(self.0).into()
    }

    /// Whether a signed bound may be this: finite, and 0 or positive (but not −0).
    #[must_use]
    pub const fn is_legal(self) -> bool {
        self.0 <= Self::MAX.0
    }
}

/// The greatest magnitude among the elements, exactly; infinity if one is not finite, 0 for
/// integers. One pass.
pub(crate) fn greatest(dtype: Dtype, bytes: &[u8]) -> f64 {
    match dtype {
        Dtype::F64 => of_f64(most(bytes, |b| u64::from_le_bytes(b) & (u64::MAX >> 1))),
        Dtype::F32 => of_f32(most(bytes, |b| u32::from_le_bytes(b) & (u32::MAX >> 1))),
        Dtype::F16 => of_half(Dtype::F16, most(bytes, half)),
        Dtype::Bf16 => of_half(Dtype::Bf16, most(bytes, half)),
        Dtype::F8E4M3 | Dtype::F8E5M2 => of_small(dtype, [most(bytes, |[b]| b & (u8::MAX >> 1))]),
        _ => 0.0,
    }
}

/// The first element that is not finite or whose magnitude is above `bound`.
pub(crate) fn first_beyond(dtype: Dtype, bytes: &[u8], bound: Bound) -> Option<usize> {
    let size = dtype.size();
    bytes.chunks_exact(size).position(|element| is_beyond(greatest(dtype, element), bound))
}

/// Whether a magnitude, infinite if there is no such number, is above a bound.
pub(crate) fn is_beyond(magnitude: f64, bound: Bound) -> bool {
    magnitude == f64::INFINITY || magnitude > bound.to_f64()
}

fn most<T: Ord + Default, const N: usize>(bytes: &[u8], of: impl Fn([u8; N]) -> T) -> T {
    bytes.as_chunks().0.iter().fold(T::default(), |most, &raw| most.max(of(raw)))
}

fn half(bytes: [u8; 2]) -> u16 {
    u16::from_le_bytes(bytes) & (u16::MAX >> 1)
}

fn of_f64(bits: u64) -> f64 {
    let value = f64::from_bits(bits);
    if value.is_finite() { value } else { f64::INFINITY }
}

fn of_f32(bits: u32) -> f64 {
    of_f64(f64::from(f32::from_bits(bits)).to_bits())
}

fn of_half(dtype: Dtype, bits: u16) -> f64 {
    of_small(dtype, bits.to_le_bytes())
}

fn of_small<const N: usize>(dtype: Dtype, bytes: [u8; N]) -> f64 {
    let mut value = [0.0];
    read_f64(dtype, &bytes, &mut value);
    of_f64(value[0].to_bits())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Element by element, in f64.
    fn twin(dtype: Dtype, bytes: &[u8]) -> Vec<f64> {
        let mut values = vec![0.0; bytes.len() / dtype.size()];
        read_f64(dtype, bytes, &mut values);
        let magnitude = |v: &f64| if v.is_finite() { v.abs() } else { f64::INFINITY };
        values.iter().map(magnitude).collect()
    }

    proptest! {
        #[test]
        fn agrees_with_its_twin(
            noise in prop::collection::vec(any::<u8>(), 0..256), pick in 0..6_usize
        ) {
            let floats = Dtype::ALL.into_iter().filter(|dtype| dtype.is_float());
            let dtype = floats.collect::<Vec<_>>()[pick];
            let bytes = &noise[..noise.len() / 8 * 8];
            let twin = twin(dtype, bytes);
            let most = twin.iter().fold(0.0, |most, x| f64::max(most, *x));
            prop_assert_eq!(greatest(dtype, bytes), most);
            for magnitude in &twin {
                let Some(bound) = Bound::covering(*magnitude) else { continue };
                let first = twin.iter().position(|x| *x > bound.to_f64());
                prop_assert_eq!(first_beyond(dtype, bytes, bound), first);
                prop_assert!(bound.is_legal() && bound.to_f64() >= *magnitude);
                let less = bound.bits().checked_sub(1).map(Bound::from_bits);
                prop_assert!(less.is_none_or(|less| less.to_f64() < *magnitude));
            }
        }
    }

    #[test]
    fn bounds_are_finite_and_not_negative() {
        let beyond = f64::from(f32::MAX) * 1.000_001;
        for bad in [-1.0, f64::NAN, f64::INFINITY, beyond] {
            assert_eq!(Bound::covering(bad), None, "{bad}");
        }
        assert_eq!(Bound::covering(f64::from(f32::MAX)), Some(Bound::MAX));
        assert_eq!(Bound::covering(-0.0), Some(Bound::ZERO));
        for bad in [f32::INFINITY, f32::NAN, -1.0, -0.0] {
            assert!(!Bound::from_bits(bad.to_bits()).is_legal(), "{bad}");
        }
        assert_eq!(greatest(Dtype::I32, &[255; 8]), 0.0);
    }
}
