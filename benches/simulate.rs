//! Whole runs: the classic demonstration (weight average of 16 × 16 tensors, 20 rounds).

use criterion::{Criterion, criterion_group, criterion_main};
use espalier::sim::{Config, Metrics, Report, simulate};
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

criterion_group!(benches, demonstration);
criterion_main!(benches);
