//! Merge recipes: from text, or flags, to one checked step for each tensor.
//!
//! A [`Recipe`] is what the YAML of model mergers says, or a command line. With the names, types
//! and shapes of its models' tensors it becomes a [`MergePlan`]: for each tensor of the output, the
//! method, the inputs in their order, and every parameter. All that can be wrong is found on the
//! way, before any data is read, and says where in the recipe or in which tensor of which model.
//!
//! Pure: it reads no files and no tensor data. Text is bounded ([`MAX_TEXT`], [`MAX_DEPTH`],
//! [`MAX_NODES`]), and so is what slices pile up ([`MAX_LAYERS`]); it may come from strangers.
//!
//! # Parameters
//!
//! A value is a scalar; a list, whose values stand at equal distances from the first layer of the
//! slice to the last, with straight lines between numbers and steps between truth values; or a list
//! of `{filter, value}`, the first of which applies whose filter is part of the tensor's name (`*`
//! and none hold always). A slice of one layer is at the end of a list of values. Tensors of no
//! layer are at its beginning: embeddings with the first slice, norms and heads with the last.
//!
//! Parameters of one model are looked up at the source, the slice, the module and the top, and
//! their filters see the input's name; those of all models are looked up from the slice on, and see
//! the output's name. The registry says which are which; see
//! [`methods`](fn@espalier_resolve::methods).
//!
//! # Layers
//!
//! They are told from names. `model.layers.3.mlp.weight` is in layer 3 of `model.layers`: the first
//! segment that is a number, if with it the names count from 0 without a gap. A single layer counts
//! if the word before it is one for layers. What has `embed` in its name, or is called `wte` or
//! `wpe`, stands before the layers; all else that is in no layer stands after them.
//!
//! A tensor belongs to the module whose name is the longest beginning of its own, or else to the
//! module `default`, which is the only one if a recipe does not name modules.

mod build;
mod builder;
mod config;
mod error;
mod field;
mod layers;
mod note;
mod output_tensor;
mod parameter;
mod plan;
mod plan_error;
mod recipe;
mod words;
mod yaml;

pub use builder::{IntegerTensors, MissingTensors, PlanChoices};
pub use error::{RecipeError, RecipePlace};
pub use layers::{MAX_LAYERS, has_rows_of_tokens, is_embedding, is_head};
pub use note::RecipeNote;
pub use plan::{
    InputPlan, LayerRef, MergePlan, MergeStep, ModelRef, TensorPlan, TensorRef, TensorStep,
};
pub use plan_error::PlanError;
pub use recipe::{Recipe, VocabularyRule};
pub use yaml::{MAX_DEPTH, MAX_NODES, MAX_TEXT};

// What the examples and most callers need besides this crate.
pub use espalier_resolve::methods;
pub use espalier_tensor as tensor;

/// The program of the README, compiled and run by the tests of the documentation.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
