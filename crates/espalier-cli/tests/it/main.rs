//! The command as a user runs it: the built program, in a folder of its own.

mod byzantine;
mod documents;
mod evidence;
mod exchanges;
#[cfg(unix)]
mod files;
mod help;
mod inputs;
mod limits;
mod lines;
mod maelstrom;
mod merge;
mod merge_more;
mod merge_state;
mod names;
mod output;
mod refusals;
mod reports;
mod rounds;
mod scenario;
mod serve;
mod state;
mod swarm;

use std::path::Path;
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

/// A folder and what was run in it.
struct Place(TempDir);

/// What a run left behind.
struct Ran {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Place {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_espalier"));
        command.args(arguments).current_dir(self.path()).stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        let Output { status, stdout, stderr } = self.command(arguments).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).expect("text");
        let code = status.code().expect("not killed by a signal");
        let ran = Ran { code, stdout: text(stdout), stderr: text(stderr) };
        assert!(!ran.stderr.contains("panicked"), "{arguments:?}: {}", ran.stderr);
        ran
    }

    /// Runs what must succeed and say nothing on standard error.
    #[track_caller]
    fn ok(&self, arguments: &[&str]) -> String {
        let ran = self.run(arguments);
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{arguments:?}");
        ran.stdout
    }

    /// Runs what must fail with `code`; its standard error.
    #[track_caller]
    fn fails(&self, code: i32, arguments: &[&str]) -> String {
        let ran = self.run(arguments);
        assert_eq!(ran.code, code, "{arguments:?}: {}{}", ran.stdout, ran.stderr);
        assert_eq!(ran.stdout, "", "{arguments:?}");
        ran.stderr
    }

    fn files(&self, folder: &str) -> Vec<String> {
        let list = std::fs::read_dir(self.path().join(folder)).unwrap();
        let mut names: Vec<_> =
            list.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.path().join(file)).unwrap()
    }
}

/// `simulate` on small tensors: a few milliseconds.
fn simulate<'a>(flags: &[&'a str]) -> Vec<&'a str> {
    let defaults = [["--model", "synthetic:4x4"], ["--nodes", "5"], ["--rounds", "8"]];
    // A flag may stand only once.
    let kept = defaults.iter().filter(|pair| !flags.contains(&pair[0])).flatten();
    ["simulate"].iter().chain(kept).chain(flags).copied().collect()
}
