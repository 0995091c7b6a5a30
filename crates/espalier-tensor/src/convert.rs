//! Elements to and from f32 and f64: exact where the target can hold the value, otherwise one
//! rounding to nearest, ties to even.
//!
//! Everything here is written in integer and basic float operations, so the bits are the same on
//! every processor (hardware half-precision instructions are never used). NaN payloads are the
//! exception that hardware makes unpredictable: which payload arithmetic returns differs between
//! processors. So **writing turns every NaN into the one positive quiet NaN without payload**.
//! Bytes that are stored and passed on unchanged keep their payloads.

use crate::{
    dtype::Dtype,
    float8::{e4m3_to_f32, e5m2_to_f32, f32_to_e4m3, f32_to_e5m2},
    float16::{bf16_to_f32, f16_to_f32, f32_to_bf16, f32_to_f16},
    simd::widest,
};

widest! {
    /// Reads little-endian elements as f32. f16, bf16, the 8-bit types and small integers are
    /// exact; f64 and wide integers are rounded once (and f64 beyond the range becomes infinite).
    /// For `Bool`, any byte but zero is 1.
    ///
    /// # Panics
    /// If `bytes` is not `out.len()` elements long.
    pub fn read_f32[][](dtype: Dtype, bytes: &[u8], out: &mut [f32]) {
        read(dtype, bytes, out);
    }

    /// Reads little-endian elements as f64. Exact for all but 64-bit integers, which are rounded
    /// once.
    ///
    /// # Panics
    /// If `bytes` is not `out.len()` elements long.
    pub fn read_f64[][](dtype: Dtype, bytes: &[u8], out: &mut [f64]) {
        read(dtype, bytes, out);
    }

    /// Writes f32 values as little-endian elements, rounding once. Values beyond the range of f16,
    /// bf16 or E5M2 become infinite, as IEEE 754 says; E4M3 has no infinities, and they become NaN.
    /// Integers are rounded to nearest even and clamped to their range, NaN to zero.
    ///
    /// # Panics
    /// If `out` is not `values.len()` elements long.
    pub fn write_f32[][](dtype: Dtype, values: &[f32], out: &mut [u8]) {
        check(dtype, out.len(), values.len());
        match dtype {
            Dtype::F64 => write(values, out, |v| quiet_f64(f64::from(v)).to_le_bytes()),
            Dtype::F32 => write(values, out, |v| quiet_f32(v).to_le_bytes()),
            Dtype::F16 => write(values, out, |v| f32_to_f16(v).to_le_bytes()),
            Dtype::Bf16 => write(values, out, |v| f32_to_bf16(v).to_le_bytes()),
            Dtype::F8E4M3 => write(values, out, |v| [f32_to_e4m3(v)]),
            Dtype::F8E5M2 => write(values, out, |v| [f32_to_e5m2(v)]),
            _ => write_integers(dtype, values, out),
        }
    }

    /// As [`write_f32`], from f64: still one rounding, also to f32 and the narrower types.
    ///
    /// # Panics
    /// If `out` is not `values.len()` elements long.
    pub fn write_f64[][](dtype: Dtype, values: &[f64], out: &mut [u8]) {
        check(dtype, out.len(), values.len());
        match dtype {
            Dtype::F64 => write(values, out, |v| quiet_f64(v).to_le_bytes()),
            Dtype::F32 => write(values, out, |v| quiet_f32(v as f32).to_le_bytes()),
            Dtype::F16 => write(values, out, |v| f32_to_f16(round_to_odd(v)).to_le_bytes()),
            Dtype::Bf16 => write(values, out, |v| f32_to_bf16(round_to_odd(v)).to_le_bytes()),
            Dtype::F8E4M3 => write(values, out, |v| [f32_to_e4m3(round_to_odd(v))]),
            Dtype::F8E5M2 => write(values, out, |v| [f32_to_e5m2(round_to_odd(v))]),
            _ => write_integers(dtype, values, out),
        }
    }
}

/// f32 or f64, as far as reading and integer output go.
trait Float: Copy + Into<f64> {
    fn from_f32(value: f32) -> Self;
    fn from_f64(value: f64) -> Self;
    fn from_i64(value: i64) -> Self;
    fn from_u64(value: u64) -> Self;
}

impl Float for f32 {
    fn from_f32(value: f32) -> Self {
        value
    }
    fn from_f64(value: f64) -> Self {
        value as Self
    }
    fn from_i64(value: i64) -> Self {
        value as Self
    }
    fn from_u64(value: u64) -> Self {
        value as Self
    }
}

impl Float for f64 {
    fn from_f32(value: f32) -> Self {
        Self::from(value)
    }
    fn from_f64(value: f64) -> Self {
        value
    }
    fn from_i64(value: i64) -> Self {
        value as Self
    }
    fn from_u64(value: u64) -> Self {
        value as Self
    }
}

