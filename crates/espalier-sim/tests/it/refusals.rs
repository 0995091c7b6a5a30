//! Configurations that do not run say which flag is wrong and what would be right.

use crate::{refused, small};
use espalier_sim::{
    Attack, Config, Cut, Family, LateJoiners, MAX_NODES, Metrics, PartitionSpec, Report,
    RetractSpec, Share, Spread,
};

/// The start of the message and something that must stand in it.
fn check(config: Config, flag: &str, part: &str) {
    let problem = refused(&config);
    assert!(problem.starts_with(&format!("{flag}: ")), "{flag}: {problem}");
    assert!(problem.contains(part), "{part}: {problem}");
    // Elsewhere than on the command line there are fields.
    assert!(!problem[flag.len()..].contains("--"), "{problem}");
}

#[test]
fn what_does_not_go_with_the_clock_or_the_wire() {
    let wire = "counted".parse().unwrap();
    let latency = "constant:5ms".parse().unwrap();
    let bandwidth = "1MB/s".parse().ok();
    let exchange = "broadcast".parse().unwrap();
    check(Config { latency, ..small() }, "latency", "such as a periodic clock");
    check(Config { bandwidth, ..small() }, "bandwidth", "such as a periodic clock");
    check(Config { exchange, ..small() }, "exchange", "such as a periodic clock");
    let clock = "none".parse().unwrap();
    check(Config { exchange, clock, ..small() }, "exchange", "periodic or poisson");
    let schedule = "scheduled".parse().unwrap();
    check(Config { schedule, clock, ..small() }, "schedule", "needs rounds");
    check(Config { wire, attest: false, ..small() }, "attest", "auto or frames");
}

#[test]
fn numbers_out_of_range() {
    for nodes in [0, 1, MAX_NODES + 1] {
        check(Config { nodes, ..small() }, "nodes", "2 to 100000");
    }
    check(Config { rounds: 0, ..small() }, "rounds", "must be 1 to");
    for p in [-0.1, 1.5, f64::NAN, f64::INFINITY] {
        check(Config { loss: p, ..small() }, "loss", "from 0 to 1");
        check(Config { duplicate: p, ..small() }, "duplicate", "from 0 to 1");
        check(Config { reorder: p, ..small() }, "reorder", "from 0 to 1");
        check(Config { crash: p, ..small() }, "crash", "from 0 to 1");
    }
    check(Config { retrain: Some(0), ..small() }, "retrain", "at least 1");
}

#[test]
fn counts_that_do_not_fit_the_nodes() {
    for byzantine in [Share::Count(8), Share::Count(u32::MAX), Share::Percent(100.0)] {
        check(Config { byzantine, ..small() }, "byzantine", "nobody honest");
    }
    check(Config { attack: Vec::new(), ..small() }, "attack", "at least one");
    let late_joiners = Some("8@3".parse().unwrap());
    check(Config { late_joiners, ..small() }, "late_joiners", "8 honest");
    let partition = Some("9@2..4".parse().unwrap());
    check(Config { partition, ..small() }, "partition", "9 parts");
    let retract = vec!["8@3".parse().unwrap()];
    check(Config { retract, ..small() }, "retract", "0 to 7");
}

