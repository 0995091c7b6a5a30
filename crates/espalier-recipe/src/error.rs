//! What can be wrong with a recipe.

use core::fmt;

use espalier_blame::{Blame, did_you_mean};
use espalier_resolve::StrategyError;

use crate::plan::ModelRef;

/// Where something stands in a recipe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecipePlace {
    /// Keys from the top, `models[1].parameters.weight`.
    pub path: String,
    /// The line of the text, from 1; `None` if the recipe did not come from a text.
    pub line: Option<usize>,
}

impl fmt::Display for RecipePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.as_str() {
            "" => f.write_str("the recipe")?,
            path => write!(f, "`{path}`")?,
        }
        self.line.map_or(Ok(()), |line| write!(f, " (line {line})"))
    }
}

/// A recipe cannot be used. Nothing is read or written yet.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecipeError {
    /// The text is not YAML, or uses a part of YAML that recipes do not have.
    #[error("line {line}, column {column}: {problem}")]
    Yaml {
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
        /// The problem.
        problem: String,
    },
    /// The text is larger than a recipe may be.
    #[error("the recipe has more than {limit} {what}, aliases replaced")]
    TooLarge {
        /// The items of which there are too many.
        what: &'static str,
        /// How much there may be.
        limit: usize,
    },
    /// A value is of the wrong kind, such as a list in place of a text.
    #[error("{place} must be {wanted}, not {found}")]
    Kind {
        /// The place in the recipe.
        place: RecipePlace,
        /// The kind that is expected.
        wanted: &'static str,
        /// What is there.
        found: &'static str,
    },
    /// A key is not known at its place.
    #[error("{place} is not a known key{}; known here: {known}", did_you_mean(*.suggestion))]
    UnknownKey {
        /// Where, the key included.
        place: RecipePlace,
        /// The known key whose name is nearest, if one is near.
        suggestion: Option<&'static str>,
        /// The keys there are.
        known: String,
    },
    /// A required key is missing.
    #[error("{place} has no `{key}`")]
    MissingKey {
        /// Where it should be.
        place: RecipePlace,
        /// The key.
        key: &'static str,
    },
    /// A part of model mergers' YAML that Espalier does not support.
    #[error("{place} is not supported: {reason}")]
    Unsupported {
        /// The place in the recipe.
        place: RecipePlace,
        /// The alternative.
        reason: &'static str,
    },
    /// Exactly one of these keys has to be given.
    #[error("{place} needs exactly one of {keys}")]
    OneOf {
        /// The place in the recipe.
        place: RecipePlace,
        /// The keys.
        keys: &'static str,
    },
    /// A value is out of its range.
    #[error("{place} is `{value}`, but must be {wanted}")]
    Value {
        /// The place in the recipe.
        place: RecipePlace,
        /// What is there.
        value: String,
        /// The values that are allowed.
        wanted: String,
    },
    /// A method or one of its parameters is unknown, or a value is out of its range.
    #[error("{place}: {error}")]
    Method {
        /// The place in the recipe.
        place: RecipePlace,
        /// The problem.
        error: Box<StrategyError>,
    },
    /// A parameter that all models share is given for one of them.
    #[error(
        "{place}: `{parameter}` of `{method}` is shared by all models and cannot be set for one"
    )]
    NotPerModel {
        /// The place in the recipe.
        place: RecipePlace,
        /// The parameter.
        parameter: &'static str,
        /// The method.
        method: &'static str,
    },
    /// The method needs a base model.
    #[error("`{method}` merges differences from a base model, but none is given")]
    BaseNeeded {
        /// The method.
        method: &'static str,
    },
    /// A slice lacks the base model.
    #[error("{place} lacks the base model {base}, which must be among the sources of each slice")]
    BaseNotInSlice {
        /// The sources.
        place: RecipePlace,
        /// The base.
        base: ModelRef,
    },
    /// A model is listed twice.
    #[error("{place}: {model} is listed twice")]
    Twice {
        /// Where it stands again.
        place: RecipePlace,
        /// The model.
        model: ModelRef,
    },
    /// Too few or too many models for the method.
    #[error("{place}: `{method}` merges {}, not {found}", of_inputs(*.wanted))]
    Inputs {
        /// Where they are listed.
        place: RecipePlace,
        /// The method.
        method: &'static str,
        /// How many it merges, at least and at most.
        wanted: (usize, usize),
        /// The number of inputs.
        found: usize,
    },
    /// Sources of one slice have different numbers of layers.
    #[error(
        "{place} takes {found} of its model's layers, but the first source of the slice takes \
         {first}"
    )]
    LayerCounts {
        /// The source that differs.
        place: RecipePlace,
        /// Its number of layers.
        found: u64,
        /// That of the first source.
        first: u64,
    },
    /// The number of weights is not the number of models.
    #[error("the number of weights is {weights}, but the number of models is {models}")]
    Weights {
        /// The number of weights.
        weights: usize,
        /// The number of models.
        models: usize,
    },
}

impl RecipeError {
    /// Who has to act on this error.
    #[must_use]
    pub fn blame(&self) -> Blame {
        match self {
            Self::Method { error, .. } => error.blame(),
            _ => Blame::Caller,
        }
    }

    /// The place of the error, so that programs can rename it to what their users wrote.
    pub fn place_mut(&mut self) -> Option<&mut RecipePlace> {
        match self {
            Self::Kind { place, .. }
            | Self::UnknownKey { place, .. }
            | Self::MissingKey { place, .. }
            | Self::Unsupported { place, .. }
            | Self::OneOf { place, .. }
            | Self::Value { place, .. }
            | Self::Method { place, .. }
            | Self::NotPerModel { place, .. }
            | Self::BaseNotInSlice { place, .. }
            | Self::Twice { place, .. }
            | Self::Inputs { place, .. }
            | Self::LayerCounts { place, .. } => Some(place),
            Self::Yaml { .. }
            | Self::TooLarge { .. }
            | Self::BaseNeeded { .. }
            | Self::Weights { .. } => None,
        }
    }

    /// A stable word for programs to tell this error from all others.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Yaml { .. } => "recipe-yaml",
            Self::TooLarge { .. } => "recipe-too-large",
            Self::Kind { .. } => "recipe-kind",
            Self::UnknownKey { .. } => "recipe-key-unknown",
            Self::MissingKey { .. } => "recipe-key-missing",
            Self::Unsupported { .. } => "recipe-unsupported",
            Self::OneOf { .. } => "recipe-one-of",
            Self::Value { .. } => "recipe-value",
            Self::Method { error, .. } => error.code(),
            Self::NotPerModel { .. } => "recipe-not-per-model",
            Self::BaseNeeded { .. } => "recipe-base-needed",
            Self::BaseNotInSlice { .. } => "recipe-base-not-in-slice",
            Self::Twice { .. } => "recipe-model-twice",
            Self::Inputs { .. } => "recipe-inputs",
            Self::LayerCounts { .. } => "recipe-layer-counts",
            Self::Weights { .. } => "recipe-weights",
        }
    }
}

/// As much of a text from a stranger as a message shows.
pub(crate) fn clip(text: &str) -> String {
    const SHOWN: usize = 64;
    let mut shown: String = text.chars().take(SHOWN).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

pub(crate) fn of_inputs((least, most): (usize, usize)) -> String {
    match (least, most) {
        (1, 1) => "one model".to_owned(),
        (least, most) if least == most => format!("{least} models"),
        (1, usize::MAX) => "one model or more".to_owned(),
        (least, usize::MAX) => format!("{least} models or more"),
        (least, most) => format!("{least} to {most} models"),
    }
}
