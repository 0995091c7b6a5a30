//! The generators: from a topology, a number of nodes and a seed to a connected network.

use crate::draw::Draw;
use crate::edge_list::open_edge_list;
use crate::error::TopologyError;
use crate::limits::MAX_EDGES;
use crate::network::{Network, check_nodes, unreached};
use crate::regular;
use crate::rows::Rows;
use crate::topology::Topology;

/// How often a random graph is drawn before it is given up as not connected.
const DRAWS: u32 = 64;

/// The probability of each chord of `random`.
const CHORD: f64 = 0.45;

type Edges = Vec<(u32, u32)>;

impl Topology {
    /// Draws the network: connected, on nodes `0..nodes`, the same for the same arguments.
    ///
    /// Cost: time and memory in proportion to nodes + edges (for `random`, to nodes²); nothing
    /// per edge for `complete`.
    ///
    /// # Errors
    ///
    /// [`TopologyError`] if this topology does not exist with that many nodes, is larger than
    /// [`crate::MAX_NODES`] or [`crate::MAX_EDGES`], could not be drawn connected, or its file
    /// cannot be used. Each says which value would work.
    pub fn build(&self, nodes: usize, seed: u64) -> Result<Network, TopologyError> {
        build(self, nodes, seed)
    }
}

fn build(t: &Topology, nodes: usize, seed: u64) -> Result<Network, TopologyError> {
    check_nodes(nodes)?;
    let text = t.to_string();
    let mut draw = Draw::new(seed, nodes, &text);
    let edges = match t {
        Topology::Complete => return Network::complete(nodes),
        Topology::Random => {
            room(&text, nodes, |n| n + (CHORD * (n * n.saturating_sub(3) / 2) as f64) as u64)?;
            chords(&mut draw, nodes)
        }
        Topology::Ring => ring(nodes),
        Topology::Star => (1..nodes as u32).map(|leaf| (0, leaf)).collect(),
        Topology::Line => (1..nodes as u32).map(|i| (i - 1, i)).collect(),
        Topology::Torus => torus(nodes)?,
        Topology::Hypercube => hypercube(&text, nodes)?,
        Topology::Regular(k) if *k == nodes - 1 => return Network::complete(nodes),
        Topology::Regular(k) => regular_edges(&text, &mut draw, nodes, *k)?,
        Topology::ErdosRenyi(p) if *p == 1.0 => return Network::complete(nodes),
        Topology::ErdosRenyi(p) => erdos_renyi(&text, &mut draw, nodes, *p)?,
        Topology::WattsStrogatz(k, b) => watts_strogatz(&text, &mut draw, nodes, *k, *b)?,
        Topology::BarabasiAlbert(m) => barabasi_albert(&text, &mut draw, nodes, *m)?,
        Topology::File(path) => open_edge_list(path, nodes)?,
    };
    Network::from_sorted(nodes, &edges)
}

/// Refuses graphs above the edge limit before they are drawn. `edges` grows with the nodes.
fn room(text: &str, nodes: usize, edges: impl Fn(u64) -> u64) -> Result<(), TopologyError> {
    let expected = edges(nodes as u64);
    if expected <= MAX_EDGES {
        return Ok(());
    }
    let (mut fits, mut over) = (0, nodes as u64);
    while over - fits > 1 {
        let middle = fits + (over - fits) / 2;
        if edges(middle) <= MAX_EDGES { fits = middle } else { over = middle }
    }
    Err(TopologyError::TooManyEdges {
        topology: text.to_owned(),
        nodes,
        edges: expected,
        limit: MAX_EDGES,
        nodes_max: fits as usize,
    })
}

fn parameter(text: &str, nodes: usize, wants: String) -> TopologyError {
    TopologyError::Parameter { topology: text.to_owned(), nodes, wants }
}

/// Draws until connected.
fn connected(
    text: &str,
    nodes: usize,
    hint: impl Fn() -> String,
    mut once: impl FnMut() -> Option<Edges>,
) -> Result<Edges, TopologyError> {
    (0..DRAWS).find_map(|_| once().filter(|edges| unreached(nodes, edges).is_none())).ok_or_else(
        || TopologyError::NotConnected {
            topology: text.to_owned(),
            nodes,
            draws: DRAWS,
            hint: hint(),
        },
    )
}

