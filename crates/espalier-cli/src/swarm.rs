//! `espalier swarm`.

use crate::args::SwarmArgs;
use crate::console::{self, Seeds};
use crate::failure::Failure;
use crate::limits::check_memory;
use crate::outputs::Outputs;
use anyhow::{Context as _, anyhow};
use espalier::file::{self, count};
use espalier::sim::{
    Config, Coverage, Family, Judged, MAX_REGRESSION_LEN, Regression, SwarmTally, judge, run_swarm,
    shrink,
};
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::Path;

/// The number of seeds tried by default.
const SEEDS: u64 = 1_000;

pub(crate) fn run(args: &SwarmArgs, quiet: bool) -> Result<(), Failure> {
    if let Some(file) = &args.replay {
        return replay(file, quiet);
    }
    let fixed = fixed(args)?;
    let first = args.run.seed.unwrap_or(1);
    let most = if args.minutes.is_some() { u64::MAX - first } else { SEEDS };
    let wanted = args.seeds.map_or(most, u64::from);
    if first.checked_add(wanted).is_none() {
        let problem = format!("--seeds: {wanted} seeds from {first} go beyond 2^64 - 1");
        return Err(Failure::Input(anyhow!(problem)));
    }
    if let Some(config) = &fixed {
        check_memory(std::iter::once(config.clone()), &args.memory)?;
    }
    Outputs::new(true).folder(&args.out, &[]).open()?;
    if !quiet {
        // Before anything runs: whatever happens then, this makes it happen again.
        console::print(&format!("swarm: seeds from {first}\n"))?;
    }
    let usual = std::panic::take_hook();
    // A panic is a violation like others; `--replay` shows where.
    std::panic::set_hook(Box::new(|_| {}));
    let of = if args.minutes.is_some() { 0 } else { wanted };
    let mut bar = Seeds::new(quiet, of);
    let seeds = first..first + wanted;
    let tally = run_swarm(seeds, fixed.as_ref(), &mut |tally| {
        bar.done(tally.coverage.seeds);
        let over = args.minutes.is_some_and(|minutes| bar.seconds() >= minutes * 60.0);
        if over { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    let (rate, seconds) = (bar.rate(tally.coverage.seeds), bar.seconds());
    drop(bar);
    if !quiet {
        let text = covered(&tally.coverage);
        console::print(&format!("{text}{seconds:.0} seconds, {rate:.1} seeds per second\n"))?;
    }
    let found = report(&tally, &args.out);
    std::panic::set_hook(usual);
    found
}

/// The configuration that the flags give, if they are to give one.
pub(crate) fn fixed(args: &SwarmArgs) -> Result<Option<Config>, Failure> {
    let usual = Config { seed: args.run.seed.unwrap_or(1), ..Config::default() };
    if !args.fixed {
        return Ok(None);
    }
    let config =
        args.run.config(usual.nodes, usual.rounds, Family::Digits).map_err(Failure::usage)?;
    config.check_asked().and_then(|()| config.check_swarm())?;
    Ok(Some(config))
}

/// Makes what was found small, the first of each checker, writes it down, and says how to see it
/// again.
fn report(tally: &SwarmTally, out: &Path) -> Result<(), Failure> {
    for failure in &tally.failures {
        console::complain(&format!("seed {}: {}", failure.seed, failure.violation));
    }
    let mut checkers = BTreeSet::new();
    for failure in &tally.failures {
        if !checkers.insert(&failure.violation.checker) {
            continue;
        }
        let shrunk = shrink(&failure.config, &failure.violation);
        let (seed, seen, config) = (failure.seed, shrunk.violation, shrunk.config);
        let regression = Regression { seed, seen, config };
        let path = out.join(regression.file_name());
        let written = file::make_folder(out);
        let json = regression.to_json();
        let written = written.and_then(|()| file::write(&path, json.as_bytes(), true));
        let flags = regression.config.flags().join(" ");
        let (runs, seen) = (count(shrunk.runs, "run"), &regression.seen);
        console::complain("");
        console::complain(&format!("seed {seed}, shrunk in {runs}: {seen}"));
        console::complain(&format!("  espalier swarm --fixed --seeds 1 {flags}"));
        // What was found is said in any case; it can be found again.
        written.map_err(|error| Failure::from(error).within("--out"))?;
        console::complain(&format!("  espalier swarm --replay {}", path.display()));
    }
    if tally.failures.is_empty() { Ok(()) } else { Err(Failure::Check) }
}

fn covered(coverage: &Coverage) -> String {
    let Coverage {
        seeds,
        rounds,
        events,
        messages,
        lost,
        crashes,
        departures,
        cuts,
        retractions,
        attacked,
        convictions,
        operations,
        forks,
        slowest,
    } = coverage;
    let of = |number: &u64, what: &str| count(*number, what);
    let lines = [
        format!("{}, {attacked} with liars: ", of(seeds, "seed"))
            + &format!("{}, {}", of(rounds, "round"), of(events, "event")),
        format!("{} heard, {lost} lost, {}, ", of(messages, "message"), of(cuts, "cut"))
            + &format!("{}, {}", of(crashes, "crash"), of(departures, "departure")),
        format!("{}, {}, ", of(operations, "operation"), of(retractions, "retraction"))
            + &format!("{forks} forked, {}", of(convictions, "conviction")),
        format!("honest nodes agreed within {slowest} % of the rounds that they may take\n"),
    ];
    console::prose(&lines.join("\n"))
}

/// Who lied, and how the event log ends.
fn story(judged: &Judged) -> String {
    let liars: Vec<_> = judged.liars.iter().map(|node| format!("node_{node}")).collect();
    let liars = if liars.is_empty() { "nobody".into() } else { liars.join(", ") };
    let mut text = format!("liars: {liars}\nhash over all events: {}\n", judged.log);
    if judged.violation.is_some() {
        text.push_str("the last events:\n");
        judged.last.iter().for_each(|record| text.push_str(&format!("  {record}\n")));
    }
    text
}

/// Judges a stored run again and says what happened.
fn replay(path: &Path, quiet: bool) -> Result<(), Failure> {
    let name = || path.display().to_string();
    let text = file::read_text(path, MAX_REGRESSION_LEN);
    let unread = |error| Failure::from(error).within(format!("cannot read {}", name()));
    let text = text.map_err(unread)?;
    let regression = Regression::from_json(&text).with_context(name).map_err(Failure::Input)?;
    let Regression { seed, seen, config } = &regression;
    config.check_swarm().map_err(|error| Failure::from(error).within(name()))?;
    if !quiet {
        let flags = config.flags().join(" ");
        console::print(&format!(
            "drawn from seed {seed}: espalier swarm --fixed --seeds 1 {flags}\nwhen found: {seen}\n"
        ))?;
    }
    let judged = judge(config);
    if !quiet {
        console::print(&covered(&judged.coverage))?;
        console::print(&story(&judged))?;
    }
    match judged.violation {
        None if quiet => Ok(()),
        None => console::print("PASS\n"),
        Some(violation) => {
            console::complain(&format!("FAIL: {violation}"));
            Err(Failure::Check)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Cli, Command};
    use clap::Parser as _;
    use espalier::sim::swarm_config;

    /// A configuration is what its flags give.
    #[test]
    fn flags_give_back_what_they_were_made_of() {
        for seed in 0..500 {
            let config = swarm_config(seed);
            let words = ["espalier", "swarm", "--fixed"].map(str::to_owned).into_iter();
            let cli = Cli::parse_from(words.chain(config.flags()));
            let Command::Swarm(args) = cli.command else { panic!("another command") };
            assert_eq!(fixed(&args).expect("can run"), Some(config), "seed {seed}");
        }
    }
}
