//! What `simulate` prints and writes.

use crate::{Place, simulate};
use serde_json::Value;
use std::io::Read as _;
use std::process::Stdio;

#[test]
fn a_run_writes_three_files_and_a_summary() {
    let place = Place::new();
    let text = place.ok(&["simulate"]);
    assert_eq!(place.files("."), ["espalier-report"]);
    assert_eq!(place.files("espalier-report"), ["audit.csv", "report.html", "report.json"]);
    let report: Value = serde_json::from_str(&place.read("espalier-report/report.json")).unwrap();
    assert!(text.starts_with("8 nodes, digits, weight-average over random, 20 rounds, seed 1\n"));
    let says = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(name));
        line.unwrap_or_else(|| panic!("no {name} in {text}"))[name.len()..].trim().to_owned()
    };
    assert!(says("converged").starts_with("yes, from round "));
    assert_eq!(says("state hash"), report["summary"]["final_state_hash"]);
    assert_eq!(says("merged model"), report["summary"]["final_model_hash"]);
    assert_eq!(says("round trips"), "16 of 16 pass");
    assert_eq!(says("isolated"), "nobody");
    assert!(says("accuracy").contains("% merged (alone: "));
    assert!(says("sent").contains("exchanges"));
    assert!(text.ends_with("Open espalier-report/report.html to see it.\n"), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 100 && line == line.trim_end()));
}

#[test]
fn the_table_of_rounds_is_aligned_and_short() {
    let place = Place::new();
    let text = place.ok(&simulate(&["--nodes", "40", "--topology", "line", "--rounds", "200"]));
    let table: Vec<_> = text
        .lines()
        .skip_while(|line| !line.starts_with("round"))
        .take_while(|l| !l.is_empty())
        .collect();
    assert!((4..16).contains(&table.len()), "{text}");
    let width = table[0].chars().count();
    assert!(table.iter().all(|line| line.chars().count() == width), "{text}");
    assert!(table.last().unwrap().contains("0.0000"), "{text}");
}

#[test]
fn liars_are_named_with_how_many_were_found() {
    let place = Place::new();
    let text = place.ok(&[
        "simulate",
        "--byzantine",
        "25%",
        "--attack",
        "nan,sign-flip",
        "--quiet",
        "--json",
        "-",
    ]);
    let report: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(report["summary"]["detection"]["recall"], 1.0);
    let text = place.ok(&["simulate", "--byzantine", "2", "--attack", "nan", "--out", "b"]);
    assert!(
        text.contains("liars found            100.0 %; 100.0 % of the isolated are liars"),
        "{text}"
    );
}

#[test]
fn an_existing_report_needs_force() {
    let place = Place::new();
    place.ok(&simulate(&[]));
    let before = place.read("espalier-report/report.json");
    for kept in ["audit.csv", "report.html", "report.json"] {
        let problem = place.fails(2, &simulate(&["--seed", "2"]));
        assert!(problem.contains("--force") && problem.contains("--out"), "{problem}");
        assert_eq!(problem.lines().count(), 1);
        // Any one of the three is enough.
        for file in ["audit.csv", "report.html", "report.json"] {
            let path = place.path().join("espalier-report").join(file);
            if file == kept {
                std::fs::write(path, &before).unwrap()
            } else {
                std::fs::remove_file(path).ok();
            }
        }
        let problem = place.fails(2, &simulate(&["--seed", "2"]));
        assert!(problem.contains(kept), "{problem}");
    }
    place.ok(&simulate(&["--seed", "2", "--force"]));
    assert_ne!(place.read("espalier-report/report.json"), before);
    place.ok(&simulate(&["--seed", "2", "--out", "other/deep"]));
    assert_eq!(place.files("other/deep").len(), 3);
}

#[test]
fn json_goes_to_a_file_or_alone_to_standard_output() {
    let place = Place::new();
    let text = place.ok(&simulate(&["--json", "copy.json"]));
    assert!(text.contains("converged"));
    assert_eq!(place.read("copy.json"), place.read("espalier-report/report.json"));

    // Nothing is run, and nothing written, if the file is there.
    let problem = place.fails(2, &simulate(&["--json", "copy.json", "--out", "new"]));
    assert!(problem.contains("copy.json") && problem.contains("--force"), "{problem}");
    assert_eq!(place.files("."), ["copy.json", "espalier-report"]);

    let text = place.ok(&simulate(&["--json", "-", "--force"]));
    assert_eq!(text, place.read("espalier-report/report.json"));
    assert_eq!(text.lines().count(), 1);
}

