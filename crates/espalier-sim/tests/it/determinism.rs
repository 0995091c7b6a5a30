//! Same configuration, same bytes.

use crate::{run, small};
use espalier_sim::{Config, Metrics, Share};

/// Runs that touch every random draw there is.
fn configs() -> Vec<Config> {
    let everything = Config {
        rounds: 14,
        loss: 0.2,
        duplicate: 0.2,
        reorder: 0.4,
        delay: 2,
        crash: 0.1,
        late_joiners: Some("1@3".parse().unwrap()),
        partition: Some("2@4..7".parse().unwrap()),
        retract: vec!["1@5".parse().unwrap()],
        byzantine: Share::Percent(25.0),
        attack: ["gaussian", "equivocation", "nan"].map(|a| a.parse().unwrap()).to_vec(),
        spread: "dirichlet:0.5".parse().unwrap(),
        retrain: Some(6),
        ..Config::default()
    };
    let synchronous = Config {
        order: "synchronous".parse().unwrap(),
        topology: "watts-strogatz:4:0.3".parse().unwrap(),
        model: "synthetic:5000x3".parse().unwrap(),
        strategy: "ties".into(),
        ..everything.clone()
    };
    let dare = Config {
        nodes: 12,
        strategy: "dare-linear".into(),
        metrics: Metrics::Sample(5),
        ..small()
    };
    vec![Config::default(), everything, synchronous, dare]
}

fn on_threads(threads: usize, config: &Config) -> String {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    pool.install(|| run(config).to_json())
}

#[test]
fn the_number_of_threads_does_not_show() {
    for config in configs() {
        assert!(on_threads(1, &config) == on_threads(2, &config), "{config:?}");
    }
}

#[test]
fn another_seed_is_another_run() {
    for config in configs() {
        let other = Config { seed: config.seed + 1, ..config.clone() };
        let (a, b) = (run(&config), run(&other));
        assert_ne!(a.policy_hash, b.policy_hash);
        assert_ne!(a.nodes[0].id, b.nodes[0].id);
        assert_ne!(a.summary.final_state_hash, b.summary.final_state_hash);
    }
}

#[test]
fn a_report_reads_back_as_it_was_written() {
    for config in configs() {
        let report = run(&config);
        let read = espalier_sim::Report::from_json(&report.to_json()).unwrap();
        assert!(read == report);
        assert!(read.to_json() == report.to_json());
    }
}
