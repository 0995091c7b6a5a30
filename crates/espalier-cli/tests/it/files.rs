//! Where results go: every kind of path, signals, permissions, and disks that fill up.

use crate::{Place, simulate};
use std::fs;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _, symlink};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// Runs a line of the shell, in which `$E` is the program.
fn shell(place: &Place, line: &str) -> std::process::Output {
    let mut command = Command::new("bash");
    command.arg("-c").arg(line).env("E", env!("CARGO_BIN_EXE_espalier"));
    command.current_dir(place.path()).stdin(Stdio::null()).output().unwrap()
}

const RUN: &str = "\"$E\" simulate --model synthetic:4x4 --nodes 5 --rounds 4";

fn pipe(place: &Place, name: &str) {
    let made = Command::new("mkfifo").arg(place.path().join(name)).status().unwrap();
    assert!(made.success());
}

#[test]
fn json_goes_through_pipes_and_open_files() {
    let place = Place::new();
    place.ok(&simulate(&["--rounds", "4", "--quiet"]));
    let report = place.read("espalier-report/report.json");
    for line in [
        format!("{RUN} --force --json /dev/stdout | cat"),
        format!("{RUN} --force --json /dev/fd/1 > out.txt; cat out.txt"),
        format!("{RUN} --force --quiet --json >(cat > way.txt); sleep 0.2; cat way.txt"),
        format!("{RUN} --force --quiet --json /dev/fd/3 3> three.txt; cat three.txt"),
    ] {
        let ran = shell(&place, &line);
        assert_eq!(String::from_utf8_lossy(&ran.stderr), "", "{line}");
        assert!(String::from_utf8_lossy(&ran.stdout) == report, "{line}");
    }
    // A pipe with a name stays one; whoever is waited for is told.
    pipe(&place, "pipe");
    let line = format!("(sleep 0.3; cat pipe > got.txt) & {RUN} --force --quiet --json pipe; wait");
    let ran = shell(&place, &line);
    assert!(String::from_utf8_lossy(&ran.stderr).contains("--json: waiting for a reader of"));
    assert_eq!(place.read("got.txt"), report);
    assert!(fs::metadata(place.path().join("pipe")).unwrap().file_type().is_fifo());
    assert!(!place.files(".").iter().any(|name| name.starts_with('.')));
}

#[test]
fn links_and_devices_are_written_through() {
    let place = Place::new();
    symlink("there.json", place.path().join("link.json")).unwrap();
    place.ok(&simulate(&["--json", "link.json", "--log", "/dev/null"]));
    assert_eq!(place.read("there.json"), place.read("espalier-report/report.json"));
    assert!(fs::symlink_metadata(place.path().join("link.json")).unwrap().is_symlink());
    assert!(fs::metadata("/dev/null").unwrap().file_type().is_char_device());
    // Through the link it exists now.
    let problem = place.fails(2, &simulate(&["--json", "link.json", "--out", "new"]));
    assert!(problem.starts_with("error: --json: link.json exists; use --force"), "{problem}");
    assert!(problem.contains("another file"), "{problem}");
}

#[test]
fn a_folder_is_made_where_a_link_leads() {
    let place = Place::new();
    symlink("far/deep", place.path().join("link")).unwrap();
    place.ok(&simulate(&["--out", "link"]));
    assert!(place.files("far/deep").contains(&"report.html".to_owned()));
    symlink("pages", place.path().join("man")).unwrap();
    place.ok(&["man", "--out", "man"]);
    assert!(place.files("pages").contains(&"espalier.1".to_owned()));
    assert!(fs::symlink_metadata(place.path().join("link")).unwrap().is_symlink());
}

#[test]
fn what_cannot_be_written_is_said_before_the_run() {
    let place = Place::new();
    fs::create_dir(place.path().join("folder")).unwrap();
    fs::write(place.path().join("file"), "").unwrap();
    symlink("loop", place.path().join("loop")).unwrap();
    let (r, b) = ("rounds", "byzantine");
    let small: [&[&str]; 4] = [
        &["simulate", "--model", "synthetic:4"],
        &[r, "--nodes", "8", "--topology", "star", "--seeds", "10"],
        &["exchanges", "--nodes", "4", "--model", "synthetic:4", "--seeds", "1"],
        &[b, "--quick"],
    ];
    for command in small {
        for (path, why) in [
            ("absent/x.json", "No such file"),
            ("file/x.json", "Not a directory"),
            ("folder", "directory"),
            ("new/", "folder"),
            ("loop", "circle"),
        ] {
            // Nothing is announced, so nothing was run.
            let problem = place.fails(3, &[command, &["--json", path]].concat());
            assert!(problem.starts_with("error: --json: cannot write"), "{command:?} {problem}");
            assert!(problem.contains(why) && problem.contains(path), "{command:?} {problem}");
            assert_eq!(problem.lines().count(), 1, "{problem}");
        }
    }
    for (flags, code, part) in [
        (&["--log", "absent/x"][..], 3, "error: --log: cannot write absent/x"),
        (&["--out", "file/x"], 3, "error: --out: cannot write file/x"),
        (&["--json", "x", "--log", "x"], 2, "error: --log: --json writes x too"),
        (&["--json", "x", "--log", "./x"], 2, "--log: --json writes ./x too"),
        (&["--json", "new/report.json", "--out", "new"], 2, "--json: --out writes new/report.json"),
        (&["--json", "new", "--out", "new"], 2, "--json: --out writes new too"),
        (&["--json", "-", "--log", "/dev/stdout"], 2, "--log: --json writes /dev/stdout"),
        (&["--log", "file"], 2, "--log: file exists; use --force to overwrite it, or name another"),
    ] {
        let problem = place.fails(code, &simulate(flags));
        assert!(problem.contains(part), "{flags:?}: {problem}");
    }
    let problem = place.fails(2, &[small[1], &["--json", "x", "--csv", "x"]].concat());
    assert!(problem.contains("--csv: --json writes x too"), "{problem}");
    assert_eq!(place.files("."), ["file", "folder", "loop"], "a refused run leaves nothing");
    // What is read is not replaced, and neither is where standard output goes.
    fs::write(place.path().join("s.toml"), SCENARIO).unwrap();
    let problem =
        place.fails(2, &["simulate", "--scenario", "s.toml", "--json", "s.toml", "--force"]);
    assert!(problem.contains("--json: --scenario reads s.toml"), "{problem}");
    let ran = shell(&place, &format!("{RUN} --force --json same > same"));
    let problem = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert!(problem.contains("--json: standard output goes to same"), "{problem}");
    assert_eq!((ran.status.code(), place.read("same").as_str()), (Some(2), ""));
}

