//! Settings of a configuration that would silently have no effect, given the others.

use crate::config::{Clock, Config, Cut, Family, Metrics, Share, Span, Spread};
use crate::course::change::time_of;
use crate::course::membership::{Membership, Named};
use crate::engine::Links;
use crate::error::{SimError, field};
use crate::task::nodes_of_folder;
use espalier_file::count;
use std::collections::BTreeSet;

impl Config {
    /// [`Config::check`] for a configuration that a user asks for: every setting must also have an
    /// effect. A report is of a configuration that ran, so that it need not pass this.
    ///
    /// # Errors
    /// [`SimError::Field`].
    pub fn check_asked(&self) -> Result<(), SimError> {
        self.check()?;
        self.without_effect().into_iter().next().map_or(Ok(()), Err)
    }

    /// Every field that is away from its default and changes nothing, with the reason and what
    /// would be right; also those that would take effect only in part.
    pub(crate) fn without_effect(&self) -> Vec<SimError> {
        let mut found: Vec<SimError> = self.after_the_end().collect();
        found.extend(of_liars(self));
        found.extend(of_time(self));
        found.extend(of_models(self));
        found.extend(of_retractions(self));
        found
    }

    /// What is to happen after the last round.
    fn after_the_end(&self) -> impl Iterator<Item = SimError> {
        let late = self.late_joiners.map(|late| ("late_joiners", late.round));
        let split = self.partition.as_ref().map(|split| ("partition", split.rounds.start));
        let retract = self.retract.iter().map(|retract| ("retract", retract.round));
        let outage = self.outage.iter().map(|outage| ("outage", outage.rounds.start));
        let retrain = self.retrain.map(|every| ("retrain", every));
        let events = late.into_iter().chain(split).chain(retract).chain(outage).chain(retrain);
        let last = self.rounds;
        events.filter(move |(_, round)| *round > last).map(move |(name, round)| {
            let right = format!("use {round} rounds or more");
            field(name, format!("round {round} is after the last one, {last}; {right}"))
        })
    }
}

/// What needs liars.
fn of_liars(config: &Config) -> Vec<SimError> {
    let (liars, nodes) = (config.byzantine.of(config.nodes) as usize, config.nodes);
    let mut found = Vec::new();
    match config.byzantine {
        Share::Percent(percent) if percent > 0.0 && liars == 0 => {
            let problem =
                format!("{percent}% of {nodes} nodes is no node at all; use more of either");
            found.push(field("byzantine", problem));
        }
        _ => {}
    }
    if liars == 0 && config.attack != Config::default().attack {
        let problem = "there are no liars; add some, such as a share of 34%";
        found.push(field("attack", problem));
    }
    let (attacks, last) = (config.attack.len(), config.attack.last());
    if let Some(last) = last.filter(|_| liars > 0 && attacks > liars) {
        let problem = format!(
            "{} for {}, so nobody would do {last}; name fewer, or use more liars",
            count(attacks, "attack"),
            count(liars, "liar")
        );
        found.push(field("attack", problem));
    }
    found
}

/// What needs another clock, other nodes or other rounds.
fn of_time(config: &Config) -> Vec<SimError> {
    let mut found = Vec::new();
    if config.clock == Clock::Rounds && config.period != Span::SECOND {
        found.push(field("period", "needs virtual time, such as a periodic clock"));
    }
    if let Some(split) = &config.partition
        && (split.cut, config.nodes) == (Cut::Bridge, 2)
    {
        found.push(field("partition", "a bridge between two nodes cuts nothing; use more nodes"));
    }
    match config.metrics {
        Metrics::Sample(count) if count > config.nodes => {
            let problem = format!("there are only {} nodes to sample", config.nodes);
            found.push(field("metrics", problem));
        }
        _ => {}
    }
    match Membership::open(config) {
        Err(error) => found.push(error),
        Ok(churn) => found.extend(churn.without_effect(config)),
    }
    // A file of latencies is read before anything is announced.
    found.extend(Links::open(config).err());
    found
}

/// What needs another model.
fn of_models(config: &Config) -> Vec<SimError> {
    let mut found = Vec::new();
    if !config.attest && config.model != Family::Digits {
        let problem =
            "only nodes with data measure each other; leave it out, or use the model digits";
        found.push(field("attest", problem));
    }
    if let Spread::Clusters(k) = config.spread
        && k > config.nodes
    {
        let problem = format!("{k} clusters need at least as many nodes, not {}", config.nodes);
        found.push(field("spread", problem));
    }
    if config.spread != Spread::Iid || config.retrain.is_some() {
        let finished = match nodes_of_folder(&config.model) {
            Err(error) => return vec![error],
            Ok(nodes) => nodes.is_some(),
        };
        if finished && config.spread != Spread::Iid {
            let problem = "a folder of finished models has its own differences; leave it out";
            found.push(field("spread", problem));
        }
        if finished && config.retrain.is_some() {
            let problem = "a folder of finished models cannot be trained again";
            found.push(field("retrain", problem));
        }
    }
    found
}

