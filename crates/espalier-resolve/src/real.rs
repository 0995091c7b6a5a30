//! f32 and f64 as the arithmetic of a merge.

use core::{
    fmt::Debug,
    ops::{Add, AddAssign, Div, Mul, Neg, Sub},
};

use espalier_tensor::{Dtype, read_f32, read_f64, write_f32, write_f64};

/// The type in which a merge computes.
pub(crate) trait Real:
    Copy
    + Debug
    + Default
    + PartialOrd
    + Send
    + Sync
    + Add<Output = Self>
    + AddAssign
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + 'static
{
    /// How values of this type are stored.
    const DTYPE: Dtype;
    const ZERO: Self;
    const ONE: Self;
    /// Little-endian bytes of one value, readable in place.
    type Raw: Load<Self>;
    /// A signed integer as wide as the value.
    type Key: Copy + Debug + Default + Ord + Send + Sync + Into<i64> + TryFrom<i64> + 'static;

    fn of(value: f64) -> Self;
    fn raw(bytes: &[u8]) -> &[Self::Raw];
    fn read(dtype: Dtype, bytes: &[u8], out: &mut [Self]);
    fn write(dtype: Dtype, values: &[Self], out: &mut [u8]);
    /// An integer in the order of `total_cmp`.
    fn key(self) -> Self::Key;
    /// An integer in the order of the absolute value, from 0; NaN are above infinity.
    fn magnitude(self) -> Self::Key;
    /// The absolute value that has this magnitude.
    fn from_magnitude(magnitude: Self::Key) -> Self;
    fn abs(self) -> Self;
    /// `a` if `first`, otherwise `b`, without a branch: compilers tend to make one of an `if`
    /// whose alternative changes nothing, and then do not vectorise.
    fn select(first: bool, a: Self, b: Self) -> Self;
    /// The magnitude that all NaN count as, whatever their payload.
    const NAN_MAGNITUDE: Self::Key;
    /// More than any magnitude.
    const UNREACHED: Self::Key;
    /// The largest number.
    const LARGEST: f64;
    /// How far rounding moves a number, at most, relative to it.
    const UNIT: f64;
    fn wide(self) -> f64;
    fn is_finite(self) -> bool;
}

/// Whether all of them are finite, without a branch on each.
pub(crate) fn all_finite<T: Real>(values: &[T]) -> bool {
    values.iter().fold(true, |all, value| all & value.is_finite())
}

/// Something that holds a `T`.
pub(crate) trait Load<T>: Copy + Send + Sync {
    fn load(self) -> T;
}

impl<T: Real> Load<T> for T {
    #[inline(always)]
    fn load(self) -> T {
        self
    }
}

impl Load<f32> for [u8; 4] {
    #[inline(always)]
    fn load(self) -> f32 {
        f32::from_le_bytes(self)
    }
}

impl Load<f64> for [u8; 8] {
    #[inline(always)]
    fn load(self) -> f64 {
        f64::from_le_bytes(self)
    }
}

impl Real for f32 {
    const DTYPE: Dtype = Dtype::F32;
    const ZERO: Self = 0.0;
    const ONE: Self = 1.0;
    type Raw = [u8; 4];
    type Key = i32;
    const NAN_MAGNITUDE: i32 = 0x7f80_0001;
    const UNREACHED: i32 = i32::MAX;
    const LARGEST: f64 = f32::MAX as f64;
    const UNIT: f64 = f32::EPSILON as f64 / 2.0;

    #[inline(always)]
    fn of(value: f64) -> Self {
        value as Self
    }
    fn raw(bytes: &[u8]) -> &[[u8; 4]] {
        bytes.as_chunks().0
    }
    fn read(dtype: Dtype, bytes: &[u8], out: &mut [Self]) {
        read_f32(dtype, bytes, out);
    }
    fn write(dtype: Dtype, values: &[Self], out: &mut [u8]) {
        write_f32(dtype, values, out);
    }
    #[inline(always)]
    fn key(self) -> i32 {
        flip32(self.to_bits() as i32)
    }
    #[inline(always)]
    fn magnitude(self) -> i32 {
        (self.to_bits() & 0x7fff_ffff) as i32
    }
    #[inline(always)]
    fn from_magnitude(magnitude: i32) -> Self {
        Self::from_bits(magnitude as u32)
    }
    #[inline(always)]
    fn wide(self) -> f64 {
        self.into()
    }
    #[inline(always)]
    fn is_finite(self) -> bool {
        self.is_finite()
    }
    #[inline(always)]
    fn abs(self) -> Self {
        self.abs()
    }
    #[inline(always)]
    fn select(first: bool, a: Self, b: Self) -> Self {
        let mask = 0_u32.wrapping_sub(first.into());
        Self::from_bits((a.to_bits() & mask) | (b.to_bits() & !mask))
    }
}

impl Real for f64 {
    const DTYPE: Dtype = Dtype::F64;
    const ZERO: Self = 0.0;
    const ONE: Self = 1.0;
    type Raw = [u8; 8];
    type Key = i64;
    const NAN_MAGNITUDE: i64 = 0x7ff0_0000_0000_0001;
    const UNREACHED: i64 = i64::MAX;
    const LARGEST: f64 = f64::MAX;
    const UNIT: f64 = f64::EPSILON / 2.0;

    #[inline(always)]
    fn of(value: f64) -> Self {
        value
    }
    fn raw(bytes: &[u8]) -> &[[u8; 8]] {
        bytes.as_chunks().0
    }
    fn read(dtype: Dtype, bytes: &[u8], out: &mut [Self]) {
        read_f64(dtype, bytes, out);
    }
    fn write(dtype: Dtype, values: &[Self], out: &mut [u8]) {
        write_f64(dtype, values, out);
    }
    #[inline(always)]
    fn key(self) -> i64 {
        flip64(self.to_bits() as i64)
    }
    #[inline(always)]
    fn magnitude(self) -> i64 {
        (self.to_bits() & 0x7fff_ffff_ffff_ffff) as i64
    }
    #[inline(always)]
    fn from_magnitude(magnitude: i64) -> Self {
        Self::from_bits(magnitude as u64)
    }
    #[inline(always)]
    fn wide(self) -> f64 {
        self
    }
    #[inline(always)]
    fn is_finite(self) -> bool {
        self.is_finite()
    }
    #[inline(always)]
    fn abs(self) -> Self {
        self.abs()
    }
    #[inline(always)]
    fn select(first: bool, a: Self, b: Self) -> Self {
        let mask = 0_u64.wrapping_sub(first.into());
        Self::from_bits((a.to_bits() & mask) | (b.to_bits() & !mask))
    }
}

/// Negative numbers are stored with sign and magnitude; their order is reversed here.
#[inline(always)]
fn flip32(bits: i32) -> i32 {
    bits ^ ((bits >> 31) & 0x7fff_ffff)
}

#[inline(always)]
fn flip64(bits: i64) -> i64 {
    bits ^ ((bits >> 63) & 0x7fff_ffff_ffff_ffff)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn keys_order_like_total_cmp(a: u32, b: u32, c: u64, d: u64) {
            let (a, b) = (f32::from_bits(a), f32::from_bits(b));
            prop_assert_eq!(a.key().cmp(&b.key()), a.total_cmp(&b));
            let (c, d) = (f64::from_bits(c), f64::from_bits(d));
            prop_assert_eq!(c.key().cmp(&d.key()), c.total_cmp(&d));
            if !c.is_nan() && !d.is_nan() {
                prop_assert_eq!(c.magnitude().cmp(&d.magnitude()), c.abs().total_cmp(&d.abs()));
            }
        }
    }
}
