//! What can be wrong with a recipe for the models at hand.

use espalier_blame::Blame;
use espalier_resolve::StrategyError;
use espalier_tensor::Dtype;

use crate::{
    error::{RecipePlace, of_inputs},
    layers::MAX_LAYERS,
    plan::ModelRef,
};

/// A recipe does not fit its models. No data is read yet.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// The number of lists of tensors is not the number of models in the recipe.
    #[error("the recipe has {models} models, but tensors of {given} were given")]
    Models {
        /// Those of the recipe.
        models: usize,
        /// Those given.
        given: usize,
    },
    /// No tensor is left.
    #[error("no tensor is left to merge")]
    Empty,
    /// A model lacks a tensor that another one has.
    #[error("{model} has no tensor `{tensor}`, which {other} has")]
    Missing {
        /// The tensor, as it should be called there.
        tensor: String,
        /// The model.
        model: ModelRef,
        /// A model that has it.
        other: ModelRef,
    },
    /// Missing tensors are to be taken from the base, and the recipe has no base.
    #[error("missing tensors are to be taken from the base model, but the recipe has none")]
    MissingWithoutBase,
    /// Integers are to be the base's, and the recipe has no base.
    #[error("integers are to be taken from the base model, but the recipe has none")]
    IntegersWithoutBase,
    /// Integers are to be those of a model that is not there.
    #[error("integers were to come from model {}, but there are only {models} models", .model + 1)]
    IntegersOfNobody {
        /// The place of the model, from zero.
        model: usize,
        /// The number of models.
        models: usize,
    },
    /// Two models differ in the shape of a tensor.
    #[error(
        "tensor `{tensor}` is {:?} in {} and {:?} in {}{}", .shapes[0], .models[0], .shapes[1],
        .models[1], about_vocabulary(*.vocabulary)
    )]
    Shape {
        /// The tensor of the output.
        tensor: String,
        /// The models.
        models: Box<[ModelRef; 2]>,
        /// What each of them has.
        shapes: Box<[Vec<u64>; 2]>,
        /// Whether the models' vocabularies are of different sizes.
        vocabulary: bool,
    },
    /// Two models hold numbers of different kinds in a tensor that is not merged as floats.
    #[error(
        "tensor `{tensor}` is {} in {} and {} in {}", .dtypes[0], .models[0], .dtypes[1],
        .models[1]
    )]
    Dtype {
        /// The tensor of the output.
        tensor: String,
        /// The models.
        models: Box<[ModelRef; 2]>,
        /// What each of them has.
        dtypes: [Dtype; 2],
    },
    /// A slice extends past the last layer.
    #[error("{place} ends at layer {end}, but the layers of {model} end at {layers}")]
    LayerRange {
        /// The range.
        place: RecipePlace,
        /// Its end.
        end: u64,
        /// The model.
        model: ModelRef,
        /// How many layers it has.
        layers: u64,
    },
    /// Slices would make a model of more layers than are allowed.
    #[error("{place} would make a model of more than {MAX_LAYERS} layers")]
    TooManyLayers {
        /// The slice.
        place: RecipePlace,
    },
    /// Slices need models with one list of layers, which a module may choose.
    #[error(
        "{place} needs one list of layers, but {model} has {}", of_lists(.lists)
    )]
    LayerLists {
        /// The source.
        place: RecipePlace,
        /// The model.
        model: ModelRef,
        /// What stands before the layers' numbers, for each list.
        lists: Vec<String>,
    },
    /// A tensor belongs to no module of the recipe.
    #[error(
        "tensor `{tensor}` of {model} belongs to no module; the name of a module is the beginning \
         of its tensors' names, or `default` for all others"
    )]
    Module {
        /// The tensor.
        tensor: String,
        /// The model.
        model: ModelRef,
    },
    /// The base is an input, and was not listed as one.
    #[error(
        "`{method}` takes the base model {base} as an input, for which there is no `{parameter}`; \
         list it under `models` with one"
    )]
    BaseAsInput {
        /// The method.
        method: &'static str,
        /// The base.
        base: ModelRef,
        /// The missing parameter.
        parameter: &'static str,
    },
    /// A parameter of one tensor is missing or out of its range.
    #[error("tensor `{tensor}` of {model}: {error}")]
    Input {
        /// The tensor of the input.
        tensor: String,
        /// The input.
        model: ModelRef,
        /// The problem.
        error: Box<StrategyError>,
    },
    /// A parameter that all inputs of a tensor share is missing or out of its range.
    #[error("tensor `{tensor}`: {error}")]
    Shared {
        /// The tensor of the output.
        tensor: String,
        /// The problem.
        error: Box<StrategyError>,
    },
    /// Too few models have an optional tensor.
    #[error("tensor `{tensor}`: `{method}` merges {}, but {found} have it", of_inputs(*.wanted))]
    FewInputs {
        /// The tensor.
        tensor: String,
        /// The method.
        method: &'static str,
        /// How many it merges, at least and at most.
        wanted: (usize, usize),
        /// The number of inputs.
        found: usize,
    },
}

impl PlanError {
    /// Who has to act on this error.
    #[must_use]
    pub fn blame(&self) -> Blame {
        match self {
            Self::Input { error, .. } | Self::Shared { error, .. } => error.blame(),
            _ => Blame::Caller,
        }
    }

    /// A stable word for programs to tell this error from all others.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Models { .. } => "plan-models",
            Self::Empty => "plan-empty",
            Self::Missing { .. } => "plan-missing",
            Self::MissingWithoutBase => "plan-missing-without-base",
            Self::IntegersWithoutBase => "plan-integers-without-base",
            Self::IntegersOfNobody { .. } => "plan-integers-of-nobody",
            Self::Shape { .. } => "plan-shape",
            Self::Dtype { .. } => "plan-dtype",
            Self::LayerRange { .. } => "plan-layer-range",
            Self::TooManyLayers { .. } => "plan-too-many-layers",
            Self::LayerLists { .. } => "plan-layer-lists",
            Self::Module { .. } => "plan-module",
            Self::BaseAsInput { .. } => "plan-base-as-input",
            Self::Input { error, .. } | Self::Shared { error, .. } => error.code(),
            Self::FewInputs { .. } => "plan-few-inputs",
        }
    }
}

fn of_lists(lists: &[String]) -> String {
    match lists {
        [] => "none".to_owned(),
        lists => format!("`{}`; choose one by `modules`", lists.join("`, `")),
    }
}

fn about_vocabulary(vocabulary: bool) -> &'static str {
    match vocabulary {
        true => {
            ": their vocabularies have different sizes, and rows of one token in one model may be \
             another token's in the other; they are never cut or padded, but matched by token with \
             `tokenizer_source: base` or `union` (--vocab)"
        }
        false => "",
    }
}
