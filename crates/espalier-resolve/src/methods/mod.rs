//! Merge methods on one tensor, as recipes use them: the caller says which tensors are merged, in
//! which order, with which parameters each, in which arithmetic.
//!
//! A strategy of this crate merges whole models of a policy, in canonical order and with positive
//! weights. A method here is the same formula for whoever merges files by hand: weights may be
//! zero or negative, each input has parameters of its own, and every step is rounded to the
//! working type where model mergers do that.

mod arith;
mod combination;
mod consensus;
mod deltas;
mod formula;
mod fusion;
mod info;
mod job;
mod largest;
mod linear;
mod list;
mod means;
mod memory;
mod nearswap;
mod negmerge;
mod products;
mod ram;
mod random;
mod rescale;
mod rows;
mod sce;
mod select;
mod slerp;
mod spectral;
mod stitch;
mod stock;

pub use self::{
    info::{Base, MethodInfo},
    job::{Job, MethodError, Row, RowSource, Sink, Working},
    list::{find_method, methods},
    spectral::{LowRank, low_rank},
};
