//! Whether two models have the same layout, from names, element types and shapes alone.

use core::{cmp::Ordering, fmt};
use espalier_blame::Blame;

use espalier_identity::Digest;

use crate::{
    dtype::Dtype,
    manifest::{Manifest, TensorMeta},
    model::Model,
};

/// A tensor's layout: what a file's header says about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorShape {
    /// The tensor's name.
    pub name: String,
    /// Its element type.
    pub dtype: Dtype,
    /// Sizes of its dimensions.
    pub shape: Vec<u64>,
}

impl TensorShape {
    /// The same with the digest of nothing known.
    pub(crate) fn without_content(&self) -> TensorMeta {
        let Self { name, dtype, shape } = self.clone();
        TensorMeta { name, dtype, shape, content: Digest::ZERO }
    }
}

impl From<&TensorMeta> for TensorShape {
    fn from(meta: &TensorMeta) -> Self {
        Self { name: meta.name.clone(), dtype: meta.dtype, shape: meta.shape.clone() }
    }
}

/// Something with named tensors in strictly ascending order of their names.
pub trait Schema {
    /// Name, element type and shape of each tensor, ascending by name.
    fn layout(&self) -> impl Iterator<Item = (&str, Dtype, &[u64])>;
}

impl Schema for [TensorShape] {
    fn layout(&self) -> impl Iterator<Item = (&str, Dtype, &[u64])> {
        self.iter().map(|t| (t.name.as_str(), t.dtype, t.shape.as_slice()))
    }
}

impl Schema for Manifest {
    fn layout(&self) -> impl Iterator<Item = (&str, Dtype, &[u64])> {
        self.tensors().iter().map(|t| (t.name.as_str(), t.dtype, t.shape.as_slice()))
    }
}

impl Schema for Model {
    fn layout(&self) -> impl Iterator<Item = (&str, Dtype, &[u64])> {
        self.manifest.layout()
    }
}

/// One side of a [`Mismatch`]: the tensor's element type and shape, or `None` if it is missing.
pub type Side = Option<(Dtype, Vec<u64>)>;

/// The first tensor in which two layouts differ.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "tensor `{tensor}` is {} in the first model and {} in the second",
    Show(.left), Show(.right)
)]
pub struct Mismatch {
    /// The tensor's name.
    pub tensor: String,
    /// What the first model has.
    pub left: Side,
    /// What the second model has.
    pub right: Side,
}

impl Mismatch {
    /// Who has to act on this error.
    #[must_use]
    pub fn blame(&self) -> Blame {
        Blame::Peer
    }

    /// A stable word for programs to tell this error from all others.
    #[must_use]
    pub fn code(&self) -> &'static str {
        "layout-mismatch"
    }
}

struct Show<'a>(&'a Side);

impl fmt::Display for Show<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some((dtype, shape)) => write!(f, "{dtype} {shape:?}"),
            None => f.write_str("missing"),
        }
    }
}

/// The first tensor, by name, that `a` and `b` do not both have with the same element type and
/// shape; `None` if the layouts are equal. O(tensors), and no tensor data is read.
///
/// ```
/// use espalier_tensor::{Model, schema_mismatch};
/// let a = Model::from_f32(&[("w", &[2], &[1.0, 2.0])])?;
/// let b = Model::from_f32(&[("w", &[1, 2], &[1.0, 2.0])])?;
/// assert_eq!(schema_mismatch(&a, &a), None);
/// assert_eq!(
///     schema_mismatch(&a, &b).expect("shapes differ").to_string(),
///     "tensor `w` is f32 [2] in the first model and f32 [1, 2] in the second"
/// );
/// # Ok::<(), espalier_tensor::TensorError>(())
/// ```
pub fn schema_mismatch<A, B>(a: &A, b: &B) -> Option<Mismatch>
where
    A: Schema + ?Sized,
    B: Schema + ?Sized,
{
    let (mut left, mut right) = (a.layout().peekable(), b.layout().peekable());
    let side = |dtype: Dtype, shape: &[u64]| Some((dtype, shape.to_vec()));
    loop {
        let order = match (left.peek(), right.peek()) {
            (None, None) => return None,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(l), Some(r)) => l.0.cmp(r.0),
        };
        let l = if order.is_le() { left.next() } else { None };
        let r = if order.is_ge() { right.next() } else { None };
        if l != r {
            let tensor = l.or(r).map(|t| t.0.to_owned())?;
            let (left, right) = (l.and_then(|t| side(t.1, t.2)), r.and_then(|t| side(t.1, t.2)));
            return Some(Mismatch { tensor, left, right });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shapes(list: &[(&str, Dtype, &[u64])]) -> Vec<TensorShape> {
        let shape = |&(name, dtype, shape): &(&str, Dtype, &[u64])| TensorShape {
            name: name.to_owned(),
            dtype,
            shape: shape.to_vec(),
        };
        list.iter().map(shape).collect()
    }

    #[test]
    fn names_the_first_difference_and_both_sides() {
        let base = shapes(&[("a", Dtype::F32, &[2]), ("c", Dtype::F32, &[])]);
        let find = |other: &[TensorShape]| schema_mismatch(base.as_slice(), other);
        assert_eq!(find(&base), None);
        let missing = find(&base[1..]).expect("a is missing");
        assert_eq!((missing.tensor.as_str(), missing.right), ("a", None));
        let (a, b) = (("a", Dtype::F32, &[2][..]), ("b", Dtype::U8, &[][..]));
        let extra = find(&shapes(&[a, b, ("c", Dtype::F32, &[])])).expect("b is extra");
        assert_eq!((extra.tensor.as_str(), &extra.left), ("b", &None));
        let dtype = find(&shapes(&[("a", Dtype::F16, &[2])])).expect("a differs");
        assert_eq!(
            dtype.to_string(),
            "tensor `a` is f32 [2] in the first model and f16 [2] in the second"
        );
    }
}
