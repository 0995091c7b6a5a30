//! What theory says about the expected number of rounds of a network.
//!
//! **Exactly**: up to four nodes by [`expected_rounds`]; and on a star of four or more it is 2. In
//! the first round every leaf tells the hub, so that the hub knows all when it ends, but the first
//! two leaves that call lack one another or later ones, and the hub's own call mends at most one
//! of them. In the second every leaf asks the hub.
//!
//! **At most**: [`round_bound`] holds with probability 1 - [`FAILURE`] whatever the nodes know when
//! it begins, so a run that takes longer can begin to count anew, and the mean is at most the
//! bound / (1 - FAILURE).
//!
//! **At least**, the greatest of:
//!
//! * the bound of `round_bound` that is certain: enough exchanges, and in synchronous order the
//!   diameter;
//! * **reach**. Let x be for each node a bound of the probability that it has heard of node s. News
//!   pass from i to j in one exchange with probability at most M_ij = P_ij + P_ji, P_ij = 1 / d_i:
//!   one of them calls the other. In synchronous order a round takes them one hop, so
//!   x' = min(1, x + M x). In sequential order k hops need k callers that call in one order of k!,
//!   so x' = min(1, e^M x). All is over at T with probability at most the least x_j, and the mean
//!   is at least Σ_T (1 - min_j x_j(T)). A union bound over paths, as for branching random walks
//!   (Kingman 1975, "The first birth problem for an age-dependent branching process"). On the
//!   complete graph M multiplies by 2, so this is at least log n / log 3 - 1 at once and
//!   ln n / 2 - 1 one after the other, the order of Karp, Schindelhauer, Shenker & Vöcking
//!   (FOCS 2000);
//! * **passage**. On a tree, in synchronous order, news wait at each edge of their one path until
//!   it is used, 1 / p rounds on average with p = 1 - (1 - 1/d_i)(1 - 1/d_j): the mean is at least
//!   the longest such path. On a ring two fronts pass n - 1 edges, each with p = 3/4 a round. In
//!   sequential order a front passes at least k more edges of a line in one round with
//!   probability at most 1/k!, so at most e - 1 on average: by Wald's equation (1944) the mean is
//!   at least (n - 1) / 2(e - 1) on a ring, and (n - 3) / (e - 1) on a line, without the edges of
//!   its ends.

use super::exact::expected_rounds;
use espalier_topology::{FAILURE, Network, Order, Topology, round_bound};
use serde::Serialize;

/// A term of a series this small ends it.
const NEGLIGIBLE: f64 = 1e-12;

/// What theory says about the expected number of rounds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Theory {
    /// It is at least this.
    pub lower: f64,
    /// Why: `exact`, `certain`, `reach` or `passage`.
    pub lower_by: &'static str,
    /// It is at most this.
    pub upper: f64,
    /// Why: `exact`, or where the bound comes from.
    pub upper_by: &'static str,
}

impl Theory {
    /// Cost: that of [`round_bound`], and for `lower` at most some hundred visits of an edge for
    /// each round.
    pub(super) fn of(network: &Network, topology: &Topology, order: Order) -> Self {
        let star = (*topology == Topology::Star && network.nodes() > 3).then_some(2.0);
        if let Some(exact) = expected_rounds(network, order).or(star) {
            return Self { lower: exact, lower_by: "exact", upper: exact, upper_by: "exact" };
        }
        let bounds = round_bound(network, order);
        let lowers = [
            (passage(network, topology, order), "passage"),
            (reach(network, order), "reach"),
            (f64::from(bounds.lower), "certain"),
        ];
        // Of equal ones the last, which needs the least thought.
        let (lower, lower_by) = lowers
            .into_iter()
            .fold((0.0, "certain"), |best, next| if next.0 >= best.0 { next } else { best });
        let upper = f64::from(bounds.upper) / (1.0 - FAILURE);
        Self { lower, lower_by, upper, upper_by: bounds.source }
    }

    /// What holds for both networks.
    pub(super) fn of_both(self, other: Self) -> Self {
        let low = if other.lower < self.lower { other } else { self };
        let high = if other.upper > self.upper { other } else { self };
        Self {
            lower: low.lower,
            lower_by: low.lower_by,
            upper: high.upper,
            upper_by: high.upper_by,
        }
    }
}

/// Σ_T (1 - min_j x_j(T)), from the start that [`Network::eccentricity`] says is far from node 0.
fn reach(network: &Network, order: Order) -> f64 {
    if network.is_implicit() {
        return reach_complete(network.nodes(), order);
    }
    let start = network.eccentricity(0).1;
    let mut heard = vec![0.0; network.nodes()];
    heard[start] = 1.0;
    let mut rounds = 0.0;
    loop {
        let least = heard.iter().copied().fold(1.0, f64::min);
        if least >= 1.0 - NEGLIGIBLE {
            return rounds;
        }
        rounds += 1.0 - least;
        spread(network, order, &mut heard);
    }
}

