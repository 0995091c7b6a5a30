//! `espalier verify`.

use crate::args::VerifyArgs;
use crate::console::{self, Bar, Cells};
use crate::escape::{line, lines};
use crate::failure::Failure;
use crate::limits::check_memory;
use crate::simulate::read_report;
use anyhow::anyhow;
use espalier::file::{self, ReadError, count};
use espalier::replica::Fault;
use espalier::sim::{
    Difference, JSON_FILE, MAX_REPORT_LEN, SCENARIO_JSON, configs_of_report, is_scenario_report,
    verify_report, verify_scenario,
};
use std::path::Path;

pub(crate) fn run(args: &VerifyArgs, quiet: bool) -> Result<(), Failure> {
    if let Some(recipe) = &args.recipe {
        let model = args.report.as_ref();
        let model =
            model.ok_or_else(|| Failure::usage("--recipe: give the merged model".into()))?;
        return crate::merge::verify(model, recipe, &args.how, quiet);
    }
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
    check_memory(configs.iter().cloned(), &args.memory)
        .map_err(|failed| failed.within(path.display().to_string()))?;
    let (what, differences) = if is_scenario_report(&json) {
        ("scenario", again(&json, path, quiet)?)
    } else {
        let mut bar = Bar::new(quiet);
        let differences = verify_report(&json, &mut |progress| bar.watch(progress));
        let named = |error| Failure::from(error).within(path.display().to_string());
        ("configuration", differences.map_err(named)?)
    };
    if differences.is_empty() {
        if !quiet {
            console::print(&format!("PASS: running the {what} again gives the same report\n"))?;
        }
        return Ok(());
    }
    let mut text = format!("FAIL: running the {what} again gives a different report\n");
    for Difference { place, reported, computed } in &differences {
        let said = format!("  {place}: the report says {reported}, the run gives {computed}");
        text = text + &line(&said) + "\n";
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
    differences.map_err(|error| Failure::from(error).within(path.display().to_string()))
}

/// A state may be in its binary form; all else is text.
fn text_or_state(bytes: Vec<u8>) -> Result<Vec<u8>, ReadError> {
    if file::is_utf16(&bytes) || bytes.starts_with(b"\xef\xbb\xbf") {
        return file::text_of(bytes).map(String::into_bytes);
    }
    Ok(bytes)
}

/// Says of every record whether it proves what it claims, and why.
fn evidence(path: &Path, quiet: bool) -> Result<(), Failure> {
    let name = || path.display().to_string();
    let bytes = file::read(path, MAX_REPORT_LEN).and_then(text_or_state);
    let unread = |error| Failure::from(error).within(format!("cannot read {}", name()));
    let bytes = bytes.map_err(unread)?;
    let records = Fault::all_in(&bytes).map_err(|error| Failure::from(error).within(name()))?;
    let mut text = String::new();
    let mut failed = 0;
    for (number, record) in (1..).zip(&records) {
        match record.explain() {
            Ok(explanation) if quiet => drop(explanation),
            Ok(explanation) => {
                // Of several lines, which the explanation indents.
                let said = format!("PASS record {number}: {explanation}");
                text = text + &lines(&said) + "\n";
            }
            Err(why) => {
                failed += 1;
                let claim = record.kind();
                let said = format!("FAIL record {number}: claims {claim}, but {why}");
                text = text + &lines(&said) + "\n";
            }
        }
    }
    if !quiet {
        let proven = records.len() - failed;
        let of = count(records.len(), "record");
        text.push_str(&format!("{proven} of {of} proven\n"));
    }
    console::print(&text)?;
    if failed == 0 { Ok(()) } else { Err(Failure::Check) }
}
