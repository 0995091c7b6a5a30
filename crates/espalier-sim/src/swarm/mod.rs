//! The swarm, which looks for bugs in Espalier itself: runs drawn from seeds, judged by checkers
//! from outside.
//!
//! A seed draws a whole configuration, with features left out and extremes at random, so that
//! combinations come up that nobody thinks of (Groce et al., *Swarm Testing*, ISSTA 2012). A run
//! has two phases, as TigerBeetle's simulator has: with all faults, where nothing wrong may happen
//! (safety); then without any, where all honest nodes have to agree within a bound that follows
//! from theory (liveness).
//!
//! Checkers see what any user of `espalier-replica` can see, the messages that pass, and the
//! harness's list
//! of honest nodes. They have a slow model of their own to say what is right.

mod campaign;
mod checks;
mod draw;
mod drill;
mod facts;
mod jury;
mod look;
mod model;
mod regression;
mod shrink;

pub use campaign::{Failure, Judged, SwarmTally, judge, judge_by, run_swarm};
pub use jury::Coverage;
pub use look::Violation;
pub use regression::{MAX_REGRESSION_LEN, Regression};
pub use shrink::{Shrunk, shrink};

use crate::config::Config;

/// The configuration that a seed draws.
#[must_use]
pub fn swarm_config(seed: u64) -> Config {
    draw::draw(seed)
}
