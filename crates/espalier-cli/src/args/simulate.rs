//! The flags of `simulate`.

use super::{EndArgs, MemoryArgs, RunArgs, whole};
use clap::{Args, ValueHint};
use std::num::{NonZeroU32, NonZeroU64};
use std::path::PathBuf;

/// `simulate`: the run, and what to do with it.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:
  espalier simulate
      eight nodes, each with a part of the digits, for all rounds
  espalier simulate --nodes 128 --model synthetic:16x16 --until-converged
      the classic demonstration at sixteen times its size
  espalier simulate --model model.safetensors --strategy ties --param density=0.3
      merge seeded fine-tunes of a real model
  espalier simulate --byzantine 3 --attack sign-flip,equivocation,nan --spread mild
      three liars, and nobody is told who they are
  espalier simulate --clock periodic --latency lognormal:80ms:0.5 --bandwidth 2MB/s --loss 0.05
      in virtual time, over slow links that lose messages
  espalier simulate --log events.jsonl
      with every event logged to a file
  espalier simulate --replay events.jsonl --until 120 --show node_3
      the same run again up to its 120th event, and what node 3 knows by then
  espalier simulate --scenario churn.toml --seeds 5
      several runs with five seeds each, compared with confidence intervals

When it is done, open espalier-report/report.html.")]
pub(crate) struct SimulateArgs {
    /// Run everything in this scenario file, with all its seeds, in place of a single run
    #[arg(long, value_name = "FILE", help_heading = "Scenario")]
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) scenario: Option<PathBuf>,
    /// Number of seeds for each run [default: as in the file]
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
    /// Overwrite what is there
    #[arg(long, help_heading = "Output")]
    pub(crate) force: bool,
    /// Also write the JSON report to this file, or to standard output with `-`
    #[arg(long, value_name = "FILE|-", value_hint = ValueHint::FilePath, help_heading = "Output")]
    pub(crate) json: Option<PathBuf>,
    /// Write the merged model of the first honest node to this safetensors file
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Output")]
    pub(crate) save_model: Option<PathBuf>,
    /// Exit with 1 unless all honest active nodes end with the same state and a model can be
    /// merged from it; in a scenario, in all runs
    #[arg(long, help_heading = "Output")]
    pub(crate) require_convergence: bool,
    /// Write every event to this file, for --replay
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Replay")]
    pub(crate) log: Option<PathBuf>,
    /// Repeat the run recorded in this event log and compare event by event
    #[arg(long, value_name = "LOG", value_hint = ValueHint::FilePath, help_heading = "Replay")]
    pub(crate) replay: Option<PathBuf>,
    /// Stop the replay after this event and show the nodes
    #[arg(long, value_name = "EVENT", help_heading = "Replay")]
    #[arg(value_parser = whole::<NonZeroU64>)]
    pub(crate) until: Option<NonZeroU64>,
    /// Nodes to show, such as node_3 or 3,5; may be repeated [default: all, up to 16]
    #[arg(long, value_name = "NODE,…", value_delimiter = ',', value_hint = ValueHint::Other)]
    #[arg(help_heading = "Replay")]
    pub(crate) show: Vec<String>,
    #[command(flatten)]
    pub(crate) memory: MemoryArgs,
}
