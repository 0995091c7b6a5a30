//! What a model consists of, without its bytes.

use espalier_blame::Blame;
use std::sync::Arc;

use espalier_identity::{Digest, Domain, bounded};
use serde::{Deserialize, Deserializer, Serialize};

use crate::dtype::Dtype;

static MANIFEST: Domain = Domain::new("espalier tensor manifest root v1");
static SCHEMA: Domain = Domain::new("espalier tensor manifest schema v1");

/// The longest name a tensor may have, in bytes.
pub const MAX_NAME_BYTES: usize = 512;
/// The largest number of dimensions.
pub const MAX_RANK: usize = 8;
/// The largest number of tensors in a model.
pub const MAX_TENSORS: usize = 65_536;

/// One tensor: its name, element type, shape and the address of its bytes.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
pub struct TensorMeta {
    /// Unique within a model; at most [`MAX_NAME_BYTES`] bytes.
    pub name: String,
    /// Element type.
    pub dtype: Dtype,
    /// Sizes of the dimensions, slowest first; empty for a scalar; zeros are allowed. Of more than
    /// [`MAX_RANK`] nothing is read: a size can be eight times as long in memory as in bytes.
    #[serde(deserialize_with = "bounded::list::<_, _, MAX_RANK>")]
    pub shape: Vec<u64>,
    /// BLAKE3 of the elements in row-major order, little-endian.
    pub content: Digest,
}

impl TensorMeta {
    /// The number of elements the shape has; `None` when that does not fit 64 bits.
    #[must_use]
    pub fn elements(&self) -> Option<u64> {
        elements(&self.shape)
    }

    /// The number of bytes the elements take; `None` when that does not fit 64 bits.
    #[must_use]
    pub fn byte_len(&self) -> Option<u64> {
        byte_len(self.dtype, &self.shape)
    }
}

/// The product of a shape, zero if any dimension is zero; `None` on overflow.
pub(crate) fn elements(shape: &[u64]) -> Option<u64> {
    if shape.contains(&0) {
        return Some(0);
    }
    shape.iter().try_fold(1_u64, |product, &size| product.checked_mul(size))
}

pub(crate) fn byte_len(dtype: Dtype, shape: &[u64]) -> Option<u64> {
    elements(shape)?.checked_mul(dtype.size() as u64)
}

/// The tensors of a model in ascending order of their names.
///
/// Deserialising validates nothing but ranks: a peer may sign a bad manifest, and what it signed
/// must be readable to be evidence. [`Manifest::check`] says whether it is well formed; everything
/// that comes from [`Manifest::new`] is.
///
/// Cloning is cheap (shared storage).
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug, Default)]
#[serde(transparent)]
pub struct Manifest(#[serde(deserialize_with = "read")] Arc<Vec<TensorMeta>>);

/// Reads tensors in little more memory than they take.
fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<Vec<TensorMeta>>, D::Error> {
    bounded::list::<_, _, { usize::MAX }>(deserializer).map(Arc::new)
}

/// What is wrong with a manifest: the fault of its author. Nothing is changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// Names must be strictly ascending.
    #[error("tensor `{second}` follows `{first}`; names must be unique and in ascending order")]
    Order {
        /// The earlier name.
        first: String,
        /// The later one, which is not greater.
        second: String,
    },
    /// A name is longer than [`MAX_NAME_BYTES`].
    #[error("a tensor name has {bytes} bytes; at most {MAX_NAME_BYTES} are allowed")]
    NameTooLong {
        /// Its length.
        bytes: usize,
    },
    /// A shape has more than [`MAX_RANK`] dimensions.
    #[error("tensor `{tensor}` has {rank} dimensions; at most {MAX_RANK} are allowed")]
    Rank {
        /// The tensor.
        tensor: String,
        /// The number of dimensions it has.
        rank: usize,
    },
    /// The number of bytes, of this tensor or of all tensors up to it, does not fit 64 bits.
    #[error("the size of tensor `{tensor}`, or of all tensors up to it, does not fit 64 bits")]
    Overflow {
        /// The tensor.
        tensor: String,
    },
    /// There are more than [`MAX_TENSORS`] tensors.
    #[error("a model has {count} tensors; at most {MAX_TENSORS} are allowed")]
    TooMany {
        /// The number of them.
        count: usize,
    },
}

