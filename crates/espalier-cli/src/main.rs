//! The `espalier` command.
//!
//! Exit codes: 0 done; 1 the run finished but a check it was asked for failed; 2 bad usage or bad
//! input; 3 the environment (disk, memory, network).

mod args;
mod byzantine;
mod console;
mod exchanges;
mod maelstrom;
mod replay;
mod rounds;
mod scenario;
mod selfcheck;
mod serve;
mod simulate;
mod swarm;
mod trace;
mod verify;

use args::{Cli, Command};
use clap::{CommandFactory as _, Parser as _};
use std::process::ExitCode;

/// Why a command did not succeed, by exit code.
#[derive(Debug)]
pub(crate) enum Failure {
    /// 1: a check that was asked for failed. It has been reported.
    Check,
    /// 2: the user's input.
    Input(anyhow::Error),
    /// 3: the environment.
    Environment(anyhow::Error),
}

impl Failure {
    fn input(error: impl Into<anyhow::Error>) -> Self {
        Self::Input(error.into())
    }

    fn environment(error: impl Into<anyhow::Error>) -> Self {
        Self::Environment(error.into())
    }
}

/// Failing to print is the environment's fault.
impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::environment(error)
    }
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Check) => ExitCode::from(1),
        Err(Failure::Environment(error)) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(Failure::Input(error)) => report(&error, 2),
        Err(Failure::Environment(error)) => report(&error, 3),
    }
}

/// Whoever read our output has seen enough: `espalier … | head`.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let io = error.downcast_ref::<std::io::Error>();
    io.is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}

fn report(error: &anyhow::Error, code: u8) -> ExitCode {
    let mut text = String::from("error");
    let mut said = String::new();
    for cause in error.chain().map(ToString::to_string) {
        // Some errors tell their cause themselves.
        if !said.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
        said = cause;
    }
    console::complain(&text);
    ExitCode::from(code)
}

fn run(cli: Cli) -> Result<(), Failure> {
    if let Some(threads) = cli.threads {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads.get());
        pool.build_global().map_err(Failure::environment)?;
    }
    match cli.command {
        Command::Simulate(args) => simulate::run(&args, cli.quiet),
        Command::Serve(args) => serve::run(&args, cli.quiet),
        Command::Trace(args) => trace::run(&args, cli.quiet),
        Command::Byzantine(args) => byzantine::run(&args, cli.quiet),
        Command::Swarm(args) => swarm::run(&args, cli.quiet),
        Command::Exchanges(args) => exchanges::run(&args, cli.quiet),
        Command::Rounds(args) => rounds::run(&args, cli.quiet),
        Command::Verify(args) => verify::run(&args, cli.quiet),
        Command::Selfcheck => selfcheck::run(cli.quiet),
        Command::Maelstrom(args) => maelstrom::run(&args),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "espalier", &mut script);
            console::print_bytes(&script)
        }
        Command::Man { out } => man(out.as_deref()),
    }
}

/// The manual: one page for the command and one for each subcommand.
fn man(out: Option<&std::path::Path>) -> Result<(), Failure> {
    let Some(folder) = out else {
        let mut page = Vec::new();
        clap_mangen::Man::new(Cli::command()).render(&mut page)?;
        return console::print_bytes(&page);
    };
    let context = |e: std::io::Error| {
        Failure::environment(
            anyhow::Error::new(e).context(format!("cannot write to {}", folder.display())),
        )
    };
    std::fs::create_dir_all(folder).map_err(context)?;
    clap_mangen::generate_to(Cli::command(), folder).map_err(context)
}
