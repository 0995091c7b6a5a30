//! Why a scenario is not run.

use crate::error::SimError;
use std::path::PathBuf;

/// A scenario that cannot be run. Nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// The file cannot be read: the user's fault.
    #[error("cannot read {}: {source}", .path.display())]
    Read {
        /// The scenario file.
        path: PathBuf,
        /// What kept it from being read.
        source: espalier_file::ReadError,
    },
    /// Something in the file is wrong: the user's fault.
    #[error("{}, line {line}: {problem}", .path.display())]
    Wrong {
        /// The scenario file.
        path: PathBuf,
        /// The number of the line, from 1.
        line: usize,
        /// The key, what is wrong, and what would be right.
        problem: String,
    },
    /// A text that is no `scenario.json`: the user's fault.
    #[error("not what a scenario found: {0}")]
    Parse(serde_json::Error),
    /// Too much or nothing to run: the user's fault.
    #[error("{0}")]
    Limit(String),
    /// One of its runs cannot be made. As far as known the user's fault; `error` says more.
    #[error("run `{run}`{}: {error}", with_seed(*.seed))]
    Run {
        /// The name of the run.
        run: String,
        /// With which seed, if it was started.
        seed: Option<u64>,
        /// What kept it from being run.
        error: Box<SimError>,
    },
}

fn with_seed(seed: Option<u64>) -> String {
    seed.map_or(String::new(), |seed| format!(" with seed {seed}"))
}
