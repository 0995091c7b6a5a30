//! Named tensors by content hash, safetensors files, and kernels whose bits never vary.
//!
//! * [`Manifest`]: names, element types, shapes and content digests; its root is a model's
//!   identity. [`Model`]: a manifest with its bytes. [`Store`]: bytes by digest.
//! * [`open_safetensors`], [`write_safetensors`]: single files, sharded files and folders,
//!   memory-mapped; hostile files give typed errors.
//! * [`read_f32`], [`write_f32`] and their f64 twins: conversions that are exact or rounded once.
//! * [`kernels`]: reductions with a fixed layout. [`random`]: random elements by counter.
//! * [`widest!`]: loops on the widest vector registers there are, with the same bits.
//!
//! Same input, same bits: on one thread or many, on any processor. This crate knows no merging
//! method, no weights, no peers and no network.
//!
//! ```
//! use espalier_tensor::{Model, Store, kernels, open_safetensors, write_safetensors};
//!
//! let a = Model::from_f32(&[("w", &[2, 2], &[1.0, 2.0, 3.0, 4.0]), ("b", &[1], &[0.5])])?;
//! let b = Model::from_f32(&[("w", &[2, 2], &[1.0, 2.0, 3.0, 2.0]), ("b", &[1], &[1.5])])?;
//! assert_ne!(a.root(), b.root());
//! assert_eq!(a.manifest.schema(), b.manifest.schema());
//! assert_eq!(kernels::squared_distance_blocks(&a, &b, 1), [5.0]);
//!
//! // By content: a store gives back what a manifest names.
//! let store = Store::new();
//! a.put_into(&store);
//! assert_eq!(Model::load(&a.manifest, &store)?, a);
//!
//! // By file: headers first, data when it is asked for.
//! let folder = tempfile::tempdir().expect("a temporary folder");
//! let path = folder.path().join("model.safetensors");
//! write_safetensors(&a, &Default::default(), &path, false)?;
//! let file = open_safetensors(&path)?;
//! assert_eq!(file.shapes()[0].name, "b");
//! assert_eq!(file.into_model()?, a);
//! # Ok::<(), espalier_tensor::TensorError>(())
//! ```

mod content;
mod convert;
mod dtype;
mod error;
mod float16;
mod float8;
mod foreign;
pub mod kernels;
mod manifest;
mod mapped;
mod model;
pub mod random;
mod safetensors;
mod schema;
mod simd;
mod store;

pub use crate::{
    content::{Content, ContentHasher},
    convert::{read_f32, read_f64, write_f32, write_f64},
    dtype::{Dtype, UnsupportedDtype},
    error::{FormatError, TensorError},
    foreign::Foreign,
    manifest::{MAX_NAME_BYTES, MAX_RANK, MAX_TENSORS, Manifest, ManifestError, TensorMeta},
    model::Model,
    safetensors::{
        ModelFolder, SafetensorsModel, SafetensorsWriter, models_in, open_safetensors,
        write_safetensors,
    },
    schema::{Mismatch, Schema, Side, TensorShape, schema_mismatch},
    simd::SimdLevel,
    store::Store,
};

/// The program of the README, compiled and run by the tests of the documentation.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
