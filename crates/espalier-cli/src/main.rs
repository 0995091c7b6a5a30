//! The `espalier` program; [`espalier_cli`] is what it does.

use std::process::ExitCode;

fn main() -> ExitCode {
    espalier_cli::main()
}
