//! How many rounds random push–pull takes until every node has every contribution: what can be
//! proven about a given network.
//!
//! # The upper bounds
//!
//! Both hold for both orders, because both orders do at least this in every round: each node i
//! calls a uniformly chosen neighbour, the choices of a round are independent of each other and
//! of the past, and what either end had when the round began, both have when it ends. Each fails
//! with probability at most [`FAILURE`].
//!
//! **By paths.** An edge is used in a round with probability p = 1 - (1 - 1/d_i)(1 - 1/d_j)
//! or more, so along a shortest path of at most D hops a contribution fails to arrive in T rounds
//! with probability at most P[Bin(T, p) < D] ≤ exp(-T · KL((D - 1)/T ‖ p)), with the least p of
//! all edges. Summed over all n² pairs of nodes this must be at most [`FAILURE`]. Nearly exact
//! on lines, rings and stars. (The argument of Feige, Peleg, Raghavan & Upfal, "Randomized
//! broadcast in networks", 1990, with its constants worked out.)
//!
//! **By the spectral gap.** Let a coin make each node active or passive; an active node's call
//! counts if it goes to a passive node, which takes one of those that reach it at random. The
//! calls that count are a matching, and by Jensen's inequality an edge is in it with probability
//! at least (P_ij + P_ji) / 4(1 + μ), μ = ½ max_j Σ_{i ~ j} 1/d_i. If the ends of the matching
//! averaged their values, starting from 1 at one node and 0 elsewhere, the expected squared
//! distance from the mean would shrink by 1 - ρ a round with ρ = n · gap / 4(1 + μ) (gap as in
//! [`crate::spectral_gap`]). Once the distance is below 1/n every value is positive, so every
//! node has heard of the first. By Markov's inequality and a sum over the n contributions,
//! n³ (1 - ρ)^T ≤ [`FAILURE`] is enough. The averaging argument is that of Boyd et al. 2006,
//! section III; the order O(log n / (n · gap)) agrees with Giakkoupis, "Tight bounds
//! for rumor spreading in graphs of a given conductance", STACS 2011 (O(log n / φ); by Cheeger's
//! inequality the conductance φ is at least n · gap / 2 on regular graphs), whose constant is not
//! explicit. The constants here are, and they are generous: five to twenty times what is measured
//! on fast networks of even degrees, and far more where degrees differ widely.
//!
//! # The lower bounds
//!
//! Certain in any run: full dissemination takes 2n - 4 two-way exchanges for n ≥ 4 (Baker &
//! Shostak, "Gossips and telephones", Discrete Mathematics 2, 1972), and a round has n of them;
//! in synchronous order a contribution moves one hop a round, so the diameter is one too.
//! ⌈log₂ n⌉ is not a lower bound: a node that several others call in one round more than doubles
//! what it has, and in sequential order a contribution moves many hops a round. Measured means
//! on 1,024 nodes, sequential / synchronous: complete 8.0 / 10.7, hypercube 10.1 / 14.1, torus
//! 27 / 42, ring 487 / 713, star 2 / 2. Sequential order takes between half and all of the
//! synchronous rounds in practice; nothing here proves that. For one rumour on the complete graph
//! the synchronous time is log₃ n + O(log log n) (Karp, Schindelhauer, Shenker & Vöcking,
//! "Randomized rumor spreading", FOCS 2000).

use serde::Serialize;

use crate::network::Network;
use crate::schedule::Order;
use crate::spectral::spectral_gap;

/// The probability with which a run may take longer than [`Bounds::upper`].
pub const FAILURE: f64 = 0.01;

/// Up to this many nodes the diameter is found exactly.
const EXACT_DIAMETER_NODES: usize = 2048;

/// Rounds of random push–pull until all nodes have all contributions.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Bounds {
    /// 1 - λ₂ of averaging gossip; see [`crate::spectral_gap`].
    pub spectral_gap: f64,
    /// Whether that is exact to rounding, or else an estimate from above.
    pub gap_exact: bool,
    /// The diameter is at least this (and exactly this up to 2,048 nodes).
    pub diameter_min: u32,
    /// The diameter is at most this.
    pub diameter_max: u32,
    /// No run takes fewer rounds.
    pub lower: u32,
    /// A run takes more rounds with probability at most [`FAILURE`].
    pub upper: u32,
    /// Whether `upper` is proven. It is an estimate if it comes from an estimated gap.
    pub proven: bool,
    /// The theorem that `upper` comes from.
    pub source: &'static str,
}

