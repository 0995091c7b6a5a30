//! The two 8-bit floating-point types of the Open Compute Project's specification (OCP 8-bit
//! floating point, OFP8, 2023).
//!
//! * E5M2: five bits of exponent with bias 15, two of mantissa, infinities and NaN as in IEEE 754:
//!   the upper half of a binary16. Its largest number is 57344.
//! * E4M3, in the form that other libraries call `e4m3fn`: four bits of exponent with bias 7, three
//!   of mantissa, no infinities; all ones but the sign are NaN. Its largest number is 448, and what
//!   is beyond it becomes NaN.

/// E5M2 as f32, exactly.
pub(crate) fn e5m2_to_f32(code: u8) -> f32 {
    crate::float16::f16_to_f32(u16::from(code) << 8)
}

/// E4M3 as f32, exactly.
pub(crate) fn e4m3_to_f32(code: u8) -> f32 {
    let sign = u32::from(code & 0x80) << 24;
    let magnitude = u32::from(code & 0x7f);
    // Normal: move the exponent from bias 7 to 127. Subnormal: a whole number of 2^-9.
    let normal = (magnitude << 20) + ((127 - 7) << 23);
    let subnormal = (magnitude as i32 as f32) * f32::from_bits((127 - 9) << 23);
    let number = if magnitude < 8 { subnormal.to_bits() } else { normal };
    f32::from_bits(sign | if magnitude == 0x7f { 0x7fc0_0000 } else { number })
}

/// The nearest E5M2, ties to even. Every NaN is written as one.
pub(crate) fn f32_to_e5m2(value: f32) -> u8 {
    let code = nearest::<2, 15>(value).min(0x7c);
    if value.is_nan() { 0x7e } else { sign(value) | code as u8 }
}

/// The nearest E4M3, ties to even. Every NaN and what is beyond the largest number is written as
/// the one NaN without a sign.
pub(crate) fn f32_to_e4m3(value: f32) -> u8 {
    let code = nearest::<3, 7>(value);
    if value.is_nan() || code >= 0x7f { 0x7f } else { sign(value) | code as u8 }
}

fn sign(value: f32) -> u8 {
    (value.to_bits() >> 24) as u8 & 0x80
}

/// The code of the nearest magnitude if the exponent had no end.
fn nearest<const MANTISSA: u32, const BIAS: u32>(value: f32) -> u32 {
    let magnitude = value.to_bits() & 0x7fff_ffff;
    let dropped = 23 - MANTISSA;
    // Normal: adding just under half a unit of the kept part, plus one if the kept part is odd,
    // carries exactly when rounding up is right.
    let half = (1 << (dropped - 1)) - 1 + ((magnitude >> dropped) & 1);
    let normal = magnitude.wrapping_sub((127 - BIAS) << 23).wrapping_add(half) >> dropped;
    // Subnormal: adding a number whose last place is that of the type aligns the value, so that
    // the hardware rounds it.
    let unit = f32::from_bits((127 + 24 - BIAS - MANTISSA) << 23);
    let subnormal = (f32::from_bits(magnitude) + unit).to_bits().wrapping_sub(unit.to_bits());
    if magnitude >= (127 + 1 - BIAS) << 23 { normal } else { subnormal }
}

#[cfg(test)]
mod tests {
    use crate::{Dtype, read_f32, read_f64, write_f32, write_f64};

    /// What a code means, by the definition.
    fn meaning(dtype: Dtype, code: u8) -> f64 {
        let (mantissa_bits, bias) = if dtype == Dtype::F8E4M3 { (3, 7) } else { (2, 15) };
        let magnitude = i32::from(code & 0x7f);
        let (exponent, mantissa) = (magnitude >> mantissa_bits, magnitude % (1 << mantissa_bits));
        let fraction = f64::from(mantissa) / f64::from(1 << mantissa_bits);
        let value = match (dtype, exponent) {
            (Dtype::F8E4M3, _) if magnitude == 0x7f => f64::NAN,
            (Dtype::F8E5M2, 31) if mantissa == 0 => f64::INFINITY,
            (Dtype::F8E5M2, 31) => f64::NAN,
            (_, 0) => libm::ldexp(fraction, 1 - bias),
            (_, exponent) => libm::ldexp(1.0 + fraction, exponent - bias),
        };
        if code < 0x80 { value } else { -value }
    }

    const BOTH: [Dtype; 2] = [Dtype::F8E4M3, Dtype::F8E5M2];

    fn written(dtype: Dtype, value: f64) -> u8 {
        let mut wide = [0];
        write_f64(dtype, &[value], &mut wide);
        if f64::from(value as f32) == value || value.is_nan() {
            let mut narrow = [0];
            write_f32(dtype, &[value as f32], &mut narrow);
            assert_eq!(narrow, wide, "{dtype} {value:e}");
        }
        wide[0]
    }

    #[test]
    fn every_code_reads_as_defined_and_is_written_back() {
        for dtype in BOTH {
            for code in 0..=u8::MAX {
                let (mut wide, mut narrow) = ([0.0], [0.0]);
                read_f64(dtype, &[code], &mut wide);
                read_f32(dtype, &[code], &mut narrow);
                let expected = meaning(dtype, code);
                if expected.is_nan() {
                    assert!(wide[0].is_nan() && narrow[0].is_nan());
                    let one = if dtype == Dtype::F8E4M3 { 0x7f } else { 0x7e };
                    assert_eq!(written(dtype, wide[0]), one);
                    continue;
                }
                assert_eq!(wide[0].to_bits(), expected.to_bits(), "{dtype} {code:#x}");
                assert_eq!(f64::from(narrow[0]).to_bits(), expected.to_bits());
                assert_eq!(written(dtype, expected), code, "{dtype} {expected:e}");
            }
        }
    }

    #[test]
    fn rounding_at_and_around_every_midpoint() {
        for dtype in BOTH {
            // Up to the largest number, and from there to where the next one would be.
            let last = if dtype == Dtype::F8E4M3 { 0x7e } else { 0x7b };
            for code in 0..=last {
                let low = meaning(dtype, code);
                let step = meaning(dtype, code.max(1)) - meaning(dtype, code.max(1) - 1);
                let step = if code == last { step } else { meaning(dtype, code + 1) - low };
                let middle = low + step / 2.0;
                let even = code + (code & 1);
                for (value, expected) in [
                    (middle.next_down(), code),
                    (f64::from((middle as f32).next_down()), code),
                    (middle, even),
                    (f64::from((middle as f32).next_up()), code + 1),
                    (middle.next_up(), code + 1),
                ] {
                    assert_eq!(written(dtype, value), expected, "{dtype} {value:e}");
                    let negative = match expected {
                        0x7f => 0x7f,
                        code => code | 0x80,
                    };
                    assert_eq!(written(dtype, -value), negative, "{dtype} {:e}", -value);
                }
            }
        }
    }

    #[test]
    fn what_is_beyond_the_largest_number_is_no_number() {
        for value in [480.0, 1e9, f64::from(f32::MAX), 1e300, f64::INFINITY] {
            assert_eq!(written(Dtype::F8E4M3, value), 0x7f);
            assert_eq!(written(Dtype::F8E4M3, -value), 0x7f);
        }
        for value in [65536.0, 1e9, f64::from(f32::MAX), 1e300, f64::INFINITY] {
            assert_eq!(written(Dtype::F8E5M2, value), 0x7c);
            assert_eq!(written(Dtype::F8E5M2, -value), 0xfc);
        }
    }
}
