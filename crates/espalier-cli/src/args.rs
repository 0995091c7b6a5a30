//! The command line: help, completions and manual all come from this one definition.

use crate::maelstrom::Workload;
use clap::{Args, Parser, Subcommand};
use espalier::sim::{
    Attack, Churn, Clock, Config, Exchange, Family, LateJoiners, Latency, Metrics, Outage,
    PartitionSpec, Rate, RetractSpec, Retrain, Share, Span, Spread,
};
use espalier::topology::{Order, Schedule, Topology};
use espalier::trust::Profile;
use std::num::{NonZeroU32, NonZeroU64, NonZeroUsize};
use std::path::PathBuf;

/// Merge models without a server: a CRDT of signed contributions, gossip, trust and provenance.
#[derive(Debug, Parser)]
#[command(name = "espalier", version, propagate_version = true, max_term_width = 100)]
#[command(after_help = "Examples:
  espalier simulate                                    eight nodes learn to read digits
  espalier simulate --nodes 32 --byzantine 34% --attack sign-flip,nan
  espalier simulate --topology ring --partition 2@3..9 --late-joiners 2@5
  espalier verify espalier-report/report.json          run it again and compare

Exit codes: 0 done, 1 a check failed, 2 bad usage or input, 3 the environment.")]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// Print nothing but errors
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
    /// Threads to compute on [default: all]; the result does not depend on it
    #[arg(long, global = true, value_name = "N")]
    #[arg(value_parser = whole::<NonZeroUsize>, allow_negative_numbers = true)]
    pub(crate) threads: Option<NonZeroUsize>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a federation of gossiping nodes and write a report
    Simulate(Box<SimulateArgs>),
    /// Show how the state grew: contributions, roots, clocks, tombstones, wire sizes
    Trace(Box<TraceArgs>),
    /// Measure a grid of attacks: what is found, what it costs, and what rules do that are told f
    Byzantine(Box<ByzantineArgs>),
    /// Compare ways to spread contributions: rounds or seconds, messages, bytes, guarantees
    Exchanges(Box<ExchangesArgs>),
    /// Look for bugs of our own: runs drawn from seeds, judged from outside
    Swarm(Box<SwarmArgs>),
    /// Check a report or a scenario's by running it again, or records of evidence by themselves
    Verify(VerifyArgs),
    /// Recompute golden values: does this machine produce the specified bits?
    Selfcheck,
    /// Be a node of Maelstrom's tests, on standard input and output
    Maelstrom(MaelstromArgs),
    /// Print a completion script
    Completions {
        /// For which shell
        shell: clap_complete::Shell,
    },
    /// Print the manual
    Man {
        /// Write a page per subcommand into this folder
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
}

/// `simulate`: the run, and what to do with it.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:
  espalier simulate
      eight nodes, each with a part of the digits, until all rounds are over
  espalier simulate --nodes 128 --model synthetic:16x16 --until-converged
      the classic demonstration at sixteen times its size
  espalier simulate --model model.safetensors --strategy ties --param density=0.3
      seeded fine-tunes of a real model
  espalier simulate --byzantine 3 --attack sign-flip,equivocation,nan --spread mild
      three liars, and nobody is told who they are
  espalier simulate --clock periodic --latency lognormal:80ms:0.5 --bandwidth 2MB/s --loss 0.05
      in virtual time, over links that are slow and lose messages
  espalier simulate --log events.jsonl
      with every event in a file, for
  espalier simulate --replay events.jsonl --until 120 --show node_3
      the same run again up to its 120th event, and what node 3 knows then
  espalier simulate --scenario churn.toml --seeds 5
      several runs, each with five seeds, compared with intervals

