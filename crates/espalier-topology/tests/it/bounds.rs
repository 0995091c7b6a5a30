//! Random push–pull, simulated plainly, stays within the bounds.

use espalier_topology::{Network, Order, round_bound};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::{KINDS, fitting, network};

const ORDERS: [Order; 2] = [Order::Sequential, Order::Synchronous];

/// Rounds of push–pull until all nodes have all items; a state is a bit set.
fn push_pull(network: &Network, order: Order, seed: u64) -> u32 {
    let nodes = network.nodes();
    let words = nodes.div_ceil(64);
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut states = vec![vec![0_u64; words]; nodes];
    (0..nodes).for_each(|i| states[i][i / 64] |= 1 << (i % 64));
    let has_all = |state: &Vec<u64>| state.iter().map(|w| w.count_ones()).sum::<u32>();
    let mut visits: Vec<usize> = (0..nodes).collect();
    for round in 0.. {
        if states.iter().all(|state| has_all(state) as usize == nodes) {
            return round;
        }
        for last in (1..nodes).rev() {
            visits.swap(last, (rng.next_u64() % (last as u64 + 1)) as usize);
        }
        let start = states.clone();
        for i in &visits {
            let peer = network.choose_neighbour(*i, &mut rng).unwrap();
            for word in 0..words {
                let seen = if order == Order::Synchronous { &start } else { &states };
                let both = seen[*i][word] | seen[peer][word];
                states[*i][word] |= both;
                states[peer][word] |= both;
            }
        }
    }
    unreachable!()
}

#[test]
fn measured_rounds_lie_within_the_bounds() {
    for text in KINDS {
        for nodes in [8, 16, 64].map(|nodes| fitting(text, nodes)) {
            let network = network(text, nodes, 1);
            for order in ORDERS {
                let bounds = round_bound(&network, order);
                assert!(bounds.proven && bounds.lower <= bounds.upper, "{text} {bounds:?}");
                for seed in 0..20 {
                    let rounds = push_pull(&network, order, seed);
                    let within = (bounds.lower..=bounds.upper).contains(&rounds);
                    assert!(within, "{text} {nodes} {order} {rounds} {bounds:?}");
                }
            }
        }
    }
}

#[test]
fn stars_and_pairs_are_exact() {
    let bounds = round_bound(&network("star", 50, 1), Order::Synchronous);
    assert_eq!((bounds.lower, bounds.upper), (2, 2));
    let bounds = round_bound(&network("line", 2, 1), Order::Sequential);
    assert_eq!((bounds.lower, bounds.upper), (1, 1));
}

#[test]
fn a_long_ring_is_bounded_tightly_by_paths() {
    // The measured synchronous mean on 1,024 nodes is 713.
    let bounds = round_bound(&network("ring", 1024, 1), Order::Synchronous);
    assert!(bounds.proven && (512..=713).contains(&bounds.lower), "{bounds:?}");
    assert!((713..900).contains(&bounds.upper), "{bounds:?}");
}

#[test]
fn estimates_are_said_to_be_estimates() {
    let bounds = round_bound(&network("regular:40", 3000, 1), Order::Synchronous);
    assert!(!bounds.gap_exact && !bounds.proven && bounds.source.starts_with("estimated"));
    let complete = round_bound(&network("complete", 100_000, 1), Order::Sequential);
    assert!(complete.proven && complete.upper < 250, "{complete:?}");
    let json = serde_json::to_value(&complete).unwrap();
    assert_eq!(json["lower"], 2);
}
