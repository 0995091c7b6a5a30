//! Who is there in which round: outages, late joiners, traces and chance together, against a model
//! that counts round by round.

use crate::{run, small};
use espalier_sim::{Churn, Config, EventKind, Outage, Report};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::io::Write as _;

const NODES: u32 = 6;
const ROUNDS: u32 = 12;

/// What a case says.
#[derive(Debug, Clone)]
struct Said {
    seed: u64,
    outages: Vec<(u32, u32, u32)>,
    late: Option<(u32, u32)>,
    /// Round, node and change.
    trace: Vec<(u32, u32, usize)>,
    timed: bool,
    crash: f64,
    loss: f64,
    delay: u32,
}

const CHANGES: [&str; 4] = ["leave", "join", "crash", "restart"];

fn said(crash: impl Strategy<Value = f64>) -> impl Strategy<Value = Said> {
    let outage =
        (0..NODES, 1..=ROUNDS, 1..6_u32).prop_map(|(node, from, len)| (node, from, from + len));
    let line = (1..=ROUNDS, 0..NODES, 0..CHANGES.len());
    (
        any::<u64>(),
        proptest::collection::vec(outage, 0..5),
        proptest::option::of((1..3_u32, 1..=ROUNDS)),
        proptest::collection::vec(line, 0..6),
        any::<bool>(),
        crash,
        prop_oneof![Just(0.0), Just(0.3)],
        0..3_u32,
    )
        .prop_map(|(seed, outages, late, trace, timed, crash, loss, delay)| Said {
            seed,
            outages,
            late,
            trace,
            timed,
            crash,
            loss,
            delay,
        })
}

/// Whether nothing that is said keeps a node away in a round.
fn is_wanted(said: &Said, node: u32, round: u32) -> bool {
    let out =
        said.outages.iter().any(|(n, from, until)| *n == node && (*from..*until).contains(&round));
    let late = said.late.is_some_and(|(count, at)| node >= NODES - count && round < at);
    let mut lines: Vec<_> = said.trace.iter().filter(|(_, n, _)| *n == node).collect();
    lines.sort_by_key(|(at, ..)| *at);
    // A node whose first line lets it join is not there before.
    let (mut left, mut down) = (lines.first().is_some_and(|(.., change)| *change == 1), false);
    for (_, _, change) in lines.iter().filter(|(at, ..)| *at <= round) {
        match change {
            0 => left = true,
            1 => left = false,
            2 => down = true,
            _ => down = false,
        }
    }
    !out && !late && !left && !down
}

fn report(said: &Said, folder: &std::path::Path) -> Option<Report> {
    let mut config = Config {
        nodes: NODES,
        rounds: ROUNDS,
        seed: said.seed,
        crash: said.crash,
        loss: said.loss,
        delay: said.delay,
        late_joiners: said.late.and_then(|(count, at)| format!("{count}@{at}").parse().ok()),
        ..small()
    };
    let outage = |&(node, from, until): &(u32, u32, u32)| Outage { node, rounds: from..until };
    config.outage = said.outages.iter().map(outage).collect();
    if said.timed {
        config.clock = "periodic".parse().unwrap();
    }
    if !said.trace.is_empty() {
        let path = folder.join("trace.txt");
        let mut file = std::fs::File::create(&path).unwrap();
        for (round, node, change) in &said.trace {
            writeln!(file, "{round} {node} {}", CHANGES[*change]).unwrap();
        }
        config.churn = Some(Churn::File(path.display().to_string()));
    }
    let somebody = |round| (0..NODES).any(|node| is_wanted(said, node, round));
    let refused =
        match espalier_sim::simulate(&config, &mut |_| std::ops::ControlFlow::Continue(())) {
            Ok(report) => return Some(report),
            Err(error) => error.to_string(),
        };
    assert!(refused.contains("nobody honest might be there"), "{refused}");
    // Who joins late is known here, and not to the check.
    assert!(said.late.is_some() || !(1..=ROUNDS).all(somebody), "{said:?}");
    None
}