Open espalier-report/report.html when it is done.")]
pub(crate) struct SimulateArgs {
    /// Make all runs of this scenario file with all its seeds, in place of one run
    #[arg(long, value_name = "FILE", conflicts_with_all = of_one_run(), help_heading = "Scenario")]
    pub(crate) scenario: Option<PathBuf>,
    /// With how many seeds [default: as in the file]
    #[arg(long, value_name = "N", requires = "scenario", help_heading = "Scenario")]
    #[arg(value_parser = whole::<NonZeroU32>, allow_negative_numbers = true)]
    pub(crate) seeds: Option<NonZeroU32>,
    #[command(flatten)]
    pub(crate) run: RunArgs,
    /// Folder for report.html, report.json and audit.csv, or for scenario.html, scenario.json,
    /// scenario.csv and summary.csv [default: espalier-report, or espalier-scenario]
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    pub(crate) out: Option<PathBuf>,
    /// Overwrite an existing report
    #[arg(long, help_heading = "Output")]
    pub(crate) force: bool,
    /// Also write the JSON report to this file, or to standard output with `-`
    #[arg(long, value_name = "FILE|-", help_heading = "Output")]
    pub(crate) json: Option<PathBuf>,
    /// Exit with 1 unless all honest active nodes end with one state, in all runs of a scenario
    #[arg(long, help_heading = "Output")]
    pub(crate) require_convergence: bool,
    /// Write every event to this file, for --replay
    #[arg(long, value_name = "FILE", help_heading = "Replay")]
    pub(crate) log: Option<PathBuf>,
    /// Run what this event log is of again, and compare event by event
    #[arg(long, value_name = "LOG", help_heading = "Replay")]
    #[arg(conflicts_with_all = ["RunArgs", "log", "require_convergence"])]
    pub(crate) replay: Option<PathBuf>,
    /// Stop the replay after this event and show the nodes
    #[arg(long, value_name = "EVENT", requires = "replay", help_heading = "Replay")]
    #[arg(value_parser = whole::<NonZeroU64>, allow_negative_numbers = true)]
    pub(crate) until: Option<NonZeroU64>,
    /// Which node to show, such as node_3 or 3; may be repeated [default: all, up to 16]
    #[arg(long, value_name = "NODE", requires = "replay", help_heading = "Replay")]
    pub(crate) show: Vec<String>,
}

/// `trace`: a report to read, or a small run to make.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:
  espalier trace
      four nodes, one of which retracts, from the first operation to the last root
  espalier trace --report espalier-report/report.json
      the same for a run that was made before
  espalier trace --nodes 5 --model digits --byzantine 1 --attack retract-others")]
pub(crate) struct TraceArgs {
    /// Read this report, or the one in this folder, instead of running anything
    #[arg(long, value_name = "FILE", conflicts_with = "RunArgs")]
    pub(crate) report: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) run: RunArgs,
    /// Print the trace as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// `byzantine`: the axes of the grid.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:
  espalier byzantine --quick
      fourteen attacks, 20 nodes, two spreads, in less than a minute
  espalier byzantine --nodes 50 --byzantine 34%,45% --spread iid --attack alie:0.5:1,white-box
      two attacks that hide within the honest spread
  espalier byzantine --model digits --nodes 20 --spread dirichlet:0.3
      a network that learns to read digits, with nodes that measure each other
  espalier byzantine
      the whole grid, for half an hour; interrupt it and start it again, and it goes on

A list replaces the whole axis. Open espalier-byzantine/byzantine.html when it is done.")]
pub(crate) struct ByzantineArgs {
    /// A small grid, in less than a minute
    #[arg(long)]
    pub(crate) quick: bool,
    /// Attacks, as for `simulate`; each is run alone [default: all]
    #[arg(long, value_name = "NAME,…", value_delimiter = ',', help_heading = "Axes")]
    pub(crate) attack: Vec<Attack>,
    /// How many nodes lie: numbers or shares [default: 0,10%,20%,34%,40%,45%,49%]
    #[arg(long, value_name = "SHARE,…", value_delimiter = ',', help_heading = "Axes")]
    pub(crate) byzantine: Vec<Share>,
    /// How honest data differ [default: iid,mild,strong,dirichlet:0.3,clusters:2]
    #[arg(long, value_name = "NAME,…", value_delimiter = ',', help_heading = "Axes")]
    pub(crate) spread: Vec<Spread>,
    /// Who knows whom [default: random]
    #[arg(long, value_name = "NAME,…", value_delimiter = ',', help_heading = "Axes")]
    pub(crate) topology: Vec<Topology>,
    /// Numbers of nodes [default: 20,50,100]
    #[arg(long, value_name = "N,…", value_delimiter = ',', help_heading = "Axes")]
    #[arg(value_parser = whole::<u32>)]
    pub(crate) nodes: Vec<u32>,
    /// How many seeds [default: 1]
    #[arg(long, value_name = "COUNT", value_parser = whole::<NonZeroU32>, help_heading = "Axes")]
    pub(crate) seeds: Option<NonZeroU32>,
    /// The first seed
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "Axes")]
    #[arg(value_parser = whole::<u64>)]
    pub(crate) seed: u64,
    /// What is merged: synthetic:SHAPE or digits [default: synthetic:1024, with --quick 512]
    #[arg(long, value_name = "MODEL", help_heading = "Runs")]
    pub(crate) model: Option<Family>,
    /// Constants of the trust score: strict or clustered [default: clustered for clusters:K,
    /// strict elsewhere]
    #[arg(long, value_name = "NAME", value_parser = profile, help_heading = "Runs")]
    pub(crate) profile: Option<Profile>,
    /// Train again from the merged model every EVERY rounds, TIMES times
    #[arg(long, value_name = "EVERY:TIMES", help_heading = "Runs")]
    pub(crate) retrain: Option<Retrain>,
    /// Let nodes not measure each other
    #[arg(long, help_heading = "Runs")]
    pub(crate) no_attest: bool,
    /// Folder for byzantine.html, byzantine.json and byzantine.csv; a grid that was interrupted
    /// there goes on
    #[arg(long, value_name = "DIR", default_value = "espalier-byzantine", help_heading = "Output")]
    pub(crate) out: PathBuf,
    /// Overwrite what is there, and begin anew
    #[arg(long, help_heading = "Output")]
    pub(crate) force: bool,
    /// Also write the JSON to this file, or to standard output with `-`
    #[arg(long, value_name = "FILE|-", help_heading = "Output")]
    pub(crate) json: Option<PathBuf>,
}

