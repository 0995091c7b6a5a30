//! Golden text files: compared by default, written on demand.

use std::env;
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

/// The command every stale file is renewed with.
const RENEW: &str = "cargo xtask fixtures";
/// Set to `write` to renew files in place of comparing them.
const MODE: &str = "ESPALIER_FIXTURES";
/// The list of touched files; `insta` appends its snapshots to the same one.
const TOUCHED: &str = "INSTA_SNAPSHOT_REFERENCES_FILE";

/// The folder `fixtures/` at the top of the repository.
///
/// Cargo's configuration names the top at run time; without it (a test binary started by hand)
/// the place where this crate was compiled does.
pub(crate) fn fixtures_dir() -> PathBuf {
    let top = match env::var_os("CARGO_WORKSPACE_DIR") {
        Some(top) if !top.is_empty() => PathBuf::from(top),
        _ => Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."),
    };
    top.join("fixtures")
}

/// The absolute path of `fixtures/<name>`, which need not exist.
///
/// The file counts as touched when `cargo xtask fixtures` looks for orphans.
#[must_use]
pub fn fixture_path(name: &str) -> PathBuf {
    let path = fixtures_dir().join(name);
    if let Some(list) = env::var_os(TOUCHED) {
        let line = format!("{}\n", path.display());
        let written = OpenOptions::new()
            .append(true)
            .create(true)
            .open(&list)
            .and_then(|mut list| list.write_all(line.as_bytes()));
        if let Err(error) = written {
            panic!("cannot note the use of a fixture in {}: {error}", list.display());
        }
    }
    path
}

/// Compares `contents` with `fixtures/<name>`, byte by byte.
///
/// With `ESPALIER_FIXTURES=write` it stores `contents` there instead.
///
/// # Panics
///
/// If the file is absent or differs. The message shows the first line that differs and the
/// command that renews the file.
#[track_caller]
pub fn check_fixture(name: &str, contents: &str) {
    let write = env::var_os(MODE).is_some_and(|mode| mode == "write");
    if let Err(problem) = compare_or_write(&fixture_path(name), contents, write) {
        panic!("fixtures/{name} {problem}\nIf the change is meant, renew it with: {RENEW}");
    }
}

fn compare_or_write(path: &Path, contents: &str, write: bool) -> Result<(), String> {
    let stored = match fs::read(path) {
        Ok(stored) => Some(stored),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(format!("cannot be read: {error}")),
    };
    match stored {
        Some(stored) if stored == contents.as_bytes() => Ok(()),
        _ if write => store(path, contents).map_err(|error| format!("cannot be written: {error}")),
        Some(stored) => Err(difference(&String::from_utf8_lossy(&stored), contents)),
        None => Err("does not exist.".to_owned()),
    }
}

fn store(path: &Path, contents: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, contents)
}

/// The first line in which two texts differ.
fn difference(stored: &str, computed: &str) -> String {
    let (mut old, mut new) = (stored.split('\n'), computed.split('\n'));
    for line in 1.. {
        let pair = (old.next(), new.next());
        if pair.0 == pair.1 && pair.0.is_some() {
            continue;
        }
        let show = |text: Option<&str>| match text {
            Some(text) => format!("{text:?}"),
            None => "(end of file)".to_owned(),
        };
        return format!(
            "is stale from line {line} on:\n  stored:   {}\n  computed: {}",
            show(pair.0),
            show(pair.1)
        );
    }
    unreachable!("two texts of finite length end")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder of this process, removed at the end.
    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str) -> Self {
            let unique = format!("espalier-testkit-{}-{name}", std::process::id());
            Self(env::temp_dir().join(unique))
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn writing_stores_and_comparing_accepts_what_was_stored() {
        let scratch = Scratch::new("write");
        let path = scratch.0.join("deep/vectors.txt");
        compare_or_write(&path, "one\ntwo\n", true).unwrap();
        compare_or_write(&path, "one\ntwo\n", false).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "one\ntwo\n");
    }

    #[test]
    fn a_missing_file_is_refused_and_not_created() {
        let scratch = Scratch::new("missing");
        let path = scratch.0.join("vectors.txt");
        let problem = compare_or_write(&path, "one\n", false).unwrap_err();
        assert!(problem.contains("does not exist"), "{problem}");
        assert!(!path.exists());
    }

    #[test]
    fn a_stale_file_is_refused_with_its_first_differing_line() {
        let scratch = Scratch::new("stale");
        let path = scratch.0.join("vectors.txt");
        compare_or_write(&path, "one\ntwo\n", true).unwrap();
        let problem = compare_or_write(&path, "one\n2\n", false).unwrap_err();
        assert!(problem.contains("line 2"), "{problem}");
        assert!(problem.contains("\"two\"") && problem.contains("\"2\""), "{problem}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "one\ntwo\n", "the file is left alone");
    }

    #[test]
    fn a_lost_final_newline_is_a_difference() {
        assert!(difference("one\n", "one").contains("line 2"));
        assert!(difference("one", "one\n").contains("(end of file)"));
    }

    #[test]
    fn bytes_that_are_not_text_are_a_difference_and_not_a_crash() {
        let scratch = Scratch::new("bytes");
        let path = scratch.0.join("vectors.txt");
        fs::create_dir_all(&scratch.0).unwrap();
        fs::write(&path, [0xff, 0xfe]).unwrap();
        assert!(compare_or_write(&path, "one\n", false).is_err());
    }

    #[test]
    #[should_panic(expected = "renew it with: cargo xtask fixtures")]
    fn the_message_prints_the_command_that_renews() {
        // Below a file nothing can be read or written, so this fails in either mode.
        check_fixture("../Cargo.toml/absent.txt", "one\n");
    }
}
