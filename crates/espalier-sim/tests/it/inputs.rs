//! Models that cannot be merged are refused before the run, by file and tensor; what nobody
//! computed is not given as a figure; and files are named where their nodes are.

use crate::{refused, run, small};
use espalier_sim::{
    Buffers, Config, EventKind, Metrics, Progress, Report, Share, SimError, Wire, simulate,
};
use espalier_tensor::{Dtype, Model, write_safetensors};
use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use tempfile::TempDir;

/// 64 elements that differ from one `number` to the next.
fn values(number: usize) -> Vec<f64> {
    let value = |at: usize| ((number * 37 + at * 11) % 23) as f64 / 4.0 - number as f64 / 8.0;
    (0..64).map(value).collect()
}

/// A model with a float tensor and, where there is one, a counter.
fn model(dtype: Dtype, values: &[f64], counter: Option<i64>) -> Model {
    let mut bytes = vec![0; values.len() * dtype.size()];
    espalier_tensor::write_f64(dtype, values, &mut bytes);
    let mut tensors = vec![("w".to_owned(), dtype, vec![values.len() as u64], bytes)];
    if let Some(counter) = counter {
        let bytes = counter.to_le_bytes().to_vec();
        tensors.push(("bn.num_batches_tracked".into(), Dtype::I64, vec![], bytes));
    }
    Model::from_tensors(tensors).unwrap()
}

fn write(folder: &Path, name: &str, model: &Model) {
    let path = folder.join(format!("{name}.safetensors"));
    write_safetensors(model, &Default::default(), path, true).unwrap();
}

/// A folder with a model `m0`, `m1`, … for each counter, and a base for `base`.
fn folder(counters: &[i64], base: Option<i64>) -> TempDir {
    let folder = TempDir::new().unwrap();
    for (i, counter) in counters.iter().enumerate() {
        let model = model(Dtype::F32, &values(i), Some(*counter));
        write(folder.path(), &format!("m{i}"), &model);
    }
    if let Some(counter) = base {
        write(folder.path(), "base", &model(Dtype::F32, &values(9), Some(counter)));
    }
    folder
}

fn of(folder: &Path, nodes: u32) -> Config {
    Config { nodes, model: folder.to_str().unwrap().parse().unwrap(), rounds: 10, ..small() }
}

/// Four models whose element 3 is `value` in `m0`.
fn with_element(dtype: Dtype, value: f64) -> TempDir {
    let folder = TempDir::new().unwrap();
    for i in 0..4 {
        let mut values = values(i);
        if i == 0 {
            values[3] = value;
        }
        write(folder.path(), &format!("m{i}"), &model(dtype, &values, None));
    }
    folder
}

#[track_caller]
fn holds(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "`{part}` is not in: {text}");
    }
}

#[test]
fn integers_that_no_rule_merges_are_refused_by_file_and_tensor() {
    // The base's differs from all, one differs from the others, and two groups without a base.
    let cases: [(&[i64], Option<i64>, [&str; 4]); 3] = [
        (&[100; 4], Some(0), ["is 0 in", "base.safetensors", "100 in", "m0.safetensors"]),
        (&[7, 7, 8, 7], None, ["is 7 in", "m0.safetensors", "8 in", "m2.safetensors"]),
        (&[-1, -2], None, ["is -1 in", "m0.safetensors", "-2 in", "m1.safetensors"]),
    ];
    for (counters, base, parts) in cases {
        let folder = folder(counters, base);
        let config = of(folder.path(), counters.len() as u32);
        let problem = refused(&config);
        assert!(problem.starts_with("buffers: tensor `bn.num_batches_tracked` (i64)"));
        holds(&problem, &parts);
        holds(&problem, &["element 0", "`mean` would take"]);
        assert_eq!(problem.contains("`base` would keep"), base.is_some(), "{problem}");
        let counted = Config { wire: Wire::Counted, ..config.clone() };
        assert_eq!(refused(&counted), problem);
        let asked = Config { buffers: Some(Buffers::Error), ..config };
        assert_eq!(refused(&asked), problem);
    }
}

