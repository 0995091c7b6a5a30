//! What a run cost.

use crate::config::Config;
use crate::engine::{Engine, News, Population};
use espalier_identity::Digest;

/// What a run cost until all were equal.
#[derive(Debug, Clone)]
pub(crate) struct RunCost {
    /// Whether they were, in the end.
    pub(crate) ended: bool,
    /// When the last of them learnt the last thing, and what was sent up to then.
    pub(crate) news: News,
    /// In rounds: in which one that was.
    pub(crate) round: u32,
    /// The number of messages that were sent again.
    pub(crate) resent: u64,
    /// Whether every node knows exactly whose contributions there are.
    pub(crate) exact: bool,
    /// Records of the event log, and its hash.
    pub(crate) logged: u64,
    pub(crate) event_log: Digest,
}

impl RunCost {
    pub(crate) fn of<P: Population>(engine: &Engine<'_, P>, config: &Config, ended: bool) -> Self {
        let news = engine.news;
        let round = u32::try_from(news.time / config.period.0.max(1)).unwrap_or(u32::MAX);
        Self {
            ended,
            news,
            round: round.saturating_add(1),
            resent: 0,
            exact: false,
            logged: engine.log.count(),
            event_log: engine.log.hash(),
        }
    }
}
