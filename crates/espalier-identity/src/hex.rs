//! Lower-case hexadecimal text for byte arrays: `Display`, `FromStr` and serde in one place.

use data_encoding::HEXLOWER;
use espalier_blame::Blame;

/// Text that is not the lower-case hexadecimal form of the expected number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected} lower-case hexadecimal digits")]
pub struct HexError {
    /// The number of digits of the value.
    pub expected: usize,
}

impl HexError {
    /// Who has to act on this error.
    #[must_use]
    pub fn blame(&self) -> Blame {
        Blame::Caller
    }

    /// A stable word for programs to tell this error from all others.
    #[must_use]
    pub fn code(&self) -> &'static str {
        "hex"
    }
}

/// Reads exactly `N` bytes from `2 N` lower-case hexadecimal digits.
///
/// # Errors
/// [`HexError`] for any other text, upper-case digits included: one value, one spelling.
pub fn from_hex<const N: usize>(text: &str) -> Result<[u8; N], HexError> {
    let error = HexError { expected: 2 * N };
    let mut out = [0; N];
    if text.len() != 2 * N || HEXLOWER.decode_mut(text.as_bytes(), &mut out).is_err() {
        return Err(error);
    }
    Ok(out)
}

pub(crate) fn to_hex(bytes: &[u8]) -> String {
    HEXLOWER.encode(bytes)
}

/// Gives a newtype over `[u8; N]` its text form and serde in both worlds: text for
/// human-readable formats, raw bytes without a length for binary ones.
macro_rules! hex_newtype {
    ($name:ident, $n:literal) => {
        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str(&$crate::hex::to_hex(self.as_bytes()))
            }
        }

        impl core::fmt::Debug for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                write!(f, "{}({})", stringify!($name), self.short())
            }
        }

        impl core::str::FromStr for $name {
            type Err = $crate::HexError;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                $crate::from_hex::<$n>(text).map(Self::from_bytes)
            }
        }

        impl $name {
            /// The first eight hexadecimal digits, for people.
            #[must_use]
            pub fn short(&self) -> String {
                $crate::hex::to_hex(&self.as_bytes()[..4])
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() {
                    serializer.collect_str(self)
                } else {
                    use serde::ser::SerializeTuple;
                    let mut tuple = serializer.serialize_tuple($n)?;
                    for byte in self.as_bytes() {
                        tuple.serialize_element(byte)?;
                    }
                    tuple.end()
                }
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(de: D) -> Result<Self, D::Error> {
                struct Visitor;
                impl<'de> serde::de::Visitor<'de> for Visitor {
                    type Value = [u8; $n];
                    fn expecting(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                        write!(f, "{} bytes", $n)
                    }
                    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<[u8; $n], E> {
                        $crate::from_hex(text).map_err(E::custom)
                    }
                    fn visit_seq<A: serde::de::SeqAccess<'de>>(
                        self,
                        mut seq: A,
                    ) -> Result<[u8; $n], A::Error> {
                        let mut out = [0; $n];
                        for (i, byte) in out.iter_mut().enumerate() {
                            *byte = seq
                                .next_element()?
                                .ok_or_else(|| serde::de::Error::invalid_length(i, &self))?;
                        }
                        Ok(out)
                    }
                }
                if de.is_human_readable() {
                    de.deserialize_str(Visitor).map($name::from_bytes)
                } else {
                    de.deserialize_tuple($n, Visitor).map($name::from_bytes)
                }
            }
        }
    };
}
pub(crate) use hex_newtype;