/// What no flag can say, but a program can.
#[test]
fn values_without_a_text_form() {
    let models = [
        Family::Synthetic(vec![]),
        Family::Synthetic(vec![0]),
        Family::Synthetic(vec![u64::MAX, 3]),
        Family::Path(String::new()),
    ];
    for model in models {
        check(Config { model, ..small() }, "model", "synthetic");
    }
    let late_joiners = Some(LateJoiners { count: 1, round: 0 });
    check(Config { late_joiners, ..small() }, "late_joiners", "COUNT@ROUND");
    for (parts, rounds) in [(0, 1..2), (2, 5..5), (2, 0..3)] {
        let partition = Some(PartitionSpec { cut: Cut::Split, parts, rounds });
        check(Config { partition, ..small() }, "partition", "FROM < UNTIL");
    }
    let retract = vec![RetractSpec { node: 0, round: 0 }];
    check(Config { retract, ..small() }, "retract", "NODE@ROUND");
    for percent in [-1.0, f64::NAN, 101.0] {
        let byzantine = Share::Percent(percent);
        check(Config { byzantine, ..small() }, "byzantine", "34%");
    }
    for spread in [Spread::Dirichlet(0.0), Spread::Dirichlet(f64::NAN), Spread::Clusters(0)] {
        check(Config { spread, ..small() }, "spread", "dirichlet:A");
    }
    check(Config { metrics: Metrics::Sample(0), ..small() }, "metrics", "sample:K");
}

#[test]
fn strategies_and_parameters() {
    let strategy = |name: &str| Config { strategy: name.into(), ..small() };
    check(strategy("tiess"), "strategy", "did you mean `ties`?");
    check(strategy("zzz"), "strategy", "weight-average, task-arithmetic, ties");
    let with = |key: &str, value: &str| {
        let parameters = [(key.to_owned(), value.to_owned())].into();
        Config { parameters, ..strategy("ties") }
    };
    check(with("densty", "0.3"), "parameters", "did you mean `density`?");
    check(with("density", "3"), "parameters", "above 0, at most 1");
}

#[test]
fn topologies_that_do_not_exist_with_so_many_nodes() {
    for (text, part) in [("torus", "9"), ("hypercube", "nearest"), ("regular:8", "regular:8")] {
        let config = Config { nodes: 7, topology: text.parse().unwrap(), ..small() };
        check(config, "topology", part);
    }
    let topology = "file:/nowhere/edges".parse().unwrap();
    check(Config { topology, ..small() }, "topology", "/nowhere/edges");
}

#[test]
fn misspelt_words_suggest_the_nearest() {
    fn problem<T: std::str::FromStr>(text: &str) -> String
    where
        T::Err: std::fmt::Display,
    {
        text.parse::<T>().map(drop).map_err(|error| error.to_string()).unwrap_err()
    }
    let cases = [
        (
            problem::<Attack>("sing-flip"),
            "is not an attack (did you mean `sign-flip`?); there are ",
        ),
        (problem::<Attack>("equivocate"), "(did you mean `equivocation`?); there are "),
        (problem::<Attack>("nan:3"), "`nan:3` is not nan, which takes no parameter"),
        (problem::<Attack>("scale:much"), "`scale:much` is not scale:K with a finite number"),
        (problem::<Attack>("scale:NaN"), "`scale:NaN` is not scale:K with a finite number"),
        (problem::<Spread>("dirchlet:1"), "(did you mean `dirichlet`?)"),
        (problem::<Spread>("clusters:1"), "clusters:K with K >= 2"),
        (problem::<Metrics>("simple:3"), "(did you mean `sample`?)"),
    ];
    for (problem, part) in cases {
        assert!(problem.contains(part), "{problem}");
    }
    assert!(!problem::<Attack>("zzz").contains("did you mean"));
}

#[test]
fn a_run_that_is_watched_can_be_stopped_and_checked() {
    use std::ops::ControlFlow;
    for until_converged in [false, true] {
        // Training in round 20 keeps the run from ending early, until it is cut off before that.
        let config = Config { retrain: Some(20), rounds: 20, until_converged, ..small() };
        let mut heard = Vec::new();
        let report: Report = espalier_sim::simulate(&config, &mut |progress| {
            heard.push(progress);
            if heard.len() > 12 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
        .unwrap();
        assert_eq!((report.rounds.len(), report.config.rounds), (13, 12));
        let check =
            espalier_sim::verify_report(&report.to_json(), &mut |_| ControlFlow::Continue(()));
        assert_eq!(check.unwrap(), []);
    }
}