impl ManifestError {
    /// Who has to act on this error.
    #[must_use]
    pub fn blame(&self) -> Blame {
        Blame::Peer
    }

    /// A stable word for programs to tell this error from all others.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Order { .. } => "manifest-order",
            Self::NameTooLong { .. } => "manifest-name",
            Self::Rank { .. } => "manifest-rank",
            Self::Overflow { .. } => "manifest-overflow",
            Self::TooMany { .. } => "manifest-tensors",
        }
    }
}

impl Manifest {
    /// A manifest of `tensors`, sorted by name.
    ///
    /// # Errors
    /// [`ManifestError`] if a limit is exceeded or a name occurs twice.
    pub fn new(mut tensors: Vec<TensorMeta>) -> Result<Self, ManifestError> {
        tensors.sort_by(|a, b| a.name.cmp(&b.name));
        let manifest = Self(Arc::new(tensors));
        manifest.check()?;
        Ok(manifest)
    }

    /// A manifest of these tensors in this order, whatever they are: as deserialising makes one.
    #[must_use]
    pub fn unchecked(tensors: Vec<TensorMeta>) -> Self {
        Self(Arc::new(tensors))
    }

    /// Whether the manifest is well formed: names strictly ascending and at most
    /// [`MAX_NAME_BYTES`] long, at most [`MAX_RANK`] dimensions and [`MAX_TENSORS`] tensors, and
    /// no size that overflows.
    ///
    /// # Errors
    /// The first [`ManifestError`] in that order, tensor by tensor.
    pub fn check(&self) -> Result<(), ManifestError> {
        if self.0.len() > MAX_TENSORS {
            return Err(ManifestError::TooMany { count: self.0.len() });
        }
        let mut before: Option<&TensorMeta> = None;
        let mut total = 0_u64;
        for tensor in self.0.iter() {
            check_name_and_rank(&tensor.name, &tensor.shape)?;
            if let Some(before) = before.filter(|before| before.name >= tensor.name) {
                let (first, second) = (before.name.clone(), tensor.name.clone());
                return Err(ManifestError::Order { first, second });
            }
            total = tensor
                .byte_len()
                .and_then(|bytes| total.checked_add(bytes))
                .ok_or_else(|| ManifestError::Overflow { tensor: tensor.name.clone() })?;
            before = Some(tensor);
        }
        Ok(())
    }

    /// The tensors, in manifest order.
    #[must_use]
    pub fn tensors(&self) -> &[TensorMeta] {
        &self.0
    }

    /// Where the tensor called `name` stands, in O(log n).
    #[must_use]
    pub fn position(&self, name: &str) -> Option<usize> {
        self.0.binary_search_by(|tensor| tensor.name.as_str().cmp(name)).ok()
    }

    /// The identity of the model: a hash of every name, element type, shape and content.
    /// Cost: one hash of the canonical bytes (about 50 bytes a tensor plus names).
    #[must_use]
    pub fn root(&self) -> Digest {
        MANIFEST.hash_of(self).0
    }

    /// The identity of the model's layout: as [`Manifest::root`], without contents. Models can
    /// be merged when their schemas are equal.
    #[must_use]
    pub fn schema(&self) -> Digest {
        let layout: Vec<_> = self.0.iter().map(|t| (&t.name, t.dtype, &t.shape)).collect();
        SCHEMA.hash_of(&layout).0
    }

