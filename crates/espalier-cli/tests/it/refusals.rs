//! Wrong use: exit code 2, one message that names the flag and says what would be right.

use crate::{Place, simulate};

/// Flags of `simulate` and what the message must contain.
const WRONG: &[(&[&str], &[&str])] = &[
    (&["--attack", "sing-flip"], &["--attack", "did you mean `sign-flip`?", "gaussian:S"]),
    (&["--attack", "nan,scale:x"], &["--attack", "scale:K with a finite number"]),
    (&["--attack", ""], &["--attack"]),
    (&["--spread", "clster:2"], &["--spread", "did you mean `clusters`?"]),
    (&["--spread", "clusters:1"], &["--spread", "K >= 2"]),
    (&["--topology", "rign"], &["--topology", "did you mean `ring`?"]),
    (&["--topology", "regular"], &["--topology", "regular:K"]),
    (&["--topology", "torus", "--nodes", "7"], &["--topology", "9"]),
    (&["--topology", "hypercube", "--nodes", "7"], &["--topology", "the nearest is 8"]),
    (&["--topology", "file:nowhere"], &["--topology", "nowhere"]),
    (&["--strategy", "tiess"], &["--strategy", "did you mean `ties`?"]),
    (&["--strategy", "zzz"], &["--strategy", "weight-average, task-arithmetic"]),
    (&["--strategy", "ties", "--param", "densty=1"], &["--param", "did you mean `density`?"]),
    (&["--strategy", "ties", "--param", "density=2"], &["--param", "at most 1"]),
    (&["--param", "density"], &["--param", "KEY=VALUE"]),
    (&["--schedule", "planned"], &["--schedule", "use random or scheduled"]),
    (&["--order", "parallel"], &["--order", "use sequential or synchronous"]),
    (&["--exchange", "full"], &["--exchange", "delta, full-state, intervals or broadcast"]),
    (
        &["--exchange", "broadcast"],
        &["--exchange: broadcast needs virtual time", "such as a periodic clock"],
    ),
    (&["--metrics", "smple:3"], &["--metrics", "did you mean `sample`?"]),
    (&["--nodes", "1"], &["--nodes", "2 to 100000"]),
    (&["--nodes", "-3"], &["--nodes", "whole number"]),
    (&["--nodes", "many"], &["--nodes", "whole number from 0 to 2^32 - 1"]),
    (&["--nodes", "99999999999"], &["--nodes", "whole number"]),
    (&["--rounds", "0"], &["--rounds", "1 to 10000000"]),
    (&["--rounds", "2.5"], &["--rounds", "whole number"]),
    (&["--seed", "-1"], &["--seed", "whole number from 0 to 2^64 - 1"]),
    (&["--threads", "0"], &["--threads", "whole number from 1"]),
    (&["--loss", "2"], &["--loss", "from 0 to 1"]),
    (&["--loss", "-0.1"], &["--loss", "from 0 to 1"]),
    (&["--duplicate", "NaN"], &["--duplicate", "from 0 to 1"]),
    (&["--reorder", "half"], &["--reorder", "from 0 to 1"]),
    (&["--crash", "1e9"], &["--crash", "from 0 to 1"]),
    (&["--delay", "soon"], &["--delay", "whole number"]),
    (&["--retrain", "0"], &["--retrain", "at least 1"]),
    (&["--byzantine", "5"], &["--byzantine", "nobody honest"]),
    (&["--byzantine", "120%"], &["--byzantine", "34%"]),
    (&["--late-joiners", "2"], &["--late-joiners", "COUNT@ROUND"]),
    (&["--late-joiners", "5@2"], &["--late-joiners", "5 honest"]),
    (&["--partition", "2@5..3"], &["--partition", "FROM < UNTIL"]),
    (&["--partition", "6@2..3"], &["--partition", "6 parts"]),
    (&["--retract", "node3"], &["--retract", "NODE@ROUND"]),
    (&["--retract", "5@3"], &["--retract", "0 to 4"]),
    // Below zero, with a flag that takes numbers in words of its own.
    (&["--byzantine", "-1"], &["--byzantine", "34%"]),
    (&["--byzantine", "-5%"], &["--byzantine", "34%"]),
    (&["--crash", "-inf"], &["--crash", "from 0 to 1"]),
    (&["--late-joiners", "-2@5"], &["--late-joiners", "COUNT@ROUND"]),
    (&["--partition", "-2@3..9"], &["--partition", "FROM < UNTIL"]),
    (&["--outage", "-1@3..6"], &["--outage", "NODE@FROM..UNTIL"]),
    (&["--period", "-5s"], &["--period", "-5s"]),
    (&["--latency", "-5ms"], &["--latency", "-5ms"]),
    (&["--bandwidth", "-1MB/s"], &["--bandwidth", "-1MB/s"]),
    (&["--metrics", "-.5"], &["--metrics", "sample:K"]),
    (&["--show", "-1"], &["--show", "--replay"]),
    // What would never happen.
    (&["--late-joiners", "2@9"], &["--late-joiners", "after the last one, 8", "use 9 rounds"]),
    (&["--partition", "2@9..12"], &["--partition", "use 9 rounds"]),
    (&["--retract", "0@3", "--retract", "1@20"], &["--retract", "use 20 rounds"]),
    (&["--retrain", "9"], &["--retrain", "use 9 rounds"]),
    // Models.
    (
        &["--model", "absent.safetensors"],
        &["--model", "absent.safetensors", "digits", "synthetic:SHAPE"],
    ),
    (&["--model", "digit"], &["--model", "did you mean `digits`?"]),
    (&["--model", "synthetic"], &["--model", "did you mean `synthetic:16x16`?"]),
    (&["--model", "synthetic:4x"], &["--model", "synthetic:16x16"]),
    (&["--model", "synthetic:99999x99999x99"], &["--model", "2^28"]),
    (&["--model", "."], &["--model", "safetensors"]),
    (&["--model", ""], &["--model", "digits"]),
    (&["--bogus"], &["--bogus"]),
    (&["extra"], &["extra"]),
];

