//! A connected undirected graph with sorted neighbours, and its distances.

use petgraph::graph::UnGraph;
use petgraph::unionfind::UnionFind;
use rand::Rng;

use crate::draw;
use crate::edge_list::Collected;
use crate::edge_list_error::{EdgeListError, EdgeListProblem};
use crate::error::TopologyError;
use crate::limits::{MAX_EDGES, MAX_NODES};

/// A connected, undirected graph on nodes `0..nodes()`, without loops or parallel edges.
///
/// Neighbours are kept ascending in one array (compressed sparse rows, 8 bytes an edge);
/// a complete graph is known by its number of nodes alone. Questions about a node that does not
/// exist are answered as for a node without neighbours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    nodes: usize,
    store: Store,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Store {
    Complete,
    /// Neighbours of i are `targets[offsets[i]..offsets[i + 1]]`.
    Rows {
        offsets: Vec<usize>,
        targets: Vec<u32>,
    },
}

impl Network {
    /// The complete graph, without storing its edges.
    ///
    /// # Errors
    ///
    /// [`TopologyError::TooFewNodes`] below 2, [`TopologyError::TooManyNodes`] above
    /// [`MAX_NODES`].
    pub fn complete(nodes: usize) -> Result<Self, TopologyError> {
        check_nodes(nodes)?;
        Ok(Self { nodes, store: Store::Complete })
    }

    /// A network of the given edges, in any order and direction. Cost: a sort of the edges.
    ///
    /// # Errors
    ///
    /// As [`Network::complete`]; [`TopologyError::EdgeList`] for a self loop, a duplicate, a
    /// node outside `0..nodes` or more than [`MAX_EDGES`] (its line is the edge's place, from 1);
    /// [`TopologyError::Disconnected`].
    pub fn from_edges(
        nodes: usize,
        edges: impl IntoIterator<Item = (usize, usize)>,
    ) -> Result<Self, TopologyError> {
        check_nodes(nodes)?;
        let mut list = Collected::new(nodes);
        for (place, (a, b)) in edges.into_iter().enumerate() {
            list.push(a as u64, b as u64, place + 1)?;
        }
        Self::from_sorted(nodes, &list.finish()?)
    }

    /// From edges (a, b) with a < b < nodes, ascending and distinct.
    pub(crate) fn from_sorted(nodes: usize, edges: &[(u32, u32)]) -> Result<Self, TopologyError> {
        debug_assert!(edges.is_sorted() && edges.iter().all(|(a, b)| a < b));
        if edges.len() as u64 > MAX_EDGES {
            let problem = EdgeListProblem::TooManyEdges { limit: MAX_EDGES };
            return Err(EdgeListError { line: edges.len(), problem }.into());
        }
        if let Some(unreached) = unreached(nodes, edges) {
            return Err(TopologyError::Disconnected { nodes, unreached });
        }
        let mut offsets = vec![0_usize; nodes + 1];
        for (a, b) in edges {
            offsets[*a as usize + 1] += 1;
            offsets[*b as usize + 1] += 1;
        }
        for i in 0..nodes {
            offsets[i + 1] += offsets[i];
        }
        // In lexicographic order a node first meets its smaller neighbours, ascending, and then
        // its larger ones, ascending: the rows come out sorted.
        let mut next = offsets.clone();
        let mut targets = vec![0_u32; 2 * edges.len()];
        for (a, b) in edges {
            for (from, to) in [(*a, *b), (*b, *a)] {
                targets[next[from as usize]] = to;
                next[from as usize] += 1;
            }
        }
        Ok(Self { nodes, store: Store::Rows { offsets, targets } })
    }

    /// Number of nodes, at least 2.
    pub fn nodes(&self) -> usize {
        self.nodes
    }

    /// Whether this is a complete graph known without stored edges.
    pub fn is_implicit(&self) -> bool {
        matches!(self.store, Store::Complete)
    }

    /// Number of edges, each counted once.
    pub fn edge_count(&self) -> u64 {
        match &self.store {
            Store::Complete => self.nodes as u64 * (self.nodes as u64 - 1) / 2,
            Store::Rows { targets, .. } => targets.len() as u64 / 2,
        }
    }