#[test]
fn quiet_prints_nothing() {
    let place = Place::new();
    assert_eq!(place.ok(&simulate(&["--quiet"])), "");
    assert_eq!(place.ok(&["-q", "verify", "espalier-report/report.json"]), "");
    assert_eq!(place.ok(&["selfcheck", "-q"]), "");
    let problem = place.fails(2, &simulate(&["--quiet"]));
    assert!(problem.contains("--force"), "{problem}");
}

#[test]
fn threads_do_not_show_in_the_report() {
    let place = Place::new();
    let run = |threads: &str, out: &str| {
        let attack = "equivocation,gaussian";
        place.ok(&[
            "simulate",
            "--threads",
            threads,
            "--out",
            out,
            "--loss",
            "0.2",
            "--byzantine",
            "2",
            "--attack",
            attack,
            "--strategy",
            "ties",
            "--retrain",
            "7",
        ]);
        ["report.json", "audit.csv", "report.html"].map(|file| place.read(&format!("{out}/{file}")))
    };
    assert!(run("1", "one") == run("2", "two"));
}

#[test]
fn a_run_that_cannot_converge_fails_only_if_asked() {
    let place = Place::new();
    let split = ["--partition", "2@1..100", "--quiet"];
    let loud = place.ok(&simulate(&split[..2]));
    assert!(loud.contains("no, 2 distinct states at the end"), "{loud}");
    assert!(!loud.contains("least possible"), "{loud}");
    place.ok(&simulate(&[&split[..], &["--force"]].concat()));
    let ran = place.run(&simulate(&[&split[..], &["--require-convergence", "--force"]].concat()));
    assert_eq!((ran.code, ran.stdout.as_str()), (1, ""));
    assert!(
        ran.stderr.starts_with("not converged: 2 distinct states after 8 rounds"),
        "{}",
        ran.stderr
    );
    // The report is there to be looked at.
    assert_eq!(place.files("espalier-report").len(), 3);
    place.ok(&simulate(&["--require-convergence", "--force"]));
}

#[test]
fn an_output_that_cannot_be_written_is_the_environments_fault() {
    let place = Place::new();
    std::fs::write(place.path().join("file"), "").unwrap();
    for out in ["file", "file/below"] {
        let ran = place.run(&simulate(&["--out", out, "--quiet"]));
        assert_eq!(ran.code, 3, "{}", ran.stderr);
        assert!(ran.stderr.contains(out), "{}", ran.stderr);
    }
    let ran = place.run(&simulate(&["--json", "file/x.json", "--quiet"]));
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    assert!(ran.stderr.contains("file/x.json"), "{}", ran.stderr);
}

/// `espalier … | head`: the reader goes away after a few bytes.
#[test]
fn a_closed_standard_output_is_no_error() {
    let place = Place::new();
    place.ok(&["simulate", "--quiet"]);
    let commands: [&[&str]; 6] = [
        &["trace", "--json"],
        &["trace", "--report", "espalier-report"],
        &["simulate", "--force", "--json", "-"],
        &["completions", "bash"],
        &["man"],
        &["simulate", "--help"],
    ];
    for arguments in commands {
        let mut command = place.command(arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut start = [0; 1];
        child.stdout.take().unwrap().read_exact(&mut start).unwrap();
        let output = child.wait_with_output().unwrap();
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!((output.status.code(), complaint.as_str()), (Some(0), ""), "{arguments:?}");
    }
    // And one that is closed from the start.
    let mut command = place.command(&["selfcheck"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr), (Some(0), vec![]));
}

/// Standard error is no terminal here, however long it takes.
#[test]
fn there_is_no_progress_without_a_terminal() {
    let place = Place::new();
    place.ok(&["simulate", "--nodes", "100", "--rounds", "60", "--until-converged"]);
    place.ok(&["verify", "espalier-report"]);
}

#[test]
fn a_large_run_says_what_it_sampled() {
    let place = Place::new();
    let text = place.ok(&simulate(&["--nodes", "300", "--topology", "complete", "--rounds", "12"]));
    assert!(text.contains("round trips            128 of 128 pass"), "{text}");
    assert!(text.contains("are for 64 of 300 nodes"), "{text}");
    let text =
        place.ok(&simulate(&["--byzantine", "40%", "--nodes", "30", "--attack", "nan", "--force"]));
    assert!(text.contains(" and 6 more\n"), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
}
