//! The flags that describe one run.

use super::{parameter, probability, profiles, whole, words};
use clap::{Args, ValueHint};
use espalier::sim::{
    Attack, Buffers, Churn, Clock, Config, Exchange, Family, LateJoiners, Latency, Metrics, Outage,
    PartitionSpec, Rate, RetractSpec, Share, Span, Spread, Wire,
};
use espalier::topology::{Order, Schedule, Topology};
use espalier::trust::Profile;
use std::collections::BTreeMap;

/// A run.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// Number of nodes [default: 8 (4 in `trace`), or the number of models in a folder]
    #[arg(long, value_name = "N", help_heading = "Federation")]
    #[arg(value_parser = whole::<u32>)]
    #[arg(value_hint = ValueHint::Other)]
    pub(crate) nodes: Option<u32>,
    /// Number of rounds [default: 20 (6 in `trace`)]
    #[arg(long, value_name = "N", help_heading = "Federation")]
    #[arg(value_parser = whole::<u32>)]
    #[arg(value_hint = ValueHint::Other)]
    pub(crate) rounds: Option<u32>,
    #[arg(long, value_name = "NAME", default_value = "random", help_heading = "Federation")]
    #[arg(help = words::networks())]
    #[arg(value_parser = words::topologies(), hide_possible_values = true)]
    topology: Topology,
    /// Whom a node asks: a random neighbour, or the full schedule
    #[arg(long, value_name = "random|scheduled", default_value = "random")]
    #[arg(help_heading = "Federation")]
    #[arg(value_parser = words::one_of::<Schedule>(words::schedules), hide_possible_values = true)]
    schedule: Schedule,
    /// Whether the exchanges of a round see each other's results
    #[arg(long, value_name = "sequential|synchronous", default_value = "sequential")]
    #[arg(help_heading = "Federation")]
    #[arg(value_parser = words::one_of::<Order>(words::orders), hide_possible_values = true)]
    order: Order,
    /// What nodes send each other: what the other lacks (delta), everything (full-state), what is
    /// new since the last time (intervals), or fresh operations along trees (broadcast)
    #[arg(long, value_name = "delta|full-state|intervals|broadcast", default_value = "delta")]
    #[arg(help_heading = "Federation")]
    #[arg(value_parser = words::one_of::<Exchange>(words::exchanges), hide_possible_values = true)]
    exchange: Exchange,
    /// Seed of all randomness, or the first seed of a scenario [default: 1, or as in the scenario
    /// file]
    #[arg(long, value_name = "N", help_heading = "Federation")]
    #[arg(value_parser = whole::<u64>)]
    #[arg(value_hint = ValueHint::Other)]
    pub(crate) seed: Option<u64>,

    /// The model to merge: digits, synthetic:SHAPE, a .safetensors file, a sharded index, or a
    /// folder with one model per node [default: digits (synthetic:16x16 in `trace`)]
    #[arg(long, value_name = "MODEL", help_heading = "Models")]
    #[arg(value_parser = words::models(), hide_possible_values = true)]
    pub(crate) model: Option<Family>,
    /// How to merge: weight-average, slerp, task-arithmetic, ties, dare-linear, another of
    /// `espalier strategies`, or a robust rule: median, trimmed-mean, meamed, geometric-median,
    /// krum, multi-krum, mda, centered-clipping, caf, average
    #[arg(long, value_name = "NAME", default_value = "weight-average", help_heading = "Models")]
    #[arg(value_parser = words::strategies(), hide_possible_values = true)]
    strategy: String,
    /// A parameter of the strategy; may be repeated
    #[arg(long = "param", value_name = "KEY=VALUE", value_parser = parameter)]
    #[arg(help_heading = "Models")]
    #[arg(value_hint = ValueHint::Other)]
    parameters: Vec<(String, String)>,
    /// How to merge tensors of integers, such as counters, that differ between models: keep those
    /// of the base (base), take the rounded mean (mean), or fail (error) [default: error]
    #[arg(long, value_name = "base|mean|error", help_heading = "Models")]
    buffers: Option<Buffers>,
    /// How the nodes' data differ: iid, mild, strong, dirichlet:A, clusters:K
    #[arg(long, value_name = "NAME", default_value = "iid", help_heading = "Models")]
    #[arg(value_parser = words::spreads(), hide_possible_values = true)]
    spread: Spread,
    /// Train again from the merged model every EVERY rounds
    #[arg(long, value_name = "EVERY", help_heading = "Models")]
    #[arg(value_parser = whole::<u32>)]
    #[arg(value_hint = ValueHint::Other)]
    retrain: Option<u32>,
    /// Constants of the trust score: strict, or clustered for data known to differ
    #[arg(long, value_name = "NAME", default_value = "strict", value_parser = profiles())]
    #[arg(hide_possible_values = true)]
    #[arg(help_heading = "Models")]
    profile: Profile,
    /// Do not let nodes measure each other's contributions
    #[arg(long, help_heading = "Models")]
    no_attest: bool,

    /// Nodes that join later, such as 2@5
    #[arg(long, value_name = "COUNT@ROUND", help_heading = "Faults")]
    #[arg(value_hint = ValueHint::Other)]
    late_joiners: Option<LateJoiners>,
    /// Cut the network into parts for some rounds: 2@3..9, one-way:2@3..9 (messages get across in
    /// one direction only) or bridge:2@3..9 (node 0 hears both sides)
    #[arg(long, value_name = "PARTS@FROM..UNTIL", help_heading = "Faults")]
    #[arg(value_hint = ValueHint::Other)]
    partition: Option<PartitionSpec>,
    /// Probability that a message is lost
    #[arg(long, value_name = "P", default_value = "0", value_parser = probability)]
    #[arg(help_heading = "Faults")]
    #[arg(value_hint = ValueHint::Other)]
    loss: f64,
    /// Probability that a message arrives twice
    #[arg(long, value_name = "P", default_value = "0", value_parser = probability)]
    #[arg(help_heading = "Faults")]
    #[arg(value_hint = ValueHint::Other)]
    duplicate: f64,
    /// Probability that a message is held back until the round's other exchanges are over
    #[arg(long, value_name = "P", default_value = "0", value_parser = probability)]
    #[arg(help_heading = "Faults")]
    #[arg(value_hint = ValueHint::Other)]
    reorder: f64,
    /// Delay each message by 0 to ROUNDS rounds
    #[arg(long, value_name = "ROUNDS", default_value_t = 0, help_heading = "Faults")]
    #[arg(value_parser = whole::<u32>)]
    #[arg(value_hint = ValueHint::Other)]
    delay: u32,
    /// Probability per round that a node crashes and restarts with what it had stored
    #[arg(long, value_name = "P", default_value = "0", value_parser = probability)]
    #[arg(help_heading = "Faults")]
    #[arg(value_hint = ValueHint::Other)]
    crash: f64,
    /// Take a node down for some rounds, such as 0@3..6; may be repeated
    #[arg(long, value_name = "NODE@FROM..UNTIL", help_heading = "Faults")]
    #[arg(value_hint = ValueHint::Other)]
    outage: Vec<Outage>,
    /// Let nodes leave and come back: poisson:LEAVE:JOIN with rates per round, or file:PATH with
    /// lines of the form ROUND NODE leave|join|crash|restart
    #[arg(long, value_name = "WHICH", help_heading = "Faults")]
    #[arg(value_hint = ValueHint::Other)]
    churn: Option<Churn>,
    /// Let a node retract its contribution, such as 3@6; may be repeated
    #[arg(long, value_name = "NODE@ROUND", help_heading = "Faults")]
    #[arg(value_hint = ValueHint::Other)]
    pub(crate) retract: Vec<RetractSpec>,

    /// When nodes begin exchanges: in rounds, or in virtual time: periodic, poisson, or none
    /// (nodes only pass on what they have just learnt)
    #[arg(long, value_name = "WHICH", default_value = "rounds", help_heading = "Time")]
    #[arg(value_parser = words::one_of::<Clock>(words::clocks), hide_possible_values = true)]
    clock: Clock,
    /// Length of a round in virtual time
    #[arg(long, value_name = "TIME", default_value = "1s", help_heading = "Time")]
    #[arg(value_hint = ValueHint::Other)]
    period: Span,
    /// How long messages take: none, constant:TIME, uniform:TIME..TIME,
    /// lognormal:MEDIAN:SIGMA, or file:PATH with a matrix of milliseconds between regions
    #[arg(long, value_name = "WHICH", default_value = "none", help_heading = "Time")]
    #[arg(value_hint = ValueHint::Other)]
    latency: Latency,
    /// Capacity of a link in each direction, such as 10MB/s
    #[arg(long, value_name = "RATE", help_heading = "Time")]
    #[arg(value_hint = ValueHint::Other)]
    bandwidth: Option<Rate>,

    /// How many nodes lie: a number or a share such as 34%
    #[arg(long, value_name = "COUNT|PERCENT%", default_value = "0", help_heading = "Liars")]
    #[arg(value_hint = ValueHint::Other)]
    byzantine: Share,
    /// Attacks, dealt out among the liars in turn. On the model: sign-flip, ipm:T, alie:T,
    /// optimal-alie, optimal-ipm, mimic, gaussian:S, scale:K, min-max, min-sum, spread:T, groups:T,
    /// ring:R, block:T, top-component:T, drift:T, label-flip, white-box, nan, inf. On the
    /// protocol: equivocation, equivocation-relayed, amnesia, erratic, retract-others, copy,
    /// slander, forged-nan, payload-mismatch, withhold:N, silent, replay, overweight, future-round,
    /// praise, vote-down, flood [default: sign-flip]
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    #[arg(help_heading = "Liars")]
    #[arg(value_parser = words::attacks(), hide_possible_values = true)]
    attack: Vec<Attack>,

    /// Which nodes to compute per-node figures for: full (all), sample:K, off
    /// [default: full up to 256 nodes, sample:64 above]
    #[arg(long, value_name = "WHICH", default_value = "auto", hide_default_value = true)]
    #[arg(help_heading = "Output")]
    #[arg(value_parser = words::one_of::<Metrics>(words::metrics), hide_possible_values = true)]
    metrics: Metrics,
}

