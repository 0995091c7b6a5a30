//! The two 16-bit floating-point types: binary16 of IEEE 754, and bfloat16, the upper half of an
//! f32.

#[inline(always)]
pub(crate) fn bf16_to_f32(half: u16) -> f32 {
    f32::from_bits(u32::from(half) << 16)
}

#[inline(always)]
pub(crate) fn f32_to_bf16(value: f32) -> u16 {
    let bits = value.to_bits();
    // Adding just under half a unit of the kept part, plus one if the kept part is odd, carries
    // exactly when rounding up is right; a carry out of the mantissa raises the exponent, up to
    // infinity.
    let rounded = bits.wrapping_add(0x7fff + ((bits >> 16) & 1));
    if value.is_nan() { 0x7fc0 } else { (rounded >> 16) as u16 }
}

#[inline(always)]
pub(crate) fn f16_to_f32(half: u16) -> f32 {
    let sign = u32::from(half & 0x8000) << 16;
    let magnitude = u32::from(half & 0x7fff);
    // Normal: move the exponent from bias 15 to 127. Infinite or NaN: to all ones.
    let rebias = if magnitude < 0x7c00 { (127 - 15) << 23 } else { (255 - 31) << 23 };
    let normal = (magnitude << 13) + rebias;
    // Subnormal: a whole number of 2^-24, exact as f32.
    let subnormal = (magnitude as i32 as f32) * f32::from_bits((127 - 24) << 23);
    f32::from_bits(sign | if magnitude < 0x0400 { subnormal.to_bits() } else { normal })
}

#[inline(always)]
pub(crate) fn f32_to_f16(value: f32) -> u16 {
    let bits = value.to_bits();
    let sign = ((bits >> 16) & 0x8000) as u16;
    let magnitude = bits & 0x7fff_ffff;
    // Normal: as for bf16, with 13 bits dropped and the exponent's bias changed.
    let rebias = (127 - 15) << 23;
    let normal = magnitude.wrapping_sub(rebias).wrapping_add(0x0fff + ((magnitude >> 13) & 1));
    // Subnormal: adding 1/2 aligns the value so that the hardware rounds it to whole 2^-24.
    let subnormal = (f32::from_bits(magnitude) + 0.5).to_bits().wrapping_sub(0.5_f32.to_bits());
    let half = if magnitude >= 0x4780_0000 {
        0x7c00 // 65536 and above, infinity included; 65520 and above gets there by carrying.
    } else if magnitude >= 0x3880_0000 {
        normal >> 13
    } else {
        subnormal
    };
    if value.is_nan() { 0x7e00 } else { sign | half as u16 }
}
