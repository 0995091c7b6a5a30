//! Runs all protocols on one network with the same seeds, and compares what each costs.

use super::drive::MembersRun;
use super::mean::MeanTree;
use super::own::{Crowd, ExchangeProtocol, check_clock};
use crate::config::{Clock, Config, Exchange, Metrics, Share, Wire};
use crate::error::{SimError, field};
use crate::harness::tally;
use crate::lab::estimate::Estimate;
use crate::report::cost::RunCost;
use crate::task::Task;
use crate::text::{ParseError, text_serde, unknown};
use espalier_identity::Digest;
use espalier_topology::Schedule;
use rayon::prelude::*;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// The number of messages that are lost where it is found out whether a protocol survives that.
const LOSS: f64 = 0.1;

text_serde!(Protocol);

/// A way to spread contributions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// Exchanges of whole states with random neighbours.
    FullState,
    /// Exchanges of what the other lacks.
    Delta,
    /// The same without a comparison first, where both know how far the other has come.
    Intervals,
    /// As `Delta` with partners by schedule; in rounds only.
    Scheduled,
    /// Fresh operations by broadcast trees, and rare exchanges; in virtual time only.
    Broadcast,
    /// Partial sums up a tree and the mean down.
    MeanOnly,
}

impl Protocol {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::FullState,
        Self::Delta,
        Self::Intervals,
        Self::Scheduled,
        Self::Broadcast,
        Self::MeanOnly,
    ];

    /// The clock by which it runs if it can be chosen.
    fn own_clock(self) -> Clock {
        if self == Self::Broadcast { Clock::Periodic } else { Clock::Rounds }
    }

    /// Why it does not run by a clock.
    fn refuses(self, clock: Clock) -> Option<&'static str> {
        match (self, clock) {
            (Self::Scheduled, Clock::Periodic | Clock::Poisson | Clock::None) => {
                Some("a schedule needs rounds")
            }
            (Self::Broadcast, Clock::Rounds) => Some("its timers need virtual time"),
            (Self::Broadcast, Clock::None) => Some("its repairs need a clock"),
            _ => None,
        }
    }
}

impl FromStr for Protocol {
    type Err = ParseError;
    fn from_str(text: &str) -> Result<Self, ParseError> {
        const NAMES: [&str; 6] =
            ["full-state", "delta", "intervals", "scheduled", "broadcast", "mean-only"];
        let found = Self::ALL.into_iter().zip(NAMES).find(|(_, name)| *name == text);
        found.map(|(protocol, _)| protocol).ok_or_else(|| unknown(text, NAMES.join(", "), &NAMES))
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::FullState => "full-state",
            Self::Delta => "delta",
            Self::Intervals => "intervals",
            Self::Scheduled => "scheduled",
            Self::Broadcast => "broadcast",
            Self::MeanOnly => "mean-only",
        })
    }
}

/// What is compared.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ExchangesConfig {
    /// The network, what is merged and the faults. Exchange, schedule, clock and seed are each
    /// run's own.
    pub network: Config,
    /// The clock for all; without one, each protocol uses its own: broadcast once a period, the
    /// others in rounds.
    pub clock: Option<Clock>,
    /// The protocols that are compared.
    pub protocols: Vec<Protocol>,
    /// The seeds; each protocol runs once with each.
    pub seeds: Vec<u64>,
}

/// The comparison.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Exchanges {
    /// What was compared.
    pub config: ExchangesConfig,
    /// T: bytes of the tensors of one contribution.
    pub model_bytes: u64,
    /// The fewest bytes that bring every contribution to every node: n (n − 1) T, or less where
    /// files share tensors. `mean-only` brings none and stays below it.
    pub optimum: u64,
    /// What each protocol cost.
    pub results: Vec<ProtocolResult>,
    /// Protocols that do not run by this clock.
    pub left_out: Vec<LeftOut>,
}

/// A protocol that was not run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// The protocol that is left out.
    pub protocol: Protocol,
    /// The reason, in words.
    pub reason: String,
}

