//! Making a failing configuration small: fewer nodes, rounds, faults and simpler values, as long as
//! the same checker complains.

use super::campaign::judge_by;
use super::look::Violation;
use crate::config::{Clock, Config, Exchange, Family, Latency, Share, Span, Spread};
use espalier_topology::{Order, Schedule, Topology};
use espalier_trust::Profile;
use std::collections::BTreeMap;

/// The most runs that shrinking takes.
const RUNS_MAX: usize = 400;

/// A small configuration and what is wrong with it.
#[derive(Debug, Clone, PartialEq)]
pub struct Shrunk {
    /// The configuration.
    pub config: Config,
    /// What was seen last.
    pub violation: Violation,
    /// The number of runs it took.
    pub runs: usize,
}

/// Shrinks a configuration in which `violation` was seen. Deterministic; at most 400 runs.
#[must_use]
pub fn shrink(config: &Config, violation: &Violation) -> Shrunk {
    let checker = Some(violation.checker.as_str());
    shrink_by(config, violation, &mut |config| judge_by(config, checker).violation)
}

fn shrink_by(
    config: &Config,
    violation: &Violation,
    judge: &mut dyn FnMut(&Config) -> Option<Violation>,
) -> Shrunk {
    let mut shrunk = Shrunk { config: config.clone(), violation: violation.clone(), runs: 0 };
    loop {
        let mut progress = false;
        for simpler in SIMPLER {
            // One step of a kind often leaves room for the next of the same.
            let mut at = 0;
            while let Some(smaller) = simpler(&shrunk.config).into_iter().nth(at) {
                at += 1;
                if smaller == shrunk.config || !can_run(&smaller) {
                    continue;
                }
                if shrunk.runs >= RUNS_MAX {
                    return shrunk;
                }
                shrunk.runs += 1;
                let seen = judge(&smaller).filter(|seen| seen.checker == violation.checker);
                if let Some(violation) = seen {
                    (shrunk.config, shrunk.violation) = (smaller, violation);
                    (progress, at) = (true, 0);
                }
            }
        }
        if !progress {
            return shrunk;
        }
    }
}

fn can_run(config: &Config) -> bool {
    config.check().is_ok() && config.topology.build(config.nodes as usize, config.seed).is_ok()
}

/// What may be simpler, the most first. Each gives smaller configurations or none, and nothing
/// leads
/// back, so that shrinking ends.
const SIMPLER: [fn(&Config) -> Vec<Config>; 9] =
    [rounds, nodes, liars, membership, plans, links, time, merge, numbers];

fn rounds(config: &Config) -> Vec<Config> {
    let fewer = [config.rounds / 2, config.rounds.saturating_sub(1)].into_iter();
    let fewer = fewer.filter(|rounds| *rounds > 0 && *rounds < config.rounds);
    fewer.map(|rounds| Config { rounds, ..config.clone() }).collect()
}

fn nodes(config: &Config) -> Vec<Config> {
    let fewer = [config.nodes / 2, config.nodes.saturating_sub(1)].into_iter();
    let fewer = fewer.filter(|nodes| *nodes >= 2 && *nodes < config.nodes);
    fewer.map(|nodes| with_nodes(config, nodes)).collect()
}

/// The same with fewer nodes, and without what was about the others.
fn with_nodes(config: &Config, nodes: u32) -> Config {
    let mut smaller = Config { nodes, ..config.clone() };
    smaller.outage.retain(|outage| outage.node < nodes);
    smaller.retract.retain(|retract| retract.node < nodes);
    let liars = config.byzantine.of(config.nodes).min((nodes - 1) / 2);
    smaller.byzantine = Share::Count(liars);
    if let Some(late) = &mut smaller.late_joiners {
        late.count = late.count.min(nodes - liars - 1);
    }
    if let Some(split) = &mut smaller.partition {
        split.parts = split.parts.min(nodes);
    }
    if !can_run(&smaller) {
        smaller.topology = Topology::Ring;
    }
    smaller
}

fn liars(config: &Config) -> Vec<Config> {
    let count = config.byzantine.of(config.nodes);
    let fewer = (0..count).map(|count| Config { byzantine: Share::Count(count), ..config.clone() });
    let mut simpler: Vec<_> = fewer.collect();
    if config.attack.len() > 1 {
        let alone = config.attack.iter().map(|attack| vec![*attack]);
        simpler.extend(alone.map(|attack| Config { attack, ..config.clone() }));
    }
    if count == 0 {
        simpler.push(Config { attack: Config::default().attack, ..config.clone() });
    }
    simpler
}

fn membership(config: &Config) -> Vec<Config> {
    let mut simpler = vec![
        Config { churn: None, ..config.clone() },
        Config { crash: 0.0, ..config.clone() },
        Config { late_joiners: None, ..config.clone() },
    ];
    for at in 0..config.outage.len() {
        let mut fewer = config.clone();
        fewer.outage.remove(at);
        simpler.push(fewer);
    }
    simpler
}

