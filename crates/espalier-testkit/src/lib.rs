//! What Espalier's own tests share: the laws of a join, snapshot settings, golden files, memory.
//!
//! * [`laws`]: checks that an operation is the join of a semilattice and fits its order.
//! * [`snapshots`]: `insta` settings that write into the top-level `fixtures/snapshots/`.
//! * [`check_fixture`]: golden text files under `fixtures/`.
//! * [`Dice`]: random numbers from a seed.
//! * [`modules_in`]: the files of a registry whose entries are files of their names.
//! * [`alloc`]: an allocator that counts, for bounds on memory.
//!
//! Every test that touches a fixture has `fixture` in its name, because `cargo xtask fixtures`
//! finds the tests to run by that word.
//!
//! This crate knows no other crate of Espalier, so each of them can use it in its tests.

pub mod alloc;
mod dice;
mod folder;
mod golden;
pub mod laws;
pub mod snapshots;

pub use dice::Dice;
pub use folder::modules_in;
pub use golden::{check_fixture, fixture_path};
