//! What happens to a node, and when a round begins.

use crate::config::Config;
use crate::engine::Time;

/// What happens to a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// It goes, and keeps what it knows.
    Leave,
    /// It comes, for the first time or again.
    Join,
    /// It goes down without a word.
    Crash,
    /// It comes back with what was durable.
    Restart,
    /// An outage begins; there may be several at once.
    Down,
    /// An outage ends.
    Up,
}

/// When a round begins.
pub(crate) fn time_of(round: u32, config: &Config) -> Time {
    Time::from(round.saturating_sub(1)).saturating_mul(config.period.0)
}
