//! Small models to make plans for, and ways to look at plans.

use espalier_recipe::{
    InputPlan, MergePlan, MergeStep, MissingTensors, PlanError, Recipe, TensorPlan, TensorStep,
};
use espalier_tensor::{Dtype, TensorShape};

pub(crate) fn tensor(name: &str, dtype: Dtype, shape: &[u64]) -> TensorShape {
    TensorShape { name: name.to_owned(), dtype, shape: shape.to_vec() }
}

/// Embedding, layers of two matrices each, norm and head.
pub(crate) fn model(layers: u64) -> Vec<TensorShape> {
    let of_layer = |i| {
        ["mlp.up", "self_attn.q"]
            .map(|part| tensor(&format!("model.layers.{i}.{part}.weight"), Dtype::F32, &[4, 4]))
    };
    let outside = [
        tensor("lm_head.weight", Dtype::F32, &[8, 4]),
        tensor("model.embed_tokens.weight", Dtype::F32, &[8, 4]),
        tensor("model.norm.weight", Dtype::F32, &[4]),
    ];
    (0..layers).flat_map(of_layer).chain(outside).collect()
}

pub(crate) fn without(model: Vec<TensorShape>, part: &str) -> Vec<TensorShape> {
    model.into_iter().filter(|tensor| !tensor.name.contains(part)).collect()
}

pub(crate) fn of_type(mut model: Vec<TensorShape>, dtype: Dtype) -> Vec<TensorShape> {
    model.iter_mut().for_each(|tensor| tensor.dtype = dtype);
    model
}

pub(crate) fn recipe(text: &str) -> Recipe {
    Recipe::from_yaml(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

pub(crate) fn try_plan(text: &str, models: &[Vec<TensorShape>]) -> Result<MergePlan, PlanError> {
    recipe(text).plan(models, MissingTensors::Error)
}

pub(crate) fn plan(text: &str, models: &[Vec<TensorShape>]) -> MergePlan {
    try_plan(text, models).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

pub(crate) fn names(plan: &MergePlan) -> Vec<&str> {
    plan.tensors.iter().map(|tensor| tensor.name.as_str()).collect()
}

pub(crate) fn tensor_plan<'p>(plan: &'p MergePlan, part: &str) -> &'p TensorPlan {
    let mut found = plan.tensors.iter().filter(|tensor| tensor.name.contains(part));
    let first = found.next().unwrap_or_else(|| panic!("no {part} in {:?}", names(plan)));
    assert_eq!(found.next(), None, "several {part}");
    first
}

/// The step of the one tensor whose name has `part` in it.
pub(crate) fn step<'p>(plan: &'p MergePlan, part: &str) -> &'p MergeStep {
    match &tensor_plan(plan, part).step {
        TensorStep::Merge(step) => step,
        TensorStep::Copy { .. } => panic!("{part} is copied"),
    }
}

/// `MODEL:NAME PARAMETER=VALUE …` of each input, and `- MODEL:NAME` of the base.
pub(crate) fn inputs(plan: &MergePlan, part: &str) -> Vec<String> {
    let step = step(plan, part);
    let input = |input: &InputPlan| {
        let of = |(name, value): (&String, &String)| format!(" {name}={value}");
        let parameters: String = input.parameters.iter().map(of).collect();
        let path = &plan.models[input.tensor.model].path;
        format!("{path}:{}{parameters}", input.tensor.name.replace(".weight", ""))
    };
    let mut all: Vec<String> = step.inputs.iter().map(input).collect();
    all.extend(step.base.iter().map(|base| {
        format!("- {}:{}", plan.models[base.model].path, base.name.replace(".weight", ""))
    }));
    all
}
