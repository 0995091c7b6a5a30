//! `espalier byzantine`.

use crate::args::ByzantineArgs;
use crate::console::{self, Cells};
use crate::escape::line;
use crate::failure::Failure;
use crate::limits::check_memory;
use crate::outputs::Outputs;
use espalier::file::count;
use espalier::sim::{
    Cell, CellResult, Config, Frequency, GRID_FILES, GRID_HTML, Grid, GridConfig, GridFileError,
    GroupSummary, Journal, ProtocolSummary, SEEDS_WITHOUT_LIARS, run_grid, write_grid,
};
use std::fmt::Write as _;
use std::ops::ControlFlow;

/// The most seeds of one grid. Their list begins the journal, whose lines are of bounded length.
const MAX_SEEDS: u64 = 10_000;

pub(crate) fn run(args: &ByzantineArgs, quiet: bool) -> Result<(), Failure> {
    let config = configure(args)?;
    let cells: Vec<Config> = config.cells().iter().map(|cell| cell.config(&config)).collect();
    check_memory(cells.iter().cloned(), &args.memory)?;
    let mut outputs = Outputs::new(args.force)
        .folder(&args.out, &GRID_FILES)
        .file("--json", args.json.as_deref())
        .open()?;
    let (known, journal) =
        Journal::open(&args.out, &config, args.force).map_err(|error| match error {
            GridFileError::OtherGrid { .. } => {
                let right = "use another folder, or --force to start over";
                Failure::of(error.blame(), anyhow::anyhow!("--out: {error}; {right}"))
            }
            error => error.into(),
        })?;
    // What goes to standard output with `--json -` is JSON and nothing else.
    let quiet = quiet || outputs.to_stdout();
    if !quiet {
        console::print(&console::prose(&announce(&config, known.len())))?;
    }
    let (grid, journal) = play(&config, known, journal, quiet)?;
    let page = outputs.keep("--out", write_grid(&grid, &args.out, args.force));
    outputs.write("--json", || grid.to_json() + "\n");
    let written = outputs.done();
    if !quiet {
        console::print(&summary(&grid))?;
    }
    if !quiet && page {
        let page = args.out.join(GRID_HTML);
        console::print(&format!("\nOpen {} to see it.\n", line(&page.to_string_lossy())))?;
    }
    // With the journal the grid can be written again without being run again.
    written?;
    Ok(journal.close()?)
}

/// Runs what is still open. Every result is in the journal before the next is waited for.
fn play(
    config: &GridConfig,
    known: Vec<CellResult>,
    mut journal: Journal,
    quiet: bool,
) -> Result<(Grid, Journal), Failure> {
    let mut bar = Cells::new(quiet, config.cells().len(), known.len());
    let mut trouble = None;
    let grid = run_grid(config, known, &mut |result| {
        bar.done(&result.cell.attack.to_string());
        match journal.add(result) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                trouble = Some(error);
                ControlFlow::Break(())
            }
        }
    });
    drop(bar);
    if let Some(error) = trouble {
        return Err(error.into());
    }
    match grid? {
        Some(grid) => Ok((grid, journal)),
        None => Err(Failure::Environment(anyhow::anyhow!("the grid was stopped"))),
    }
}

pub(crate) fn configure(args: &ByzantineArgs) -> Result<GridConfig, Failure> {
    let preset = if args.quick { GridConfig::quick() } else { GridConfig::full() };
    let seeds = match args.seeds {
        None => preset.seeds.len() as u64,
        Some(count) => u64::from(count.get()),
    };
    // No more seeds than there are from the first one on.
    let left = (u64::MAX - args.seed).max(1);
    let without_liars = match args.honest_seeds {
        None => SEEDS_WITHOUT_LIARS.min(left).max(seeds),
        Some(count) => u64::from(count.get()),
    };
    // Before there are lists of them.
    for (flag, count) in [("--seeds", seeds), ("--honest-seeds", without_liars)] {
        if count > MAX_SEEDS {
            let problem = format!("{flag}: must be 1 to {MAX_SEEDS}, not {count}");
            return Err(Failure::Input(anyhow::anyhow!(problem)));
        }
        if count > left {
            let problem = format!("{flag}: {count} seeds from {} go beyond 2^64 - 1", args.seed);
            return Err(Failure::Input(anyhow::anyhow!(problem)));
        }
    }
    let from = |count: u64| (args.seed..args.seed + count).collect();
    fn or<T: Clone>(given: &[T], preset: Vec<T>) -> Vec<T> {
        if given.is_empty() { preset } else { given.to_vec() }
    }
    let config = GridConfig {
        model: args.model.clone().unwrap_or(preset.model),
        attacks: or(&args.attack, preset.attacks),
        shares: or(&args.byzantine, preset.shares),
        spreads: or(&args.spread, preset.spreads),
        topologies: or(&args.topology, preset.topologies),
        nodes: or(&args.nodes, preset.nodes),
        seeds: from(seeds),
        seeds_without_liars: from(without_liars),
        profile: args.profile,
        retrain: args.retrain,
        attest: !args.no_attest,
    };
    config.check()?;
    let cells = config.cells();
    let liars = |cell: &Cell| cell.share.of(cell.nodes);
    if args.honest_seeds.is_some() && cells.iter().all(|cell| liars(cell) > 0) {
        let problem = "--honest-seeds: every run has liars; include a share of 0 in --byzantine";
        return Err(Failure::Input(anyhow::anyhow!(problem)));
    }
    let nobody = cells.iter().all(|cell| liars(cell) == 0);
    if !args.attack.is_empty() && nobody {
        let problem = "--attack: there are no liars; give shares above 0 with --byzantine";
        return Err(Failure::Input(anyhow::anyhow!(problem)));
    }
    Ok(config)
}

