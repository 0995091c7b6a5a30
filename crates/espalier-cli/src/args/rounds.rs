//! The flags of `rounds`.

use super::{whole, words};
use clap::{Args, ValueHint};
use espalier::topology::{Order, Topology};
use std::num::NonZeroU32;
use std::path::PathBuf;

/// `rounds`: what to measure.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:
  espalier rounds
      eleven networks of 8, 64 and 1024 nodes, 200 seeds each: one to three minutes on two cores,
      mostly for the ring and the line of 1024
  espalier rounds --nodes 8,64
      the same without the largest networks, in a few seconds
  espalier rounds --topology complete,ring --nodes 4 --seeds 10000
      networks so small that theory gives the exact mean

The reference comes from a separate program, fixtures/rounds/reference.py, with its own generators
and seeds. Exit code 1 means that a mean differs from it by more than three standard errors of the
difference or is outside the bounds of theory, or that a schedule took longer than it promises. If
all is well, one of 64 means is still out by chance in about every sixth run: try another --seed.")]
pub(crate) struct RoundsArgs {
    /// Numbers of nodes
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_value = "8,64,1024")]
    #[arg(value_parser = whole::<u32>, help_heading = "Networks")]
    #[arg(value_hint = ValueHint::Other)]
    pub(crate) nodes: Vec<u32>,
    /// The networks, as for `simulate` [default: random, ring, star, complete, line, torus,
    /// hypercube, regular:4, erdos-renyi:P with P = 2 ln n / n, watts-strogatz:4:0.1,
    /// barabasi-albert:2]
    #[arg(long, value_name = "NAME,…", value_delimiter = ',', help_heading = "Networks")]
    #[arg(value_parser = words::topologies(), hide_possible_values = true)]
    pub(crate) topology: Vec<Topology>,
    /// Whether the exchanges of a round see each other's results [default: both]
    #[arg(long, value_name = "sequential|synchronous", help_heading = "Networks")]
    #[arg(value_parser = words::one_of::<Order>(words::orders), hide_possible_values = true)]
    pub(crate) order: Option<Order>,
    /// Number of seeds, with one run of each network per seed
    #[arg(long, value_name = "COUNT", default_value = "200", help_heading = "Runs")]
    #[arg(value_parser = whole::<NonZeroU32>)]
    #[arg(value_hint = ValueHint::Other)]
    pub(crate) seeds: NonZeroU32,
    /// The first seed
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "Runs")]
    #[arg(value_parser = whole::<u64>)]
    #[arg(value_hint = ValueHint::Other)]
    pub(crate) seed: u64,
    /// Also write JSON to this file; with `-`, print JSON in place of the table
    #[arg(long, value_name = "FILE|-", value_hint = ValueHint::FilePath, help_heading = "Output")]
    pub(crate) json: Option<PathBuf>,
    /// Also write a CSV file with one line per cell
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Output")]
    pub(crate) csv: Option<PathBuf>,
    /// Overwrite existing files
    #[arg(long, help_heading = "Output")]
    pub(crate) force: bool,
}
