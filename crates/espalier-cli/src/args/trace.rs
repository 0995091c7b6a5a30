//! The flags of `trace`.

use super::{EndArgs, MemoryArgs, RunArgs};
use clap::{Args, ValueHint};
use std::path::PathBuf;

/// `trace`: a report to read, or a small run to make.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:
  espalier trace
      four nodes, one of which retracts, from the first operation to the last root
  espalier trace --report espalier-report/report.json
      the same for an earlier run
  espalier trace --nodes 5 --model digits --byzantine 1 --attack retract-others")]
pub(crate) struct TraceArgs {
    /// Trace this report, or the one in this folder, instead of running anything
    #[arg(long, value_name = "FILE", value_hint = ValueHint::AnyPath)]
    pub(crate) report: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) run: RunArgs,
    #[command(flatten)]
    pub(crate) end: EndArgs,
    /// Print the trace as JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) memory: MemoryArgs,
}
