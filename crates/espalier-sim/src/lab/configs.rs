//! The runs that verifying a report would make.

use super::scenario::Scenario;
use crate::config::Config;
use serde::Deserialize;
use serde::de::IgnoredAny;

/// The configurations that are run if this report, of a run or of a scenario, is verified, with no
/// more rounds than it lists; none if it is not a report.
#[must_use]
pub fn configs_of_report(json: &str) -> Vec<Config> {
    #[derive(Deserialize)]
    struct Head {
        config: Option<Config>,
        #[serde(default)]
        rounds: Vec<IgnoredAny>,
        scenario: Option<Scenario>,
        #[serde(default)]
        results: Vec<Made>,
    }
    #[derive(Deserialize)]
    struct Made {
        rounds: u32,
    }
    let Ok(head) = serde_json::from_str::<Head>(json) else { return Vec::new() };
    let listed = head.results.iter().map(|made| made.rounds as usize).max().unwrap_or(0);
    let runs = head.scenario.into_iter().flat_map(|scenario| scenario.runs).map(|run| run.config);
    let bounded = |config: Config, most: usize| {
        let most = u32::try_from(most).unwrap_or(u32::MAX);
        Config { rounds: config.rounds.min(most), ..config }
    };
    let alone = head.config.map(|config| bounded(config, head.rounds.len()));
    alone.into_iter().chain(runs.map(|config| bounded(config, listed))).collect()
}