impl RunArgs {
    /// The configuration these flags describe, with other defaults where a flag has none of its
    /// own.
    ///
    /// # Errors
    /// A flag that says nothing, or says two things at once.
    pub(crate) fn config(&self, nodes: u32, rounds: u32, model: Family) -> Result<Config, String> {
        let mut parameters = BTreeMap::new();
        for (key, value) in &self.parameters {
            if parameters.insert(key.clone(), value.clone()).is_some() {
                return Err(format!("--param: `{key}` is given twice"));
            }
        }
        if !self.attack.is_empty() && self.byzantine.of(self.nodes.unwrap_or(nodes)) == 0 {
            let right = "add liars with --byzantine, such as --byzantine 34%";
            return Err(format!("--attack: there are no liars; {right}"));
        }
        let attack = match self.attack.is_empty() {
            true => Config::default().attack,
            false => self.attack.clone(),
        };
        Ok(Config {
            nodes: self.nodes.unwrap_or(nodes),
            rounds: self.rounds.unwrap_or(rounds),
            until_converged: false,
            topology: self.topology.clone(),
            schedule: self.schedule,
            order: self.order,
            exchange: self.exchange,
            wire: Wire::Auto,
            strategy: self.strategy.clone(),
            parameters,
            buffers: self.buffers,
            model: self.model.clone().unwrap_or(model),
            base_root: None,
            late_joiners: self.late_joiners,
            partition: self.partition.clone(),
            loss: self.loss,
            duplicate: self.duplicate,
            reorder: self.reorder,
            delay: self.delay,
            crash: self.crash,
            outage: self.outage.clone(),
            churn: self.churn.clone(),
            clock: self.clock,
            period: self.period,
            latency: self.latency.clone(),
            bandwidth: self.bandwidth,
            retract: self.retract.clone(),
            byzantine: self.byzantine,
            attack,
            spread: self.spread,
            retrain: self.retrain,
            profile: self.profile,
            attest: !self.no_attest,
            metrics: self.metrics,
            seed: self.seed.unwrap_or(1),
        })
    }
}

/// When a run ends, and how messages are sent. A jury watches frames to the end, so a swarm has
/// neither.
#[derive(Debug, Args)]
pub(crate) struct EndArgs {
    /// Stop once all honest active nodes agree and nothing is left to happen
    #[arg(long, help_heading = "Federation")]
    until_converged: bool,
    /// How messages are sent: as encoded and signed frames, or counted: sets are joined directly,
    /// and only the bytes that frames would have had are counted [default: frames up to 1,024
    /// nodes]
    #[arg(long, value_name = "frames|counted", default_value = "auto", hide_default_value = true)]
    #[arg(help_heading = "Federation")]
    #[arg(value_parser = words::one_of::<Wire>(words::wires), hide_possible_values = true)]
    wire: Wire,
}

impl EndArgs {
    /// The same run with what these flags say.
    pub(crate) fn of(&self, config: Config) -> Config {
        Config { until_converged: self.until_converged, wire: self.wire, ..config }
    }
}

/// What to do about memory.
#[derive(Debug, Args)]
pub(crate) struct MemoryArgs {
    /// Run even if it looks too large for this machine's memory
    #[arg(long)]
    pub(crate) any_size: bool,
}
