//! What a merge does, tensor by tensor.

use std::collections::BTreeMap;

use espalier_resolve::methods::Working;
use espalier_tensor::Dtype;
use serde::Serialize;

/// Everything that a merge has to do, in the order of the tensors' names.
#[derive(Debug, Clone, PartialEq)]
pub struct MergePlan {
    /// The models that are read, each once.
    pub models: Vec<ModelRef>,
    /// Which of them is the base.
    pub base: Option<usize>,
    /// One step for each tensor of the output, ascending by name.
    pub tensors: Vec<TensorPlan>,
    /// The layers of the output with those that each of them is merged of, where slices decide it.
    pub layers: Option<Vec<Vec<LayerRef>>>,
}

/// A layer of one of the models.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LayerRef {
    /// Index into [`MergePlan::models`].
    pub model: usize,
    /// Its number there.
    pub layer: usize,
}

/// A model, with an adapter if it has one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct ModelRef {
    /// Its file or folder.
    pub path: String,
    /// The folder of a low-rank adapter that is added to it first.
    pub adapter: Option<String>,
}

/// A tensor of the output.
#[derive(Debug, Clone, PartialEq)]
pub struct TensorPlan {
    /// The tensor's name.
    pub name: String,
    /// Sizes of its dimensions.
    pub shape: Vec<u64>,
    /// Where it comes from.
    pub step: TensorStep,
}

/// How a tensor of the output is made.
#[derive(Debug, Clone, PartialEq)]
pub enum TensorStep {
    /// Copied as stored: integers and booleans, which have to be the same in all inputs.
    Copy {
        /// The tensor that is copied.
        from: TensorRef,
        /// Those that have to be equal to it.
        others: Vec<TensorRef>,
    },
    /// Merged.
    Merge(MergeStep),
}

/// How a tensor is merged.
#[derive(Debug, Clone, PartialEq)]
pub struct MergeStep {
    /// The method's name in the registry.
    pub method: &'static str,
    /// Its shared parameters, checked and complete.
    pub shared: BTreeMap<String, String>,
    /// The inputs, in the order in which they are merged.
    pub inputs: Vec<InputPlan>,
    /// The tensor that differences are taken from. It is not an input.
    pub base: Option<TensorRef>,
    /// The arithmetic.
    pub work: Working,
    /// The element type of the output.
    pub out: Dtype,
}

/// An input of a merged tensor.
#[derive(Debug, Clone, PartialEq)]
pub struct InputPlan {
    /// The tensor.
    pub tensor: TensorRef,
    /// Its own parameters, checked and complete.
    pub parameters: BTreeMap<String, String>,
}

/// A tensor of one of the models.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorRef {
    /// Index into [`MergePlan::models`].
    pub model: usize,
    /// Its name there.
    pub name: String,
}
