//! What a merge needs in memory, before it is begun.

use std::collections::BTreeMap;

use espalier_recipe::{MergeStep, TensorPlan, TensorStep};
use espalier_resolve::find_method;
use espalier_resolve::methods::{Job, Row};

use crate::{
    adapter::Adapter,
    merge::Merge,
    models::{OpenModel, source},
    out_adapter::is_linear,
};

/// The memory that buffers take at most, and the tensor that needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemoryNeed {
    /// Bytes of the buffers of that tensor, and of adapters, which are held as a whole.
    pub bytes: u64,
    /// The tensor.
    pub tensor: String,
    /// The method that merges it, if one does.
    pub method: Option<&'static str>,
    /// Whether the method holds it as a whole.
    pub whole: bool,
}

/// What the copying of integers holds: a piece of two tensors.
const COPY: u64 = 2 << 20;
/// Bytes an element of a difference while it is decomposed.
const DECOMPOSED: u64 = 8 * 6;

impl Merge<'_> {
    /// Memory that [`Merge::write`] needs on `threads` threads, or [`Merge::write_adapter`] if
    /// `adapter` is true. Headers, rows of tokens, the program itself and what the system holds of
    /// files come on top.
    #[must_use]
    pub fn memory(&self, threads: usize, adapter: bool) -> MemoryNeed {
        let held = self.models.iter().filter_map(OpenModel::adapter).map(Adapter::bytes).sum();
        let need = |tensor: &TensorPlan| {
            let (mut bytes, method, mut whole) = match &tensor.step {
                TensorStep::Copy { .. } => (COPY, None, false),
                TensorStep::Merge(step) => {
                    let (bytes, whole) = self.of_step(tensor, step, threads);
                    (bytes, Some(step.method), whole)
                }
            };
            if adapter && is_linear(tensor) {
                let elements: u64 = tensor.shape.iter().product();
                bytes = bytes.saturating_add(elements.saturating_mul(DECOMPOSED));
                whole = true;
            }
            MemoryNeed { bytes, tensor: tensor.name.clone(), method, whole }
        };
        let most = self.plan.tensors.iter().map(need).max_by_key(|need| need.bytes);
        let none = MemoryNeed { bytes: 0, tensor: String::new(), method: None, whole: false };
        let most = most.unwrap_or(none);
        MemoryNeed { bytes: most.bytes.saturating_add(held), ..most }
    }

    fn of_step(&self, tensor: &TensorPlan, step: &MergeStep, threads: usize) -> (u64, bool) {
        let none = BTreeMap::new();
        let inputs: Vec<_> =
            step.inputs.iter().map(|input| source(self.models, &input.tensor)).collect();
        let base = step.base.as_ref().map(|base| source(self.models, base));
        let row = |(source, dtype)| Row { source, dtype, parameters: &none };
        let Ok(method) = find_method(step.method) else { return (0, false) };
        let job = Job {
            method,
            shared: &none,
            name: &tensor.name,
            shape: &tensor.shape,
            inputs: inputs.iter().map(|(source, dtype)| row((source, *dtype))).collect(),
            base: base.as_ref().map(|(source, dtype)| row((source, *dtype))),
            working: step.work,
            out: step.out,
            seed: self.seed(),
        };
        (job.memory(threads), job.holds_all())
    }
}
