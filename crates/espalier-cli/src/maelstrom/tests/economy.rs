//! What it costs to tell everybody, and how long that takes.

use super::world::{PERIOD, World, grid, tree};
use crate::args::Workload;
use serde_json::json;

/// The number of periods that are measured.
const PERIODS: u64 = 30;

/// What was measured of one network.
#[derive(Debug)]
struct Cost {
    /// Messages between nodes for each operation of a client, reads among them.
    per_op: f64,
    /// Periods until an element is everywhere: the median and the longest.
    median: f64,
    longest: f64,
}

/// Clients ask nodes at random, `ops` times per period, half of it reads; a message takes `latency`
/// units.
fn measure(topology: &[Vec<usize>], latency: u64, ops: u64) -> Cost {
    let nodes = topology.len();
    let mut world = World::new(Workload::Broadcast, nodes, 7);
    world.set_topology(topology);
    world.latency = latency;
    world.run(PERIOD);
    let (mut waiting, mut took) = (Vec::new(), Vec::new());
    let before = world.sent();
    for i in 0..ops * PERIODS {
        if i % 2 == 0 {
            let node = world.faults.below(nodes as u64) as usize;
            world.add(node, &json!(i));
            waiting.push((world.now, i.to_string()));
        }
        observe(&mut world, PERIOD / ops, &mut waiting, &mut took);
    }
    let sent = world.sent() - before;
    while !waiting.is_empty() {
        observe(&mut world, PERIOD / ops, &mut waiting, &mut took);
    }
    took.sort_by(f64::total_cmp);
    let per_op = sent as f64 / (ops * PERIODS) as f64;
    Cost { per_op, median: took[took.len() / 2], longest: took[took.len() - 1] }
}

/// Lets time pass and notes which elements are everywhere now, ten times in a period or more often.
fn observe(world: &mut World, units: u64, waiting: &mut Vec<(u64, String)>, took: &mut Vec<f64>) {
    let pieces = units.div_ceil(PERIOD / 10);
    for _ in 0..pieces {
        world.run(units / pieces);
        // The observer's reads. They cost no messages between nodes.
        world.read_all();
        waiting.retain(|(since, text)| {
            let there = world.judge.read.iter().all(|read| read.contains(text));
            took.extend(there.then(|| (world.now - since) as f64 / PERIOD as f64));
            !there
        });
    }
}

/// The figures of `docs/MAELSTROM.md`. Run with `--nocapture` to see them.
#[test]
#[expect(clippy::print_stdout, reason = "the figures are what the test is for")]
fn messages_per_operation_and_latency() {
    println!("25 nodes  latency  ops/period  messages/op  median  longest (periods)");
    let total = (0..25).map(|i| (0..25).filter(|j| *j != i).collect()).collect();
    for (name, topology) in [("grid", grid(5)), ("tree4", tree(25, 4)), ("total", total)] {
        for (latency, ops) in [(0, 20), (0, 10), (0, 2), (PERIOD, 10)] {
            let Cost { per_op, median, longest } = measure(&topology, latency, ops);
            let (delay, loaded) = (latency as f64 / PERIOD as f64, ops >= 10);
            println!("{name:8} {delay:8.1} {ops:11} {per_op:12.1} {median:7.2} {longest:8.2}");
            // What is promised; the figures themselves are seeded, but not promised.
            assert!(!loaded || per_op < 30.0 || name == "total", "{name}: {per_op}");
            assert!(latency > 0 || median < 4.0, "{name}: {median} periods");
        }
    }
}