    fn row(&self, node: usize) -> Option<&[u32]> {
        match &self.store {
            Store::Complete => None,
            Store::Rows { offsets, targets } => {
                Some(targets.get(*offsets.get(node)?..*offsets.get(node + 1)?)?)
            }
        }
    }

    /// Number of neighbours. O(1).
    #[inline]
    pub fn degree(&self, node: usize) -> usize {
        match self.store {
            Store::Complete if node < self.nodes => self.nodes - 1,
            _ => self.row(node).map_or(0, <[u32]>::len),
        }
    }

    /// The k-th neighbour in ascending order, from 0; `None` from `degree(node)` on. O(1).
    #[inline]
    pub fn neighbour(&self, node: usize, k: usize) -> Option<usize> {
        match self.store {
            Store::Complete if node >= self.nodes || k + 1 >= self.nodes => None,
            Store::Complete => Some(if k < node { k } else { k + 1 }),
            Store::Rows { .. } => self.row(node)?.get(k).map(|target| *target as usize),
        }
    }

    /// A uniformly chosen neighbour; `None` only if there is no such node. O(1), no bias, and
    /// the same choice from the same generator state on every platform.
    pub fn choose_neighbour<R: Rng + ?Sized>(&self, node: usize, rng: &mut R) -> Option<usize> {
        let degree = self.degree(node);
        if degree == 0 {
            return None;
        }
        self.neighbour(node, draw::below(rng, degree as u64) as usize)
    }

    /// The neighbours in ascending order.
    pub fn neighbours(&self, node: usize) -> Neighbours<'_> {
        Neighbours { row: self.row(node), node, next: 0, degree: self.degree(node) }
    }

    /// Every edge once, as (smaller, larger), ascending.
    pub fn edges(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        (0..self.nodes).flat_map(move |a| {
            let row = self.row(a);
            let first = match row {
                Some(row) => row.partition_point(|b| (*b as usize) < a),
                None => a,
            };
            let larger = Neighbours { row, node: a, next: first, degree: self.degree(a) };
            larger.map(move |b| (a, b))
        })
    }

    /// Whether the two nodes are joined. O(log degree).
    pub fn contains_edge(&self, a: usize, b: usize) -> bool {
        if a >= self.nodes || b >= self.nodes || a == b {
            return false;
        }
        // Nodes fit in u32 because MAX_NODES does.
        self.row(a).is_none_or(|row| row.binary_search(&(b as u32)).is_ok())
    }

    /// The same graph as a petgraph, edges in ascending order, for its algorithms.
    ///
    /// # Errors
    ///
    /// [`TopologyError::TooManyEdges`] for a complete graph above [`MAX_EDGES`].
    pub fn to_petgraph(&self) -> Result<UnGraph<(), ()>, TopologyError> {
        if self.edge_count() > MAX_EDGES {
            return Err(TopologyError::TooManyEdges {
                topology: "complete".to_owned(),
                nodes: self.nodes,
                edges: self.edge_count(),
                limit: MAX_EDGES,
                nodes_max: 8192,
            });
        }
        let mut graph = UnGraph::with_capacity(self.nodes, self.edge_count() as usize);
        for _ in 0..self.nodes {
            graph.add_node(());
        }
        for (a, b) in self.edges() {
            graph.add_edge((a as u32).into(), (b as u32).into(), ());
        }
        Ok(graph)
    }

    /// The longest distance from a node to any other, in hops, and the smallest node that far
    /// away. O(nodes + edges); O(1) for a complete graph.
    pub fn eccentricity(&self, node: usize) -> (usize, usize) {
        if self.is_implicit() {
            return (1, usize::from(node == 0));
        }
        let mut walk = Walk::new(self.nodes);
        walk.farthest(self, node)
    }

    /// The longest distance between two nodes, in hops, exactly.
    ///
    /// Cost: a breadth-first search from every node, O(nodes · (nodes + edges)): milliseconds
    /// for a thousand nodes, minutes for 100,000. [`Network::diameter_range`] is cheap.
    pub fn diameter(&self) -> usize {
        if self.is_implicit() {
            return 1;
        }
        let mut walk = Walk::new(self.nodes);
        (0..self.nodes).map(|node| walk.farthest(self, node).0).max().unwrap_or(0)
    }

    /// A lower and an upper bound of the diameter from four breadth-first searches: the longest
    /// distance seen, and twice the least eccentricity seen. Exact on trees.
    pub fn diameter_range(&self) -> (usize, usize) {
        if self.is_implicit() {
            return (1, 1);
        }
        let mut walk = Walk::new(self.nodes);
        let (first, far) = walk.farthest(self, 0);
        let (second, end) = walk.farthest(self, far);
        let middle = walk.halfway(self, end);
        let (third, rim) = walk.farthest(self, middle);
        let (fourth, _) = walk.farthest(self, rim);
        let seen = [first, second, third, fourth];
        let longest = seen.into_iter().max().unwrap_or(0);
        let least = seen.into_iter().min().unwrap_or(0);
        (longest, (2 * least).max(longest))
    }
}

