//! Whole runs: the classic demonstration (weight average of 16 × 16 tensors, 20 rounds), and
//! counted replicas, with the event log.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use espalier::sim::{Config, Metrics, Report, Wire, simulate};
use std::hint::black_box;
use std::ops::ControlFlow;

fn run(nodes: u32, metrics: Metrics) -> Report {
    let model = "synthetic:16x16".parse().expect("a family");
    let config = Config { nodes, model, metrics, ..Config::default() };
    simulate(&config, &mut |_| ControlFlow::Continue(())).expect("runs")
}

fn demonstration(c: &mut Criterion) {
    let mut group = c.benchmark_group("simulate 20 rounds of 16 × 16");
    group.sample_size(10);
    for nodes in [8, 32, 64, 128] {
        let first = run(nodes, Metrics::Full);
        assert!(first.summary.converged);
        assert_eq!(first, run(nodes, Metrics::Full), "same seed, same report");
        group.bench_function(format!("{nodes} nodes, all figures"), |bench| {
            bench.iter(|| black_box(run(nodes, Metrics::Full)));
        });
    }
    group.bench_function("128 nodes, no per-node figures", |bench| {
        bench.iter(|| black_box(run(128, Metrics::Off)));
    });
    group.finish();
}

/// A run of counted replicas on a complete graph.
fn counted(config: Config) -> Report {
    let config = Config {
        topology: "complete".parse().expect("a topology"),
        model: "synthetic:2".parse().expect("a family"),
        wire: Wire::Counted,
        ..config
    };
    simulate(&config, &mut |_| ControlFlow::Continue(())).expect("runs")
}

/// Until all hold everything, set-up and one signature a node included.
fn convergence(c: &mut Criterion) {
    let mut group = c.benchmark_group("counted replicas until all hold everything");
    group.sample_size(10);
    for nodes in [1_000, 10_000] {
        let config = Config { nodes, rounds: 60, until_converged: true, ..Config::default() };
        assert!(counted(config.clone()).summary.converged);
        group.bench_function(format!("{nodes} nodes"), |bench| {
            bench.iter(|| black_box(counted(config.clone())));
        });
    }
    group.finish();
}

/// Exchanges of 1,000 nodes in 2,000 rounds, under faults of several kinds.
fn exchanges(c: &mut Criterion) {
    let perfect = Config { nodes: 1_000, rounds: 2_000, ..Config::default() };
    let lossy = Config { loss: 0.01, ..perfect.clone() };
    let churn = Config { churn: "poisson:0.01:0.1".parse().ok(), ..lossy.clone() };
    let timed = Config {
        clock: "poisson".parse().expect("a clock"),
        latency: "lognormal:100ms:0.5".parse().expect("a latency"),
        ..churn.clone()
    };
    let mut group = c.benchmark_group("exchanges of 1,000 counted replicas");
    group.sample_size(10);
    for (name, config) in [
        ("perfect links", perfect),
        ("loss", lossy),
        ("loss and churn", churn),
        ("loss, churn, delays in virtual time", timed),
    ] {
        let exchanges = counted(config.clone()).summary.exchanges;
        group.throughput(Throughput::Elements(exchanges));
        group.bench_function(name, |bench| {
            bench.iter(|| black_box(counted(config.clone())));
        });
    }
    group.finish();
}

criterion_group!(benches, demonstration, convergence, exchanges);
criterion_main!(benches);
