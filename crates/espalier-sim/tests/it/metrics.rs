//! What is measured: exact where it says so, and equal to the naive computation.

use crate::{run, small};
use espalier_sim::{Config, Metrics, Report};
use espalier_tensor::{Model, write_safetensors};

fn with(metrics: Metrics) -> Report {
    run(&Config { nodes: 14, metrics, loss: 0.2, rounds: 10, seed: 9, ..Config::default() })
}

#[test]
fn sampling_changes_only_what_is_per_node() {
    let full = with(Metrics::Full);
    assert_eq!(full.sampled_nodes.len(), 14);
    for metrics in [Metrics::Sample(4), Metrics::Off] {
        let part = with(metrics);
        assert_eq!(part.sampled_nodes.len() as u32, metrics.count(14));
        assert_eq!(part.summary.converged, full.summary.converged);
        assert_eq!(part.summary.rounds_to_converge, full.summary.rounds_to_converge);
        assert_eq!(part.summary.final_state_hash, full.summary.final_state_hash);
        assert_eq!(part.summary.sent_bytes, full.summary.sent_bytes);
        assert_eq!(part.audit_total, full.audit_total);
        let place = |name: &String| full.sampled_nodes.iter().position(|n| n == name).unwrap();
        for (a, b) in part.rounds.iter().zip(&full.rounds) {
            assert_eq!(a.distinct_states, b.distinct_states);
            assert_eq!(a.sent_bytes, b.sent_bytes);
            for (i, name) in part.sampled_nodes.iter().enumerate() {
                assert_eq!(a.state_hash[i], b.state_hash[place(name)]);
                assert_eq!(a.wire_bytes[i], b.wire_bytes[place(name)]);
                assert_eq!(a.clock[i], b.clock[place(name)]);
                assert_eq!(a.task_accuracy[i], b.task_accuracy[place(name)]);
            }
        }
        for (a, b) in part.audit.iter().zip(&full.audit) {
            assert_eq!((a.hash_after, a.ops, a.outcome), (b.hash_after, b.ops, b.outcome));
        }
    }
}

#[test]
fn metrics_off_writes_no_figures_per_node() {
    let report = with(Metrics::Off);
    let round = &report.rounds[5];
    assert!(round.state_hash.is_empty() && round.trust.is_empty() && round.clock.is_empty());
    assert!(report.round_trip.is_empty());
    assert_eq!(round.mean_pairwise_l2, None);
    assert!(report.audit.iter().all(|entry| entry.change_norm.is_none()));
}

/// Seven models in files, so that the test knows what every node holds before any exchange.
#[test]
fn distances_are_those_of_the_models() {
    let folder = tempfile::tempdir().unwrap();
    let values = |i: usize, at: usize| ((i * 37 + at * 11) % 23) as f32 / 4.0 - (i as f32);
    let models: Vec<Vec<f32>> = (0..7).map(|i| (0..30).map(|at| values(i, at)).collect()).collect();
    for (i, model) in models.iter().enumerate() {
        let path = folder.path().join(format!("{i}.safetensors"));
        let model = Model::from_f32(&[("a", &[5, 5], &model[..25]), ("b", &[5], &model[25..])]);
        write_safetensors(&model.unwrap(), &Default::default(), path, false).unwrap();
    }
    let l2 = |x: &[f32], y: &[f32]| {
        let square = |(x, y): (&f32, &f32)| f64::from(x - y) * f64::from(x - y);
        x.iter().zip(y).map(square).sum::<f64>().sqrt()
    };
    let mut naive = Vec::new();
    for (i, x) in models.iter().enumerate() {
        naive.extend(models[..i].iter().map(|y| l2(x, y)));
    }
    let naive = naive.iter().sum::<f64>() / naive.len() as f64;
    for strategy in ["weight-average", "median", "trimmed-mean"] {
        let report = run(&Config {
            nodes: 7,
            model: folder.path().to_str().unwrap().parse().unwrap(),
            strategy: strategy.into(),
            ..small()
        });
        let measured = report.rounds[0].mean_pairwise_l2.unwrap();
        assert!((measured - naive).abs() < 1e-6 * naive, "{strategy}: {measured} and {naive}");
        assert_eq!(report.rounds.last().unwrap().mean_pairwise_l2, Some(0.0));
        // The first exchange of the run: both had their own, and now have the mean of two.
        if strategy == "weight-average" {
            let entry = &report.audit[0];
            let node = |name: &String| name.trim_start_matches("node_").parse::<usize>().unwrap();
            let half = l2(&models[node(&entry.from)], &models[node(&entry.to)]) / 2.0;
            let norm = entry.change_norm.unwrap();
            assert!((norm - half).abs() < 1e-6 * half, "{norm} and {half}");
        }
    }
}

#[test]
fn an_entry_changes_exactly_where_hashes_or_operations_do() {
    let report = with(Metrics::Full);
    for entry in &report.audit {
        assert_eq!(entry.changed, entry.ops > 0);
        assert!(entry.changed || entry.hash_before == entry.hash_after);
        let norm = entry.change_norm.unwrap();
        assert!(norm >= 0.0 && (entry.changed || norm == 0.0));
    }
    let exchanges = report.summary.exchanges;
    assert_eq!(exchanges * 2, report.audit_total);
}

#[test]
fn the_trace_ends_in_the_final_state() {
    let report = with(Metrics::Full);
    let end = report.trace.last().unwrap();
    assert_eq!(end.state_hash, report.summary.final_state_hash);
    assert!(report.trace.is_sorted_by_key(|op| op.lamport));
    let last = report.rounds.last().unwrap();
    assert!(last.bound_root.contains(&end.bound_root));
}