/// One round: x + M x, or e^M x by its series, neither above 1.
fn spread(network: &Network, order: Order, heard: &mut [f64]) {
    let mut term = heard.to_vec();
    let mut k = 1.0;
    loop {
        let inverse = |i: usize| 1.0 / network.degree(i) as f64;
        let hop = |i| {
            let own = inverse(i);
            let from = |j: usize| (own + inverse(j)) * term[j];
            network.neighbours(i).map(from).fold(0.0, |sum, x| sum + x) / k
        };
        let next: Vec<f64> = (0..heard.len()).map(hop).collect();
        heard.iter_mut().zip(&next).for_each(|(x, more)| *x = (*x + more).min(1.0));
        let greatest = next.iter().copied().fold(0.0, f64::max);
        let over = greatest < NEGLIGIBLE || heard.iter().all(|x| *x >= 1.0);
        if over || order == Order::Synchronous {
            return;
        }
        (term, k) = (next, k + 1.0);
    }
}

/// The same on a complete graph, where all nodes but the start are alike: with s the expected
/// number that has heard, s' = 3 s or e² s.
fn reach_complete(nodes: usize, order: Order) -> f64 {
    let e = core::f64::consts::E;
    let growth = if order == Order::Synchronous { 3.0 } else { e * e };
    let (mut rounds, mut share) = (0.0, 1.0 / nodes as f64);
    while share < 1.0 {
        rounds += 1.0 - share;
        share *= growth;
    }
    rounds
}

/// The mean time of news along a path, or around a ring; 0 where nothing is known.
fn passage(network: &Network, topology: &Topology, order: Order) -> f64 {
    let nodes = network.nodes() as f64;
    let speed = core::f64::consts::E - 1.0;
    match (topology, order) {
        (Topology::Ring, Order::Synchronous) => (nodes - 1.0) / 1.5,
        (Topology::Ring, Order::Sequential) => (nodes - 1.0) / (2.0 * speed),
        (Topology::Line, Order::Sequential) => (nodes - 3.0) / speed,
        (_, Order::Synchronous) if network.edge_count() + 1 == network.nodes() as u64 => {
            let (end, _) = farthest(network, 0);
            farthest(network, end).1
        }
        _ => 0.0,
    }
}

/// In a tree whose edges take 1 / p rounds: the node that news from `start` reach last, and when.
fn farthest(network: &Network, start: usize) -> (usize, f64) {
    let quiet = |i: usize| 1.0 - 1.0 / network.degree(i) as f64;
    let mut last = (start, 0.0);
    let mut open = vec![(start, start, 0.0)];
    while let Some((node, from, time)) = open.pop() {
        if time > last.1 {
            last = (node, time);
        }
        for next in network.neighbours(node).filter(|next| *next != from) {
            open.push((next, node, time + 1.0 / (1.0 - quiet(node) * quiet(next))));
        }
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDERS: [Order; 2] = [Order::Sequential, Order::Synchronous];

    fn build(topology: &Topology, nodes: usize) -> Network {
        topology.build(nodes, 1).expect("a network")
    }

    /// The bounds where the mean is known without chance.
    #[test]
    fn bounds_hold_for_the_exact_means_of_small_networks() {
        let all = [Topology::Complete, Topology::Ring, Topology::Line, Topology::Star];
        for (topology, order) in all.iter().flat_map(|topology| ORDERS.map(|o| (topology, o))) {
            for nodes in 2..=4 {
                let network = build(topology, nodes);
                let mean = expected_rounds(&network, order).expect("small");
                let reach = reach(&network, order);
                assert!(reach <= mean + 1e-9, "{topology} {nodes} {order}: {reach} {mean}");
                // A ring of two or three is no ring with two fronts.
                if nodes == 4 {
                    let passage = passage(&network, topology, order);
                    assert!(passage <= mean, "{topology} {nodes} {order}: {passage} {mean}");
                }
                let upper = f64::from(round_bound(&network, order).upper) / (1.0 - FAILURE);
                assert!(mean <= upper, "{topology} {nodes} {order}");
            }
        }
    }

    #[test]
    fn passages_are_those_of_the_formulas() {
        let time = |topology: Topology, nodes| {
            passage(&build(&topology, nodes), &topology, Order::Synchronous)
        };
        // Two edges at the ends, always used, and 4/3 rounds for each in between.
        assert!((time(Topology::Line, 10) - (2.0 + 7.0 * 4.0 / 3.0)).abs() < 1e-12);
        assert_eq!(time(Topology::Star, 10), 2.0);
        assert_eq!(time(Topology::Ring, 10), 6.0);
        assert_eq!(time(Topology::Complete, 10), 0.0);
    }

    /// The complete graph by its formula and as any other.
    #[test]
    fn the_short_way_is_no_better_than_the_long_one() {
        let edges = (0..20).flat_map(|a| (a + 1..20).map(move |b| (a, b)));
        let stored = Network::from_edges(20, edges).expect("complete");
        for order in ORDERS {
            let (short, long) = (reach_complete(20, order), reach(&stored, order));
            assert!(short <= long && long < short + 0.2, "{order}: {short} {long}");
        }
    }

    #[test]
    fn of_two_networks_the_wider_bounds_count() {
        let a = Theory { lower: 2.0, lower_by: "reach", upper: 9.0, upper_by: "x" };
        let b = Theory { lower: 3.0, lower_by: "certain", upper: 12.0, upper_by: "y" };
        let both = Theory { lower: 2.0, lower_by: "reach", upper: 12.0, upper_by: "y" };
        assert_eq!((a.of_both(b), b.of_both(a)), (both, both));
    }
}
