//! Counted replicas against replicas with frames, and against themselves.

use crate::config::{Config, Wire};
use crate::{Report, simulate};
use proptest::prelude::*;
use std::ops::ControlFlow;

fn run(config: &Config, wire: Wire) -> Report {
    let config = Config { wire, ..config.clone() };
    simulate(&config, &mut |_| ControlFlow::Continue(())).unwrap_or_else(|e| panic!("{e}"))
}

fn base(nodes: u32, seed: u64, topology: &str) -> Config {
    Config {
        nodes,
        rounds: 12,
        seed,
        topology: topology.parse().expect("a topology"),
        model: "synthetic:3x5".parse().expect("a family"),
        ..Config::default()
    }
}

/// What both kinds of run have in common.
fn facts(report: &Report) -> impl PartialEq + std::fmt::Debug + use<> {
    let rounds: Vec<_> =
        report.rounds.iter().map(|round| (round.distinct_states, round.sent_bytes)).collect();
    let summary = &report.summary;
    (
        rounds,
        report.events.clone(),
        (summary.converged, summary.rounds_to_converge, summary.exchanges),
        (summary.final_state_hash, summary.sent_bytes),
        summary.bytes_over_optimum.map(f64::to_bits),
    )
}

/// Where messages arrive, counted replicas do what those with frames do, to the byte.
#[test]
fn counting_is_what_frames_do() {
    let plain = |topology| base(13, 3, topology);
    let late = |config| Config { late_joiners: Some("3@4".parse().expect("late")), ..config };
    let split = |config, text: &str| Config { partition: text.parse().ok(), ..config };
    let configs = [
        plain("random"),
        plain("complete"),
        plain("ring"),
        Config { nodes: 12, order: "synchronous".parse().expect("x"), ..plain("torus") },
        Config { nodes: 16, schedule: "scheduled".parse().expect("x"), ..plain("hypercube") },
        late(plain("random")),
        split(plain("complete"), "2@2..6"),
        Config { churn: "poisson:0.1:0.4".parse().ok(), ..plain("complete") },
        Config {
            seed: 9,
            outage: vec!["2@3..6".parse().expect("an outage")],
            ..plain("regular:4")
        },
        Config { rounds: 40, until_converged: true, ..late(split(plain("star"), "3@1..5")) },
    ];
    for config in configs {
        let (frames, counted) = (run(&config, Wire::Frames), run(&config, Wire::Counted));
        assert_eq!(facts(&frames), facts(&counted), "{config:?}");
        assert!(frames.summary.converged, "{config:?}");
    }
}

/// Exchanges at once are what their messages do one by one, but for the log. A duplicate that never
/// comes turns the short cut off.
#[test]
fn at_once_is_message_by_message() {
    for seed in 0..20 {
        let config = Config { churn: "poisson:0.1:0.4".parse().ok(), ..base(17, seed, "random") };
        let slow = Config { duplicate: f64::MIN_POSITIVE, ..config.clone() };
        let (fast, slow) = (run(&config, Wire::Counted), run(&slow, Wire::Counted));
        assert_eq!(facts(&fast), facts(&slow), "seed {seed}");
        assert!(slow.summary.logged > fast.summary.logged, "seed {seed}: really by message");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever the links and the nodes do, everybody holds everything in the end, and a run can be
    /// repeated.
    #[test]
    fn faults_only_delay(
        seed: u64,
        (loss, duplicate, reorder) in (0.0..0.4, 0.0..0.3, 0.0..0.4),
        (crash, delay) in (0.0..0.05, 0_u32..3),
        timed: bool,
    ) {
        let faulty = Config {
            loss,
            duplicate,
            reorder,
            crash,
            delay,
            rounds: 150,
            until_converged: true,
            ..base(12, seed, "random")
        };
        let config = if timed {
            Config {
                clock: "poisson".parse().expect("a clock"),
                latency: "lognormal:100ms:0.5".parse().expect("a latency"),
                ..faulty
            }
        } else {
            faulty
        };
        let report = run(&config, Wire::Counted);
        prop_assert!(report.summary.converged, "{:?}", report.summary);
        prop_assert_eq!(report.summary, run(&config, Wire::Counted).summary);
    }
}

#[test]
fn what_needs_frames_is_refused_or_done_by_frames() {
    let many = Config { nodes: 2_000, ..base(2, 1, "random") };
    assert!(many.is_counted() && !base(1_024, 1, "random").is_counted());
    let liars = Config { byzantine: "1".parse().expect("a share"), ..many.clone() };
    let full = Config { metrics: "full".parse().expect("metrics"), ..many };
    for config in [liars, full] {
        assert!(!config.is_counted());
        let counted = Config { wire: Wire::Counted, ..config };
        let error = counted.check().expect_err("cannot be counted").to_string();
        assert!(error.contains("let the wire be auto or frames"), "{error}");
    }
}
