//! Whole runs of the simulator, through its public face.

mod attacks;
mod convergence;
mod determinism;
mod exchanges;
mod families;
mod faults;
mod fixtures;
mod grid;
mod inputs;
mod least;
mod metrics;
#[cfg(feature = "mutants")]
mod mutants;
mod outages;
mod output;
mod own_protocol;
mod page_proof;
mod protocol;
mod ready_scenarios;
mod refusals;
mod replays;
mod scenario;
mod swarm;
mod time;
mod verify;
mod watch;

use espalier_sim::{Config, Report, Round, simulate};
use std::ops::ControlFlow;

/// Eight nodes with seeded tensors of twelve elements: a run takes milliseconds.
fn small() -> Config {
    Config { rounds: 12, model: "synthetic:3x4".parse().unwrap(), ..Config::default() }
}

#[track_caller]
fn run(config: &Config) -> Report {
    simulate(config, &mut |_| ControlFlow::Continue(())).unwrap_or_else(|e| panic!("{e}"))
}

#[track_caller]
fn refused(config: &Config) -> String {
    match simulate(config, &mut |_| ControlFlow::Continue(())) {
        Ok(_) => panic!("ran: {config:?}"),
        Err(error) => error.to_string(),
    }
}

fn last(report: &Report) -> &Round {
    report.rounds.last().unwrap()
}

/// That all honest active nodes ended with one state and one model.
#[track_caller]
fn assert_one_model(report: &Report, what: &str) {
    assert!(report.summary.converged, "{what}: {} states", last(report).distinct_states);
    assert_eq!(last(report).mean_pairwise_l2, Some(0.0), "{what}");
    assert!(report.summary.final_model_hash.is_some(), "{what}");
    assert!(report.round_trip.iter().all(|proof| proof.pass), "{what}");
}

/// What no run may show, whatever its faults and liars: an honest node that is convicted or that
/// signed one number twice, or somebody who has seen more of an author than its author.
#[track_caller]
fn assert_nobody_honest_convicted(report: &Report, what: &str) {
    let honest: Vec<_> = report.nodes.iter().map(|node| !node.byzantine).collect();
    for round in &report.rounds {
        let at = format!("{what}, round {}", round.round);
        for (i, node) in report.nodes.iter().enumerate().filter(|(i, _)| honest[*i]) {
            assert_eq!(round.trust[i].consistency, 1.0, "{at}: {} convicted", node.name);
            let own = round.clock[i].get(&node.name).copied().unwrap_or(0);
            for (j, clock) in round.clock.iter().enumerate().filter(|(j, _)| honest[*j]) {
                let seen = clock.get(&node.name).copied().unwrap_or(0);
                assert!(seen >= 0, "{at}: node_{j} saw {} fork", node.name);
                assert!(seen <= own, "{at}: node_{j} is ahead of {}", node.name);
            }
        }
    }
    for op in report.trace.iter().filter(|op| op.kind == "evidence") {
        let proves_nothing = op.text.ends_with("proves nothing");
        // Who signs what proves nothing lies.
        let accused = if proves_nothing { &op.author } else { op.text.rsplit(' ').next().unwrap() };
        let guilty = report.nodes.iter().any(|node| node.name == accused && node.byzantine);
        assert!(guilty, "{what}: {} is evidence {}", op.author, op.text);
    }
}
