//! What all strategies of policies share: their inputs, their traits and their arithmetic.

pub(crate) mod by_tensor;
pub(crate) mod cache;
mod error;
pub(crate) mod extent;
mod info;
pub(crate) mod integers;
pub(crate) mod linear;
mod note;
pub(crate) mod ranks;
pub(crate) mod selection;
pub(crate) mod tensor;

use espalier_identity::Digest;
use espalier_tensor::Model;

pub use self::{
    cache::SelectionCache,
    error::{MergeWriteError, ResolveError},
    info::StrategyInfo,
    note::Note,
};

/// A contribution to be merged.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// The identity of its content: its place in the canonical order and the key of its
    /// randomness.
    pub id: Digest,
    /// Above zero and at most `f32::MAX`.
    pub weight: f64,
    /// Its tensors.
    pub model: &'a Model,
}

/// Sorts inputs by content, then by weight: the order in which every replica merges.
pub fn canonical_order(inputs: &mut [Input<'_>]) {
    inputs.sort_by(|a, b| a.id.cmp(&b.id).then(a.weight.total_cmp(&b.weight)));
}