#[inline(always)]
fn read<T: Float>(dtype: Dtype, bytes: &[u8], out: &mut [T]) {
    check(dtype, bytes.len(), out.len());
    match dtype {
        Dtype::F64 => each(bytes, out, |b| T::from_f64(f64::from_le_bytes(b))),
        Dtype::F32 => each(bytes, out, |b| T::from_f32(f32::from_le_bytes(b))),
        Dtype::F16 => each(bytes, out, |b| T::from_f32(f16_to_f32(u16::from_le_bytes(b)))),
        Dtype::Bf16 => each(bytes, out, |b| T::from_f32(bf16_to_f32(u16::from_le_bytes(b)))),
        Dtype::I64 => each(bytes, out, |b| T::from_i64(i64::from_le_bytes(b))),
        Dtype::I32 => each(bytes, out, |b| T::from_i64(i32::from_le_bytes(b).into())),
        Dtype::I16 => each(bytes, out, |b| T::from_i64(i16::from_le_bytes(b).into())),
        Dtype::I8 => each(bytes, out, |b| T::from_i64(i8::from_le_bytes(b).into())),
        Dtype::U8 => each(bytes, out, |[b]| T::from_i64(b.into())),
        Dtype::Bool => each(bytes, out, |[b]| T::from_i64((b != 0).into())),
        Dtype::U16 => each(bytes, out, |b| T::from_i64(u16::from_le_bytes(b).into())),
        Dtype::U32 => each(bytes, out, |b| T::from_i64(u32::from_le_bytes(b).into())),
        Dtype::U64 => each(bytes, out, |b| T::from_u64(u64::from_le_bytes(b))),
        Dtype::F8E4M3 => each(bytes, out, |[b]| T::from_f32(e4m3_to_f32(b))),
        Dtype::F8E5M2 => each(bytes, out, |[b]| T::from_f32(e5m2_to_f32(b))),
    }
}

#[inline(always)]
fn each<T, const N: usize>(bytes: &[u8], out: &mut [T], convert: impl Fn([u8; N]) -> T) {
    for (element, &raw) in out.iter_mut().zip(bytes.as_chunks().0) {
        *element = convert(raw);
    }
}

#[inline(always)]
fn write<T: Copy, const N: usize>(values: &[T], out: &mut [u8], convert: impl Fn(T) -> [u8; N]) {
    for (raw, &value) in out.as_chunks_mut().0.iter_mut().zip(values) {
        *raw = convert(value);
    }
}

#[inline(always)]
fn write_integers<T: Float>(dtype: Dtype, values: &[T], out: &mut [u8]) {
    let whole = |v: T| {
        let v: f64 = v.into();
        v.round_ties_even()
    };
    // `as` from a float clamps to the integer's range and turns NaN into zero.
    match dtype {
        Dtype::I64 => write(values, out, |v| (whole(v) as i64).to_le_bytes()),
        Dtype::I32 => write(values, out, |v| (whole(v) as i32).to_le_bytes()),
        Dtype::I16 => write(values, out, |v| (whole(v) as i16).to_le_bytes()),
        Dtype::I8 => write(values, out, |v| (whole(v) as i8).to_le_bytes()),
        Dtype::U64 => write(values, out, |v| (whole(v) as u64).to_le_bytes()),
        Dtype::U32 => write(values, out, |v| (whole(v) as u32).to_le_bytes()),
        Dtype::U16 => write(values, out, |v| (whole(v) as u16).to_le_bytes()),
        Dtype::Bool => write(values, out, |v| [u8::from(whole(v).abs() >= 1.0)]),
        _ => write(values, out, |v| [whole(v) as u8]),
    }
}

fn check(dtype: Dtype, bytes: usize, elements: usize) {
    assert_eq!(bytes, elements * dtype.size(), "the bytes of {elements} elements of {dtype}");
}

#[inline(always)]
fn quiet_f32(value: f32) -> f32 {
    if value.is_nan() { f32::from_bits(0x7fc0_0000) } else { value }
}

#[inline(always)]
fn quiet_f64(value: f64) -> f64 {
    if value.is_nan() { f64::from_bits(0x7ff8_0000_0000_0000) } else { value }
}

