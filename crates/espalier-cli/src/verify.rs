//! `espalier verify`.

use crate::Failure;
use crate::args::VerifyArgs;
use crate::console::{self, Bar, Cells};
use crate::limits::check_memory;
use crate::scenario::{blame, within};
use crate::simulate::read_report;
use anyhow::{Context as _, anyhow};
use espalier::replica::Fault;
use espalier::sim::{
    Difference, JSON_FILE, MAX_REPORT_LEN, SCENARIO_JSON, configs_of_report, is_scenario_report,
    verify_report, verify_scenario,
};
use std::io::Read as _;
use std::path::Path;

pub(crate) fn run(args: &VerifyArgs, quiet: bool) -> Result<(), Failure> {
    match (&args.evidence, &args.report) {
        (Some(file), _) => evidence(file, quiet),
        (None, Some(report)) => rerun(report, args, quiet),
        // The rules of flags refuse this.
        (None, None) => Err(Failure::Input(anyhow!("there is nothing to verify"))),
    }
}

fn rerun(path: &Path, args: &VerifyArgs, quiet: bool) -> Result<(), Failure> {
    let scenario = path.join(SCENARIO_JSON);
    let only_scenario = scenario.exists() && !path.join(JSON_FILE).exists();
    let path = if only_scenario { &scenario } else { path };
    let json = read_report(path)?;
    let configs = configs_of_report(&json);
    check_memory(configs.iter(), &args.memory)
        .map_err(|failed| within(failed, path.display().to_string()))?;
    let (what, differences) = if is_scenario_report(&json) {
        ("scenario", again(&json, path, quiet)?)
    } else {
        let mut bar = Bar::new(quiet);
        let differences = verify_report(&json, &mut |progress| bar.watch(progress));
        let named = || path.display().to_string();
        ("configuration", differences.with_context(named).map_err(Failure::Input)?)
    };
    if differences.is_empty() {
        if !quiet {
            console::print(&format!("PASS: running the {what} again gives the same report\n"))?;
        }
        return Ok(());
    }
    let mut text = format!("FAIL: running the {what} again gives another report\n");
    for Difference { place, reported, computed } in &differences {
        text.push_str(&format!("  {place}: the report says {reported}, the run {computed}\n"));
    }
    console::print(&text)?;
    Err(Failure::Check)
}

/// Where running a scenario again differs from what its report says.
fn again(json: &str, path: &Path, quiet: bool) -> Result<Vec<Difference>, Failure> {
    let mut bar = None;
    let differences = verify_scenario(json, &mut |result, of| {
        bar.get_or_insert_with(|| Cells::new(quiet, of, 0)).done(&result.run);
    });
    differences.map_err(|error| within(blame(error), path.display().to_string()))
}

/// Says of every record whether it proves what it claims, and why.
fn evidence(file: &Path, quiet: bool) -> Result<(), Failure> {
    let name = || file.display().to_string();
    let mut bytes = Vec::new();
    // A file may be no file at all, and endless.
    std::fs::File::open(file)
        .and_then(|file| file.take(MAX_REPORT_LEN + 1).read_to_end(&mut bytes))
        .with_context(name)
        .map_err(Failure::Input)?;
    if bytes.len() as u64 > MAX_REPORT_LEN {
        return Err(Failure::Input(anyhow!("{} is over the limit of 1 GiB", name())));
    }
    let records = Fault::all_in(&bytes).with_context(name).map_err(Failure::Input)?;
    let mut text = String::new();
    let mut failed = 0;
    for (number, record) in (1..).zip(&records) {
        match record.explain() {
            Ok(explanation) if quiet => drop(explanation),
            Ok(explanation) => text.push_str(&format!("PASS record {number}: {explanation}\n")),
            Err(why) => {
                failed += 1;
                let claim = record.kind();
                text.push_str(&format!("FAIL record {number}: claims {claim}, but {why}\n"));
            }
        }
    }
    if !quiet {
        let proven = records.len() - failed;
        text.push_str(&format!("{proven} of {} records prove what they claim\n", records.len()));
    }
    console::print(&text)?;
    if failed == 0 { Ok(()) } else { Err(Failure::Check) }
}
