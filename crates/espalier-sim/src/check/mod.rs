//! What must hold before a run starts.

mod effect;

use crate::config::{Buffers, Churn, Clock, Config, Exchange, Latency, Span, Wire};
use crate::course::membership::Membership;
use crate::error::{SimError, field};
use crate::text::ParseError;
use espalier_resolve::{Strategy, StrategyError, registry};
use espalier_topology::{Order, Schedule};
use std::fmt::Display;
use std::str::FromStr;

/// The most nodes of a run.
pub const MAX_NODES: u32 = 100_000;

/// The most rounds of a run.
pub const MAX_ROUNDS: u32 = 10_000_000;

/// The longest round.
const MAX_PERIOD: Span = Span(24 * 3_600_000_000);

impl Config {
    /// Whether nodes may go down without a word.
    pub(crate) fn may_crash(&self) -> bool {
        let traced = matches!(self.churn, Some(Churn::File(_)));
        self.crash > 0.0 || !self.outage.is_empty() || traced
    }

    /// Checks all that can be known before models are opened and the network is drawn: what no
    /// single field shows, and what a program may have put together itself.
    ///
    /// # Errors
    /// [`SimError::Field`].
    pub fn check(&self) -> Result<(), SimError> {
        check_ranges(self)?;
        check_clock(self)?;
        check_wire(self)?;
        check_strategy(self)?;
        check_texts(self)?;
        check_counts(self)
    }
}

/// Plain numbers.
fn check_ranges(config: &Config) -> Result<(), SimError> {
    if !(2..=MAX_NODES).contains(&config.nodes) {
        return Err(field("nodes", format!("must be 2 to {MAX_NODES}, not {}", config.nodes)));
    }
    if !(1..=MAX_ROUNDS).contains(&config.rounds) {
        let right = format!("must be 1 to {MAX_ROUNDS}, not {}", config.rounds);
        return Err(field("rounds", right));
    }
    let chances = [
        ("loss", config.loss),
        ("duplicate", config.duplicate),
        ("reorder", config.reorder),
        ("crash", config.crash),
    ];
    for (name, p) in chances {
        if !(0.0..=1.0).contains(&p) {
            return Err(field(name, format!("must be a probability from 0 to 1, not {p}")));
        }
    }
    if config.retrain == Some(0) {
        return Err(field("retrain", "must be at least 1"));
    }
    Ok(())
}

/// What goes with rounds and what with virtual time.
fn check_clock(config: &Config) -> Result<(), SimError> {
    if config.period.0 < 1_000 || config.period > MAX_PERIOD {
        return Err(field("period", "must be 1ms to 24h"));
    }
    if config.clock == Clock::Rounds {
        let problem = "needs virtual time, such as a periodic clock";
        let only_there = [
            ("latency", "", config.latency != Latency::None),
            ("bandwidth", "", config.bandwidth.is_some()),
            ("exchange", "broadcast ", config.exchange == Exchange::Broadcast),
        ];
        return match only_there.into_iter().find(|(.., given)| *given) {
            None => Ok(()),
            Some((name, value, _)) => Err(field(name, format!("{value}{problem}"))),
        };
    }
    if config.clock == Clock::None && config.exchange == Exchange::Broadcast {
        let problem = "broadcast needs a clock for its repairs: periodic or poisson";
        return Err(field("exchange", problem));
    }
    let rounds = [
        ("schedule", config.schedule == Schedule::Scheduled),
        ("order", config.order == Order::Synchronous),
    ];
    match rounds.into_iter().find(|(_, given)| *given) {
        None => Ok(()),
        Some((name, _)) => Err(field(name, "needs rounds, and this clock has none")),
    }
}

/// What counted replicas cannot do.
fn check_wire(config: &Config) -> Result<(), SimError> {
    match config.needs_frames().filter(|_| config.wire == Wire::Counted) {
        None => Ok(()),
        Some((name, why)) => Err(field(name, format!("{why}; let the wire be auto or frames"))),
    }
}

/// Values with a text form of their own.
fn check_texts(config: &Config) -> Result<(), SimError> {
    let Config { model, late_joiners, partition, byzantine, spread, metrics, .. } = config;
    reads_back("model", Some(model))?;
    reads_back("late_joiners", late_joiners.as_ref())?;
    reads_back("partition", partition.as_ref())?;
    config.retract.iter().try_for_each(|retract| reads_back("retract", Some(retract)))?;
    reads_back("byzantine", Some(byzantine))?;
    config.outage.iter().try_for_each(|outage| reads_back("outage", Some(outage)))?;
    reads_back("churn", config.churn.as_ref())?;
    reads_back("period", Some(&config.period))?;
    reads_back("latency", Some(&config.latency))?;
    reads_back("bandwidth", config.bandwidth.as_ref())?;
    reads_back("spread", Some(spread))?;
    reads_back("metrics", Some(metrics))
}

/// Numbers of nodes that must fit together.
fn check_counts(config: &Config) -> Result<(), SimError> {
    let liars = config.byzantine.of(config.nodes);
    if liars >= config.nodes {
        let problem =
            format!("with {liars} liars among {} nodes, nobody honest is left", config.nodes);
        return Err(field("byzantine", problem));
    }
    if config.attack.is_empty() {
        return Err(field("attack", "needs at least one name"));
    }
    if let Some(late) = config.late_joiners
        && late.count >= config.nodes - liars
    {
        let problem = format!(
            "at least one of {} honest nodes must be there from the start",
            config.nodes - liars
        );
        return Err(field("late_joiners", problem));
    }
    if let Some(split) = &config.partition
        && split.parts > config.nodes
    {
        let problem = format!("{} nodes cannot form {} parts", config.nodes, split.parts);
        return Err(field("partition", problem));
    }
    if let Some(outage) = config.outage.iter().find(|outage| outage.node >= config.nodes) {
        let problem = format!("nodes are numbered 0 to {}, not {}", config.nodes - 1, outage.node);
        return Err(field("outage", problem));
    }
    Membership::of_outages(config).somebody_is_there("outage", config)?;
    if let Some(retract) = config.retract.iter().find(|retract| retract.node >= config.nodes) {
        let problem = format!("nodes are numbered 0 to {}, not {}", config.nodes - 1, retract.node);
        return Err(field("retract", problem));
    }
    Ok(())
}

/// A value that its own text form does not describe could not have been read from text.
fn reads_back<T: Display + FromStr<Err = ParseError>>(
    name: &'static str,
    value: Option<&T>,
) -> Result<(), SimError> {
    let read = value.map(|value| value.to_string().parse::<T>()).transpose();
    read.map(drop).map_err(|error| field(name, error.to_string()))
}

fn check_strategy(config: &Config) -> Result<(), SimError> {
    if let (Some(rule), Some(other)) = (config.buffers, config.parameters.get(Buffers::PARAMETER))
        && rule.to_string() != *other
    {
        let problem =
            format!("{rule}, but the parameter `buffers` is {other}; give only one of them");
        return Err(field("buffers", problem));
    }
    match Strategy::new(&config.strategy, &config.strategy_parameters()) {
        Ok(_) => Ok(()),
        Err(error @ StrategyError::Unknown { .. }) => {
            let names: Vec<_> = registry().map(|info| info.name).collect();
            Err(field("strategy", format!("{error}; there are {}", names.join(", "))))
        }
        Err(error @ StrategyError::Elsewhere { .. }) => Err(field("strategy", error.to_string())),
        Err(error) => Err(field("parameters", error.to_string())),
    }
}
