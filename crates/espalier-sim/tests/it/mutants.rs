//! Deliberate bugs: every checker finds one, and finds nothing without it. Only with the feature
//! `mutants`; `cargo xtask ci --only mutants` runs this.

use espalier_replica::Mutant;
use espalier_sim::{Config, Exchange, SimMutant, judge_by, swarm_config};
use std::sync::{Mutex, PoisonError};

/// The first so many seeds have to be enough, of those in which the bug can be met at all.
const SEEDS: usize = 100;

/// One at a time: what is loose is loose in the whole process.
static CAGE: Mutex<()> = Mutex::new(());

#[track_caller]
fn check(checker: &str, meets: impl Fn(&Config) -> bool, release: impl Fn(bool)) {
    let _cage = CAGE.lock().unwrap_or_else(PoisonError::into_inner);
    let drawn = || (1..).map(swarm_config).filter(&meets).take(SEEDS);
    release(true);
    let found = drawn().position(|config| judge_by(&config, Some(checker)).violation.is_some());
    release(false);
    let found = found.unwrap_or_else(|| panic!("{checker} did not notice in {SEEDS} seeds"));
    for config in drawn().take(found + 1) {
        let judged = judge_by(&config, None);
        assert_eq!(judged.violation, None, "seed {} without a mutant", config.seed);
    }
}

fn replica(checker: &str, mutant: Mutant) {
    check(checker, |_| true, |loose| Mutant::release(loose.then_some(mutant)));
}

fn simulator(checker: &str, mutant: SimMutant) {
    check(checker, |_| true, |loose| SimMutant::release(loose.then_some(mutant)));
}

#[test]
fn a_retraction_that_comes_early_is_forgotten() {
    replica("no-resurrection", Mutant::EarlyRetraction);
    replica("views", Mutant::EarlyRetraction);
}

#[test]
fn a_foreign_retraction_is_obeyed() {
    replica("own-only", Mutant::ForeignRetraction);
    replica("views", Mutant::ForeignRetraction);
}

#[test]
fn a_frontier_is_off_by_one() {
    replica("convergence", Mutant::Frontier);
}

#[test]
fn roots_are_compared_by_their_first_bits() {
    replica("convergence", Mutant::ShortRoots);
}

#[test]
fn a_join_loses_an_operation() {
    replica("causality", Mutant::LossyJoin);
}

#[test]
fn a_fork_makes_views_lose_an_operation() {
    replica("grow-only", Mutant::LossyRebuild);
}

#[test]
fn the_convicted_are_heard() {
    replica("trust", Mutant::DeafToEvidence);
    replica("views", Mutant::DeafToEvidence);
}

#[test]
fn a_merge_depends_on_the_order_of_arrival() {
    replica("one-model", Mutant::ArrivalOrder);
}

#[test]
fn evidence_is_forgotten() {
    replica("trust", Mutant::ShortMemory);
}

#[test]
fn forks_are_written_down_by_one_side() {
    replica("round-trip", Mutant::OneSidedFork);
}

#[test]
fn what_was_never_seen_is_named_as_seen() {
    replica("causality", Mutant::BlindDeps);
}

#[test]
fn logical_time_stands_still() {
    replica("trust", Mutant::StoppedClock);
    replica("causality", Mutant::StoppedClock);
}

#[test]
fn own_operations_are_not_synchronised() {
    simulator("durable", SimMutant::Unsynchronised);
}

#[test]
fn lost_bytes_count_twice() {
    simulator("traffic", SimMutant::CountedTwice);
}

#[test]
fn mail_waits_for_a_node_that_crashed() {
    simulator("traffic", SimMutant::MailWaits);
}

#[test]
fn streams_repeat() {
    // One seed in 27 draws links that repeat everything, and few of those broadcast.
    let meets = |config: &Config| config.exchange == Exchange::Broadcast && config.duplicate == 1.0;
    check("rest", meets, |loose| SimMutant::release(loose.then_some(SimMutant::StreamsRepeat)));
}
