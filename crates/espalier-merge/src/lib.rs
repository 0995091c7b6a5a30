//! Merging model files by a plan: inputs are read piece by piece, merged on all cores and written
//! where they belong, so that memory is bounded whatever the size of the models.
//!
//! What comes out is a safetensors file or a folder, complete under its name or absent. A folder of
//! several shards that was interrupted goes on where it stopped.
//!
//! ```
//! use espalier_merge::{MergeTarget, Merge, OpenModel};
//! use espalier_recipe::{
//!     InputPlan, MergeStep, ModelRef, MergePlan, TensorStep, TensorPlan, TensorRef,
//! };
//! use espalier_resolve::methods::{Working, find_method};
//! use espalier_tensor::{Dtype, Model, open_safetensors, write_safetensors};
//! use std::collections::BTreeMap;
//!
//! let folder = tempfile::tempdir()?;
//! let path = |name: &str| folder.path().join(name).display().to_string();
//! for (name, values) in [("a", [1.0, 2.0]), ("b", [3.0, 6.0])] {
//!     let model = Model::from_f32(&[("w", &[2], &values)])?;
//!     write_safetensors(&model, &BTreeMap::new(), path(&format!("{name}.safetensors")), false)?;
//! }
//!
//! let method = find_method("linear")?;
//! let input = |model| InputPlan {
//!     tensor: TensorRef { model, name: "w".into() },
//!     parameters: [("weight".into(), "1".into())].into(),
//! };
//! let step = MergeStep {
//!     method: method.name,
//!     shared: method.check_shared(&BTreeMap::new())?,
//!     inputs: vec![input(0), input(1)],
//!     base: None,
//!     work: Working::F32,
//!     out: Dtype::F32,
//! };
//! let model = |name: &str| ModelRef { path: path(name), adapter: None };
//! let plan = MergePlan {
//!     models: vec![model("a.safetensors"), model("b.safetensors")],
//!     base: None,
//!     tensors: vec![TensorPlan {
//!         name: "w".into(),
//!         shape: vec![2],
//!         step: TensorStep::Merge(step),
//!     }],
//!     layers: None,
//!     tokenizer_source_base: false,
//! };
//! let models = plan.models.iter().map(OpenModel::open).collect::<Result<Vec<_>, _>>()?;
//! let merge = Merge::new(&plan, &models);
//! merge.write(&MergeTarget::new(path("merged.safetensors")))?;
//!
//! let merged = open_safetensors(path("merged.safetensors"))?.into_model()?;
//! assert_eq!(merged.values_f32("w"), Some(vec![2.0, 4.0]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod adapter;
mod error;
mod folder;
mod merge;
mod models;
mod others;
mod replace;
mod target;
mod verify;

pub use crate::{
    error::MergeError,
    merge::{Merge, Volume},
    models::OpenModel,
    target::MergeTarget,
    verify::TensorDifference,
};
