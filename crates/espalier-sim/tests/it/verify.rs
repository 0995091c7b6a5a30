//! A report is checked by running its configuration again.

use crate::{run, small};
use espalier_sim::{Config, Difference, VerifyError, verify_report};
use serde_json::{Value, json};
use std::ops::ControlFlow;

fn verify(json: &str) -> Result<Vec<Difference>, VerifyError> {
    verify_report(json, &mut |_| ControlFlow::Continue(()))
}

fn places(report: &Value) -> Vec<String> {
    verify(&report.to_string()).unwrap().into_iter().map(|found| found.place).collect()
}

fn digits() -> Value {
    let config = Config {
        rounds: 5,
        loss: 0.1,
        byzantine: espalier_sim::Share::Count(1),
        retract: vec!["1@3".parse().unwrap()],
        ..Config::default()
    };
    serde_json::to_value(run(&config)).unwrap()
}

#[test]
fn a_true_report_passes_in_any_layout() {
    let report = digits();
    assert_eq!(verify(&report.to_string()).unwrap(), []);
    assert_eq!(verify(&serde_json::to_string_pretty(&report).unwrap()).unwrap(), []);
}

#[test]
fn each_tampered_field_is_named() {
    let zeros = json!("0".repeat(64));
    let tampered = [
        ("rounds[3].state_hash[2]", "/rounds/3/state_hash/2", zeros.clone()),
        ("rounds[2].trust[1].overall", "/rounds/2/trust/1/overall", json!(0.25)),
        ("rounds[2].task_accuracy[0]", "/rounds/2/task_accuracy/0", json!(0.999)),
        ("rounds[1].mean_pairwise_l2", "/rounds/1/mean_pairwise_l2", json!(0.0)),
        ("rounds[5].isolated", "/rounds/5/isolated", json!(["node_0", "node_1", "node_2"])),
        ("summary.final_state_hash", "/summary/final_state_hash", zeros.clone()),
        ("summary.final_model_hash", "/summary/final_model_hash", zeros.clone()),
        ("summary.final_accuracy", "/summary/final_accuracy", json!(1.0)),
        ("summary.detection", "/summary/detection", json!(null)),
        ("policy_hash", "/policy_hash", zeros.clone()),
        ("audit[4].bytes", "/audit/4/bytes", json!(1)),
        ("audit[4].outcome", "/audit/4/outcome", json!("blocked")),
        ("round_trip[1].after", "/round_trip/1/after", zeros.clone()),
        ("trace[0].bound_root", "/trace/0/bound_root", zeros.clone()),
        ("seed", "/seed", json!(2)),
        ("config.base_root", "/config/base_root", zeros),
        ("nodes[0].name", "/nodes/0/name", json!("somebody")),
        ("topology.edges[0][0]", "/topology/edges/0/0", json!(7)),
    ];
    let report = digits();
    for (place, pointer, value) in tampered {
        let mut copy = report.clone();
        *copy.pointer_mut(pointer).unwrap() = value;
        assert_eq!(places(&copy), [place], "{pointer}");
    }
}

#[test]
fn another_configuration_shows_in_everything_that_follows_from_it() {
    for report in [digits(), serde_json::to_value(run(&small())).unwrap()] {
        let mut copy = report.clone();
        copy["config"]["seed"] = json!(77);
        let found = places(&copy);
        for place in ["seed", "policy_hash", "config.base_root"] {
            assert!(found.iter().any(|name| name == place), "{place} in {found:?}");
        }
        assert!(found.iter().any(|place| place.starts_with("summary.")), "{found:?}");
        assert!(found.len() <= 20);
        let mut copy = report.clone();
        copy["config"]["loss"] = json!(0.9);
        assert!(!places(&copy).is_empty());
    }
}