#[test]
fn integers_are_merged_by_the_rule_that_is_asked_for() {
    for (rule, base) in [(Buffers::Base, Some(0)), (Buffers::Mean, Some(0)), (Buffers::Mean, None)]
    {
        let folder = folder(&[100, 100, 40, 100], base);
        let config = Config { buffers: Some(rule), ..of(folder.path(), 4) };
        let report = run(&config);
        crate::assert_one_model(&report, &format!("{rule}"));
        assert_eq!(report.summary.no_model, None);
        assert_eq!(report.summary.isolated.as_deref(), Some(&[][..]), "{rule}, {base:?}");
        // The same by the parameter, and with a strategy that selects.
        let parameters = [("buffers".to_owned(), rule.to_string())].into();
        let named = run(&Config { buffers: None, parameters, ..config.clone() });
        assert_eq!(named.summary.final_model_hash, report.summary.final_model_hash);
        crate::assert_one_model(&run(&Config { strategy: "median".into(), ..config }), "median");
    }
    let folder = folder(&[1, 2], None);
    let config = Config { buffers: Some(Buffers::Base), ..of(folder.path(), 2) };
    holds(&refused(&config), &["buffers: base needs a base model", "base.safetensors"]);
    let parameters = [("buffers".to_owned(), "mean".to_owned())].into();
    holds(&refused(&Config { parameters, ..config }), &["buffers: base, but", "is mean"]);
}

