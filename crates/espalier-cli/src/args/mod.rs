//! The command line: help, completions and manual all come from this one definition.

mod byzantine;
mod checks;
mod fields;
mod network;
pub(crate) mod rules;
mod run;
mod serve;
mod simulate;
mod words;

pub(crate) use byzantine::ByzantineArgs;
pub(crate) use checks::{SwarmArgs, VerifyArgs};
pub(crate) use fields::told;
pub(crate) use network::{ExchangesArgs, MaelstromArgs, RoundsArgs};
pub(crate) use run::{EndArgs, MemoryArgs, RunArgs};
pub(crate) use serve::ServeArgs;
pub(crate) use simulate::{SimulateArgs, TraceArgs};

use clap::{Parser, Subcommand};
use espalier::trust::Profile;
use std::num::NonZeroUsize;
use std::path::PathBuf;

/// The most threads.
const MAX_THREADS: usize = 1_024;

/// Merge models without a server: a CRDT of signed contributions, gossip, trust and provenance.
#[derive(Debug, Parser)]
#[command(name = "espalier", version, propagate_version = true, max_term_width = 100)]
#[command(after_help = "Examples:
  espalier simulate                                    eight nodes learn to read digits
  espalier simulate --nodes 32 --byzantine 34% --attack sign-flip,nan
  espalier simulate --topology ring --partition 2@3..9 --late-joiners 2@5
  espalier verify espalier-report/report.json          run it again and compare

Exit codes: 0 done, 1 a check failed, 2 bad usage or input, 3 the environment.")]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// Print nothing but errors, and JSON where it is asked for
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
    /// Threads to compute on [default: all]; the result does not depend on it
    #[arg(long, global = true, value_name = "N")]
    #[arg(value_parser = threads)]
    pub(crate) threads: Option<NonZeroUsize>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a federation of gossiping nodes and write a report
    Simulate(Box<SimulateArgs>),
    /// Open a page on this machine that runs simulations and shows them while they run
    Serve(ServeArgs),
    /// Show how the state grew: contributions, roots, clocks, tombstones, wire sizes
    Trace(Box<TraceArgs>),
    /// Measure a grid of attacks: what is found, what it costs, and what rules do that are told f
    Byzantine(Box<ByzantineArgs>),
    /// Compare ways to spread contributions: rounds or seconds, messages, bytes, guarantees
    Exchanges(Box<ExchangesArgs>),
    /// Count rounds until all nodes are equal, beside a reference and theory
    Rounds(RoundsArgs),
    /// Look for bugs of our own: runs drawn from seeds, judged from outside
    Swarm(Box<SwarmArgs>),
    /// Check a report or a scenario's by running it again, or records of evidence by themselves
    Verify(VerifyArgs),
    /// Recompute golden values: does this machine produce the specified bits?
    Selfcheck,
    /// Be a node of Maelstrom's tests, on standard input and output
    Maelstrom(MaelstromArgs),
    /// Print a completion script
    Completions {
        /// For which shell
        shell: clap_complete::Shell,
    },
    /// Print the manual
    Man {
        /// Write a page per subcommand into this folder
        #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
        out: Option<PathBuf>,
    },
}

impl Command {
    /// Whether it needs threads to compute on.
    pub(crate) fn computes(&self) -> bool {
        !matches!(self, Self::Completions { .. } | Self::Man { .. })
    }
}

fn profiles() -> words::Words<Profile> {
    words::Words { offered: || vec!["strict", "clustered"], parse: profile }
}

fn profile(text: &str) -> Result<Profile, String> {
    match text {
        "strict" => Ok(Profile::Strict),
        "clustered" => Ok(Profile::Clustered),
        _ => Err("it is strict or clustered".into()),
    }
}

fn threads(text: &str) -> Result<NonZeroUsize, String> {
    let value = text.parse().ok().filter(|threads: &NonZeroUsize| threads.get() <= MAX_THREADS);
    value.ok_or_else(|| format!("it is a whole number from 1 to {MAX_THREADS}"))
}

fn whole<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    let least = u8::from("0".parse::<T>().is_err());
    let most = std::mem::size_of::<T>() * 8;
    let wrong = || format!("it is a whole number from {least} to 2^{most} - 1");
    text.parse().map_err(|_| wrong())
}

fn probability(text: &str) -> Result<f64, String> {
    let value = text.parse().ok().filter(|p| (0.0..=1.0).contains(p));
    value.ok_or_else(|| "it is a probability from 0 to 1, such as 0.1".into())
}

fn minutes(text: &str) -> Result<f64, String> {
    let value = text.parse().ok().filter(|m: &f64| *m > 0.0 && *m <= 1e6);
    value.ok_or_else(|| "it is a number of minutes above 0, such as 0.5".into())
}

fn parameter(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("it is KEY=VALUE, such as density=0.3")?;
    Ok((key.trim().to_owned(), value.trim().to_owned()))
}
