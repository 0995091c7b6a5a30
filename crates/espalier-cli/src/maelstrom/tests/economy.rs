//! What it costs to tell everybody, and how long that takes.

use super::world::{PERIOD, World, grid, tree};
use crate::maelstrom::node::Workload;
use serde_json::json;

/// Operations of clients per period, half of them reads: 100 per second at 100 ms.
const OPS: u64 = 10;

/// How many periods are measured.
const PERIODS: u64 = 40;

/// What was measured of one network.
#[derive(Debug)]
struct Cost {
    /// Messages between nodes for each operation of a client, reads among them.
    per_op: f64,
    /// Periods until an element is everywhere: the median and the longest.
    median: f64,
    longest: f64,
}

/// Clients ask nodes in turn at random; a message takes `latency` units.
fn measure(topology: &[Vec<usize>], latency: u64, ops: u64) -> Cost {
    let nodes = topology.len();
    let mut world = World::new(Workload::Broadcast, nodes, 7);
    world.set_topology(topology);
    world.latency = latency;
    world.run(PERIOD);
    let (step, mut waiting, mut took) = (PERIOD / ops, Vec::new(), Vec::new());
    let before = world.sent;
    let mut sent = 0;
    for i in 0.. {
        let end = i >= ops * PERIODS;
        if end && waiting.is_empty() {
            break;
        }
        if i == ops * PERIODS {
            sent = world.sent - before;
        }
        if i % 2 == 0 && !end {
            let node = world.faults.below(nodes as u64) as usize;
            world.add(node, &json!(i));
            waiting.push((world.now, i.to_string()));
        }
        world.run(step);
        // These reads are the observer's. Reads cost no messages between nodes.
        world.read_all();
        let everywhere = |text: &String| world.judge.read.iter().all(|read| read.contains(text));
        let now = world.now;
        waiting.retain(|(since, text)| {
            let there = everywhere(text);
            took.extend(there.then(|| (now - since) as f64 / PERIOD as f64));
            !there
        });
    }
    took.sort_by(f64::total_cmp);
    let per_op = sent as f64 / (ops * PERIODS) as f64;
    Cost { per_op, median: took[took.len() / 2], longest: took[took.len() - 1] }
}

/// The figures of `docs/MAELSTROM.md`. Run with `--nocapture` to see them.
#[test]
#[expect(clippy::print_stdout, reason = "the figures are what the test is for")]
fn messages_per_operation_and_latency() {
    println!("25 nodes        latency  ops/period  messages/op  median  longest (periods)");
    let networks = [("grid", grid(5)), ("tree4", tree(25, 4))];
    for (name, topology) in &networks {
        for (latency, ops) in [(0, OPS), (0, 2), (PERIOD, OPS)] {
            let Cost { per_op, median, longest } = measure(topology, latency, ops);
            let delay = latency as f64 / PERIOD as f64;
            println!(
                "{name:<14} {delay:>8.1} {ops:>11} {per_op:>12.1} {median:>7.2} {longest:>8.2}"
            );
        }
    }
}
