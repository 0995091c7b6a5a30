//! Espalier's own automation, run as `cargo xtask <command>`.
//!
//! * `fixtures`: renews or checks golden files and snapshots.
//! * `tidy`: checks what the compiler cannot, such as the arrows between crates.
//! * `bench`: runs the benchmarks, or each of them once.
//! * `growth`: measures how runs grow with the number of nodes, and plots it.
//! * `swarm`: looks for bugs for some minutes, with the released command.
//! * `ci`: everything above and more, in the order a contributor would want it to fail.
#![expect(clippy::print_stdout, reason = "a command line speaks on stdout")]
#![expect(clippy::print_stderr, reason = "and complains on stderr")]
#![expect(clippy::disallowed_methods, reason = "steps are timed for whoever waits for them")]

mod ci;
mod fixtures;
mod growth;
mod step;
mod tidy;
mod workspace;

use anyhow::Result;
use clap::{Parser, Subcommand};
use std::process::ExitCode;
use step::Step;
use workspace::Places;

#[derive(Debug, Parser)]
#[command(about = "Espalier's own automation", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Renew every golden file and snapshot under fixtures/
    Fixtures {
        /// Compare only; fail if anything is stale or an orphan
        #[arg(long)]
        check: bool,
    },
    /// Check arrows between crates, file headers and sizes, links, forbidden words
    Tidy,
    /// Run the benchmarks
    Bench {
        /// Run each benchmark once, without measuring
        #[arg(long)]
        smoke: bool,
    },
    /// Measure how runs grow with the number of nodes; renews docs/growth.csv and docs/growth.svg
    Growth,
    /// Look for bugs: judge runs drawn from seeds, with the released command
    Swarm {
        /// For how many minutes
        #[arg(long, value_name = "M", default_value = "10")]
        minutes: String,
        /// The first seed
        #[arg(long, value_name = "N", default_value = "1")]
        seed: String,
    },
    /// Run every check in order and stop at the first that fails
    Ci {
        /// Print the steps and their commands without running them
        #[arg(long, conflicts_with = "only")]
        list: bool,
        /// Run one step
        #[arg(long, value_name = "NAME")]
        only: Option<String>,
    },
}

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<()> {
    let places = Places::find()?;
    match command {
        Command::Fixtures { check } => fixtures::run(&places, check),
        Command::Tidy => tidy::run(&places),
        Command::Bench { smoke } => bench(smoke).run(&places.root),
        Command::Growth => {
            ci::release().run(&places.root)?;
            growth::run(&places)
        }
        Command::Swarm { minutes, seed } => {
            ci::release().run(&places.root)?;
            swarm(&places, &minutes, &seed).run(&places.root)
        }
        Command::Ci { list: true, .. } => {
            ci::list(&places);
            Ok(())
        }
        Command::Ci { only, .. } => ci::run(&places, only.as_deref()),
    }
}

/// The swarm from a seed on. What it finds it leaves in the target folder; what is to be tried for
/// ever belongs into `fixtures/regressions/`.
fn swarm(places: &Places, minutes: &str, seed: &str) -> Step {
    let out = places.target.join("swarm");
    let out = out.to_string_lossy();
    let args = ["swarm", "--minutes", minutes, "--seed", seed, "--out", &out];
    Step::new("swarm", places.espalier(), &args)
}

/// All benchmarks measured, or with `smoke` each run once as a test.
fn bench(smoke: bool) -> Step {
    if smoke {
        Step::cargo("bench-smoke", &["test", "-p", "benches", "--benches"])
    } else {
        Step::cargo("bench", &["bench", "-p", "benches"])
    }
}
