//! Links and nodes that fail: everybody honest still ends equal, and nobody honest is convicted.

use crate::{assert_nobody_honest_convicted, assert_one_model, last, run, small};
use espalier_sim::{Config, EventKind, Report, Share};
use espalier_topology::{Topology, assign_parts};

fn mixes() -> Vec<(&'static str, Config)> {
    let base = Config { rounds: 60, ..small() };
    let late = Some("3@9".parse().unwrap());
    let partition = Some("3@2..11".parse().unwrap());
    let retract: Vec<_> = ["2@6", "0@8"].map(|text| text.parse().unwrap()).to_vec();
    vec![
        ("loss", Config { loss: 0.3, ..base.clone() }),
        ("duplicate", Config { duplicate: 0.3, ..base.clone() }),
        ("reorder", Config { reorder: 0.5, ..base.clone() }),
        ("all reordered", Config { reorder: 1.0, ..base.clone() }),
        ("delay", Config { delay: 3, ..base.clone() }),
        ("crash", Config { crash: 0.1, ..base.clone() }),
        ("partition", Config { partition: partition.clone(), ..base.clone() }),
        ("late", Config { late_joiners: late, ..base.clone() }),
        ("retract", Config { retract: retract.clone(), ..base.clone() }),
        (
            "all together",
            Config {
                loss: 0.3,
                duplicate: 0.3,
                reorder: 0.5,
                delay: 3,
                crash: 0.1,
                partition,
                late_joiners: late,
                retract,
                retrain: Some(200),
                rounds: 399,
                ..base
            },
        ),
    ]
}

#[test]
fn every_mix_of_faults_ends_equal_with_either_order_and_exchange() {
    for (what, config) in mixes() {
        for order in ["sequential", "synchronous"] {
            for exchange in [espalier_sim::Exchange::Delta, espalier_sim::Exchange::FullState] {
                let order = order.parse().unwrap();
                let report = run(&Config { order, exchange, ..config.clone() });
                let what = format!("{what}, {order}, {exchange:?}");
                assert_one_model(&report, &what);
                assert_nobody_honest_convicted(&report, &what);
            }
        }
    }
}

/// A few dozen seeds, each with faults and liars of its own.
#[test]
fn nobody_honest_is_convicted_whatever_happens() {
    let attacks =
        ["equivocation", "retract-others", "nan", "inf", "scale", "gaussian", "sign-flip"];
    for seed in 0..48_u64 {
        // A different digit of the seed decides each fault.
        let level = |place: u32| (seed / 3_u64.pow(place) % 3) as f64;
        let config = Config {
            seed,
            nodes: 6 + (seed % 5) as u32,
            rounds: 25,
            loss: 0.2 * level(0),
            crash: 0.15 * level(1),
            reorder: 0.3 * level(2),
            delay: (2.0 * level(3)) as u32,
            duplicate: 0.2 * level(0),
            order: ["sequential", "synchronous"][seed as usize % 2].parse().unwrap(),
            late_joiners: seed.is_multiple_of(4).then(|| "2@7".parse().unwrap()),
            partition: seed.is_multiple_of(3).then(|| "2@2..9".parse().unwrap()),
            retract: vec!["0@4".parse().unwrap(), "1@10".parse().unwrap()],
            retrain: seed.is_multiple_of(5).then_some(8),
            byzantine: Share::Count((seed % 3) as u32),
            attack: attacks[seed as usize % 7..].iter().map(|a| a.parse().unwrap()).collect(),
            ..small()
        };
        assert_nobody_honest_convicted(&run(&config), &format!("seed {seed}"));
    }
}

#[test]
fn parts_are_equal_inside_differ_outside_and_meet_after_healing() {
    let (nodes, seed) = (9, 4);
    let config = Config {
        nodes,
        seed,
        rounds: 30,
        topology: Topology::Complete,
        partition: Some("3@1..15".parse().unwrap()),
        ..small()
    };
    let report = run(&config);
    let parts = assign_parts(nodes as usize, 3, seed);
    let split = &report.rounds[14];
    assert_eq!(split.distinct_states, 3);
    for i in 0..nodes as usize {
        for j in 0..nodes as usize {
            let equal = split.state_hash[i] == split.state_hash[j];
            assert_eq!(equal, parts[i] == parts[j], "nodes {i} and {j}");
        }
    }
    assert!(split.mean_pairwise_l2.unwrap() > 0.0);
    assert_one_model(&report, "healed");
    assert!(report.summary.rounds_to_converge.unwrap() >= 15);
    let blocked = report.audit.iter().filter(|e| e.outcome == espalier_sim::Outcome::Blocked);
    assert!(blocked.clone().count() > 0);
    assert!(blocked.clone().all(|e| (1..15).contains(&e.round) && e.bytes == 0 && !e.changed));
}

#[test]
fn late_nodes_are_absent_join_and_are_merged() {
    let report = run(&Config { late_joiners: Some("3@6".parse().unwrap()), ..small() });
    let joined = report.events.iter().find(|e| e.kind == EventKind::Join).unwrap();
    assert_eq!((joined.round, joined.nodes.len()), (6, 3));
    for round in &report.rounds {
        let active = round.active.iter().filter(|active| **active).count();
        assert_eq!(active, if round.round < 6 { 5 } else { 8 });
    }
    assert_eq!(report.trace.last().unwrap().visible, 8);
    assert_one_model(&report, "late");
}

