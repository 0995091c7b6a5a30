//! Deliberate bugs: every checker finds one, and finds nothing without it. Only with the feature
//! `mutants`; `cargo xtask ci --only mutants` runs this.

use espalier_replica::Mutant;
use espalier_sim::{SimMutant, judge_by, swarm_config};
use std::sync::{Mutex, PoisonError};

/// The first so many seeds have to be enough.
const SEEDS: u64 = 100;

/// One at a time: what is loose is loose in the whole process.
static CAGE: Mutex<()> = Mutex::new(());

#[track_caller]
fn check(checker: &str, release: impl Fn(bool)) {
    let _cage = CAGE.lock().unwrap_or_else(PoisonError::into_inner);
    release(true);
    let complains = |seed: &u64| judge_by(&swarm_config(*seed), Some(checker)).violation.is_some();
    let found = (1..=SEEDS).find(complains);
    release(false);
    let found = found.unwrap_or_else(|| panic!("{checker} did not notice in {SEEDS} seeds"));
    for seed in 1..=found {
        let judged = judge_by(&swarm_config(seed), None);
        assert_eq!(judged.violation, None, "seed {seed} without a mutant");
    }
}

fn replica(checker: &str, mutant: Mutant) {
    check(checker, |loose| Mutant::release(loose.then_some(mutant)));
}

fn simulator(checker: &str, mutant: SimMutant) {
    check(checker, |loose| SimMutant::release(loose.then_some(mutant)));
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
    simulator("rest", SimMutant::StreamsRepeat);
}
