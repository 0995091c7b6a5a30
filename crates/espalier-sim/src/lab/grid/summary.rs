//! A grid in a few lines: groups of cells that differ in attack and seed only.

use super::{CellResult, Grid};
use crate::config::{Share, Spread};
use crate::lab::estimate::Frequency;
use espalier_topology::Topology;
use serde::Serialize;
use std::collections::BTreeMap;

/// What the cells of a group share.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GroupKey {
    /// The number of nodes.
    pub nodes: u32,
    /// How the data of the nodes differ.
    pub spread: Spread,
    /// The topology of the network.
    pub topology: Topology,
    /// The share of nodes that lie.
    pub share: Share,
}

/// The cells of a group whose attack is on the model. Errors of one attack are averaged over the
/// seeds first; `mean` and `worst` are then over the attacks.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GroupSummary {
    /// The group of cells.
    pub key: GroupKey,
    /// The number of nodes that lied.
    pub liars: u32,
    /// The number of attacks in the group.
    pub attacks: usize,
    /// Mean error over the attacks.
    pub mean: f64,
    /// Greatest error, and the attack.
    pub worst: (f64, String),
    /// The rule of least mean error, told f.
    pub rule_mean: Option<(f64, String)>,
    /// The rule of least greatest error, told f.
    pub rule_worst: Option<(f64, String)>,
    /// What no rule gets below in the worst case.
    pub floor: Option<f64>,
    /// Mean share of liars found where the plain mean was harmed; null if it never was.
    pub recall: Option<f64>,
    /// Mean share of the final weight that liars have.
    pub weight: f64,
    /// Mean share of honest nodes isolated.
    pub honest_isolated: f64,
    /// The number of runs that isolated an honest node.
    pub isolating: Frequency,
    /// Mean rounds until all honest replicas isolated the final set.
    pub rounds: Option<f64>,
    /// Share of the runs in which all honest replicas ended with one state, model and isolated set.
    pub agreed: f64,
    /// Greatest loss of accuracy against the clean run, and the attack; null without accuracies.
    pub loss: Option<(f64, String)>,
}

/// The cells of one attack on the protocol, over all groups.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ProtocolSummary {
    /// The attack.
    pub attack: String,
    /// The number of runs.
    pub runs: usize,
    /// Mean and greatest error.
    pub error: (f64, f64),
    /// Mean share of the liars found; null without runs.
    pub recall: Option<f64>,
    /// Honest nodes isolated, in all runs.
    pub honest_isolated: u32,
    /// Honest nodes convicted, in all runs.
    pub honest_convicted: u32,
    /// Share of the runs in which all honest replicas ended with one state, model and isolated set.
    pub agreed: f64,
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let values: Vec<f64> = values.collect();
    let sum = values.iter().fold(0.0, |sum, x| sum + x);
    (!values.is_empty()).then(|| sum / values.len() as f64)
}

fn worst(values: &BTreeMap<String, f64>) -> Option<(f64, String)> {
    let most = values.iter().max_by(|a, b| a.1.total_cmp(b.1));
    most.map(|(name, value)| (*value, name.clone()))
}

/// Averages over seeds what `look` sees, by attack.
fn by_attack(
    cells: &[&CellResult],
    look: impl Fn(&CellResult) -> Option<f64>,
) -> BTreeMap<String, f64> {
    let mut seen = BTreeMap::<String, Vec<f64>>::new();
    for cell in cells {
        if let Some(value) = look(cell) {
            seen.entry(cell.cell.attack.to_string()).or_default().push(value);
        }
    }
    seen.into_iter().filter_map(|(attack, v)| Some((attack, mean(v.into_iter())?))).collect()
}

