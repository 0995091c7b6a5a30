//! The attack grid: attack × share of liars × spread × topology × size, one run per cell, judged
//! from outside and compared with robust rules that are told how many liars there are.
//!
//! A cell is a real run: replicas gossip until they agree, and what they resolve is compared with
//! what the honest nodes alone would have merged. This module is part of the harness: it knows who
//! lies. Nothing in the run does.

mod cell;
mod file;
mod rules;
mod summary;

pub use cell::{Accuracy, CellResult};
pub use file::{
    GRID_CSV, GRID_FILES, GRID_HTML, GRID_JSON, GridFileError, Journal, grid_html, write_grid,
};
pub use rules::rule_names;
pub use summary::{GroupKey, GroupSummary, ProtocolSummary};

use crate::attack::Attack;
use crate::config::{Config, Family, Metrics, Share, Spread};
use crate::error::{SimError, field};
use crate::lab::threads::beside;
use crate::text::{ParseError, wrong};
use espalier_topology::Topology;
use espalier_trust::Profile;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;

/// The axes of a grid.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GridConfig {
    /// The model that is merged.
    pub model: Family,
    /// Attacks; each cell has one.
    pub attacks: Vec<Attack>,
    /// Shares of liars. A share without liars makes one cell for all attacks.
    pub shares: Vec<Share>,
    /// Ways in which the data of honest nodes differ.
    pub spreads: Vec<Spread>,
    /// Topologies of the network.
    pub topologies: Vec<Topology>,
    /// Numbers of nodes.
    pub nodes: Vec<u32>,
    /// Seeds; figures of a group are over all of them.
    pub seeds: Vec<u64>,
    /// Seeds of the cells without liars, whose rates are near zero; `seeds` if
    /// there are none.
    #[serde(default)]
    pub seeds_without_liars: Vec<u64>,
    /// The profile of the score; by default `clustered` where nodes form clusters, `strict` else.
    pub profile: Option<Profile>,
    /// Train again from the merged model every `every` rounds, `times` times.
    pub retrain: Option<Retrain>,
    /// Whether nodes measure each other's contributions and say so.
    pub attest: bool,
}

/// Training rounds of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retrain {
    /// Gossip rounds between two trainings.
    pub every: u32,
    /// The number of trainings after the first.
    pub times: u32,
}

impl FromStr for Retrain {
    type Err = ParseError;
    fn from_str(text: &str) -> Result<Self, ParseError> {
        let parse = || {
            let (every, times) = text.split_once(':')?;
            Some(Self { every: every.parse().ok()?, times: times.parse().ok()? })
        };
        let sound = parse().filter(|r: &Self| (2..=10_000).contains(&r.every) && r.times <= 10_000);
        sound.ok_or_else(|| wrong(text, "EVERY:TIMES, such as 12:5, with EVERY at least 2"))
    }
}

/// With this many runs, the rate of something never seen is below 3.7 % (95 %, Wilson).
pub const SEEDS_WITHOUT_LIARS: u64 = 100;

fn parsed<T: std::str::FromStr>(texts: &[&str]) -> Vec<T> {
    texts.iter().filter_map(|text| text.parse().ok()).collect()
}

impl GridConfig {
    /// The attacks on the model of the full grid: every kind, with the sizes at which it is
    /// hardest to see or does most harm, bare and hidden in noise.
    #[must_use]
    pub fn model_attacks() -> Vec<Attack> {
        parsed(&[
            "sign-flip",
            "ipm:0.1",
            "ipm:0.5",
            "ipm:0.5:1",
            "ipm:1",
            "ipm:2",
            "alie:0.2:1",
            "alie:0.3:1",
            "alie:0.5",
            "alie:0.5:0.5",
            "alie:0.5:1",
            "alie:0.7:1",
            "alie:1",
            "alie:1:1",
            "alie:1.5",
            "alie:1.5:1",
            "alie:3",
            "optimal-alie",
            "optimal-alie:1",
            "optimal-ipm",
            "optimal-ipm:1",
            "mimic",
            "mimic:0.7",
            "mimic:1",
            "gaussian",
            "scale",
            "min-max",
            "min-max:1",
            "min-sum",
            "min-sum:1",
            "spread:1",
            "spread:2",
            "groups:0.5",
            "groups:1.5",
            "ring",
            "ring:1.4",
            "block:2",
            "block:10",
            "top-component:1:1",
            "top-component:1.5:0.7",
            "top-component:2:0.7",
            "top-component:3:0.7",
            "drift",
            "drift:0.6",
            "label-flip",
            "white-box",
            "nan",
            "inf",
        ])
    }

