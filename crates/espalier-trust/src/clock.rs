//! The causal trust clock: a version vector that knows of forks, times a set of convictions.

use crate::evidence::FaultKind;
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
///
/// Equal clocks have one representation: nobody who was never seen has a tick, and nobody whose
/// chain forked has a conviction that the fork covers. Reading brings whatever was written to it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Written")]
pub struct CausalTrustClock {
    ticks: BTreeMap<PeerId, Tick>,
    convictions: BTreeSet<(PeerId, FaultKind)>,
}

/// A clock as somebody may have written it.
#[derive(Debug, Deserialize)]
struct Written {
    ticks: BTreeMap<PeerId, Tick>,
    convictions: BTreeSet<(PeerId, FaultKind)>,
}

impl From<Written> for CausalTrustClock {
    fn from(Written { ticks, convictions }: Written) -> Self {
        let mut clock = Self::default();
        for (author, tick) in ticks {
            clock.tick(author, tick);
        }
        for (accused, kind) in convictions {
            clock.convict(accused, kind);
        }
        clock
    }
}

impl CausalTrustClock {
    /// Raises `author` to at least `tick`; true if that changed anything. `Seq(0)` says nothing.
    pub fn tick(&mut self, author: PeerId, tick: Tick) -> bool {
        let news = self.get(&author) < tick;
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

    /// The convictions: who is convicted of what.
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
    use espalier_identity::canonical::{self, CanonicalError};
    use espalier_testkit::laws::{check_join_laws, check_partial_order};
    use proptest::prelude::*;

    fn clock() -> impl Strategy<Value = CausalTrustClock> {
        prop_oneof![told(), written().prop_map(CausalTrustClock::from)]
    }

    type Parts = (BTreeMap<PeerId, Tick>, BTreeSet<(PeerId, FaultKind)>);

    /// Anything that can stand in a file.
    fn parts() -> impl Strategy<Value = Parts> {
        let peer = || (0u8..3).prop_map(|i| PeerId::from_bytes([i; 32]));
        let tick = prop_oneof![(0u64..4).prop_map(Tick::Seq), Just(Tick::Forked)];
        let kinds = [FaultKind::Equivocation, FaultKind::NonFinite, FaultKind::BrokenChain];
        let kind = prop::sample::select(kinds.to_vec());
        (
            prop::collection::btree_map(peer(), tick, 0..3),
            prop::collection::btree_set((peer(), kind), 0..3),
        )
    }

    fn written() -> impl Strategy<Value = Written> {
        parts().prop_map(|(ticks, convictions)| Written { ticks, convictions })
    }

    /// A clock of what was told one by one, convictions before the ticks that cover them.
    fn told() -> impl Strategy<Value = CausalTrustClock> {
        parts().prop_map(|(ticks, convictions)| {
            let mut clock = CausalTrustClock::default();
            convictions.into_iter().for_each(|(accused, kind)| {
                clock.convict(accused, kind);
            });
            ticks.into_iter().for_each(|(author, tick)| {
                clock.tick(author, tick);
            });
            clock
        })
    }

    proptest! {
        #[test]
        fn the_clock_is_a_lattice_with_its_order(a in clock(), b in clock(), c in clock()) {
            check_join_laws(&a, &b, &c, |x, y| { x.join(y); });
            check_partial_order(&a, &b, &c, |x, y| x <= y, |x, y| { x.join(y); });
        }

        #[test]
        fn equal_is_what_compares_equal(a in clock(), b in clock()) {
            prop_assert_eq!(a.partial_cmp(&a), Some(Ordering::Equal));
            prop_assert_eq!(a == b, a.partial_cmp(&b) == Some(Ordering::Equal));
            prop_assert_eq!(a.partial_cmp(&b), b.partial_cmp(&a).map(Ordering::reverse));
            prop_assert_eq!(a.clone().join(&b), !a.covers(&b), "a join says whether it moved");
        }

        #[test]
        fn what_is_read_has_the_one_representation(parts in parts()) {
            let text = serde_json::json!({
                "ticks": parts.0,
                "convictions": parts.1,
            });
            let read: CausalTrustClock = serde_json::from_value(text).expect("well formed");
            let (ticks, convictions) = parts.clone();
            let mut told = CausalTrustClock::from(Written { ticks, convictions });
            prop_assert_eq!(&read, &told);
            prop_assert!(!told.join(&read));
            prop_assert!(read.ticks().all(|(_, tick)| tick > Tick::Seq(0)));
            let covered = |(accused, kind): &(PeerId, FaultKind)| read.absorbs(accused, *kind);
            prop_assert!(!read.convictions().any(covered));
            // Of bytes there is one form, so what is not normal is refused.
            let bytes = canonical::encode(&parts);
            let same = canonical::encode(&read) == bytes;
            let decoded = canonical::decode::<CausalTrustClock>(&bytes);
            let right = if same { Ok(read) } else { Err(CanonicalError::NotCanonical) };
            prop_assert_eq!(decoded, right);
        }
    }
}
