//! Every topology, strategy, order, schedule and exchange brings the nodes to one model.

use crate::{assert_nobody_honest_convicted, assert_one_model, run, small};
use espalier_resolve::registry;
use espalier_sim::{Config, Exchange};
use espalier_topology::{Order, Schedule};
use std::io::Write as _;

const ORDERS: [Order; 2] = [Order::Sequential, Order::Synchronous];

#[test]
fn every_topology_converges() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    writeln!(file, "# a path with a chord\n0 1\n1 2\n2 3\n3 4\n0 3").unwrap();
    let from_file = format!("file:{}", file.path().display());
    let topologies = [
        ("random", 9),
        ("ring", 9),
        ("star", 9),
        ("complete", 9),
        ("line", 6),
        ("torus", 12),
        ("hypercube", 16),
        ("regular:4", 10),
        ("erdos-renyi:0.4", 12),
        ("watts-strogatz:4:0.3", 12),
        ("barabasi-albert:2", 12),
        (&from_file, 5),
        ("ring", 2),
        ("complete", 2),
    ];
    for (text, nodes) in topologies {
        for order in ORDERS {
            let topology = text.parse().unwrap();
            let report = run(&Config { nodes, topology, order, rounds: 40, ..small() });
            let what = format!("{text} of {nodes}, {order}");
            assert_one_model(&report, &what);
            assert_nobody_honest_convicted(&report, &what);
            let rounds = report.summary.rounds_to_converge.unwrap();
            assert!(rounds >= report.topology.rounds_lower, "{what}: {rounds}");
            assert_eq!(report.trace.last().unwrap().visible, nodes, "{what}");
        }
    }
}

#[test]
fn every_strategy_gives_one_model_and_each_another() {
    for model in ["digits", "synthetic:6x7"] {
        let mut hashes = Vec::new();
        for strategy in registry() {
            let model = model.parse().unwrap();
            let config = Config { model, strategy: strategy.name.into(), rounds: 10, ..small() };
            let report = run(&config);
            assert_one_model(&report, strategy.name);
            assert_eq!(report.summary.isolated.as_deref(), Some(&[][..]), "{}", strategy.name);
            hashes.push(report.summary.final_model_hash);
        }
        hashes.sort();
        let all = hashes.len();
        hashes.dedup();
        // Some are equal where weights are, where everybody changed every element (`ram`), and
        // where there are too few directions for each input to have one of its own (`iso-cts`).
        assert!(hashes.len() + 5 >= all, "{model}: {} of {all} differ", hashes.len());
    }
}

#[test]
fn merging_digits_beats_the_mean_of_those_who_stay_alone() {
    for seed in 1..4 {
        let report = run(&Config { seed, rounds: 8, ..Config::default() });
        let alone = report.model.alone_accuracy.unwrap();
        let mean = alone.iter().sum::<f64>() / alone.len() as f64;
        let merged = report.summary.final_accuracy.unwrap();
        assert!(merged > mean, "seed {seed}: {merged} and {mean}");
        assert!(merged > report.model.base_accuracy.unwrap());
    }
}

#[test]
fn a_schedule_needs_no_more_rounds_than_doubling_does() {
    let complete = [2, 4, 6, 8, 10, 16, 22].map(|nodes| ("complete", nodes));
    let hypercube = [2, 4, 8, 16, 32].map(|nodes| ("hypercube", nodes));
    for (text, nodes) in complete.into_iter().chain(hypercube) {
        for order in ORDERS {
            let topology = text.parse().unwrap();
            let schedule = Schedule::Scheduled;
            let report = run(&Config { nodes, topology, order, schedule, ..small() });
            let doublings = (nodes as usize).next_power_of_two().trailing_zeros();
            let rounds = report.summary.rounds_to_converge.unwrap();
            assert!(rounds <= doublings, "{text} of {nodes}, {order}: {rounds} rounds");
        }
    }
}

#[test]
fn delta_and_full_state_reach_the_same_and_full_state_sends_more() {
    for order in ORDERS {
        let delta = run(&Config { order, ..Config::default() });
        let full = run(&Config { order, exchange: Exchange::FullState, ..Config::default() });
        assert_one_model(&delta, "delta");
        assert_one_model(&full, "full-state");
        assert_eq!(delta.summary.final_state_hash, full.summary.final_state_hash);
        assert_eq!(delta.summary.final_model_hash, full.summary.final_model_hash);
        assert!(full.summary.sent_bytes > 2 * delta.summary.sent_bytes);
        let over = delta.summary.bytes_over_optimum.unwrap();
        // Synchronous exchanges of one round may bring the same tensors to a node twice.
        let most = if order == Order::Sequential { 1.2 } else { 2.0 };
        assert!((1.0..most).contains(&over), "{order}: {over}");
    }
}

#[test]
fn equal_nodes_only_compare_roots() {
    let report = run(&Config { rounds: 20, ..Config::default() });
    let quiet = &report.rounds[report.summary.rounds_to_converge.unwrap() as usize + 1];
    // Eight exchanges, each a question and an answer.
    assert!(quiet.sent_bytes < 8 * 200, "{} bytes", quiet.sent_bytes);
    let bytes: u64 = report.rounds.iter().map(|round| round.sent_bytes).sum();
    assert_eq!(bytes, report.summary.sent_bytes);
    assert_eq!(report.audit.iter().map(|entry| entry.bytes).sum::<u64>(), bytes);
    assert_eq!(report.audit_total, report.audit.len() as u64);
}

#[test]
fn until_converged_stops_at_the_first_such_round() {
    let config = Config { until_converged: true, rounds: 40, ..small() };
    let report = run(&config);
    let rounds = report.rounds.len() as u32 - 1;
    assert_eq!(report.summary.rounds_to_converge, Some(rounds));
    assert!(rounds < 15, "{rounds}");

    let joining = Config { late_joiners: Some("2@15".parse().unwrap()), ..config.clone() };
    assert!(run(&joining).rounds.len() > 15);
    let healing = Config { partition: Some("2@1..17".parse().unwrap()), ..config };
    let report = run(&healing);
    assert!(report.rounds.len() > 17 && report.summary.converged);
}

#[test]
fn training_again_replaces_contributions() {
    let report = run(&Config { retrain: Some(12), rounds: 83, ..Config::default() });
    assert_one_model(&report, "retrain");
    let end = report.trace.last().unwrap();
    // Seven contributions each, of which the score averages over five.
    assert_eq!((end.visible, end.tombstones), (8, 16));
    let accuracy = |round: usize| report.rounds[round].task_accuracy[0].unwrap();
    assert!(accuracy(83) > accuracy(11) - 0.01, "{} to {}", accuracy(11), accuracy(83));
}
