//! `espalier simulate --scenario`.

use crate::args::SimulateArgs;
use crate::console::{self, Cells};
use crate::escape::line;
use crate::failure::Failure;
use crate::limits::check_memory;
use crate::outputs::Outputs;
use espalier::file::count;
use espalier::sim::{
    Interval, RunSummary, SCENARIO_FILES, SCENARIO_HTML, Scenario, ScenarioReport, run_scenario,
    write_scenario,
};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::ControlFlow;
use std::path::Path;

pub(crate) fn run(file: &Path, args: &SimulateArgs, quiet: bool) -> Result<(), Failure> {
    let scenario = open(file, args)?;
    check_memory(scenario.runs.iter().map(|run| run.config.clone()), &args.memory)?;
    let out = args.out.as_deref().unwrap_or(Path::new("espalier-scenario"));
    // Better to say so now than after many runs.
    let mut outputs = Outputs::new(args.force)
        .folder(out, &SCENARIO_FILES)
        .file("--json", args.json.as_deref())
        .input("--scenario", Some(file))
        .open()?;
    // What goes to standard output with `--json -` is JSON and nothing else.
    let say = !quiet && !outputs.to_stdout();
    if say {
        console::print(&announce(&scenario))?;
    }
    let report = play(&scenario, quiet)?;
    let page = outputs.keep("--out", write_scenario(&report, out, args.force));
    outputs.write("--json", || report.to_json());
    let written = outputs.done();
    if say {
        console::print(&summary(&report))?;
    }
    if say && page {
        let page = out.join(SCENARIO_HTML);
        console::print(&format!("\nOpen {} to see it.\n", line(&page.to_string_lossy())))?;
    }
    written?;
    if args.require_convergence { converged(&report) } else { Ok(()) }
}

pub(crate) fn open(file: &Path, args: &SimulateArgs) -> Result<Scenario, Failure> {
    let mut scenario = Scenario::open(file)?;
    if args.seeds.is_some() || args.run.seed.is_some() {
        let count = args.seeds.map(|count| count.get() as usize);
        scenario = scenario.with_seeds(count, args.run.seed)?;
    }
    scenario.check()?;
    Ok(scenario)
}

/// Makes all runs, with a progress bar.
fn play(scenario: &Scenario, quiet: bool) -> Result<ScenarioReport, Failure> {
    let mut bar = Cells::new(quiet, scenario.runs.len() * scenario.seeds.len(), 0);
    let report = run_scenario(scenario, &mut |result| {
        bar.done(&result.run);
        ControlFlow::Continue(())
    });
    drop(bar);
    let stopped = || Failure::Environment(anyhow::anyhow!("the scenario was stopped"));
    report?.ok_or_else(stopped)
}

fn converged(report: &ScenarioReport) -> Result<(), Failure> {
    let mut met = true;
    for RunSummary { run, seeds, converged, without_model, .. } in &report.summaries {
        let open = seeds - converged;
        if open > 0 {
            console::complain(&format!("not converged: `{run}` with {open} of {seeds} seeds"));
        }
        if *without_model > 0 {
            let text = format!("no merged model: `{run}` with {without_model} of {seeds} seeds");
            console::complain(&text);
        }
        met &= open == 0 && *without_model == 0;
    }
    if met { Ok(()) } else { Err(Failure::Check) }
}

fn announce(scenario: &Scenario) -> String {
    let (runs, seeds) = (scenario.runs.len(), scenario.seeds.len());
    let first = scenario.seeds.first().copied().unwrap_or(0);
    let title = line(&scenario.title);
    let (runs, seeds) = (count(runs, "run"), count(seeds, "seed"));
    format!("{title}\n{runs}, each with {seeds}, starting at {first}\n")
}

