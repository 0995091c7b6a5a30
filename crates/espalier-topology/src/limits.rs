//! How large networks may be.

/// The most nodes a network may have: 2^24.
pub const MAX_NODES: usize = 1 << 24;

/// The most edges a network stores: 2^25 (256 MiB). `complete` stores none and has no such limit.
pub const MAX_EDGES: u64 = 1 << 25;
