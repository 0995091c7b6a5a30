//! The observer: looks at the nodes after each round and writes the report. It reads states and
//! never changes them.

use super::labels::Labels;
use super::watch::{Notes, Passed, Watched};
use crate::config::Config;
use crate::course::event::EventKind;
use crate::engine::{Engine, Exchanged};
use crate::node::Node;
use crate::report::measure::{Gallery, wire_bytes};
use crate::report::outcome;
use crate::report::summary;
use crate::report::{AuditEntry, Event, NodeInfo, Outcome, Report, Round, Summary, TrustRow};
use crate::seeds::Seeds;
use crate::task::{Finished, Task};
use crate::world::{Look, World};
use espalier_identity::{Digest, PeerId};
use espalier_replica::{MergeState, Policy, TrustTable};
use espalier_topology::Network;
use espalier_trust::{Tick, Trust};
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// Above this many nodes only the last events are kept.
const AUDIT_ALL: u32 = 1_000;
/// How many are kept then.
const AUDIT_KEPT: usize = 100_000;

/// Sequence numbers by author.
type Clock = BTreeMap<String, i64>;

pub(super) struct Observer<'a> {
    config: &'a Config,
    labels: &'a Labels,
    /// The nodes whose figures are written, ascending.
    sampled: Vec<usize>,
    gallery: Gallery,
    audit: VecDeque<AuditEntry>,
    report: Report,
    sent_before: u64,
    /// The clocks of the last round, by bound root.
    clocks: BTreeMap<Digest, Arc<Clock>>,
    /// What is noted for somebody who watches.
    notes: Option<Notes>,
}

impl<'a> Observer<'a> {
    pub(super) fn new(
        config: &'a Config,
        network: &Network,
        task: &Task,
        policy: &Policy,
        labels: &'a Labels,
        notes: Option<Notes>,
    ) -> Self {
        let count = config.metrics.count(config.nodes) as usize;
        let mut sampled: Vec<usize> = (0..config.nodes as usize).collect();
        if count < sampled.len() {
            Seeds(config.seed).rng("sample", 0).shuffle(&mut sampled);
            sampled.truncate(count);
            sampled.sort_unstable();
        }
        let report = Report::opening(config, network, policy, task.base());
        let (gallery, audit) = (Gallery::default(), VecDeque::new());
        let clocks = BTreeMap::new();
        Self { config, labels, sampled, gallery, audit, report, sent_before: 0, clocks, notes }
    }