/// `exchanges`: the network on which all are compared.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:
  espalier exchanges
      all of them over a complete network of 64 nodes
  espalier exchanges --topology ring --model synthetic:128x128 --loss 0.1
      64 KiB each, around a ring on which every tenth message is lost
  espalier exchanges --clock periodic --latency lognormal:80ms:0.5
      in seconds, over slow links; `scheduled` is left out, as it is about rounds

Figures are up to the moment when the last node learnt the last thing.")]
pub(crate) struct ExchangesArgs {
    /// Number of nodes
    #[arg(long, value_name = "N", default_value_t = 64, help_heading = "Network")]
    #[arg(value_parser = whole::<u32>, allow_negative_numbers = true)]
    pub(crate) nodes: u32,
    /// Who knows whom, as for `simulate`
    #[arg(long, value_name = "NAME", default_value = "complete", help_heading = "Network")]
    pub(crate) topology: Topology,
    /// What is spread: synthetic:SHAPE, digits or a path
    #[arg(long, value_name = "MODEL", default_value = "synthetic:16x16", help_heading = "Network")]
    pub(crate) model: Family,
    /// Probability that a message is lost
    #[arg(long, value_name = "P", default_value = "0", value_parser = probability)]
    #[arg(allow_negative_numbers = true, help_heading = "Network")]
    pub(crate) loss: f64,
    /// When nodes begin exchanges: rounds, periodic, poisson or none [default: broadcast periodic,
    /// the others rounds]
    #[arg(long, value_name = "WHICH", help_heading = "Network")]
    pub(crate) clock: Option<Clock>,
    /// How long messages are under way, as for `simulate`
    #[arg(long, value_name = "WHICH", default_value = "none", help_heading = "Network")]
    pub(crate) latency: Latency,
    /// How many seeds
    #[arg(long, value_name = "COUNT", default_value = "5", help_heading = "Runs")]
    #[arg(value_parser = whole::<NonZeroU32>)]
    pub(crate) seeds: NonZeroU32,
    /// The first of them
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "Runs")]
    #[arg(value_parser = whole::<u64>)]
    pub(crate) seed: u64,
    /// After how many rounds or periods a run ends that is not equal by then [default: 20 for each
    /// node, and 200]
    #[arg(long, value_name = "N", value_parser = whole::<NonZeroU32>, help_heading = "Runs")]
    pub(crate) rounds: Option<NonZeroU32>,
    /// Also write the JSON to this file, or to standard output with `-`, in place of the table
    #[arg(long, value_name = "FILE|-", help_heading = "Output")]
    pub(crate) json: Option<PathBuf>,
    /// Overwrite that file
    #[arg(long, requires = "json", help_heading = "Output")]
    pub(crate) force: bool,
}

/// `swarm`: which runs to judge.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:
  espalier swarm
      a thousand runs, each drawn from a seed with everything it has
  espalier swarm --seed 1000000 --minutes 30
      others, for half an hour
  espalier swarm --replay espalier-swarm/trust-17.json
      a violation that was found before, with details
  espalier swarm --fixed --nodes 5 --model synthetic:4 --loss 0.3 --crash 0.2 --seeds 100
      one configuration with a hundred seeds

