//! Scenarios: what runs are made of a file, what comes out of them, and what is refused.

use crate::run;
use espalier_sim::{
    Config, RunResult, SCENARIO_CSV, SCENARIO_HTML, SCENARIO_JSON, SUMMARY_CSV, Scenario,
    ScenarioError, ScenarioReport, is_scenario_report, run_scenario, verify_scenario,
    write_scenario,
};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::ops::ControlFlow;
use std::path::Path;

const SMALL: &str = r#"
title = "Small"
description = "Two networks."
seeds = 3

[defaults]
model = "synthetic:3x4"
rounds = 12
nodes = 6

[[run]]
name = "ring"
topology = "ring"

[[run]]
name = "rest"
vary.topology = ["complete", "star"]
vary.nodes = [6, 8]
"#;

fn parse(text: &str) -> Result<Scenario, ScenarioError> {
    Scenario::parse(text, Path::new("folder/file.toml"))
}

#[track_caller]
fn parsed(text: &str) -> Scenario {
    parse(text).unwrap_or_else(|error| panic!("{error}"))
}

fn made(scenario: &Scenario) -> ScenarioReport {
    let report = run_scenario(scenario, &mut |_| ControlFlow::Continue(()));
    report.unwrap_or_else(|error| panic!("{error}")).expect("not stopped")
}

#[test]
fn every_choice_of_varied_values_is_a_run() {
    let scenario = parsed(SMALL);
    let names: Vec<_> = scenario.runs.iter().map(|run| run.name.as_str()).collect();
    let expected = [
        "ring",
        "rest, topology complete, nodes 6",
        "rest, topology complete, nodes 8",
        "rest, topology star, nodes 6",
        "rest, topology star, nodes 8",
    ];
    assert_eq!(names, expected);
    let last = Config {
        nodes: 8,
        rounds: 12,
        topology: "star".parse().unwrap(),
        model: "synthetic:3x4".parse().unwrap(),
        ..Config::default()
    };
    assert_eq!(scenario.runs[4].config, last);
    assert_eq!(scenario.seeds, [1, 2, 3]);
}

#[test]
fn values_may_be_written_as_people_would() {
    let scenario = parsed(
        r#"
        title = "t"
        seeds = [7, 3, 18]
        [defaults]
        loss = 0
        byzantine = 2
        attack = "nan"
        strategy = "ties"
        parameters = { density = 0.3 }
        [[run]]
        name = "one"
        [[run]]
        name = "two"
        byzantine = "34%"
        attack = ["nan", "alie:1.5"]
        vary.retract = ["1@3", ["1@3", "2@4"]]
        "#,
    );
    let one = &scenario.runs[0].config;
    assert_eq!((one.byzantine.to_string(), one.attack.len()), ("2".into(), 1));
    assert_eq!(one.parameters["density"], "0.3");
    let names: Vec<_> = scenario.runs.iter().map(|run| run.name.as_str()).collect();
    assert_eq!(names, ["one", "two, retract 1@3", "two, retract 1@3, 2@4"]);
    assert_eq!(scenario.runs[2].config.retract.len(), 2);
    assert_eq!(scenario.seeds, [7, 3, 18]);
    let with = |count, first| scenario.clone().with_seeds(count, first).unwrap().seeds;
    assert_eq!(with(None, Some(5)), [5, 6, 7]);
    assert_eq!(with(Some(2), None), [7, 8]);
    assert!(scenario.clone().with_seeds(Some(2), Some(u64::MAX)).is_err());
}

/// The slow twin: one simulation after the other.
#[test]
fn results_are_those_of_single_simulations() {
    let scenario = parsed(SMALL);
    let report = made(&scenario);
    let mut results = report.results.iter();
    for part in &scenario.runs {
        for &seed in &scenario.seeds {
            let alone = run(&Config { seed, ..part.config.clone() });
            let result = results.next().unwrap();
            assert_eq!((&result.run, result.seed), (&part.name, seed));
            assert_eq!(result.final_state_hash, alone.summary.final_state_hash);
            assert_eq!(result.rounds_to_converge, alone.summary.rounds_to_converge);
            assert_eq!(result.sent_bytes, alone.summary.sent_bytes);
            let l2: Vec<_> = alone.rounds.iter().map(|round| round.mean_pairwise_l2).collect();
            assert_eq!(result.curves.mean_pairwise_l2, l2);
        }
    }
    assert!(results.next().is_none());
    let of_run: Vec<&RunResult> = report.results.iter().take(3).collect();
    let mean = of_run.iter().map(|result| result.sent_bytes as f64).sum::<f64>() / 3.0;
    let sent = report.summaries[0].figures["sent_bytes"].unwrap();
    assert!((sent.mean - mean).abs() < 1e-6 && sent.n == 3, "{sent:?}");
}