    /// What can be seen of the round that was written down last; `None` if nothing is noted.
    pub(super) fn watched(&self) -> Option<Watched<'_>> {
        self.notes.as_ref().map(|notes| notes.watched(&self.report, &self.audit))
    }

    pub(super) fn event(&mut self, round: u32, kind: EventKind, nodes: &[usize]) {
        self.report.note(round, kind, nodes);
    }

    /// Notes that the run was stopped after `round`.
    pub(super) fn cut_short(&mut self, round: u32) {
        self.report.cut_short(round);
    }

    /// Writes down a round; how many distinct states the active honest nodes hold.
    pub(super) fn round(
        &mut self,
        round: u32,
        engine: &Engine<'_, World>,
        task: &Task,
        exchanges: Vec<Exchanged<[Look; 2]>>,
    ) -> u32 {
        let world = &engine.peers;
        if round == 0 {
            self.introduce(world, task);
        }
        let honest = |i: &usize| self.labels.is_honest(*i) && world.nodes[*i].active;
        let everybody: Vec<usize> = (0..world.nodes.len()).filter(honest).collect();
        let hashes: BTreeSet<_> =
            everybody.iter().map(|&i| world.nodes[i].state().state_hash()).collect();
        let distinct_states = hashes.len() as u32;
        let observers: Vec<usize> = self.sampled.iter().copied().filter(honest).collect();

        let looked_at = self.sampled.iter().map(|&i| world.nodes[i].state());
        let looks = exchanges.iter().flat_map(|exchange| &exchange.record);
        let passed = looks.flat_map(|look| look.before.iter().chain(&look.after));
        self.gallery.visit(looked_at.chain(passed), task);
        if let Some(notes) = &mut self.notes {
            notes.round(world, &self.sampled);
        }
        self.record_audit(round, world, exchanges);

        let (trust, isolated) = self.trust(world, &observers).unzip();
        self.note_isolation(round, isolated.as_deref().unwrap_or_default());
        if let Some(notes) = &mut self.notes {
            notes.close(self.report.events.len());
        }
        let nodes: Vec<&Node> = self.sampled.iter().map(|&i| &world.nodes[i]).collect();
        let states: Vec<&MergeState> = nodes.iter().map(|node| node.state()).collect();
        let clock = self.clocks(world, &states);
        let seen = |state: &&MergeState| self.gallery.get(&state.state_hash());
        let sent_bytes = engine.sent_bytes - self.sent_before;
        self.sent_before = engine.sent_bytes;
        self.report.rounds.push(Round {
            round,
            mean_pairwise_l2: self.mean_pairwise(world, &observers),
            distinct_states,
            state_hash: states.iter().map(|state| state.state_hash()).collect(),
            bound_root: states.iter().map(|state| state.bound_root()).collect(),
            active: nodes.iter().map(|node| node.active).collect(),
            trust: trust.unwrap_or_default(),
            isolated,
            wire_bytes: wire_bytes(&states),
            sent_bytes,
            tombstones: states.iter().map(|state| state.tombstones()).collect(),
            clock,
            task_accuracy: states.iter().map(|s| seen(s)?.accuracy).collect(),
        });
        distinct_states
    }

    /// The clock of each state; one that has not changed since the last round is the same one.
    fn clocks(&mut self, world: &World, states: &[&MergeState]) -> Vec<Arc<Clock>> {
        let names = names(world);
        let mut known = BTreeMap::new();
        let of = |state: &&MergeState| {
            let root = state.bound_root();
            let earlier = self.clocks.remove(&root);
            let made = || earlier.unwrap_or_else(|| Arc::new(clock(state, &names)));
            known.entry(root).or_insert_with(made).clone()
        };
        let clocks = states.iter().map(of).collect();
        self.clocks = known;
        clocks
    }

    /// What is known before the first exchange.
    fn introduce(&mut self, world: &World, task: &Task) {
        let mut files = task.brought().map(Finished::name);
        let mut info = |(i, node): (usize, &Node)| NodeInfo {
            id: node.id,
            name: node.name.clone(),
            file: files.next(),
            byzantine: !self.labels.is_honest(i),
            attack: self.labels.attack(i).map(|attack| attack.to_string()),
        };
        self.report.nodes = world.nodes.iter().enumerate().map(&mut info).collect();
        let name = |&i: &usize| world.nodes[i].name.clone();
        self.report.sampled_nodes = self.sampled.iter().map(name).collect();
        self.report.model = summary::model_info(self.config, world, task, &self.sampled);
    }

    fn mean_pairwise(&self, world: &World, observers: &[usize]) -> Option<f64> {
        let mut count = BTreeMap::<Digest, u64>::new();
        for &i in observers {
            *count.entry(world.nodes[i].state().state_hash()).or_default() += 1;
        }
        self.gallery.mean_distance(&world.arena, &count)
    }

    /// Trust in each sampled node as the median observer has it, and whom that isolates; `None`
    /// where nobody observes.
    fn trust(&self, world: &World, observers: &[usize]) -> Option<(Vec<TrustRow>, Vec<String>)> {
        let mut by_root = BTreeMap::<Digest, (&MergeState, usize)>::new();
        for &i in observers {
            let state = world.nodes[i].state();
            by_root.entry(state.bound_root()).or_insert((state, 0)).1 += 1;
        }
        let distinct: Vec<_> = by_root.into_values().collect();
        let table = |(state, count): &(&MergeState, usize)| Some((state.trust().ok()?, *count));
        let tables: Option<Vec<(Arc<TrustTable>, usize)>> =
            distinct.par_iter().map(table).collect();
        let tables = tables.filter(|tables| !tables.is_empty())?;
        let median = |i: &usize| median_trust(&tables, &world.nodes[*i].id);
        let rows: Vec<Trust> = self.sampled.iter().map(median).collect();
        let out = self.sampled.iter().zip(&rows).filter(|(_, trust)| trust.is_isolated());
        let isolated = out.map(|(&i, _)| world.nodes[i].name.clone()).collect();
        Some((rows.iter().map(TrustRow::from).collect(), isolated))
    }

    fn note_isolation(&mut self, round: u32, isolated: &[String]) {
        let before: BTreeSet<_> = self
            .report
            .rounds
            .last()
            .and_then(|round| round.isolated.as_ref())
            .map(|isolated| isolated.iter().cloned().collect())
            .unwrap_or_default();
        let now: BTreeSet<_> = isolated.iter().cloned().collect();
        let changes = [
            (EventKind::Isolated, now.difference(&before)),
            (EventKind::Readmitted, before.difference(&now)),
        ];
        for (kind, nodes) in changes {
            let nodes: Vec<_> = nodes.cloned().collect();
            if !nodes.is_empty() {
                self.report.events.push(Event { round, kind, nodes });
            }
        }
    }

    fn record_audit(&mut self, round: u32, world: &World, exchanges: Vec<Exchanged<[Look; 2]>>) {
        let looks = exchanges.iter().flat_map(|exchange| &exchange.record);
        let pairs: Vec<_> =
            looks.filter(|look| look.before.is_some()).map(|look| look.hashes).collect();
        let mut norms = self.gallery.distances(&world.arena, &pairs).into_iter();
        for exchange in exchanges {
            let [a, b] = exchange.pair;
            let sides = exchange.sides.into_iter().zip(exchange.record);
            for ((side, look), (from, to)) in sides.zip([(a, b), (b, a)]) {
                let norm = look.before.as_ref().and_then(|_| norms.next()).flatten();
                let (hash_before, hash_after) = look.hashes;
                let outcome = match (exchange.blocked, side.ops > 0, side.lost) {
                    (true, ..) => Outcome::Blocked,
                    (_, true, _) => Outcome::Merged,
                    (_, _, true) => Outcome::Lost,
                    _ => Outcome::Noop,
                };
                self.report.audit_total += 1;
                if let Some(notes) = &mut self.notes {
                    let (from, to) = (from as u32, to as u32);
                    notes.passed(Passed { from, to, outcome, ops: side.ops });
                }
                self.audit.push_back(AuditEntry {
                    round,
                    from: world.nodes[from].name.clone(),
                    to: world.nodes[to].name.clone(),
                    hash_before,
                    hash_after,
                    change_norm: norm,
                    changed: side.ops > 0,
                    ops: side.ops,
                    bytes: side.bytes,
                    outcome,
                });
            }
        }
        if self.config.nodes > AUDIT_ALL {
            let surplus = self.audit.len().saturating_sub(AUDIT_KEPT);
            self.audit.drain(..surplus);
        }
    }

    pub(super) fn finish(mut self, engine: &Engine<'_, World>, task: &Task) -> Report {
        let world = &engine.peers;
        let honest = |i: &usize| self.labels.is_honest(*i) && world.nodes[*i].active;
        let everybody: Vec<usize> = (0..world.nodes.len()).filter(honest).collect();
        let state = summary::commonest(everybody.iter().map(|&i| world.nodes[i].state()));
        self.report.audit = std::mem::take(&mut self.audit).into();
        self.report.round_trip = summary::round_trips(world, &self.sampled);
        self.report.trace = summary::trace(state, &names(world));
        let records = state.evidence().iter();
        self.report.evidence = records.map(|record| record.fault().clone()).collect();
        let nodes = everybody.iter().map(|&i| &world.nodes[i]);
        let least = summary::least_bytes(world, task.base(), nodes);
        self.report.summary = Summary {
            final_state_hash: state.state_hash(),
            bytes_over_optimum: (least > 0).then(|| engine.sent_bytes as f64 / least as f64),
            exchanges: self.report.audit_total / 2,
            logged: engine.log.count(),
            event_log: engine.log.hash(),
            sent_bytes: engine.sent_bytes,
            ..self.report.converged()
        };
        if self.sampled.is_empty() {
            // That there is nothing to merge shows without any figures.
            self.report.summary.no_model = outcome::nothing_to_merge(state);
        } else {
            self.gallery.visit(std::iter::once(state), task);
            if let Some(seen) = self.gallery.get(&state.state_hash()) {
                outcome::fill(&mut self.report.summary, state, seen, &self.report.nodes);
            }
        }
        self.report
    }
}

