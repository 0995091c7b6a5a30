//! Checking what a scenario found: run it again and compare.

use super::{RunResult, ScenarioError, ScenarioReport, run_scenario};
use crate::verify::{Difference, MAX_REPORT_LEN, differences_of};
use serde::de::IgnoredAny;
use std::collections::BTreeMap;
use std::ops::ControlFlow;

/// Whether a text is of a scenario, not of one run: it is an object with a field `scenario`. It
/// need not be a whole one, or true.
#[must_use]
pub fn is_scenario_report(json: &str) -> bool {
    let fields = serde_json::from_str::<BTreeMap<String, IgnoredAny>>(json);
    fields.is_ok_and(|fields| fields.contains_key("scenario"))
}

/// Runs the scenario of a `scenario.json` again and compares every field. The first few
/// differences; none if it is true. `each` hears every result as it comes, and of how many it is
/// one.
///
/// # Errors
/// [`ScenarioError`].
pub fn verify_scenario(
    json: &str,
    each: &mut dyn FnMut(&RunResult, usize),
) -> Result<Vec<Difference>, ScenarioError> {
    if json.len() as u64 > MAX_REPORT_LEN {
        return Err(ScenarioError::Limit(format!("{} bytes: at most 1 GiB", json.len())));
    }
    let reported: ScenarioReport = serde_json::from_str(json).map_err(ScenarioError::Parse)?;
    let simulations = reported.scenario.runs.len().saturating_mul(reported.scenario.seeds.len());
    let computed = run_scenario(&reported.scenario, &mut |result| {
        each(result, simulations);
        ControlFlow::Continue(())
    })?;
    if computed.as_ref() == Some(&reported) {
        return Ok(Vec::new());
    }
    let value = |report| serde_json::to_value(report).map_err(ScenarioError::Parse);
    Ok(differences_of(&value(Some(&reported))?, &value(computed.as_ref())?))
}