/// f64 to f32 such that rounding the result once more, to a format at least two bits narrower,
/// gives what rounding the f64 directly would: inexact results get an odd last bit.
/// (Boldo and Melquiond, "Emulation of FMA and correctly rounded sums", IEEE TC 57(4), 2008.)
#[inline(always)]
fn round_to_odd(value: f64) -> f32 {
    let nearest = value as f32;
    let back = f64::from(nearest);
    if back == value || value.is_nan() {
        return nearest;
    }
    let truncated = nearest.to_bits() - u32::from(back.abs() > value.abs());
    f32::from_bits(truncated | 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use half::{bf16, f16};
    use proptest::prelude::*;

    #[test]
    fn every_half_reads_as_the_reference_reads_it() {
        for bits in 0..=u16::MAX {
            let (ours, theirs) = (f16_to_f32(bits), f16::from_bits(bits).to_f32_const());
            assert!(ours.to_bits() == theirs.to_bits() || ours.is_nan() && theirs.is_nan());
            let (ours, theirs) = (bf16_to_f32(bits), bf16::from_bits(bits).to_f32_const());
            assert!(ours.to_bits() == theirs.to_bits() || ours.is_nan() && theirs.is_nan());
        }
    }

    /// Every half, every midpoint between two halves and its two neighbours in f32.
    #[test]
    fn rounding_at_and_around_every_midpoint() {
        for bits in 0..0x7c00_u16 {
            let (low, high) = (f16_to_f32(bits), f16_to_f32(bits + 1).min(65536.0));
            let middle = (low + high) * 0.5;
            for value in [low, middle.next_down(), middle, middle.next_up()] {
                for value in [value, -value] {
                    let expected = f16::from_f32_const(value).to_bits();
                    assert_eq!(f32_to_f16(value), expected, "{value:e}");
                }
            }
        }
        for bits in 0..0x7f7f_u16 {
            let low = bf16_to_f32(bits);
            let middle = f32::from_bits(low.to_bits() | 0x8000);
            for value in [low, middle.next_down(), middle, middle.next_up()] {
                assert_eq!(f32_to_bf16(value), bf16::from_f32_const(value).to_bits(), "{value:e}");
            }
        }
    }

    #[test]
    fn every_nan_is_written_as_one() {
        for nan in [f32::NAN, -f32::NAN, f32::from_bits(0x7f80_0001), f32::from_bits(0xffff_ffff)] {
            let wide = f64::from_bits((u64::from(nan.to_bits() & 1) << 63) | 0x7ff0_0000_0000_0001);
            for dtype in Dtype::ALL.into_iter().filter(|dtype| dtype.is_float()) {
                let mut first = vec![0; dtype.size()];
                let mut second = first.clone();
                write_f32(dtype, &[nan], &mut first);
                write_f64(dtype, &[wide], &mut second);
                assert_eq!(first, second);
                let mut back = [0.0];
                read_f64(dtype, &first, &mut back);
                assert!(back[0].is_nan() && back[0].is_sign_positive());
            }
        }
    }

    #[test]
    fn integers_clamp_and_round_to_even() {
        let mut out = [0_u8; 5];
        write_f32(Dtype::I8, &[2.5, -3.5, 1e9, f32::NEG_INFINITY, f32::NAN], &mut out);
        assert_eq!(out.map(|b| b as i8), [2, -4, 127, -128, 0]);
        let mut values = [0.0; 5];
        read_f32(Dtype::I8, &out, &mut values);
        assert_eq!(values, [2.0, -4.0, 127.0, -128.0, 0.0]);
    }

    proptest! {
        #[test]
        fn f32_to_halves_like_the_reference(bits: u32) {
            let value = f32::from_bits(bits);
            if !value.is_nan() {
                prop_assert_eq!(f32_to_f16(value), f16::from_f32_const(value).to_bits());
                prop_assert_eq!(f32_to_bf16(value), bf16::from_f32_const(value).to_bits());
            }
        }

        /// One rounding from f64: near the midpoint of two halves, the sticky part decides.
        #[test]
        fn f64_rounds_once(bits in 0_u16..0x7c00, nudge in -3_i64..=3) {
            let (low, high) = (f16_to_f32(bits), f16_to_f32(bits + 1).min(65536.0));
            let middle = (f64::from(low) + f64::from(high)) * 0.5;
            let value = f64::from_bits((middle.to_bits() as i64 + nudge) as u64);
            let even = if bits & 1 == 0 { bits } else { bits + 1 };
            let expected = match nudge.signum() { -1 => bits, 1 => bits + 1, _ => even };
            let mut out = [0; 2];
            write_f64(Dtype::F16, &[value], &mut out);
            prop_assert_eq!(u16::from_le_bytes(out), expected);
        }

        #[test]
        fn what_is_read_is_written_back(raw in prop::collection::vec(any::<u8>(), 64)) {
            for dtype in Dtype::ALL {
                let n = raw.len() / dtype.size();
                let mut values = vec![0.0_f64; n];
                read_f64(dtype, &raw, &mut values);
                let mut out = vec![0; raw.len()];
                write_f64(dtype, &values, &mut out);
                let mut again = vec![0.0_f64; n];
                read_f64(dtype, &out, &mut again);
                for (i, (first, second)) in values.iter().zip(&again).enumerate() {
                    let same = first.to_bits() == second.to_bits() || first.is_nan();
                    prop_assert!(same, "{dtype} element {i}: {first} became {second}");
                }
            }
        }
    }
}