/// A column of the table: head, whether numbers stand in it, and its cells.
type Column = (&'static str, bool, Vec<String>);

/// Writes the middle of an estimate or half of its interval.
type Write = fn(f64) -> String;

/// The largest number of notes listed.
const NOTES_SHOWN: usize = 12;

const MISSING: &str = "–";

fn plain(value: f64) -> String {
    format!("{value:.2}")
}

fn percent(value: f64) -> String {
    format!("{:.1}", 100.0 * value)
}

fn bytes(value: f64) -> String {
    console::bytes(value as u64)
}

fn estimate(figure: Interval, write: Write) -> String {
    let mean = write(figure.mean);
    figure.high.map_or(mean.clone(), |high| format!("{mean} ± {}", write(high - figure.mean)))
}

fn range(figure: Interval) -> String {
    format!("{} to {}", figure.min, figure.max)
}

/// The runs in a table. Columns in which nothing stands are left out.
fn summary(report: &ScenarioReport) -> String {
    let runs = &report.summaries;
    let cells = |cell: &dyn Fn(&RunSummary) -> Option<String>| {
        runs.iter().map(|run| cell(run).unwrap_or(MISSING.into())).collect::<Vec<_>>()
    };
    let of = |name: &'static str, write: Write| {
        cells(&|run| Some(estimate(run.figures.get(name).copied().flatten()?, write)))
    };
    let rounds = |run: &RunSummary| run.figures.get("rounds_to_converge").copied().flatten();
    let mut columns: Vec<Column> = vec![
        ("run", false, cells(&|run| Some(run.run.clone()))),
        ("converged", true, cells(&|run| Some(format!("{} of {}", run.converged, run.seeds)))),
        ("rounds", true, of("rounds_to_converge", plain)),
        ("from to", true, cells(&|run| rounds(run).map(range))),
        ("sent", true, of("sent_bytes", bytes)),
        ("× least", true, of("bytes_over_optimum", plain)),
        ("accuracy %", true, of("final_accuracy", percent)),
        ("states", true, of("distinct_states", plain)),
        ("isolated", true, of("isolated", plain)),
        ("honest isolated", true, of("honest_isolated", plain)),
        ("recall %", true, of("recall", percent)),
        ("precision %", true, of("precision", percent)),
    ];
    let says = |name: &str, nothing: f64| {
        let figures = runs.iter().filter_map(|run| run.figures.get(name).copied().flatten());
        figures.clone().any(|figure| figure.max > nothing)
    };
    let (split, out) = (says("distinct_states", 1.0), says("isolated", 0.0));
    columns.retain(|(head, _, cells)| match *head {
        "states" => split,
        "isolated" | "honest isolated" => out,
        _ => cells.iter().any(|cell| cell != MISSING),
    });
    let heads: Vec<&str> = columns.iter().map(|(head, ..)| *head).collect();
    let right: Vec<bool> = columns.iter().map(|(_, right, _)| *right).collect();
    let row = |at: usize| columns.iter().map(|(.., cells)| cells[at].clone()).collect();
    let rows: Vec<Vec<String>> = (0..runs.len()).map(row).collect();
    let mut text = format!("\n{}", console::fitted(1, &heads, &right, &rows));
    if runs.iter().any(|run| run.seeds > 1) {
        text.push_str("\n± is half the width of the 95 % confidence interval over the seeds.\n");
    }
    if runs.iter().any(|run| run.converged < run.seeds) {
        let _ = writeln!(text, "Rounds and × least count only the seeds that converged.");
    }
    text.push_str(&notes(report));
    text
}

/// What is to be known of the runs, and with how many seeds.
fn notes(report: &ScenarioReport) -> String {
    let mut seeds = BTreeMap::<(usize, String), usize>::new();
    let names = report.summaries.iter().map(|run| run.run.as_str());
    let places: BTreeMap<&str, usize> = names.zip(0..).collect();
    for result in &report.results {
        let Some(&run) = places.get(result.run.as_str()) else { continue };
        let none = result.no_model.iter().map(|why| format!("no merged model: {why}"));
        let unjudged = result.not_judged.iter().map(|why| format!("isolated: not judged: {why}"));
        for note in none.chain(unjudged).chain(result.notes.iter().cloned()) {
            *seeds.entry((run, note)).or_default() += 1;
        }
    }
    let mut text = String::new();
    for ((run, note), count) in seeds.iter().take(NOTES_SHOWN) {
        let (run, of) = (&report.summaries[*run].run, report.summaries[*run].seeds);
        let note = format!("note: `{run}`, {count} of {of} seeds: {note}");
        let _ = writeln!(text, "{}", line(&note));
    }
    if seeds.len() > NOTES_SHOWN {
        let _ = writeln!(text, "and {} more notes in scenario.json", seeds.len() - NOTES_SHOWN);
    }
    text
}
