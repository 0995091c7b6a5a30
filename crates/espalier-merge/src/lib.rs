//! Merging model files by a plan: inputs are read piece by piece, merged on all cores and written
//! where they belong. For the memory that a tensor needs, see
//! [`Job::run`](espalier_resolve::methods::Job::run); adapters are held as a whole.
//!
//! What comes out is a safetensors file or a folder, complete under its name or absent. A folder of
//! several shards that was interrupted goes on where it stopped.

mod adapter;
mod aligned;
mod config;
mod copied_files;
mod error;
mod files;
mod folder;
mod layout;
mod memory;
mod merge;
mod models;
mod out_adapter;
mod out_adapter_error;
mod patterns;
mod provenance;
mod replace;
mod resume;
mod same_tokens;
mod target;
mod tokenizer;
mod tokens;
mod verify;
mod vocabulary;
mod vocabulary_error;
mod write;

pub use crate::{
    error::MergeError,
    memory::MemoryNeed,
    merge::{Merge, Volume},
    models::OpenModel,
    out_adapter::{AdapterForm, AdapterMatrix, WrittenAdapter},
    out_adapter_error::OutAdapterError,
    same_tokens::check_vocabularies,
    target::MergeTarget,
    verify::TensorDifference,
    vocabulary::{AlignedVocabulary, align_vocabularies},
    vocabulary_error::VocabularyError,
};

// What the example and most callers need besides this crate.
pub use espalier_recipe as recipe;
pub use espalier_tensor as tensor;

/// The program of the README, compiled and run by the tests of the documentation.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
