//! Liars among eight nodes, of whom nobody is told.

use crate::{assert_nobody_honest_convicted, run, small};
use espalier_sim::{Attack, Config, EventKind, Report, Share};
use espalier_topology::Topology;

fn attacked(attack: &str, liars: u32, seed: u64, model: &str) -> Config {
    Config {
        seed,
        model: model.parse().unwrap(),
        byzantine: Share::Count(liars),
        attack: vec![attack.parse().unwrap()],
        topology: Topology::Complete,
        ..Config::default()
    }
}

#[track_caller]
fn assert_found(report: &Report, what: &str) {
    let liars: Vec<_> = report.nodes.iter().filter(|n| n.byzantine).map(|n| &n.name).collect();
    let isolated: Vec<_> = report.summary.isolated.iter().collect();
    assert_eq!(isolated, liars, "{what}: {:?}", report.events);
    let detection = report.summary.detection.unwrap();
    assert_eq!((detection.recall, detection.precision), (1.0, 1.0), "{what}");
    assert!(report.summary.converged, "{what}");
    assert!(report.events.iter().any(|e| e.kind == EventKind::Isolated), "{what}");
}

#[test]
fn liars_on_digits_are_isolated_and_accuracy_stays() {
    for seed in 1..4 {
        let clean = run(&Config { seed, topology: Topology::Complete, ..Config::default() });
        let clean = clean.summary.final_accuracy.unwrap();
        for (form, _) in Attack::FORMS {
            let attack = form.split(':').next().unwrap();
            let report = run(&attacked(attack, 2, seed, "digits"));
            let what = format!("{attack}, seed {seed}");
            assert_found(&report, &what);
            assert_nobody_honest_convicted(&report, &what);
            let accuracy = report.summary.final_accuracy.unwrap();
            assert!(accuracy > clean - 0.03, "{what}: {accuracy}, clean {clean}");
        }
    }
}

#[test]
fn liars_on_synthetic_models_are_isolated() {
    for seed in 1..6 {
        for attack in ["scale", "gaussian", "nan", "inf", "retract-others", "equivocation"] {
            let report = run(&attacked(attack, 2, seed, "synthetic:16x16"));
            let what = format!("{attack}, seed {seed}");
            assert_found(&report, &what);
            assert_nobody_honest_convicted(&report, &what);
        }
    }
}

#[test]
fn faults_of_links_do_not_hide_liars() {
    for attack in ["scale", "nan", "equivocation", "retract-others"] {
        let faults = Config {
            loss: 0.3,
            reorder: 0.3,
            duplicate: 0.2,
            delay: 2,
            crash: 0.05,
            rounds: 150,
            ..attacked(attack, 2, 5, "synthetic:16x16")
        };
        let report = run(&faults);
        assert_found(&report, attack);
        assert_nobody_honest_convicted(&report, attack);
    }
}

#[test]
fn mixed_attacks_are_dealt_out_in_turn() {
    let attack = ["nan", "scale:20", "equivocation"].map(|a| a.parse().unwrap()).to_vec();
    let byzantine = Share::Percent(34.0);
    let report = run(&Config { nodes: 12, byzantine, attack, rounds: 30, ..Config::default() });
    let dealt: Vec<_> = report.nodes.iter().filter_map(|node| node.attack.as_deref()).collect();
    assert_eq!(dealt, ["nan", "scale:20", "equivocation", "nan"]);
    assert_found(&report, "mixed");
    assert_nobody_honest_convicted(&report, "mixed");
}

#[test]
fn an_equivocator_is_convicted_once_both_faces_were_seen() {
    let report = run(&attacked("equivocation", 1, 3, "synthetic:4x4"));
    let liar = report.nodes.iter().find(|node| node.byzantine).unwrap();
    let forked = |round: &espalier_sim::Round| {
        let honest = round.clock.iter().zip(&report.nodes).filter(|(_, node)| !node.byzantine);
        honest.filter(|(clock, _)| clock.get(&liar.name) == Some(&-1)).count()
    };
    assert_eq!(forked(&report.rounds[0]), 0);
    assert_eq!(forked(report.rounds.last().unwrap()), 7);
    let liar_ops = report.trace.iter().filter(|op| op.author == liar.name);
    assert_eq!(liar_ops.filter(|op| op.seq == 1).count(), 2);
    let end = report.rounds.last().unwrap();
    let at = report.nodes.iter().position(|node| node.byzantine).unwrap();
    assert_eq!(end.trust[at].consistency, 0.0);
}

/// With one neighbour there is nobody to show another face to, so there is no lie.
#[test]
fn an_equivocator_with_one_neighbour_shows_one_face() {
    let seed = (1..50).find(|seed| {
        let topology = Topology::Star;
        let report = run(&Config { topology, rounds: 1, ..attacked("nan", 1, *seed, "digits") });
        !report.nodes[0].byzantine
    });
    let config = attacked("equivocation", 1, seed.unwrap(), "synthetic:16x16");
    let report = run(&Config { topology: Topology::Star, ..config });
    assert!(report.summary.converged);
    assert!(report.summary.isolated.is_empty());
}

#[test]
fn removals_of_others_remove_nothing() {
    let report = run(&attacked("retract-others", 2, 1, "synthetic:4x4"));
    assert!(report.trace.iter().any(|op| op.kind == "retract" && op.text.contains("not all its")));
    assert_eq!(report.trace.last().unwrap().visible, 6);
    // The liars' own contributions are live and not heard; nobody's is gone.
    assert_eq!(report.trace.last().unwrap().tombstones, 0);
}

#[test]
fn without_liars_nobody_is_isolated() {
    for seed in 1..20 {
        for spread in ["iid", "mild"] {
            let spread = spread.parse().unwrap();
            let report = run(&Config { seed, spread, rounds: 8, ..Config::default() });
            assert!(report.rounds.iter().all(|r| r.isolated.is_empty()), "{spread}, seed {seed}");
            assert!(report.summary.detection.is_none());
        }
        let report = run(&Config { seed, ..small() });
        assert_nobody_honest_convicted(&report, &format!("seed {seed}"));
    }
}

/// Regression: states of one hash that differ in evidence have sizes of their own.
#[test]
fn wire_bytes_are_those_of_each_nodes_own_state() {
    let report = run(&Config { rounds: 12, ..attacked("nan", 2, 1, "synthetic:4x4") });
    let mut seen = std::collections::BTreeMap::new();
    let mut by_hash = std::collections::BTreeMap::new();
    let mut differ = false;
    for round in &report.rounds {
        for i in 0..round.state_hash.len() {
            let bytes = round.wire_bytes[i];
            assert_eq!(*seen.entry(round.bound_root[i]).or_insert(bytes), bytes);
            differ |= *by_hash.entry(round.state_hash[i]).or_insert(bytes) != bytes;
        }
    }
    assert!(differ, "this run shows nothing");
}
