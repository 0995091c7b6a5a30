//! `espalier rounds`.

use crate::args::RoundsArgs;
use crate::console::{self, Cells};
use crate::failure::Failure;
use crate::outputs::{Outputs, is_stdout};
use espalier::file::count;
use espalier::sim::{Comparison, Rounds, RoundsCell, RoundsConfig, Source, run_rounds};
use espalier::topology::Order;
use std::fmt::Write as _;
use std::sync::Mutex;

const MISSING: &str = "–";
/// The most seeds.
const MAX_SEEDS: u64 = 100_000;

pub(crate) fn run(args: &RoundsArgs, quiet: bool) -> Result<(), Failure> {
    let config = configure(args)?;
    // Better to say so now than after minutes.
    let mut outputs = Outputs::new(args.force)
        .file("--json", args.json.as_deref())
        .file("--csv", args.csv.as_deref())
        .open()?;
    // What goes to standard output with `--json -` is JSON and nothing else.
    let quiet = quiet || outputs.to_stdout();
    let bar = Mutex::new(Cells::new(quiet, config.draws(), 0));
    let found = run_rounds(&config, &|topology, nodes| {
        if let Ok(mut bar) = bar.lock() {
            bar.done(&format!("{topology}, {nodes} nodes"));
        }
    });
    drop(bar);
    let found = found?;
    outputs.write("--csv", || found.to_csv());
    outputs.write("--json", || found.to_json() + "\n");
    let written = outputs.done();
    if !quiet {
        console::print(&summary(&found))?;
    }
    written?;
    verdict(&found)
}

pub(crate) fn configure(args: &RoundsArgs) -> Result<RoundsConfig, Failure> {
    // Before there is a list of them.
    let seeds = u64::from(args.seeds.get());
    if seeds > MAX_SEEDS || args.seed.checked_add(seeds).is_none() {
        let problem = format!(
            "--seeds: must be 1 to {MAX_SEEDS}, with the last seed below 2^64 - 1, not {seeds}"
        );
        return Err(Failure::Input(anyhow::anyhow!(problem)));
    }
    let topologies = Some(args.topology.clone()).filter(|named| !named.is_empty());
    let both = vec![Order::Sequential, Order::Synchronous];
    let config = RoundsConfig {
        topologies,
        nodes: args.nodes.clone(),
        orders: args.order.map_or(both, |order| vec![order]),
        seeds: (args.seed..args.seed + seeds).collect(),
    };
    config.check()?;
    let written = args.csv.is_some() || args.json.as_ref().is_some_and(|path| !is_stdout(path));
    if args.force && !written {
        return Err(Failure::Input(anyhow::anyhow!("--force: there is no file to overwrite")));
    }
    Ok(config)
}

/// Fails if anything is out, and says what.
fn verdict(found: &Rounds) -> Result<(), Failure> {
    if found.passes() {
        return Ok(());
    }
    complaints(found).for_each(|complaint| console::complain(&complaint));
    Err(Failure::Check)
}

fn complaints(found: &Rounds) -> impl Iterator<Item = String> {
    let out = found.cells.iter().filter(|cell| !cell.passes());
    out.map(|cell| {
        let RoundsCell { topology, nodes, order, .. } = cell;
        format!("out: {topology}, {nodes} nodes, {order}: {}", wrong(cell))
    })
}

/// What is out in a cell, in words; empty if nothing is.
fn wrong(cell: &RoundsCell) -> String {
    let mut said = Vec::new();
    let mean = cell.rounds.mean;
    for other in cell.comparisons.iter().filter(|other| !other.within) {
        let Comparison { mean: theirs, allowed, .. } = other;
        let whose = match other.source {
            Source::Reference => "the reference",
            Source::Earlier => "earlier measurements",
        };
        said.push(format!("{mean:.3} differs from {whose} ({theirs}) by more than {allowed:.3}"));
    }
    if !cell.holds {
        let (lower, upper) = (cell.theory.lower, cell.theory.upper);
        said.push(format!("{mean:.3} is outside the bounds of theory, {lower:.3} to {upper:.3}"));
    }
    if !cell.scheduled.kept {
        let (rounds, promised) = (cell.scheduled.rounds, cell.scheduled.promised);
        let rounds = count(rounds, "round");
        said.push(format!("the schedule took {rounds} but promises {promised}"));
    }
    said.join("; ")
}