fn names(world: &World) -> BTreeMap<PeerId, &str> {
    world.nodes.iter().map(|node| (node.id, node.name.as_str())).collect()
}

fn clock(state: &MergeState, names: &BTreeMap<PeerId, &str>) -> Clock {
    let tick = |(author, tick): (&PeerId, Tick)| {
        let seq = match tick {
            Tick::Seq(seq) => i64::try_from(seq).unwrap_or(i64::MAX),
            Tick::Forked => -1,
        };
        Some(((*names.get(author)?).to_owned(), seq))
    };
    state.clock().ticks().filter_map(tick).collect()
}

/// The lower median by overall trust over all observers; full trust where a table is silent.
fn median_trust(tables: &[(Arc<TrustTable>, usize)], subject: &PeerId) -> Trust {
    let opinion = |(table, count): &(Arc<TrustTable>, usize)| {
        (table.get(subject).copied().unwrap_or(Trust::FULL), *count)
    };
    let mut opinions: Vec<_> = tables.iter().map(opinion).collect();
    let order = |trust: &Trust| {
        let dimensions = (trust.accuracy, trust.consistency, trust.recency, trust.provenance);
        (!trust.is_isolated(), trust.overall(), dimensions)
    };
    opinions.sort_by_key(|(trust, _)| order(trust));
    let total: usize = opinions.iter().map(|(_, count)| count).sum();
    let mut before = 0;
    for (trust, count) in opinions {
        before += count;
        if before * 2 >= total {
            return trust;
        }
    }
    Trust::FULL
}

impl From<&Trust> for TrustRow {
    fn from(trust: &Trust) -> Self {
        Self {
            accuracy: trust.accuracy.to_f64(),
            consistency: trust.consistency.to_f64(),
            recency: trust.recency.to_f64(),
            provenance: trust.provenance.to_f64(),
            overall: trust.overall().to_f64(),
        }
    }
}
