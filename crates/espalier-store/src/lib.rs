//! States in folders that merge by copying files, and key files that never sign twice.
//!
//! * [`Folder`]: a state as a folder of immutable files, each named by its content. Any number of
//!   processes and machines may write to it or copy from it at once. What is not whole or not what
//!   its name says is passed over, and [`Folder::verify`] says so.
//! * [`KeyFile`]: a signing key in a file, next to which stands what it has signed, so that a
//!   folder that was restored or copied cannot make its owner sign one number twice.
//!
//! ```text
//! policy          what decides the merge, in canonical bytes
//! base            the manifest of the base model, if the policy names one
//! ops/ID          one signed operation, named by its identifier
//! tensors/DIGEST  the bytes of one tensor, named by their BLAKE3 hash
//! ```
//!
//! Names are lower-case hexadecimal. Names that begin with a dot are nobody's business: files that
//! are still being written have them, here and in most programs that copy. Every byte is a
//! stranger's until it was checked against its name, and operations against their signatures.
//!
//! ```
//! use espalier_replica::{Draft, Policy, PolicySpec};
//! use espalier_store::{Folder, KeyFile};
//! use espalier_tensor::Model;
//!
//! let place = tempfile::tempdir()?;
//! let key = place.path().join("ada.key");
//! let public_key = KeyFile::create(&key)?;
//! let policy = Policy::new(PolicySpec::any_schema())?;
//! let folder = Folder::create(place.path().join("state"), policy, None)?;
//!
//! let mut loaded = folder.load()?;
//! let model = Model::from_f32(&[("w", &[1], &[2.0])])?;
//! let mut key = KeyFile::open(&key)?;
//! key.publish(&folder, &mut loaded.state, |state, key| state.add(key, Draft::new("a", model)))?;
//!
//! // Somebody else, with a copy of the folder.
//! let mut loaded = folder.load()?;
//! assert_eq!(loaded.state.last_seq(&public_key), 1);
//! assert!(folder.load_tensors(&loaded.state).is_empty());
//! assert_eq!(loaded.state.resolve()?.values_f32("w"), Some(vec![2.0]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
pub mod folder;
mod key;
mod record;

pub use error::{KeyError, StoreError};
pub use folder::Folder;
pub use folder::flaw::{Flaw, FlawKind};
pub use folder::load::{Loaded, Missing};
pub use folder::merge::Taken;
pub use folder::verify::Audit;
pub use key::KeyFile;

// What most callers need besides this crate.
pub use espalier_identity as identity;
pub use espalier_replica as replica;
pub use espalier_tensor as tensor;

/// The program of the README, compiled and run by the tests of the documentation.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
