//! `espalier exchanges`: the comparison from the command line.

use crate::Place;

/// A comparison of small runs.
const SMALL: [&str; 7] = ["exchanges", "--nodes", "8", "--model", "synthetic:4x4", "--seeds", "2"];

#[test]
fn all_exchanges_stand_in_one_table() {
    let place = Place::new();
    let text = place.ok(&SMALL);
    for name in ["full-state", "delta", "intervals", "scheduled", "broadcast", "mean-only"] {
        assert!(text.lines().any(|line| line.starts_with(name)), "{name}: {text}");
    }
    let row = |name: &str| -> Vec<&str> {
        // A row stands in each part of the table.
        let lines = text.lines().filter(|line| line.starts_with(name));
        lines.flat_map(str::split_whitespace).collect()
    };
    assert_eq!(row("scheduled")[1..3], ["3.00", "rounds"]);
    assert_eq!(row("mean-only")[1..3], ["2.00", "rounds"]);
    assert!(row("broadcast").contains(&"s"), "broadcast is in seconds: {text}");
    let end = |name| row(name).into_iter().rev().take(2).collect::<Vec<_>>();
    assert_eq!((end("delta"), end("mean-only")), (vec!["yes", "yes"], vec!["yes", "no"]));
    let timed = place.ok(&[&SMALL[..], &["--clock", "periodic", "--loss", "0.1"]].concat());
    assert!(timed.contains("scheduled is left out: a schedule needs rounds"), "{timed}");
    assert!(timed.contains("0.1 of the messages lost") && !timed.contains("rounds  "), "{timed}");
}

#[test]
fn json_is_the_same_on_any_number_of_threads() {
    let place = Place::new();
    let text = place.ok(&[&SMALL[..], &["--json", "-"]].concat());
    let read: serde_json::Value = serde_json::from_str(&text).expect("JSON and nothing else");
    assert_eq!((read["model_bytes"].as_u64(), read["optimum"].as_u64()), (Some(64), Some(3_584)));
    assert_eq!(read["results"].as_array().map(Vec::len), Some(6));
    assert_eq!(read["results"][3]["protocol"], "scheduled");
    assert_eq!(read["results"][3]["tensors_over_optimum"]["mean"], 1.0);
    assert_eq!(read["results"][5]["runs"][1]["tensor_bytes"], 2 * 7 * 64);
    let file = [&SMALL[..], &["--json", "all.json", "--quiet", "--threads", "1"]].concat();
    assert_eq!(place.ok(&file), "");
    assert_eq!(place.read("all.json"), text);
    assert!(place.fails(2, &file).contains("all.json"), "nothing is overwritten");
    place.ok(&[&file[..], &["--force"]].concat());
}

#[test]
fn wrong_flags_say_what_would_be_right() {
    let wrong: [(&[&str], &[&str]); 6] = [
        (&["--nodes", "1"], &["--nodes", "2 to 100000"]),
        (&["--topology", "rign"], &["--topology", "did you mean `ring`?"]),
        (&["--latency", "constant:1s"], &["--latency", "such as a periodic clock"]),
        (&["--seeds", "0"], &["--seeds", "whole number from 1"]),
        (&["--seeds", "20000"], &["--seeds", "1 to 10000"]),
        (&["--clock", "sundial"], &["--clock", "rounds, periodic, poisson or none"]),
    ];
    let place = Place::new();
    for (flags, parts) in wrong {
        let error = place.fails(2, &[&["exchanges"], flags].concat());
        for part in parts {
            assert!(error.contains(part), "{flags:?}: {part}: {error}");
        }
    }
}
