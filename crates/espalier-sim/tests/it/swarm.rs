//! The swarm: runs drawn from seeds pass, the same on any number of threads, and what was found
//! once
//! stays mended.

use espalier_sim::{Config, Coverage, Regression, Violation, judge, run_swarm, swarm_config};
use std::ops::ControlFlow;
use std::path::PathBuf;

#[test]
fn drawn_runs_pass_and_things_really_happen_in_them() {
    let tally = run_swarm(1..=128, None, &mut |_| ControlFlow::Continue(()));
    assert_eq!(tally.failures, []);
    let Coverage {
        seeds,
        rounds,
        events,
        messages,
        lost,
        crashes,
        departures,
        cuts,
        retractions,
        attacked,
        convictions,
        operations,
        forks,
        slowest,
    } = tally.coverage;
    assert_eq!(seeds, 128);
    assert!((1..100).contains(&slowest), "{slowest} %");
    let happened = [rounds, events, messages, lost, crashes, departures, cuts, retractions];
    assert!(happened.iter().all(|count| *count >= 32), "{:?}", tally.coverage);
    assert!([attacked, convictions, operations, forks].iter().all(|count| *count >= 32));
}

#[test]
fn one_configuration_is_one_run_and_one_verdict() {
    let single = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread");
    let many = rayon::ThreadPoolBuilder::new().num_threads(5).build().expect("five threads");
    for seed in 1..=12 {
        let config = swarm_config(seed);
        let (a, b) = (single.install(|| judge(&config)), many.install(|| judge(&config)));
        assert_eq!(a, b, "seed {seed}");
    }
    let all = |pool: &rayon::ThreadPool| {
        pool.install(|| run_swarm(50..120, None, &mut |_| ControlFlow::Continue(())))
    };
    assert_eq!(all(&single), all(&many));
}

/// A watcher that has seen enough ends a campaign between two batches.
#[test]
fn a_campaign_can_be_stopped_and_can_have_one_configuration() {
    let fixed = Config { nodes: 3, rounds: 2, ..swarm_config(1) };
    let fixed = Config { outage: Vec::new(), retract: Vec::new(), partition: None, ..fixed };
    let tally = run_swarm(1.., Some(&fixed), &mut |_| ControlFlow::Break(()));
    assert_eq!(tally.coverage.seeds, 64);
}

/// What cannot run is a violation too: nothing that was drawn is passed over.
#[test]
fn a_configuration_that_cannot_run_is_a_violation() {
    let judged = judge(&Config { nodes: 1, ..Config::default() });
    let violation = judged.violation.expect("one node is no federation");
    assert_eq!(violation.checker, "runs");
    assert!(violation.problem.contains("nodes"), "{violation}");
}

fn regressions() -> Vec<(PathBuf, Regression)> {
    let folder = espalier_testkit::fixture_path("regressions");
    let list = std::fs::read_dir(folder).expect("the folder of what was found");
    let mut files: Vec<PathBuf> = list.map(|entry| entry.expect("a file").path()).collect();
    files.sort();
    let read = |path: PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
        let path = espalier_testkit::fixture_path(&format!("regressions/{name}"));
        let text = std::fs::read_to_string(&path).expect("text");
        let regression = Regression::from_json(&text).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(regression.to_json(), text, "{name} is not as it would be written");
        (path, regression)
    };
    files.into_iter().map(read).collect()
}

#[test]
fn fixtures_of_what_was_found_once_pass_now() {
    let all = regressions();
    assert!(!all.is_empty());
    for (path, regression) in all {
        let judged = regression.run();
        assert_eq!(judged.violation, None, "{}", path.display());
    }
}

#[test]
fn a_regression_survives_its_file() {
    let seen = Violation { checker: "trust".into(), round: 3, problem: "seen".into() };
    let regression = Regression { seed: 17, seen, config: swarm_config(17) };
    assert_eq!(regression.file_name(), "trust-17.json");
    let read = Regression::from_json(&regression.to_json()).expect("reads");
    assert_eq!(read, regression);
    assert!(Regression::from_json("{\"seed\": 1}").is_err());
}
