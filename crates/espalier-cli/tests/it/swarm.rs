//! `swarm`.

use crate::Place;
use espalier::sim::{Config, Regression, Violation};

fn regression(config: Config) -> String {
    let seen = Violation { checker: "runs".into(), round: 0, problem: "seen".into() };
    Regression { seed: 4, seen, config }.to_json()
}

fn small() -> Config {
    let model = "synthetic:2".parse().unwrap();
    Config { nodes: 3, rounds: 4, model, loss: 0.2, ..Config::default() }
}

#[test]
fn a_few_seeds_pass_and_it_says_what_happened() {
    let place = Place::new();
    let text = place.ok(&["swarm", "--seed", "5", "--seeds", "10"]);
    assert!(text.starts_with("swarm: seeds from 5\n10 seeds, "), "{text}");
    for part in ["rounds", " heard, ", "cuts", "crashes", "convictions", "seeds per second"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(place.files(".").is_empty(), "nothing was found, nothing is written");
    assert_eq!(place.ok(&["swarm", "--seeds", "2", "--quiet"]), "");
}

#[test]
fn the_same_seeds_tell_the_same_on_any_number_of_threads() {
    let place = Place::new();
    let run = |threads| {
        let text = place.ok(&["swarm", "--seeds", "12", "--threads", threads]);
        let lines: Vec<_> = text.lines().map(str::to_owned).collect();
        // The last line is about time.
        lines[..lines.len() - 1].to_vec()
    };
    assert_eq!(run("1"), run("3"));
}

#[test]
fn minutes_are_kept() {
    let place = Place::new();
    // It stops after the first batch.
    let text = place.ok(&[
        "swarm",
        "--fixed",
        "--minutes",
        "1e-6",
        "--nodes",
        "3",
        "--rounds",
        "2",
        "--model",
        "synthetic:2",
    ]);
    assert!(text.contains("\n64 seeds, "), "{text}");
}

#[test]
fn a_stored_run_is_judged_again() {
    let place = Place::new();
    std::fs::write(place.path().join("fine.json"), regression(small())).unwrap();
    let text = place.ok(&["swarm", "--replay", "fine.json"]);
    let flags = "--fixed --seeds 1 --nodes 3 --rounds 4 --seed 1 --model synthetic:2 --loss 0.2";
    for part in
        ["drawn from seed 4", flags, "when found: runs in round 0: seen", "liars: nobody", "PASS"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    let broken = regression(Config { nodes: 1, ..small() });
    std::fs::write(place.path().join("broken.json"), broken).unwrap();
    let ran = place.run(&["swarm", "--replay", "broken.json"]);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert!(ran.stderr.contains("FAIL: runs in round 0: nodes: "), "{}", ran.stderr);
}

#[test]
fn what_was_found_is_made_small_and_written_down() {
    let place = Place::new();
    // A folder without models cannot be drawn, but shows what happens to a violation.
    std::fs::create_dir(place.path().join("empty")).unwrap();
    let flags = ["swarm", "--fixed", "--seeds", "1", "--nodes", "6", "--rounds", "9"];
    let ran = place.run(&[&flags[..], &["--model", "empty"]].concat());
    assert_eq!(ran.code, 1, "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stderr.contains("seed 1: runs in round 0: model: empty: the folder has no file"));
    assert!(ran.stderr.contains("espalier swarm --replay espalier-swarm/runs-1.json"));
    assert_eq!(place.files("espalier-swarm"), ["runs-1.json"]);
    let stored = Regression::from_json(&place.read("espalier-swarm/runs-1.json")).unwrap();
    assert_eq!((stored.config.nodes, stored.config.rounds), (2, 1));
}

#[test]
fn wrong_use_says_what_would_be_right() {
    let place = Place::new();
    let cases: [(&[&str], &[&str]); 6] = [
        (&["--nodes", "4"], &["--nodes: does nothing without --fixed"]),
        (&["--fixed", "--nodes", "1"], &["--nodes", "2 to 100000"]),
        (&["--minutes", "0"], &["--minutes", "above 0"]),
        (&["--seeds", "3", "--minutes", "1"], &["--seeds: does not go with --minutes"]),
        (&["--replay", "absent.json"], &["absent.json"]),
        (&["--replay", "nonsense.json"], &["nonsense.json", "expected"]),
    ];
    std::fs::write(place.path().join("nonsense.json"), "not JSON").unwrap();
    for (arguments, parts) in cases {
        let message = place.fails(2, &[&["swarm"], arguments].concat());
        for part in parts {
            assert!(message.contains(part), "{arguments:?}: {message}");
        }
    }
}
