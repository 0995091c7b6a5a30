//! The flags of `exchanges`.

use super::{MemoryArgs, probability, whole, words};
use clap::{Args, ValueHint};
use espalier::sim::{Clock, Family, Latency};
use espalier::topology::Topology;
use std::num::NonZeroU32;
use std::path::PathBuf;

/// `exchanges`: the network on which all are compared.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:
  espalier exchanges
      all protocols on a complete network of 64 nodes
  espalier exchanges --topology ring --model synthetic:128x128 --loss 0.1
      contributions of 64 KiB on a ring that loses one message in ten
  espalier exchanges --clock periodic --latency lognormal:80ms:0.5
      in seconds, over slow links; `scheduled` is left out because it needs rounds

All figures count up to the moment when the last node has received everything.")]
pub(crate) struct ExchangesArgs {
    /// Number of nodes
    #[arg(long, value_name = "N", default_value_t = 64, help_heading = "Network")]
    #[arg(value_parser = whole::<u32>)]
    pub(crate) nodes: u32,
    /// The network, as for `simulate`
    #[arg(long, value_name = "NAME", default_value = "complete", help_heading = "Network")]
    #[arg(value_parser = words::topologies(), hide_possible_values = true)]
    pub(crate) topology: Topology,
    /// The model to spread: synthetic:SHAPE, digits or a path
    #[arg(long, value_name = "MODEL", default_value = "synthetic:16x16", help_heading = "Network")]
    #[arg(value_parser = words::models(), hide_possible_values = true)]
    pub(crate) model: Family,
    /// Probability that a message is lost
    #[arg(long, value_name = "P", default_value = "0", value_parser = probability)]
    #[arg(help_heading = "Network")]
    pub(crate) loss: f64,
    /// When nodes begin exchanges: rounds, periodic, poisson or none [default: periodic for
    /// broadcast, rounds for the others]
    #[arg(long, value_name = "WHICH", help_heading = "Network", hide_possible_values = true)]
    #[arg(value_parser = words::one_of::<Clock>(words::clocks))]
    pub(crate) clock: Option<Clock>,
    /// How long messages take, as for `simulate`
    #[arg(long, value_name = "WHICH", default_value = "none", help_heading = "Network")]
    #[arg(value_hint = ValueHint::Other)]
    pub(crate) latency: Latency,
    /// Number of seeds
    #[arg(long, value_name = "COUNT", default_value = "5", help_heading = "Runs")]
    #[arg(value_parser = whole::<NonZeroU32>)]
    #[arg(value_hint = ValueHint::Other)]
    pub(crate) seeds: NonZeroU32,
    /// The first seed
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "Runs")]
    #[arg(value_parser = whole::<u64>)]
    #[arg(value_hint = ValueHint::Other)]
    pub(crate) seed: u64,
    /// Give up on a run after this many rounds or periods [default: 20 per node plus 200]
    #[arg(long, value_name = "N", value_parser = whole::<NonZeroU32>, help_heading = "Runs")]
    #[arg(value_hint = ValueHint::Other)]
    pub(crate) rounds: Option<NonZeroU32>,
    /// Also write JSON to this file; with `-`, print JSON in place of the table
    #[arg(long, value_name = "FILE|-", value_hint = ValueHint::FilePath, help_heading = "Output")]
    pub(crate) json: Option<PathBuf>,
    /// Overwrite an existing file
    #[arg(long, help_heading = "Output")]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) memory: MemoryArgs,
}