Exit code 1 says that something was wrong. What is found is made small and written into --out.")]
pub(crate) struct SwarmArgs {
    /// How many seeds, from --seed on [default: 1000]
    #[arg(long, value_name = "COUNT", value_parser = whole::<u64>, conflicts_with = "minutes")]
    #[arg(help_heading = "Swarm")]
    pub(crate) seeds: Option<u64>,
    /// Go on for so many minutes
    #[arg(long, value_name = "M", value_parser = minutes, help_heading = "Swarm")]
    pub(crate) minutes: Option<f64>,
    /// Judge the run in this file again
    #[arg(long, value_name = "FILE", conflicts_with_all = ["seeds", "minutes", "fixed"])]
    #[arg(help_heading = "Swarm")]
    pub(crate) replay: Option<PathBuf>,
    /// Draw nothing but take the configuration from the flags below
    #[arg(long, help_heading = "Swarm")]
    pub(crate) fixed: bool,
    /// Folder for what was found
    #[arg(long, value_name = "DIR", default_value = "espalier-swarm", help_heading = "Swarm")]
    pub(crate) out: PathBuf,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

/// `verify`: what to check.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:
  espalier verify espalier-report/report.json
      run it again and compare; likewise espalier-scenario/scenario.json
  espalier verify --evidence evidence.json
      who is convicted of what, and why: each record proves itself, offline")]
pub(crate) struct VerifyArgs {
    /// A report.json or scenario.json, or the folder it is in
    #[arg(value_name = "REPORT", required_unless_present = "evidence")]
    pub(crate) report: Option<PathBuf>,
    /// Check the records in this file: one or a list of them in JSON, a state in JSON or binary
    /// form, or a report that has some
    #[arg(long, value_name = "FILE", conflicts_with = "report")]
    pub(crate) evidence: Option<PathBuf>,
}

/// `maelstrom`: what to serve.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:
  maelstrom test -w broadcast --bin ./node --node-count 5 --nemesis partition
      with a script ./node of two lines: `#!/bin/sh` and
      `exec espalier maelstrom broadcast`
  maelstrom test -w g-set --bin ./node --node-count 5 --nemesis partition
      the same with `g-set`

The keys of these nodes follow from their names: anybody can compute them.")]
pub(crate) struct MaelstromArgs {
    /// The workload
    pub(crate) workload: Workload,
    /// Milliseconds between rounds of gossip; news go out at once, but at most once per round to
    /// each neighbour
    #[arg(long, value_name = "MS", default_value = "100")]
    #[arg(value_parser = whole::<NonZeroU32>, allow_negative_numbers = true)]
    pub(crate) period: NonZeroU32,
}

/// A run.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// Number of nodes [default: 8, in `trace` 4, or the number of models in a folder]
    #[arg(long, value_name = "N", help_heading = "Federation")]
    #[arg(value_parser = whole::<u32>, allow_negative_numbers = true)]
    pub(crate) nodes: Option<u32>,
    /// Number of rounds [default: 20, in `trace` 6]
    #[arg(long, value_name = "N", help_heading = "Federation")]
    #[arg(value_parser = whole::<u32>, allow_negative_numbers = true)]
    pub(crate) rounds: Option<u32>,
    /// Stop once all honest active nodes are equal and nothing is still to happen
    #[arg(long, help_heading = "Federation")]
    until_converged: bool,
    /// Who knows whom: random, ring, star, complete, line, torus, hypercube, regular:K,
    /// erdos-renyi:P, watts-strogatz:K:B, barabasi-albert:M, file:PATH
    #[arg(long, value_name = "NAME", default_value = "random", help_heading = "Federation")]
    topology: Topology,
    /// Whom a node asks: a random neighbour, or the full schedule
    #[arg(long, value_name = "random|scheduled", default_value = "random")]
    #[arg(help_heading = "Federation")]
    schedule: Schedule,
    /// Whether exchanges of one round see each other
    #[arg(long, value_name = "sequential|synchronous", default_value = "sequential")]
    #[arg(help_heading = "Federation")]
    order: Order,
    /// What nodes send each other: what the other lacks, everything, what is new since the last
    /// time, or fresh operations by broadcast trees
    #[arg(long, value_name = "delta|full-state|intervals|broadcast", default_value = "delta")]
    #[arg(help_heading = "Federation")]
    exchange: Exchange,
    /// Seed of all randomness, in a scenario the first one [default: 1, in a scenario as in its
    /// file]
    #[arg(long, value_name = "N", help_heading = "Federation")]
    #[arg(value_parser = whole::<u64>, allow_negative_numbers = true)]
    pub(crate) seed: Option<u64>,

