//! One small run, so that a change of bits is noticed where it happens.

use crate::run;
use espalier_sim::{Config, Share};
use std::fmt::Write as _;

#[test]
fn fixture_of_a_small_run() {
    let config = Config {
        nodes: 6,
        rounds: 8,
        topology: "ring".parse().unwrap(),
        loss: 0.1,
        reorder: 0.2,
        crash: 0.05,
        byzantine: Share::Count(1),
        attack: vec!["nan".parse().unwrap()],
        late_joiners: Some("1@2".parse().unwrap()),
        retract: vec!["0@4".parse().unwrap()],
        ..Config::default()
    };
    let report = run(&config);
    let mut text = serde_json::to_string_pretty(&report.summary).unwrap();
    text.push('\n');
    for event in &report.events {
        let kind = serde_json::to_string(&event.kind).unwrap();
        writeln!(text, "event in round {}: {kind} {}", event.round, event.nodes.join(" ")).unwrap();
    }
    for round in &report.rounds {
        let l2 = round.mean_pairwise_l2;
        writeln!(text, "round {}: {l2:?}, {} bytes", round.round, round.sent_bytes).unwrap();
        for (i, hash) in round.state_hash.iter().enumerate() {
            let accuracy = round.task_accuracy[i].map_or(0.0, |share| share * 100.0);
            let (root, bytes) = (round.bound_root[i].short(), round.wire_bytes[i]);
            writeln!(text, "  {hash} {root} {bytes} B {accuracy:.2} %").unwrap();
        }
    }
    espalier_testkit::check_fixture("simulation.txt", &text);
}
