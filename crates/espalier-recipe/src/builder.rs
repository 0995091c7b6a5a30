//! What a plan is made from: a recipe with its models' tensors.

use std::collections::BTreeMap;

use espalier_tensor::TensorShape;

use crate::{plan::ModelRef, recipe::Recipe};

/// What to do about a tensor that some models have and others lack. Heads are never missing: see
/// [`Recipe::plan`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum MissingTensors {
    /// Refuse.
    #[default]
    Error,
    /// Merge what all models have, and leave the rest out.
    Intersection,
    /// Use the base model's tensor in its place.
    Base,
}

/// The recipe with its models' tensors by name.
#[derive(Debug)]
pub(crate) struct Builder<'a> {
    pub(crate) recipe: &'a Recipe,
    pub(crate) models: &'a [ModelRef],
    pub(crate) index: BTreeMap<&'a ModelRef, usize>,
    pub(crate) tensors: Vec<BTreeMap<&'a str, &'a TensorShape>>,
    pub(crate) missing: MissingTensors,
}
