//! `espalier verify`.

use crate::Failure;
use crate::args::VerifyArgs;
use crate::console::{self, Bar};
use crate::simulate::read_report;
use anyhow::{Context as _, anyhow};
use espalier::replica::Fault;
use espalier::sim::{MAX_REPORT_LEN, verify_report};
use std::io::Read as _;
use std::path::Path;

pub(crate) fn run(args: &VerifyArgs, quiet: bool) -> Result<(), Failure> {
    match (&args.evidence, &args.report) {
        (Some(file), _) => evidence(file, quiet),
        (None, Some(report)) => rerun(report, quiet),
        (None, None) => Err(Failure::Input(anyhow!("there is nothing to verify"))),
    }
}

fn rerun(report: &Path, quiet: bool) -> Result<(), Failure> {
    let json = read_report(report)?;
    let differences = {
        let mut bar = Bar::new(quiet);
        verify_report(&json, &mut |progress| bar.watch(progress))
    };
    let differences =
        differences.with_context(|| report.display().to_string()).map_err(Failure::Input)?;
    if differences.is_empty() {
        if !quiet {
            console::print("PASS: running the configuration again gives the same report\n")?;
        }
        return Ok(());
    }
    let mut text = String::from("FAIL: running the configuration again gives another report\n");
    for difference in &differences {
        let espalier::sim::Difference { place, reported, computed } = difference;
        text.push_str(&format!("  {place}: the report says {reported}, the run {computed}\n"));
    }
    console::print(&text)?;
    Err(Failure::Check)
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
