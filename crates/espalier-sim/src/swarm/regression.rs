//! A violation that was found once, kept as a file so that it is tried again by every test run.

use super::campaign::{Judged, judge};
use super::look::Violation;
use crate::config::Config;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// The longest file that is read, in bytes.
pub const MAX_REGRESSION_LEN: u64 = 1 << 20;

/// A small configuration, and what was wrong with it once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Regression {
    /// The seed that drew it, before it was made small.
    pub seed: u64,
    /// What was seen.
    pub seen: Violation,
    /// What was run.
    pub config: Config,
}

/// What is written down.
#[derive(Serialize)]
struct Written<'a> {
    seed: u64,
    seen: &'a Violation,
    config: BTreeMap<String, Value>,
}

impl Regression {
    /// A name for its file: the checker and the seed.
    #[must_use]
    pub fn file_name(&self) -> String {
        format!("{}-{}.json", self.seen.checker, self.seed)
    }

    /// As JSON, with a line break at its end. Of the configuration what differs from the default.
    ///
    /// # Panics
    /// Never: every field has a JSON form.
    #[must_use]
    pub fn to_json(&self) -> String {
        let fields = |config: &Config| -> BTreeMap<String, Value> {
            let json = serde_json::to_value(config).expect("every field has a JSON form");
            json.as_object().into_iter().flatten().map(|(k, v)| (k.clone(), v.clone())).collect()
        };
        let usual = fields(&Config::default());
        let mut config = fields(&self.config);
        config.retain(|key, value| usual.get(key) != Some(value));
        let written = Written { seed: self.seed, seen: &self.seen, config };
        serde_json::to_string_pretty(&written).expect("every field has a JSON form") + "\n"
    }

    /// Reads what [`Regression::to_json`] writes.
    ///
    /// # Errors
    /// The text is not of that form, and why.
    pub fn from_json(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// Runs it again. Whatever is wrong now counts, not only what was wrong then.
    #[must_use]
    pub fn run(&self) -> Judged {
        judge(&self.config)
    }
}
