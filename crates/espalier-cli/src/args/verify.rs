//! The flags of `verify`.

use super::{HowArgs, MemoryArgs};
use clap::{Args, ValueHint};
use std::path::PathBuf;

/// `verify`: what to check.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:
  espalier verify espalier-report/report.json
      run it again and compare; works for espalier-scenario/scenario.json too
  espalier verify --evidence evidence.json
      who is convicted of what, and why; each record is its own proof, so this works offline
  espalier verify merged --recipe recipe.yaml
      merge again and compare every tensor")]
pub(crate) struct VerifyArgs {
    /// A report.json or scenario.json, or the folder that holds it; with --recipe a merged model
    #[arg(value_name = "REPORT", value_hint = ValueHint::AnyPath)]
    pub(crate) report: Option<PathBuf>,
    /// Check the records of evidence in this file: a JSON record or list of records, a state in
    /// JSON or binary form, or a report
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) evidence: Option<PathBuf>,
    /// Merge by this recipe again and compare with the model
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) recipe: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) how: HowArgs,
    #[command(flatten)]
    pub(crate) memory: MemoryArgs,
}