fn plans(config: &Config) -> Vec<Config> {
    let mut simpler = vec![Config { retrain: None, ..config.clone() }];
    for at in 0..config.retract.len() {
        let mut fewer = config.clone();
        fewer.retract.remove(at);
        simpler.push(fewer);
    }
    simpler
}

fn links(config: &Config) -> Vec<Config> {
    vec![
        Config { partition: None, ..config.clone() },
        Config { loss: 0.0, ..config.clone() },
        Config { duplicate: 0.0, ..config.clone() },
        Config { reorder: 0.0, ..config.clone() },
        Config { delay: 0, ..config.clone() },
        Config { topology: Topology::Complete, ..config.clone() },
    ]
}

fn time(config: &Config) -> Vec<Config> {
    let clock = |clock| Config { clock, ..config.clone() };
    vec![
        Config { latency: Latency::None, ..config.clone() },
        Config { bandwidth: None, ..config.clone() },
        Config { latency: Latency::None, bandwidth: None, ..clock(Clock::Rounds) },
        Config { period: Span::SECOND, ..config.clone() },
        Config { schedule: Schedule::Random, ..config.clone() },
        Config { order: Order::Sequential, ..config.clone() },
        Config { exchange: Exchange::Delta, ..config.clone() },
    ]
}

fn merge(config: &Config) -> Vec<Config> {
    let (strategy, parameters) = (Config::default().strategy, BTreeMap::new());
    vec![
        Config { strategy, parameters: parameters.clone(), ..config.clone() },
        Config { parameters, ..config.clone() },
        Config { spread: Spread::Iid, ..config.clone() },
        Config { profile: Profile::Strict, ..config.clone() },
        Config { model: Family::Synthetic(vec![1]), ..config.clone() },
        Config { attest: true, ..config.clone() },
    ]
}

/// Rounder and smaller numbers of what is left.
fn numbers(config: &Config) -> Vec<Config> {
    let mut simpler = Vec::new();
    let mut push = |change: &dyn Fn(&mut Config)| {
        let mut smaller = config.clone();
        change(&mut smaller);
        simpler.push(smaller);
    };
    // Certain is simpler than likely, and one half simpler than the rest.
    let certain = |p: f64| if p > 0.0 { 1.0 } else { 0.0 };
    push(&|c| c.loss = certain(c.loss));
    push(&|c| c.duplicate = certain(c.duplicate));
    push(&|c| c.reorder = certain(c.reorder));
    push(&|c| c.delay = c.delay.min(1));
    for at in 0..config.retract.len() {
        push(&|c| c.retract[at].round = 1);
    }
    for at in 0..config.outage.len() {
        push(&|c| c.outage[at].rounds.end = c.outage[at].rounds.start + 1);
    }
    push(&|c| {
        if let Some(split) = &mut c.partition {
            split.parts = 2;
        }
    });
    push(&|c| {
        if let Some(split) = &mut c.partition {
            split.rounds.end = split.rounds.end.min(c.rounds + 1).max(split.rounds.start + 1);
        }
    });
    push(&|c| {
        if let Some(late) = &mut c.late_joiners {
            late.count = 1;
        }
    });
    simpler
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::swarm::draw::draw;

    fn violation(checker: &str) -> Violation {
        Violation { checker: checker.to_owned(), round: 3, problem: "seen".to_owned() }
    }

    /// What the failure depends on stays, everything else goes.
    #[test]
    fn only_what_matters_is_left() {
        for seed in 0..40 {
            let config = Config { loss: 0.3, nodes: 12, ..draw(seed) };
            let mut runs = 0;
            let shrunk = shrink_by(&config, &violation("it"), &mut |config| {
                runs += 1;
                let fails = config.nodes >= 5 && config.loss > 0.0;
                // Another checker is another bug.
                Some(violation(if fails { "it" } else { "another" }))
            });
            let plain = Config {
                nodes: 5,
                rounds: 1,
                loss: 1.0,
                seed,
                model: Family::Synthetic(vec![1]),
                topology: Topology::Complete,
                metrics: config.metrics,
                byzantine: Share::Count(0),
                ..Config::default()
            };
            assert_eq!(shrunk.config, plain, "seed {seed}");
            assert_eq!(shrunk.runs, runs);
        }
    }

    #[test]
    fn shrinking_ends_even_if_everything_fails() {
        for seed in 0..40 {
            let shrunk = shrink_by(&draw(seed), &violation("it"), &mut |config| {
                config.check().expect("only what can run is tried");
                Some(violation("it"))
            });
            assert!(shrunk.runs < RUNS_MAX, "seed {seed}: {} runs", shrunk.runs);
            assert_eq!((shrunk.config.nodes, shrunk.config.rounds), (2, 1), "seed {seed}");
        }
    }
}