#[test]
fn neither_threads_nor_order_show() {
    let scenario = parsed(SMALL);
    let with = |threads: usize| {
        let pool = rayon_pool(threads);
        pool.install(|| made(&scenario)).to_json()
    };
    assert_eq!(with(1), with(4));
}

fn rayon_pool(threads: usize) -> rayon::ThreadPool {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap()
}

#[test]
fn a_scenario_can_be_stopped() {
    let mut heard = 0;
    let stopped = run_scenario(&parsed(SMALL), &mut |_| {
        heard += 1;
        if heard == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    assert!(stopped.unwrap().is_none());
    assert_eq!(heard, 2);
}

#[test]
fn files_hold_what_was_found() {
    let text = SMALL.replace("\"ring\"\ntopology", "\"a, \\\"ring\\\"\"\ntopology");
    let report = made(&parsed(&text));
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    write_scenario(&report, &out, false).unwrap();
    assert!(write_scenario(&report, &out, false).is_err());
    let read = |name: &str| std::fs::read_to_string(out.join(name)).unwrap();
    assert_eq!(serde_json::from_str::<ScenarioReport>(&read(SCENARIO_JSON)).unwrap(), report);
    let rows = |name: &str| {
        let text = read(name);
        let mut table = csv::Reader::from_reader(text.as_bytes());
        let rows: Vec<csv::StringRecord> = table.records().map(Result::unwrap).collect();
        assert!(rows.iter().all(|row| row.len() == rows[0].len()));
        rows
    };
    let (results, summary) = (rows(SCENARIO_CSV), rows(SUMMARY_CSV));
    assert_eq!((results.len(), summary.len()), (15, 5));
    assert_eq!((&results[0][0], &summary[0][0]), ("a, \"ring\"", "a, \"ring\""));
    assert!(read(SCENARIO_HTML).contains("\"seeds\":[1,2,3]"));
}

fn places(report: &Value) -> Vec<String> {
    let found = verify_scenario(&report.to_string(), &mut |_, _| {});
    found.unwrap().into_iter().map(|difference| difference.place).collect()
}

#[test]
fn a_report_is_checked_by_running_it_again() {
    let report = made(&parsed(SMALL));
    let mut heard = Vec::new();
    let found = verify_scenario(&report.to_json(), &mut |result, of| {
        heard.push((result.seed, of));
    });
    assert_eq!(found.unwrap(), []);
    assert_eq!(heard.len(), 15);
    assert!(heard.iter().all(|(_, of)| *of == 15));
    let value = serde_json::to_value(&report).unwrap();
    for (pointer, place, other) in [
        ("/results/4/sent_bytes", "results[4].sent_bytes", json!(1)),
        ("/results/0/curves/distinct_states/2", "results[0].curves.distinct_states[2]", json!(99)),
        ("/summaries/1/converged", "summaries[1].converged", json!(0)),
        (
            "/summaries/0/figures/sent_bytes/mean",
            "summaries[0].figures.sent_bytes.mean",
            json!(0.5),
        ),
    ] {
        let mut copy = value.clone();
        *copy.pointer_mut(pointer).unwrap() = other;
        assert_eq!(places(&copy), [place]);
    }
    let mut copy = value;
    copy["scenario"]["runs"][0]["config"]["loss"] = json!(0.5);
    assert!(places(&copy).iter().any(|place| place.starts_with("results[0].")));
}

#[test]
fn results_that_cannot_be_those_of_the_scenario_fail_without_a_run() {
    let report = serde_json::to_value(made(&parsed(SMALL))).unwrap();
    let with = |pointer: &str, value: Value| {
        let mut copy = report.clone();
        *copy.pointer_mut(pointer).unwrap() = value;
        places(&copy)
    };
    assert_eq!(with("/scenario/runs/0/config/rounds", json!(10_000_000)), ["results[0].rounds"]);
    assert_eq!(with("/scenario/seeds", json!((1..=10_000).collect::<Vec<_>>())), ["results"]);
    assert_eq!(with("/results/1/seed", json!(77)), ["results[1]"]);
}

/// A setting that comes to nothing in every run that has it is refused at its line; next to one
/// that varies it may come to nothing here and there.
#[test]
fn settings_without_effect_are_named() {
    let text = |settings: &str| {
        format!(
            "title = \"t\"\nseeds = 2\n[defaults]\n\
             model = \"synthetic:4\"\n[[run]]\nname = \"a\"\n{settings}"
        )
    };
    for (settings, part) in [
        ("attack = \"nan\"", "line 7: `attack`: there are no liars"),
        ("attest = false", "line 7: `attest`: only nodes with data"),
        ("period = \"5s\"", "line 7: `period`: needs virtual time"),
        ("outage = \"0@30..40\"", "line 7: `outage`: round 30 is after"),
        ("retract = [\"1@2\", \"1@4\"]", "line 7: `retract`: node 1 has nothing"),
        ("byzantine = \"1%\"", "line 7: `byzantine`: 1% of 8 nodes is no node at all"),
        ("topology = \"ring\"\nvary.topology = [\"star\"]", "line 7: `topology` is set twice"),
        ("attack = \"nan\"\nvary.byzantine = [0, \"0%\"]", "line 7: `attack`: there are no liars"),
    ] {
        let error = parse(&text(settings)).expect_err(settings).to_string();
        assert!(error.contains(part), "{settings}: {error}");
    }
    parsed(&text("attack = \"nan\"\nvary.byzantine = [0, \"25%\"]"));
    parsed(&text("period = \"5s\"\nvary.clock = [\"rounds\", \"periodic\"]"));
}

#[test]
fn what_is_no_scenario_report_is_refused() {
    let report = made(&parsed(SMALL).with_seeds(Some(1), None).unwrap());
    let good = serde_json::to_value(&report).unwrap();
    assert!(is_scenario_report(&good.to_string()));
    assert!(!is_scenario_report("{\"config\": 1}") && !is_scenario_report("[1]"));
    let check = |value: &Value| verify_scenario(&value.to_string(), &mut |_, _| {});
    for (pointer, other) in [
        ("/scenario/seeds", json!([])),
        ("/scenario/seeds", json!((0..10_001).collect::<Vec<u32>>())),
        ("/scenario/runs", json!([])),
        ("/scenario/runs/0/name", json!("\n")),
        ("/scenario/runs/0/config/nodes", json!(1)),
        ("/scenario/runs/1/name", json!("ring")),
    ] {
        let mut copy = good.clone();
        *copy.pointer_mut(pointer).unwrap() = other;
        assert!(check(&copy).is_err(), "{pointer}");
    }
    let mut copy = good;
    copy["results"][0]["extra"] = json!(1);
    assert!(matches!(check(&copy), Err(ScenarioError::Parse(_))));
    let nested = "[".repeat(100_000);
    assert!(!is_scenario_report(&nested) && verify_scenario(&nested, &mut |_, _| {}).is_err());
}

/// Files that are wrong: the line that is named, and what the message must say.
const WRONG: &[(&str, usize, &[&str])] = &[
    ("", 1, &["`title` is missing"]),
    ("title = 3", 1, &["`title` must be text in quotes", "integer"]),
    ("title = \"t\"\nseeds = 2\nruns = 3", 3, &["`runs`", "did you mean `run`?"]),
    ("title = \"t\"", 1, &["`seeds` is missing", "seeds = 20"]),
    ("title = \"t\"\nseeds = 0", 2, &["1 to 10000"]),
    ("title = \"t\"\nseeds = [1, 2, 1]", 2, &["different"]),
    ("title = \"t\"\nseeds = [-1]", 2, &["from 0"]),
    ("title = \"t\"\nseeds = \"many\"", 2, &["`seeds`"]),
    ("title = \"t\"\nseeds = 2", 1, &["[[run]]"]),
    ("title = \"t\"\nseeds = 2\nrun = 4", 3, &["[[run]]"]),
    ("title = \"t\"\nseeds = 2\nrun = []", 3, &["[[run]]"]),
    ("title = \"t\"\nseeds = 2\n[[run]]\nnodes = 3", 3, &["needs a `name`"]),
    ("title = \"t\"\nseeds = 2\n[[run]]\nname = \" \"", 4, &["`name` must not be empty"]),
    ("title = \"t\"\nseeds = 2\n[[run]]\nname = \"a\\u0007\"", 4, &["control character"]),
    ("title = \"t\"\nseeds = 2\ndefaults = 1\n[[run]]\nname=\"a\"", 3, &["[defaults]"]),
    ("title = \"t\"\ntitle = \"t\"", 2, &["duplicate key"]),
    ("title = \"t\"\nseeds = = 2", 2, &[]),
    ("title = \"t\"\nseeds = 2\n[[run]]\nname = \"a\"\n[[run]]\nname = \"a\"", 5, &["two runs"]),
    ("title = \"t\"\nseeds = 2\n[[run]]\nname = \"a\"\nvary = 3", 5, &["`vary` must be a table"]),
];

/// Lines of a run, in the fifth line of a file, and what the message must say.
const WRONG_SETTINGS: &[(&str, &[&str])] = &[
    ("nodez = 3", &["`nodez` is not a setting", "did you mean `nodes`?"]),
    ("late-joiners = \"2@3\"", &["did you mean `late_joiners`?"]),
    ("nme = \"b\"", &["did you mean `name`?"]),
    ("seed = 3", &["seeds are set at the top for all runs"]),
    ("base_root = \"00\"", &["follows from the model"]),
    ("nodes = \"many\"", &["`nodes`", "whole number from 0 to 2^32 - 1", "such as 8"]),
    ("nodes = -3", &["`nodes`", "whole number"]),
    ("nodes = 2.5", &["`nodes`", "whole number"]),
    ("nodes = 1", &["`nodes`: must be 2 to 100000, not 1"]),
    ("loss = 7", &["`loss`: must be a probability"]),
    ("loss = nan", &["`loss`", "not a finite number"]),
    ("loss = \"half\"", &["`loss`", "expected a number", "such as 0.0"]),
    ("until_converged = \"yes\"", &["`until_converged`", "true or false"]),
    ("attest = 1", &["`attest`", "true or false"]),
    ("attack = \"sing-flip\"", &["`attack`", "did you mean `sign-flip`?"]),
    ("attack = [\"alie\", 3]", &["`attack`", "a string"]),
    ("attack = []", &["`attack`: needs at least one name"]),
    ("partition = 5", &["`partition`", "PARTS@FROM..UNTIL"]),
    ("partition = 1979-05-27", &["`partition`", "date"]),
    ("late_joiners = \"9@2\"", &["`late_joiners`", "honest nodes must be there"]),
    ("strategy = \"tiess\"", &["`strategy`", "did you mean `ties`?"]),
    ("parameters = { density = 0.3 }", &["`parameters`"]),
    ("parameters = 3", &["`parameters`", "a table"]),
    ("topology = \"rign\"", &["`topology`", "did you mean"]),
    ("topology = \"file:nowhere.edges\"", &["`topology`", "there is no file", "nowhere.edges"]),
    ("churn = \"file:nowhere\"", &["`churn`", "there is no file"]),
    ("model = \"digit\"", &["`model`", "there is no file", "did you mean `digits`?"]),
    ("bandwidth = \"1MB/s\"", &["`bandwidth`", "virtual time"]),
    ("vary.nodes = 3", &["`nodes` needs a list"]),
    ("vary.nodes = []", &["`nodes` needs a list"]),
    ("vary.nodes = [8, 1]", &["`nodes`", "2 to 100000"]),
    ("vary.nodes = [8, \"x\"]", &["`nodes`", "whole number"]),
    ("vary.nodes = [8, 8]", &["two runs have the name `a, nodes 8`"]),
    ("vary.nodez = [8]", &["`nodez` is not a setting"]),
    ("vary.seed = [8]", &["set at the top"]),
];

#[test]
fn what_is_wrong_is_named_with_its_line() {
    let cases = WRONG.iter().map(|(text, line, parts)| ((*text).to_owned(), *line, *parts));
    let settings = WRONG_SETTINGS.iter().map(|(setting, parts)| {
        let line = if setting.contains("called") { 3 } else { 5 };
        let text = format!("title = \"t\"\nseeds = 2\n[[run]]\nname = \"a\"\n{setting}\n");
        (text, line, *parts)
    });
    for (text, line, parts) in cases.chain(settings) {
        let error = parse(&text).err().unwrap_or_else(|| panic!("read: {text}")).to_string();
        // What is wrong with a whole run stands at its beginning.
        let line = if error.contains("two runs have the name `a, ") { 3 } else { line };
        let place = format!("folder/file.toml, line {line}: ");
        assert!(error.starts_with(&place), "{text}\n{error}");
        for part in parts {
            assert!(error.contains(part), "{text}\nno {part} in {error}");
        }
        assert!(error.len() < 600 && !error.contains('\n'), "{error}");
    }
}

/// A setting that is refused is named where it stands, be it the default of all runs.
#[test]
fn a_wrong_default_is_named_at_the_default() {
    let text = "title = \"t\"\nseeds = 2\n[defaults]\nloss = 2\n[[run]]\nname = \"a\"";
    assert!(parse(text).unwrap_err().to_string().contains("line 4: `loss`"));
}

#[test]
fn hostile_files_are_refused_in_bounded_time() {
    let head = "title = \"t\"\nseeds = 10000\n";
    let deep = format!("x = {}", "[".repeat(200_000));
    let tables = format!("{head}{}", "[[run]]\n".repeat(10_000));
    let axis = |key: &str| format!("vary.{key} = [{}]\n", "0.1,".repeat(200));
    let product = format!("{head}[[run]]\nname = \"a\"\n{}{}", axis("loss"), axis("crash"));
    let many: String = (0..1_100).map(|i| format!("[[run]]\nname = \"{i}\"\n")).collect();
    let pairs: String = (0..11).map(|i| format!("[[run]]\nname = \"{i}\"\n")).collect();
    let long = format!("{head}[[run]]\nname = \"{}\"", "n".repeat(500));
    for text in [deep, tables, product, format!("{head}{many}"), format!("{head}{pairs}"), long] {
        assert!(parse(&text).is_err(), "{}", &text[..60]);
    }
    let folder = tempfile::tempdir().unwrap();
    let open = |bytes: &[u8]| {
        let path = folder.path().join("hostile.toml");
        std::fs::write(&path, bytes).unwrap();
        Scenario::open(&path).unwrap_err().to_string()
    };
    assert!(open(&[0xff, 0xfe]).contains("UTF-16"));
    assert!(open(&[0xff, 0x61]).contains("UTF-8"));
    assert!(open(&vec![b'#'; (1 << 20) + 1]).contains("1 MiB"));
    assert!(Scenario::open(&folder.path().join("absent.toml")).is_err());
    assert!(Scenario::open(folder.path()).is_err());
}

proptest! {
    /// Whatever stands in a file, it is read or refused.
    #[test]
    fn no_text_brings_the_reader_down(
        text in "\\PC{0,200}",
        at in 0..400_usize,
        cut in 0..40_usize,
    ) {
        let _ = parse(&text);
        let mut damaged: Vec<char> = SMALL.chars().collect();
        let at = at.min(damaged.len());
        let end = (at + cut).min(damaged.len());
        damaged.splice(at..end, text.chars().take(12));
        let _ = parse(&damaged.into_iter().collect::<String>());
    }
}

#[test]
fn paths_begin_where_the_scenario_is() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("pair.edges"), "0 1\n1 2\n").unwrap();
    let path = folder.path().join("s.toml");
    let text = "title = \"t\"\nseeds = 1\n[[run]]\nname = \"a\"\nnodes = 3\n\
                model = \"synthetic:4\"\ntopology = \"file:pair.edges\"\n";
    std::fs::write(&path, text).unwrap();
    let scenario = Scenario::open(&path).unwrap();
    let expected = format!("file:{}", folder.path().join("pair.edges").display());
    assert_eq!(scenario.runs[0].config.topology.to_string(), expected);
    assert_eq!(made(&scenario).summaries[0].converged, 1);
}

#[test]
fn an_error_of_a_run_names_it() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("bad.edges"), "0 7\n").unwrap();
    let text = "title = \"t\"\nseeds = [4]\n[[run]]\nname = \"far\"\nnodes = 3\n\
                model = \"synthetic:4\"\ntopology = \"file:bad.edges\"\n";
    let scenario = Scenario::parse(text, &folder.path().join("s.toml")).unwrap();
    let error = run_scenario(&scenario, &mut |_| ControlFlow::Continue(())).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("run `far` with seed 4") && text.contains("node 7"), "{text}");
}