    /// A grid that takes less than a minute.
    #[must_use]
    pub fn quick() -> Self {
        Self {
            model: Family::Synthetic(vec![512]),
            attacks: parsed(&[
                "sign-flip",
                "ipm:0.5:1",
                "alie:0.5:1",
                "alie:1.5",
                "mimic:1",
                "scale",
                "min-max:1",
                "groups:1.5",
                "ring",
                "block",
                "top-component:2:0.7",
                "nan",
                "equivocation",
                "retract-others",
            ]),
            shares: parsed(&["0", "20%", "34%", "45%"]),
            spreads: parsed(&["iid", "strong"]),
            topologies: parsed(&["random"]),
            nodes: vec![20],
            seeds: vec![1],
            seeds_without_liars: (1..=SEEDS_WITHOUT_LIARS).collect(),
            profile: None,
            retrain: None,
            attest: true,
        }
    }

    /// The whole grid of the documentation.
    #[must_use]
    pub fn full() -> Self {
        let protocol = Attack::FORMS.iter().map(|(form, _)| form.split(':').next());
        let protocol = protocol.filter_map(|name| name?.parse().ok());
        // What an erratic liar does is not one attack.
        let one = |attack: &Attack| !attack.changes_models() && *attack != Attack::ERRATIC;
        let protocol = protocol.filter(one);
        Self {
            model: Family::Synthetic(vec![1024]),
            attacks: Self::model_attacks().into_iter().chain(protocol).collect(),
            shares: parsed(&["0", "10%", "20%", "34%", "40%", "45%", "49%"]),
            spreads: parsed(&["iid", "mild", "strong", "dirichlet:0.3", "clusters:2"]),
            nodes: vec![20, 50, 100],
            ..Self::quick()
        }
    }

    /// All cells, in the order in which results are listed.
    #[must_use]
    pub fn cells(&self) -> Vec<Cell> {
        let mut cells = Vec::new();
        for &nodes in &self.nodes {
            for spread in &self.spreads {
                for topology in &self.topologies {
                    for share in &self.shares {
                        let attacks = match share.of(nodes) {
                            0 => self.attacks.get(..1),
                            _ => Some(&self.attacks[..]),
                        };
                        let seeds = match share.of(nodes) {
                            0 if !self.seeds_without_liars.is_empty() => &self.seeds_without_liars,
                            _ => &self.seeds,
                        };
                        for attack in attacks.unwrap_or_default() {
                            for &seed in seeds {
                                let (attack, share) = (*attack, *share);
                                let (spread, topology) = (*spread, topology.clone());
                                cells.push(Cell { nodes, spread, topology, share, attack, seed });
                            }
                        }
                    }
                }
            }
        }
        cells
    }

    /// Checks every cell's configuration before anything is run.
    ///
    /// # Errors
    /// [`SimError::Field`].
    pub fn check(&self) -> Result<(), SimError> {
        if let Family::Path(_) = self.model {
            return Err(field("model", "the grid needs digits or synthetic:SHAPE"));
        }
        let axes = [
            ("attack", self.attacks.len()),
            ("byzantine", self.shares.len()),
            ("spread", self.spreads.len()),
            ("topology", self.topologies.len()),
            ("nodes", self.nodes.len()),
            ("seeds", self.seeds.len().max(self.seeds_without_liars.len())),
        ];
        let axis_without_values = axes.iter().find(|(_, len)| *len == 0).map(|(name, _)| *name);
        let no_seeds = self.seeds.is_empty().then_some("seeds");
        if let Some(name) = axis_without_values.or(no_seeds) {
            return Err(field(name, "needs at least one value"));
        }
        let cells = axes.iter().fold(1_usize, |cells, (_, len)| cells.saturating_mul(*len));
        if cells > MAX_CELLS {
            let problem =
                format!("{cells} runs are more than the limit of {MAX_CELLS}; ask for fewer");
            return Err(field("seeds", problem));
        }
        self.check_axes()?;
        if !self.attest && self.model != Family::Digits {
            let problem = "only nodes with data measure each other; leave it out, or use digits";
            return Err(field("attest", problem));
        }
        self.cells().iter().try_for_each(|cell| cell.config(self).check())
    }

