//! Merge recipes: text, or flags, to one checked step for each tensor.

mod plan;

pub use plan::{
    InputPlan, MergePlan as Plan, MergeStep, ModelRef, TensorPlan, TensorRef, TensorStep as Step,
};
