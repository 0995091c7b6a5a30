//! The flags of `swarm`.

use super::{MemoryArgs, RunArgs, minutes, whole};
use clap::{Args, ValueHint};
use std::num::NonZeroU64;
use std::path::PathBuf;

/// `swarm`: which runs to judge.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:
  espalier swarm
      a thousand runs, each drawn at random from its seed
  espalier swarm --seed 1000000 --minutes 30
      other runs, for half an hour
  espalier swarm --replay espalier-swarm/trust-17.json
      a violation found earlier, with details
  espalier swarm --fixed --nodes 5 --model synthetic:4 --loss 0.3 --crash 0.2 --seeds 100
      one configuration with a hundred seeds

Exit code 1 means that a violation was found. The failing run is shrunk and written to --out.")]
pub(crate) struct SwarmArgs {
    /// Number of seeds to try, starting at --seed [default: 1000]
    #[arg(long, value_name = "COUNT", value_parser = whole::<NonZeroU64>, help_heading = "Swarm")]
    pub(crate) seeds: Option<NonZeroU64>,
    /// Try seeds for M minutes instead of a fixed number
    #[arg(long, value_name = "M", value_parser = minutes, help_heading = "Swarm")]
    pub(crate) minutes: Option<f64>,
    /// Repeat the run in this file and judge it again
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Swarm")]
    pub(crate) replay: Option<PathBuf>,
    /// Take the configuration from the flags below instead of drawing it from the seed
    #[arg(long, help_heading = "Swarm")]
    pub(crate) fixed: bool,
    /// Folder for the violations that were found
    #[arg(long, value_name = "DIR", default_value = "espalier-swarm", help_heading = "Swarm")]
    #[arg(value_hint = ValueHint::DirPath)]
    pub(crate) out: PathBuf,
    #[command(flatten)]
    pub(crate) run: RunArgs,
    #[command(flatten)]
    pub(crate) memory: MemoryArgs,
}