#[test]
fn elements_that_no_honest_node_can_contribute_are_refused_where_they_are() {
    let cases = [
        (Dtype::F32, f64::NAN, "is NaN"),
        (Dtype::F32, f64::INFINITY, "is infinity"),
        (Dtype::F16, f64::NEG_INFINITY, "is -infinity"),
        (Dtype::Bf16, f64::NEG_INFINITY, "is -infinity"),
        (Dtype::F64, 1e39, "is 1e39"),
        (Dtype::F64, -f64::MAX, "is -1.7976931348623157e308"),
    ];
    for (dtype, value, text) in cases {
        let folder = with_element(dtype, value);
        let bad =
            format!("{}/m0.safetensors: element 3 of tensor `w` {text}; ", folder.path().display());
        for wire in [Wire::Frames, Wire::Counted] {
            let problem = refused(&Config { wire, ..of(folder.path(), 4) });
            holds(&problem, &["model: ", &bad]);
        }
        // As a base, in a folder and alone, and sharded.
        fs::rename(folder.path().join("m0.safetensors"), folder.path().join("base.safetensors"))
            .unwrap();
        holds(&refused(&of(folder.path(), 3)), &["base.safetensors: element 3", text]);
        let alone = folder.path().join("base.safetensors");
        holds(&refused(&of(&alone, 5)), &["base.safetensors: element 3", text]);
        let index = folder.path().join("model.safetensors.index.json");
        fs::write(&index, r#"{"weight_map": {"w": "base.safetensors"}}"#).unwrap();
        holds(&refused(&of(folder.path(), 5)), &["element 3 of tensor `w`", text]);
    }
}

/// The greatest finite numbers are numbers like others.
#[test]
fn the_greatest_finite_elements_are_contributed() {
    let folder = with_element(Dtype::F64, f64::from(f32::MAX));
    let report = run(&of(folder.path(), 4));
    assert!(report.summary.converged && report.summary.final_model_hash.is_some());
    assert_eq!(report.trace.iter().filter(|op| op.kind == "contribute").count(), 4);
}

#[test]
fn a_node_that_is_meant_to_lie_may_bring_anything() {
    let folder = with_element(Dtype::F32, f64::NAN);
    let liar = |attack: &str| {
        let attack = vec![attack.parse().unwrap()];
        let config = Config { byzantine: Share::Count(1), attack, ..of(folder.path(), 4) };
        // Of some seeds the first node lies.
        let first = |seed: &u64| {
            let config = Config { seed: *seed, ..config.clone() };
            let report = simulate(&config, &mut |_| ControlFlow::Continue(()));
            report.is_ok_and(|report| report.nodes[0].byzantine)
        };
        let seed = (1..40).find(first).expect("one of many seeds");
        run(&Config { seed, ..config })
    };
    for attack in ["sign-flip", "alie", "optimal-ipm", "min-max", "mimic", "silent", "copy"] {
        let report = liar(attack);
        crate::assert_one_model(&report, attack);
        crate::assert_nobody_honest_convicted(&report, attack);
    }
    // What it does not contribute is told.
    let report = liar("praise");
    assert!(report.events.iter().any(|event| {
        (event.round, event.kind) == (0, EventKind::NotFinite) && event.nodes == ["node_0"]
    }));
    holds(&report.notes().join("\n"), &["round 0: node_0 (m0.safetensors) trained a model that"]);
}

/// Fine-tunes of a base that is nearly too great are too great.
#[test]
fn what_nodes_train_beyond_all_numbers_is_refused_before_the_first_round() {
    let folder = TempDir::new().unwrap();
    write(folder.path(), "m", &model(Dtype::F32, &[f64::from(f32::MAX); 8], None));
    let config = of(&folder.path().join("m.safetensors"), 6);
    for config in [
        config.clone(),
        Config { wire: Wire::Counted, ..config.clone() },
        Config { late_joiners: Some("5@3".parse().unwrap()), ..config.clone() },
    ] {
        let problem = refused(&config);
        holds(&problem, &["model: what node_", " trained from ", "m.safetensors: element "]);
        holds(&problem, &["of tensor `w` is infinity"]);
    }
}

/// Training that leaves all numbers behind in the middle of a run is an event.
#[test]
fn a_model_that_stops_being_finite_is_told() {
    let folder = TempDir::new().unwrap();
    // Of this size one training stays below the greatest number and some later one does not.
    let values: Vec<f64> =
        (0..8).map(|i| f64::from(f32::MAX) * (0.9 + 0.001 * f64::from(i))).collect();
    write(folder.path(), "m", &model(Dtype::F32, &values, None));
    let file = folder.path().join("m.safetensors");
    let report = run(&Config { retrain: Some(2), rounds: 40, ..of(&file, 3) });
    let told = report.events.iter().filter(|event| event.kind == EventKind::NotFinite);
    let told: Vec<_> = told.collect();
    assert!(!told.is_empty() && told.iter().all(|event| event.round > 0));
    holds(&report.notes().join("\n"), &["trained a model that is not finite"]);
    assert!(report.summary.converged && report.summary.final_model_hash.is_some());
}

#[test]
fn files_are_named_and_equal_ones_mentioned() {
    let folder = TempDir::new().unwrap();
    for (name, number) in [("a", 0), ("b", 1), ("c", 0), ("d", 2), ("e", 3), ("f", 4), ("g", 5)] {
        write(folder.path(), name, &model(Dtype::F32, &values(number), None));
    }
    for wire in [Wire::Frames, Wire::Counted] {
        let mut heard = Vec::new();
        let config = Config { wire, ..of(folder.path(), 7) };
        let report = simulate(&config, &mut |progress| {
            heard.push(progress);
            ControlFlow::Continue(())
        });
        let report = report.unwrap();
        let files: Vec<_> = report.nodes.iter().map(|node| node.file.clone().unwrap()).collect();
        let names = ["a", "b", "c", "d", "e", "f", "g"].map(|name| format!("{name}.safetensors"));
        assert_eq!(files, names);
        assert_eq!(report.label("node_4"), "node_4 (e.safetensors)");
        let note = "a.safetensors and c.safetensors hold the same model: ";
        assert_eq!(report.model.notes.len(), 1);
        assert!(report.model.notes[0].starts_with(note), "{:?}", report.model.notes);
        let expected = [Progress::Training, Progress::Note(report.model.notes[0].clone())];
        assert_eq!(heard[..2], expected);
        if wire == Wire::Frames {
            let shared = "node_0 (a.safetensors) and node_2 (c.safetensors) weigh 1/2 each: ";
            assert!(report.summary.notes.iter().any(|note| note.starts_with(shared)));
            let last = report.rounds.last().unwrap();
            assert_eq!([last.trust[0], last.trust[2]].map(|trust| trust.provenance), [0.5; 2]);
        }
    }
    assert!(run(&small()).nodes.iter().all(|node| node.file.is_none()));
}

#[test]
fn what_the_strategy_did_is_in_the_report() {
    let parameters = [("f".to_owned(), "100".to_owned())].into();
    let report = run(&Config { nodes: 3, strategy: "krum".into(), parameters, ..small() });
    holds(&report.summary.notes.join("\n"), &["`krum` of 3 rows tolerates", "not 100"]);
    assert_eq!(run(&small()).summary.notes, [""; 0]);
}

#[test]
fn nothing_to_merge_is_no_model_and_says_why() {
    let retract: Vec<_> = (0..5).map(|node| format!("{node}@4").parse().unwrap()).collect();
    let config = Config { nodes: 5, retract, ..small() };
    let report = run(&config);
    assert!(report.summary.converged);
    assert_eq!(report.summary.final_model_hash, None);
    holds(report.summary.no_model.as_deref().unwrap(), &["no contribution is left", "0 visible"]);
    holds(
        report.summary.not_judged.as_deref().unwrap(),
        &["fewer comparable contributions", "roster: 0, not"],
    );
    assert_eq!(report.rounds.last().unwrap().mean_pairwise_l2, None);
    let off = run(&Config { metrics: Metrics::Off, ..config });
    assert_eq!(off.summary.no_model, report.summary.no_model);
}

#[test]
fn what_distances_cannot_tell_is_not_judged() {
    let few = run(&Config { nodes: 3, ..small() });
    holds(few.summary.not_judged.as_deref().unwrap(), &["takes 4 authors, not 3"]);
    let model = "synthetic:1".parse().unwrap();
    let tiny = run(&Config { model, ..small() });
    holds(tiny.summary.not_judged.as_deref().unwrap(), &["too few float elements", "anything: 1"]);
    assert_eq!(tiny.summary.isolated.as_deref(), Some(&[][..]));
    let model = "synthetic:32x32".parse().unwrap();
    assert_eq!(run(&Config { model, ..small() }).summary.not_judged, None);
}

#[test]
fn what_nobody_looked_at_is_no_figure() {
    let silent = |report: &Report| {
        assert!(report.rounds.iter().all(|round| round.isolated.is_none()));
        let summary = &report.summary;
        assert_eq!((&summary.isolated, summary.detection), (&None, None));
        assert_eq!((summary.final_model_hash, &summary.no_model), (None, &None));
        assert_eq!(summary.not_judged, None);
    };
    silent(&run(&Config { wire: Wire::Counted, ..small() }));
    let byzantine = Share::Count(2);
    silent(&run(&Config { metrics: Metrics::Off, byzantine, ..small() }));
    // The one node that is looked at lies, so that nobody honest says whom it isolates.
    let config = Config { metrics: Metrics::Sample(1), byzantine: Share::Count(3), ..small() };
    let lying = (1..60).map(|seed| run(&Config { seed, ..config.clone() })).find(|report| {
        let sampled = &report.sampled_nodes[0];
        report.nodes.iter().any(|node| node.byzantine && node.name == *sampled)
    });
    let lying = lying.expect("one of many seeds");
    assert!(lying.rounds.iter().all(|round| round.isolated.is_none() && round.trust.is_empty()));
    assert!(lying.summary.isolated.is_some());
}

#[test]
fn nobody_isolated_has_no_precision() {
    let attack = vec!["silent".parse().unwrap()];
    let report = run(&Config { byzantine: Share::Count(2), attack, ..small() });
    let detection = report.summary.detection.unwrap();
    assert_eq!(report.summary.isolated.as_deref(), Some(&[][..]));
    assert_eq!((detection.recall, detection.precision), (0.0, None));
    assert!(report.to_json().contains(r#""precision":null"#));
}

/// A report that an earlier version wrote lacks some fields; they are as if nothing was to say.
#[test]
fn reports_without_the_newer_fields_are_read_and_verified() {
    let report = run(&Config { nodes: 4, rounds: 6, ..small() });
    let mut json: serde_json::Value = serde_json::from_str(&report.to_json()).unwrap();
    let mut forget = |pointer: &str, fields: &[&str]| {
        let object = json.pointer_mut(pointer).unwrap().as_object_mut().unwrap();
        fields.iter().for_each(|field| assert!(object.remove(*field).is_some(), "{field}"));
    };
    forget("/summary", &["no_model", "notes", "not_judged"]);
    forget("/model", &["notes"]);
    forget("/config", &["buffers"]);
    (0..4).for_each(|node| forget(&format!("/nodes/{node}"), &["file"]));
    let found = espalier_sim::verify_report(&json.to_string(), &mut |_| ControlFlow::Continue(()));
    assert_eq!(found.unwrap(), []);
    json["summary"]["no_model"] = "nothing".into();
    let found = espalier_sim::verify_report(&json.to_string(), &mut |_| ControlFlow::Continue(()));
    assert_eq!(found.unwrap()[0].place, "summary.no_model");
}

#[test]
fn errors_carry_the_place_for_programs() {
    let folder = with_element(Dtype::F32, f64::NAN);
    match simulate(&of(folder.path(), 4), &mut |_| ControlFlow::Continue(())) {
        Err(SimError::Element { element, .. }) => {
            assert_eq!((element.tensor.as_str(), element.element), ("w", 3));
            assert!(element.value.is_nan());
        }
        other => panic!("{other:?}"),
    }
    let folder = self::folder(&[1, 2], None);
    match simulate(&of(folder.path(), 2), &mut |_| ControlFlow::Continue(())) {
        Err(SimError::Integers(found)) => {
            assert_eq!((found.first.1, found.second.1, found.element), (1, 2, 0));
        }
        other => panic!("{other:?}"),
    }
}
