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

/// Which model integer and boolean tensors are taken from: counters, masks, positions. They are
/// never averaged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum IntegerTensors {
    /// All models have to have the same.
    #[default]
    Same,
    /// The base's.
    Base,
    /// Those of the model at this place of [`Recipe::models`].
    Model(usize),
}

/// What a plan needs to know besides the recipe.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PlanChoices {
    /// The rule for tensors that a model lacks.
    pub missing: MissingTensors,
    /// The model whose integers are taken.
    pub integers: IntegerTensors,
}

impl From<MissingTensors> for PlanChoices {
    fn from(missing: MissingTensors) -> Self {
        Self { missing, ..Self::default() }
    }
}

/// The recipe with its models' tensors by name.
#[derive(Debug)]
pub(crate) struct Builder<'a> {
    pub(crate) recipe: &'a Recipe,
    pub(crate) models: &'a [ModelRef],
    pub(crate) index: BTreeMap<&'a ModelRef, usize>,
    pub(crate) tensors: Vec<BTreeMap<&'a str, &'a TensorShape>>,
    pub(crate) missing: MissingTensors,
    pub(crate) integers: IntegerTensors,
}
