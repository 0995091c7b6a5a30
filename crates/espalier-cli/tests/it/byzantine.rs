//! `espalier byzantine`: the grid from the command line.

use crate::Place;

/// A grid of a few small runs.
const SMALL: [&str; 15] = [
    "byzantine",
    "--model",
    "synthetic:64",
    "--nodes",
    "8",
    "--byzantine",
    "0,25%",
    "--spread",
    "iid",
    "--attack",
    "scale,equivocation",
    "--honest-seeds",
    "1",
    "--out",
    "grid",
];

#[test]
fn a_small_grid_prints_its_tables_and_writes_its_files() {
    let place = Place::new();
    let text = place.ok(&SMALL);
    for part in ["3 runs", "best rule", "floor", "equivocation", "Open grid"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!(place.files("grid"), ["byzantine.csv", "byzantine.html", "byzantine.json"]);
    let json = place.read("grid/byzantine.json");
    let error = place.fails(2, &SMALL);
    assert!(error.contains("--force"), "{error}");
    assert_eq!(place.read("grid/byzantine.json"), json, "nothing was touched");
    let again = place.ok(&[&SMALL[..], &["--force", "--quiet", "--threads", "1"]].concat());
    assert_eq!(again, "");
    assert_eq!(place.read("grid/byzantine.json"), json, "same axes, same bits");
}

#[test]
fn json_goes_to_standard_output() {
    let place = Place::new();
    let text = place.ok(&[&SMALL[..], &["--json", "-"]].concat());
    let read: serde_json::Value = serde_json::from_str(&text).expect("JSON and nothing else");
    assert_eq!(read["cells"].as_array().map(Vec::len), Some(3));
    assert_eq!(read["groups"][1]["liars"], 2);
}

#[test]
fn a_journal_of_other_axes_is_not_touched() {
    let place = Place::new();
    std::fs::create_dir(place.path().join("grid")).unwrap();
    std::fs::write(place.path().join("grid/byzantine.part.jsonl"), "{}\nrubbish\n").unwrap();
    let error = place.fails(2, &SMALL);
    assert!(error.contains("other axes") && error.contains("--force"), "{error}");
    assert_eq!(place.read("grid/byzantine.part.jsonl"), "{}\nrubbish\n");
    place.ok(&[&SMALL[..], &["--force"]].concat());
}

#[test]
fn wrong_axes_name_the_flag_and_what_would_be_right() {
    let wrong: [(&[&str], &[&str]); 7] = [
        (&["--attack", "alei"], &["--attack", "did you mean `alie`?"]),
        (&["--nodes", "1"], &["--nodes", "2 to 100000"]),
        (&["--byzantine", "100%"], &["--byzantine", "nobody honest"]),
        (&["--retrain", "1:2"], &["--retrain", "EVERY:TIMES"]),
        (&["--profile", "strikt"], &["--profile", "strict or clustered"]),
        (&["--seeds", "0"], &["--seeds", "whole number from 1"]),
        (&["--model", "model.safetensors"], &["--model", "digits or synthetic:SHAPE"]),
    ];
    let place = Place::new();
    for (flags, parts) in wrong {
        let error = place.fails(2, &[&["byzantine", "--quick"], flags].concat());
        for part in parts {
            assert!(error.contains(part), "{flags:?}: {part}: {error}");
        }
    }
    assert!(!place.path().join("espalier-byzantine").exists(), "nothing is left behind");
}
