//! What a network does to messages, from a seed.

use espalier_testkit::Dice;

/// Seeded faults of the network between nodes.
#[derive(Debug, Clone)]
pub(crate) struct Faults {
    dice: Dice,
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
        Self { dice: Dice(seed), loss: 0, twice: 0, delay: 0, parts: vec![0; nodes] }
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.dice.draw() % end
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