/// The neighbours of a node in ascending order; see [`Network::neighbours`].
#[derive(Debug, Clone)]
pub struct Neighbours<'a> {
    /// `None` in a complete graph.
    row: Option<&'a [u32]>,
    node: usize,
    next: usize,
    degree: usize,
}

impl Iterator for Neighbours<'_> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        if self.next >= self.degree {
            return None;
        }
        let found = match self.row {
            Some(row) => *row.get(self.next)? as usize,
            None if self.next < self.node => self.next,
            None => self.next + 1,
        };
        self.next += 1;
        Some(found)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.degree.saturating_sub(self.next);
        (left, Some(left))
    }
}

impl ExactSizeIterator for Neighbours<'_> {}

/// The buffers of a breadth-first search, kept between searches.
struct Walk {
    distance: Vec<u32>,
    queue: Vec<u32>,
}

impl Walk {
    fn new(nodes: usize) -> Self {
        Self { distance: vec![u32::MAX; nodes], queue: Vec::with_capacity(nodes) }
    }

    /// The largest distance from `start`, and the smallest node at it.
    fn farthest(&mut self, network: &Network, start: usize) -> (usize, usize) {
        self.distance.fill(u32::MAX);
        self.queue.clear();
        let Some(origin) = self.distance.get_mut(start) else {
            return (0, start);
        };
        *origin = 0;
        self.queue.push(start as u32);
        let mut head = 0;
        while let Some(node) = self.queue.get(head).copied() {
            head += 1;
            let step = self.distance[node as usize] + 1;
            for peer in network.row(node as usize).unwrap_or_default() {
                if self.distance[*peer as usize] == u32::MAX {
                    self.distance[*peer as usize] = step;
                    self.queue.push(*peer);
                }
            }
        }
        let last = *self.queue.last().unwrap_or(&(start as u32));
        let longest = self.distance[last as usize];
        let end = self.queue.iter().filter(|node| self.distance[**node as usize] == longest).min();
        (longest as usize, *end.unwrap_or(&last) as usize)
    }

    /// The node half way back from `end` to the start of the last search.
    fn halfway(&self, network: &Network, end: usize) -> usize {
        let mut node = end;
        for _ in 0..self.distance[end] / 2 {
            let back = |peer: &usize| self.distance[*peer] + 1 == self.distance[node];
            node = network.neighbours(node).find(back).unwrap_or(node);
        }
        node
    }
}

pub(crate) fn check_nodes(nodes: usize) -> Result<(), TopologyError> {
    match nodes {
        0 | 1 => Err(TopologyError::TooFewNodes { nodes }),
        2..=MAX_NODES => Ok(()),
        _ => Err(TopologyError::TooManyNodes { nodes, limit: MAX_NODES }),
    }
}

/// The smallest node that the edges do not connect with node 0.
pub(crate) fn unreached(nodes: usize, edges: &[(u32, u32)]) -> Option<usize> {
    let mut sets = UnionFind::<u32>::new(nodes);
    let mut left = nodes - 1;
    for (a, b) in edges {
        left -= usize::from(sets.union(*a, *b));
        if left == 0 {
            return None;
        }
    }
    (1..nodes).find(|node| !sets.equiv(0, *node as u32))
}
