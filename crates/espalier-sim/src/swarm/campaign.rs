//! Many runs: in parallel over seeds, with results that do not depend on the threads.

use super::draw::draw;
use super::drill::{Drilled, drill};
use super::jury::Coverage;
use super::look::Violation;
use crate::config::{Config, Family};
use crate::engine::Logged;
use crate::error::{SimError, field};
use espalier_identity::Digest;
use rayon::prelude::*;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Seeds that are run together. Whether to go on is asked between two batches.
const BATCH: usize = 64;
/// A campaign ends after this many violations.
const ENOUGH: usize = 8;

/// The most nodes, rounds and elements of what is judged: it is looked at after every message.
const MOST: (u32, u32, u64) = (256, 10_000, 1 << 22);

impl Config {
    /// Checks that a run is small enough to be judged: each event is looked at by all checkers.
    ///
    /// # Errors
    /// [`SimError::Field`].
    pub fn check_swarm(&self) -> Result<(), SimError> {
        let (nodes, rounds, elements) = MOST;
        if self.nodes > nodes {
            return Err(field("nodes", format!("a jury judges at most {nodes}")));
        }
        if self.rounds > rounds {
            return Err(field("rounds", format!("a jury judges at most {rounds}")));
        }
        match &self.model {
            Family::Synthetic(shape) if shape.iter().product::<u64>() > elements => {
                Err(field("model", format!("a jury judges at most {elements} elements")))
            }
            _ => Ok(()),
        }
    }
}

/// What judging one run came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// The first violation, if there was one.
    pub violation: Option<Violation>,
    /// What happened, in numbers.
    pub coverage: Coverage,
    /// A hash over everything that happened; zero if the run did not come to its end.
    pub log: Digest,
    /// The last records of the event log.
    pub last: Vec<Logged>,
    /// The nodes that lie, by number, as the harness dealt it out.
    pub liars: Vec<u32>,
}

/// Runs a configuration before all checkers, up to the first violation. A configuration that is
/// refused, a node that cannot act, and a panic also count as violations.
///
/// The result depends on the configuration alone.
#[must_use]
pub fn judge(config: &Config) -> Judged {
    judge_by(config, None)
}

/// The same with a single checker, by name.
#[must_use]
pub fn judge_by(config: &Config, checker: Option<&str>) -> Judged {
    let broken = |checker: &str, problem: String| Judged {
        violation: Some(Violation { checker: checker.to_owned(), round: 0, problem }),
        coverage: Coverage { seeds: 1, ..Coverage::default() },
        log: Digest::ZERO,
        last: Vec::new(),
        liars: Vec::new(),
    };
    // Nothing of a run that panicked is looked at again.
    match catch_unwind(AssertUnwindSafe(|| drill(config, checker))) {
        Ok(Ok(Drilled { violation, coverage, log, last, liars })) => {
            Judged { violation, coverage, log, last, liars }
        }
        Ok(Err(error)) => broken("runs", error.to_string()),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
            broken("no-panic", text.unwrap_or("a panic without a message").to_owned())
        }
    }
}

/// A seed, what it drew, and what was wrong.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    /// The seed.
    pub seed: u64,
    /// Its configuration.
    pub config: Config,
    /// What was seen.
    pub violation: Violation,
}

/// What a campaign has come to so far.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SwarmTally {
    /// What happened in all runs, in numbers.
    pub coverage: Coverage,
    /// The failures, in the order of their seeds.
    pub failures: Vec<Failure>,
}

/// Draws a configuration from each of `seeds`, or takes `fixed` with its seed, and judges them in
/// parallel.
///
/// `watch` hears how far it is, after every 64 seeds, and can stop it. It ends by itself after the
/// first batch that makes eight violations or more. The tally depends on the seeds alone, not on
/// the
/// number of threads.
pub fn run_swarm(
    seeds: impl IntoIterator<Item = u64>,
    fixed: Option<&Config>,
    watch: &mut dyn FnMut(&SwarmTally) -> ControlFlow<()>,
) -> SwarmTally {
    let config_of = |seed: u64| match fixed {
        Some(config) => Config { seed, ..config.clone() },
        None => draw(seed),
    };
    let mut tally = SwarmTally::default();
    let mut seeds = seeds.into_iter();
    loop {
        let batch: Vec<u64> = seeds.by_ref().take(BATCH).collect();
        if batch.is_empty() {
            return tally;
        }
        let judge_seed = |&seed: &u64| {
            let config = config_of(seed);
            (seed, judge(&config), config)
        };
        let judged: Vec<_> = batch.par_iter().with_max_len(1).map(judge_seed).collect();
        for (seed, Judged { violation, coverage, .. }, config) in judged {
            tally.coverage += coverage;
            let failure = violation.map(|violation| Failure { seed, config, violation });
            tally.failures.extend(failure);
        }
        if watch(&tally).is_break() || tally.failures.len() >= ENOUGH {
            return tally;
        }
    }
}
