//! `espalier rounds`: the measurement from the command line.

use crate::Place;

/// A measurement of small networks.
const SMALL: [&str; 7] =
    ["rounds", "--nodes", "8,16", "--topology", "complete,star,torus", "--seeds", "100"];

#[test]
fn cells_stand_in_one_table_with_their_verdicts() {
    let place = Place::new();
    let text = place.ok(&SMALL);
    let row = |start: [&str; 3]| -> Vec<&str> {
        let rows = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let mut found = rows.filter(|cells| cells.starts_with(&start));
        found.next().unwrap_or_else(|| panic!("{start:?}: {text}"))
    };
    // Rounds, least, greatest, reference, earlier, theory, by schedule, verdict.
    let star = ["2.000", "2", "2", "2.000", "–", "2.00", "2", "within"];
    assert_eq!(row(["star", "8", "sequential"])[3..], star);
    let complete = row(["complete", "8", "synchronous"]);
    assert_eq!((complete[4], complete.len()), ("±", 17), "{complete:?}");
    assert_eq!(complete[complete.len() - 2..], ["3", "within"]);
    // The reference has no networks of 16 nodes.
    assert_eq!(row(["torus", "16", "sequential"])[8], "–");
    assert!(text.contains("torus of 8 is left out: "), "{text}");
    assert!(text.ends_with("none of 10 cells out\n"), "{text}");
    let one = place.ok(&[&SMALL[..], &["--order", "synchronous"]].concat());
    assert!(!one.contains("sequential") && one.contains("none of 5 cells"), "{one}");
}

#[test]
fn files_are_the_same_on_any_number_of_threads() {
    let place = Place::new();
    let text = place.ok(&[&SMALL[..], &["--json", "-"]].concat());
    let read: serde_json::Value = serde_json::from_str(&text).expect("JSON and nothing else");
    assert_eq!(read["cells"].as_array().map(Vec::len), Some(10));
    let cell = &read["cells"][0];
    assert_eq!((cell["topology"].as_str(), cell["nodes"].as_u64()), (Some("complete"), Some(8)));
    assert_eq!(cell["runs"].as_array().map(Vec::len), Some(100));
    assert_eq!(cell["comparisons"][0]["source"], "reference");
    assert_eq!(cell["scheduled"]["rounds"], 3);
    assert_eq!(read["left_out"][0]["topology"], "torus");
    let files = ["--json", "all.json", "--csv", "all.csv", "--quiet", "--threads", "1"];
    let files = [&SMALL[..], &files].concat();
    assert_eq!(place.ok(&files), "");
    assert_eq!(place.read("all.json"), text);
    let table = place.read("all.csv");
    assert!(table.starts_with("topology,nodes,order,runs,mean,standard_error,min,max,reference,"));
    assert_eq!(table.lines().count(), 11);
    assert!(table.contains("\nstar,8,sequential,100,2.0,0.0,2.0,2.0,2.0,0.0,,2.0,2.0,2,true\n"));
    assert!(place.fails(2, &files).contains("all.json"), "nothing is overwritten");
    place.ok(&[&files[..], &["--force"]].concat());
}

#[test]
fn wrong_flags_say_what_would_be_right() {
    let wrong: [(&[&str], &[&str]); 6] = [
        (&["--nodes", "8,1"], &["--nodes", "2 to 10000"]),
        (&["--topology", "rign"], &["--topology", "did you mean `ring`?"]),
        (&["--topology", "hypercube", "--nodes", "12"], &["--topology", "hypercube"]),
        (&["--seeds", "0"], &["--seeds", "whole number from 1"]),
        (&["--seeds", "200000"], &["--seeds", "1 to 100000"]),
        (&["--order", "random"], &["--order", "sequential or synchronous"]),
    ];
    let place = Place::new();
    for (flags, parts) in wrong {
        let error = place.fails(2, &[&["rounds"], flags].concat());
        for part in parts {
            assert!(error.contains(part), "{flags:?}: {part}: {error}");
        }
    }
}
