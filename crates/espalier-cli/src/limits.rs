//! What this machine can take: threads, and memory for a run.

use crate::Failure;
use crate::args::MemoryArgs;
use crate::console;
use anyhow::anyhow;
use espalier::sim::{Config, memory_left, memory_side_by_side};
use std::num::NonZeroUsize;

/// Starts the threads on which everything is computed.
///
/// # Errors
/// The environment, where the system does not start that many threads.
pub(crate) fn start_threads(threads: Option<NonZeroUsize>) -> Result<(), Failure> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads.map_or(0, NonZeroUsize::get));
    pool.build_global().map_err(|error| {
        let right = "ask for fewer with --threads, or raise the limit on memory or processes";
        Failure::Environment(anyhow!("cannot start the threads: {error}; {right}"))
    })
}

/// Refuses runs that would not fit into memory, side by side on as many threads as there are.
///
/// # Errors
/// The input's: what is needed, and what there is.
pub(crate) fn check_memory(
    runs: impl ExactSizeIterator<Item = Config>,
    memory: &MemoryArgs,
) -> Result<(), Failure> {
    if memory.any_size {
        return Ok(());
    }
    let Some(left) = memory_left() else { return Ok(()) };
    let many = runs.len() > 1;
    let need = memory_side_by_side(runs);
    if need <= left.bytes {
        return Ok(());
    }
    let together = if many { "these runs, side by side," } else { "this run" };
    Err(Failure::Input(anyhow!(
        "{together} would need about {}, and {} leaves {}; use fewer or smaller models, fewer \
         nodes or rounds{}, or add --any-size to try anyway",
        console::bytes(need),
        left.by,
        console::bytes(left.bytes),
        if many { ", fewer --threads" } else { "" },
    )))
}
