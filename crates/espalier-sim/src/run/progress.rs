//! Progress reports for a caller that waits for a run.

use espalier_replica::MergeState;

/// How far a run has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// The nodes train.
    Training,
    /// Something about the models that a user should know before the run goes on.
    Note(String),
    /// `done` of `of` rounds are over; the honest active nodes hold `distinct` distinct states.
    Round {
        /// Rounds done.
        done: u32,
        /// Rounds at most.
        of: u32,
        /// Distinct states.
        distinct: u32,
    },
    /// The run is over: with the state of the first honest node that is active, from which its
    /// merged model follows. Counted replicas have none.
    Ended(MergeState),
}
