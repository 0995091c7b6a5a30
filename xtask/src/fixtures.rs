//! Golden files and snapshots: renewed or checked by running the tests that own them.
//!
//! Every test that touches a fixture has `fixture` in its name. The tests note each file they
//! touch; a snapshot nobody touched is an orphan.

use crate::step::Step;
use crate::workspace::Places;
use anyhow::{Context, Result, bail};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// A fixture is something a person can review.
const SIZE_BYTES_MAX: u64 = 20 * 1024;

/// Data sets that may be larger, as the beginnings of their paths below `fixtures/`.
const LARGE: &[&str] = &["digits.", "merge/", "mnist/"];

/// What a look at the folder after the tests found.
#[derive(Debug, Default, PartialEq)]
struct Findings {
    /// Larger than [`SIZE_BYTES_MAX`] and not in [`LARGE`].
    oversized: Vec<String>,
    /// Snapshots no test touched.
    orphans: Vec<String>,
    /// Other files no test touched; they may be inputs of something else.
    untouched: Vec<String>,
}

/// Renews all fixtures, or with `check` compares them.
pub(crate) fn run(places: &Places, check: bool) -> Result<()> {
    let list = std::env::temp_dir().join(format!("espalier-fixtures-{}", std::process::id()));
    fs::write(&list, "").with_context(|| format!("cannot write {}", list.display()))?;
    let outcome = tests(check, &list).run(&places.root);
    let touched = fs::read_to_string(&list);
    // The list is a scratch file: that it stays behind harms nobody.
    let _ = fs::remove_file(&list);
    if let Err(error) = outcome {
        let hint =
            if check { "\nif the changes are meant, renew with: cargo xtask fixtures" } else { "" };
        bail!("{error:#}{hint}");
    }
    let folder = places.root.join("fixtures");
    let findings = judge(&present(&folder)?, &touched_below(&folder, &touched?));
    settle(&folder, &findings, check)
}

/// The command that runs every test with `fixture` in its name.
fn tests(check: bool, list: &Path) -> Step {
    let (update, mode) = if check { ("no", "check") } else { ("force", "write") };
    Step::cargo("fixture tests", &["test", "--workspace", "--tests", "--quiet", "fixture"])
        .env("INSTA_UPDATE", update)
        .env("ESPALIER_FIXTURES", mode)
        .env("INSTA_SNAPSHOT_REFERENCES_FILE", list.to_string_lossy())
}

/// Sizes of all files below `folder`, by path with `/` between the parts.
fn present(folder: &Path) -> Result<BTreeMap<String, u64>> {
    let mut files = BTreeMap::new();
    let mut waiting = vec![folder.to_path_buf()];
    while let Some(next) = waiting.pop() {
        let entries = match fs::read_dir(&next) {
            Ok(entries) => entries,
            Err(_) if next == folder => break,
            Err(error) => return Err(error).context(next.display().to_string()),
        };
        for entry in entries {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                waiting.push(entry.path());
            } else if let Some(name) = below(folder, &entry.path()) {
                files.insert(name, entry.metadata()?.len());
            }
        }
    }
    Ok(files)
}

/// The files below `folder` among the lines of the tests' list.
fn touched_below(folder: &Path, list: &str) -> BTreeSet<String> {
    let Ok(folder) = folder.canonicalize() else { return BTreeSet::new() };
    let lines = list.lines().filter(|line| !line.is_empty());
    lines.filter_map(|line| below(&folder, &PathBuf::from(line).canonicalize().ok()?)).collect()
}

fn below(folder: &Path, path: &Path) -> Option<String> {
    let parts = path.strip_prefix(folder).ok()?.iter();
    Some(parts.map(|part| part.to_string_lossy()).collect::<Vec<_>>().join("/"))
}

