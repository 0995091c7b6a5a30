//! Messages do not beget messages for ever.

use crate::swarm::facts::Facts;
use crate::swarm::look::{Checker, Seen, Setting, Verdict, claim};

/// The most events of a run. Most have a few thousand; in a storm their number doubles with every
/// hop.
const MAX_EVENTS: u64 = 250_000;

/// A run has an end.
#[derive(Debug, Default)]
pub(crate) struct Rest {
    events: u64,
}

impl Checker for Rest {
    fn name(&self) -> &'static str {
        "rest"
    }

    fn check(&mut self, _: &Setting<'_>, _: &Facts, seen: &Seen<'_>) -> Verdict {
        self.events += u64::from(matches!(seen, Seen::Record(_)));
        claim!(self.events <= MAX_EVENTS, "more than {MAX_EVENTS} events: messages beget messages");
        Ok(())
    }
}
