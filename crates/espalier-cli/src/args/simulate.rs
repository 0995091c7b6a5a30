//! The flags of `simulate` and `trace`.

use super::{EndArgs, MemoryArgs, RunArgs, whole};
use clap::{Args, ValueHint};
use std::num::{NonZeroU32, NonZeroU64};
use std::path::PathBuf;

/// `simulate`: the run, and what to do with it.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:
  espalier simulate
      eight nodes, each with a part of the digits, until all rounds are over
  espalier simulate --nodes 128 --model synthetic:16x16 --until-converged
      the classic demonstration at sixteen times its size
  espalier simulate --model model.safetensors --strategy ties --param density=0.3
      seeded fine-tunes of a real model
  espalier simulate --byzantine 3 --attack sign-flip,equivocation,nan --spread mild
      three liars, and nobody is told who they are
  espalier simulate --clock periodic --latency lognormal:80ms:0.5 --bandwidth 2MB/s --loss 0.05
      in virtual time, over links that are slow and lose messages
  espalier simulate --log events.jsonl
      with every event in a file, for
  espalier simulate --replay events.jsonl --until 120 --show node_3
      the same run again up to its 120th event, and what node 3 knows then
  espalier simulate --scenario churn.toml --seeds 5
      several runs, each with five seeds, compared with intervals

Open espalier-report/report.html when it is done.")]
pub(crate) struct SimulateArgs {
    /// Make all runs of this scenario file with all its seeds, in place of one run
    #[arg(long, value_name = "FILE", help_heading = "Scenario")]
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) scenario: Option<PathBuf>,
    /// With how many seeds [default: as in the file]
    #[arg(long, value_name = "N", help_heading = "Scenario")]
    #[arg(value_parser = whole::<NonZeroU32>)]
    pub(crate) seeds: Option<NonZeroU32>,
    #[command(flatten)]
    pub(crate) run: RunArgs,
    #[command(flatten)]
    pub(crate) end: EndArgs,
    /// Folder for report.html, report.json and audit.csv, or for scenario.html, scenario.json,
    /// scenario.csv and summary.csv [default: espalier-report, or espalier-scenario]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, help_heading = "Output")]
    pub(crate) out: Option<PathBuf>,
    /// Overwrite an existing report
    #[arg(long, help_heading = "Output")]
    pub(crate) force: bool,
    /// Also write the JSON report to this file, or to standard output with `-`
    #[arg(long, value_name = "FILE|-", value_hint = ValueHint::FilePath, help_heading = "Output")]
    pub(crate) json: Option<PathBuf>,
    /// Exit with 1 unless all honest active nodes end with one state from which a model can be
    /// merged, in all runs of a scenario
    #[arg(long, help_heading = "Output")]
    pub(crate) require_convergence: bool,
    /// Write every event to this file, for --replay
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Replay")]
    pub(crate) log: Option<PathBuf>,
    /// Run what this event log is of again, and compare event by event
    #[arg(long, value_name = "LOG", value_hint = ValueHint::FilePath, help_heading = "Replay")]
    pub(crate) replay: Option<PathBuf>,
    /// Stop the replay after this event and show the nodes
    #[arg(long, value_name = "EVENT", help_heading = "Replay")]
    #[arg(value_parser = whole::<NonZeroU64>)]
    pub(crate) until: Option<NonZeroU64>,
    /// Which nodes to show, such as node_3 or 3,5; may be repeated [default: all, up to 16]
    #[arg(long, value_name = "NODE,…", value_delimiter = ',', value_hint = ValueHint::Other)]
    #[arg(help_heading = "Replay")]
    pub(crate) show: Vec<String>,
    #[command(flatten)]
    pub(crate) memory: MemoryArgs,
}

/// `trace`: a report to read, or a small run to make.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:
  espalier trace
      four nodes, one of which retracts, from the first operation to the last root
  espalier trace --report espalier-report/report.json
      the same for a run that was made before
  espalier trace --nodes 5 --model digits --byzantine 1 --attack retract-others")]
pub(crate) struct TraceArgs {
    /// Read this report, or the one in this folder, instead of running anything
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
