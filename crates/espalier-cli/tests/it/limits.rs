//! What does not fit is refused before it starts, or ends with a message: never an abort.

use crate::{Place, simulate};
use std::process::{Command, Output};

/// Runs with a limit on address space, in KiB.
fn limited(place: &Place, kib: u64, arguments: &[&str]) -> (Option<i32>, String) {
    let script = format!("ulimit -v {kib}; exec \"$0\" \"$@\"");
    let mut command = Command::new("sh");
    command.args(["-c", &script, env!("CARGO_BIN_EXE_espalier")]).args(arguments);
    let Output { status, stderr, .. } = command.current_dir(place.path()).output().unwrap();
    (status.code(), String::from_utf8_lossy(&stderr).into_owned())
}

#[test]
#[cfg(target_os = "linux")]
fn a_run_that_does_not_fit_is_refused_or_ends_with_a_message() {
    let place = Place::new();
    let large = ["simulate", "--model", "synthetic:10000000", "--nodes", "16", "--threads", "2"];
    let (code, text) = limited(&place, 600_000, &large);
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("would need about") && text.contains("ulimit -v"), "{text}");
    let tried = [&large[..], &["--any-size"]].concat();
    let (code, text) = limited(&place, 600_000, &tried);
    assert_eq!(code, Some(3), "{text}");
    assert!(text.starts_with("error: out of memory"), "{text}");
    assert!(place.files(".").is_empty());
    // What fits is run.
    let small = simulate(&["--quiet", "--threads", "2"]);
    let (code, text) = limited(&place, 600_000, &small);
    assert_eq!((code, text.as_str()), (Some(0), ""));
}

#[test]
#[cfg(target_os = "linux")]
fn threads_that_cannot_be_started_are_the_environments_fault() {
    let place = Place::new();
    assert!(place.fails(2, &simulate(&["--threads", "20000"])).contains("from 1 to 1024"));
    for command in
        [&simulate(&["--threads", "1000"])[..], &["serve", "--port", "0", "--threads", "1000"]]
    {
        let (code, text) = limited(&place, 400_000, command);
        assert_eq!(code, Some(3), "{command:?}: {text}");
        assert!(text.starts_with("error: ") && text.lines().count() == 1, "{text}");
    }
}

#[test]
fn runs_beyond_all_measure_are_refused_at_once() {
    let place = Place::new();
    let cases: [(&[&str], &str); 8] = [
        (
            &["simulate", "--rounds", "10000000", "--nodes", "1000", "--wire", "frames"],
            "would need",
        ),
        (&["simulate", "--nodes", "90000", "--byzantine", "10%"], "would need"),
        (&["simulate", "--nodes", "4294967295"], "--nodes"),
        (&["exchanges", "--nodes", "4294967295"], "--nodes"),
        (&["byzantine", "--nodes", "4294967295", "--topology", "ring"], "--nodes"),
        (&["byzantine", "--seeds", "4000000000"], "--seeds"),
        (&["rounds", "--seeds", "4000000000"], "--seeds"),
        (&["swarm", "--fixed", "--nodes", "5000"], "--nodes"),
    ];
    for (arguments, part) in cases {
        let problem = place.fails(2, arguments);
        assert!(problem.contains(part), "{arguments:?}: {problem}");
    }
    assert!(place.files(".").is_empty());
}
