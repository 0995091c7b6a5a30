//! Finding the difference: take away what one's own set puts into each symbol, then peel.
//!
//! A cell in which one element is left gives it away. It is taken out of all cells to which it is
//! mapped, which may leave others with one element, and so on. Everything is mapped to the first
//! cell, so when nothing is left there, nothing is left at all.

use crate::encoder::Element;
use crate::salt::{Salt, Short};
use crate::symbol::Symbol;
use espalier_blame::Blame;
use std::collections::{BTreeMap, BTreeSet};

/// Symbols that are not of any set, or not of one set. The sender's fault, or the link's, or that
/// of two elements with one short identifier. The decoder is of no use any more; nothing else was
/// changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Garbage {
    /// More symbols than sets of the announced sizes could need.
    #[error("more than {limit} symbols, which should have been enough to decode")]
    TooMany {
        /// The limit that was set.
        limit: usize,
    },
    /// Symbols contradict each other.
    #[error("the symbols do not all come from one set")]
    Contradiction,
}

impl Garbage {
    /// Who has to act on this error.
    #[must_use]
    pub fn blame(&self) -> Blame {
        Blame::Peer
    }

    /// A stable word for programs to tell this error from all others.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooMany { .. } => "symbols-too-many",
            Self::Contradiction => "symbols-contradict",
        }
    }
}

/// What two sets do not share.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SetDifference {
    /// What only the other side has.
    pub theirs: BTreeSet<Short>,
    /// What only this side has.
    pub ours: BTreeSet<Short>,
}

/// The number of symbols that suffices for sets of these sizes, except in one case of 10⁵ or fewer:
/// a limit for [`Decoder::new`].
///
/// ```
/// assert_eq!(espalier_reconcile::enough_symbols(100, 28), 320);
/// ```
#[must_use]
pub fn enough_symbols(ours: usize, theirs: usize) -> usize {
    ours.saturating_add(theirs).saturating_mul(2).saturating_add(64)
}

/// Decodes a stream of symbols against a set.
///
/// For a set of n and m symbols: memory O(n + m). Time O(n + m log m) for each
/// [`Decoder::extend`], O((n + m) log m) for all: whatever the symbols, no more elements are peeled
/// than there are symbols.
#[derive(Debug, Clone)]
pub struct Decoder {
    salt: Salt,
    limit: usize,
    /// Ascending.
    ours: Vec<Element>,
    cells: Vec<Symbol>,
    /// What was peeled, and on which side it is: 1 for theirs.
    found: BTreeMap<Short, (Element, i8)>,
}

impl Decoder {
    /// A decoder for the other side's symbols that takes at most `limit` of them; see
    /// [`enough_symbols`].
    #[must_use]
    pub fn new(salt: &Salt, ours: impl IntoIterator<Item = Short>, limit: usize) -> Self {
        let ours: BTreeSet<_> = ours.into_iter().collect();
        let ours = ours.into_iter().map(|id| Element::new(salt, id)).collect();
        let (cells, found) = (Vec::new(), BTreeMap::new());
        Self { salt: *salt, limit, ours, cells, found }
    }

    /// Takes the next symbols of the stream and peels as far as it goes.
    ///
    /// # Errors
    /// [`Garbage`].
    pub fn extend(&mut self, symbols: &[Symbol]) -> Result<(), Garbage> {
        let first = self.cells.len();
        if symbols.len() > self.limit.saturating_sub(first) {
            return Err(Garbage::TooMany { limit: self.limit });
        }
        self.cells.extend(symbols);
        let new = &mut self.cells[first..];
        self.ours.iter_mut().for_each(|e| e.enter(new, first as u64, -1, |_| {}));
        self.found.values_mut().for_each(|(e, side)| e.enter(new, first as u64, -*side, |_| {}));
        self.peel((first..self.cells.len()).collect())
    }

