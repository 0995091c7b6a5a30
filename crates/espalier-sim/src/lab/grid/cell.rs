//! One cell: a run to its end, judged from outside.

use super::{Cell, GridConfig, rules};
use crate::error::SimError;
use crate::harness::{Ended, play};
use crate::tensors::{model_of, row_of};
use espalier_identity::{Digest, PeerId};
use espalier_replica::{Body, Entry, MergeState, TrustTable};
use espalier_tensor::Model;
use espalier_topology::Topology;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A plain mean farther off than this has been harmed: then the liars should be found.
const HARM: f64 = 0.1;

/// What a cell found. Errors are L2 distances from the honest mean in units of the honest spread,
/// the root mean square distance of honest contributions from their mean.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CellResult {
    /// The cell that was run.
    pub cell: Cell,
    /// The number of nodes that lied.
    pub liars: u32,
    /// The round from which all honest replicas held one state; null if they never did.
    pub converged: Option<u32>,
    /// The round from which all honest replicas isolated the final set; null if they never did.
    pub isolated: Option<u32>,
    /// Whether all honest replicas ended with one state, one model and one isolated set.
    pub agreed: bool,
    /// Error of what the honest replicas resolved; the greatest number where nothing was merged.
    pub error: f64,
    /// Error of the plain mean of everything.
    pub mean: f64,
    /// sqrt(f / (n − 2f)): below this no rule gets in the worst case of differing honest data
    /// (Allouah et al. 2023). Null without a majority.
    pub floor: Option<f64>,
    /// Error of rules that were told f, without those that do not tolerate that many.
    pub rules: BTreeMap<String, f64>,
    /// Share of the liars that were isolated, 0 to 1; null without liars.
    pub recall: Option<f64>,
    /// The liars' share of the final weight, 0 to 1.
    pub weight: f64,
    /// The number of honest nodes that were isolated.
    pub honest_isolated: u32,
    /// The number of authors that were convicted by evidence, and how many of them were honest.
    pub convicted: (u32, u32),
    /// Bytes of operations other than contributions over bytes of contributed tensors.
    pub trust_bytes: f64,
    /// Accuracies on the common test part, where the family has one.
    pub accuracy: Option<Accuracy>,
    /// After each round: mean trust of one honest replica in the honest and in the liars.
    pub trust: Vec<[f64; 2]>,
}

/// Accuracies of merged models, 0 to 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accuracy {
    /// The accuracy of what the honest replicas resolved.
    pub resolved: f64,
    /// The accuracy of the honest mean, as in a run without liars.
    pub clean: f64,
    /// The accuracies of the best and the worst rule.
    pub rules: [f64; 2],
}

impl CellResult {
    /// Whether the plain mean was harmed.
    #[must_use]
    pub fn is_harmful(&self) -> bool {
        self.liars > 0 && self.mean > HARM
    }

    /// The share of honest nodes that were isolated, 0 to 1.
    #[must_use]
    pub fn honest_isolated_share(&self) -> f64 {
        f64::from(self.honest_isolated) / f64::from((self.cell.nodes - self.liars).max(1))
    }
}

/// Gossip rounds after which a cell ends even without agreement: news takes some multiple of log n
/// rounds on most networks, and of n on rings, lines and networks nobody knows.
pub(super) fn most_rounds(nodes: u32, topology: &Topology) -> u32 {
    let doublings = u64::from(nodes).next_power_of_two().trailing_zeros();
    match topology {
        Topology::Ring | Topology::Line | Topology::File(_) => {
            nodes.saturating_mul(2).saturating_add(60)
        }
        _ => 24 + 6 * doublings,
    }
}

/// Rounds that a cell runs at least, so that late news reaches everybody; what liars do late begins
/// or ends by half time.
fn least_rounds(cell: &Cell) -> u32 {
    let news = 8 + 2 * cell.nodes.next_power_of_two().trailing_zeros();
    match cell.attack.changes_models() {
        true => news,
        false => most_rounds(cell.nodes, &cell.topology) / 2 + news,
    }
}

/// Runs a cell.
pub(super) fn run(grid: &GridConfig, cell: &Cell) -> Result<CellResult, SimError> {
    let config = cell.config(grid);
    let trained = grid.retrain.map_or(0, |retrain| retrain.every.saturating_mul(retrain.times));
    let least = trained.saturating_add(least_rounds(cell));
    let mut rounds = Vec::new();
    let ended = play(&config, least, &mut |states| rounds.push(Look::new(states)))?;
    Ok(Judge::new(cell, &ended, rounds).result())
}

/// What is kept of a round: states are too large for that.
struct Look {
    /// The state hash that all honest replicas have.
    state: Option<Digest>,
    /// The authors that all honest replicas isolate.
    isolated: Option<BTreeSet<PeerId>>,
    /// How one honest replica trusts.
    table: Arc<TrustTable>,
}