fn judge(present: &BTreeMap<String, u64>, touched: &BTreeSet<String>) -> Findings {
    let mut findings = Findings::default();
    for (name, size) in present {
        let large = LARGE.iter().any(|start| name.starts_with(start));
        if *size > SIZE_BYTES_MAX && !large {
            findings.oversized.push(name.clone());
        }
        if touched.contains(name) {
            continue;
        }
        if name.ends_with(".snap") {
            findings.orphans.push(name.clone());
        } else if !large {
            findings.untouched.push(name.clone());
        }
    }
    findings
}

/// Reports what was found, deletes orphans unless checking, and fails if something is left.
fn settle(folder: &Path, findings: &Findings, check: bool) -> Result<()> {
    let mut failures = 0;
    for name in &findings.untouched {
        println!("note: no test named after a fixture touched fixtures/{name}");
    }
    for name in &findings.orphans {
        if check {
            println!("fixtures/{name} is an orphan: no test touches it");
            failures += 1;
        } else {
            fs::remove_file(folder.join(name)).with_context(|| format!("orphan {name}"))?;
            println!("removed the orphan fixtures/{name}");
        }
    }
    for name in &findings.oversized {
        println!("fixtures/{name} is larger than {SIZE_BYTES_MAX} bytes: store a digest instead");
        failures += 1;
    }
    if failures > 0 {
        bail!("{failures} bad fixtures; orphans are removed by: cargo xtask fixtures");
    }
    println!("fixtures are {}", if check { "up to date" } else { "written" });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(files: &[(&str, u64)]) -> BTreeMap<String, u64> {
        files.iter().map(|(name, size)| ((*name).to_owned(), *size)).collect()
    }

    fn names(files: &[&str]) -> BTreeSet<String> {
        files.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_small_touched_file_is_fine() {
        let found = judge(&sizes(&[("snapshots/a/b.snap", 10)]), &names(&["snapshots/a/b.snap"]));
        assert_eq!(found, Findings::default());
    }

    #[test]
    fn a_snapshot_nobody_touches_is_an_orphan() {
        let found = judge(&sizes(&[("snapshots/old.snap", 10)]), &names(&[]));
        assert_eq!(found.orphans, ["snapshots/old.snap"]);
    }

    #[test]
    fn another_file_nobody_touches_is_only_noted() {
        let found = judge(&sizes(&[("vectors.txt", 10)]), &names(&[]));
        assert_eq!(found.untouched, ["vectors.txt"]);
        assert!(found.orphans.is_empty());
    }

    #[test]
    fn a_large_file_is_refused_unless_it_is_listed() {
        let large = SIZE_BYTES_MAX + 1;
        let found = judge(
            &sizes(&[("digits.csv.gz", large), ("model.txt", large), ("edge.txt", large - 1)]),
            &names(&["digits.csv.gz", "model.txt", "edge.txt"]),
        );
        assert_eq!(found.oversized, ["model.txt"]);
    }

    #[test]
    fn orphans_are_removed_when_writing_and_refused_when_checking() {
        let unique = format!("espalier-xtask-{}-orphans", std::process::id());
        let folder = std::env::temp_dir().join(unique);
        fs::create_dir_all(folder.join("snapshots")).unwrap();
        let (kept, orphan) = (folder.join("snapshots/kept.snap"), folder.join("old.snap"));
        fs::write(&kept, "kept").unwrap();
        fs::write(&orphan, "old").unwrap();

        let touched = touched_below(&folder, &format!("{}\n/no/such/file\n\n", kept.display()));
        assert_eq!(touched, names(&["snapshots/kept.snap"]));
        let findings = judge(&present(&folder).unwrap(), &touched);
        assert_eq!(findings.orphans, ["old.snap"]);
        assert!(settle(&folder, &findings, true).is_err());
        assert!(orphan.exists(), "a check changes nothing");
        settle(&folder, &findings, false).unwrap();
        assert!(!orphan.exists() && kept.exists());
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn checking_never_writes() {
        let text = tests(true, Path::new("list")).to_string();
        assert!(text.contains("INSTA_UPDATE=no") && !text.contains("write"), "{text}");
    }
}
