//! What every generated network must be, whatever drew it.

use std::collections::BTreeSet;

use espalier_topology::{MAX_NODES, Network, Partition, Topology, TopologyError, assign_parts};
use petgraph::algo::{connected_components, floyd_warshall};
use proptest::prelude::*;

use crate::{KINDS, fitting, network};

fn check(network: &Network) {
    let nodes = network.nodes();
    let edges: Vec<_> = network.edges().collect();
    let set: BTreeSet<_> = edges.iter().copied().collect();
    assert!(edges.is_sorted() && set.len() == edges.len());
    assert_eq!(edges.len() as u64, network.edge_count());
    assert_eq!((0..nodes).map(|i| network.degree(i)).sum::<usize>(), 2 * edges.len());
    for i in 0..nodes {
        let peers: Vec<_> = network.neighbours(i).collect();
        let twin: Vec<_> =
            (0..nodes).filter(|j| set.contains(&(i.min(*j), i.max(*j))) && *j != i).collect();
        assert_eq!(peers, twin);
        assert_eq!(network.neighbours(i).len(), network.degree(i));
        assert!((0..nodes).all(|k| network.neighbour(i, k) == twin.get(k).copied()));
        assert!((0..=nodes).all(|j| network.contains_edge(i, j) == twin.contains(&j)));
    }
    assert_eq!(network.neighbours(nodes).count(), 0);
    let graph = network.to_petgraph().unwrap();
    assert_eq!(connected_components(&graph), 1);
    let all = floyd_warshall(&graph, |_| 1_u32).unwrap();
    let diameter = all.iter().map(|(_, hops)| *hops as usize).max().unwrap();
    assert_eq!(network.diameter(), diameter);
    let (low, high) = network.diameter_range();
    assert!(low <= diameter && diameter <= high, "{low} {diameter} {high}");
}

#[test]
fn every_kind_at_small_sizes() {
    for text in KINDS {
        for nodes in 6..=20 {
            check(&network(text, fitting(text, nodes), 7));
        }
    }
}

#[test]
fn two_and_three_nodes() {
    for text in ["random", "ring", "star", "complete", "line", "hypercube", "regular:1"] {
        assert_eq!(network(text, 2, 1).edges().collect::<Vec<_>>(), [(0, 1)], "{text}");
    }
    for text in ["random", "ring", "complete", "regular:2", "watts-strogatz:2:0.5"] {
        assert_eq!(network(text, 3, 1).edge_count(), 3, "{text}");
    }
    assert_eq!(network("barabasi-albert:1", 2, 1).edge_count(), 1);
    assert_eq!(network("erdos-renyi:0.2", 2, 1).edge_count(), 1);
}

#[test]
fn regular_graphs_exist_for_every_allowed_degree() {
    for nodes in 4..=34 {
        for k in (2..nodes).filter(|k| nodes * k % 2 == 0) {
            let network = network(&format!("regular:{k}"), nodes, 3);
            assert!((0..nodes).all(|i| network.degree(i) == k), "{nodes} {k}");
        }
    }
    for k in [63, 64, 100] {
        let network = network(&format!("regular:{k}"), 128, 3);
        assert!((0..128).all(|i| network.degree(i) == k));
    }
}

#[test]
fn shapes() {
    let star = network("star", 9, 1);
    assert_eq!((star.degree(0), star.diameter(), star.eccentricity(0)), (8, 2, (1, 1)));
    assert_eq!(network("line", 9, 1).diameter(), 8);
    assert_eq!(network("line", 9, 1).diameter_range(), (8, 8));
    assert_eq!(network("ring", 9, 1).diameter(), 4);
    let torus = network("torus", 12, 1);
    assert!((0..12).all(|i| torus.degree(i) == 4));
    assert!(torus.contains_edge(0, 3) && torus.contains_edge(0, 8) && torus.contains_edge(0, 4));
    assert_eq!(network("hypercube", 32, 1).diameter(), 5);
    assert_eq!(network("watts-strogatz:4:1", 30, 1).edge_count(), 60);
    assert_eq!(network("barabasi-albert:3", 30, 1).edge_count(), 3 * 27);
    assert!((0..30).all(|i| network("barabasi-albert:3", 30, 1).degree(i) >= 1));
}

