//! Scheduled rounds: matchings of the network's edges that finish when they are said to.

use std::collections::BTreeSet;

use espalier_topology::{Network, Order, RoundPlan, Topology, scheduled_round};

use crate::{KINDS, fitting, network};

/// Rounds until every node has every item, as sets and with no cleverness.
fn rounds_to_all(network: &Network, topology: &Topology, order: Order) -> usize {
    let nodes = network.nodes();
    let plan = RoundPlan::new(network, topology);
    let mut states: Vec<BTreeSet<usize>> = (0..nodes).map(|i| BTreeSet::from([i])).collect();
    for round in 0.. {
        if states.iter().all(|state| state.len() == nodes) {
            return round;
        }
        let start = states.clone();
        for (a, b) in plan.round(round).into_iter().flatten() {
            let seen = if order == Order::Synchronous { &start } else { &states };
            let both: BTreeSet<usize> = seen[a].union(&seen[b]).copied().collect();
            states[a].extend(&both);
            states[b].extend(&both);
        }
    }
    unreachable!()
}

fn check_matchings(network: &Network, matchings: &[Vec<(usize, usize)>]) {
    for matching in matchings {
        assert!(!matching.is_empty());
        let ends: BTreeSet<_> = matching.iter().flat_map(|(a, b)| [*a, *b]).collect();
        assert_eq!(ends.len(), 2 * matching.len());
        assert!(matching.iter().all(|(a, b)| network.contains_edge(*a, *b)));
    }
}

#[test]
fn complete_needs_the_logarithm() {
    for nodes in 2..=70_usize {
        let network = Network::complete(nodes).unwrap();
        let logarithm = nodes.next_power_of_two().ilog2() as usize;
        let synchronous = rounds_to_all(&network, &Topology::Complete, Order::Synchronous);
        let sequential = rounds_to_all(&network, &Topology::Complete, Order::Sequential);
        if nodes % 2 == 0 {
            assert_eq!((synchronous, sequential), (logarithm, logarithm), "{nodes}");
        } else {
            assert_eq!(synchronous, nodes.ilog2() as usize, "{nodes}");
            assert!(sequential <= synchronous && synchronous <= logarithm, "{nodes}");
        }
        for round in 0..logarithm {
            check_matchings(&network, &scheduled_round(&network, &Topology::Complete, round));
        }
    }
}

#[test]
fn hypercube_needs_its_dimension() {
    for bits in 1..=8 {
        let network = network("hypercube", 1 << bits, 1);
        for order in [Order::Sequential, Order::Synchronous] {
            assert_eq!(rounds_to_all(&network, &Topology::Hypercube, order), bits);
        }
        for round in 0..2 * bits {
            let matchings = scheduled_round(&network, &Topology::Hypercube, round);
            assert_eq!(matchings.len(), 1);
            check_matchings(&network, &matchings);
        }
    }
}

#[test]
fn others_need_at_most_the_diameter() {
    for text in KINDS.into_iter().filter(|text| !["complete", "hypercube"].contains(text)) {
        let topology: Topology = text.parse().unwrap();
        for nodes in [6, 9, 16, 33].map(|nodes| fitting(text, nodes)) {
            let network = network(text, nodes, 1);
            let matchings = scheduled_round(&network, &topology, 5);
            check_matchings(&network, &matchings);
            let most = (0..nodes).map(|i| network.degree(i)).max().unwrap();
            assert!(matchings.len() >= most && matchings.len() < 2 * most.max(1), "{text}");
            let mut edges: Vec<_> = matchings.into_iter().flatten().collect();
            edges.sort_unstable();
            assert!(edges.into_iter().eq(network.edges()), "{text}");
            let diameter = network.diameter();
            assert_eq!(rounds_to_all(&network, &topology, Order::Synchronous), diameter);
            assert!(rounds_to_all(&network, &topology, Order::Sequential) <= diameter);
        }
    }
}

#[test]
fn a_wrong_topology_still_gives_matchings() {
    let ring = network("ring", 8, 1);
    check_matchings(&ring, &scheduled_round(&ring, &Topology::Hypercube, 1));
    check_matchings(&ring, &scheduled_round(&ring, &Topology::Complete, 1));
}

#[test]
fn a_large_star_is_coloured_quickly() {
    let star = network("star", 20_000, 1);
    assert_eq!(scheduled_round(&star, &Topology::Star, 0).len(), 19_999);
}
