//! Random regular graphs: pairing stubs as Steger and Wormald do, dense ones by complement.

use crate::draw::Draw;
use crate::rows::Rows;

/// Shuffles of one attempt before it counts as stuck.
const SHUFFLES: u32 = 1000;

/// Attempts of one draw. Stuck attempts are common only when K is near n / 2 and n is small.
const ATTEMPTS: u32 = 1000;

/// A K-regular graph as ascending edges, not always connected for small K; `None` if every
/// attempt got stuck. K is 2 to n - 2 and n · K is even.
pub(crate) fn draw(draw: &mut Draw, nodes: usize, k: usize) -> Option<Vec<(u32, u32)>> {
    if k == 2 {
        return Some(cycle(draw, nodes));
    }
    // The complement of a random regular graph is one too, and pairing likes few stubs.
    let rest = nodes - 1 - k;
    let stubs = k.min(rest);
    let rows = (0..ATTEMPTS).find_map(|_| pair(draw, nodes, stubs))?;
    Some(if k <= rest { rows.edges() } else { rows.missing() })
}

/// The connected 2-regular graphs are the Hamiltonian cycles: draws one uniformly, where pairing
/// would nearly always give several cycles.
fn cycle(draw: &mut Draw, nodes: usize) -> Vec<(u32, u32)> {
    let mut order: Vec<u32> = (0..nodes as u32).collect();
    draw.shuffle(&mut order);
    let step = |i: usize| {
        let (a, b) = (order[i], order[(i + 1) % nodes]);
        (a.min(b), a.max(b))
    };
    let mut edges: Vec<_> = (0..nodes).map(step).collect();
    edges.sort_unstable();
    edges
}

/// One attempt: shuffle the stubs, join consecutive ones where the edge is new, and go on with
/// the rest until none are left or no two of them can be joined.
fn pair(draw: &mut Draw, nodes: usize, k: usize) -> Option<Rows> {
    let mut rows = Rows::new(nodes);
    let mut stubs: Vec<u32> = (0..nodes as u32).flat_map(|i| std::iter::repeat_n(i, k)).collect();
    for _ in 0..SHUFFLES {
        if stubs.is_empty() {
            return Some(rows);
        }
        draw.shuffle(&mut stubs);
        let before = stubs.len();
        let pairs = stubs.chunks_exact(2).filter(|pair| !rows.add(pair[0], pair[1]));
        stubs = pairs.flatten().copied().collect();
        if stubs.len() == before && !joinable(&rows, &stubs) {
            return None;
        }
    }
    None
}

fn joinable(rows: &Rows, stubs: &[u32]) -> bool {
    let mut open = stubs.to_vec();
    open.sort_unstable();
    open.dedup();
    let free = |(i, a): (usize, &u32)| open[i + 1..].iter().any(|b| !rows.has(*a, *b));
    open.iter().enumerate().any(free)
}
