//! The `espalier` program; [`espalier_cli`] is what it does.

mod heap;

use std::process::ExitCode;

#[global_allocator]
static HEAP: heap::Heap = heap::Heap;

fn main() -> ExitCode {
    espalier_cli::main()
}
