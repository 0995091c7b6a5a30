//! Virtual time: links with latency and bandwidth, clocks, churn, outages and cuts of every kind.

use crate::{assert_nobody_honest_convicted, assert_one_model, last, run, small};
use espalier_sim::{Clock, Config, EventKind, Report, Share};
use espalier_topology::{Topology, assign_parts};

fn timed(clock: Clock) -> Config {
    Config {
        clock,
        rounds: 60,
        latency: "lognormal:80ms:0.6".parse().unwrap(),
        bandwidth: Some("1MB/s".parse().unwrap()),
        ..small()
    }
}

#[test]
fn every_mix_of_faults_ends_equal_by_every_clock() {
    let faults = |base: Config| {
        vec![
            base.clone(),
            Config { loss: 0.3, duplicate: 0.2, reorder: 0.3, ..base.clone() },
            Config { crash: 0.05, delay: 2, rounds: 90, ..base.clone() },
            Config { outage: vec!["0@2..9".parse().unwrap()], ..base.clone() },
            Config { partition: "one-way:2@1..9".parse().ok(), ..base.clone() },
            Config { partition: "bridge:3@2..12".parse().ok(), loss: 0.1, ..base.clone() },
            Config {
                late_joiners: "2@5".parse().ok(),
                retract: vec!["1@7".parse().unwrap()],
                ..base
            },
        ]
    };
    for clock in [Clock::Periodic, Clock::Poisson] {
        for (which, config) in faults(timed(clock)).into_iter().enumerate() {
            let report = run(&config);
            let what = format!("{clock}, mix {which}");
            assert_one_model(&report, &what);
            assert_nobody_honest_convicted(&report, &what);
        }
    }
}

#[test]
fn liars_are_convicted_in_virtual_time_too() {
    let config = Config {
        byzantine: Share::Count(2),
        attack: vec!["equivocation".parse().unwrap(), "retract-others".parse().unwrap()],
        loss: 0.1,
        ..timed(Clock::Poisson)
    };
    let report = run(&config);
    assert_one_model(&report, "liars");
    assert_nobody_honest_convicted(&report, "liars");
    assert_eq!(report.summary.detection.unwrap().recall, 1.0);
}

/// Without a clock nodes pass on what they learn, and fall silent when nobody has news.
#[test]
fn without_a_clock_news_spreads_by_itself_and_ends() {
    let config = Config {
        topology: Topology::Complete,
        latency: "none".parse().unwrap(),
        ..timed(Clock::None)
    };
    let report = run(&config);
    assert_one_model(&report, "no clock");
    let exchanged = |round: u32| report.audit.iter().filter(|entry| entry.round == round).count();
    assert!(exchanged(1) > 8);
    assert!((2..=60).all(|round| exchanged(round) == 0), "they fell silent");
    // A late joiner is news.
    let late = run(&Config { late_joiners: "1@9".parse().ok(), ..config });
    assert_one_model(&late, "no clock, a late joiner");
    assert!(late.audit.iter().any(|entry| entry.round == 9));
}

/// A message is in flight as long as its link takes, so nothing can be known earlier.
#[test]
fn nothing_arrives_before_its_time() {
    let config = Config {
        latency: "constant:700ms".parse().unwrap(),
        bandwidth: None,
        rounds: 8,
        ..timed(Clock::Periodic)
    };
    let slow = run(&config);
    // Hello, Differs and a Delta with small tensors inside take 2.1 s.
    for round in &slow.rounds[..3] {
        assert_eq!(round.distinct_states, 8, "round {}", round.round);
    }
    assert!(slow.rounds[5].distinct_states < 8 || slow.rounds[6].distinct_states < 8);
    let report = run(&Config { bandwidth: "100B/s".parse().ok(), ..config.clone() });
    assert_eq!(last(&report).distinct_states, 8, "100 bytes per second carry nothing in 8 s");
}

#[test]
fn a_one_way_cut_lets_news_pass_in_one_direction() {
    let config = Config {
        partition: "one-way:2@1..30".parse().ok(),
        rounds: 29,
        exchange: espalier_sim::Exchange::FullState,
        topology: Topology::Complete,
        ..small()
    };
    let report = run(&config);
    let part = assign_parts(8, 2, config.seed);
    for (i, clock) in last(&report).clock.iter().enumerate() {
        for (j, part_of_author) in part.iter().enumerate() {
            let seen = clock.contains_key(&format!("node_{j}"));
            assert_eq!(seen, *part_of_author <= part[i], "node_{i} and node_{j}");
        }
    }
}

#[test]
fn over_a_bridge_everything_gets_everywhere() {
    let config = Config {
        partition: "bridge:2@1..40".parse().ok(),
        rounds: 39,
        topology: Topology::Complete,
        ..small()
    };
    assert_one_model(&run(&config), "bridge");
}

fn events(report: &Report, kind: EventKind) -> Vec<(u32, &str)> {
    let events = report.events.iter().filter(|event| event.kind == kind);
    events.flat_map(|event| event.nodes.iter().map(|n| (event.round, n.as_str()))).collect()
}

#[test]
fn a_trace_says_who_comes_and_goes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trace.txt");
    std::fs::write(&path, "3 0 leave\n6 0 join\n4 1 crash\n7 1 restart\n5 7 join\n").unwrap();
    let churn = format!("file:{}", path.display()).parse().ok();
    for clock in [Clock::Rounds, Clock::Periodic] {
        let report = run(&Config { clock, churn: churn.clone(), rounds: 30, ..small() });
        assert_one_model(&report, "trace");
        assert_eq!(events(&report, EventKind::Leave), [(3, "node_0")]);
        assert_eq!(events(&report, EventKind::Crash), [(4, "node_1")]);
        assert_eq!(events(&report, EventKind::Restart), [(7, "node_1")]);
        assert_eq!(events(&report, EventKind::Join), [(5, "node_7"), (6, "node_0")]);
        let there = |node: usize| -> Vec<u32> {
            let rounds = report.rounds.iter().filter(|round| round.active[node]);
            rounds.map(|round| round.round).take_while(|round| *round < 10).collect()
        };
        assert_eq!(there(0), [0, 1, 2, 6, 7, 8, 9], "{clock}");
        assert_eq!(there(1), [0, 1, 2, 3, 7, 8, 9], "{clock}");
        assert_eq!(there(7), [5, 6, 7, 8, 9], "{clock}");
    }
}

#[test]
fn under_churn_those_who_are_there_agree_once_it_is_over() {
    for seed in 1..6 {
        let churn = "poisson:0.1:0.5".parse().ok();
        let config = Config { churn, seed, rounds: 80, nodes: 12, ..timed(Clock::Periodic) };
        let report = run(&config);
        assert!(events(&report, EventKind::Leave).len() > 20, "seed {seed}");
        assert!(events(&report, EventKind::Join).len() > 20, "seed {seed}");
        assert_nobody_honest_convicted(&report, "churn");
        // Nothing is lost by leaving, so everything gets everywhere in the end.
        assert_one_model(&report, "churn");
    }
}