fn ring(nodes: usize) -> Edges {
    let last = nodes as u32 - 1;
    let mut edges: Edges = (0..last).map(|i| (i, i + 1)).collect();
    if last > 1 {
        edges.insert(1, (0, last));
    }
    edges
}

fn chords(draw: &mut Draw, nodes: usize) -> Edges {
    let last = nodes as u32 - 1;
    let mut edges = Vec::new();
    for a in 0..=last {
        for b in a + 1..=last {
            let on_ring = b - a == 1 || (a, b) == (0, last);
            if on_ring || draw.unit() < CHORD {
                edges.push((a, b));
            }
        }
    }
    edges
}

/// Rows and columns as near to each other as the divisors allow, rows first.
fn torus_shape(nodes: usize) -> Option<(usize, usize)> {
    let rows = (3..=nodes.isqrt()).rev().find(|rows| nodes.is_multiple_of(*rows))?;
    Some((rows, nodes / rows))
}

fn torus(nodes: usize) -> Result<Edges, TopologyError> {
    let Some((rows, columns)) = torus_shape(nodes) else {
        return Err(TopologyError::Torus {
            nodes,
            below: (9..nodes).rev().find(|n| torus_shape(*n).is_some()),
            above: (nodes.max(9)..).find(|n| torus_shape(*n).is_some()).unwrap_or(9),
        });
    };
    let mut edges = Vec::with_capacity(2 * nodes);
    for row in 0..rows {
        for column in 0..columns {
            let node = row * columns + column;
            let right = row * columns + (column + 1) % columns;
            let down = (row + 1) % rows * columns + column;
            for peer in [right, down] {
                edges.push((node.min(peer) as u32, node.max(peer) as u32));
            }
        }
    }
    edges.sort_unstable();
    Ok(edges)
}

fn hypercube(text: &str, nodes: usize) -> Result<Edges, TopologyError> {
    if !nodes.is_power_of_two() {
        let above = nodes.next_power_of_two();
        let below = above / 2;
        let nearest = if nodes - below <= above - nodes { below } else { above };
        return Err(TopologyError::Hypercube { nodes, nearest });
    }
    room(text, nodes, |n| n * u64::from(n.checked_ilog2().unwrap_or(0)) / 2)?;
    let bits = 0..nodes.ilog2();
    let up = |a: u32| {
        let higher = bits.clone().filter(move |bit| a >> bit & 1 == 0);
        higher.map(move |bit| (a, a | 1 << bit))
    };
    Ok((0..nodes as u32).flat_map(up).collect())
}

fn regular_edges(
    text: &str,
    draw: &mut Draw,
    nodes: usize,
    k: usize,
) -> Result<Edges, TopologyError> {
    if k >= nodes {
        return Err(parameter(text, nodes, format!("K must be at most {}", nodes - 1)));
    }
    if k < 2 {
        let wants = "K of at least 2 is needed to connect more than 2 nodes".to_owned();
        return Err(parameter(text, nodes, wants));
    }
    if k % 2 == 1 && nodes % 2 == 1 {
        let wants = format!("n * K must be even; use K = {} or {} nodes", k - 1, nodes + 1);
        return Err(parameter(text, nodes, wants));
    }
    room(text, nodes, |n| n * k as u64 / 2)?;
    let hint = || "regular:2 always is".to_owned();
    connected(text, nodes, hint, || regular::draw(draw, nodes, k))
}

fn erdos_renyi(text: &str, draw: &mut Draw, nodes: usize, p: f64) -> Result<Edges, TopologyError> {
    if !(p > 0.0 && p < 1.0) {
        return Err(parameter(text, nodes, "P must be above 0 and at most 1".to_owned()));
    }
    room(text, nodes, |n| (p * (n * n.saturating_sub(1) / 2) as f64) as u64)?;
    let hint = || {
        // At P = (ln n + c) / n one draw is connected with probability about exp(-exp(-c)).
        let n = nodes as f64;
        format!("use P of at least {}, above ln n / n", round_up((libm::log(n) + 3.0) / n))
    };
    connected(text, nodes, hint, || Some(skips(draw, nodes, p)))
}