/// Retractions that have nothing to retract, or whose node is not there.
fn of_retractions(config: &Config) -> Vec<SimError> {
    let mut found = Vec::new();
    if config.retract.is_empty() {
        return found;
    }
    let mut seen = BTreeSet::new();
    let named = Membership::open(config).map(|all| all.named(config)).unwrap_or_default();
    for retract in &config.retract {
        let (node, round) = (retract.node, retract.round);
        // Who trains again has something to retract again.
        let again = config.retrain.map_or(0, |every| round / every.max(1));
        if !seen.insert((node, again)) {
            let problem = format!("node {node} has nothing left to retract a second time");
            found.push(field("retract", problem));
        }
        if is_away(&named, config, node, round) {
            let problem = format!("node {node} is inactive in round {round}; choose another");
            found.push(field("retract", problem));
        }
    }
    found
}

/// Whether a node is away at the beginning of a round because the configuration says so. Who joins
/// late is known only where nobody lies.
fn is_away(named: &Named, config: &Config, node: u32, round: u32) -> bool {
    let late = config.late_joiners.filter(|late| round < late.round);
    let honest = config.byzantine.of(config.nodes) == 0;
    let first_late = late.filter(|_| honest).map(|late| config.nodes.saturating_sub(late.count));
    let time = time_of(round, config);
    let mut times = named.get(&(node as usize)).into_iter().flatten();
    first_late.is_some_and(|first| node >= first) || times.any(|times| times.contains(&time))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(change: impl FnOnce(&mut Config)) -> Vec<String> {
        let mut config = Config { model: Family::Synthetic(vec![4]), ..Config::default() };
        change(&mut config);
        config.without_effect().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_comes_to_nothing_is_named() {
        assert_eq!(problems(|_| ()), Vec::<String>::new());
        type Case = (fn(&mut Config), &'static str);
        let cases: [Case; 13] = [
            (|c| c.attack = vec!["nan".parse().expect("an attack")], "attack: there are no liars"),
            (
                |c| {
                    c.byzantine = Share::Count(1);
                    c.attack = ["nan", "inf"].map(|a| a.parse().expect("an attack")).to_vec();
                },
                "attack: 2 attacks for 1 liar, so nobody would do inf",
            ),
            (|c| c.byzantine = Share::Percent(2.0), "byzantine: 2% of 8 nodes is no node at all"),
            (|c| c.period = Span(5_000_000), "period: needs virtual time"),
            (|c| c.attest = false, "attest: only nodes with data"),
            (|c| c.metrics = Metrics::Sample(9), "metrics: there are only 8 nodes"),
            (|c| c.outage = vec!["0@21..30".parse().expect("rounds")], "outage: round 21 is after"),
            (|c| c.late_joiners = "2@21".parse().ok(), "late_joiners: round 21 is after"),
            (|c| c.retrain = Some(21), "retrain: round 21 is after"),
            (|c| c.partition = "2@21..22".parse().ok(), "partition: round 21 is after"),
            (
                |c| {
                    c.outage = vec!["3@2..5".parse().expect("rounds")];
                    c.retract = vec!["3@4".parse().expect("a node")];
                },
                "retract: node 3 is inactive in round 4",
            ),
            (
                |c| {
                    c.late_joiners = "2@5".parse().ok();
                    c.retract = vec!["6@4".parse().expect("a node")];
                },
                "retract: node 6 is inactive in round 4",
            ),
            (
                |c| c.retract = ["3@4", "3@6"].map(|r| r.parse().expect("a node")).to_vec(),
                "retract: node 3 has nothing left to retract a second time",
            ),
        ];
        for (change, expected) in cases {
            let found = problems(change);
            assert!(found.len() == 1 && found[0].starts_with(expected), "{expected}: {found:?}");
        }
        let again = problems(|c| {
            c.retract = ["3@4", "3@6"].map(|r| r.parse().expect("a node")).to_vec();
            c.retrain = Some(5);
        });
        assert_eq!(again, Vec::<String>::new(), "it trained between the two");
    }
}