#[test]
fn a_wrong_value_names_its_flag_and_says_what_would_be_right() {
    let place = Place::new();
    for (flags, parts) in WRONG {
        let arguments = simulate(flags);
        let problem = place.fails(2, &arguments);
        assert!(problem.starts_with("error: "), "{arguments:?}: {problem}");
        for part in *parts {
            assert!(problem.contains(part), "{arguments:?}: no {part} in\n{problem}");
        }
        assert!(problem.len() < 600, "{problem}");
    }
    assert!(place.files(".").is_empty(), "a refused run leaves nothing");
}

#[test]
fn a_trace_whose_lines_come_to_nothing_is_refused_by_file_and_line() {
    let place = Place::new();
    let scenario = "title = \"t\"\nseeds = 2\n[defaults]\nmodel = \"synthetic:4\"\n\
                    churn = \"file:trace.txt\"\n[[run]]\nname = \"one\"\n";
    std::fs::write(place.path().join("scenario.toml"), scenario).unwrap();
    for (text, problem) in [
        ("# nobody\n", "no node comes or goes in"),
        ("2 1 leave\n3 1 restart\n", "line 2: node 1 left in line 1; only join can follow"),
        ("2 1 leave\n25 2 leave\n", "line 2: round 25 is after the last one"),
    ] {
        std::fs::write(place.path().join("trace.txt"), text).unwrap();
        let said = place.fails(2, &simulate(&["--churn", "file:trace.txt"]));
        assert!(said.starts_with("error: --churn: "), "{said}");
        assert!(said.contains("trace.txt") && said.contains(problem), "{said}");
        let said = place.fails(2, &["simulate", "--scenario", "scenario.toml"]);
        assert!(said.contains("line 5: `churn`: ") && said.contains("trace.txt"), "{said}");
        assert!(said.contains(problem), "{said}");
    }
    std::fs::write(place.path().join("trace.txt"), "2 1 leave\n3 1 join\n").unwrap();
    place.ok(&simulate(&["--churn", "file:trace.txt"]));
    // The other files of lines.
    std::fs::write(place.path().join("empty.txt"), "# nothing\n").unwrap();
    for (flags, problem) in [
        (
            &["--topology", "file:empty.txt"][..],
            "--topology: edge list: no edges; give each edge a line",
        ),
        (&["--clock", "periodic", "--latency", "file:empty.txt"], "empty.txt has no regions"),
    ] {
        let said = place.fails(2, &simulate(&[flags, &["--force"]].concat()));
        assert!(said.contains(problem), "{said}");
    }
}