impl Look {
    fn new(states: &[&MergeState]) -> Self {
        let first = states[0];
        let hash = first.state_hash();
        let mut distinct = BTreeMap::new();
        for state in states {
            distinct.entry(state.bound_root()).or_insert(*state);
        }
        let table = first.trust().unwrap_or_default();
        let out = isolated(&table);
        // The first that differs ends the comparison, which is soon while news spreads.
        let same = distinct.values().all(|s| s.trust().is_ok_and(|t| isolated(&t) == out));
        let equal = states.iter().all(|state| state.state_hash() == hash);
        Self { state: equal.then_some(hash), isolated: same.then_some(out), table }
    }
}

/// The harness at the end of a run.
struct Judge<'a> {
    cell: &'a Cell,
    ended: &'a Ended,
    /// The state of one honest node.
    state: &'a MergeState,
    table: Arc<TrustTable>,
    rounds: Vec<Look>,
}

impl<'a> Judge<'a> {
    fn new(cell: &'a Cell, ended: &'a Ended, rounds: Vec<Look>) -> Self {
        let state = ended.last()[0];
        let table = state.trust().unwrap_or_default();
        Self { cell, ended, state, table, rounds }
    }

    fn result(&self) -> CellResult {
        let everybody: Vec<(PeerId, bool)> = self.ended.authors().collect();
        let liars = everybody.iter().filter(|(_, honest)| !honest).count() as u32;
        let isolated = isolated(&self.table);
        let caught = everybody.iter().filter(|(id, honest)| !honest && isolated.contains(id));
        let caught = caught.count() as f64;
        let of_honest = everybody.iter().filter(|(id, honest)| *honest && isolated.contains(id));
        let evidence = self.state.evidence().convicted();
        let wrong = everybody.iter().filter(|(id, honest)| *honest && evidence.contains(id));
        let (n, f) = (f64::from(self.cell.nodes), f64::from(liars));
        let figures = self.figures(&everybody);
        CellResult {
            cell: self.cell.clone(),
            liars,
            converged: self.since(|look| look.state.is_some()),
            isolated: self.since(|look| look.isolated.as_ref() == Some(&isolated)),
            agreed: self.agreed(),
            error: figures.error,
            mean: figures.mean,
            floor: (n > 2.0 * f).then(|| rounded((f / (n - 2.0 * f)).sqrt())),
            rules: figures.rules,
            recall: (liars > 0).then(|| rounded(caught / f)),
            weight: self.liars_weight(&everybody),
            honest_isolated: of_honest.count() as u32,
            convicted: (evidence.len() as u32, wrong.count() as u32),
            trust_bytes: self.trust_bytes(),
            accuracy: figures.accuracy,
            trust: self.trust(&everybody),
        }
    }

    /// The first round from which `holds` is true to the end.
    fn since(&self, holds: impl Fn(&Look) -> bool) -> Option<u32> {
        let before = self.rounds.iter().rposition(|look| !holds(look));
        let first = before.map_or(0, |at| at + 1);
        (first < self.rounds.len()).then_some(first as u32)
    }

    fn agreed(&self) -> bool {
        let resolved =
            |state: &MergeState| Some(state.resolution().ok()?.plan().ok()?.hash().ok()?.root());
        let hash = self.state.state_hash();
        let Some(model) = resolved(self.state) else { return false };
        let set = isolated(&self.table);
        self.ended.last()[1..].iter().all(|state| {
            let same = state.state_hash() == hash;
            let table = state.trust();
            let alike = table.is_ok_and(|table| isolated(&table) == set);
            same && alike && resolved(state) == Some(model)
        })
    }

    fn liars_weight(&self, everybody: &[(PeerId, bool)]) -> f64 {
        let lies = |id: &PeerId| everybody.iter().any(|(liar, honest)| liar == id && !honest);
        let resolution = self.state.resolution().ok();
        let voices = resolution.iter().flat_map(|r| r.voices());
        rounded(voices.filter(|voice| lies(&voice.author)).fold(0.0, |sum, v| sum + v.share))
    }

    fn trust_bytes(&self) -> f64 {
        let (mut trust, mut data) = (0, 0);
        for op in self.state.ops() {
            match &op.op().body {
                Body::Contribute(c) => data += c.manifest.byte_len(),
                _ => trust += op.encoded_len() as u64,
            }
        }
        rounded(trust as f64 / data.max(1) as f64)
    }

    fn trust(&self, everybody: &[(PeerId, bool)]) -> Vec<[f64; 2]> {
        let mean = |table: &TrustTable, wanted: bool| {
            let of = |(id, _): &(PeerId, bool)| table.get(id).map_or(1.0, |t| t.overall().to_f64());
            let chosen = everybody.iter().filter(|(_, honest)| *honest == wanted);
            let values: Vec<f64> = chosen.map(of).collect();
            rounded(values.iter().fold(0.0, |sum, v| sum + v) / values.len().max(1) as f64)
        };
        let tables = self.rounds.iter().map(|look| &look.table);
        tables.map(|table| [mean(table, true), mean(table, false)]).collect()
    }

