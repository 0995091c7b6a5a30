//! Tensors of integers: compared, taken from the base, or averaged exactly.
//!
//! Counters, indices and masks are not what strategies have formulas for. What happens to them is
//! the parameter `buffers`, the same for all strategies:
//!
//! * `error`: they must be equal, and are passed on.
//! * `base`: they are the base's, whatever the inputs have.
//! * `mean`: each element is Σ w x / Σ w, computed exactly and rounded once, half to even. The
//!   mean lies between the least and the greatest of the values, so it always fits. Weights are
//!   relative, as in all means (below 2⁻⁶⁰ of the largest they count as that), whether or not the
//!   strategy itself looks at weights. A truth value is the one with more weight behind it; with
//!   equal weight it is false. Tensors that are equal in all inputs are passed on as they are.

use espalier_tensor::{Content, Dtype};

use super::tensor::Tensor;

/// What becomes of tensors of integers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IntegerRule {
    Error,
    Base,
    Mean,
}

impl IntegerRule {
    /// By the parameter's word.
    pub(crate) fn new(word: &str) -> Self {
        match word {
            "base" => Self::Base,
            "mean" => Self::Mean,
            _ => Self::Error,
        }
    }

    /// The bytes of a merged tensor of integers, if they are those of an input or of the base;
    /// `None` if they have to be computed.
    pub(crate) fn content<'p>(self, tensor: &Tensor<'p>) -> Option<&'p Content> {
        let first = tensor.row(0);
        match self {
            Self::Error => Some(first),
            Self::Base => tensor.base(),
            Self::Mean => {
                let digest = |input| tensor.content_digest(input);
                (1..tensor.count()).all(|input| digest(input) == digest(0)).then_some(first)
            }
        }
    }
}

/// Weights as whole numbers in one unit, which they are multiples of.
#[derive(Debug)]
pub(crate) struct Weights {
    /// Below 2¹¹³ each: a float's 53 bits, and 60 for how much smaller the others may be.
    each: Vec<u128>,
    total: Wide,
}

impl Weights {
    /// From relative weights, which are between 2⁻⁶⁰ and 2.
    pub(crate) fn new(relative: &[f64]) -> Self {
        // 2¹¹² times a float of at least 2⁻⁶⁰ is whole.
        let whole = |&weight: &f64| libm::scalbn(weight, 112) as u128;
        let each: Vec<u128> = relative.iter().map(whole).collect();
        let shift = each.iter().map(|weight| weight.trailing_zeros()).min().unwrap_or(0);
        let each: Vec<u128> = each.into_iter().map(|weight| weight >> shift.min(127)).collect();
        let mut total = Wide::default();
        each.iter().for_each(|&weight| total.add_product(weight, 1));
        Self { each, total }
    }

    /// Σ w x / Σ w of some values, rounded half to even.
    fn mean(&self, values: &[i128]) -> i128 {
        let least = values.iter().copied().min().unwrap_or(0);
        let mut sum = Wide::default();
        for (&weight, &value) in self.each.iter().zip(values) {
            // Integers of 64 bits are less than 2⁶⁴ apart.
            sum.add_product(weight, (value - least) as u64);
        }
        let (floor, rest) = sum.divide(self.total);
        let floor = least + i128::from(floor);
        let up = match rest.doubled().cmp(&self.total) {
            core::cmp::Ordering::Less => false,
            core::cmp::Ordering::Equal => floor & 1 != 0,
            core::cmp::Ordering::Greater => true,
        };
        floor + i128::from(up)
    }
}

/// An unsigned integer of 256 bits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Wide {
    high: u128,
    low: u128,
}

impl Wide {
    fn add(&mut self, other: Self) {
        let (low, carry) = self.low.overflowing_add(other.low);
        *self = Self { high: self.high + other.high + u128::from(carry), low };
    }

    /// Adds `weight` × `value`.
    fn add_product(&mut self, weight: u128, value: u64) {
        let value = u128::from(value);
        let upper = (weight >> 64) * value;
        self.add(Self { high: 0, low: (weight & u128::from(u64::MAX)) * value });
        self.add(Self { high: upper >> 64, low: upper << 64 });
    }

    fn doubled(self) -> Self {
        Self { high: self.high << 1 | self.low >> 127, low: self.low << 1 }
    }

    /// Shifted to the left by less than 128 bits.
    fn shifted(self, bits: u32) -> Self {
        match bits {
            0 => self,
            _ => Self { high: self.high << bits | self.low >> (128 - bits), low: self.low << bits },
        }
    }

