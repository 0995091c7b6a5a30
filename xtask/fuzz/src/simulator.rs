//! What the simulator reads: configurations, traces, reports, scenarios.

use crate::files::file;
use crate::within;
use espalier::sim::{Config, Regression, Report, Scenario, is_scenario_report, simulate};
use std::ops::ControlFlow;
use std::path::Path;

/// For text in JSON or TOML, where `[]` becomes a list.
const OF_TEXT: usize = 64;

/// Which of the two, then the text of the file.
pub(crate) fn traces(bytes: &[u8]) {
    let Some((kind, text)) = bytes.split_first() else { return };
    let path = file("trace.txt", text);
    let path = path.to_str().expect("a path in UTF-8");
    let field = if kind % 2 == 0 { "churn" } else { "latency" };
    let config = serde_json::json!({
        "nodes": 3, "rounds": 1, "model": "synthetic:1", field: format!("file:{path}"),
    });
    let config: Config = serde_json::from_value(config).expect("a configuration");
    let _ = simulate(&config, &mut |_| ControlFlow::Break(()));
}

pub(crate) fn configurations(bytes: &[u8]) {
    let Ok(config) = within(OF_TEXT, bytes, || serde_json::from_slice::<Config>(bytes)) else {
        return;
    };
    let json = serde_json::to_string(&config).expect("what was read can be written");
    let again: Config = serde_json::from_str(&json).expect("and read");
    assert_eq!(serde_json::to_string(&again).expect("written"), json);
    let _ = (config.flags(), config.check().is_ok());
}

pub(crate) fn reports(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let _ = within(OF_TEXT, bytes, || is_scenario_report(text));
    let _ = within(OF_TEXT, bytes, || Regression::from_json(text).map(drop));
    if let Ok(report) = within(OF_TEXT, bytes, || Report::from_json(text)) {
        let json = report.to_json();
        assert_eq!(Report::from_json(&json).expect("what was read can be written").to_json(), json);
    }
}

pub(crate) fn scenarios(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    // A run of a few bytes is a whole configuration, and `vary` makes several of it, of which the
    // number is bounded.
    let _ = Scenario::parse(text, Path::new("scenario.toml"));
}
