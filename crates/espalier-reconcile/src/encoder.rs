//! The coded symbols of a set.

use crate::salt::{Salt, Short};
use crate::symbol::Symbol;
use crate::walk::Walk;

/// An element with its checksum and its place in the stream.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Element {
    pub(crate) id: Short,
    pub(crate) check: u32,
    pub(crate) walk: Walk,
}

impl Element {
    pub(crate) fn new(salt: &Salt, id: Short) -> Self {
        Self { id, check: salt.check(id), walk: Walk::of(id) }
    }

    /// Adds itself to those of `cells` to which it is mapped, the first of which has index `first`,
    /// and tells which.
    pub(crate) fn enter(
        &mut self,
        cells: &mut [Symbol],
        first: u64,
        times: i8,
        mut entered: impl FnMut(usize),
    ) {
        let (id, check) = (self.id, self.check);
        self.walk.until(first.saturating_add(cells.len() as u64), |index| {
            if let Some(at) = index.checked_sub(first) {
                cells[at as usize].add(id, check, times);
                entered(at as usize);
            }
        });
    }
}

/// The stream of coded symbols of a set.
///
/// 40 bytes per element. Each call of [`Encoder::take`] or [`Encoder::skip`] looks at every element
/// once, and at the first m symbols all calls together step O(log m) times per element.
#[derive(Debug, Clone)]
pub struct Encoder {
    elements: Vec<Element>,
    at: u64,
}

impl Encoder {
    /// The stream of a set, before its first symbol. Two equal elements would cancel each other.
    #[must_use]
    pub fn new(salt: &Salt, set: impl IntoIterator<Item = Short>) -> Self {
        let elements = set.into_iter().map(|id| Element::new(salt, id)).collect();
        Self { elements, at: 0 }
    }

    /// The next `count` symbols.
    #[must_use]
    pub fn take(&mut self, count: usize) -> Vec<Symbol> {
        let mut symbols = vec![Symbol::default(); count];
        self.elements.iter_mut().for_each(|e| e.enter(&mut symbols, self.at, 1, |_| {}));
        self.at = self.at.saturating_add(count as u64);
        symbols
    }

    /// Leaves out the next `count` symbols.
    pub fn skip(&mut self, count: u64) {
        self.at = self.at.saturating_add(count);
        self.elements.iter_mut().for_each(|element| element.walk.until(self.at, |_| {}));
    }
}
