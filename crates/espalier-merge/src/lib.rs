//! Merging model files by a plan: inputs are read piece by piece, merged on all cores and written
//! where they belong, so that memory is bounded whatever the size of the models.
//!
//! What comes out is a safetensors file or a folder, complete under its name or absent. A folder of
//! several shards that was interrupted goes on where it stopped.

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

// What the example and most callers need besides this crate.
pub use espalier_recipe as recipe;
pub use espalier_tensor as tensor;

/// The program of the README, compiled and run by the tests of the documentation.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
