//! A deterministic gossip simulator over real replicas.
//!
//! The nodes are `espalier-replica` itself: they sign, encode, verify, merge and resolve as a real
//! node does, and hear each other only through encoded messages on links that lose, repeat, hold
//! back and delay. Same seed, same report, byte for byte, on any number of threads.
//!
//! * [`Config`]: a run; the flags of `espalier simulate`. [`simulate`]: runs it.
//!   [`simulate_watched`]: the same, with a callback that sees the run.
//! * [`Report`]: what it leaves behind. [`write_report`]: as JSON, CSV and a page.
//! * [`verify_report`]: runs a report's configuration again and compares.
//! * [`Scenario`]: several runs over several seeds, from a file. [`run_scenario`]: compares them.
//! * [`run_exchanges`]: compares ways to spread contributions.
//! * [`run_protocol`]: the same for a protocol of your own, an [`ExchangeProtocol`].
//! * [`run_rounds`]: counts rounds until all nodes agree, compared with a reference and theory.
//! * [`vectors`]: golden values that tell whether a machine computes the specified bits.
//!
//! Only the harness of this crate and the report know who lies; nothing below can see it.
//!
//! ```
//! use espalier_sim::{Config, simulate};
//! use std::ops::ControlFlow;
//!
//! let config = Config {
//!     nodes: 4,
//!     rounds: 6,
//!     model: "synthetic:4x4".parse()?,
//!     ..Config::default()
//! };
//! let report = simulate(&config, &mut |_| ControlFlow::Continue(()))?;
//! assert!(report.summary.converged);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod attack;
mod check;
mod config;
mod course;
mod engine;
mod error;
mod harness;
mod lab;
#[cfg(feature = "mutants")]
mod mutants;
mod node;
mod report;
mod run;
mod seeds;
mod swarm;
mod task;
mod tensors;
mod text;
mod world;

pub use attack::{Attack, Scene, Target};
pub use check::{MAX_NODES, MAX_ROUNDS};
pub use config::{
    Buffers, Churn, Clock, Config, Cut, Exchange, Family, LateJoiners, Latency, MAX_SYNTHETIC,
    MemoryLeft, Metrics, Outage, PartitionSpec, Rate, RetractSpec, Share, Span, Spread, Wire,
    address_space_left, memory_left, memory_side_by_side,
};
pub use course::event::EventKind;
pub use engine::{Happening, Logged};
pub use error::{BadElement, DifferentIntegers, SimError};
pub use harness::replay::{
    Divergence, ReplayError, Replayed, config_of_log, replay, simulate_logged,
};
pub use harness::verify::{Difference, MAX_REPORT_LEN, VerifyError, verify_report};
pub use harness::watch::{Moment, NodeMoment, Passed, Sight, Watched};
pub use harness::{simulate, simulate_watched};
pub use lab::configs::configs_of_report;
pub use lab::estimate::{Estimate, Frequency, Interval, Sample};
pub use lab::exchanges::{
    ExchangeProtocol, Exchanges, ExchangesConfig, LeftOut, Letter, Protocol, ProtocolNode,
    ProtocolResult, ProtocolRun, run_exchanges, run_protocol,
};
pub use lab::grid::{
    Accuracy, Cell, CellResult, GRID_CSV, GRID_FILES, GRID_HTML, GRID_JSON, Grid, GridConfig,
    GridFileError, GroupKey, GroupSummary, Journal, ProtocolSummary, Retrain, SEEDS_WITHOUT_LIARS,
    grid_html, rule_names, run_grid, write_grid,
};
pub use lab::rounds::{
    Comparison, NoNetwork, Rounds, RoundsCell, RoundsConfig, Scheduled, Source, Theory, run_rounds,
};
pub use lab::scenario::{
    Curve, MAX_RUNS, MAX_SEEDS, MAX_SIMULATIONS, RunCurves, RunResult, RunSummary, SCENARIO_CSV,
    SCENARIO_FILES, SCENARIO_HTML, SCENARIO_JSON, SUMMARY_CSV, Scenario, ScenarioError,
    ScenarioReport, ScenarioRun, SummaryCurves, is_scenario_report, run_scenario, verify_scenario,
    write_scenario,
};
pub use lab::vectors::{Vector, golden_vectors, vectors};
#[cfg(feature = "mutants")]
pub use mutants::SimMutant;
pub use report::node_view::{HeldOp, NodeView};
pub use report::output::{
    AUDIT_FILE, HTML_FILE, JSON_FILE, REPORT_FILES, audit_csv, report_html, write_report,
};
pub use report::{
    AuditEntry, Detection, Event, ModelInfo, NodeInfo, Outcome, Report, Round, RoundTrip, Summary,
    TopologyInfo, TraceEntry, TrustRow,
};
pub use run::progress::Progress;
pub use swarm::{
    Coverage, Failure, Judged, MAX_REGRESSION_LEN, Regression, Shrunk, SwarmTally, Violation,
    judge, judge_by, run_swarm, shrink, swarm_config,
};
pub use task::nodes_of_folder;
pub use text::ParseError;

/// The program of the README, compiled and run by the tests of the documentation.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
