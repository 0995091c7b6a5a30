//! Scenarios: several runs, each over several seeds, described in one file and compared.
//!
//! A scenario says what varies; seeds say how much of what is seen is chance. Every figure comes
//! with its interval over the seeds, and a run that did not converge is counted, not left out.
//!
//! ```
//! use espalier_sim::{Scenario, run_scenario};
//! use std::ops::ControlFlow;
//!
//! let text = r#"
//! title = "Does a ring take longer?"
//! seeds = 3
//! [defaults]
//! model = "synthetic:4x4"
//! [[run]]
//! name = "complete"
//! topology = "complete"
//! [[run]]
//! name = "ring"
//! topology = "ring"
//! "#;
//! let scenario = Scenario::parse(text, "rings.toml".as_ref())?;
//! let found = run_scenario(&scenario, &mut |_| ControlFlow::Continue(()))?.expect("not stopped");
//! let rounds = |run: usize| found.summaries[run].figures["rounds_to_converge"].map(|r| r.mean);
//! assert!(rounds(0) < rounds(1));
//! # Ok::<(), espalier_sim::ScenarioError>(())
//! ```

mod error;
mod file;
mod outcome;
mod read;
mod setting;
mod summary;
mod verify;

pub use error::ScenarioError;
pub use file::{
    SCENARIO_CSV, SCENARIO_FILES, SCENARIO_HTML, SCENARIO_JSON, SUMMARY_CSV, write_scenario,
};
pub use outcome::{RunCurves, RunResult};
pub use summary::{Curve, RunSummary, SummaryCurves};
pub use verify::{is_scenario_report, verify_scenario};

use crate::config::{Config, Family};
use crate::error::SimError;
use crate::harness::simulate;
use crate::lab::threads::beside;
use crate::run::progress::Progress;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;

/// The most runs of a scenario, each of which is made with every seed.
pub const MAX_RUNS: usize = 1_000;
/// The most seeds of a scenario.
pub const MAX_SEEDS: usize = 10_000;
/// The most runs times seeds.
pub const MAX_SIMULATIONS: usize = 100_000;
/// The longest name of a run, in characters.
const MAX_NAME: usize = 120;

/// Runs to be compared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// What it is about, in a line.
    pub title: String,
    /// And in some sentences; empty lines part paragraphs.
    pub description: String,
    /// The seeds with which each run is made.
    pub seeds: Vec<u64>,
    /// The runs.
    pub runs: Vec<ScenarioRun>,
}

/// A run of a scenario.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScenarioRun {
    /// What it is called; no other run of the scenario is.
    pub name: String,
    /// What is run. Its seed does not count: the scenario has them.
    pub config: Config,
}

impl ScenarioRun {
    fn failed(&self, seed: Option<u64>, error: SimError) -> ScenarioError {
        ScenarioError::Run { run: self.name.clone(), seed, error: Box::new(error) }
    }
}

impl Scenario {
    /// Takes `count` seeds from `first` on; what is `None` stays: the number of seeds, or the
    /// first of them.
    ///
    /// # Errors
    /// [`ScenarioError::Limit`] for more than [`MAX_SEEDS`] or a last seed above 2⁶⁴ − 1.
    pub fn with_seeds(
        mut self,
        count: Option<usize>,
        first: Option<u64>,
    ) -> Result<Self, ScenarioError> {
        let count = count.unwrap_or(self.seeds.len());
        let first = first.or(self.seeds.first().copied()).unwrap_or(1);
        limit("seeds", count, MAX_SEEDS)?;
        if first.checked_add(count as u64).is_none() {
            let problem = format!("{count} seeds from {first} go beyond 2^64 - 1");
            return Err(ScenarioError::Limit(problem));
        }
        self.seeds = (first..first + count as u64).collect();
        Ok(self)
    }

    /// Checks all that can be known before anything is run.
    ///
    /// # Errors
    /// [`ScenarioError::Limit`] or [`ScenarioError::Run`].
    pub fn check(&self) -> Result<(), ScenarioError> {
        limit("runs", self.runs.len(), MAX_RUNS)?;
        limit("seeds", self.seeds.len(), MAX_SEEDS)?;
        limit("runs times seeds", self.runs.len() * self.seeds.len(), MAX_SIMULATIONS)?;
        let mut names = BTreeSet::new();
        for run in &self.runs {
            if let Some(problem) = wrong_name(&run.name) {
                return Err(ScenarioError::Limit(format!("the name of a run {problem}")));
            }
            if !names.insert(&run.name) {
                return Err(ScenarioError::Limit(format!("two runs have the name `{}`", run.name)));
            }
            run.config.check().map_err(|error| run.failed(None, error))?;
        }
        Ok(())
    }

    /// Run and seed of every simulation, in the order of the results.
    fn pairs(&self) -> Vec<(usize, u64)> {
        let of_run = |run| self.seeds.iter().map(move |seed| (run, *seed));
        (0..self.runs.len()).flat_map(of_run).collect()
    }

