//! Why a scenario is not run.

use crate::error::SimError;
use espalier_blame::Blame;
use std::path::PathBuf;

/// A scenario that cannot be run. Nothing was written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScenarioError {
    /// The file cannot be read.
    #[error("cannot read {}: {source}", .path.display())]
    Read {
        /// The scenario file.
        path: PathBuf,
        /// What kept it from being read.
        source: espalier_file::ReadError,
    },
    /// A line of the scenario file is wrong.
    #[error("{}, line {line}: {problem}", .path.display())]
    Wrong {
        /// The scenario file.
        path: PathBuf,
        /// The number of the line, from 1.
        line: usize,
        /// The key, what is wrong, and what would be right.
        problem: String,
    },
    /// The text is not a `scenario.json`.
    #[error("not a scenario.json: {0}")]
    Parse(serde_json::Error),
    /// A scenario has too much or nothing to run.
    #[error("{0}")]
    Limit(String),
    /// One of its runs cannot be made. `error` says more.
    #[error("run `{run}`{}: {error}", with_seed(*.seed))]
    Run {
        /// The name of the run.
        run: String,
        /// The seed, if the run was started.
        seed: Option<u64>,
        /// What kept it from being run.
        error: Box<SimError>,
    },
}

impl ScenarioError {
    /// Who has to act on this error.
    #[must_use]
    pub fn blame(&self) -> Blame {
        match self {
            Self::Read { source, .. } => source.blame(),
            Self::Wrong { .. } | Self::Limit(_) => Blame::Caller,
            Self::Parse(_) => Blame::Peer,
            Self::Run { error, .. } => error.blame(),
        }
    }

    /// A stable word for programs to tell this error from all others.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Read { source, .. } => source.code(),
            Self::Wrong { .. } => "scenario-line",
            Self::Parse(_) => "scenario-json",
            Self::Limit(_) => "scenario-limit",
            Self::Run { error, .. } => error.code(),
        }
    }
}

fn with_seed(seed: Option<u64>) -> String {
    seed.map_or(String::new(), |seed| format!(" with seed {seed}"))
}