#[test]
fn a_retraction_reaches_everybody_and_leaves_the_model() {
    // What the others said of the node stays said.
    let config = Config { rounds: 20, attest: false, ..Config::default() };
    let report = run(&Config { retract: vec!["7@9".parse().unwrap()], ..config.clone() });
    assert_one_model(&report, "retract");
    assert_eq!(last(&report).tombstones, [1; 8]);
    assert_eq!(report.rounds[8].tombstones, [0; 8]);
    assert_eq!(report.trace.last().unwrap().visible, 7);
    // As if the node had never come.
    let never = run(&Config { late_joiners: Some("1@99".parse().unwrap()), ..config });
    assert_eq!(report.summary.final_state_hash, never.summary.final_state_hash);
    assert_eq!(report.summary.final_model_hash, never.summary.final_model_hash);
}

/// The node that retracts first hears nobody: the removal overtakes the contribution.
#[test]
fn a_removal_reaches_nodes_that_never_saw_the_contribution() {
    let report = run(&Config {
        partition: Some("8@1..4".parse().unwrap()),
        retract: vec!["3@3".parse().unwrap()],
        ..small()
    });
    assert_one_model(&report, "retract");
    assert_eq!(last(&report).tombstones, [1; 8]);
    assert!(report.trace.iter().all(|op| op.kind != "retract" || op.author == "node_3"));
}

fn events(report: &Report, kind: EventKind) -> Vec<(u32, usize)> {
    let of_kind = report.events.iter().filter(|event| event.kind == kind);
    let node = |name: &String| name.trim_start_matches("node_").parse().unwrap();
    of_kind.flat_map(|e| e.nodes.iter().map(|name| (e.round, node(name)))).collect()
}

#[test]
fn crashed_nodes_come_back_with_what_was_durable() {
    let mut lost = 0;
    for seed in 0..12 {
        let report = run(&Config { seed, crash: 0.25, rounds: 25, loss: 0.4, ..small() });
        let what = format!("seed {seed}");
        assert_nobody_honest_convicted(&report, &what);
        let crashes = events(&report, EventKind::Crash);
        for (round, i) in events(&report, EventKind::Restart) {
            let down = crashes.iter().filter(|(at, j)| *j == i && *at < round).map(|(at, _)| *at);
            let down = down.max().unwrap();
            assert!((1..=3).contains(&(round - down)), "{what}: down {down} to {round}");
            let rounds = &report.rounds[down as usize..round as usize];
            assert!(rounds.iter().all(|round| !round.active[i]), "{what}");
            assert!(report.rounds[round as usize].active[i], "{what}");
            let known = |round: u32| report.rounds[round as usize].clock[i].len();
            // Regression: who was down for longer went on writing.
            lost += usize::from(round - down >= 2 && known(round) < known(down - 1));
            // Its own contribution at least is never lost.
            assert!(report.rounds[round as usize].clock[i][&format!("node_{i}")] >= 1);
        }
        // Nobody sends to a node that is down, and nothing arrives there.
        for (round, i) in crashes {
            let name = format!("node_{i}");
            let at = report.audit.iter().filter(|e| e.round == round && e.to == name);
            assert!(at.clone().all(|entry| !entry.changed), "{what}, round {round}");
        }
    }
    assert!(lost > 0, "no crash forgot anything");
}

/// Regression: with everybody down there was no state to report on.
#[test]
fn one_honest_node_always_stays_up() {
    for (seed, nodes) in [(1, 2), (2, 2), (3, 5), (4, 8)] {
        let byzantine = Share::Count(nodes / 4);
        let config = Config { seed, nodes, byzantine, crash: 1.0, rounds: 15, ..small() };
        let report = run(&config);
        for round in &report.rounds {
            let up =
                |(i, node): (usize, &espalier_sim::NodeInfo)| round.active[i] && !node.byzantine;
            assert!(report.nodes.iter().enumerate().any(up), "round {}", round.round);
            assert!(round.distinct_states >= 1);
        }
    }
}

/// Regression: a node that joined late and crashed at once had nothing durable to come back with.
#[test]
fn late_nodes_may_crash_in_the_round_in_which_they_join() {
    for seed in 0..6 {
        let late_joiners = Some("5@3".parse().unwrap());
        let config = Config { seed, crash: 0.8, late_joiners, rounds: 12, ..small() };
        let report = run(&config);
        assert_nobody_honest_convicted(&report, &format!("seed {seed}"));
    }
}

/// Regression: a run stopped as converged while nodes were still down.
#[test]
fn until_converged_waits_for_those_who_are_down() {
    for seed in 0..12 {
        let config = Config { seed, crash: 0.1, until_converged: true, rounds: 60, ..small() };
        let report = run(&config);
        let stopped_early = report.rounds.len() <= 60;
        assert!(!stopped_early || last(&report).active.iter().all(|active| *active), "seed {seed}");
    }
}

/// Regression: the round of arrival overflowed.
#[test]
fn an_endless_delay_is_a_loss() {
    let report = run(&Config { delay: u32::MAX, rounds: 4, ..small() });
    assert!(!report.summary.converged);
}