const SCENARIO: &str = "title = \"t\"\nseeds = 1\n[[run]]\nname = \"r\"\nnodes = 4\nrounds = 3\n\
                        model = \"synthetic:4\"\n";

/// The disk fills up after the run: what was found is said all the same.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_does_not_take_the_summary_along() {
    let place = Place::new();
    fs::write(place.path().join("s.toml"), SCENARIO).unwrap();
    let commands: [(&[&str], &str); 4] = [
        (&["simulate", "--model", "synthetic:4"], "converged"),
        (&["simulate", "--scenario", "s.toml"], "converged"),
        (&["rounds", "--nodes", "8", "--topology", "star", "--seeds", "10"], "star"),
        (&["exchanges", "--nodes", "4", "--model", "synthetic:4", "--seeds", "1"], "optimum"),
    ];
    for (command, summary) in commands {
        let ran = place.run(&[command, &["--json", "/dev/full"]].concat());
        assert_eq!(ran.code, 3, "{command:?}: {}", ran.stderr);
        assert!(ran.stdout.contains(summary), "{command:?}: {}", ran.stdout);
        let problem = "error: --json: cannot write /dev/full: No space left on device";
        assert!(ran.stderr.starts_with(problem), "{command:?}: {}", ran.stderr);
    }
    // The other outputs are there, and those of a log that failed too.
    assert_eq!(place.files("espalier-report").len(), 3);
    let ran = place.run(&simulate(&["--log", "/dev/full", "--json", "x", "--force"]));
    assert_eq!(ran.code, 3);
    assert!(ran.stdout.contains("converged") && place.read("x").starts_with('{'));
    assert!(ran.stderr.starts_with("error: --log: cannot write /dev/full"), "{}", ran.stderr);
    // Two that fail are both said.
    let flags = ["--log", "/dev/full", "--json", "/dev/full", "--force"];
    let ran = place.run(&simulate(&flags));
    assert_eq!((ran.code, ran.stderr.lines().count()), (3, 2), "{}", ran.stderr);
}

#[test]
fn permissions_follow_the_umask_and_replaced_files_keep_theirs() {
    let place = Place::new();
    let mode = |name: &str| place.path().join(name).metadata().unwrap().mode() & 0o7777;
    for (umask, expected) in [("000", 0o666), ("022", 0o644), ("027", 0o640), ("077", 0o600)] {
        let name = |end: &str| format!("{umask}{end}");
        let (out, json, log) = (name(""), name(".json"), name(".log"));
        let line = format!("umask {umask}; {RUN} --quiet --out {out} --json {json} --log {log}");
        assert!(shell(&place, &line).status.success());
        for file in [json, log, format!("{out}/report.html"), format!("{out}/audit.csv")] {
            assert_eq!(mode(&file), expected, "{file}");
        }
    }
    let set = fs::Permissions::from_mode(0o604);
    fs::set_permissions(place.path().join("077.json"), set).unwrap();
    let line = format!("umask 077; {RUN} --quiet --out 077 --json 077.json --force");
    assert!(shell(&place, &line).status.success());
    assert_eq!(mode("077.json"), 0o604);
    assert_eq!(mode("077/report.json"), 0o600);
}

/// A run that takes a minute, with a file under way.
const LONG: &str =
    "simulate --model synthetic:64 --nodes 64 --rounds 9999 --metrics off --log log -q";

#[test]
fn nothing_is_left_of_an_interrupted_run() {
    for (signal, number) in [("INT", 2), ("TERM", 15), ("HUP", 1), ("KILL", 9)] {
        for wait in [5, 60, 250] {
            let place = Place::new();
            // Whoever started the tests may ignore signals, which the command would respect.
            let mut command = Command::new("env");
            command.arg("--default-signal=INT,TERM,HUP").arg(env!("CARGO_BIN_EXE_espalier"));
            command.args(LONG.split(' ')).current_dir(place.path()).stdin(Stdio::null());
            let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            std::thread::sleep(Duration::from_millis(wait));
            let kill = Command::new("kill").args(["-s", signal, &child.id().to_string()]).status();
            assert!(kill.unwrap().success());
            let status = child.wait().unwrap();
            assert_eq!(status.signal(), Some(number), "{signal} after {wait} ms: {status}");
            let files: Vec<String> = place.files(".");
            assert!(files.is_empty(), "{signal} after {wait} ms: {files:?}");
        }
    }
}

#[test]
fn who_ignores_hangups_is_not_ended_by_them() {
    let place = Place::new();
    let line =
        format!("trap '' HUP; {RUN} --quiet --json j & p=$!; sleep 0.01; kill -HUP $p; wait $p");
    let ran = shell(&place, &line);
    assert!(ran.status.success(), "{ran:?}");
    assert!(Path::new(&place.path().join("j")).exists());
}
