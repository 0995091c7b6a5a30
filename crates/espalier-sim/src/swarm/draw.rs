//! What a seed draws: a configuration in which everything may be on, off or extreme.
//!
//! Each feature is left out more often than not, so that runs differ in kind and not only in degree
//! (Groce et al. 2012), and where a number is drawn, the ends of its range come more often than
//! chance would have them.

use crate::attack::Attack;
use crate::config::{
    Churn, Clock, Config, Cut, Exchange, Family, LateJoiners, Latency, Metrics, Outage,
    PartitionSpec, Rate, RetractSpec, Share, Span, Spread,
};
use crate::seeds::{Dice, Seeds};
use espalier_resolve::registry;
use espalier_topology::{Order, Schedule, Topology};
use espalier_trust::Profile;
use std::collections::BTreeMap;

/// The fewest and the most nodes. Fewer than three have no majority to speak of.
const NODES: (u32, u32) = (3, 12);
/// The fewest and the most rounds with faults.
const ROUNDS: (u32, u32) = (6, 30);

/// The configuration that a seed draws. It is one that can run.
pub(crate) fn draw(seed: u64) -> Config {
    let dice = &mut Seeds(seed).rng("swarm", 0);
    let nodes = between(dice, NODES);
    let rounds = between(dice, ROUNDS);
    let mut config = Config {
        nodes,
        rounds,
        seed,
        topology: topology(dice, nodes, seed),
        model: model(dice),
        metrics: Metrics::Off,
        attest: dice.happens(0.5),
        ..Config::default()
    };
    if dice.happens(0.3) {
        config.exchange = Exchange::FullState;
    }
    time(dice, &mut config);
    links(dice, &mut config);
    membership(dice, &mut config);
    liars(dice, &mut config);
    merge(dice, &mut config);
    // Drawn last, so that it shifts nothing else.
    if config.exchange == Exchange::Delta && dice.happens(0.4) {
        config.exchange = Exchange::Intervals;
    }
    without_idle(config)
}

/// The same without what would come to nothing, and without outages of everybody.
fn without_idle(mut config: Config) -> Config {
    // Nobody measures models like these.
    config.attest = true;
    match config.byzantine.of(config.nodes) {
        0 => config.attack = Config::default().attack,
        liars => config.attack.truncate(liars as usize),
    }
    config.retrain = config.retrain.filter(|every| *every <= config.rounds);
    while !config.outage.is_empty() && config.check().is_err() {
        config.outage.pop();
    }
    let mut retract = std::mem::take(&mut config.retract);
    for one in retract.drain(..) {
        config.retract.push(one);
        if !config.without_effect().is_empty() {
            config.retract.pop();
        }
    }
    config
}

/// From `low` to `high`, the ends more often.
fn between(dice: &mut Dice, (low, high): (u32, u32)) -> u32 {
    match dice.below(8) {
        0 => low,
        1 => high,
        _ => low + dice.below((high - low + 1) as usize) as u32,
    }
}

fn one_of<T: Clone>(dice: &mut Dice, values: &[T]) -> T {
    values[dice.below(values.len())].clone()
}

/// A probability, if the feature is on at all.
fn chance(dice: &mut Dice, on: f64) -> f64 {
    if dice.happens(on) { one_of(dice, &[0.01, 0.05, 0.1, 0.2, 0.3, 0.5, 0.8, 1.0]) } else { 0.0 }
}

fn topology(dice: &mut Dice, nodes: u32, seed: u64) -> Topology {
    let wanted = one_of(
        dice,
        &[
            Topology::Random,
            Topology::Random,
            Topology::Ring,
            Topology::Line,
            Topology::Star,
            Topology::Complete,
            Topology::Complete,
            Topology::Torus,
            Topology::Hypercube,
            Topology::Regular(3),
            Topology::ErdosRenyi(0.5),
            Topology::WattsStrogatz(4, 0.3),
            Topology::BarabasiAlbert(2),
        ],
    );
    // Not every topology exists for every number of nodes.
    if wanted.build(nodes as usize, seed).is_ok() { wanted } else { Topology::Ring }
}

/// Small, because the bugs looked for do not depend on size.
fn model(dice: &mut Dice) -> Family {
    Family::Synthetic(one_of(dice, &[vec![1], vec![2], vec![3, 4], vec![64], vec![5, 3, 3]]))
}

