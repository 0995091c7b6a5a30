//! `espalier simulate --scenario`: several runs and seeds from the command line.

use crate::Place;

/// Two runs with three seeds: a few milliseconds.
const SCENARIO: &str = r#"
title = "Two networks"
seeds = 3
[defaults]
model = "synthetic:4x4"
nodes = 5
rounds = 8
[[run]]
name = "ring"
topology = "ring"
[[run]]
name = "file"
topology = "file:pairs.edges"
"#;

const FILES: [&str; 4] = ["scenario.csv", "scenario.html", "scenario.json", "summary.csv"];

/// A place with the scenario in a folder of its own.
fn place(text: &str) -> Place {
    let place = Place::new();
    std::fs::create_dir(place.path().join("in")).unwrap();
    std::fs::write(place.path().join("in/two.toml"), text).unwrap();
    std::fs::write(place.path().join("in/pairs.edges"), "0 1\n1 2\n2 3\n3 4\n0 4\n1 3\n").unwrap();
    place
}

fn scenario<'a>(flags: &[&'a str]) -> Vec<&'a str> {
    [&["simulate", "--scenario", "in/two.toml"], flags].concat()
}

#[test]
fn a_scenario_prints_its_table_and_writes_its_files() {
    let place = place(SCENARIO);
    let text = place.ok(&scenario(&[]));
    for part in
        ["Two networks", "2 runs, each with 3 seeds, starting at 1", "3 of 3", "± is half", "Open"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!(place.files("espalier-scenario"), FILES);
    let json = place.read("espalier-scenario/scenario.json");
    let error = place.fails(2, &scenario(&[]));
    assert!(error.contains("exists") && error.contains("--force"), "{error}");
    let again = place.ok(&scenario(&["--force", "--quiet", "--threads", "1"]));
    assert_eq!((again.as_str(), place.read("espalier-scenario/scenario.json")), ("", json.clone()));
    // From elsewhere, with the same bits but for the path.
    assert_eq!(place.ok(&scenario(&["--json", "-", "--out", "other"])), json);
    assert_eq!(place.files("other"), FILES);
}

#[test]
fn seeds_are_chosen_on_the_command_line() {
    let place = place(SCENARIO);
    let text = place.ok(&scenario(&["--seeds", "2", "--seed", "41", "--json", "copy.json"]));
    assert!(text.contains("2 seeds, starting at 41"), "{text}");
    let read: serde_json::Value = serde_json::from_str(&place.read("copy.json")).unwrap();
    assert_eq!(read["scenario"]["seeds"], serde_json::json!([41, 42]));
    assert_eq!(read["results"].as_array().map(Vec::len), Some(4));
    assert!(place.fails(2, &scenario(&["--seeds", "0"])).contains("--seeds"));
    assert!(place.fails(2, &scenario(&["--seeds", "20000"])).contains("1 to 10000"));
    assert!(place.fails(2, &["simulate", "--seeds", "3"]).contains("--scenario"));
}

#[test]
fn flags_of_one_run_exclude_a_scenario() {
    let place = place(SCENARIO);
    let flags: [&[&str]; 8] = [
        &["--nodes", "3"],
        &["--until-converged"],
        &["--byzantine", "1"],
        &["--model", "digits"],
        &["--param", "a=b"],
        &["--no-attest"],
        &["--metrics", "off"],
        &["--log", "events.jsonl"],
    ];
    for flag in flags {
        let error = place.fails(2, &scenario(flag));
        assert!(error.contains(flag[0]) && error.contains("--scenario"), "{error}");
        assert!(error.contains("does nothing with --scenario; leave it out"), "{error}");
    }
    assert!(!place.path().join("espalier-scenario").exists());
}

#[test]
fn convergence_is_asked_of_every_simulation() {
    let slow = SCENARIO.replace("rounds = 8", "rounds = 1");
    let place = place(&slow);
    let ran = place.run(&scenario(&["--require-convergence"]));
    assert_eq!(ran.code, 1);
    assert!(ran.stdout.contains("0 of 3"), "{}", ran.stdout);
    let expected = "not converged: `ring` with 3 of 3 seeds\n";
    assert!(ran.stderr.starts_with(expected), "{}", ran.stderr);
    place.ok(&scenario(&["--force", "--quiet"]));
}

#[test]
fn a_scenario_is_verified_by_running_it_again() {
    let place = place(SCENARIO);
    place.ok(&scenario(&["--quiet", "--out", "out"]));
    for path in ["out", "out/scenario.json"] {
        let text = place.ok(&["verify", path]);
        assert_eq!(text, "PASS: running the scenario again gives the same report\n");
    }
    let json = place.read("out/scenario.json");
    let forged = json.replacen("\"rounds_to_converge\":", "\"rounds_to_converge\":1", 1);
    std::fs::write(place.path().join("forged.json"), forged).unwrap();
    let ran = place.run(&["verify", "forged.json"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stdout.contains("results[0].rounds_to_converge"), "{}", ran.stdout);
    // The network is not in the report, only where it was.
    std::fs::write(place.path().join("in/pairs.edges"), "0 1\n1 2\n2 3\n3 4\n").unwrap();
    assert_eq!(place.run(&["verify", "out"]).code, 1);
    std::fs::remove_file(place.path().join("in/pairs.edges")).unwrap();
    let error = place.fails(2, &["verify", "out"]);
    assert!(error.contains("run `file`") && error.contains("pairs.edges"), "{error}");
}

#[test]
fn a_wrong_file_is_named_with_line_and_key() {
    let cases = [
        ("nodes = 5", "nodes = 1", "in/two.toml, line 6: `nodes`: must be 2 to 100000"),
        ("nodes = 5", "nodez = 5", "in/two.toml, line 6: `nodez` is not a setting"),
        ("pairs.edges", "absent.edges", "in/two.toml, line 13: `topology`: there is no file"),
        ("nodes = 5", "late_joiners = \"1@30\"", "in/two.toml, line 6: `late_joiners`: round 30"),
    ];
    for (right, wrong, problem) in cases {
        let place = place(&SCENARIO.replace(right, wrong));
        let error = place.fails(2, &scenario(&[]));
        assert!(error.contains(problem), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
        assert!(!place.path().join("espalier-scenario").exists(), "nothing is left behind");
    }
    let error = Place::new().fails(2, &["simulate", "--scenario", "absent.toml"]);
    assert!(error.contains("cannot read absent.toml"), "{error}");
}
