//! Checking what a scenario found: run it again and compare.

use super::{RunResult, ScenarioError, ScenarioReport, run_bounded};
use crate::harness::verify::{Difference, MAX_REPORT_LEN, differences_of};
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
    reported.scenario.check()?;
    let differences = misshapen(&reported);
    if !differences.is_empty() {
        return Ok(differences);
    }
    let most: Vec<u32> = reported.results.iter().map(|result| result.rounds + 1).collect();
    let simulations = reported.scenario.runs.len().saturating_mul(reported.scenario.seeds.len());
    let computed = run_bounded(&reported.scenario, Some(&most), &mut |result| {
        each(result, simulations);
        ControlFlow::Continue(())
    })?;
    if computed.as_ref() == Some(&reported) {
        return Ok(Vec::new());
    }
    let value = |report| serde_json::to_value(report).map_err(ScenarioError::Parse);
    Ok(differences_of(&value(Some(&reported))?, &value(computed.as_ref())?))
}

/// Results that cannot be those of the scenario, which shows without running it.
fn misshapen(report: &ScenarioReport) -> Vec<Difference> {
    let (scenario, results) = (&report.scenario, &report.results);
    let simulations = scenario.runs.len().saturating_mul(scenario.seeds.len());
    let difference = |place: String, reported: String, computed: String| {
        vec![Difference { place, reported, computed }]
    };
    if results.len() != simulations {
        let (reported, computed) = (results.len().to_string(), simulations.to_string());
        return difference("results".into(), reported, computed);
    }
    for (at, (result, (run, seed))) in results.iter().zip(scenario.pairs()).enumerate() {
        let run = &scenario.runs[run];
        let made = result.curves.distinct_states.len() as u64;
        let (rounds, most) = (u64::from(result.rounds), u64::from(run.config.rounds));
        let as_made = rounds == most || (run.config.until_converged && rounds < most && rounds > 0);
        if (&result.run, result.seed) != (&run.name, seed) {
            let reported = format!("`{}` with seed {}", result.run, result.seed);
            return difference(
                format!("results[{at}]"),
                reported,
                format!("`{}` with seed {seed}", run.name),
            );
        }
        if !as_made || made != rounds + 1 {
            let reported = format!("{rounds}, {made} of them listed");
            return difference(
                format!("results[{at}].rounds"),
                reported,
                format!("{most} at most"),
            );
        }
    }
    Vec::new()
}