/// What a protocol cost. Figures are of the runs in which all nodes ended equal, up to the moment
/// when the last of them learnt the last thing.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ProtocolResult {
    /// The name of the protocol that was run.
    pub protocol: String,
    /// The clock it ran with.
    pub clock: Clock,
    /// The number of runs in which all present nodes ended equal.
    pub ended: u32,
    /// Rounds until then; in virtual time seconds.
    pub until_equal: Option<Estimate>,
    /// Messages sent, lost ones included.
    pub messages: Option<Estimate>,
    /// Their bytes.
    pub bytes: Option<Estimate>,
    /// `bytes` over the optimum.
    pub over_optimum: Option<Estimate>,
    /// Bytes of tensors alone over the optimum.
    pub tensors_over_optimum: Option<Estimate>,
    /// Whether each node ends with the exact set of contributions, so that it can merge them in any
    /// way and knows whose they are.
    pub exact_sets: bool,
    /// Whether all nodes end equal when messages are lost: those of the configuration, or else, in
    /// one run for that, every tenth.
    pub survives_loss: bool,
    /// The runs, by seed.
    pub runs: Vec<ProtocolRun>,
}

/// A run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ProtocolRun {
    /// The seed of the run.
    pub seed: u64,
    /// Whether all nodes ended equal.
    pub ended: bool,
    /// When the last of them learnt the last thing: a round, in virtual time seconds.
    pub until_equal: f64,
    /// Messages sent up to then.
    pub messages: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The part of these bytes that belongs to tensors.
    pub tensor_bytes: u64,
    /// The number of messages that were sent again in the whole run. Only `mean-only` resends.
    pub resent: u64,
    /// Records of the event log.
    pub logged: u64,
    /// The hash over them.
    pub event_log: Digest,
}

impl ExchangesConfig {
    /// Checks what can be known before anything runs.
    ///
    /// # Errors
    /// [`SimError::Field`] if there is nothing to run, or something that does not go with a
    /// comparison.
    pub fn check(&self) -> Result<(), SimError> {
        self.check_network()?;
        let seed = self.seeds[0];
        let mut running = self.protocols.iter().filter(|p| self.left_out(**p).is_none()).peekable();
        if running.peek().is_none() {
            return Err(field("clock", "none of these protocols runs by this clock"));
        }
        running.try_for_each(|protocol| self.run_of(*protocol, seed, None).check())
    }

    /// What does not depend on the protocol.
    fn check_network(&self) -> Result<(), SimError> {
        if self.seeds.is_empty() {
            return Err(field("seeds", "must be at least 1"));
        }
        let Config { late_joiners, crash, retract, byzantine, retrain, .. } = &self.network;
        let others = [
            ("late_joiners", late_joiners.is_some()),
            ("crash", *crash > 0.0),
            ("retract", !retract.is_empty()),
            ("byzantine", *byzantine != Share::Count(0)),
            ("retrain", retrain.is_some()),
        ];
        match others.into_iter().find(|(_, given)| *given) {
            Some((name, _)) => Err(field(name, "cannot be used in a comparison of exchanges")),
            None => Ok(()),
        }
    }

    /// The runs of a protocol: a seed each, and one more in which messages are lost, unless they
    /// are in all.
    fn seeds_and_probe(&self) -> Vec<(u64, Option<f64>)> {
        let probe = (self.network.loss == 0.0).then_some((self.seeds[0], Some(LOSS)));
        self.seeds.iter().map(|seed| (*seed, None)).chain(probe).collect()
    }

    /// The configuration of each run that is made by a replica's exchanges, with the first seed and
    /// one round, as nothing is kept of a round: what it takes in memory.
    #[must_use]
    pub fn runs(&self) -> Vec<Config> {
        let running = self.protocols.iter().filter(|p| self.left_out(**p).is_none());
        let seed = self.seeds.first().copied().unwrap_or(1);
        let frames =
            |p: &Protocol| Config { wire: Wire::Frames, rounds: 1, ..self.run_of(*p, seed, None) };
        running.filter(|p| **p != Protocol::MeanOnly).map(frames).collect()
    }

