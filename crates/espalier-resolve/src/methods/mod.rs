//! Merge methods on one tensor, as recipes use them: the caller says which tensors are merged, in
//! which order, with which parameters each, in which arithmetic.
//!
//! A strategy of this crate merges whole models of a policy, in canonical order and with positive
//! weights. A method here is the same formula for whoever merges files by hand: weights may be
//! zero or negative, each input has parameters of its own, and every step is rounded to the
//! working type where model mergers do that.

pub(crate) mod arith;
mod by_magnitude;
pub(crate) mod consensus;
mod deltas;
mod factors;
pub(crate) mod formula;
pub(crate) mod fusion;
mod groups;
mod info;
mod interpolation;
mod job;
mod means;
mod memory;
mod multislerp;
mod nearswap;
pub(crate) mod negmerge;
pub(crate) mod ram;
pub(crate) mod random;
mod rescale;
pub(crate) mod rows;
mod sce;
pub(crate) mod spectral;
pub(crate) mod stitch;
mod stock;
mod sums;
mod table;
mod thresholds;

pub(crate) use self::{
    info::DENSITY,
    table::{
        BREADCRUMBS, BREADCRUMBS_TIES, DARE_LINEAR, DARE_TIES, DELLA, DELLA_LINEAR, EPSILON, GAMMA,
        KARCHER, MODEL_STOCK, MULTISLERP, NEARSWAP, NUSLERP, PASSTHROUGH, RESCALE, SCE, SLERP,
        TASK_ARITHMETIC, TIES, UNBIASED, WEIGHT_AVERAGE,
    },
};
pub use self::{
    info::{Base, MethodInfo},
    job::{Job, MethodError, Row, RowSource, Sink, Working},
    spectral::{LowRank, low_rank},
};
