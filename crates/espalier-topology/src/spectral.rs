//! The spectral gap of pairwise averaging gossip: how fast a network mixes.

use nalgebra::DMatrix;
use serde::Serialize;

use crate::network::Network;

/// Up to this many nodes the gap comes from a full eigenvalue decomposition.
pub const EXACT_NODES: usize = 512;

/// Floating-point work the iteration may spend, in visits of a matrix entry.
const ENTRY_VISITS: u64 = 400_000_000;

/// The most steps of the iteration, whatever the size.
const STEPS: u64 = 20_000;

/// The iteration stops when the residual is this small against the eigenvalue.
const TOLERANCE: f64 = 1e-7;

/// The gap 1 - λ₂ and how it was found.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct SpectralGap {
    /// 1 - λ₂, in (0, 1].
    pub value: f64,
    /// Whether it is exact to rounding (up to [`EXACT_NODES`] nodes, or complete). Otherwise it
    /// is an estimate, and never below the true gap except by rounding.
    pub exact: bool,
}

/// The gap 1 - λ₂(W) of one step of averaging gossip.
///
/// In a step a uniformly chosen node i picks a uniformly chosen neighbour j (P_ij = 1 / deg i)
/// and both take the mean of their values. The expected matrix of the step is
///
/// ```text
/// W = I - (D - (P + Pᵀ)) / 2n,    D diagonal, D_i = Σ_j (P_ij + P_ji)
/// ```
///
/// (Boyd, Ghosh, Prabhakar, Shah, "Randomized gossip algorithms", IEEE Trans. Inf. Theory 52(6),
/// 2006, section III). W is symmetric and doubly stochastic with eigenvalues in [0, 1]; λ₂ is the
/// second largest. A round is n steps, so n · gap is the rate per round: 1 for the complete
/// graph (up to 1/n), about 2π²/n² for the ring.
///
/// Cost: O(n³) up to [`EXACT_NODES`] nodes (about .1 s at the limit). Above, power iteration
/// from a fixed vector orthogonal to ones, on c I - (D - (P + Pᵀ)) with c above all eigenvalues;
/// it stops at a tolerance or after a fixed amount of work (about a second). Its Rayleigh
/// quotient bounds the gap from above; on slow networks (long rings) it has not converged by
/// then and is too large. The same bits on every platform.
pub fn spectral_gap(network: &Network) -> SpectralGap {
    let nodes = network.nodes();
    if network.is_implicit() {
        return SpectralGap { value: 1.0 / (nodes as f64 - 1.0), exact: true };
    }
    let exact = nodes <= EXACT_NODES;
    let second = if exact { decomposed(network) } else { iterated(network) };
    SpectralGap { value: second / (2.0 * nodes as f64), exact }
}

/// P_ij + P_ji of an edge.
fn weight(network: &Network, a: usize, b: usize) -> f64 {
    1.0 / network.degree(a) as f64 + 1.0 / network.degree(b) as f64
}

/// The diagonal D.
fn diagonal(network: &Network) -> Vec<f64> {
    let sum = |i| network.neighbours(i).map(|j| weight(network, i, j)).sum();
    (0..network.nodes()).map(sum).collect()
}

/// The second smallest eigenvalue of D - (P + Pᵀ), from all of them.
pub(crate) fn decomposed(network: &Network) -> f64 {
    let nodes = network.nodes();
    let mut matrix = DMatrix::from_element(nodes, nodes, 0.0);
    for (i, total) in diagonal(network).into_iter().enumerate() {
        matrix[(i, i)] = total;
    }
    for (a, b) in network.edges() {
        matrix[(a, b)] = -weight(network, a, b);
        matrix[(b, a)] = matrix[(a, b)];
    }
    let mut values: Vec<f64> = matrix.symmetric_eigenvalues().iter().copied().collect();
    values.sort_unstable_by(f64::total_cmp);
    values[1].max(0.0)
}

