//! The mean is the mean, costs what it should, and comes whatever is lost.

use super::*;
use crate::config::{Clock, Config};
use crate::harness::play;
use crate::lab::exchanges::drive::{Members as _, MembersRun};
use proptest::prelude::*;

fn config(nodes: u32, topology: &str) -> Config {
    let topology = topology.parse().expect("a topology");
    let model = "synthetic:5x7".parse().expect("a shape");
    Config { nodes, topology, model, rounds: 400, attest: false, ..Config::default() }
}

fn depth(tree: &MeanTree) -> u32 {
    let up = |node: &usize| tree.members[*node].parent;
    let depth = |node| std::iter::successors(Some(node), up).count() as u32 - 1;
    (0..tree.members.len()).map(depth).max().unwrap_or(0)
}

fn values(model: &Model) -> Vec<f32> {
    model.values_f32("tensor").expect("synthetic models have one tensor")
}

fn run_of(config: &Config) -> MembersRun<'_, MeanTree> {
    MembersRun::new(config, None, &|network| MeanTree::open(config, network)).expect("runs")
}

#[test]
fn the_mean_is_what_the_replicas_resolve_within_the_stated_rounding() {
    for (nodes, topology) in [(2, "line"), (9, "random"), (12, "ring"), (16, "line")] {
        let config = config(nodes, topology);
        let mut run = run_of(&config);
        assert!(run.play().ended);
        let tree = &run.engine.peers;
        let ended = play(&config, 1, &mut |_| {}).expect("runs");
        let resolved = ended.last()[0].resolve().expect("resolves");
        let mean = tree.mean(0, &resolved).expect("the root has it");
        for node in 1..nodes as usize {
            assert_eq!(tree.mean(node, &resolved).map(|m| m.root()), Some(mean.root()));
        }
        // u m for each of the roundings on the way, and for that of what is resolved.
        let greatest = tree
            .members
            .iter()
            .flat_map(|m| m.own.chunks_exact(4))
            .map(|bytes| f32::from_le_bytes(*bytes.first_chunk().expect("four")).abs());
        let unit = f64::from(greatest.fold(0.0, f32::max)) / f64::from(1 << 24);
        let most = unit * f64::from(depth(tree) + 2);
        for (a, b) in values(&mean).into_iter().zip(values(&resolved)) {
            assert!((f64::from(a) - f64::from(b)).abs() <= most, "{a} and {b}: {topology}");
        }
    }
}

#[test]
fn tensors_take_each_link_once_up_and_once_down() {
    for (nodes, topology) in [(2, "complete"), (7, "star"), (9, "ring"), (12, "random")] {
        for clock in [Clock::Rounds, Clock::Periodic, Clock::Poisson, Clock::None] {
            let timed = clock != Clock::Rounds;
            let latency = if timed { "lognormal:80ms:0.5" } else { "none" };
            let latency = latency.parse().expect("a latency");
            let config = Config { clock, latency, ..config(nodes, topology) };
            let mut run = run_of(&config);
            let tally = run.play();
            let what = format!("{nodes} {topology} {clock}");
            assert!(tally.ended && tally.resent == 0, "{what}");
            assert_eq!(tally.news.tensor_bytes, 2 * u64::from(nodes - 1) * 5 * 7 * 4, "{what}");
            if !timed {
                assert_eq!(tally.round, 2 * depth(&run.engine.peers), "{what}");
            }
        }
    }
}

