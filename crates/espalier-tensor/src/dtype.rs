//! Element types.

use core::fmt;
use espalier_blame::Blame;

use safetensors::Dtype as FileDtype;
use serde::{Deserialize, Serialize};

/// The type of a tensor's elements, stored little-endian.
///
/// Text forms are `"f32"`, `"bf16"` and so on; binary forms are the index of the variant, so
/// variants are only ever appended.
#[derive(Serialize, Deserialize, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[serde(rename_all = "lowercase")]
pub enum Dtype {
    /// IEEE 754 binary64.
    F64,
    /// IEEE 754 binary32.
    F32,
    /// IEEE 754 binary16.
    F16,
    /// The upper half of a binary32.
    Bf16,
    /// Signed, 64 bits.
    I64,
    /// Signed, 32 bits.
    I32,
    /// Signed, 16 bits.
    I16,
    /// Signed, 8 bits.
    I8,
    /// Unsigned, 8 bits.
    U8,
    /// One byte, zero or not.
    Bool,
    /// Unsigned, 16 bits.
    U16,
    /// Unsigned, 32 bits.
    U32,
    /// Unsigned, 64 bits.
    U64,
    /// 8 bits with four of exponent and no infinities: `e4m3fn` elsewhere.
    #[serde(rename = "f8_e4m3")]
    F8E4M3,
    /// The upper half of a binary16.
    #[serde(rename = "f8_e5m2")]
    F8E5M2,
}

/// An element type that this library does not compute with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "element type `{0}` is not supported; use one of F64, F32, F16, BF16, F8_E4M3, F8_E5M2, \
     I64, I32, I16, I8, \
     U64, U32, U16, U8 or BOOL"
)]
pub struct UnsupportedDtype(pub String);

impl UnsupportedDtype {
    /// Who has to act on this error.
    #[must_use]
    pub fn blame(&self) -> Blame {
        Blame::Peer
    }

    /// A stable word for programs to tell this error from all others.
    #[must_use]
    pub fn code(&self) -> &'static str {
        "dtype-unsupported"
    }
}

impl Dtype {
    /// Every element type, in the order of their binary form.
    pub const ALL: [Self; 15] = [
        Self::F64,
        Self::F32,
        Self::F16,
        Self::Bf16,
        Self::I64,
        Self::I32,
        Self::I16,
        Self::I8,
        Self::U8,
        Self::Bool,
        Self::U16,
        Self::U32,
        Self::U64,
        Self::F8E4M3,
        Self::F8E5M2,
    ];

    /// Bytes per element.
    #[must_use]
    pub const fn size(self) -> usize {
        match self {
            Self::F64 | Self::I64 | Self::U64 => 8,
            Self::F32 | Self::I32 | Self::U32 => 4,
            Self::F16 | Self::Bf16 | Self::I16 | Self::U16 => 2,
            Self::I8 | Self::U8 | Self::Bool | Self::F8E4M3 | Self::F8E5M2 => 1,
        }
    }

    /// Whether elements are floating-point numbers: what merging computes with. All others are
    /// only ever passed through.
    #[must_use]
    pub const fn is_float(self) -> bool {
        matches!(self, Self::F64 | Self::F32 | Self::F16 | Self::Bf16 | Self::F8E4M3 | Self::F8E5M2)
    }

    /// The value of an element that is an integer, little-endian; of a truth value its byte.
    ///
    /// # Panics
    /// If there are more bytes than 16.
    #[must_use]
    pub fn integer(self, bytes: &[u8]) -> i128 {
        let signed = matches!(self, Self::I8 | Self::I16 | Self::I32 | Self::I64);
        let negative = signed && bytes.last().is_some_and(|byte| *byte >= 0x80);
        let mut whole = [if negative { 0xff } else { 0 }; 16];
        whole[..bytes.len()].copy_from_slice(bytes);
        i128::from_le_bytes(whole)
    }

    /// The name in lower case, as in the text form.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::F64 => "f64",
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
            Self::I64 => "i64",
            Self::I32 => "i32",
            Self::I16 => "i16",
            Self::I8 => "i8",
            Self::U8 => "u8",
            Self::Bool => "bool",
            Self::U16 => "u16",
            Self::U32 => "u32",
            Self::U64 => "u64",
            Self::F8E4M3 => "f8_e4m3",
            Self::F8E5M2 => "f8_e5m2",
        }
    }
}

impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl From<Dtype> for FileDtype {
    fn from(dtype: Dtype) -> Self {
        match dtype {
            Dtype::F64 => Self::F64,
            Dtype::F32 => Self::F32,
            Dtype::F16 => Self::F16,
            Dtype::Bf16 => Self::BF16,
            Dtype::I64 => Self::I64,
            Dtype::I32 => Self::I32,
            Dtype::I16 => Self::I16,
            Dtype::I8 => Self::I8,
            Dtype::U8 => Self::U8,
            Dtype::Bool => Self::BOOL,
            Dtype::U16 => Self::U16,
            Dtype::U32 => Self::U32,
            Dtype::U64 => Self::U64,
            Dtype::F8E4M3 => Self::F8_E4M3,
            Dtype::F8E5M2 => Self::F8_E5M2,
        }
    }
}

impl Dtype {
    /// The element type that a safetensors header calls `name`.
    pub(crate) fn of_file(name: &str) -> Result<Self, UnsupportedDtype> {
        // The names there are ours in capitals.
        let ours = Self::ALL.into_iter().find(|dtype| {
            name.eq_ignore_ascii_case(dtype.name()) && !name.contains(|c: char| c.is_lowercase())
        });
        // Text from a stranger, of any length.
        ours.ok_or_else(|| UnsupportedDtype(name.chars().take(24).collect()))
    }
}

impl TryFrom<FileDtype> for Dtype {
    type Error = UnsupportedDtype;

    fn try_from(dtype: FileDtype) -> Result<Self, Self::Error> {
        Self::of_file(&dtype.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use espalier_identity::canonical;

    #[test]
    fn integers_are_read_as_what_they_are() {
        assert_eq!(Dtype::I64.integer(&(-3_i64).to_le_bytes()), -3);
        assert_eq!(Dtype::U64.integer(&u64::MAX.to_le_bytes()), u64::MAX.into());
        assert_eq!(Dtype::I8.integer(&[0x80]), -128);
        assert_eq!(Dtype::U8.integer(&[0x80]), 128);
        assert_eq!(Dtype::Bool.integer(&[1]), 1);
    }

    #[test]
    fn text_binary_and_file_forms_agree() {
        for (index, dtype) in Dtype::ALL.into_iter().enumerate() {
            let text = serde_json::to_string(&dtype).expect("json");
            assert_eq!(text, format!("\"{dtype}\""));
            assert_eq!(serde_json::from_str::<Dtype>(&text).expect("parse"), dtype);
            assert_eq!(canonical::encode(&dtype), [index as u8]);
            let file = FileDtype::from(dtype);
            assert_eq!(file.bitsize(), 8 * dtype.size());
            assert_eq!(Dtype::of_file(&file.to_string()), Ok(dtype));
        }
        for name in ["F8_E8M0", "f8_e4m3", "F4", "f32", "Bf16", "", "X"] {
            let refused = Dtype::of_file(name).expect_err(name).to_string();
            assert!(refused.contains(name) && refused.contains("BF16, F8_E4M3"), "{refused}");
        }
    }
}