    /// What is merged: digits, synthetic:SHAPE, a .safetensors file, a sharded index, or a folder
    /// with one model per node [default: digits, in `trace` synthetic:16x16]
    #[arg(long, value_name = "MODEL", help_heading = "Models")]
    pub(crate) model: Option<Family>,
    /// How to merge: weight-average, slerp, task-arithmetic, ties, dare-linear, and the robust
    /// median, trimmed-mean, meamed, geometric-median, krum, multi-krum, mda, centered-clipping,
    /// caf, average
    #[arg(long, value_name = "NAME", default_value = "weight-average", help_heading = "Models")]
    strategy: String,
    /// A parameter of the strategy; may be repeated
    #[arg(long = "param", value_name = "KEY=VALUE", value_parser = parameter)]
    #[arg(help_heading = "Models")]
    parameters: Vec<(String, String)>,
    /// How the nodes' data differ: iid, mild, strong, dirichlet:A, clusters:K
    #[arg(long, value_name = "NAME", default_value = "iid", help_heading = "Models")]
    spread: Spread,
    /// Train again from the merged model every so many rounds
    #[arg(long, value_name = "EVERY", help_heading = "Models")]
    #[arg(value_parser = whole::<u32>, allow_negative_numbers = true)]
    retrain: Option<u32>,
    /// Constants of the trust score: strict, or clustered for data known to differ
    #[arg(long, value_name = "NAME", default_value = "strict", value_parser = profile)]
    #[arg(help_heading = "Models")]
    profile: Profile,
    /// Let nodes not measure each other's contributions
    #[arg(long, help_heading = "Models")]
    no_attest: bool,

    /// Nodes that join later, such as 2@5
    #[arg(long, value_name = "COUNT@ROUND", help_heading = "Faults")]
    late_joiners: Option<LateJoiners>,
    /// Cut the network for some rounds: 2@3..9, one-way:2@3..9 (back messages are lost) or
    /// bridge:2@3..9 (node 0 hears both sides)
    #[arg(long, value_name = "PARTS@FROM..UNTIL", help_heading = "Faults")]
    partition: Option<PartitionSpec>,
    /// Probability that a message is lost
    #[arg(long, value_name = "P", default_value = "0", value_parser = probability)]
    #[arg(allow_negative_numbers = true, help_heading = "Faults")]
    loss: f64,
    /// Probability that a message arrives twice
    #[arg(long, value_name = "P", default_value = "0", value_parser = probability)]
    #[arg(allow_negative_numbers = true, help_heading = "Faults")]
    duplicate: f64,
    /// Probability that a message is held back until the round's other exchanges are over
    #[arg(long, value_name = "P", default_value = "0", value_parser = probability)]
    #[arg(allow_negative_numbers = true, help_heading = "Faults")]
    reorder: f64,
    /// Messages are under way for 0 to this many rounds
    #[arg(long, value_name = "ROUNDS", default_value_t = 0, help_heading = "Faults")]
    #[arg(value_parser = whole::<u32>, allow_negative_numbers = true)]
    delay: u32,
    /// Probability per round that a node crashes and comes back with what was durable
    #[arg(long, value_name = "P", default_value = "0", value_parser = probability)]
    #[arg(allow_negative_numbers = true, help_heading = "Faults")]
    crash: f64,
    /// A node is down for some rounds, such as 0@3..6; may be repeated
    #[arg(long, value_name = "NODE@FROM..UNTIL", help_heading = "Faults")]
    outage: Vec<Outage>,
    /// Nodes leave and come back: poisson:LEAVE:JOIN, rates per round, or file:PATH with lines
    /// ROUND NODE leave|join|crash|restart
    #[arg(long, value_name = "WHICH", help_heading = "Faults")]
    churn: Option<Churn>,
    /// A node retracts its contribution, such as 3@6; may be repeated
    #[arg(long, value_name = "NODE@ROUND", help_heading = "Faults")]
    pub(crate) retract: Vec<RetractSpec>,