    /// Peels, beginning with the cells at these places.
    fn peel(&mut self, mut places: Vec<usize>) -> Result<(), Garbage> {
        while let Some(at) = places.pop() {
            let Some((id, side)) = self.cells[at].only(&self.salt) else { continue };
            // What we are said to lack we must not have, and the other way round; else two or more
            // elements look like one by chance.
            let own = self.ours.binary_search_by_key(&id, |element| element.id).is_ok();
            if own != (side < 0) {
                continue;
            }
            let mut element = Element::new(&self.salt, id);
            element.enter(&mut self.cells, 0, -side, |at| places.push(at));
            if self.found.insert(id, (element, side)).is_some() {
                return Err(Garbage::Contradiction);
            }
            // Of one set there are never fewer symbols than elements they give away.
            if self.found.len() > self.cells.len() {
                return Err(Garbage::Contradiction);
            }
        }
        let nothing_left = self.cells.first().is_some_and(Symbol::is_empty);
        if nothing_left && !self.is_done() {
            return Err(Garbage::Contradiction);
        }
        Ok(())
    }

    /// Whether the difference is found: something came, and nothing is left of it.
    #[must_use]
    pub fn is_done(&self) -> bool {
        !self.cells.is_empty() && self.cells.iter().all(Symbol::is_empty)
    }

    /// The number of symbols it has taken.
    #[must_use]
    pub fn symbols(&self) -> usize {
        self.cells.len()
    }

    /// The difference, if it is found.
    #[must_use]
    pub fn difference(&self) -> Option<SetDifference> {
        if !self.is_done() {
            return None;
        }
        let mut difference = SetDifference::default();
        for (id, (_, side)) in &self.found {
            let of = if *side > 0 { &mut difference.theirs } else { &mut difference.ours };
            of.insert(*id);
        }
        Some(difference)
    }

    /// About how many differences there are, if the other side has `theirs` elements: what is known
    /// to differ, and an estimate from the counts that are left, which for k symbols is right to
    /// about a factor of 1 ± sqrt(2 / k), and too small from some ten thousand on.
    #[must_use]
    pub fn estimate(&self, theirs: u64) -> u64 {
        self.at_deviation(theirs, 0.0)
    }

    /// How many symbols in all to ask for: what nine of ten differences need that are one standard
    /// deviation smaller than [`Decoder::estimate`], or as small as they can be. So hardly ever
    /// much
    /// too many, and with more symbols the estimate gets better. For d differences 11/8 d +
    /// 3 sqrt(d) + 2, the constants from counting.
    #[must_use]
    pub fn suggest(&self, theirs: u64) -> u64 {
        let d = self.at_deviation(theirs, -1.0).min(1 << 40);
        d * 11 / 8 + d.isqrt() * 3 + 2
    }

    fn at_deviation(&self, theirs: u64, deviations: f64) -> u64 {
        let found = self.found.len() as u64;
        let sides: i64 = self.found.values().map(|(_, side)| i64::from(*side)).sum();
        // Of what is left, so many more are theirs than ours.
        let more = theirs as f64 - self.ours.len() as f64 - sides as f64;
        // The count at index i is a difference of two binomials of probability ρ: of d elements it
        // has the mean ρ × more and the variance d ρ (1 − ρ). Beyond 127 it wraps around.
        let (mut squares, mut variance, mut used) = (0.0, 0.0, 0.0);
        for (at, cell) in self.cells.iter().enumerate().skip(1) {
            let rho = 2.0 / (at as f64 + 2.0);
            let mean = more * rho;
            if mean.abs() < 64.0 {
                let off = f64::from(cell.count()) - mean;
                squares += off * off;
                variance += rho * (1.0 - rho);
                used += 1.0;
            }
        }
        let mut guess = 0.0;
        if used > 0.0 {
            guess = squares / variance * (1.0 + deviations * (2.0_f64 / used).sqrt().min(1.0));
        }
        found.saturating_add(guess.max(more.abs()).ceil() as u64)
    }
}
