//! Checking a report: run its configuration again and compare.

use super::simulate;
use crate::config::Family;
use crate::error::SimError;
use crate::report::Report;
use crate::run::progress::Progress;
use espalier_blame::Blame;
use serde_json::Value;
use std::ops::ControlFlow;

/// The longest report that is read, in bytes.
pub const MAX_REPORT_LEN: u64 = 1 << 30;
/// The number of differences that are listed.
const MAX_DIFFERENCES: usize = 20;
/// How many of them of one field of the report.
const MAX_PER_FIELD: usize = 4;

/// Why a report cannot be checked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The text is too long to be a report.
    #[error("a report of {0} bytes is over the limit of 1 GiB")]
    TooLong(usize),
    /// The text is not a report.
    #[error("not a report: {0}")]
    Parse(#[from] serde_json::Error),
    /// The configuration in the report cannot be run.
    #[error("its configuration cannot be run again: {0}")]
    Run(#[from] SimError),
}

impl VerifyError {
    /// Who has to act on this error.
    #[must_use]
    pub fn blame(&self) -> Blame {
        match self {
            Self::TooLong(_) | Self::Parse(_) => Blame::Peer,
            Self::Run(error) => error.blame(),
        }
    }

    /// A stable word for programs to tell this error from all others.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLong(_) => "report-too-long",
            Self::Parse(_) => "report-json",
            Self::Run(error) => error.code(),
        }
    }
}

/// A place where the report differs from the run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The place, as a path of field names and indices.
    pub place: String,
    /// What the report says.
    pub reported: String,
    /// What the run says.
    pub computed: String,
}

/// Runs the configuration of a report again and compares every field. The first few differences;
/// none if the report is true.
///
/// # Errors
/// [`VerifyError`].
pub fn verify_report(
    json: &str,
    watch: &mut dyn FnMut(Progress) -> ControlFlow<()>,
) -> Result<Vec<Difference>, VerifyError> {
    if json.len() as u64 > MAX_REPORT_LEN {
        return Err(VerifyError::TooLong(json.len()));
    }
    let reported: Report = serde_json::from_str(json)?;
    // Before its lists are compared: a configuration that cannot run makes none.
    reported.config.check()?;
    let mut differences = misshapen(&reported);
    if !differences.is_empty() {
        return Ok(differences);
    }
    let most = reported.rounds.len() as u32;
    let computed = simulate(&reported.config, &mut |progress| {
        // A run that goes on longer than the report is another one.
        let longer = matches!(&progress, Progress::Round { done, .. } if *done >= most);
        let heard = watch(progress);
        if longer { ControlFlow::Break(()) } else { heard }
    })?;
    if computed != reported {
        let (a, b) = (serde_json::to_value(&reported)?, serde_json::to_value(&computed)?);
        differences = differences_of(&a, &b);
    }
    Ok(differences)
}

/// Where lists are not as long as the configuration makes them, which shows without running it.
fn misshapen(report: &Report) -> Vec<Difference> {
    let config = &report.config;
    let sampled = if config.is_counted() { 0 } else { config.metrics.count(config.nodes) };
    let made = report.rounds.len().saturating_sub(1) as u64;
    let rounds = u64::from(config.rounds);
    let as_made = made == rounds || (config.until_converged && made < rounds && made > 0);
    let elements = match &config.model {
        Family::Synthetic(shape) => shape.iter().product(),
        Family::Digits | Family::Path(_) => report.model.parameters,
    };
    let lists = [
        ("nodes", report.nodes.len() as u64, config.nodes.into()),
        ("sampled_nodes", report.sampled_nodes.len() as u64, sampled.into()),
        ("rounds", made, if as_made { made } else { rounds }),
        ("round_trip", report.round_trip.len() as u64, 2 * u64::from(sampled)),
        ("model.parameters", report.model.parameters, elements),
    ];
    let wrong = lists.into_iter().filter(|(_, reported, computed)| reported != computed);
    wrong
        .map(|(place, reported, computed)| Difference {
            place: place.to_owned(),
            reported: format!("{reported} in number"),
            computed: format!("{computed} by its configuration"),
        })
        .collect()
}

/// The first few of each field, so that one that differs throughout does not hide the others;
/// plain values before lists.
pub(crate) fn differences_of(a: &Value, b: &Value) -> Vec<Difference> {
    let (Some(a), Some(b)) = (a.as_object(), b.as_object()) else { return Vec::new() };
    let mut keys: Vec<_> = a.keys().collect();
    keys.sort_by_key(|key| (a[*key].is_object() || a[*key].is_array(), a[*key].is_array()));
    let mut differences = Vec::new();
    for key in keys {
        let mut of_field = Vec::new();
        compare(&a[key], &b[key], &mut key.clone(), &mut of_field);
        differences.extend(of_field);
    }
    differences.truncate(MAX_DIFFERENCES);
    differences
}

fn compare(a: &Value, b: &Value, place: &mut String, out: &mut Vec<Difference>) {
    if a == b || out.len() >= MAX_PER_FIELD {
        return;
    }
    let depth = place.len();
    match (a, b) {
        (Value::Object(x), Value::Object(y)) if x.keys().eq(y.keys()) => {
            for (key, value) in x {
                place.push('.');
                place.push_str(key);
                compare(value, &y[key], place, out);
                place.truncate(depth);
            }
        }
        (Value::Array(x), Value::Array(y)) if x.len() == y.len() => {
            for (i, (value, other)) in x.iter().zip(y).enumerate() {
                place.push_str(&format!("[{i}]"));
                compare(value, other, place, out);
                place.truncate(depth);
            }
        }
        _ => {
            let short = |value: &Value| value.to_string().chars().take(120).collect();
            let (reported, computed) = (short(a), short(b));
            out.push(Difference { place: place.clone(), reported, computed });
        }
    }
}
