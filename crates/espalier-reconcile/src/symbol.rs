//! One coded symbol: a cell of the table.

use crate::salt::{Salt, Short};
use serde::{Deserialize, Serialize};

/// The elements that are mapped to one index, summed up: 13 bytes.
///
/// Sums are exclusive ors and the number of elements is counted modulo 256, so adding and taking
/// away never overflow. Whether exactly one element is left is told by the count, which is then 1
/// or −1, and the checksum together: with probability 2⁻³² anything else passes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Bytes", into = "Bytes")]
pub struct Symbol {
    sum: u64,
    check: u32,
    count: i8,
}

type Bytes = ([u8; 8], [u8; 4], i8);

impl From<Bytes> for Symbol {
    fn from((sum, check, count): Bytes) -> Self {
        Self { sum: u64::from_le_bytes(sum), check: u32::from_le_bytes(check), count }
    }
}

impl From<Symbol> for Bytes {
    fn from(Symbol { sum, check, count }: Symbol) -> Self {
        (sum.to_le_bytes(), check.to_le_bytes(), count)
    }
}

impl Symbol {
    /// The length of a symbol on the wire, in bytes.
    pub const LEN: usize = 13;

    /// Adds an element `times` times; −1 takes it away.
    pub(crate) fn add(&mut self, id: Short, check: u32, times: i8) {
        self.sum ^= id.word();
        self.check ^= check;
        self.count = self.count.wrapping_add(times);
    }

    /// The one element that is left, and whether it was added (1) or taken away (−1).
    pub(crate) fn only(&self, salt: &Salt) -> Option<(Short, i8)> {
        let id = Short::from_word(self.sum);
        let one = matches!(self.count, 1 | -1) && self.check == salt.check(id);
        one.then_some((id, self.count))
    }

    /// Whether nothing is left.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    pub(crate) fn count(&self) -> i8 {
        self.count
    }
}