#[test]
fn densities_are_as_asked() {
    let chords = (400 * 397 / 2) as f64;
    let drawn = network("random", 400, 5).edge_count() as f64 - 400.0;
    assert!((drawn / chords - 0.45).abs() < 0.01, "{}", drawn / chords);
    let pairs = (400 * 399 / 2) as f64;
    let drawn = network("erdos-renyi:0.1", 400, 5).edge_count() as f64;
    assert!((drawn / pairs - 0.1).abs() < 0.005, "{}", drawn / pairs);
    let lattice = network("watts-strogatz:4:0", 400, 5);
    let kept = network("watts-strogatz:4:0.25", 400, 5);
    let kept = kept.edges().filter(|(a, b)| lattice.contains_edge(*a, *b)).count() as f64;
    assert!((kept / 800.0 - 0.75).abs() < 0.05, "{}", kept / 800.0);
}

#[test]
fn a_hundred_thousand_nodes() {
    let nodes = 100_000;
    let cases = ["erdos-renyi:0.0002", "regular:6", "watts-strogatz:6:0.1", "barabasi-albert:3"];
    for text in cases.into_iter().chain(["ring", "star", "torus", "complete"]) {
        let network = network(text, nodes, 1);
        assert!(network.edge_count() >= nodes as u64 - 1, "{text}");
        assert!(network.neighbour(77, 0).is_some());
    }
    let complete = network("complete", nodes, 1);
    assert_eq!(complete.edge_count(), 4_999_950_000);
    assert_eq!(complete.neighbour(5, 5), Some(6));
    assert!(matches!(complete.to_petgraph(), Err(TopologyError::TooManyEdges { .. })));
}

#[test]
fn errors_name_what_would_work() {
    let cases = [
        ("ring", 0, "at least 2 nodes, not 0"),
        ("ring", 1, "at least 2 nodes, not 1"),
        ("ring", MAX_NODES + 1, "limit"),
        ("torus", 8, "use 9"),
        ("torus", 11, "use 9 or 12"),
        ("torus", 2, "use 9"),
        ("hypercube", 12, "nearest is 8"),
        ("hypercube", 13, "nearest is 16"),
        ("regular:9", 9, "at most 8"),
        ("regular:1", 8, "at least 2"),
        ("regular:3", 9, "use K = 2 or 10 nodes"),
        ("erdos-renyi:0.001", 100, "use P of at least 0.077"),
        ("watts-strogatz:2:1", 30_000, "K = 4"),
        ("watts-strogatz:8:0.1", 8, "from 2 to 6"),
        ("watts-strogatz:2:0.1", 2, "at least 3 nodes"),
        ("barabasi-albert:8", 8, "1 to 7"),
        ("random", 100_000, "use at most 12"),
        ("file:/no/such/file", 8, "/no/such/file"),
    ];
    for (text, nodes, expected) in cases {
        let error = text.parse::<Topology>().unwrap().build(nodes, 1).unwrap_err().to_string();
        assert!(error.contains(expected), "{text} {nodes}: {error}");
    }
    // The suggestions hold.
    assert!((0..20).all(|seed| network("erdos-renyi:0.077", 100, seed).nodes() == 100));
    assert!((0..20).all(|seed| network("watts-strogatz:4:0.5", 1000, seed).nodes() == 1000));
}