    fn clock_of(&self, protocol: Protocol) -> Clock {
        self.clock.unwrap_or_else(|| protocol.own_clock())
    }

    fn left_out(&self, protocol: Protocol) -> Option<LeftOut> {
        let reason = protocol.refuses(self.clock_of(protocol))?.to_owned();
        Some(LeftOut { protocol, reason })
    }

    /// The configuration of one run.
    fn run_of(&self, protocol: Protocol, seed: u64, loss: Option<f64>) -> Config {
        let (exchange, schedule) = match protocol {
            Protocol::FullState => (Exchange::FullState, Schedule::Random),
            Protocol::Delta | Protocol::MeanOnly => (Exchange::Delta, Schedule::Random),
            Protocol::Intervals => (Exchange::Intervals, Schedule::Random),
            Protocol::Scheduled => (Exchange::Delta, Schedule::Scheduled),
            Protocol::Broadcast => (Exchange::Broadcast, Schedule::Random),
        };
        Config {
            exchange,
            schedule,
            clock: self.clock_of(protocol),
            loss: loss.unwrap_or(self.network.loss),
            // It is about the contributions; nobody looks at anything else.
            attest: false,
            metrics: Metrics::Off,
            seed,
            ..self.network.clone()
        }
    }
}

/// Runs all protocols with all seeds, in parallel. The result does not depend on the number of
/// threads. `watch` hears of every run that is over, in no order.
///
/// # Errors
/// [`SimError`] if a run cannot start.
pub fn run_exchanges(
    config: &ExchangesConfig,
    watch: &(dyn Fn(Protocol) + Sync),
) -> Result<Exchanges, SimError> {
    config.check()?;
    let left_out: Vec<_> = config.protocols.iter().filter_map(|p| config.left_out(*p)).collect();
    let running: Vec<_> =
        config.protocols.iter().copied().filter(|p| config.left_out(*p).is_none()).collect();
    let seeds = config.seeds_and_probe();
    let jobs: Vec<_> = running
        .iter()
        .flat_map(|protocol| seeds.iter().map(|(seed, loss)| (*protocol, *seed, *loss)))
        .collect();
    let run = |&(protocol, seed, loss): &(Protocol, u64, Option<f64>)| {
        let run = config.run_of(protocol, seed, loss);
        let tally = match protocol {
            Protocol::MeanOnly => {
                MembersRun::new(&run, None, &|network| MeanTree::open(&run, network))?.play()
            }
            _ => tally(&run)?,
        };
        watch(protocol);
        Ok(ran(&run, &tally))
    };
    let ran: Vec<_> = jobs.par_iter().map(run).collect::<Result<_, SimError>>()?;
    let (model_bytes, optimum) = optimum(&config.run_of(running[0], config.seeds[0], None))?;
    let results = running
        .into_iter()
        .zip(ran.chunks(seeds.len()))
        .map(|(protocol, runs)| {
            result(config, protocol.to_string(), config.clock_of(protocol), runs, optimum)
        })
        .collect();
    Ok(Exchanges { config: config.clone(), model_bytes, optimum, results, left_out })
}

/// Runs a protocol of one's own over the network of a comparison, with its seeds and faults, in
/// parallel: figures to put next to those of [`run_exchanges`]. `name` stands in the result; `make`
/// makes the protocol of each node. It runs in rounds, or in virtual time by a periodic clock if
/// the configuration says so. The configuration's own protocols are not run.
///
/// # Errors
/// [`SimError`] if a run cannot start.
pub fn run_protocol<P: ExchangeProtocol>(
    config: &ExchangesConfig,
    name: &str,
    make: &(dyn Fn(usize) -> P + Sync),
) -> Result<ProtocolResult, SimError> {
    config.check_network()?;
    let clock = config.clock_of(Protocol::Delta);
    check_clock(clock)?;
    let run = |&(seed, loss): &(u64, Option<f64>)| {
        let run = config.run_of(Protocol::Delta, seed, loss);
        run.check()?;
        let crowd = |network: &_| Crowd::new(&run, network, &|node| make(node));
        let tally = MembersRun::new(&run, None, &crowd)?.play();
        Ok(ran(&run, &tally))
    };
    let ran: Vec<_> =
        config.seeds_and_probe().par_iter().map(run).collect::<Result<_, SimError>>()?;
    let (_, optimum) = optimum(&config.run_of(Protocol::Delta, config.seeds[0], None))?;
    Ok(result(config, name.to_owned(), clock, &ran, optimum))
}