    /// Errors and accuracies, from every author's last contribution of finite values.
    fn figures(&self, everybody: &[(PeerId, bool)]) -> Figures {
        let base = self.ended.task.base();
        let mut latest = BTreeMap::<PeerId, (&Entry, Arc<Model>)>::new();
        for entry in self.state.entries() {
            let author = entry.op().op().author;
            let newer = |(known, _): &(&Entry, _)| order(entry) > order(known);
            if latest.get(&author).is_none_or(newer)
                && let Some(model) = self.sound(entry)
            {
                latest.insert(author, (entry, model));
            }
        }
        let of = |wanted: bool| {
            let chosen = everybody.iter().filter(move |(_, honest)| *honest == wanted);
            chosen.filter_map(|(id, _)| latest.get(id)).collect::<Vec<_>>()
        };
        let (honest, liars) = (of(true), of(false));
        let rows: Vec<Vec<f32>> = honest.iter().map(|(_, m)| row_of(m, base)).collect();
        let declared = |(entry, _): &&(&Entry, Arc<Model>)| {
            entry.contribution().map_or(0, |(c, _)| c.weight.raw())
        };
        let weights: Vec<u64> = honest.iter().map(declared).collect();
        let (plain, clean) = (mean(&rows, &vec![1; rows.len()]), mean(&rows, &capped(&weights)));
        let spread = rows.iter().fold(0.0, |sum, row| sum + squared(row, &plain));
        let spread = (spread / rows.len().max(1) as f64).sqrt().max(f64::MIN_POSITIVE);
        let error = |model: &Model, from: &[f64]| {
            rounded(squared(&row_of(model, base), from).sqrt() / spread)
        };
        let resolved = self.state.resolve().ok();
        let all: Vec<_> = honest.iter().chain(&liars).collect();
        let inputs: Vec<(Digest, &Model)> =
            all.iter().map(|(entry, model)| (entry.op().id(), &**model)).collect();
        let merged = rules::apply(&inputs, base, liars.len());
        let everything: Vec<Vec<f32>> = all.iter().map(|(_, m)| row_of(m, base)).collect();
        let average = mean(&everything, &vec![1; everything.len()]);
        let off = average.iter().zip(&plain).fold(0.0, |sum, (a, b)| sum + (a - b) * (a - b));
        let accuracy = |model: &Model| self.ended.task.accuracy(model);
        let judged = resolved.as_ref().and_then(|model| {
            let clean = model_of(model, base, &clean);
            let of_rules: Vec<f64> = merged.iter().filter_map(|(_, m)| accuracy(m)).collect();
            let best = of_rules.iter().copied().fold(0.0, f64::max);
            let worst = of_rules.iter().copied().fold(1.0, f64::min);
            let (resolved, clean) = (accuracy(model)?, accuracy(&clean)?);
            Some(Accuracy { resolved, clean, rules: [best, worst] })
        });
        Figures {
            error: resolved.map_or(f64::MAX, |model| error(&model, &clean)),
            mean: rounded(off.sqrt() / spread),
            rules: merged.iter().map(|(n, m)| ((*n).to_owned(), error(m, &plain))).collect(),
            accuracy: judged,
        }
    }

    /// The contribution of an entry, if its values are finite and its layout is the base's.
    fn sound(&self, entry: &Entry) -> Option<Arc<Model>> {
        let (contribution, root) = entry.contribution()?;
        let model = self.state.arena().load(&root, &contribution.manifest).ok()?;
        let fits = contribution.manifest.schema() == self.ended.task.schema();
        (fits && row_of(&model, None).iter().all(|x| x.is_finite())).then_some(model)
    }
}

struct Figures {
    error: f64,
    mean: f64,
    rules: BTreeMap<String, f64>,
    accuracy: Option<Accuracy>,
}

fn order(entry: &Entry) -> (u64, u64, Digest) {
    let round = entry.contribution().map_or(0, |(c, _)| c.round);
    (round, entry.op().op().seq, entry.op().id())
}

fn isolated(table: &TrustTable) -> BTreeSet<PeerId> {
    table.isolated().collect()
}

/// The declared weights, none above twice their lower median: as `resolve` hears them.
fn capped(weights: &[u64]) -> Vec<u64> {
    let mut sorted = weights.to_vec();
    sorted.sort_unstable();
    let cap = sorted.get(sorted.len().saturating_sub(1) / 2).map_or(0, |median| 2 * median);
    weights.iter().map(|weight| (*weight).min(cap)).collect()
}

fn mean(rows: &[Vec<f32>], weights: &[u64]) -> Vec<f64> {
    let total = weights.iter().map(|w| *w as f64).fold(0.0, |sum, w| sum + w);
    let mut sum = vec![0.0; rows.first().map_or(0, Vec::len)];
    for (row, weight) in rows.iter().zip(weights) {
        let share = *weight as f64 / total;
        sum.iter_mut().zip(row).for_each(|(sum, x)| *sum += share * f64::from(*x));
    }
    sum
}

fn squared(row: &[f32], from: &[f64]) -> f64 {
    row.iter().zip(from).fold(0.0, |sum, (x, y)| {
        let difference = f64::from(*x) - y;
        sum + difference * difference
    })
}

/// Four digits after the point: more are noise, and files stay small.
fn rounded(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}