/// The cells in a table.
fn summary(found: &Rounds) -> String {
    let runs = count(found.config.seeds.len(), "run");
    let first = found.config.seeds.first().copied().unwrap_or(0);
    let mut text = console::prose(&format!(
        "rounds until all nodes hold the same: {runs} each, seeds from {first}, means with \
         standard errors\n\n"
    ));
    let head = [
        "topology",
        "nodes",
        "order",
        "rounds",
        "min",
        "max",
        "reference",
        "earlier",
        "theory",
        "by schedule",
        "verdict",
    ];
    let right = [false, true, false, true, true, true, true, true, true, true, false];
    let rows: Vec<_> = found.cells.iter().map(row).collect();
    text.push_str(&console::fitted(3, &head, &right, &rows));
    for left in &found.left_out {
        let told = format!("{} of {} is left out: {}\n", left.topology, left.nodes, left.reason);
        text.push_str(&console::prose(&told));
    }
    let cells = found.cells.len();
    let out = found.cells.iter().filter(|cell| !cell.passes()).count();
    let _ = match out {
        0 => writeln!(text, "\nnone of {} out", count(cells, "cell")),
        _ => writeln!(text, "\n{out} of {} out", count(cells, "cell")),
    };
    text
}

fn row(cell: &RoundsCell) -> Vec<String> {
    let of = |source| cell.comparisons.iter().find(|other: &&Comparison| other.source == source);
    let theory = match (cell.theory.lower, cell.theory.upper) {
        (lower, upper) if lower == upper => format!("{lower:.2}"),
        (lower, upper) => format!("{lower:.2} to {upper:.0}"),
    };
    let reference = of(Source::Reference)
        .map_or(MISSING.into(), |other| with_error(other.mean, Some(other.standard_error)));
    vec![
        cell.topology.to_string(),
        cell.nodes.to_string(),
        cell.order.to_string(),
        with_error(cell.rounds.mean, cell.rounds.standard_error),
        cell.rounds.min.to_string(),
        cell.rounds.max.to_string(),
        reference,
        of(Source::Earlier).map_or(MISSING.into(), |other| other.mean.to_string()),
        theory,
        cell.scheduled.rounds.to_string(),
        if cell.passes() { "within" } else { "OUT" }.to_owned(),
    ]
}

/// A mean, and its error if that is not nothing.
fn with_error(mean: f64, error: Option<f64>) -> String {
    match error {
        Some(error) if error > 0.0 => format!("{mean:.3} ± {error:.3}"),
        _ => format!("{mean:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_that_is_out_is_said_and_shown() {
        let config = RoundsConfig {
            topologies: Some(vec![espalier::topology::Topology::Star]),
            nodes: vec![8],
            seeds: vec![1, 2],
            ..RoundsConfig::default()
        };
        let mut found = run_rounds(&config, &|_, _| ()).expect("runs");
        assert!(verdict(&found).is_ok() && summary(&found).ends_with("none of 2 cells out\n"));
        let cell = &mut found.cells[1];
        cell.comparisons[0] =
            Comparison { mean: 3.0, difference: -1.0, within: false, ..cell.comparisons[0] };
        assert_eq!(wrong(cell), "2.000 differs from the reference (3) by more than 0.000");
        (cell.holds, cell.scheduled.kept) = (false, false);
        assert!(wrong(cell).contains("; 2.000 is outside the bounds of theory, 2.000 to 2.000; "));
        assert!(wrong(cell).ends_with("the schedule took 2 rounds but promises 2"));
        let complaints: Vec<_> = complaints(&found).collect();
        assert!(!found.passes() && complaints.len() == 1);
        assert!(complaints[0].starts_with("out: star, 8 nodes, synchronous: 2.000 differs"));
        let text = summary(&found);
        assert!(text.contains("OUT\n") && text.ends_with("1 of 2 cells out\n"), "{text}");
    }
}
