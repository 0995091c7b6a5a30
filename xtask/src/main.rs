//! Espalier's own automation, run as `cargo xtask <command>`.
//!
//! * `fixtures`: renews or checks golden files and snapshots.
//! * `tidy`: checks what the compiler cannot, such as the arrows between crates.
//! * `errors`: renews the list of the codes of errors.
//! * `bench`: runs the benchmarks, or each of them once.
//! * `growth`: measures how runs grow with the number of nodes, and plots it.
//! * `screenshots`: takes the pictures of the page that the README shows, and more to look at.
//! * `swarm`: looks for bugs for some minutes, with the released command.
//! * `fuzz`: looks for input that harms a decoder, with libFuzzer.
//! * `cross`: runs the command on other processors, under an emulator.
//! * `ci`: everything above and more, in the order a contributor would want it to fail.
#![expect(clippy::print_stdout, reason = "a command line speaks on stdout")]
#![expect(clippy::print_stderr, reason = "and complains on stderr")]
#![expect(clippy::disallowed_methods, reason = "steps are timed for whoever waits for them")]

mod apt;
mod browser;
mod ci;
mod cross;
mod errors;
mod fixtures;
mod fuzz;
mod growth;
mod step;
mod tidy;
mod types;
mod workspace;

use anyhow::{Result, bail};
use clap::{Parser, Subcommand};
use std::path::{Path, PathBuf};
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
    /// Renew docs/ERRORS.md from the source
    Errors,
    /// Run the benchmarks
    Bench {
        /// Run each benchmark once, without measuring
        #[arg(long)]
        smoke: bool,
    },
    /// Measure how runs grow with the number of nodes; renews docs/growth.csv and docs/growth.svg
    Growth,
    /// Take pictures of the page: all into a folder, those of the README into docs/
    Screenshots {
        /// Where all of them go
        #[arg(long, value_name = "DIR", default_value = "target/screenshots")]
        out: PathBuf,
    },
    /// Look for bugs: judge runs drawn from seeds, with the released command
    Swarm {
        /// For how many minutes
        #[arg(long, value_name = "M", default_value = "10")]
        minutes: String,
        /// The first seed
        #[arg(long, value_name = "N", default_value = "1")]
        seed: String,
    },
    /// Look for input that harms a decoder, with libFuzzer; needs the network once
    Fuzz {
        /// For how many seconds in all
        #[arg(long, value_name = "N", default_value = "60")]
        seconds: u64,
        /// One target alone; without it, all of them in turn
        #[arg(long, value_name = "NAME")]
        target: Option<String>,
        /// Print the targets without running them
        #[arg(long, conflicts_with_all = ["seconds", "target"])]
        list: bool,
    },
    /// Run the command on other processors, under an emulator; needs the network once
    Cross {
        /// One processor alone; without it, all of them in turn
        #[arg(long, value_name = "NAME")]
        target: Option<String>,
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
        Command::Errors => errors::run(&places),
        Command::Bench { smoke } => bench(smoke).run(&places.root),
        Command::Growth => {
            ci::release().run(&places.root)?;
            growth::run(&places)
        }
        Command::Screenshots { out } => screenshots(&places, &out),
        Command::Swarm { minutes, seed } => {
            ci::release().run(&places.root)?;
            swarm(&places, &minutes, &seed).run(&places.root)
        }
        Command::Fuzz { list: true, .. } => fuzz::list(&places),
        Command::Fuzz { seconds, target, .. } => fuzz::run(&places, seconds, target.as_deref()),
        Command::Cross { target } => {
            ci::release().run(&places.root)?;
            cross::run(&places, target.as_deref())
        }
        Command::Ci { list: true, .. } => {
            ci::list(&places);
            Ok(())
        }
        Command::Ci { only, .. } => ci::run(&places, only.as_deref()),
    }
}

/// Pictures that the README shows, by the names of the files in the folder of all of them.
const SHOWN: [&str; 1] = ["network-1280-dark.png"];

fn screenshots(places: &Places, out: &Path) -> Result<()> {
    let out = places.root.join(out);
    std::fs::create_dir_all(&out)?;
    if !browser::ensure() {
        bail!("there is no browser to take pictures with");
    }
    let test = ["test", "--release", "-p", "espalier-web", "--test", "it", "screenshots"];
    let take = Step::cargo("screenshots", &test);
    take.env("ESPALIER_SCREENSHOTS", out.to_string_lossy()).run(&places.root)?;
    for name in SHOWN {
        std::fs::copy(out.join(name), places.root.join("docs").join(name))?;
    }
    println!("pictures are in {}", out.display());
    Ok(())
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
