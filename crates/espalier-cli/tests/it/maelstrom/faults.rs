//! What a network does to messages, from a seed.

/// Seeded faults of the network between nodes.
#[derive(Debug, Clone)]
pub(crate) struct Faults {
    state: u64,
    /// Percentage of messages that are lost.
    pub(crate) loss: u64,
    /// Percentage of messages that come twice.
    pub(crate) twice: u64,
    /// The longest delay.
    pub(crate) delay: u64,
    /// Of each node the part of the network that it is in.
    pub(crate) parts: Vec<u64>,
}

impl Faults {
    /// A network without faults.
    pub(crate) fn new(seed: u64, nodes: usize) -> Self {
        Self { state: seed, loss: 0, twice: 0, delay: 0, parts: vec![0; nodes] }
    }

    /// A number below `end`, by SplitMix64 (Steele, Lea, Flood, OOPSLA 2014).
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ z >> 31) % end
    }

    /// Cuts the network into up to `parts` parts.
    pub(crate) fn cut(&mut self, parts: u64) {
        for node in 0..self.parts.len() {
            self.parts[node] = self.below(parts);
        }
    }

    /// Ends every fault but delays.
    pub(crate) fn heal(&mut self) {
        (self.loss, self.twice) = (0, 0);
        self.parts.fill(0);
    }

    /// After what times a message arrives: never, once or twice.
    pub(crate) fn fate(&mut self, src: usize, dest: usize) -> Vec<u64> {
        if self.parts[src] != self.parts[dest] || self.below(100) < self.loss {
            return Vec::new();
        }
        let copies = 1 + u64::from(self.below(100) < self.twice);
        (0..copies).map(|_| self.below(self.delay + 1)).collect()
    }
}
