//! The flags of `swarm` and `verify`.

use super::{MemoryArgs, RunArgs, minutes, whole};
use clap::{Args, ValueHint};
use std::num::NonZeroU64;
use std::path::PathBuf;

/// `swarm`: which runs to judge.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:
  espalier swarm
      a thousand runs, each drawn from a seed with everything it has
  espalier swarm --seed 1000000 --minutes 30
      others, for half an hour
  espalier swarm --replay espalier-swarm/trust-17.json
      a violation that was found before, with details
  espalier swarm --fixed --nodes 5 --model synthetic:4 --loss 0.3 --crash 0.2 --seeds 100
      one configuration with a hundred seeds

Exit code 1 says that something was wrong. What is found is made small and written into --out.")]
pub(crate) struct SwarmArgs {
    /// How many seeds, from --seed on [default: 1000]
    #[arg(long, value_name = "COUNT", value_parser = whole::<NonZeroU64>, help_heading = "Swarm")]
    pub(crate) seeds: Option<NonZeroU64>,
    /// Go on for so many minutes
    #[arg(long, value_name = "M", value_parser = minutes, help_heading = "Swarm")]
    pub(crate) minutes: Option<f64>,
    /// Judge the run in this file again
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Swarm")]
    pub(crate) replay: Option<PathBuf>,
    /// Draw nothing but take the configuration from the flags below
    #[arg(long, help_heading = "Swarm")]
    pub(crate) fixed: bool,
    /// Folder for what was found
    #[arg(long, value_name = "DIR", default_value = "espalier-swarm", help_heading = "Swarm")]
    #[arg(value_hint = ValueHint::DirPath)]
    pub(crate) out: PathBuf,
    #[command(flatten)]
    pub(crate) run: RunArgs,
    #[command(flatten)]
    pub(crate) memory: MemoryArgs,
}

/// `verify`: what to check.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:
  espalier verify espalier-report/report.json
      run it again and compare; likewise espalier-scenario/scenario.json
  espalier verify --evidence evidence.json
      who is convicted of what, and why: each record proves itself, offline")]
pub(crate) struct VerifyArgs {
    /// A report.json or scenario.json, or the folder it is in
    #[arg(value_name = "REPORT", value_hint = ValueHint::AnyPath)]
    pub(crate) report: Option<PathBuf>,
    /// Check the records in this file: one or a list of them in JSON, a state in JSON or binary
    /// form, or a report that has some
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) evidence: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) memory: MemoryArgs,
}
