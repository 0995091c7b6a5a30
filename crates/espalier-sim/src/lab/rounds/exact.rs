//! The expected number of rounds of small networks, without chance: a Markov chain.
//!
//! A state says for each pair of nodes whether one has heard of the other. States only grow, so a
//! chain that leaves a state never comes back, and with P the probabilities of one round
//!
//! ```text
//! E(s) = (1 + Σ_{t ≠ s} P(s → t) E(t)) / (1 - P(s → s)),    E(everybody has heard of all) = 0
//! ```

use espalier_topology::{Network, Order};
use std::collections::BTreeMap;

/// Up to this many nodes the chain is small enough: 2^(n²) states at the very most.
pub(super) const EXACT_NODES: usize = 4;

/// A bit for each pair: n × who knows + who is known.
type Known = u16;

/// The expected number of rounds of random push–pull until all nodes hold all; `None` above
/// [`EXACT_NODES`].
///
/// Cost: at most a few thousand states, each with n^n choices of neighbours and, in sequential
/// order, 2ⁿ sets of nodes that still have to call.
pub(super) fn expected_rounds(network: &Network, order: Order) -> Option<f64> {
    let nodes = network.nodes();
    if nodes > EXACT_NODES {
        return None;
    }
    let start = (0..nodes).fold(0, |known, i| known | 1 << (nodes * i + i));
    let mut chain = Chain { network, order, known: BTreeMap::new() };
    Some(chain.expected(start))
}

struct Chain<'a> {
    network: &'a Network,
    order: Order,
    /// Expectations found so far.
    known: BTreeMap<Known, f64>,
}

impl Chain<'_> {
    fn expected(&mut self, state: Known) -> f64 {
        let nodes = self.network.nodes();
        if u32::from(state).count_ones() as usize == nodes * nodes {
            return 0.0;
        }
        if let Some(found) = self.known.get(&state) {
            return *found;
        }
        let (mut rest, mut stays) = (1.0, 0.0);
        for (next, probability) in self.round(state) {
            if next == state {
                stays = probability;
            } else {
                rest += probability * self.expected(next);
            }
        }
        let found = rest / (1.0 - stays);
        self.known.insert(state, found);
        found
    }

    /// Where a round leads, with the probabilities.
    fn round(&self, state: Known) -> BTreeMap<Known, f64> {
        let all = (1_u8 << self.network.nodes()) - 1;
        // Who still has to call, and what is known by now.
        let mut open = BTreeMap::from([((all, state), 1.0)]);
        let mut after = BTreeMap::new();
        while let Some(((left, now), probability)) = open.pop_last() {
            if left == 0 {
                *after.entry(now).or_insert(0.0) += probability;
                continue;
            }
            // At once all work on the start of the round, so that their order does not matter.
            let callers = match self.order {
                Order::Sequential => u32::from(left).count_ones(),
                Order::Synchronous => 1,
            };
            let next = (0..8).filter(|i| left >> i & 1 == 1).take(callers as usize);
            for caller in next {
                let degree = self.network.degree(caller);
                let share = probability / f64::from(callers) / degree as f64;
                for peer in self.network.neighbours(caller) {
                    let seen = if self.order == Order::Sequential { now } else { state };
                    let learnt = self.exchange(seen, caller, peer) | now;
                    *open.entry((left & !(1 << caller), learnt)).or_insert(0.0) += share;
                }
            }
        }
        after
    }

    fn exchange(&self, seen: Known, a: usize, b: usize) -> Known {
        let nodes = self.network.nodes();
        let row = |i: usize| seen >> (nodes * i) & ((1 << nodes) - 1);
        let both = row(a) | row(b);
        both << (nodes * a) | both << (nodes * b)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use espalier_topology::Topology;

    fn expected(topology: Topology, nodes: usize, order: Order) -> f64 {
        let network = topology.build(nodes, 1).expect("a network");
        expected_rounds(&network, order).expect("small")
    }

    #[test]
    fn what_can_be_worked_out_by_hand() {
        for order in [Order::Sequential, Order::Synchronous] {
            assert_eq!(expected(Topology::Complete, 2, order), 1.0);
            assert!((expected(Topology::Star, 4, order) - 2.0).abs() < 1e-12);
        }
        assert_eq!(expected(Topology::Star, 3, Order::Synchronous), 2.0);
        assert_eq!(expected(Topology::Line, 3, Order::Synchronous), 2.0);
        // One after the other: both edges of the line are used, and one of them twice. An end is
        // told everything by the use of its edge that comes after the other edge's, so one round is
        // enough if the middle one of the three uses is of the edge used once: 1 of 3. After a
        // round the node in the middle knows all, and both ends call it in the second.
        let line = expected(Topology::Line, 3, Order::Sequential);
        assert!((line - 5.0 / 3.0).abs() < 1e-12, "{line}");
        let big = Topology::Ring.build(5, 1).expect("a ring");
        assert_eq!(expected_rounds(&big, Order::Sequential), None);
    }

    #[test]
    fn more_edges_take_no_longer() {
        for order in [Order::Sequential, Order::Synchronous] {
            let line = expected(Topology::Line, 4, order);
            let ring = expected(Topology::Ring, 4, order);
            let complete = expected(Topology::Complete, 4, order);
            assert!(complete < line && ring < line, "{complete} {ring} {line}");
        }
    }
}