    /// The quotient, which must be below 2⁶⁴, and the rest.
    fn divide(self, by: Self) -> (u64, Self) {
        if self.high == 0 && by.high == 0 && by.low > 0 {
            let rest = Self { high: 0, low: self.low % by.low };
            return ((self.low / by.low) as u64, rest);
        }
        let (mut quotient, mut rest) = (0, self);
        for bit in (0..64).rev() {
            let part = by.shifted(bit);
            if rest >= part {
                let (low, borrow) = rest.low.overflowing_sub(part.low);
                rest = Self { high: rest.high - part.high - u128::from(borrow), low };
                quotient |= 1 << bit;
            }
        }
        (quotient, rest)
    }
}

/// The means of elements `start ..`, as bytes of the tensor's type.
pub(crate) fn means(tensor: &Tensor<'_>, weights: &Weights, start: usize, out: &mut [u8]) {
    let size = tensor.dtype.size();
    let mut values = vec![0; tensor.count()];
    let end = start + out.len() / size;
    let rows: Vec<&[u8]> =
        (0..tensor.count()).map(|input| tensor.bytes(input, start..end)).collect();
    for (element, out) in out.chunks_exact_mut(size).enumerate() {
        for (value, row) in values.iter_mut().zip(&rows) {
            *value = read(tensor.dtype, &row[element * size..][..size]);
        }
        out.copy_from_slice(&weights.mean(&values).to_le_bytes()[..size]);
    }
}

/// One element; 0 or 1 for a truth value.
pub(crate) fn read(dtype: Dtype, bytes: &[u8]) -> i128 {
    let mut wide = [0; 8];
    wide[..bytes.len()].copy_from_slice(bytes);
    let unsigned = u64::from_le_bytes(wide);
    let spare = 64 - 8 * bytes.len() as u32;
    match dtype {
        Dtype::Bool => i128::from(unsigned != 0),
        Dtype::I64 | Dtype::I32 | Dtype::I16 | Dtype::I8 => {
            i128::from((unsigned << spare) as i64 >> spare)
        }
        _ => i128::from(unsigned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn halves_go_to_even_on_both_sides_of_zero() {
        let mean = |values: &[i128]| Weights::new(&vec![1.0; values.len()]).mean(values);
        assert_eq!(mean(&[1, 2]), 2);
        assert_eq!(mean(&[2, 3]), 2);
        assert_eq!(mean(&[-1, -2]), -2);
        assert_eq!(mean(&[-2, -3]), -2);
        assert_eq!(mean(&[0, -1]), 0);
        assert_eq!(mean(&[0, 0, 1]), 0);
        assert_eq!(mean(&[0, 1, 1]), 1);
    }

    #[test]
    fn the_whole_range_and_the_finest_weights() {
        let (least, most) = (i128::from(i64::MIN), i128::from(i64::MAX));
        let mean = |weights: &[f64], values: &[i128]| Weights::new(weights).mean(values);
        assert_eq!(mean(&[1.0, 1.0], &[least, most]), 0, "-½ goes to the even 0");
        assert_eq!(mean(&[1.0; 4], &[most; 4]), most);
        let full = i128::from(u64::MAX);
        assert_eq!(mean(&[1.0, 1.0, 1.0], &[full, full, 0]), full / 3 * 2);
        // 2⁶⁰ / (2⁶⁰ + 1) of 2⁶⁴ − 1 is 2⁶⁴ − 17 + something below ½.
        let tiny = libm::scalbn(1.0, -60);
        assert_eq!(mean(&[1.0, tiny], &[full, 0]), full - 16);
        assert_eq!(mean(&[1.0 + f64::EPSILON, tiny], &[0, full]), 16);
    }

    proptest! {
        /// Against whole numbers small enough for plain arithmetic.
        #[test]
        fn means_are_exact(
            pairs in prop::collection::vec((1_u32..1 << 20, any::<i64>()), 1..9),
        ) {
            let largest = pairs.iter().map(|pair| pair.0).max().expect("some");
            let unit = libm::ilogb(f64::from(largest));
            let weights: Vec<f64> =
                pairs.iter().map(|pair| libm::scalbn(f64::from(pair.0), -unit)).collect();
            let values: Vec<i128> = pairs.iter().map(|pair| pair.1.into()).collect();
            let total: i128 = pairs.iter().map(|pair| i128::from(pair.0)).sum();
            let sum: i128 = pairs.iter().map(|pair| i128::from(pair.0) * i128::from(pair.1)).sum();
            let (floor, rest) = (sum.div_euclid(total), sum.rem_euclid(total));
            let up = 2 * rest > total || (2 * rest == total && floor % 2 != 0);
            prop_assert_eq!(Weights::new(&weights).mean(&values), floor + i128::from(up));
        }

        /// Long division against the processor's.
        #[test]
        fn division(by in 1_u128.., quotient: u64, rest: u128) {
            let by = Wide { high: 0, low: by };
            let rest = Wide { high: 0, low: rest % by.low };
            let mut product = rest;
            product.add_product(by.low, quotient);
            prop_assert_eq!(product.divide(by), (quotient, rest));
        }
    }
}