    /// When nodes begin exchanges: rounds, or in virtual time periodic, poisson, or none (a node
    /// passes on what it has just learnt)
    #[arg(long, value_name = "WHICH", default_value = "rounds", help_heading = "Time")]
    clock: Clock,
    /// How long a round is in virtual time
    #[arg(long, value_name = "TIME", default_value = "1s", help_heading = "Time")]
    period: Span,
    /// How long messages are under way: none, constant:TIME, uniform:TIME..TIME,
    /// lognormal:MEDIAN:SIGMA, or file:PATH with a matrix of milliseconds between regions
    #[arg(long, value_name = "WHICH", default_value = "none", help_heading = "Time")]
    latency: Latency,
    /// How much a link carries in each direction, such as 10MB/s
    #[arg(long, value_name = "RATE", help_heading = "Time")]
    bandwidth: Option<Rate>,

    /// How many nodes lie: a number or a share such as 34%
    #[arg(long, value_name = "COUNT|PERCENT%", default_value = "0", help_heading = "Liars")]
    byzantine: Share,
    /// What they do, dealt out among them in turn. With their tensors: sign-flip, ipm:T, alie:T,
    /// optimal-alie, optimal-ipm, mimic, gaussian:S, scale:K, min-max, min-sum, spread:T, groups:T,
    /// ring:R, block:T, top-component:T, drift:T, label-flip, white-box, nan, inf. With the
    /// protocol: equivocation, equivocation-relayed, amnesia, erratic, retract-others, copy,
    /// slander, forged-nan, payload-mismatch, withhold:N, silent, replay, overweight, future-round,
    /// praise, vote-down, flood
    #[arg(long, value_name = "NAME", value_delimiter = ',', default_value = "sign-flip")]
    #[arg(help_heading = "Liars")]
    attack: Vec<Attack>,

    /// For how many nodes per-node figures are computed: full, sample:K, off
    /// [default: full up to 256 nodes, sample:64 above]
    #[arg(long, value_name = "WHICH", default_value = "auto", hide_default_value = true)]
    #[arg(help_heading = "Output")]
    metrics: Metrics,
}

impl RunArgs {
    /// The configuration these flags describe, with other defaults where a flag has none of its
    /// own.
    pub(crate) fn config(&self, nodes: u32, rounds: u32, model: Family) -> Config {
        Config {
            nodes: self.nodes.unwrap_or(nodes),
            rounds: self.rounds.unwrap_or(rounds),
            until_converged: self.until_converged,
            topology: self.topology.clone(),
            schedule: self.schedule,
            order: self.order,
            exchange: self.exchange,
            strategy: self.strategy.clone(),
            parameters: self.parameters.iter().cloned().collect(),
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
            attack: self.attack.clone(),
            spread: self.spread,
            retrain: self.retrain,
            profile: self.profile,
            attest: !self.no_attest,
            metrics: self.metrics,
            seed: self.seed.unwrap_or(1),
        }
    }
}

/// The flags that describe one run, so that a scenario says it instead. Its first seed is no such
/// thing.
fn of_one_run() -> Vec<clap::Id> {
    let run = RunArgs::augment_args(clap::Command::new("run"));
    let flags = run.get_arguments().map(|flag| flag.get_id().clone());
    let others = ["log", "replay"].map(clap::Id::from);
    flags.filter(|id| id != "seed").chain(others).collect()
}

fn profile(text: &str) -> Result<Profile, String> {
    match text {
        "strict" => Ok(Profile::Strict),
        "clustered" => Ok(Profile::Clustered),
        _ => Err("it is strict or clustered".into()),
    }
}

fn whole<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    let least = u8::from("0".parse::<T>().is_err());
    let most = std::mem::size_of::<T>() * 8;
    let wrong = || format!("it is a whole number from {least} to 2^{most} - 1");
    text.parse().map_err(|_| wrong())
}

fn probability(text: &str) -> Result<f64, String> {
    let value = text.parse().ok().filter(|p| (0.0..=1.0).contains(p));
    value.ok_or_else(|| "it is a probability from 0 to 1, such as 0.1".into())
}

fn minutes(text: &str) -> Result<f64, String> {
    let value = text.parse().ok().filter(|m: &f64| *m > 0.0 && *m <= 1e6);
    value.ok_or_else(|| "it is a number of minutes above 0, such as 0.5".into())
}

fn parameter(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("it is KEY=VALUE, such as density=0.3")?;
    Ok((key.trim().to_owned(), value.trim().to_owned()))
}