    /// Elements of all tensors (saturating for a manifest that fails [`Manifest::check`]).
    #[must_use]
    pub fn elements(&self) -> u64 {
        self.sum(|_| true, TensorMeta::elements)
    }

    /// Elements of the floating-point tensors (saturating, as above).
    #[must_use]
    pub fn float_elements(&self) -> u64 {
        self.sum(|tensor| tensor.dtype.is_float(), TensorMeta::elements)
    }

    /// Bytes of all tensors (saturating, as above).
    #[must_use]
    pub fn byte_len(&self) -> u64 {
        self.sum(|_| true, TensorMeta::byte_len)
    }

    fn sum(
        &self,
        which: impl Fn(&TensorMeta) -> bool,
        size: impl Fn(&TensorMeta) -> Option<u64>,
    ) -> u64 {
        let sizes = self.0.iter().filter(|t| which(t)).map(|t| size(t).unwrap_or(u64::MAX));
        sizes.fold(0, u64::saturating_add)
    }
}

pub(crate) fn check_name_and_rank(name: &str, shape: &[u64]) -> Result<(), ManifestError> {
    if name.len() > MAX_NAME_BYTES {
        return Err(ManifestError::NameTooLong { bytes: name.len() });
    }
    if shape.len() > MAX_RANK {
        return Err(ManifestError::Rank { tensor: name.to_owned(), rank: shape.len() });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use espalier_identity::canonical;

    fn meta(name: &str, dtype: Dtype, shape: &[u64]) -> TensorMeta {
        TensorMeta { name: name.into(), dtype, shape: shape.into(), content: Digest::ZERO }
    }

    #[test]
    fn sorted_checked_and_hashed() {
        let manifest = Manifest::new(vec![
            meta("b", Dtype::I64, &[]),
            meta("a", Dtype::Bf16, &[2, 3]),
            meta("c", Dtype::F32, &[0, u64::MAX, 9]),
        ])
        .expect("well formed");
        assert_eq!(manifest.position("b"), Some(1));
        assert_eq!((manifest.elements(), manifest.float_elements()), (7, 6));
        assert_eq!(manifest.byte_len(), 20);
        let mut other = manifest.tensors().to_vec();
        other[0].content = Digest::of_content(b"x");
        let other = Manifest::new(other).expect("well formed");
        assert_eq!(manifest.schema(), other.schema());
        assert_ne!(manifest.root(), other.root());
    }

    #[test]
    fn bad_manifests_deserialise_and_fail_the_check() {
        let cases = [
            vec![meta("b", Dtype::F32, &[1]), meta("a", Dtype::F32, &[1])],
            vec![meta("a", Dtype::F32, &[1]), meta("a", Dtype::F32, &[1])],
            vec![meta("a", Dtype::F32, &[u64::MAX, 2])],
            vec![meta("a", Dtype::F64, &[1 << 61])],
            vec![meta("a", Dtype::U8, &[u64::MAX]), meta("b", Dtype::U8, &[1])],
            vec![meta(&"n".repeat(MAX_NAME_BYTES + 1), Dtype::F32, &[1])],
        ];
        for tensors in cases {
            let bytes = canonical::encode(&tensors);
            let read: Manifest = canonical::decode(&bytes).expect("readable, as evidence");
            assert_eq!(canonical::encode(&read), bytes);
            assert!(read.check().is_err(), "{tensors:?}");
        }
        // Whoever reads would need eight times the memory.
        let wide = vec![meta("a", Dtype::F32, &[1; MAX_RANK + 1])];
        assert!(canonical::decode::<Manifest>(&canonical::encode(&wide)).is_err());
        assert!(matches!(Manifest::new(wide), Err(ManifestError::Rank { .. })));
        let many = (0..=MAX_TENSORS).map(|i| meta(&i.to_string(), Dtype::U8, &[0])).collect();
        let too_many = ManifestError::TooMany { count: MAX_TENSORS + 1 };
        assert_eq!(Manifest::new(many), Err(too_many));
    }
}