/// Whatever happens on the way, it is the same mean of all.
#[test]
fn what_is_lost_is_sent_again_until_everybody_has_the_mean() {
    let calm = config(9, "random");
    let mean = |config: &Config| {
        let mut run = run_of(config);
        let tally = run.play();
        assert!(tally.ended, "{config:?}");
        let means = run.engine.peers.members.iter().filter_map(|m| m.mean.clone());
        let mut means: Vec<_> = means.collect();
        means.dedup();
        assert_eq!(means.len(), 1);
        (means, tally.resent)
    };
    let (expected, _) = mean(&calm);
    let faults = |clock| {
        let latency = if clock == Clock::Rounds { "none" } else { "constant:9ms" };
        let latency = latency.parse().expect("a latency");
        let base = Config { clock, latency, ..calm.clone() };
        [
            Config { loss: 0.4, duplicate: 0.2, reorder: 0.2, delay: 1, ..base.clone() },
            Config { partition: "2@1..9".parse().ok(), ..base.clone() },
            Config { partition: "one-way:2@1..9".parse().ok(), ..base.clone() },
            Config { outage: vec!["0@1..6".parse().expect("an outage")], ..base.clone() },
            Config { churn: "poisson:0.3:0.5".parse().ok(), loss: 0.2, ..base },
        ]
    };
    for clock in [Clock::Rounds, Clock::Periodic] {
        for (which, config) in faults(clock).into_iter().enumerate() {
            let (mean, resent) = mean(&config);
            assert_eq!(mean, expected, "{clock} {which}");
            assert!(resent > 0, "{clock} {which}: something was lost");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// The slow, obvious mean: all weighted values added in f64, one after the other.
    #[test]
    fn any_tree_gives_the_mean_of_all_whatever_is_lost(
        all in prop::collection::vec((-1e3_f32..1e3, 0.1_f64..9.0), 2..24),
        (chords, seed, loss) in (0.0_f64..0.5, any::<u64>(), 0.0_f64..0.5),
    ) {
        let nodes = all.len();
        let topology = espalier_topology::Topology::WattsStrogatz(2, chords);
        let network = match topology.build(nodes, seed) {
            Ok(network) => network,
            Err(_) => espalier_topology::Topology::Line.build(nodes, seed).expect("a line"),
        };
        let model = |value: f32| Model::from_f32(&[("tensor", &[1], &[value])]).expect("legal");
        let contributions: Vec<_> = all.iter().map(|(v, w)| (model(*v), *w)).collect();
        let config = Config { seed, loss, clock: Clock::Periodic, ..Config::default() };
        let tree = MeanTree::new(&network, &contributions, 0, 1_000_000);
        let mut engine = crate::engine::Engine::new(tree, &config, None).expect("opens");
        for node in 0..nodes {
            let timer = engine.peers.come(node).expect("it begins");
            engine.set_timer(node, timer);
        }
        engine.run_until(1 << 50, &network);
        let total: f64 = all.iter().map(|(_, weight)| weight).sum();
        let sum: f64 = all.iter().map(|(value, weight)| f64::from(*value) * weight).sum();
        let greatest = all.iter().map(|(value, _)| value.abs()).fold(0.0, f32::max);
        let hops = f64::from(depth(&engine.peers) + 1);
        let most = hops * f64::from(greatest) / f64::from(1 << 24);
        for node in 0..nodes {
            let mean = engine.peers.mean(node, &contributions[0].0).expect("it is done");
            let off = (f64::from(values(&mean)[0]) - sum / total).abs();
            prop_assert!(off <= most, "node {} is {} off, more than {}", node, off, most);
        }
    }
}

/// Weights count, halves have their own rounding, and integers are not averaged.
#[test]
fn every_type_is_averaged_at_its_own_precision() {
    let network = espalier_topology::Topology::Line.build(3, 1).expect("a line");
    let contribution = |half: u16, double: f64, int: i32, weight| {
        let model = Model::from_tensors(vec![
            ("d".into(), Dtype::F64, vec![1], double.to_le_bytes().to_vec()),
            ("h".into(), Dtype::F16, vec![1], half.to_le_bytes().to_vec()),
            ("i".into(), Dtype::I32, vec![1], int.to_le_bytes().to_vec()),
        ]);
        (model.expect("a model"), weight)
    };
    // 60,000 does not fit twice into a half; its mean does.
    let all = [
        contribution(0x7b53, 1.0, 7, 1.0),
        contribution(0x7b53, 2.0, 8, 2.0),
        contribution(0x7b53, 4.0, 9, 1.0),
    ];
    let tree = MeanTree::new(&network, &all, 0, 1_000_000);
    let config = Config { nodes: 3, clock: Clock::Periodic, ..Config::default() };
    let mut engine = crate::engine::Engine::new(tree, &config, None).expect("opens");
    for node in 0..3 {
        let timer = engine.peers.come(node).expect("it begins");
        engine.set_timer(node, timer);
    }
    engine.run_until(1_000, &network);
    let mean = engine.peers.mean(2, &all[0].0).expect("it is done");
    assert_eq!(**mean.content(0), 2.25_f64.to_le_bytes());
    assert_eq!(**mean.content(1), 0x7b53_u16.to_le_bytes());
    assert_eq!(**mean.content(2), 7_i32.to_le_bytes(), "the root's own");
}
