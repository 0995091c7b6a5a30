//! Looking for elements that are not numbers.

use crate::{dtype::Dtype, simd::widest};

/// Whether every element is finite; integers always are.
///
/// # Errors
/// The index of the first element that is infinite or NaN. Cost: memory bandwidth.
///
/// ```
/// use espalier_tensor::{Dtype, kernels::all_finite};
/// let bytes: Vec<u8> = [1.0_f32, f32::NAN].iter().flat_map(|v| v.to_le_bytes()).collect();
/// assert_eq!(all_finite(Dtype::F32, &bytes), Err(1));
/// ```
pub fn all_finite(dtype: Dtype, bytes: &[u8]) -> Result<(), usize> {
    const F64_EXPONENT: u64 = 0x7ff0_0000_0000_0000;
    const F32_EXPONENT: u32 = 0x7f80_0000;
    const F16_EXPONENT: u16 = 0x7c00;
    const BF16_EXPONENT: u16 = 0x7f80;
    match dtype {
        Dtype::F64 => search(bytes, |b| u64::from_le_bytes(b) & F64_EXPONENT == F64_EXPONENT),
        Dtype::F32 => search(bytes, |b| u32::from_le_bytes(b) & F32_EXPONENT == F32_EXPONENT),
        Dtype::F16 => search(bytes, |b| u16::from_le_bytes(b) & F16_EXPONENT == F16_EXPONENT),
        Dtype::Bf16 => search(bytes, |b| u16::from_le_bytes(b) & BF16_EXPONENT == BF16_EXPONENT),
        Dtype::F8E4M3 => search(bytes, |[b]| b & 0x7f == 0x7f),
        Dtype::F8E5M2 => search(bytes, |[b]| b & 0x7c == 0x7c),
        _ => Ok(()),
    }
}

/// A chunk is first tested without leaving early, which vectorises.
fn search<const N: usize>(bytes: &[u8], bad: impl Fn([u8; N]) -> bool + Copy) -> Result<(), usize> {
    const CHUNK: usize = 1024;
    let elements = bytes.as_chunks::<N>().0;
    for (number, chunk) in elements.chunks(CHUNK).enumerate() {
        let mut any = false;
        has_any(chunk, bad, &mut any);
        if any {
            let within = chunk.iter().position(|&raw| bad(raw)).unwrap_or_default();
            return Err(CHUNK * number + within);
        }
    }
    Ok(())
}

widest! {
    fn has_any[F: Fn([u8; N]) -> bool, const N: usize][F, N](
        chunk: &[[u8; N]],
        bad: F,
        any: &mut bool,
    ) {
        *any = chunk.iter().fold(0_u32, |any, &raw| any | u32::from(bad(raw))) != 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{convert, float16};

    #[test]
    fn every_half() {
        for bits in 0..=u16::MAX {
            let found = |dtype| all_finite(dtype, &bits.to_le_bytes()).is_ok();
            assert_eq!(found(Dtype::F16), float16::f16_to_f32(bits).is_finite());
            assert_eq!(found(Dtype::Bf16), float16::bf16_to_f32(bits).is_finite());
        }
    }

    #[test]
    fn finds_the_first_in_every_float_type() {
        for dtype in Dtype::ALL {
            let mut values = vec![1.0_f32; 5000];
            let encode = |values: &[f32]| {
                let mut bytes = vec![0; values.len() * dtype.size()];
                convert::write_f32(dtype, values, &mut bytes);
                bytes
            };
            assert_eq!(all_finite(dtype, &encode(&values)), Ok(()));
            let places = [(4999, f32::NAN), (3000, f32::NEG_INFINITY), (7, f32::INFINITY)];
            for (index, bad) in places {
                values[index] = bad;
                let expected = if dtype.is_float() { Err(index) } else { Ok(()) };
                assert_eq!(all_finite(dtype, &encode(&values)), expected, "{dtype}");
            }
        }
    }
}
