//! Everything about this crate that is tested through its public face.

mod bounds;
mod edge_lists;
mod generators;
mod golden;
mod names;
mod schedules;

use espalier_topology::{Network, Topology};

/// One of each kind that works for most numbers of nodes from 6 on.
const KINDS: [&str; 14] = [
    "random",
    "ring",
    "star",
    "complete",
    "line",
    "torus",
    "hypercube",
    "regular:2",
    "regular:4",
    "erdos-renyi:0.5",
    "watts-strogatz:4:0.3",
    "watts-strogatz:2:0",
    "barabasi-albert:1",
    "barabasi-albert:3",
];

fn network(text: &str, nodes: usize, seed: u64) -> Network {
    let topology: Topology = text.parse().unwrap();
    topology.build(nodes, seed).unwrap_or_else(|error| panic!("{text} {nodes} {seed}: {error}"))
}

/// The nearest number of nodes with which this kind exists.
fn fitting(text: &str, nodes: usize) -> usize {
    match text {
        "hypercube" => nodes.next_power_of_two(),
        "torus" => (nodes.max(9)..).find(|n| (3..n.isqrt() + 1).any(|r| n % r == 0)).unwrap(),
        _ => nodes,
    }
}