fn time(dice: &mut Dice, config: &mut Config) {
    use Clock::{None, Periodic, Poisson, Rounds};
    config.clock = one_of(dice, &[Rounds, Rounds, Rounds, Periodic, Poisson, None]);
    if config.clock == Rounds {
        if dice.happens(0.4) {
            config.order = Order::Synchronous;
        }
        if dice.happens(0.2) {
            config.schedule = Schedule::Scheduled;
        }
        return;
    }
    let millis = |ms: u64| Span(ms * 1_000);
    config.period = one_of(dice, &[millis(10), millis(1_000), millis(60_000)]);
    config.latency = match dice.below(4) {
        0 => Latency::None,
        1 => Latency::Constant(millis(one_of(dice, &[1, 100, 2_500]))),
        2 => Latency::Uniform(millis(0), millis(one_of(dice, &[20, 900, 3_000]))),
        _ => Latency::LogNormal(millis(40), one_of(dice, &[0.5, 2.0])),
    };
    // Broadcast trees are repaired by exchanges, so they need a clock.
    if config.clock != None && dice.happens(0.4) {
        config.exchange = Exchange::Broadcast;
    }
    if dice.happens(0.3) {
        config.bandwidth = Some(Rate(one_of(dice, &[1_000, 20_000, 1_000_000])));
    }
}

fn links(dice: &mut Dice, config: &mut Config) {
    config.loss = chance(dice, 0.4);
    config.duplicate = chance(dice, 0.3);
    config.reorder = chance(dice, 0.3);
    if dice.happens(0.3) {
        config.delay = one_of(dice, &[1, 2, 5]);
    }
    if dice.happens(0.4) {
        let cut = one_of(dice, &[Cut::Split, Cut::Split, Cut::OneWay, Cut::Bridge]);
        let parts = between(dice, (2, config.nodes.min(4)));
        config.partition = Some(PartitionSpec { cut, parts, rounds: span(dice, config.rounds) });
    }
}

/// Some of the rounds, at least one.
fn span(dice: &mut Dice, rounds: u32) -> std::ops::Range<u32> {
    let from = between(dice, (1, rounds));
    from..from + between(dice, (1, rounds))
}

fn membership(dice: &mut Dice, config: &mut Config) {
    config.crash = if dice.happens(0.4) { one_of(dice, &[0.02, 0.1, 0.3, 0.8]) } else { 0.0 };
    let some = |dice: &mut Dice, on: f64| if dice.happens(on) { 1 + dice.below(4) } else { 0 };
    for _ in 0..some(dice, 0.25) {
        let node = dice.below(config.nodes as usize) as u32;
        config.outage.push(Outage { node, rounds: span(dice, config.rounds) });
    }
    if dice.happens(0.25) {
        let (leave, join) = (one_of(dice, &[0.02, 0.1, 0.5]), one_of(dice, &[0.05, 0.3, 1.0]));
        config.churn = Some(Churn::Poisson { leave, join });
    }
    for _ in 0..some(dice, 0.5) {
        let node = dice.below(config.nodes as usize) as u32;
        config.retract.push(RetractSpec { node, round: between(dice, (1, config.rounds)) });
    }
    if dice.happens(0.5) {
        config.retrain = Some(between(dice, (1, 8)));
    }
}

fn liars(dice: &mut Dice, config: &mut Config) {
    // Fewer than half, however small the federation.
    let most = (config.nodes - 1) / 2;
    let count = if dice.happens(0.6) { between(dice, (1, most)) } else { 0 };
    config.byzantine = Share::Count(count);
    let names = Attack::FORMS.map(|(form, _)| form.split(':').next().unwrap_or(form));
    // Liars who search the merge take long, and hardly anything depends on what they find.
    let slow = ["white-box", "optimal-alie", "optimal-ipm"];
    let attacks: Vec<Attack> = names
        .into_iter()
        .filter(|name| !slow.contains(name))
        .filter_map(|name| name.parse().ok())
        .collect();
    let on_protocol: Vec<Attack> =
        attacks.iter().filter(|attack| !attack.changes_models()).copied().collect();
    let kinds = 1 + dice.below(3);
    let draw = |_| match dice.below(6) {
        0 => one_of(dice, &attacks),
        1 | 2 => Attack::ERRATIC,
        _ => one_of(dice, &on_protocol),
    };
    config.attack = (0..kinds).map(draw).collect();
    let honest = config.nodes - count;
    if dice.happens(0.3) {
        let count = between(dice, (1, honest - 1));
        config.late_joiners = Some(LateJoiners { count, round: between(dice, (1, config.rounds)) });
    }
}

