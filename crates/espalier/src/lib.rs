//! Merging models without a server.
//!
//! Many parties hold fine-tuned copies of one model and want one merged model: no coordinator, over
//! networks that fail, among peers that may lie. This crate is the front door; each part is a crate
//! of its own and can be used alone.
//!
//! | You want to | Look at |
//! |---|---|
//! | keep a set that merges | [`orset`], over [`lattice`] |
//! | sign and address things | [`identity`] |
//! | prove what is in a set | [`provenance`] |
//! | judge contributions | [`trust`] |
//! | read and write tensors | [`tensor`] |
//! | merge tensors | [`resolve`] |
//! | do all of it on one replica | [`replica`] |
//! | drive a replica over a transport and a disk of your own | [`node`] |
//! | draw networks | [`topology`] |
//! | find what two sets do not share | [`reconcile`] |
//! | merge model files, by flags or by a recipe | `merge` and `recipe`, with the feature `merge` |
//! | see a federation run | `sim`, with the feature of this name |
//! | keep a state in a folder, and keys in files | `store`, with the feature of this name |
//! | write files that are complete or absent | [`file`](mod@file) |
//! | know who has to do something about an error | [`blame`] |
//!
//! The way of a contribution: a model is described by a [`tensor::Manifest`], signed into an
//! operation, joined into a [`MergeState`], spread by [`replica::Replica`], heard by every state as
//! far as it is [trusted](trust), and [resolved](MergeState::resolve) into one model, the same bits
//! everywhere.
//!
//! ```
//! use espalier::prelude::*;
//!
//! let (clinic_model, lab_model) =
//!     (Model::from_f32(&[("w", &[1], &[1.0])])?, Model::from_f32(&[("w", &[1], &[2.0])])?);
//! let strategy = "median".into();
//! let policy = Policy::new(PolicySpec { strategy, ..PolicySpec::for_model(&clinic_model) })?;
//! let mut clinic = MergeState::new(policy.clone());
//! let mut lab = MergeState::new(policy);
//! let (clinic_key, lab_key) = (Keypair::from_seed([1; 32]), Keypair::from_seed([2; 32]));
//!
//! clinic.add(&clinic_key, Draft::new("clinic", clinic_model))?;
//! lab.add(&lab_key, Draft::new("lab", lab_model))?;
//! let bytes = lab.to_bytes(Tensors::Inline); // any transport will do
//! clinic.merge(&MergeState::from_bytes(&bytes)?)?;
//! assert_eq!(clinic.resolve()?.values_f32("w"), Some(vec![1.5]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub use espalier_blame as blame;
pub use espalier_file as file;
pub use espalier_identity as identity;
pub use espalier_lattice as lattice;
#[cfg(feature = "merge")]
pub use espalier_merge as merge;
pub use espalier_node as node;
pub use espalier_orset as orset;
pub use espalier_provenance as provenance;
#[cfg(feature = "merge")]
pub use espalier_recipe as recipe;
pub use espalier_reconcile as reconcile;
pub use espalier_replica as replica;
pub use espalier_resolve as resolve;
#[cfg(feature = "sim")]
pub use espalier_sim as sim;
#[cfg(feature = "store")]
pub use espalier_store as store;
pub use espalier_tensor as tensor;
pub use espalier_topology as topology;
pub use espalier_trust as trust;

pub use espalier_replica::MergeState;

/// What most programs need.
pub mod prelude {
    pub use espalier_identity::{Digest, Keypair, PeerId};
    pub use espalier_lattice::{Dot, Join};
    pub use espalier_replica::{
        Arena, Draft, Effect, ExchangeMode, MergeState, Policy, PolicySpec, Replica, Tensors,
    };
    pub use espalier_tensor::{Model, open_safetensors, write_safetensors};
}

/// The programs of both READMEs, compiled and run by the tests of the documentation.
#[cfg(doctest)]
mod readme {
    #[doc = include_str!("../README.md")]
    mod of_the_crate {}

    #[doc = include_str!("../../../README.md")]
    mod of_the_repository {}
}
