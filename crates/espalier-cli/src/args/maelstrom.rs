//! The flags of `maelstrom`.

use super::{whole, workload::Workload};
use clap::Args;
use std::num::NonZeroU32;

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
