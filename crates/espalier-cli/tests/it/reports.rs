//! `trace`, `verify` and `selfcheck`.

use crate::{Place, simulate};
use serde_json::{Value, json};

const SECTIONS: [&str; 5] =
    ["Provenance: ", "Merkle roots ", "Nodes round by round", "Causal clock ", "Round trips: "];

#[test]
fn a_trace_of_its_own_shows_every_section_and_a_removal() {
    let place = Place::new();
    let text = place.ok(&["trace"]);
    let mut at = 0;
    for section in SECTIONS {
        let found = text[at..].find(&format!("\n{section}")).unwrap_or_else(|| panic!("{section}"));
        at += found;
    }
    assert!(text.contains("removes node_1/1"), "{text}");
    assert_eq!(text.matches("PASS").count(), 8);
    assert!(!text.contains("FAIL"));
    assert!(place.files(".").is_empty(), "a trace writes nothing");
}

#[test]
fn a_trace_takes_the_flags_of_a_run() {
    let place = Place::new();
    let text =
        place.ok(&["trace", "--nodes", "5", "--byzantine", "1", "--attack", "retract-others"]);
    assert!(text.contains("would remove node_0/1, node_3/1, node_2/1, not all its own"), "{text}");
    let text = place.ok(&["trace", "--nodes", "6", "--byzantine", "1", "--attack", "equivocation"]);
    assert!(text.contains(":-"), "{text}");
    let text = place.ok(&["trace", "--json", "--seed", "5"]);
    let report: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(report["seed"], 5);
    assert_eq!(report["nodes"].as_array().unwrap().len(), 4);
}

#[test]
fn a_trace_of_a_report_is_that_of_the_run() {
    let place = Place::new();
    place.ok(&simulate(&["--quiet", "--retract", "2@4"]));
    let of_file = place.ok(&["trace", "--report", "espalier-report/report.json"]);
    assert_eq!(of_file, place.ok(&["trace", "--report", "espalier-report"]));
    assert!(of_file.contains("removes node_2/1"));
    let report: Value = serde_json::from_str(&place.read("espalier-report/report.json")).unwrap();
    for op in report["trace"].as_array().unwrap() {
        assert!(of_file.contains(&op["op"].as_str().unwrap()[..8]), "{op}");
    }
    let json = place.ok(&["trace", "--report", "espalier-report", "--json"]);
    assert_eq!(json, place.read("espalier-report/report.json"));
}

#[test]
fn a_long_trace_says_how_much_it_leaves_out() {
    let place = Place::new();
    let text = place.ok(&["trace", "--nodes", "60", "--topology", "complete", "--rounds", "9"]);
    assert!(text.contains("… and 10 more in the JSON report"), "{text}");
}

#[test]
fn a_report_without_figures_can_be_traced() {
    let place = Place::new();
    let text = place.ok(&["trace", "--metrics", "off"]);
    assert!(text.contains("removes node_1/1"), "{text}");
}

#[test]
fn a_true_report_passes_by_file_and_by_folder() {
    let place = Place::new();
    place.ok(&["simulate", "--quiet", "--loss", "0.2", "--byzantine", "2", "--rounds", "9"]);
    for path in ["espalier-report/report.json", "espalier-report", "./espalier-report/"] {
        let text = place.ok(&["verify", path]);
        assert_eq!(text, "PASS: running the configuration again gives the same report\n");
    }
}

#[test]
fn a_false_report_fails_and_says_where() {
    let place = Place::new();
    place.ok(&simulate(&["--quiet"]));
    let mut report: Value =
        serde_json::from_str(&place.read("espalier-report/report.json")).unwrap();
    report["rounds"][3]["state_hash"][2] = json!("ab".repeat(32));
    report["summary"]["sent_bytes"] = json!(1);
    std::fs::write(place.path().join("false.json"), report.to_string()).unwrap();
    let ran = place.run(&["verify", "false.json"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (1, ""));
    let lines: Vec<_> = ran.stdout.lines().collect();
    assert_eq!(lines[0], "FAIL: running the configuration again gives a different report");
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert!(
        lines.iter().any(|l| l.starts_with("  rounds[3].state_hash[2]: the report says \"abab"))
    );
    assert!(
        lines.iter().any(|l| l.starts_with("  summary.sent_bytes: the report says 1, the run "))
    );
}

#[test]
fn a_report_of_a_model_that_is_gone_is_not_checked() {
    let place = Place::new();
    let model = header_only("w", 8);
    std::fs::write(place.path().join("m.safetensors"), &model).unwrap();
    place.ok(&["simulate", "--quiet", "--model", "m.safetensors", "--rounds", "4"]);
    assert_eq!(place.run(&["verify", "espalier-report"]).code, 0);
    std::fs::write(place.path().join("m.safetensors"), [&model[..model.len() - 1], &[1]].concat())
        .unwrap();
    let problem = place.fails(2, &["verify", "espalier-report"]);
    assert!(problem.contains("base model"), "{problem}");
    std::fs::remove_file(place.path().join("m.safetensors")).unwrap();
    let problem = place.fails(2, &["verify", "espalier-report"]);
    assert!(problem.contains("m.safetensors"), "{problem}");
}

/// A safetensors file of one f32 vector of zeros.
fn header_only(name: &str, elements: usize) -> Vec<u8> {
    let range = format!("[0,{}]", 4 * elements);
    let header =
        format!(r#"{{"{name}":{{"dtype":"F32","shape":[{elements}],"data_offsets":{range}}}}}"#);
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header.as_bytes());
    file.resize(file.len() + 4 * elements, 0);
    file
}

#[test]
fn this_machine_computes_the_specified_bits() {
    let text = Place::new().ok(&["selfcheck"]);
    assert!(text.lines().count() > 10 && !text.contains("FAIL"), "{text}");
    assert!(text.contains(" values are as specified (instructions: baseline"));
}