/// The bytes of one contribution's tensors, and the least that brings all of them to everybody.
fn optimum(config: &Config) -> Result<(u64, u64), SimError> {
    let task = Task::open(config)?;
    let model_bytes = task.train(0, 0, None)?.manifest.byte_len();
    Ok((model_bytes, least_bytes(&task, config.nodes, model_bytes)?))
}

/// For every node all tensors that it does not have from the beginning, once. Finished models may
/// share tensors; those that are trained differ in all.
fn least_bytes(task: &Task, nodes: u32, model_bytes: u64) -> Result<u64, SimError> {
    let nodes = u64::from(nodes);
    if task.retrains() {
        return Ok(nodes * (nodes - 1) * model_bytes);
    }
    let (mut all, mut own) = (BTreeMap::new(), 0);
    for node in 0..nodes as usize {
        let model = task.train(node, 0, None)?;
        let contents: BTreeMap<_, u64> =
            model.tensors().map(|(meta, content)| (meta.content, content.len() as u64)).collect();
        own += contents.values().sum::<u64>();
        all.extend(contents);
    }
    Ok(nodes * all.values().sum::<u64>() - own)
}

/// A run, and whether its nodes ended with exact sets.
fn ran(config: &Config, tally: &RunCost) -> (ProtocolRun, bool) {
    let news = tally.news;
    let until_equal = match config.clock {
        Clock::Rounds => f64::from(tally.round),
        Clock::Periodic | Clock::Poisson | Clock::None => news.time as f64 / 1e6,
    };
    let run = ProtocolRun {
        seed: config.seed,
        ended: tally.ended,
        until_equal,
        messages: news.messages,
        bytes: news.bytes,
        tensor_bytes: news.tensor_bytes,
        resent: tally.resent,
        logged: tally.logged,
        event_log: tally.event_log,
    };
    (run, tally.exact)
}

fn result(
    config: &ExchangesConfig,
    protocol: String,
    clock: Clock,
    all: &[(ProtocolRun, bool)],
    optimum: u64,
) -> ProtocolResult {
    let (runs, probe) = all.split_at(config.seeds.len());
    let survives = |runs: &[(ProtocolRun, bool)]| runs.iter().all(|(run, _)| run.ended);
    let ended: Vec<_> = runs.iter().map(|(run, _)| run).filter(|run| run.ended).collect();
    let estimate = |of: &dyn Fn(&ProtocolRun) -> f64| Estimate::of(ended.iter().map(|run| of(run)));
    let least = optimum.max(1) as f64;
    ProtocolResult {
        protocol,
        clock,
        ended: ended.len() as u32,
        until_equal: estimate(&|run| run.until_equal),
        messages: estimate(&|run| run.messages as f64),
        bytes: estimate(&|run| run.bytes as f64),
        over_optimum: estimate(&|run| run.bytes as f64 / least),
        tensors_over_optimum: estimate(&|run| run.tensor_bytes as f64 / least),
        exact_sets: runs.iter().all(|(_, exact)| *exact),
        survives_loss: if probe.is_empty() { survives(runs) } else { survives(probe) },
        runs: runs.iter().map(|(run, _)| run.clone()).collect(),
    }
}

impl Exchanges {
    /// As one line of JSON; `docs/SIMULATION.md` says what the fields mean.
    ///
    /// # Panics
    /// Never: all of it can be written.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("plain data is always JSON")
    }
}
