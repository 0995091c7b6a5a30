//! Limits of this machine: threads, and memory for a run.

use crate::args::MemoryArgs;
use crate::console;
use crate::failure::Failure;
use anyhow::anyhow;
use espalier::sim::{Config, address_space_left, memory_left, memory_side_by_side};
use std::num::NonZeroUsize;

/// Starts the threads on which everything is computed.
///
/// # Errors
/// The environment, where the system does not start that many threads.
pub(crate) fn start_threads(threads: Option<NonZeroUsize>) -> Result<(), Failure> {
    let failed = |error: &dyn std::fmt::Display| {
        let right = "ask for fewer with --threads, or raise the limit on memory or processes";
        Failure::Environment(anyhow!("cannot start the threads: {error}; {right}"))
    };
    let many = threads.or_else(|| std::thread::available_parallelism().ok());
    let stacks = many.map_or(1, NonZeroUsize::get) as u64 * STACK;
    // A thread that starts with nothing left ends the process: the system's library does not say
    // that its memory for a thread is missing.
    if let Some(left) = address_space_left().filter(|left| *left < stacks) {
        let (need, left) = (console::bytes(stacks), console::bytes(left));
        return Err(failed(&format!("their stacks need {need}, and ulimit -v leaves {left}")));
    }
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads.map_or(0, NonZeroUsize::get));
    pool.build_global().map_err(|error| failed(&error))
}

/// The stack of a thread, as Rust makes it by default.
const STACK: u64 = 2 << 20;

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
