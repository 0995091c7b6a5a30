//! `espalier verify`.

use crate::Failure;
use crate::args::VerifyArgs;
use crate::console::{self, Bar};
use crate::simulate::read_report;
use anyhow::Context as _;
use espalier::sim::verify_report;

pub(crate) fn run(args: &VerifyArgs, quiet: bool) -> Result<(), Failure> {
    let json = read_report(&args.report)?;
    let differences = {
        let mut bar = Bar::new(quiet);
        verify_report(&json, &mut |progress| bar.watch(progress))
    };
    let differences =
        differences.with_context(|| args.report.display().to_string()).map_err(Failure::Input)?;
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
