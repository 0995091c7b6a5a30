//! Set comparisons in progress, within bounds.

use crate::wire::message::Symbols;
use espalier_identity::PeerId;
use espalier_reconcile::Salt;
use std::collections::VecDeque;

/// Comparisons kept at once, one per peer. The oldest gives way.
const MAX_COMPARISONS: usize = 16;

/// How much a comparison may cost.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Symbols in the first message: enough for about four differences.
    pub(crate) first: u64,
    /// Symbols in one message.
    pub(crate) step: u64,
    /// Symbols in all; beyond that, identifiers are listed.
    pub(crate) symbols: u64,
    /// Identifiers in one list.
    pub(crate) ids: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { first: 8, step: 1 << 13, symbols: 1 << 16, ids: 1 << 15 }
    }
}

/// Comparisons in progress, at most one per peer. Losing one costs nothing but bytes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Comparisons {
    pub(crate) limits: Limits,
    /// The number begun so far, so that no two share a salt.
    pub(crate) begun: u64,
    pub(crate) going_on: VecDeque<(PeerId, Comparison)>,
}

#[derive(Debug, Clone)]
pub(crate) enum Comparison {
    /// The peer's symbols from index 0 on, which were not enough.
    Symbols(Symbols),
    /// The comparison with this salt is over; what still arrives for it is stale.
    Over(Salt),
}

/// How the peer's symbols continue those that came before.
pub(crate) enum Arrived {
    /// All symbols so far.
    Next(Symbols),
    /// Symbols before these are missing: `count` more are to be sent, from index `first` on.
    Gap { first: u64, count: u64 },
    /// Nothing new.
    Stale,
}

impl Comparisons {
    fn of(&mut self, peer: &PeerId) -> Option<&mut Comparison> {
        self.going_on.iter_mut().find(|(with, _)| with == peer).map(|(_, comparison)| comparison)
    }

    /// Notes how far the comparison with `peer` is.
    pub(crate) fn set(&mut self, peer: PeerId, comparison: Comparison) {
        if let Some(known) = self.of(&peer) {
            *known = comparison;
            return;
        }
        if self.going_on.len() >= MAX_COMPARISONS {
            self.going_on.pop_front();
        }
        self.going_on.push_back((peer, comparison));
    }

    /// Appends symbols to those that came before.
    pub(crate) fn arrive(&mut self, peer: PeerId, news: Symbols) -> Arrived {
        let end = news.first.saturating_add(news.symbols.len() as u64);
        match self.of(&peer) {
            _ if news.first == 0 => Arrived::Next(news),
            Some(Comparison::Over(salt)) if *salt == news.scope.salt => Arrived::Stale,
            Some(Comparison::Symbols(known)) if known.is_continued_by(&news) => {
                let len = known.symbols.len() as u64;
                if news.first > len {
                    return Arrived::Gap { first: len, count: end - len };
                }
                if news.first < len {
                    return Arrived::Stale;
                }
                known.symbols.extend(news.symbols);
                Arrived::Next(known.clone())
            }
            // The first symbols were forgotten, or describe what the peer held earlier.
            _ => Arrived::Gap { first: 0, count: end },
        }
    }

    /// Drops the comparison with `peer`.
    pub(crate) fn forget(&mut self, peer: &PeerId) {
        self.going_on.retain(|(with, _)| with != peer);
    }

    /// Keeps what another replica of the same node has begun.
    pub(crate) fn absorb(&mut self, other: &Self) {
        self.begun = self.begun.max(other.begun);
    }
}

impl Symbols {
    /// Whether these are symbols of the same operations.
    fn is_continued_by(&self, other: &Self) -> bool {
        (&self.scope, self.size, self.whole) == (&other.scope, other.size, other.whole)
    }
}
