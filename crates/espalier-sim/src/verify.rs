//! Checking a report: run its configuration again and compare.

use crate::error::SimError;
use crate::harness::{Progress, simulate};
use crate::report::Report;
use serde_json::Value;
use std::ops::ControlFlow;

/// The longest report that is read, in bytes.
pub const MAX_REPORT_LEN: u64 = 1 << 30;
/// How many differences are listed.
const MAX_DIFFERENCES: usize = 20;
/// How many of them of one field of the report.
const MAX_PER_FIELD: usize = 4;

/// Why a report cannot be checked.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// It is too long to be a report.
    #[error("a report of {0} bytes is over the limit of 1 GiB")]
    TooLong(usize),
    /// It is no report.
    #[error("not a report: {0}")]
    Parse(#[from] serde_json::Error),
    /// Its configuration does not run.
    #[error("its configuration cannot be run again: {0}")]
    Run(#[from] SimError),
}

/// A place where the report says something else than the run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Where, as a path of field names and indices.
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
    let computed = simulate(&reported.config, watch)?;
    let mut differences = Vec::new();
    if computed != reported {
        let (a, b) = (serde_json::to_value(&reported)?, serde_json::to_value(&computed)?);
        differences = differences_of(&a, &b);
    }
    Ok(differences)
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