/// The same eigenvalue by power iteration.
pub(crate) fn iterated(network: &Network) -> f64 {
    let nodes = network.nodes();
    let total = diagonal(network);
    let inverse: Vec<f64> = (0..nodes).map(|i| 1.0 / network.degree(i) as f64).collect();
    // By Gershgorin's circles no eigenvalue is above twice the largest diagonal entry.
    let shift = 2.0 * total.iter().copied().fold(0.0, f64::max);
    let visits = nodes as u64 + 2 * network.edge_count();
    let steps = (ENTRY_VISITS / visits).clamp(50, STEPS);

    // Multiples of the golden ratio modulo 1: fixed, spread out, and with no network's symmetry.
    let mut vector: Vec<f64> =
        (1..=nodes).map(|i| (i as f64 * 0.618_033_988_749_895) % 1.0).collect();
    let mut image = vec![0.0; nodes];
    let mut quotient = f64::INFINITY;
    centre_and_scale(&mut vector);
    for _ in 0..steps {
        for i in 0..nodes {
            let pull = |j: usize| (inverse[i] + inverse[j]) * vector[j];
            image[i] = total[i] * vector[i] - network.neighbours(i).map(pull).sum::<f64>();
        }
        quotient = vector.iter().zip(&image).map(|(x, y)| x * y).sum();
        let miss = |(x, y): (&f64, &f64)| (y - quotient * x) * (y - quotient * x);
        let residual: f64 = vector.iter().zip(&image).map(miss).sum();
        if residual.sqrt() <= TOLERANCE * quotient {
            break;
        }
        for (x, y) in vector.iter_mut().zip(&image) {
            *x = shift * *x - y;
        }
        centre_and_scale(&mut vector);
    }
    quotient
}

/// Makes the vector orthogonal to ones, where the eigenvalue 0 lives, and of length 1.
fn centre_and_scale(vector: &mut [f64]) {
    let mean = vector.iter().sum::<f64>() / vector.len() as f64;
    vector.iter_mut().for_each(|x| *x -= mean);
    let length = vector.iter().map(|x| x * x).sum::<f64>().sqrt();
    vector.iter_mut().for_each(|x| *x /= length);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Topology;

    fn network(text: &str, nodes: usize) -> Network {
        text.parse::<Topology>().unwrap().build(nodes, 1).unwrap()
    }

    fn near(found: f64, expected: f64, tolerance: f64, what: &str) {
        assert!((found - expected).abs() <= tolerance * expected, "{what}: {found} {expected}");
    }

    fn closed(text: &str, nodes: usize) -> f64 {
        let n = nodes as f64;
        let turn = |length: f64| 1.0 - libm::cos(2.0 * std::f64::consts::PI / length);
        match text {
            "ring" => turn(n) / n,
            "hypercube" => 2.0 / (n * f64::from(nodes.ilog2())),
            "star" => 1.0 / (2.0 * (n - 1.0)),
            "torus" => turn(n.sqrt()) / (2.0 * n),
            // By hand for four nodes: weights 3/2, 1, 3/2; (5 - √13) / 2 is the eigenvalue.
            _ => (5.0 - 13.0_f64.sqrt()) / 16.0,
        }
    }

    #[test]
    fn closed_forms() {
        let cases = [("ring", 64), ("star", 33), ("hypercube", 64), ("torus", 64), ("line", 4)];
        for (text, nodes) in cases {
            let gap = spectral_gap(&network(text, nodes));
            assert!(gap.exact);
            near(gap.value, closed(text, nodes), 1e-9, text);
        }
        let stored = Network::from_edges(9, (0..9).flat_map(|a| (0..a).map(move |b| (a, b))));
        near(spectral_gap(&stored.unwrap()).value, 1.0 / 8.0, 1e-12, "stored complete");
        assert_eq!(spectral_gap(&network("complete", 9)).value, 1.0 / 8.0);
        near(spectral_gap(&network("line", 2)).value, 1.0, 1e-12, "two nodes");
    }

    #[test]
    fn iteration_agrees_with_its_slow_twin() {
        for text in ["random", "regular:4", "erdos-renyi:0.2", "barabasi-albert:2", "line"] {
            let network = network(text, 40);
            near(iterated(&network), decomposed(&network), 1e-6, text);
        }
        let gap = spectral_gap(&network("hypercube", 1024));
        assert!(!gap.exact);
        near(gap.value, closed("hypercube", 1024), 1e-6, "hypercube 1024");
    }
}