#[test]
fn hand_made_variants_are_checked_too() {
    for topology in [
        Topology::Regular(0),
        Topology::Regular(usize::MAX),
        Topology::ErdosRenyi(f64::NAN),
        Topology::ErdosRenyi(-1.0),
        Topology::WattsStrogatz(0, 0.5),
        Topology::WattsStrogatz(usize::MAX, 0.5),
        Topology::WattsStrogatz(4, f64::INFINITY),
        Topology::BarabasiAlbert(0),
        Topology::BarabasiAlbert(usize::MAX),
    ] {
        assert!(topology.build(10, 1).is_err(), "{topology:?}");
    }
    assert!(Topology::ErdosRenyi(f64::MIN_POSITIVE).build(10, 1).is_err());
}

#[test]
fn seeds_matter_where_something_is_random() {
    for text in KINDS {
        let nodes = fitting(text, 24);
        let (a, same, b) =
            (network(text, nodes, 1), network(text, nodes, 1), network(text, nodes, 2));
        assert_eq!(a, same);
        let random = text.contains(':') && text != "watts-strogatz:2:0" || text == "random";
        assert_eq!(a != b, random, "{text}");
    }
}

#[test]
fn given_edges() {
    let network = Network::from_edges(3, [(2, 1), (0, 1)]).unwrap();
    assert_eq!(network.edges().collect::<Vec<_>>(), [(0, 1), (1, 2)]);
    let broken = Network::from_edges(4, [(0, 1), (2, 3)]).unwrap_err();
    assert_eq!(broken, TopologyError::Disconnected { nodes: 4, unreached: 2 });
    assert!(Network::from_edges(3, [(0, 1), (1, 0), (1, 2)]).is_err());
    assert!(Network::from_edges(3, [(0, 3)]).is_err());
    assert!(Network::from_edges(3, [(0, usize::MAX)]).is_err());
}

#[test]
fn chosen_neighbours_are_uniform() {
    use rand::SeedableRng;
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    for text in ["complete", "star"] {
        let network = network(text, 6, 1);
        let mut count = [0_u32; 6];
        for _ in 0..25_000 {
            count[network.choose_neighbour(0, &mut rng).unwrap()] += 1;
        }
        assert_eq!(count[0], 0);
        assert!(count[1..].iter().all(|c| (4_700..5_300).contains(c)), "{count:?}");
    }
}

#[test]
fn parts() {
    for (nodes, parts) in [(10, 3), (8, 8), (100, 7), (5, 1)] {
        let part = Partition { parts }.assign(nodes, 4).unwrap();
        let sizes: Vec<_> =
            (0..parts as u32).map(|p| part.iter().filter(|q| **q == p).count()).collect();
        assert!(sizes.iter().max().unwrap() - sizes.iter().min().unwrap() <= 1, "{sizes:?}");
    }
    assert_eq!(assign_parts(50, 2, 1), assign_parts(50, 2, 1));
    assert_ne!(assign_parts(50, 2, 1), assign_parts(50, 2, 2));
    assert!(Partition { parts: 0 }.assign(5, 1).is_err());
    assert!(Partition { parts: 6 }.assign(5, 1).is_err());
    assert_eq!(assign_parts(2, 9, 1).len(), 2);
    assert!(assign_parts(0, 3, 1).is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_network_is_well_formed(kind in 0..KINDS.len(), nodes in 6_usize..40, seed: u64) {
        let text = KINDS[kind];
        let nodes = fitting(text, nodes);
        let first = network(text, nodes, seed);
        check(&first);
        prop_assert_eq!(&first, &network(text, nodes, seed));
        let again = Network::from_edges(nodes, first.edges()).unwrap();
        prop_assert!(again.edges().eq(first.edges()));
    }

    #[test]
    fn any_parameters_build_or_fail(k in 0_usize..20, p in 0.0_f64..1.0, nodes in 0_usize..20) {
        for topology in [
            Topology::Regular(k),
            Topology::ErdosRenyi(p),
            Topology::WattsStrogatz(k, p),
            Topology::BarabasiAlbert(k),
            Topology::Torus,
            Topology::Hypercube,
        ] {
            if let Ok(network) = topology.build(nodes, 1) {
                check(&network);
            }
        }
    }
}
