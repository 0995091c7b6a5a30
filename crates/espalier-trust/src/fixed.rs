//! Fixed-point numbers between 0 and 1, so that a score is one integer on every machine.

use serde::{Deserialize, Serialize};

/// A multiple of 2⁻¹⁶. Values above 1 decode, because peers can sign them; they are checked where
/// used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Q16(u32);

impl Q16 {
    /// 0.
    pub const ZERO: Self = Self(0);
    /// 1.
    pub const ONE: Self = Self(1 << 16);

    /// The number `raw` / 2¹⁶.
    #[must_use]
    pub const fn from_raw(raw: u32) -> Self {
        Self(raw)
    }

    /// The number times 2¹⁶.
    #[must_use]
    pub const fn raw(self) -> u32 {
        self.0
    }

    /// `value` clamped to 0..=1 and rounded once, half up. NaN becomes 0.
    #[must_use]
    pub fn from_unit(value: f64) -> Self {
        let unit = if value.is_nan() { 0.0 } else { value.clamp(0.0, 1.0) };
        Self((unit * 65_536.0 + 0.5) as u32)
    }

    /// As a float, exactly.
    #[must_use]
    pub fn to_f64(self) -> f64 {
        f64::from(self.0) / 65_536.0
    }

    /// The product, rounded down; the greatest number that fits if the product is beyond that,
    /// which takes factors above 1.
    #[must_use]
    pub const fn times(self, other: Self) -> Self {
        let product = (self.0 as u64 * other.0 as u64) >> 16;
        Self(if product > u32::MAX as u64 { u32::MAX } else { product as u32 })
    }

    /// `self / count`, rounded down but never to 0 from above.
    #[must_use]
    pub fn shared_by(self, count: u32) -> Self {
        if self.0 == 0 { self } else { Self((self.0 / count.max(1)).max(1)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_once_and_clamps() {
        assert_eq!(Q16::from_unit(0.5), Q16::from_raw(32_768));
        assert_eq!(Q16::from_unit(f64::NAN), Q16::ZERO);
        assert_eq!(Q16::from_unit(f64::INFINITY), Q16::ONE);
        assert_eq!(Q16::from_unit(-1.0), Q16::ZERO);
        assert_eq!(Q16::from_unit(1.5 / 65_536.0), Q16::from_raw(2));
    }

    #[test]
    fn products_floor() {
        assert_eq!(Q16::from_raw(3).times(Q16::from_raw(32_768)), Q16::from_raw(1));
        assert_eq!(Q16::ONE.times(Q16::ONE), Q16::ONE);
        let most = Q16::from_raw(u32::MAX);
        assert_eq!((most.times(Q16::ONE), most.times(most)), (most, most), "saturates");
        assert_eq!(Q16::ONE.shared_by(3), Q16::from_raw(21_845));
        assert_eq!(Q16::from_raw(1).shared_by(9), Q16::from_raw(1));
    }
}
