//! Fuzzing: the targets of `espalier-fuzz` under libFuzzer, each for its share of the time.
//!
//! The targets are known by their folders in `fixtures/fuzz/`; a test of that crate keeps the two
//! equal, so that this one need not be compiled with everything the decoders use.

use crate::step::{Step, succeeds};
use crate::workspace::Places;
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::Path;
use std::process::Command;

/// The workspace of its own that has libFuzzer in it.
const FOLDER: &str = "xtask/fuzz/libfuzzer";
/// Its one program.
const PROGRAM: &str = "decoders";
/// The inputs that are kept, a folder for each target.
const CORPUS: &str = "fixtures/fuzz";
/// The longest input that is tried, in bytes.
const MAX_LEN: usize = 16 << 10;
/// libFuzzer's own instrumentation needs flags that stable compilers keep behind this.
const UNSTABLE: (&str, &str) = ("RUSTC_BOOTSTRAP", "1");

/// Prints the targets.
pub(crate) fn list(places: &Places) -> Result<()> {
    targets(places)?.iter().for_each(|name| println!("{name}"));
    Ok(())
}

/// Runs all targets, or the one with this name, for `seconds` in all. Says why if it cannot.
pub(crate) fn run(places: &Places, seconds: u64, only: Option<&str>) -> Result<()> {
    let mut targets = targets(places)?;
    if let Some(only) = only {
        if !targets.iter().any(|name| name == only) {
            bail!("there is no target {only:?}; the targets are: {}", targets.join(", "));
        }
        targets.retain(|name| name == only);
    }
    if let Some(reason) = obstacle(places)? {
        println!("fuzz: SKIPPED, {reason}");
        return Ok(());
    }
    cargo_fuzz(places, "build", &[]).run(&places.root)?;
    let each = (seconds / targets.len() as u64).max(1);
    let mut found = Vec::new();
    for target in &targets {
        println!("\n==> {target} for {each} s");
        if let Err(error) = fuzz(places, target, each)?.run(&places.root) {
            found.push(format!("{target}: {error:#}"));
        }
    }
    if found.is_empty() {
        println!("\nfuzz: nothing found in {} targets, {each} s each", targets.len());
        return Ok(());
    }
    let kept = folder(places, "found").display().to_string();
    bail!(
        "{}\nThe inputs are in {kept}. When the cause is mended, keep them in {CORPUS}/TARGET/.",
        found.join("\n")
    )
}

fn targets(places: &Places) -> Result<Vec<String>> {
    let corpus = places.root.join(CORPUS);
    let entries = fs::read_dir(&corpus).with_context(|| corpus.display().to_string())?;
    let name = |entry: fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
    let mut names = entries.map(|entry| entry.map(name)).collect::<Result<Vec<_>, _>>()?;
    names.sort();
    Ok(names)
}

/// Why fuzzing is not possible here, after trying to make it possible.
fn obstacle(places: &Places) -> Result<Option<&'static str>> {
    if cfg!(not(unix)) {
        return Ok(Some("libFuzzer is used on Unix only"));
    }
    if !succeeds(Command::new("c++").arg("--version")) {
        return Ok(Some("there is no C++ compiler (c++) to build libFuzzer with"));
    }
    if !succeeds(Command::new("cargo").args(["fuzz", "--version"])) {
        println!("cargo fuzz is missing: cargo install cargo-fuzz --locked");
        let install = Step::cargo("install", &["install", "cargo-fuzz", "--locked"]);
        if install.run(&places.root).is_err() {
            return Ok(Some("cargo-fuzz is missing and could not be installed"));
        }
    }
    // The versions of the workspace; cargo adds those of libFuzzer to them.
    let lock = places.root.join(FOLDER).join("Cargo.lock");
    fs::copy(places.root.join("Cargo.lock"), lock)?;
    let manifest = format!("{FOLDER}/Cargo.toml");
    let fetch = Step::cargo("fetch", &["fetch", "--manifest-path", &manifest]);
    if fetch.run(&places.root).is_err() {
        return Ok(Some("the crate libfuzzer-sys is not there and could not be fetched"));
    }
    Ok(None)
}

/// Where what belongs to fuzzing is kept between runs.
fn folder(places: &Places, name: &str) -> std::path::PathBuf {
    places.target.join("fuzz").join(name)
}

fn cargo_fuzz(places: &Places, subcommand: &str, more: &[&str]) -> Step {
    let target = folder(places, "build");
    let target = target.to_string_lossy();
    let common = ["fuzz", subcommand, "--fuzz-dir", FOLDER, "--target-dir", &target];
    // Safe Rust has little to find for address sanitising, which makes it slower by half.
    let args = [&common[..], &["--sanitizer", "none", PROGRAM], more].concat();
    Step::cargo("fuzz", &args).env(UNSTABLE.0, UNSTABLE.1)
}

/// One target, beginning with what is kept, with generated samples and with what was of use in
/// earlier runs.
fn fuzz(places: &Places, target: &str, seconds: u64) -> Result<Step> {
    let work = folder(places, "corpus").join(target);
    let found = folder(places, "found").join(target);
    fs::create_dir_all(&work)?;
    fs::create_dir_all(&found)?;
    let kept = places.root.join(CORPUS).join(target);
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let args = [
        text(&work),
        text(&kept),
        "--".to_owned(),
        format!("-max_total_time={seconds}"),
        format!("-max_len={MAX_LEN}"),
        "-timeout=10".to_owned(),
        "-print_final_stats=1".to_owned(),
        "-verbosity=0".to_owned(),
        format!("-artifact_prefix={}/", found.display()),
    ];
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let step = cargo_fuzz(places, "run", &args);
    Ok(step.env("ESPALIER_FUZZ_TARGET", target).env("ESPALIER_FUZZ_SEEDS", text(&work)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places() -> Places {
        Places {
            root: env!("CARGO_MANIFEST_DIR").trim_end_matches("xtask").into(),
            target: "t".into(),
        }
    }

    #[test]
    fn a_name_that_is_none_is_refused_with_those_there_are() {
        let error = run(&places(), 1, Some("messges")).unwrap_err().to_string();
        assert!(error.contains("messges") && error.contains("messages"), "{error}");
    }

    #[test]
    fn every_folder_of_the_corpus_is_a_target() {
        assert!(targets(&places()).unwrap().len() > 10);
    }
}