    /// Refuses what is named twice: it would count twice in every figure.
    fn check_axes(&self) -> Result<(), SimError> {
        fn check<T: ToString>(name: &'static str, axis: &[T]) -> Result<(), SimError> {
            let mut seen = BTreeSet::new();
            match axis.iter().map(T::to_string).find(|text| !seen.insert(text.clone())) {
                None => Ok(()),
                Some(text) => Err(field(name, format!("{text} is named twice"))),
            }
        }
        check("attack", &self.attacks)?;
        check("byzantine", &self.shares)?;
        check("spread", &self.spreads)?;
        check("topology", &self.topologies)?;
        check("nodes", &self.nodes)?;
        check("seeds", &self.seeds)
    }
}

/// The most runs of one grid.
const MAX_CELLS: usize = 1 << 20;

/// One run of a grid.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cell {
    /// The number of nodes.
    pub nodes: u32,
    /// How the data of the nodes differ.
    pub spread: Spread,
    /// The topology of the network.
    pub topology: Topology,
    /// The share of nodes that lie.
    pub share: Share,
    /// What the liars do.
    pub attack: Attack,
    /// The seed of the run.
    pub seed: u64,
}

impl Cell {
    /// The run of this cell.
    #[must_use]
    pub fn config(&self, grid: &GridConfig) -> Config {
        let clustered = matches!(self.spread, Spread::Clusters(_));
        let profile = if clustered { Profile::Clustered } else { Profile::Strict };
        // It ends before it would train once more.
        let rounds = match grid.retrain {
            None => cell::most_rounds(self.nodes, &self.topology),
            Some(Retrain { every, times }) => {
                every.saturating_mul(times.saturating_add(1)).saturating_sub(1)
            }
        };
        Config {
            nodes: self.nodes,
            rounds,
            topology: self.topology.clone(),
            model: grid.model.clone(),
            byzantine: self.share,
            attack: vec![self.attack],
            spread: self.spread,
            retrain: grid.retrain.map(|retrain| retrain.every),
            metrics: Metrics::Off,
            profile: grid.profile.unwrap_or(profile),
            attest: grid.attest,
            seed: self.seed,
            ..Config::default()
        }
    }
}

/// What a grid found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grid {
    /// The axes of the grid.
    pub config: GridConfig,
    /// Its cells, in the order of [`GridConfig::cells`].
    pub cells: Vec<CellResult>,
}

/// Runs the cells of a grid in parallel. Results do not depend on the number of threads.
///
/// `known` are results of an earlier, interrupted grid of the same axes; their cells are not run
/// again. `each` hears every new result as it comes, in any order, and can stop the grid by
/// returning `Break`: then `Ok(None)`.
///
/// # Errors
/// [`SimError`] of the first cell that cannot be run.
pub fn run_grid(
    config: &GridConfig,
    known: Vec<CellResult>,
    each: &mut dyn FnMut(&CellResult) -> ControlFlow<()>,
) -> Result<Option<Grid>, SimError> {
    config.check()?;
    let cells = config.cells();
    let key = |cell: &Cell| serde_json::to_string(cell).unwrap_or_default();
    let places: BTreeMap<String, usize> = cells.iter().map(key).zip(0..).collect();
    let mut results: Vec<Option<CellResult>> = vec![None; cells.len()];
    for result in known {
        if let Some(at) = places.get(&key(&result.cell)) {
            results[*at] = Some(result);
        }
    }
    let mut open: Vec<usize> = (0..cells.len()).filter(|&at| results[at].is_none()).collect();
    // The longest first, so that no thread is left alone with one at the end.
    open.sort_by_key(|&at| std::cmp::Reverse(cells[at].nodes));
    let stop = AtomicBool::new(false);
    let (sender, receiver) = mpsc::channel();
    let mut stopped = false;
    std::thread::scope(|scope| {
        let (cells, open, stop) = (&cells, &open, &stop);
        let work = move |sender: mpsc::Sender<_>| {
            open.par_iter().for_each_with(sender, |sender, &at| {
                if !stop.load(Ordering::Relaxed) {
                    // Nobody listens any more only after an error or a stop.
                    let _ = sender.send((at, cell::run(config, &cells[at])));
                }
            });
        };
        beside(scope, work, sender);
        for (at, result) in receiver {
            let result = result.inspect_err(|_| stop.store(true, Ordering::Relaxed))?;
            if each(&result).is_break() {
                stopped = true;
                stop.store(true, Ordering::Relaxed);
                break;
            }
            results[at] = Some(result);
        }
        Ok::<(), SimError>(())
    })?;
    let cells: Option<Vec<CellResult>> = results.into_iter().collect();
    Ok(cells.filter(|_| !stopped).map(|cells| Grid { config: config.clone(), cells }))
}

#[cfg(test)]
mod tests;
