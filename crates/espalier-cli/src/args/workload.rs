//! The workloads of `espalier maelstrom`.

use clap::ValueEnum;

/// What the node serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Workload {
    /// Messages that reach every node: topology, broadcast, read
    Broadcast,
    /// A grow-only set: add, read
    GSet,
}
