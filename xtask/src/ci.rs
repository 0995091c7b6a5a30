//! The whole check, as a list of steps.

use crate::step::Step;
use crate::workspace::Places;
use anyhow::{Result, bail};
use std::time::{Duration, Instant};

/// Crates whose results must not depend on the number of threads.
const ONE_THREAD: &[&str] =
    &["test", "-p", "espalier-resolve", "-p", "espalier-sim", "-p", "espalier-replica"];

/// A run that is small, converges, and is judged by its exit code.
const SIMULATE: &[&str] = &[
    "simulate",
    "--nodes",
    "8",
    "--rounds",
    "10",
    "--until-converged",
    "--require-convergence",
    "--quiet",
    "--out",
];

/// Deliberate bugs, and who notices them.
const MUTANTS: &[&str] =
    &["test", "-p", "espalier-sim", "--features", "mutants", "--test", "it", "mutants"];
/// The code with them, as it is compiled for that.
const MUTANTS_LINT: &[&str] =
    &["clippy", "-p", "espalier-sim", "--features", "mutants", "--all-targets", "--", "-Dwarnings"];

/// Packages as a registry would get them; what they embed has to be inside. Their locks are left
/// out, since crates that are not on a registry cannot be locked.
const PACKAGE: &[&str] = &[
    "package",
    "--workspace",
    "--exclude=xtask",
    "--exclude=benches",
    "--exclude=espalier-fuzz",
    "--no-verify",
    "--exclude-lockfile",
    "--allow-dirty",
    "--quiet",
];

/// Everything that has to pass, cheapest complaint first.
pub(crate) fn steps(places: &Places) -> Vec<Step> {
    let espalier = places.espalier();
    let out = places.target.join("ci-report");
    let report = out.join("report.json");
    let simulate = [SIMULATE, &[out.to_str().unwrap_or_default()]].concat();
    vec![
        Step::cargo("fmt", &["fmt", "--all", "--check"]).needs("rustfmt"),
        Step::cargo("clippy", &["clippy", "--workspace", "--all-targets", "--", "-Dwarnings"])
            .needs("clippy"),
        Step::cargo("test", &["test", "--workspace"]).in_browser(&places.target),
        Step::cargo("one-thread", ONE_THREAD).env("RAYON_NUM_THREADS", "1"),
        Step::cargo("mutants-lint", MUTANTS_LINT).needs("clippy"),
        Step::cargo("mutants", MUTANTS),
        Step::cargo("fixtures", &["xtask", "fixtures", "--check"]),
        Step::cargo("bench-smoke", &["xtask", "bench", "--smoke"]),
        Step::cargo("doc", &["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-Dwarnings"),
        Step::cargo("tidy", &["xtask", "tidy"]),
        Step::cargo("package", PACKAGE),
        release(),
        Step::new("selfcheck", &espalier, &["selfcheck"]),
        Step::new("simulate", &espalier, &simulate).fresh(&out),
        Step::new("verify", &espalier, &["verify", report.to_str().unwrap_or_default()]),
        crate::swarm(places, "1", "1"),
    ]
}

/// Builds the command as it is released.
pub(crate) fn release() -> Step {
    Step::cargo("release", &["build", "--release", "-p", "espalier-cli"])
}

/// Prints name and command of each step.
pub(crate) fn list(places: &Places) {
    for step in steps(places) {
        println!("{:12} {step}", step.name);
    }
}

/// Runs all steps, or the one called `only`, and stops at the first that fails.
pub(crate) fn run(places: &Places, only: Option<&str>) -> Result<()> {
    let steps = choose(steps(places), only)?;
    let mut times = Vec::new();
    let begin = Instant::now();
    for (index, step) in steps.iter().enumerate() {
        println!("\n==> [{}/{}] {}: {step}", index + 1, steps.len(), step.name);
        let start = Instant::now();
        let outcome = step.run(&places.root);
        println!("<== {} took {}", step.name, seconds(start.elapsed()));
        if let Err(error) = outcome {
            bail!("{error:#}\nagain: cargo xtask ci --only {}", step.name);
        }
        times.push((step.name, start.elapsed()));
    }
    println!("\nAll passed in {}:", seconds(begin.elapsed()));
    for (name, time) in times {
        println!("  {name:12} {:>9}", seconds(time));
    }
    Ok(())
}

fn choose(steps: Vec<Step>, only: Option<&str>) -> Result<Vec<Step>> {
    let Some(only) = only else { return Ok(steps) };
    let names: Vec<&str> = steps.iter().map(|step| step.name).collect();
    if !names.contains(&only) {
        bail!("there is no step {only:?}; the steps are: {}", names.join(", "));
    }
    Ok(steps.into_iter().filter(|step| step.name == only).collect())
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn places() -> Places {
        Places { root: "repo".into(), target: "elsewhere".into() }
    }

    #[test]
    fn step_names_are_unique() {
        let steps = steps(&places());
        let names: BTreeSet<_> = steps.iter().map(|step| step.name).collect();
        assert_eq!(names.len(), steps.len());
    }

    #[test]
    fn the_binary_and_the_report_are_in_the_target_folder_in_use() {
        let by_name = |name| choose(steps(&places()), Some(name)).unwrap()[0].to_string();
        assert!(by_name("selfcheck").starts_with("elsewhere"));
        assert!(by_name("simulate").ends_with("ci-report"));
        assert!(by_name("verify").ends_with("report.json"));
    }

    #[test]
    fn an_unknown_step_is_refused_with_the_names_there_are() {
        let error = choose(steps(&places()), Some("clipy")).unwrap_err().to_string();
        assert!(error.contains("clipy") && error.contains("fmt, clippy, test"), "{error}");
    }

    #[test]
    fn one_step_can_be_chosen() {
        let chosen = choose(steps(&places()), Some("doc")).unwrap();
        assert_eq!(chosen.len(), 1);
        assert_eq!(chosen[0].name, "doc");
    }
}
