//! What the simulator reads: configurations, traces, reports, scenarios.

use crate::files::file;
use crate::samples::Samples;
use crate::within;
use espalier::sim::{Config, Regression, Report, Scenario, is_scenario_report, simulate};
use std::fs;
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

pub(crate) fn sample_traces() -> Samples {
    let texts = [
        "\u{0}# who comes and goes\n0 leave 1\n1s join 1\n2.5 crash 2\n3 restart 2\n",
        "\u{0}1 leave 0\n1 leave 0\n1 join 9\n",
        "\u{1}0 10 20\n10 0 30\n20 30 0\n",
        "\u{1}1\n",
        "\u{1}1 nan\n-1 1e9\n",
    ];
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

/// A run that is over at once.
fn small() -> Config {
    let model = "synthetic:2".parse().expect("a family");
    Config { nodes: 2, rounds: 1, model, ..Config::default() }
}

pub(crate) fn sample_configurations() -> Samples {
    let settings = [
        r#"{"topology":"small-world:4:0.1","loss":"10%","partition":["2..3:halves"]}"#,
        r#"{"byzantine":"20%","attack":["alie:0.5:1","mimic:1"],"strategy":"krum"}"#,
        r#"{"model":"synthetic:4x4,2","spread":"dirichlet:0.3","retract":"1@3"}"#,
        r#"{"churn":"poisson:0.1:0.5","late":"3@4","outage":["1@2..4"],"latency":"5ms"}"#,
        r#"{"clock":"poisson","exchange":"intervals","wire":"counted","metrics":"off"}"#,
    ];
    let mut samples: Samples = settings.iter().map(|text| text.as_bytes().to_vec()).collect();
    samples.push(serde_json::to_vec(&small()).expect("it can be written"));
    samples.push(serde_json::to_vec(&Config::default()).expect("it can be written"));
    samples
}

pub(crate) fn sample_reports() -> Samples {
    let report = simulate(&small(), &mut |_| ControlFlow::Continue(())).expect("it runs");
    let mut samples = vec![report.to_json().into_bytes()];
    samples.extend(fixtures("regressions", "json"));
    samples
}

pub(crate) fn sample_scenarios() -> Samples {
    fixtures("scenarios", "toml")
}

/// Our own fixtures of a kind.
fn fixtures(folder: &str, extension: &str) -> Samples {
    let folder = espalier_testkit::fixture_path(folder);
    let entries = fs::read_dir(folder).expect("fixtures are there");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("listed").path()).collect();
    paths.sort();
    paths.retain(|path| path.extension().is_some_and(|found| found == extension));
    paths.iter().map(|path| fs::read(path).expect("a fixture can be read")).collect()
}
