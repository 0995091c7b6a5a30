//! Commands as data: a step can be printed, run alone, or run in a row.

use crate::browser;
use anyhow::{Context, Result, bail};
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// One command of the automation.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Step {
    /// Unique among the steps of a run; `ci --only` takes it.
    pub(crate) name: &'static str,
    program: PathBuf,
    args: Vec<String>,
    env: Vec<(&'static str, String)>,
    /// A rustup component the command is part of.
    component: Option<&'static str>,
    /// The target folder, if its tests use a browser.
    browser: Option<PathBuf>,
    /// Removed before the command runs, so that it starts afresh.
    fresh: Option<PathBuf>,
}

impl Step {
    /// A step that runs `program` with `args` in the repository's root.
    pub(crate) fn new(name: &'static str, program: impl Into<PathBuf>, args: &[&str]) -> Self {
        Self {
            name,
            program: program.into(),
            args: args.iter().map(|arg| (*arg).to_owned()).collect(),
            env: Vec::new(),
            component: None,
            browser: None,
            fresh: None,
        }
    }

    /// A step that runs cargo.
    pub(crate) fn cargo(name: &'static str, args: &[&str]) -> Self {
        Self::new(name, "cargo", args)
    }

    /// Adds an environment variable.
    pub(crate) fn env(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.env.push((name, value.into()));
        self
    }

    /// Installs a rustup component first if `cargo <subcommand>` lacks it.
    pub(crate) fn needs(mut self, component: &'static str) -> Self {
        self.component = Some(component);
        self
    }

    /// Installs a browser first if there is none and it may. The command hears whether there is
    /// one, so that its tests do not pass for want of it.
    pub(crate) fn in_browser(mut self, target: &Path) -> Self {
        self.browser = Some(target.to_owned());
        self
    }

    /// Removes a folder first.
    pub(crate) fn fresh(mut self, folder: impl Into<PathBuf>) -> Self {
        self.fresh = Some(folder.into());
        self
    }

    /// Runs the command in `root`; an exit code other than zero is an error.
    pub(crate) fn run(&self, root: &Path) -> Result<()> {
        if let Some(component) = self.component {
            self.ensure(component)?;
        }
        if let Some(folder) = self.fresh.as_deref().filter(|folder| folder.exists()) {
            std::fs::remove_dir_all(folder)
                .with_context(|| format!("cannot remove {}", folder.display()))?;
        }
        let mut command = Command::new(&self.program);
        if let Some(target) = self.browser.as_deref().filter(|_| browser::ensure()) {
            command.env("ESPALIER_BROWSER", "1");
            if let Some(rules) = browser::rules(target) {
                command.env("ESPALIER_AXE", rules);
            }
        }
        let status = command
            .args(&self.args)
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .current_dir(root)
            .status()
            .with_context(|| format!("cannot start: {self}"))?;
        if !status.success() {
            bail!("{} failed ({status}): {self}", self.name);
        }
        Ok(())
    }

    /// Makes sure that the subcommand works, by way of rustup if it does not.
    fn ensure(&self, component: &str) -> Result<()> {
        let subcommand = self.args.first().map_or("", String::as_str);
        if succeeds(Command::new(&self.program).args([subcommand, "--version"])) {
            return Ok(());
        }
        println!("cargo {subcommand} is missing: rustup component add {component}");
        if !succeeds(Command::new("rustup").args(["component", "add", component])) {
            bail!(
                "{} needs the component {component}, which is missing and could not be added. \
                 With rustup: rustup component add {component}. Otherwise install the package of \
                 your system that provides cargo {subcommand}.",
                self.name
            );
        }
        Ok(())
    }
}

/// Whether a command can be run and succeeds; what it says is not shown.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

/// The command as it would be typed.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in &self.env {
            write!(f, "{name}={} ", quoted(value))?;
        }
        write!(f, "{}", quoted(&self.program.to_string_lossy()))?;
        self.args.iter().try_for_each(|arg| write!(f, " {}", quoted(arg)))
    }
}

/// The word, in quotes if the shell would split it or if it is empty.
fn quoted(word: &str) -> String {
    if word.is_empty() || word.contains(char::is_whitespace) {
        format!("'{word}'")
    } else {
        word.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_prints_as_it_would_be_typed() {
        let step = Step::cargo("doc", &["doc", "--flag", "two words"]).env("RUSTDOCFLAGS", "-D");
        assert_eq!(step.to_string(), "RUSTDOCFLAGS=-D cargo doc --flag 'two words'");
    }

    #[test]
    fn a_failing_command_is_an_error_that_names_step_and_command() {
        let step = Step::cargo("nonsense", &["no-such-subcommand-of-cargo"]);
        let error = step.run(Path::new(".")).unwrap_err().to_string();
        assert!(error.contains("nonsense") && error.contains("no-such-subcommand"), "{error}");
    }

    #[test]
    fn a_missing_program_is_an_error() {
        let step = Step::new("absent", "no-such-program-anywhere", &[]);
        assert!(step.run(Path::new(".")).is_err());
    }
}
