//! The flags of `exchanges`, `rounds` and `maelstrom`.

use super::{MemoryArgs, probability, whole, words};
use crate::maelstrom::Workload;
use clap::{Args, ValueHint};
use espalier::sim::{Clock, Family, Latency};
use espalier::topology::{Order, Topology};
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

/// `maelstrom`: what to serve.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:
  maelstrom test -w broadcast --bin ./node --node-count 5 --nemesis partition
      where ./node is a script of two lines: `#!/bin/sh` and
      `exec espalier maelstrom broadcast`
  maelstrom test -w g-set --bin ./node --node-count 5 --nemesis partition
      the same with `g-set`

The keys of these nodes are derived from their names, so anybody can compute them.")]
pub(crate) struct MaelstromArgs {
    /// The workload to serve
    pub(crate) workload: Workload,
    /// Milliseconds between rounds of gossip; news is sent at once, but at most once per round to
    /// each neighbour
    #[arg(long, value_name = "MS", default_value = "100")]
    #[arg(value_parser = whole::<NonZeroU32>)]
    pub(crate) period: NonZeroU32,
}