fn announce(config: &GridConfig, known: usize) -> String {
    let cells = config.cells().len();
    let mut text = format!(
        "{}: {}, {} of liars, {}, {}, seeds from {}\n",
        count(cells, "run"),
        count(config.attacks.len(), "attack"),
        count(config.shares.len(), "share"),
        count(config.spreads.len(), "spread"),
        config.model,
        config.seeds.first().copied().unwrap_or(0),
    );
    if known > 0 {
        let _ = writeln!(
            text,
            "{known} of them {} done already; resuming with the rest",
            if known == 1 { "is" } else { "are" }
        );
    }
    text
}

fn number(value: f64) -> String {
    if value >= 1e4 { "> 9999".into() } else { format!("{value:.3}") }
}

fn named(value: Option<&(f64, String)>) -> [String; 2] {
    value.map_or(["–".into(), "–".into()], |(value, name)| [number(*value), name.clone()])
}

fn percent(share: f64) -> String {
    format!("{:.1}", 100.0 * share)
}

/// A rate with its interval, where there are enough runs for one to say anything.
fn in_runs(rate: &Frequency) -> String {
    let share = percent(f64::from(rate.hits) / f64::from(rate.runs.max(1)));
    if rate.runs < 10 {
        return share;
    }
    format!("{share} ({}–{})", percent(rate.low), percent(rate.high))
}

/// The grid in a table per kind of attack.
fn summary(grid: &Grid) -> String {
    let mut text = console::prose(
        "\nErrors are distances from the honest mean, in honest spreads, over all attacks on the \
         model. Espalier is not told how many nodes lie. `best rule` is told; it is the robust \
         rule with the least mean error, or the least worst error, in its row.\n\n",
    );
    text.push_str(&groups(&grid.groups()));
    let protocol = grid.protocol();
    if !protocol.is_empty() {
        text.push_str("\nAttacks on the protocol, over all rows:\n\n");
        text.push_str(&attacks(&protocol));
    }
    text
}

fn groups(groups: &[GroupSummary]) -> String {
    let head = [
        "nodes",
        "spread",
        "network",
        "liars",
        "mean",
        "best rule",
        "",
        "worst",
        "attack",
        "best rule",
        "",
        "floor",
        "recall %",
        "weight %",
        "honest out %",
        "in % of runs",
        "rounds",
        "agreed %",
        "accuracy lost",
    ];
    let right = [
        true, false, false, true, true, true, false, true, false, true, false, true, true, true,
        true, true, true, true, false,
    ];
    let row = |group: &GroupSummary| {
        let [rule_mean, rule_mean_name] = named(group.rule_mean.as_ref());
        let [rule_worst, rule_worst_name] = named(group.rule_worst.as_ref());
        let [worst, attack] = named(Some(&group.worst));
        let loss = group.loss.as_ref();
        let liars = if group.liars == 0 { String::new() } else { attack };
        vec![
            group.key.nodes.to_string(),
            group.key.spread.to_string(),
            group.key.topology.to_string(),
            format!("{} ({})", group.key.share, group.liars),
            number(group.mean),
            rule_mean,
            rule_mean_name,
            worst,
            liars,
            rule_worst,
            rule_worst_name,
            group.floor.map_or("–".into(), number),
            group.recall.map_or("–".into(), percent),
            percent(group.weight),
            percent(group.honest_isolated),
            in_runs(&group.isolating),
            group.rounds.map_or("–".into(), |rounds| format!("{rounds:.1}")),
            percent(group.agreed),
            loss.map_or("–".into(), |(loss, name)| format!("{} ({name})", percent(*loss))),
        ]
    };
    console::fitted(4, &head, &right, &groups.iter().map(row).collect::<Vec<_>>())
}

fn attacks(attacks: &[ProtocolSummary]) -> String {
    let head = [
        "attack",
        "runs",
        "mean error",
        "worst",
        "found %",
        "honest isolated",
        "honest convicted",
        "agreed %",
    ];
    let row = |summary: &ProtocolSummary| {
        vec![
            summary.attack.clone(),
            summary.runs.to_string(),
            number(summary.error.0),
            number(summary.error.1),
            summary.recall.map_or("–".into(), percent),
            summary.honest_isolated.to_string(),
            summary.honest_convicted.to_string(),
            percent(summary.agreed),
        ]
    };
    let right = [false, true, true, true, true, true, true, true];
    console::fitted(1, &head, &right, &attacks.iter().map(row).collect::<Vec<_>>())
}
