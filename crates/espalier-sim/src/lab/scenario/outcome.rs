//! What one run of a scenario leaves behind: its figures and its curves, without the report.

use crate::report::{Report, Round};
use espalier_identity::Digest;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// One run with one seed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunResult {
    /// Name of the run in the scenario.
    pub run: String,
    /// The seed.
    pub seed: u64,
    /// Rounds made.
    pub rounds: u32,
    /// The first round from which the honest active nodes held one state to the end; null if they
    /// did not end with one.
    pub rounds_to_converge: Option<u32>,
    /// Bytes sent in all rounds.
    pub sent_bytes: u64,
    /// Bytes sent over the least possible, as in a report; at least 1.
    pub bytes_over_optimum: Option<f64>,
    /// Accuracy of the model merged at the end, where the family has a test part.
    pub final_accuracy: Option<f64>,
    /// Different states of the honest active nodes at the end.
    pub distinct_states: u32,
    /// The number of nodes that lied.
    pub liars: u32,
    /// The number of nodes the merge at the end leaves out; null if that was not computed, or if
    /// distances could not tell and evidence convicts nobody.
    pub isolated: Option<u32>,
    /// How many of them are honest.
    pub honest_isolated: Option<u32>,
    /// Share of the liars that are isolated; null without liars.
    pub recall: Option<f64>,
    /// Share of the isolated that lie; null without liars, or if nobody is isolated.
    pub precision: Option<f64>,
    /// The state hash that most honest active nodes end with.
    pub final_state_hash: Digest,
    /// Root of the model merged from it; null if there is none, or if it was not computed.
    pub final_model_hash: Option<Digest>,
    /// Why there is no merged model; null if there is one, or if it was not computed.
    #[serde(default)]
    pub no_model: Option<String>,
    /// Why distances could not tell whom to isolate; null if they could, or if nobody looked.
    #[serde(default)]
    pub not_judged: Option<String>,
    /// What a reader should know about the models that nodes bring and about the merged one, and
    /// what kept nodes from contributing.
    #[serde(default)]
    pub notes: Vec<String>,
    /// Figures after each round, round 0 first.
    pub curves: RunCurves,
}

/// Figures of one run after each round.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunCurves {
    /// Mean L2 distance between the merged models of honest active nodes.
    pub mean_pairwise_l2: Vec<Option<f64>>,
    /// Mean accuracy of their merged models on the common test part.
    pub accuracy: Vec<Option<f64>>,
    /// The number of different states they hold.
    pub distinct_states: Vec<u32>,
}

impl RunResult {
    /// Whether the honest active nodes ended with one state.
    #[must_use]
    pub fn converged(&self) -> bool {
        self.rounds_to_converge.is_some()
    }

    pub(super) fn of(run: &str, report: &Report) -> Self {
        let liars: BTreeSet<&str> =
            report.nodes.iter().filter(|n| n.byzantine).map(|n| n.name.as_str()).collect();
        let summary = &report.summary;
        let isolated = summary.isolated.as_deref();
        let isolated = isolated.filter(|names| summary.not_judged.is_none() || !names.is_empty());
        let wrong = |names: &[String]| {
            names.iter().filter(|name| !liars.contains(name.as_str())).count() as u32
        };
        let honest: Vec<bool> =
            report.sampled_nodes.iter().map(|name| !liars.contains(name.as_str())).collect();
        let rounds = &report.rounds;
        Self {
            run: run.to_owned(),
            seed: report.seed,
            rounds: rounds.len().saturating_sub(1) as u32,
            rounds_to_converge: summary.rounds_to_converge,
            sent_bytes: summary.sent_bytes,
            bytes_over_optimum: summary.bytes_over_optimum,
            final_accuracy: summary.final_accuracy,
            distinct_states: rounds.last().map_or(0, |round| round.distinct_states),
            liars: liars.len() as u32,
            isolated: isolated.map(|names| names.len() as u32),
            honest_isolated: isolated.map(wrong),
            recall: summary.detection.map(|detection| detection.recall),
            precision: summary.detection.and_then(|detection| detection.precision),
            final_state_hash: summary.final_state_hash,
            final_model_hash: summary.final_model_hash,
            no_model: summary.no_model.clone(),
            not_judged: summary.not_judged.clone(),
            notes: report.notes(),
            curves: RunCurves {
                mean_pairwise_l2: rounds.iter().map(distance).collect(),
                accuracy: rounds.iter().map(|round| accuracy(round, &honest)).collect(),
                distinct_states: rounds.iter().map(|round| round.distinct_states).collect(),
            },
        }
    }
}

/// The distance, if it has a JSON form.
fn distance(round: &Round) -> Option<f64> {
    round.mean_pairwise_l2.filter(|l2| l2.is_finite())
}

/// The mean over the sampled honest active nodes that have a model to judge.
fn accuracy(round: &Round, honest: &[bool]) -> Option<f64> {
    let nodes = round.task_accuracy.iter().zip(&round.active).zip(honest);
    let judged: Vec<f64> = nodes
        .filter_map(|((value, active), honest)| value.filter(|_| *active && *honest))
        .collect();
    let sum = judged.iter().fold(0.0, |sum, value| sum + value);
    (!judged.is_empty()).then(|| sum / judged.len() as f64)
}