fn active(report: &Report, node: u32, round: u32) -> bool {
    report.rounds[round as usize].active[node as usize]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Without chance a node is there exactly when nothing that is said keeps it away.
    #[test]
    fn a_node_is_away_in_the_union_of_the_rounds_named(said in said(Just(0.0))) {
        let folder = tempfile::tempdir().unwrap();
        if let Some(report) = report(&said, folder.path()) {
            for round in 1..=ROUNDS {
                for node in 0..NODES {
                    let wanted = is_wanted(&said, node, round);
                    prop_assert_eq!(active(&report, node, round), wanted, "{} in {}", node, round);
                }
            }
        }
    }

    /// Chance takes more away, for three rounds at most, but never what would be the last.
    #[test]
    fn chance_takes_away_and_brings_nobody_back_early(said in said(0.05..0.9)) {
        let folder = tempfile::tempdir().unwrap();
        if let Some(report) = report(&said, folder.path()) {
            let fell: BTreeSet<(String, u32)> = report.events.iter()
                .filter(|event| event.kind == EventKind::Crash)
                .flat_map(|event| event.nodes.iter().map(|node| (node.clone(), event.round)))
                .collect();
            for round in 1..=ROUNDS {
                let mut there = 0;
                for node in 0..NODES {
                    let is = active(&report, node, round);
                    there += u32::from(is);
                    let wanted = is_wanted(&said, node, round);
                    prop_assert!(wanted || !is, "{} in {} is back early", node, round);
                    let name = format!("node_{node}");
                    let near = round.saturating_sub(3)..=round;
                    let drawn = near.into_iter().any(|r| fell.contains(&(name.clone(), r)));
                    prop_assert!(is || !wanted || drawn, "{} in {} is away unnamed", node, round);
                }
                prop_assert!(there > 0, "nobody in {}", round);
            }
        }
    }
}

#[test]
fn two_outages_of_one_node_do_not_cut_each_other_short() {
    for outages in [["0@2..8", "0@4..6"], ["0@4..6", "0@2..8"]] {
        let outage = outages.map(|text| text.parse().unwrap()).to_vec();
        let report = run(&Config { outage, nodes: 4, rounds: 10, ..small() });
        let down: Vec<u32> = (1..=10).filter(|round| !active(&report, 0, *round)).collect();
        assert_eq!(down, [2, 3, 4, 5, 6, 7], "{outages:?}");
    }
}

#[test]
fn the_last_node_up_obeys_or_the_run_is_refused() {
    let outages = |all: &[&str]| all.iter().map(|text| text.parse().unwrap()).collect::<Vec<_>>();
    let config = |all: &[&str]| Config { outage: outages(all), nodes: 3, rounds: 9, ..small() };
    // Two of three are down by name, and chance wants the third at any time.
    let report = run(&Config { crash: 1.0, ..config(&["0@2..6", "1@3..7"]) });
    for round in 1..=9 {
        assert!(!active(&report, 0, round) || !(2..6).contains(&round));
        assert!(!active(&report, 1, round) || !(3..7).contains(&round));
        assert!((0..3).any(|node| active(&report, node, round)), "{round}");
    }
    let error = config(&["0@2..6", "1@3..7", "2@5..9"]).check().unwrap_err().to_string();
    assert!(error.starts_with("outage: in round 5 nobody"), "{error}");
    // One after the other is not together.
    config(&["0@1..3", "1@3..5", "2@5..9"]).check().unwrap();
    let liars = Config { byzantine: "1".parse().unwrap(), ..config(&["0@2..6", "1@3..7"]) };
    assert!(liars.check().unwrap_err().to_string().contains("1 possibly lying"));
    let late = Config { late_joiners: "1@4".parse().ok(), ..config(&["0@2..6", "1@3..7"]) };
    assert!(late.check().unwrap_err().to_string().contains("1 still to join"));
}