#[test]
fn lists_of_another_length_are_named() {
    let mut report = digits();
    report["rounds"].as_array_mut().unwrap().pop();
    // What shows without a run is said without one.
    assert_eq!(places(&report), ["rounds"]);
    let mut report = digits();
    report["audit"] = json!([]);
    assert_eq!(places(&report), ["audit"]);
}

#[test]
fn what_is_no_report_is_refused() {
    let report = digits();
    let mut garbage: Vec<String> =
        ["", "{}", "[]", "null", "1", "\"report\"", "{\"config\": {}}", "\u{0}"]
            .map(Into::into)
            .to_vec();
    garbage.push("[".repeat(100_000));
    garbage.push(report.to_string() + "x");
    garbage.push(report.to_string()[..1000].to_owned());
    let twice = report.to_string().replacen("\"seed\":1", "\"seed\":1,\"seed\":1", 1);
    assert_ne!(twice, report.to_string());
    garbage.push(twice);
    let parents =
        ["", "/config", "/rounds/0", "/rounds/0/trust/0", "/audit/0", "/trace/0", "/nodes/0"];
    let more = ["/topology", "/model", "/summary", "/round_trip/0", "/summary/detection"];
    for parent in parents.into_iter().chain(more) {
        let mut copy = report.clone();
        let object = copy.pointer_mut(parent).unwrap().as_object_mut().unwrap();
        object.insert("hidden".into(), json!(1));
        garbage.push(copy.to_string());
    }
    for (pointer, value) in [
        ("/summary/final_state_hash", json!("zz")),
        ("/summary/converged", json!("yes")),
        ("/seed", json!(-1)),
        ("/config/topology", json!("moebius")),
        ("/config/attack/0", json!("sing-flip")),
        ("/rounds/0/sent_bytes", json!(0.5)),
    ] {
        let mut copy = report.clone();
        *copy.pointer_mut(pointer).unwrap() = value;
        garbage.push(copy.to_string());
    }
    for text in garbage {
        let shown: String = text.chars().take(60).collect();
        assert!(matches!(verify(&text), Err(VerifyError::Parse(_))), "{shown}");
    }
}

#[test]
fn a_configuration_that_does_not_run_is_refused() {
    for (field, value) in [("nodes", json!(1)), ("loss", json!(7.5)), ("strategy", json!("magic"))]
    {
        let mut report = digits();
        report["config"][field] = value;
        assert!(matches!(verify(&report.to_string()), Err(VerifyError::Run(_))), "{field}");
    }
}

/// What a report of so many rounds would be does not hang on what it asks for.
#[test]
fn a_report_that_cannot_be_true_fails_without_its_run() {
    let report = serde_json::to_value(run(&Config { until_converged: true, ..small() })).unwrap();
    let made = report["rounds"].as_array().unwrap().len() as u64 - 1;
    assert!(made < 12, "it stopped early: {made}");
    let with = |changes: &[(&str, Value)]| {
        let mut copy = report.clone();
        for (pointer, value) in changes {
            *copy.pointer_mut(pointer).unwrap() = value.clone();
        }
        places(&copy)
    };
    let rounds = ("/config/rounds", json!(10_000_000));
    assert_eq!(with(&[rounds.clone(), ("/config/until_converged", json!(false))]), ["rounds"]);
    // It might have ended so early, had all been equal: no more rounds are made than are listed.
    let never = ("/config/loss", json!(1.0));
    assert!(with(&[rounds, never]).contains(&"config.rounds".to_owned()));
    assert_eq!(with(&[("/config/nodes", json!(100_000))])[0], "nodes");
    assert_eq!(with(&[("/config/metrics", json!("sample:3"))])[0], "sampled_nodes");
    let larger = ("/config/model", json!("synthetic:268435456"));
    assert_eq!(with(&[larger]), ["model.parameters"]);
    // Beyond what can run there is a limit, too.
    let beyond = report.to_string().replace("\"rounds\":12", "\"rounds\":4000000000");
    assert!(verify(&beyond).unwrap_err().to_string().contains("rounds"));
}
