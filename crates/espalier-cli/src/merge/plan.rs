//! What `espalier merge --dry-run` shows.

use super::{notes, size};
use crate::args::MergeArgs;
use crate::escape::line;
use crate::failure::Failure;
use espalier::file::count;
use espalier::merge::{MemoryNeed, Merge};
use espalier::recipe::{MergePlan, ModelRef, Recipe, TensorStep};
use std::collections::BTreeMap;

/// How much memory, for what.
pub(crate) fn needs(need: &MemoryNeed) -> String {
    let method = need.method.map(|method| format!(" by {method}")).unwrap_or_default();
    let whole = if need.whole { ", which is held as a whole" } else { "" };
    format!("{} for tensor `{}`{method}{whole}", size(need.bytes), need.tensor)
}

/// How often tensors are made in each way.
fn kinds(plan: &MergePlan) -> BTreeMap<String, usize> {
    let mut kinds = BTreeMap::new();
    for tensor in &plan.tensors {
        let kind = match &tensor.step {
            TensorStep::Copy { .. } => "copied, the same in all models".to_owned(),
            TensorStep::Merge(step) => {
                let shared = step.shared.iter().map(|(key, value)| format!("{key}={value}"));
                let own = step.inputs.iter().map(|input| {
                    let own = input.parameters.iter().map(|(key, value)| format!("{key}={value}"));
                    own.collect::<Vec<_>>().join(" ")
                });
                let (shared, own): (Vec<_>, Vec<_>) = (shared.collect(), own.collect());
                let own = match own.iter().all(String::is_empty) {
                    true => count(own.len(), "input"),
                    false => format!("inputs [{}]", own.join("; ")),
                };
                let shared = shared.join(" ");
                let work = format!("{:?}", step.work).to_lowercase();
                format!("{} {shared} {own}, in {work}, to {}", step.method, step.out)
            }
        };
        *kinds.entry(kind.replace("  ", " ")).or_insert(0) += 1;
    }
    kinds
}

pub(crate) fn table(
    args: &MergeArgs,
    recipe: &Recipe,
    merge: &Merge<'_>,
    plan: &MergePlan,
    need: &MemoryNeed,
) -> String {
    let volume = merge.volume();
    let mut text = format!("strategy  {}\n", recipe.method().name);
    for (place, model) in plan.models.iter().enumerate() {
        let base = if plan.base == Some(place) { " (base)" } else { "" };
        let adapter = model.adapter.as_ref().map(|path| format!("+{path}")).unwrap_or_default();
        text += &format!("model     {}{adapter}{base}\n", line(&model.path));
    }
    text += &format!("read      {}\n", size(volume.read));
    let tensors = count(plan.tensors.len(), "tensor");
    text += &match args.out_adapter {
        None => format!("write     {} in {tensors}\n", size(volume.written)),
        Some(rank) => {
            format!("write     an adapter of rank {rank} for those of {tensors} that change\n")
        }
    };
    text += &format!("memory    {}\n", line(&needs(need)));
    for (kind, number) in kinds(plan) {
        text += &format!("{number:7} × {}\n", line(&kind));
    }
    text
}

pub(crate) fn json(
    args: &MergeArgs,
    recipe: &Recipe,
    merge: &Merge<'_>,
    plan: &MergePlan,
    need: &MemoryNeed,
) -> Result<String, Failure> {
    let volume = merge.volume();
    let model =
        |model: &ModelRef| serde_json::json!({ "path": model.path, "adapter": model.adapter });
    let tensors = plan.tensors.iter().zip(merge.shapes()).map(|(tensor, shape)| {
        let (method, shared, inputs) = match &tensor.step {
            TensorStep::Copy { from, others } => {
                let inputs = std::iter::once(from).chain(others);
                let inputs = inputs
                    .map(|input| serde_json::json!({ "model": input.model, "tensor": input.name }));
                (None, None, inputs.collect::<Vec<_>>())
            }
            TensorStep::Merge(step) => {
                let inputs = step.inputs.iter().map(|input| {
                    serde_json::json!({
                        "model": input.tensor.model,
                        "tensor": input.tensor.name,
                        "parameters": input.parameters,
                    })
                });
                (Some(step.method), Some(&step.shared), inputs.collect())
            }
        };
        serde_json::json!({
            "name": tensor.name, "shape": tensor.shape, "dtype": shape.dtype.name(),
            "strategy": method, "parameters": shared, "inputs": inputs,
        })
    });
    let value = serde_json::json!({
        "recipe": recipe.hash().to_string(),
        "strategy": recipe.method().name,
        "models": plan.models.iter().map(model).collect::<Vec<_>>(),
        "base": plan.base,
        "adapter_rank": args.out_adapter,
        "memory_bytes": need.bytes,
        "read_bytes": volume.read,
        "written_bytes": volume.written,
        "notes": notes(recipe),
        "tensors": tensors.collect::<Vec<_>>(),
    });
    Ok(serde_json::to_string_pretty(&value).map_err(Failure::environment)? + "\n")
}
