//! The causal trust clock: a version vector that knows of forks, times a set of convictions.

use crate::FaultKind;
use espalier_identity::PeerId;
use espalier_lattice::Join;
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

/// How far an author has come, as far as a replica has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tick {
    /// The author's highest sequence number.
    Seq(u64),
    /// The top: the author signed two operations with one number, so its numbers mean nothing, nor
    /// what else is read off its chain ([`FaultKind::is_of_a_chain`]).
    Forked,
}

/// What a replica has seen: per author a [`Tick`], and who was convicted of what.
///
/// Ordered by the product order, which is reflexive, antisymmetric and transitive; two clocks that
/// each know something the other does not are not comparable. Comparison never reads a score.
///
/// ```
/// use espalier_identity::PeerId;
/// use espalier_lattice::Join;
/// use espalier_trust::{CausalTrustClock, Tick};
///
/// let [ada, bob] = [1, 2].map(|i| PeerId::from_bytes([i; 32]));
/// let (mut a, mut b) = (CausalTrustClock::default(), CausalTrustClock::default());
/// a.tick(ada, Tick::Seq(1));
/// b.tick(bob, Tick::Seq(1));
/// assert_eq!(a.partial_cmp(&b), None, "concurrent");
/// let before = a.clone();
/// a.join(&b);
/// assert!(before < a && b < a);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CausalTrustClock {
    ticks: BTreeMap<PeerId, Tick>,
    convictions: BTreeSet<(PeerId, FaultKind)>,
}

impl CausalTrustClock {
    /// Raises `author` to at least `tick`.
    pub fn tick(&mut self, author: PeerId, tick: Tick) -> bool {
        let news = self.ticks.get(&author).is_none_or(|held| *held < tick);
        if news {
            self.ticks.insert(author, tick);
        }
        if news && tick == Tick::Forked {
            self.convictions.retain(|(accused, kind)| *accused != author || !kind.is_of_a_chain());
        }
        news
    }

    /// Notes a conviction. What is read off a chain adds nothing to a chain that forked.
    pub fn convict(&mut self, accused: PeerId, kind: FaultKind) -> bool {
        !self.absorbs(&accused, kind) && self.convictions.insert((accused, kind))
    }

    fn absorbs(&self, accused: &PeerId, kind: FaultKind) -> bool {
        kind.is_of_a_chain() && self.get(accused) == Tick::Forked
    }

    /// Where `author` stands; `Seq(0)` if it was never seen.
    pub fn get(&self, author: &PeerId) -> Tick {
        self.ticks.get(author).copied().unwrap_or(Tick::Seq(0))
    }

    /// Authors with their ticks, ascending by key.
    pub fn ticks(&self) -> impl Iterator<Item = (&PeerId, Tick)> {
        self.ticks.iter().map(|(author, tick)| (author, *tick))
    }

    /// Who was convicted of what.
    pub fn convictions(&self) -> impl Iterator<Item = &(PeerId, FaultKind)> {
        self.convictions.iter()
    }

    fn covers(&self, other: &Self) -> bool {
        other.ticks.iter().all(|(author, tick)| self.get(author) >= *tick)
            && other.convictions.iter().all(|conviction| {
                self.convictions.contains(conviction) || self.absorbs(&conviction.0, conviction.1)
            })
    }
}

impl Join for CausalTrustClock {
    fn join(&mut self, other: &Self) -> bool {
        let mut changed = false;
        for (author, tick) in &other.ticks {
            changed |= self.tick(*author, *tick);
        }
        for (accused, kind) in &other.convictions {
            changed |= self.convict(*accused, *kind);
        }
        changed
    }
}

impl PartialOrd for CausalTrustClock {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        match (self.covers(other), other.covers(self)) {
            (true, true) => Some(Ordering::Equal),
            (true, false) => Some(Ordering::Greater),
            (false, true) => Some(Ordering::Less),
            (false, false) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use espalier_testkit::laws::{check_join_laws, check_partial_order};
    use proptest::prelude::*;

    fn clock() -> impl Strategy<Value = CausalTrustClock> {
        let tick = prop_oneof![(1u64..4).prop_map(Tick::Seq), Just(Tick::Forked)];
        let kinds = [FaultKind::Equivocation, FaultKind::NonFinite, FaultKind::BrokenChain];
        let kind = prop::sample::select(kinds.to_vec());
        (
            prop::collection::btree_map(0u8..3, tick, 0..3),
            prop::collection::vec((0u8..3, kind), 0..3),
        )
            .prop_map(|(ticks, convictions)| {
                let mut clock = CausalTrustClock::default();
                for (author, tick) in ticks {
                    clock.tick(PeerId::from_bytes([author; 32]), tick);
                }
                for (author, kind) in convictions {
                    clock.convict(PeerId::from_bytes([author; 32]), kind);
                }
                clock
            })
    }

    proptest! {
        #[test]
        fn the_clock_is_a_lattice_with_its_order(a in clock(), b in clock(), c in clock()) {
            check_join_laws(&a, &b, &c, |x, y| { x.join(y); });
            check_partial_order(&a, &b, &c, |x, y| x <= y, |x, y| { x.join(y); });
        }
    }
}