    /// Makes a run, but of no more than this many rounds.
    fn simulate(&self, (run, seed): (usize, u64), most: u32) -> Result<Done, ScenarioError> {
        let run = &self.runs[run];
        let config = Config { seed, ..run.config.clone() };
        let report = simulate(&config, &mut |progress| match progress {
            Progress::Round { done, .. } if done >= most => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        });
        let report = report.map_err(|error| run.failed(Some(seed), error))?;
        Ok(Done { result: RunResult::of(&run.name, &report), base_root: report.config.base_root })
    }
}

/// A simulation that was made.
struct Done {
    result: RunResult,
    base_root: Option<espalier_identity::Digest>,
}

fn limit(what: &str, count: usize, most: usize) -> Result<(), ScenarioError> {
    if (1..=most).contains(&count) {
        return Ok(());
    }
    Err(ScenarioError::Limit(format!("{what}: must be 1 to {most}, not {count}")))
}

/// What is wrong with the name of a run: it stands in tables, charts and files.
fn wrong_name(name: &str) -> Option<String> {
    if name.trim().is_empty() {
        return Some("must not be empty".into());
    }
    if name.chars().count() > MAX_NAME {
        return Some(format!("has more than {MAX_NAME} characters"));
    }
    name.chars().any(char::is_control).then(|| "holds a control character".into())
}

/// What a scenario found. `scenario.json` is its JSON form.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScenarioReport {
    /// What was run: everything needed to run it again.
    pub scenario: Scenario,
    /// Every simulation: run by run, each with all seeds in their order.
    pub results: Vec<RunResult>,
    /// Every run over its seeds, in the order of the runs.
    pub summaries: Vec<RunSummary>,
}

/// Runs a scenario: every run with every seed, in parallel. The result does not depend on the
/// number of threads.
///
/// `each` hears every result as it comes, in any order, and can stop the scenario by returning
/// `Break`: then `Ok(None)`.
///
/// # Errors
/// [`ScenarioError`] of a simulation that cannot be made.
pub fn run_scenario(
    scenario: &Scenario,
    each: &mut dyn FnMut(&RunResult) -> ControlFlow<()>,
) -> Result<Option<ScenarioReport>, ScenarioError> {
    run_bounded(scenario, None, each)
}

/// The same, but every simulation has no more than this many rounds.
fn run_bounded(
    scenario: &Scenario,
    most: Option<&[u32]>,
    each: &mut dyn FnMut(&RunResult) -> ControlFlow<()>,
) -> Result<Option<ScenarioReport>, ScenarioError> {
    scenario.check()?;
    let pairs = scenario.pairs();
    let mut done: Vec<Option<Done>> = Vec::new();
    done.resize_with(pairs.len(), || None);
    // The longest first, so that no thread is left alone with one at the end.
    let mut order: Vec<usize> = (0..pairs.len()).collect();
    order.sort_by_key(|&at| std::cmp::Reverse(scenario.runs[pairs[at].0].config.nodes));
    let stop = AtomicBool::new(false);
    let (sender, receiver) = mpsc::channel();
    std::thread::scope(|scope| {
        let (pairs, order, stop) = (&pairs, &order, &stop);
        let work = move |sender: mpsc::Sender<_>| {
            order.par_iter().for_each_with(sender, |sender, &at| {
                if !stop.load(Ordering::Relaxed) {
                    // Nobody listens any more only after an error or a stop.
                    let most = most.and_then(|most| most.get(at)).copied().unwrap_or(u32::MAX);
                    let _ = sender.send((at, scenario.simulate(pairs[at], most)));
                }
            });
        };
        beside(scope, work, sender);
        for (at, found) in receiver {
            let found = found.inspect_err(|_| stop.store(true, Ordering::Relaxed))?;
            if each(&found.result).is_break() {
                stop.store(true, Ordering::Relaxed);
                return Ok(());
            }
            done[at] = Some(found);
        }
        Ok::<(), ScenarioError>(())
    })?;
    let done: Option<Vec<Done>> = done.into_iter().collect();
    Ok(done.map(|done| report(scenario.clone(), done)))
}

fn report(mut scenario: Scenario, done: Vec<Done>) -> ScenarioReport {
    let seeds = scenario.seeds.len();
    for (run, of_run) in scenario.runs.iter_mut().zip(done.chunks(seeds)) {
        // A model file that has changed since shall show; the other families follow from the seed.
        if let Family::Path(_) = run.config.model {
            run.config.base_root = of_run.first().and_then(|done| done.base_root);
        }
    }
    let results: Vec<RunResult> = done.into_iter().map(|done| done.result).collect();
    let summary = |(run, results): (&ScenarioRun, &[RunResult])| {
        RunSummary::of(&run.name, &results.iter().collect::<Vec<_>>())
    };
    let summaries = scenario.runs.iter().zip(results.chunks(seeds)).map(summary).collect();
    ScenarioReport { scenario, results, summaries }
}