/// The probability rounded up to two digits, at most 1.
fn round_up(p: f64) -> f64 {
    let mut scale = 1.0;
    while p * scale < 10.0 {
        scale *= 10.0;
    }
    ((p * scale).ceil() / scale).min(1.0)
}

/// Each pair with probability p, in time of the pairs that are drawn: the gaps between them are
/// geometric.
fn skips(draw: &mut Draw, nodes: usize, p: f64) -> Edges {
    let log_q = libm::log1p(-p);
    let mut edges = Vec::new();
    let (mut row, mut place) = (0_u64, 0_u64);
    let nodes = nodes as u64;
    loop {
        let gap = (libm::log1p(-draw.unit()) / log_q).floor();
        // Also ends the walk on an infinite gap.
        if gap >= (nodes * nodes) as f64 {
            return edges;
        }
        place += gap as u64;
        while row + 1 < nodes && place >= nodes - 1 - row {
            place -= nodes - 1 - row;
            row += 1;
        }
        if row + 1 >= nodes {
            return edges;
        }
        edges.push((row as u32, (row + 1 + place) as u32));
        place += 1;
    }
}

fn watts_strogatz(
    text: &str,
    draw: &mut Draw,
    nodes: usize,
    k: usize,
    b: f64,
) -> Result<Edges, TopologyError> {
    if k < 2 || k % 2 == 1 || k >= nodes {
        let largest = (nodes - 1) / 2 * 2;
        let wants = match largest {
            0 => "it needs at least 3 nodes".to_owned(),
            _ => format!("K must be even, from 2 to {largest}"),
        };
        return Err(parameter(text, nodes, wants));
    }
    if !(0.0..=1.0).contains(&b) {
        return Err(parameter(text, nodes, "B must be from 0 to 1".to_owned()));
    }
    room(text, nodes, |n| n * k as u64 / 2)?;
    // Each node keeps the K / 2 edges it began: with two or more, random choices connect almost
    // surely (Fenner and Frieze, "On the connectivity of random m-orientable graphs", 1982).
    let hint = || match nodes {
        0..=4 => format!("use watts-strogatz:{k}:0"),
        _ => format!("use K = 4 or more (watts-strogatz:4:{b}), or B = 0"),
    };
    connected(text, nodes, hint, || Some(rewired(draw, nodes, k, b)))
}

fn rewired(draw: &mut Draw, nodes: usize, k: usize, b: f64) -> Edges {
    let mut rows = Rows::new(nodes);
    let ahead = |i: usize, step: usize| ((i + step) % nodes) as u32;
    for i in 0..nodes {
        for step in 1..=k / 2 {
            rows.add(i as u32, ahead(i, step));
        }
    }
    for step in 1..=k / 2 {
        for i in 0..nodes {
            let from = i as u32;
            if draw.unit() >= b || rows.degree(from) >= nodes - 1 {
                continue;
            }
            let to = loop {
                let to = draw.below(nodes) as u32;
                if to != from && !rows.has(from, to) {
                    break to;
                }
            };
            rows.remove(from, ahead(i, step));
            rows.add(from, to);
        }
    }
    rows.edges()
}

fn barabasi_albert(
    text: &str,
    draw: &mut Draw,
    nodes: usize,
    m: usize,
) -> Result<Edges, TopologyError> {
    if m == 0 || m >= nodes {
        return Err(parameter(text, nodes, format!("M must be 1 to {}", nodes - 1)));
    }
    room(text, nodes, |n| m as u64 * n.saturating_sub(m as u64))?;
    let mut edges: Edges = (1..=m as u32).map(|leaf| (0, leaf)).collect();
    // Every end of every edge once: a uniform pick is a pick by degree.
    let mut ends: Vec<u32> = edges.iter().flat_map(|(a, b)| [*a, *b]).collect();
    let mut picked_by = vec![0_u32; nodes];
    for node in m as u32 + 1..nodes as u32 {
        let old = ends.len();
        while ends.len() < old + 2 * m {
            let peer = ends[draw.below(old)];
            if picked_by[peer as usize] != node {
                picked_by[peer as usize] = node;
                edges.push((peer, node));
                ends.extend([peer, node]);
            }
        }
    }
    edges.sort_unstable();
    Ok(edges)
}
