//! Liars among eight nodes, of whom nobody is told.

use crate::{assert_nobody_honest_convicted, assert_one_model, run, small};
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
    let isolated: Vec<_> = report.summary.isolated.iter().flatten().collect();
    assert_eq!(isolated, liars, "{what}: {:?}", report.events);
    let detection = report.summary.detection.unwrap();
    assert_eq!((detection.recall, detection.precision), (1.0, Some(1.0)), "{what}");
    assert!(report.summary.converged, "{what}");
    assert!(report.events.iter().any(|e| e.kind == EventKind::Isolated), "{what}");
}

#[test]
fn liars_on_digits_are_isolated_and_accuracy_stays() {
    for seed in 1..4 {
        let clean = run(&Config { seed, topology: Topology::Complete, ..Config::default() });
        let clean = clean.summary.final_accuracy.unwrap();
        for attack in ["sign-flip", "scale", "gaussian", "block", "nan", "inf"].iter().chain(&[
            "label-flip",
            "equivocation",
            "retract-others",
        ]) {
            let report = run(&attacked(attack, 2, seed, "digits"));
            let what = format!("{attack}, seed {seed}");
            assert_found(&report, &what);
            assert_nobody_honest_convicted(&report, &what);
            let accuracy = report.summary.final_accuracy.unwrap();
            assert!(accuracy > clean - 0.03, "{what}: {accuracy}, clean {clean}");
        }
    }
}

/// Whatever the liars contribute, honest nodes agree on it and the report can be made again.
#[test]
fn every_attack_runs_and_leaves_one_model() {
    for (form, _) in Attack::FORMS {
        let attack = form.split(':').next().unwrap();
        for (model, retrain) in [("digits", None), ("synthetic:8x8", Some(8))] {
            let config = Config { retrain, rounds: 15, ..attacked(attack, 3, 2, model) };
            let report = run(&config);
            let what = format!("{attack} on {model}");
            assert_one_model(&report, &what);
            assert_nobody_honest_convicted(&report, &what);
            assert_eq!(report.to_json(), run(&config).to_json(), "{what}");
        }
    }
}

/// What the attack changed reached the others; what it left alone kept its bytes.
#[test]
fn liars_contribute_what_their_attack_forges() {
    let contents = |attack: &str| {
        let report = run(&attacked(attack, 2, 4, "synthetic:4x4"));
        let of = |node: &espalier_sim::NodeInfo| {
            let mut ops = report.trace.iter().filter(|op| op.author == node.name);
            ops.find_map(|op| op.content).unwrap()
        };
        let (liars, honest): (Vec<_>, Vec<_>) = report.nodes.iter().partition(|n| n.byzantine);
        (
            liars.into_iter().map(of).collect::<Vec<_>>(),
            honest.into_iter().map(of).collect::<Vec<_>>(),
        )
    };
    let (plain, honest) = contents("retract-others");
    let (flipped, others) = contents("sign-flip");
    assert_eq!(honest, others);
    assert!(plain.iter().zip(&flipped).all(|(a, b)| a != b) && flipped[0] != flipped[1]);
    // Without labels these are the same.
    assert_eq!(contents("label-flip").0, flipped);
    assert_eq!(contents("scale:1").0, plain);
    let (copies, honest) = contents("mimic");
    assert!(copies[0] == copies[1] && honest.contains(&copies[0]));
    let (disguised, honest) = contents("mimic:1");
    assert!(disguised[0] != disguised[1] && !honest.contains(&disguised[0]));
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
    assert_eq!(report.summary.isolated.as_deref(), Some(&[][..]));
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
            assert!(
                report.rounds.iter().all(|r| r.isolated.as_ref().unwrap().is_empty()),
                "{spread}, seed {seed}"
            );
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
