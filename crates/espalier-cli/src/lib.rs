//! The `espalier` command.
//!
//! Exit codes: 0 done; 1 the run finished but a check it was asked for failed; 2 bad usage or bad
//! input; 3 the environment (disk, memory, network).
//!
//! A library so that tests can read command lines by the thousand: [`main`] is the program,
//! [`read`] parses a command line and runs nothing.

mod args;
mod byzantine;
mod command_line;
mod console;
mod escape;
mod exchanges;
mod failure;
mod key;
mod limits;
mod maelstrom;
mod man;
mod merge;
mod model_file;
mod outputs;
mod replay;
mod rounds;
mod scenario;
mod selfcheck;
mod serve;
mod signals;
mod simulate;
mod state;
mod strategies;
mod swarm;
mod trace;
mod verify;

use args::{Cli, Command};
use clap::CommandFactory as _;
use console::complain_of;
use failure::Failure;
use std::process::ExitCode;

pub use command_line::{Understood, command, leaves, read};

/// The program: reads the words it was started with, does what they say, and says how it went.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match command_line::words(std::env::args_os()) {
        Ok(cli) => cli,
        Err(command_line::Misread::Usage(error)) if !error.use_stderr() => error.exit(),
        Err(command_line::Misread::Usage(error)) => {
            console::complain_in_lines(usage(&error).trim_end());
            return ExitCode::from(2);
        }
        Err(command_line::Misread::Flags(problem)) => return report(&anyhow::anyhow!(problem), 2),
    };
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Environment(error)) if outputs::is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(failure) => match failure.told() {
            (code, Some(error)) => report(&error, code),
            (code, None) => ExitCode::from(code),
        },
    }
}

/// What is wrong with the words of the command line. The message repeats them, and a name of a
/// file among them could have lines of its own; so they are read again as they may be shown.
fn usage(error: &clap::Error) -> String {
    let words = std::env::args_os().map(|word| escape::line(&word.to_string_lossy()).into_owned());
    let words = words.map(std::ffi::OsString::from);
    match Cli::command().try_get_matches_from(command_line::attached(words)) {
        Err(shown) if shown.use_stderr() => shown.render().to_string(),
        _ => escape::line(error.render().to_string().trim_end()).into_owned(),
    }
}

fn report(error: &anyhow::Error, code: u8) -> ExitCode {
    complain_of(error);
    ExitCode::from(code)
}

fn run(cli: Cli) -> Result<(), Failure> {
    if cli.command.computes() {
        limits::start_threads(cli.threads)?;
    }
    if !matches!(cli.command, Command::Serve(_)) {
        signals::watch();
    }
    match cli.command {
        Command::Simulate(args) => simulate::run(&args, cli.quiet),
        Command::Merge(args) => merge::run(&args, cli.quiet),
        Command::Strategies(args) => strategies::run(&args),
        Command::Serve(args) => serve::run(&args, cli.quiet),
        Command::Trace(args) => trace::run(&args, cli.quiet),
        Command::Byzantine(args) => byzantine::run(&args, cli.quiet),
        Command::Swarm(args) => swarm::run(&args, cli.quiet),
        Command::Exchanges(args) => exchanges::run(&args, cli.quiet),
        Command::Rounds(args) => rounds::run(&args, cli.quiet),
        Command::Verify(args) => verify::run(&args, cli.quiet),
        Command::Key(args) => key::run(&args, cli.quiet),
        Command::State(args) => state::run(&args, cli.quiet),
        Command::Selfcheck => selfcheck::run(cli.quiet),
        Command::Maelstrom(args) => maelstrom::run(&args),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "espalier", &mut script);
            console::print_bytes(&script)
        }
        Command::Man { out } => man::run(out.as_deref()),
    }
}
