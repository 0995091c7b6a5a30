//! Neighbour sets that can still change: what the rewiring generators work on.

/// One ascending row of neighbours per node. A look-up is O(log degree), a change O(degree)
/// of contiguous memory.
pub(crate) struct Rows(Vec<Vec<u32>>);

impl Rows {
    pub(crate) fn new(nodes: usize) -> Self {
        Self(vec![Vec::new(); nodes])
    }

    pub(crate) fn degree(&self, node: u32) -> usize {
        self.0[node as usize].len()
    }

    pub(crate) fn has(&self, a: u32, b: u32) -> bool {
        self.0[a as usize].binary_search(&b).is_ok()
    }

    /// Adds the edge; false if it is a loop or was there.
    pub(crate) fn add(&mut self, a: u32, b: u32) -> bool {
        if a == b || self.has(a, b) {
            return false;
        }
        for (from, to) in [(a, b), (b, a)] {
            let row = &mut self.0[from as usize];
            row.insert(row.partition_point(|peer| *peer < to), to);
        }
        true
    }

    pub(crate) fn remove(&mut self, a: u32, b: u32) {
        for (from, to) in [(a, b), (b, a)] {
            self.0[from as usize].retain(|peer| *peer != to);
        }
    }

    /// The edges (a, b), a < b, ascending.
    pub(crate) fn edges(&self) -> Vec<(u32, u32)> {
        let larger = |(a, row): (usize, &Vec<u32>)| {
            let first = row.partition_point(|b| (*b as usize) < a);
            row[first..].iter().map(|b| (a as u32, *b)).collect::<Vec<_>>()
        };
        self.0.iter().enumerate().flat_map(larger).collect()
    }

    /// The edges that are not there, in the same form.
    pub(crate) fn missing(&self) -> Vec<(u32, u32)> {
        let nodes = self.0.len() as u32;
        let mut edges = Vec::new();
        for a in 0..nodes {
            edges.extend((a + 1..nodes).filter(|b| !self.has(a, *b)).map(|b| (a, b)));
        }
        edges
    }
}
