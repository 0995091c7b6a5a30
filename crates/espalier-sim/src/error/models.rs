//! What is wrong with models that a run is to merge: the place and the value.

use espalier_replica::{Arena, Bound};
use espalier_tensor::{Dtype, Model, read_f64};
use std::fmt;
use std::path::PathBuf;

/// An element that no honest node can contribute: not finite, or greater in magnitude than the
/// greatest f32.
#[derive(Debug, Clone, PartialEq)]
pub struct BadElement {
    /// The tensor.
    pub tensor: String,
    /// Which of its elements, from 0, in row-major order.
    pub element: u64,
    /// What it is.
    pub value: f64,
}

impl BadElement {
    /// The first one of a model, by tensor name and then by element. Cost: one pass over the data.
    #[must_use]
    pub fn first_of(model: &Model) -> Option<Self> {
        Self::first_in(model, &Arena::default())
    }

    /// The same; the arena remembers the magnitudes, so that signing need not look again.
    pub(crate) fn first_in(model: &Model, arena: &Arena) -> Option<Self> {
        let (tensor, element) = arena.first_beyond(model, Bound::MAX)?;
        let meta = model.meta(tensor);
        let size = meta.dtype.size();
        let bytes = &model.content(tensor)[element * size..(element + 1) * size];
        let mut value = [0.0];
        read_f64(meta.dtype, bytes, &mut value);
        Some(Self { tensor: meta.name.clone(), element: element as u64, value: value[0] })
    }
}

impl fmt::Display for BadElement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tensor, element, value } = self;
        write!(f, "element {element} of tensor `{tensor}` is ")?;
        if value.is_nan() {
            f.write_str("NaN; honest nodes contribute finite numbers only")
        } else if value.is_infinite() {
            let sign = if *value < 0.0 { "-" } else { "" };
            write!(f, "{sign}infinity; honest nodes contribute finite numbers only (a mask can ")?;
            f.write_str("hold the lowest finite number)")
        } else {
            write!(f, "{value:e}; honest nodes contribute numbers up to {:e}", f32::MAX)
        }
    }
}

/// Integers that are not the same in two models, which no rule is there to merge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DifferentIntegers {
    /// The tensor.
    pub tensor: String,
    /// Its element type.
    pub dtype: Dtype,
    /// The first element that differs, from 0, in row-major order.
    pub element: u64,
    /// A model, or the base, and its value there.
    pub first: (PathBuf, i128),
    /// A model that differs from it, and its value there.
    pub second: (PathBuf, i128),
    /// Whether there is a base model.
    pub base: bool,
}

impl fmt::Display for DifferentIntegers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tensor, dtype, element, first, second, base } = self;
        write!(f, "tensor `{tensor}` ({dtype}) is not the same in all models: element {element} ")?;
        let [first, second] = [first, second].map(|(file, value)| (file.display(), value));
        write!(f, "is {} in {} and {} in {}; ", first.1, first.0, second.1, second.0)?;
        if *base {
            f.write_str("`base` would keep the base model's, ")?;
        }
        f.write_str("`mean` would take the rounded mean")
    }
}