fn merge(dice: &mut Dice, config: &mut Config) {
    if dice.happens(0.6) {
        let names: Vec<_> = registry().map(|info| info.name).collect();
        config.strategy = one_of(dice, &names).to_owned();
    }
    config.parameters = parameters(dice, &config.strategy);
    config.spread = match dice.below(6) {
        0 => Spread::Mild,
        1 => Spread::Strong,
        2 => Spread::Dirichlet(one_of(dice, &[0.1, 1.0])),
        3 => Spread::Clusters(2),
        _ => Spread::Iid,
    };
    if dice.happens(0.3) {
        config.profile = Profile::Clustered;
    }
}

/// Parameters away from their defaults, where the strategy has them.
fn parameters(dice: &mut Dice, strategy: &str) -> BTreeMap<String, String> {
    let values: [(&str, &[&str]); 7] = [
        ("f", &["0", "0.2", "0.45", "2"]),
        ("pre", &["nnm", "bucketing", "clipping", "arc+nnm"]),
        ("density", &["0.01", "0.5", "1"]),
        ("lambda", &["-1", "0.3", "2"]),
        ("normalize", &["true", "false"]),
        ("accumulate", &["f32", "f64"]),
        ("weighted", &["true", "false"]),
    ];
    let info = registry().find(|info| info.name == strategy);
    let own: Vec<&str> =
        info.map_or(&[][..], |info| info.parameters).iter().map(|p| p.name).collect();
    let mut drawn = BTreeMap::new();
    for (name, values) in values {
        let exists = own.contains(&name) || name == "accumulate";
        if dice.happens(0.3) && exists {
            drawn.insert(name.to_owned(), one_of(dice, values).to_owned());
        }
    }
    drawn
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_drawn_configuration_can_run_and_a_seed_draws_one() {
        for seed in 0..2_000 {
            let config = draw(seed);
            config.check_asked().unwrap_or_else(|error| panic!("seed {seed}: {error}"));
            assert_eq!(config, draw(seed));
            let liars = config.byzantine.of(config.nodes);
            assert!(2 * liars < config.nodes, "seed {seed}: {liars} of {}", config.nodes);
        }
    }

    /// Everything comes up, alone and together with its extremes.
    #[test]
    fn a_few_hundred_seeds_draw_everything() {
        let drawn: Vec<Config> = (0..600).map(draw).collect();
        let some = |what: &str, is: &dyn Fn(&Config) -> bool| {
            let count = drawn.iter().filter(|config| is(config)).count();
            assert!((6..600).contains(&count), "{what}: {count} of 600");
        };
        some("no loss", &|c| c.loss == 0.0);
        some("all lost", &|c| c.loss == 1.0);
        some("duplicates", &|c| c.duplicate > 0.0);
        some("reordering", &|c| c.reorder > 0.0);
        some("delays", &|c| c.delay > 0);
        some("crashes", &|c| c.crash > 0.0);
        some("outages", &|c| !c.outage.is_empty());
        some("churn", &|c| c.churn.is_some());
        some("cuts", &|c| c.partition.is_some());
        some("late", &|c| c.late_joiners.is_some());
        some("retracting", &|c| !c.retract.is_empty());
        some("retraining", &|c| c.retrain.is_some());
        some("full states", &|c| c.exchange == Exchange::FullState);
        some("intervals", &|c| c.exchange == Exchange::Intervals);
        some("broadcasts", &|c| c.exchange == Exchange::Broadcast);
        some("schedules", &|c| c.schedule == Schedule::Scheduled);
        some("synchronous", &|c| c.order == Order::Synchronous);
        some("bandwidth", &|c| c.bandwidth.is_some());
        for clock in [Clock::Rounds, Clock::Periodic, Clock::Poisson, Clock::None] {
            some("clocks", &|c| c.clock == clock);
        }
        some("honest only", &|c| c.byzantine == Share::Count(0));
        some("clustered", &|c| c.profile == Profile::Clustered);
        let used = |attack: &Attack| drawn.iter().any(|config| config.attack.contains(attack));
        let all = Attack::FORMS.map(|(form, _)| form.split(':').next().unwrap_or(form));
        let attacks: Vec<Attack> = all.iter().filter_map(|name| name.parse().ok()).collect();
        assert_eq!(attacks.iter().filter(|attack| !used(attack)).count(), 3, "slow ones");
        let merged = |name: &str| drawn.iter().any(|config| config.strategy == name);
        assert!(registry().all(|info| merged(info.name)));
    }
}
