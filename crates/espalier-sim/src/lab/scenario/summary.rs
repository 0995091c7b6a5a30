//! A run of a scenario over all its seeds.

use super::outcome::RunResult;
use crate::lab::estimate::{Estimator, Interval};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A figure of one run; `None` if it has none.
type Look = fn(&RunResult) -> Option<f64>;

/// The figures that are averaged over seeds, by their names in the files.
pub(super) const FIGURES: [(&str, Look); 9] = [
    ("rounds_to_converge", |result| result.rounds_to_converge.map(f64::from)),
    ("sent_bytes", |result| Some(result.sent_bytes as f64)),
    // Before everything has reached everybody the ratio says nothing.
    ("bytes_over_optimum", |result| result.bytes_over_optimum.filter(|_| result.converged())),
    ("final_accuracy", |result| result.final_accuracy),
    ("distinct_states", |result| Some(f64::from(result.distinct_states))),
    ("isolated", |result| result.isolated.map(f64::from)),
    ("honest_isolated", |result| result.honest_isolated.map(f64::from)),
    ("recall", |result| result.recall),
    ("precision", |result| result.precision),
];

/// One run over all seeds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunSummary {
    /// Name of the run.
    pub run: String,
    /// The number of seeds.
    pub seeds: u32,
    /// With how many of them it converged. `rounds_to_converge` and `bytes_over_optimum` are over
    /// these alone.
    pub converged: u32,
    /// With how many of them there was no merged model at the end.
    #[serde(default)]
    pub without_model: u32,
    /// The figures of a [`RunResult`], by name; null where no seed has one.
    pub figures: BTreeMap<String, Option<Interval>>,
    /// The curves.
    pub curves: SummaryCurves,
}

/// Curves over all seeds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SummaryCurves {
    /// The curve of the mean L2 distance between merged models.
    pub mean_pairwise_l2: Curve,
    /// The curve of the accuracy of merged models.
    pub accuracy: Curve,
    /// The curve of the number of different states.
    pub distinct_states: Curve,
}

/// A figure after each round, round 0 first, over all seeds. A run that ended before others goes
/// on with its last value: nothing was still to happen.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Curve {
    /// The number of seeds that have the figure.
    pub n: Vec<u32>,
    /// Their mean.
    pub mean: Vec<Option<f64>>,
    /// Lower end of the 95 % confidence interval.
    pub low: Vec<Option<f64>>,
    /// Upper end.
    pub high: Vec<Option<f64>>,
}

impl Curve {
    /// What `at` sees of each of `count` runs after each round; null where no seed has a value.
    fn new(runs: &[&RunResult], at: impl Fn(&RunResult, usize) -> Option<f64>) -> Self {
        let rounds = runs.iter().map(|result| result.rounds).max().unwrap_or(0);
        let mut curve = Self::default();
        let mut estimator = Estimator::default();
        for round in 0..=rounds {
            let value = |result: &&RunResult| at(result, round.min(result.rounds) as usize);
            let found = estimator.of(runs.iter().map(value));
            curve.n.push(found.map_or(0, |found| found.n));
            curve.mean.push(found.map(|found| found.mean));
            curve.low.push(found.and_then(|found| found.low));
            curve.high.push(found.and_then(|found| found.high));
        }
        curve
    }
}

impl RunSummary {
    /// Summarises the results of one run, in the order of its seeds.
    pub(super) fn of(run: &str, results: &[&RunResult]) -> Self {
        let mut estimator = Estimator::default();
        let mut figure = |look: Look| estimator.of(results.iter().map(|result| look(result)));
        let flat = |values: &[Option<f64>], at: usize| values.get(at).copied().flatten();
        Self {
            run: run.to_owned(),
            seeds: results.len() as u32,
            converged: results.iter().filter(|result| result.converged()).count() as u32,
            without_model: results.iter().filter(|r| r.no_model.is_some()).count() as u32,
            figures: FIGURES
                .iter()
                .map(|(name, look)| ((*name).to_owned(), figure(*look)))
                .collect(),
            curves: SummaryCurves {
                mean_pairwise_l2: Curve::new(results, |r, at| flat(&r.curves.mean_pairwise_l2, at)),
                accuracy: Curve::new(results, |r, at| flat(&r.curves.accuracy, at)),
                distinct_states: Curve::new(results, |r, at| {
                    r.curves.distinct_states.get(at).copied().map(f64::from)
                }),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::scenario::outcome::RunCurves;
    use espalier_identity::Digest;

    /// A run that was never made; its L2 after round i is `l2[i]`.
    fn result(l2: &[f64], converged: Option<u32>) -> RunResult {
        RunResult {
            run: "a".into(),
            seed: 1,
            rounds: l2.len() as u32 - 1,
            rounds_to_converge: converged,
            sent_bytes: 10,
            bytes_over_optimum: Some(2.0),
            final_accuracy: None,
            distinct_states: 1,
            liars: 0,
            isolated: Some(0),
            honest_isolated: Some(0),
            recall: None,
            precision: None,
            final_state_hash: Digest::ZERO,
            final_model_hash: None,
            no_model: None,
            not_judged: None,
            notes: Vec::new(),
            curves: RunCurves {
                mean_pairwise_l2: l2.iter().copied().map(Some).collect(),
                accuracy: vec![None; l2.len()],
                distinct_states: vec![1; l2.len()],
            },
        }
    }

    #[test]
    fn runs_that_end_early_keep_their_last_value() {
        let (short, long) = (result(&[4.0, 0.0], Some(1)), result(&[2.0, 1.0, 1.0, 0.5], Some(3)));
        let curve = RunSummary::of("a", &[&short, &long]).curves.mean_pairwise_l2;
        assert_eq!(curve.mean, [Some(3.0), Some(0.5), Some(0.5), Some(0.25)]);
        assert_eq!(curve.n, [2; 4]);
        assert_eq!(RunSummary::of("a", &[&short]).curves.accuracy.mean, [None, None]);
    }

    #[test]
    fn what_did_not_converge_is_counted_and_not_averaged() {
        let results = [result(&[0.0], Some(3)), result(&[1.0], None), result(&[0.0], Some(5))];
        let summary = RunSummary::of("a", &results.iter().collect::<Vec<_>>());
        assert_eq!((summary.seeds, summary.converged), (3, 2));
        let of = |name| summary.figures[name].map(|figure| (figure.n, figure.mean));
        assert_eq!(of("rounds_to_converge"), Some((2, 4.0)));
        assert_eq!(of("bytes_over_optimum"), Some((2, 2.0)));
        assert_eq!(of("sent_bytes"), Some((3, 10.0)));
        assert_eq!(of("recall"), None);
    }
}
