//! The command line: help, completions and manual all come from this one definition.

mod byzantine;
mod exchanges;
mod fields;
mod key;
mod maelstrom;
mod merge;
mod rounds;
pub(crate) mod rules;
mod run;
mod serve;
mod simulate;
mod state;
mod swarm;
mod trace;
mod verify;
mod words;
mod workload;

pub(crate) use byzantine::ByzantineArgs;
pub(crate) use exchanges::ExchangesArgs;
pub(crate) use fields::told;
pub(crate) use key::{KeyArgs, KeyCommand};
pub(crate) use maelstrom::MaelstromArgs;
pub(crate) use merge::{HowArgs, MergeArgs, StrategiesArgs};
pub(crate) use rounds::RoundsArgs;
pub(crate) use run::{EndArgs, MemoryArgs, RunArgs};
pub(crate) use serve::ServeArgs;
pub(crate) use simulate::SimulateArgs;
pub(crate) use state::{
    AddArgs, InitArgs, ResolveArgs, RetractArgs, RosterArgs, ShowArgs, StateArgs, StateCommand,
    StateMergeArgs,
};
pub(crate) use swarm::SwarmArgs;
pub(crate) use trace::TraceArgs;
pub(crate) use verify::VerifyArgs;
pub(crate) use workload::Workload;

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
    /// Print only errors, and JSON if asked for
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
    /// Number of threads to compute on; does not change the result [default: all]
    #[arg(long, global = true, value_name = "N")]
    #[arg(value_parser = threads)]
    pub(crate) threads: Option<NonZeroUsize>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a federation of gossiping nodes and write a report
    Simulate(Box<SimulateArgs>),
    /// Merge model files by a strategy or a recipe
    Merge(Box<MergeArgs>),
    /// List the strategies with their formulas, parameters and papers
    Strategies(StrategiesArgs),
    /// Serve a web page on this machine that runs simulations and shows them live
    Serve(ServeArgs),
    /// Show how the state grew: contributions, roots, clocks, tombstones and wire sizes
    Trace(Box<TraceArgs>),
    /// Measure a grid of attacks, compared with robust rules that are told how many lie
    Byzantine(Box<ByzantineArgs>),
    /// Compare ways to spread contributions by time, messages, bytes and guarantees
    Exchanges(Box<ExchangesArgs>),
    /// Count rounds until all nodes agree, and compare with a reference and with theory
    Rounds(RoundsArgs),
    /// Test Espalier itself with random runs, judged from outside
    Swarm(Box<SwarmArgs>),
    /// Re-run a report or scenario and compare, or check records of evidence
    Verify(VerifyArgs),
    /// Make a signing key, or show its public half
    Key(KeyArgs),
    /// Keep a state in a folder: contribute, merge, inspect it, and write the merged model
    State(StateArgs),
    /// Check that this machine computes the specified values bit for bit
    Selfcheck,
    /// Run as a node in a Maelstrom test, on standard input and output
    Maelstrom(MaelstromArgs),
    /// Print a completion script
    Completions {
        /// The shell to print it for
        shell: clap_complete::Shell,
    },
    /// Print the manual
    Man {
        /// Write one page per subcommand into this folder instead
        #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
        out: Option<PathBuf>,
    },
}

impl Command {
    /// Whether the command needs threads to compute on.
    pub(crate) fn computes(&self) -> bool {
        match self {
            Self::Completions { .. } | Self::Man { .. } | Self::Key(_) => false,
            Self::State(args) => args.command.computes(),
            _ => true,
        }
    }
}

fn profiles() -> words::Words<Profile> {
    words::Words { offered: || vec!["strict", "clustered"], parse: profile }
}

fn profile(text: &str) -> Result<Profile, String> {
    match text {
        "strict" => Ok(Profile::Strict),
        "clustered" => Ok(Profile::Clustered),
        _ => Err("must be strict or clustered".into()),
    }
}

fn threads(text: &str) -> Result<NonZeroUsize, String> {
    let value = text.parse().ok().filter(|threads: &NonZeroUsize| threads.get() <= MAX_THREADS);
    value.ok_or_else(|| format!("must be a whole number from 1 to {MAX_THREADS}"))
}

fn whole<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    let least = u8::from("0".parse::<T>().is_err());
    let most = std::mem::size_of::<T>() * 8;
    let wrong = || format!("must be a whole number from {least} to 2^{most} - 1");
    text.parse().map_err(|_| wrong())
}

fn probability(text: &str) -> Result<f64, String> {
    let value = text.parse().ok().filter(|p| (0.0..=1.0).contains(p));
    value.ok_or_else(|| "must be a probability from 0 to 1, such as 0.1".into())
}

fn minutes(text: &str) -> Result<f64, String> {
    let value = text.parse().ok().filter(|m: &f64| *m > 0.0 && *m <= 1e6);
    value.ok_or_else(|| "must be a number of minutes above 0, such as 0.5".into())
}

fn parameter(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("must be KEY=VALUE, such as density=0.3")?;
    Ok((key.trim().to_owned(), value.trim().to_owned()))
}