/// The bounds for a network without loss, delay or absent nodes. The derivation is at the top of
/// this crate's `bound.rs`: upper is the smaller of a bound by paths (Feige et al. 1990) and one
/// by the spectral gap (Boyd et al. 2006), both with explicit constants and a failure
/// probability of at most [`FAILURE`]; lower is certain.
///
/// Measured sequential means lie well inside: on 1,024 nodes 8.0 (complete), 10.1 (hypercube), 27
/// (torus), 487 (ring), 2 (star). They may be below ⌈log₂ n⌉, which binds only schedules
/// with one exchange a node and round.
///
/// Cost: that of [`spectral_gap`], and up to 2,048 nodes that of [`Network::diameter`].
pub fn round_bound(network: &Network, order: Order) -> Bounds {
    let nodes = network.nodes();
    let gap = spectral_gap(network);
    let (near, far) = if nodes <= EXACT_DIAMETER_NODES {
        let exact = network.diameter();
        (exact, exact)
    } else {
        network.diameter_range()
    };
    let exchanges = if nodes <= 4 { 1 } else { (2 * nodes - 4).div_ceil(nodes) };
    let lower = match order {
        Order::Sequential => exchanges,
        Order::Synchronous => exchanges.max(near),
    };
    let (busiest, rarest) = extremes(network);
    let by_gap = gap_rounds(nodes, gap.value, busiest);
    let by_paths = path_rounds(nodes, far, rarest);
    let paths = by_paths <= by_gap;
    Bounds {
        spectral_gap: gap.value,
        gap_exact: gap.exact,
        diameter_min: near as u32,
        diameter_max: far as u32,
        lower: lower as u32,
        // An estimated gap could be off either way by rounding; the bounds stay ordered.
        upper: by_gap.min(by_paths).max(lower as u32),
        proven: paths || gap.exact,
        source: if paths {
            "shortest paths (Feige, Peleg, Raghavan & Upfal 1990, explicit constants)"
        } else if gap.exact {
            "spectral gap (Boyd, Ghosh, Prabhakar & Shah 2006, explicit constants)"
        } else {
            "estimated spectral gap (Boyd, Ghosh, Prabhakar & Shah 2006, explicit constants)"
        },
    }
}

/// The most calls a node expects in a round, and the least probability that an edge is used.
fn extremes(network: &Network) -> (f64, f64) {
    let nodes = network.nodes();
    let quiet = |degree: usize| 1.0 - 1.0 / degree as f64;
    if network.is_implicit() {
        return (1.0, 1.0 - quiet(nodes - 1) * quiet(nodes - 1));
    }
    let calls = |j| network.neighbours(j).map(|i| 1.0 / network.degree(i) as f64).sum::<f64>();
    let busiest = (0..nodes).map(calls).fold(0.0, f64::max);
    let used = |(a, b)| 1.0 - quiet(network.degree(a)) * quiet(network.degree(b));
    (busiest, network.edges().map(used).fold(1.0, f64::min))
}

/// Least T with n³ (1 - ρ)^T ≤ FAILURE.
fn gap_rounds(nodes: usize, gap: f64, busiest: f64) -> u32 {
    let n = nodes as f64;
    let rate = (n * gap / (4.0 * (1.0 + busiest / 2.0))).min(1.0);
    let needed = 3.0 * libm::log(n) - libm::log(FAILURE);
    // The cast saturates: a vanishing gap gives u32::MAX.
    (needed / -libm::log1p(-rate)).ceil() as u32
}

/// Least T with n² exp(-T · KL((D - 1)/T ‖ p)) ≤ FAILURE.
fn path_rounds(nodes: usize, hops: usize, p: f64) -> u32 {
    if p >= 1.0 {
        return hops as u32;
    }
    let needed = 2.0 * libm::log(nodes as f64) - libm::log(FAILURE);
    let enough = |rounds: u64| {
        let total = rounds as f64;
        let q = (hops as f64 - 1.0) / total;
        q < p && total * divergence(q, p) >= needed
    };
    let (mut short, mut long) = (hops as u64 - 1, hops as u64);
    while !enough(long) {
        if long > u64::from(u32::MAX) {
            return u32::MAX;
        }
        (short, long) = (long, long * 2);
    }
    while long - short > 1 {
        let middle = short + (long - short) / 2;
        if enough(middle) { long = middle } else { short = middle }
    }
    u32::try_from(long).unwrap_or(u32::MAX)
}

/// Kullback–Leibler divergence of coins with chances q < p < 1.
fn divergence(q: f64, p: f64) -> f64 {
    let heads = if q > 0.0 { q * libm::log(q / p) } else { 0.0 };
    heads + (1.0 - q) * (libm::log1p(-q) - libm::log1p(-p))
}
