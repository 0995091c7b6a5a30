//! What is made of many runs: scenarios, the attack grid, rounds to convergence, the comparison of
//! exchanges, and golden values.

pub(crate) mod configs;
pub(crate) mod estimate;
pub(crate) mod exchanges;
pub(crate) mod grid;
mod merge_vectors;
pub(crate) mod rounds;
pub(crate) mod scenario;
mod threads;
pub(crate) mod vectors;