#[test]
fn a_replay_beyond_the_end_of_its_log_is_refused_before_it_prints() {
    let place = Place::new();
    place.ok(&simulate(&["--log", "events.jsonl"]));
    let events = place.read("events.jsonl").lines().count() - 2;
    let last = events.to_string();
    place.ok(&["simulate", "--replay", "events.jsonl", "--until", &last]);
    let beyond = (events + 1).to_string();
    let said = place.fails(2, &["simulate", "--replay", "events.jsonl", "--until", &beyond]);
    let right = format!("error: --until: the log ends after {events} events, at 8.000 s\n");
    assert_eq!(said, right);
}

#[test]
fn a_grid_beyond_measure_is_refused_before_it_is_listed() {
    let place = Place::new();
    for (flags, part) in [
        (&["--seeds", "4000000000"][..], "--seeds: must be 1 to 10000"),
        (&["--seeds", "10000"][..], "runs are more than the limit of 1048576"),
    ] {
        let problem = place.fails(2, &[&["byzantine"][..], flags].concat());
        assert!(problem.contains(part), "{problem}");
    }
    assert!(place.files(".").is_empty(), "a refused run leaves nothing");
}

#[test]
fn misspelt_commands_and_flags_suggest_the_nearest() {
    let place = Place::new();
    assert!(place.fails(2, &["simulat"]).contains("'simulate'"));
    assert!(place.fails(2, &["simulate", "--node", "3"]).contains("'--nodes'"));
    assert!(place.fails(2, &["completions", "bsh"]).contains("possible values: bash"));
    let ran = place.run(&[]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("Usage: espalier"), "{}", ran.stderr);
}

#[test]
fn what_is_wrong_shows_before_what_exists() {
    let place = Place::new();
    place.ok(&simulate(&["--quiet"]));
    assert!(place.fails(2, &simulate(&["--strategy", "zzz"])).contains("--strategy"));
}

#[test]
fn files_that_are_no_reports_are_refused_by_name() {
    let place = Place::new();
    std::fs::write(place.path().join("garbage.json"), "{\"config\": 3}").unwrap();
    std::fs::write(place.path().join("binary.json"), [0xff, 0xfe, 0]).unwrap();
    std::fs::create_dir(place.path().join("folder")).unwrap();
    for file in ["garbage.json", "binary.json", "absent.json", "folder"] {
        for arguments in [&["verify", file][..], &["trace", "--report", file]] {
            let problem = place.fails(2, arguments);
            assert!(problem.contains(file), "{arguments:?}: {problem}");
            assert_eq!(problem.lines().count(), 1, "{problem}");
        }
    }
}

#[test]
fn a_report_to_read_and_a_run_to_make_exclude_each_other() {
    let place = Place::new();
    place.ok(&simulate(&["--quiet"]));
    for flag in [["--rounds", "3"], ["--byzantine", "1"], ["--seed", "1"], ["--model", "digits"]] {
        let problem = place.fails(2, &["trace", "--report", "espalier-report", flag[0], flag[1]]);
        assert!(problem.contains(flag[0]), "{problem}");
    }
}
