//! What peers sign, and what can be checked without any state: operations, envelopes, faults that
//! prove themselves, the legal range of every field, and the policy a federation agrees on.

pub(crate) mod blob;
pub(crate) mod bound;
pub(crate) mod envelope;
pub(crate) mod explain;
pub(crate) mod fault;
pub(crate) mod frontier;
pub mod legal;
pub(crate) mod op;
pub(crate) mod policy;
