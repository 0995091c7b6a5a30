//! Seeded networks that lose, repeat, reorder and split.

use super::world::{PERIOD, World, grid, tree};
use crate::args::Workload;
use serde_json::{Value, json};

/// The number of networks that are tried of each kind.
const SEEDS: u64 = 400;

/// The value number `i`: for broadcast as Maelstrom has them, for sets of every kind.
fn value(workload: Workload, i: u64) -> Value {
    match (workload, i % 4) {
        (Workload::GSet, 1) => json!(format!("element {i} \u{e9}\"")),
        (Workload::GSet, 2) => json!([i, { "b": null, "a": [true, -1.5] }]),
        (Workload::GSet, 3) => json!({ "i": i }),
        _ => json!(i),
    }
}

/// Ten periods of adds and reads while the network is at its worst, then quiet.
fn trial(workload: Workload, seed: u64) -> World {
    let mut world = World::new(workload, 5, seed);
    if workload == Workload::Broadcast {
        let line: Vec<Vec<usize>> =
            (0..5_usize).map(|i| (0..5).filter(|j| i.abs_diff(*j) == 1).collect()).collect();
        let one_way = (0..5_usize).map(|i| if i == 0 { vec![] } else { vec![0] }).collect();
        let topologies = [line, tree(5, 2), one_way, vec![vec![]; 5]];
        let one = world.faults.below(4) as usize;
        world.set_topology(&topologies[one]);
    }
    world.faults.delay = world.faults.below(2 * PERIOD);
    let mut added = 0;
    for _ in 0..10 {
        (world.faults.loss, world.faults.twice) = (world.faults.below(40), world.faults.below(40));
        match world.faults.below(3) {
            0 => world.faults.heal(),
            parts => world.faults.cut(parts + 1),
        }
        for _ in 0..world.faults.below(6) {
            let node = world.faults.below(5) as usize;
            if world.faults.below(2) == 0 {
                // Sometimes a client sends a value again, perhaps to another node.
                let i = if world.faults.below(8) == 0 { 0 } else { added };
                world.add(node, &value(workload, i));
                added += 1;
            } else {
                world.read(node);
            }
            let pause = world.faults.below(PERIOD);
            world.run(pause);
        }
    }
    world.faults.heal();
    world
}

/// Every acknowledged element is in every read once the network is whole; nothing is invented and
/// nothing shown is lost, which the judge looks after at each read.
#[test]
fn after_the_faults_every_node_shows_everything() {
    let mut longest = 0;
    for workload in [Workload::Broadcast, Workload::GSet] {
        for seed in 0..SEEDS {
            let mut world = trial(workload, seed);
            longest = world.settle(60).max(longest);
        }
    }
    // Maelstrom waits ten seconds before the last reads, which is a hundred periods.
    assert!(longest <= 40, "{longest} periods");
}

/// Where there are many nodes a probe of anybody in turn would not come in time.
#[test]
fn a_large_lossy_grid_settles_as_quickly() {
    for seed in 0..10 {
        let mut world = World::new(Workload::Broadcast, 25, seed);
        world.set_topology(&grid(5));
        (world.faults.loss, world.faults.twice, world.faults.delay) = (40, 20, PERIOD);
        for i in 0..50 {
            let node = world.faults.below(25) as usize;
            world.add(node, &json!(i));
            world.run(PERIOD / 5);
        }
        world.faults.heal();
        world.settle(40);
    }
}

#[test]
fn same_seed_same_run() {
    for seed in 0..4 {
        let run = || {
            let mut world = trial(Workload::GSet, seed);
            (world.settle(60), world.sent())
        };
        assert_eq!(run(), run());
    }
}

/// Who has nothing to say is nearly silent: a probe now and then, two messages each.
#[test]
fn a_network_that_agrees_is_quiet() {
    let mut world = World::new(Workload::Broadcast, 9, 1);
    world.set_topology(&grid(3));
    (0..9).for_each(|i| world.add(i, &json!(i)));
    world.settle(10);
    world.run(10 * PERIOD);
    let before = world.sent();
    world.run(100 * PERIOD);
    assert_eq!(world.sent() - before, 9 * 10 * 2);
}

/// A part of the network that is cut off for long does not wear the others out, and is as quick
/// back as after a short time.
#[test]
fn partitions_may_last() {
    let mut world = World::new(Workload::Broadcast, 4, 3);
    world.faults.cut(2);
    for i in 0..300 {
        world.add(i % 4, &json!(i));
        world.run(2 * PERIOD);
    }
    let per_period = world.sent() / 600;
    assert!(per_period < 4 * 4 * 4, "{per_period} messages per period");
    world.faults.heal();
    assert!(world.settle(20) <= 12);
}

/// Nothing of a node is durable. What it had told others it gets back.
#[test]
fn a_node_that_is_started_again_gets_back_what_the_others_have() {
    let mut world = World::new(Workload::GSet, 5, 4);
    (0..20).for_each(|i| world.add(i % 5, &json!(i)));
    world.settle(20);
    world.restart(2);
    world.settle(30);
    world.add(2, &json!("after"));
    world.settle(20);
}

/// A node that signs before it heard anything signs a number twice. That convicts its key, and the
/// values of both operations stay.
#[test]
fn a_node_that_forgot_what_it_signed_loses_nothing_that_others_have() {
    let mut world = World::new(Workload::GSet, 5, 5);
    (0..20).for_each(|i| world.add(i % 5, &json!(i)));
    world.settle(20);
    world.restart(2);
    world.add(2, &json!("forked"));
    world.settle(60);
    world.add(2, &json!("after"));
    world.add(3, &json!("too"));
    world.settle(40);
}

/// Those that go on do not need those that are gone.
#[test]
fn nodes_that_are_silent_hold_nobody_up() {
    let mut world = World::new(Workload::GSet, 7, 6);
    world.faults.parts = vec![0, 0, 0, 0, 0, 1, 2];
    for i in 0..10 {
        world.add(i % 5, &json!(i));
    }
    world.run(20 * PERIOD);
    for node in 0..5 {
        world.read(node);
        assert_eq!(world.judge.read[node].len(), 10, "n{node}");
    }
}