impl Grid {
    /// The groups with attacks on the model, in the order of the cells.
    #[must_use]
    pub fn groups(&self) -> Vec<GroupSummary> {
        let mut groups: Vec<(GroupKey, Vec<&CellResult>)> = Vec::new();
        for result in &self.cells {
            let cell = &result.cell;
            if result.liars > 0 && !cell.attack.changes_models() {
                continue;
            }
            let (nodes, spread) = (cell.nodes, cell.spread);
            let key =
                GroupKey { nodes, spread, topology: cell.topology.clone(), share: cell.share };
            match groups.iter_mut().find(|(known, _)| *known == key) {
                Some((_, cells)) => cells.push(result),
                None => groups.push((key, vec![result])),
            }
        }
        groups.into_iter().map(|(key, cells)| summary(key, &cells)).collect()
    }

    /// The attacks on the protocol, by name.
    #[must_use]
    pub fn protocol(&self) -> Vec<ProtocolSummary> {
        let mut attacks = BTreeMap::<String, Vec<&CellResult>>::new();
        for result in &self.cells {
            if result.liars > 0 && !result.cell.attack.changes_models() {
                attacks.entry(result.cell.attack.to_string()).or_default().push(result);
            }
        }
        let summary = |(attack, cells): (String, Vec<&CellResult>)| {
            let figure = |look: fn(&CellResult) -> f64| mean(cells.iter().map(|c| look(c)));
            ProtocolSummary {
                attack,
                runs: cells.len(),
                error: (
                    figure(|c| c.error).unwrap_or(0.0),
                    cells.iter().map(|c| c.error).fold(0.0, f64::max),
                ),
                recall: mean(cells.iter().filter_map(|c| c.recall)),
                honest_isolated: cells.iter().map(|c| c.honest_isolated).sum(),
                honest_convicted: cells.iter().map(|c| c.convicted.1).sum(),
                agreed: figure(|c| f64::from(u8::from(c.agreed))).unwrap_or(0.0),
            }
        };
        attacks.into_iter().map(summary).collect()
    }
}

fn summary(key: GroupKey, cells: &[&CellResult]) -> GroupSummary {
    let errors = by_attack(cells, |c| Some(c.error));
    let names: Vec<String> =
        cells.first().map(|c| c.rules.keys().cloned().collect()).unwrap_or_default();
    // A rule counts only if it took part in every cell.
    let of_rule = |name: &String| {
        let errors = by_attack(cells, |c| c.rules.get(name).copied());
        let everywhere = cells.iter().all(|c| c.rules.contains_key(name));
        everywhere.then(|| (name.clone(), errors))
    };
    let rules: Vec<_> = names.iter().filter_map(of_rule).collect();
    let least = |figure: &dyn Fn(&BTreeMap<String, f64>) -> Option<f64>| {
        let all = rules.iter().filter_map(|(name, errors)| Some((figure(errors)?, name.clone())));
        all.min_by(|a, b| a.0.total_cmp(&b.0))
    };
    let losses = by_attack(cells, |c| c.accuracy.as_ref().map(|a| a.clean - a.resolved));
    let figure = |look: fn(&CellResult) -> f64| mean(cells.iter().map(|c| look(c))).unwrap_or(0.0);
    GroupSummary {
        key,
        liars: cells.first().map_or(0, |c| c.liars),
        attacks: errors.len(),
        mean: mean(errors.values().copied()).unwrap_or(0.0),
        worst: worst(&errors).unwrap_or((0.0, String::new())),
        rule_mean: least(&|errors| mean(errors.values().copied())),
        rule_worst: least(&|errors| worst(errors).map(|(value, _)| value)),
        floor: cells.first().and_then(|c| c.floor),
        recall: mean(cells.iter().filter(|c| c.is_harmful()).filter_map(|c| c.recall)),
        weight: figure(|c| c.weight),
        honest_isolated: figure(CellResult::honest_isolated_share),
        isolating: Frequency::of(cells.iter().map(|c| c.honest_isolated > 0)),
        rounds: mean(cells.iter().filter_map(|c| c.isolated).map(f64::from)),
        agreed: figure(|c| f64::from(u8::from(c.agreed))),
        loss: worst(&losses),
    }
}
