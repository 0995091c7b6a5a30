//! Dots, version vectors and causal contexts.

use crate::Join;
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

/// The `seq`-th event of `actor`, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dot<A> {
    /// Who caused the event.
    pub actor: A,
    /// Its number among the actor's events, from 1.
    pub seq: u64,
}

impl<A> Dot<A> {
    /// A dot. `seq` counts from 1; 0 names no event.
    pub const fn new(actor: A, seq: u64) -> Self {
        Self { actor, seq }
    }
}

/// A downward-closed set of dots: with (a, 3) it holds (a, 1) and (a, 2).
///
/// Ordered by inclusion, which is causality (Mattern, *Virtual Time and Global States of
/// Distributed Systems*, 1989).
///
/// ```
/// use espalier_lattice::VersionVector;
/// let a = VersionVector::from_iter([("ada", 2)]);
/// let b = VersionVector::from_iter([("ada", 1), ("bob", 1)]);
/// assert_eq!(a.partial_cmp(&b), None, "concurrent");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "BTreeMap<A, u64>", bound(deserialize = "A: Ord + Clone + Deserialize<'de>"))]
pub struct VersionVector<A: Ord>(BTreeMap<A, u64>);

/// Reading brings any map to the one representation (no zero entries).
impl<A: Ord> From<BTreeMap<A, u64>> for VersionVector<A> {
    fn from(mut map: BTreeMap<A, u64>) -> Self {
        map.retain(|_, seq| *seq != 0);
        Self(map)
    }
}

impl<A: Ord> Default for VersionVector<A> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<A: Ord + Clone> VersionVector<A> {
    /// The highest sequence number of `actor`, 0 if none.
    pub fn get(&self, actor: &A) -> u64 {
        self.0.get(actor).copied().unwrap_or(0)
    }

    /// Raises `actor` to at least `seq`; true if that changed anything.
    pub fn raise(&mut self, actor: A, seq: u64) -> bool {
        if seq <= self.get(&actor) {
            return false;
        }
        self.0.insert(actor, seq);
        true
    }

    /// Whether the dot is inside.
    pub fn contains(&self, dot: &Dot<A>) -> bool {
        dot.seq != 0 && dot.seq <= self.get(&dot.actor)
    }

    /// Actors with their highest sequence numbers, ascending by actor.
    pub fn iter(&self) -> impl Iterator<Item = (&A, u64)> {
        self.0.iter().map(|(actor, &seq)| (actor, seq))
    }

    /// How many dots are inside.
    pub fn len(&self) -> u64 {
        self.0.values().fold(0, |sum: u64, &seq| sum.saturating_add(seq))
    }

    /// Whether no dot is inside.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn covers(&self, other: &Self) -> bool {
        other.0.iter().all(|(actor, &seq)| seq <= self.get(actor))
    }
}

impl<A: Ord + Clone> FromIterator<(A, u64)> for VersionVector<A> {
    fn from_iter<I: IntoIterator<Item = (A, u64)>>(iter: I) -> Self {
        let mut vector = Self::default();
        for (actor, seq) in iter {
            vector.raise(actor, seq);
        }
        vector
    }
}

impl<A: Ord + Clone> Join for VersionVector<A> {
    fn join(&mut self, other: &Self) -> bool {
        other
            .0
            .iter()
            .fold(false, |changed, (actor, &seq)| self.raise(actor.clone(), seq) | changed)
    }
}

impl<A: Ord + Clone> PartialOrd for VersionVector<A> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        match (self.covers(other), other.covers(self)) {
            (true, true) => Some(Ordering::Equal),
            (true, false) => Some(Ordering::Greater),
            (false, true) => Some(Ordering::Less),
            (false, false) => None,
        }
    }
}

/// Any set of dots, kept as a version vector and a cloud of dots beyond it.
///
/// The representation is unique: a dot that extends the vector is never left in the cloud, so
/// equal sets are equal values and have equal encodings (Almeida, Shoker, Baquero, *Delta state
/// replicated data types*, JPDC 2018, section 7.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Parts<A>", bound(deserialize = "A: Ord + Clone + Deserialize<'de>"))]
pub struct CausalContext<A: Ord> {
    vector: VersionVector<A>,
    cloud: BTreeSet<Dot<A>>,
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "A: Ord + Clone + Deserialize<'de>"))]
struct Parts<A: Ord> {
    vector: VersionVector<A>,
    cloud: BTreeSet<Dot<A>>,
}

/// Reading brings whatever a stranger wrote to the one representation.
impl<A: Ord + Clone> From<Parts<A>> for CausalContext<A> {
    fn from(parts: Parts<A>) -> Self {
        let mut context = Self::from(parts.vector);
        for dot in parts.cloud {
            context.insert(dot);
        }
        context
    }
}

impl<A: Ord> Default for CausalContext<A> {
    fn default() -> Self {
        Self { vector: VersionVector::default(), cloud: BTreeSet::new() }
    }
}

impl<A: Ord + Clone> CausalContext<A> {
    /// Whether the dot is inside. O(log n).
    pub fn contains(&self, dot: &Dot<A>) -> bool {
        self.vector.contains(dot) || self.cloud.contains(dot)
    }

    /// Adds a dot; true if it was new. Dots with `seq` 0 name no event and are ignored.
    pub fn insert(&mut self, dot: Dot<A>) -> bool {
        if dot.seq == 0 || self.contains(&dot) {
            return false;
        }
        if dot.seq == self.vector.get(&dot.actor) + 1 {
            self.raise(dot.actor, dot.seq);
        } else {
            self.cloud.insert(dot);
        }
        true
    }

    /// The next dot of `actor` that this context has not seen.
    ///
    /// Correct for the actor itself, whose own events are always contiguous in its own state.
    pub fn next_dot(&self, actor: A) -> Dot<A> {
        let seq = self.vector.get(&actor) + 1;
        Dot::new(actor, seq)
    }

    /// How many dots are inside. O(actors).
    pub fn len(&self) -> u64 {
        self.vector.len().saturating_add(self.cloud.len() as u64)
    }

    /// Whether no dot is inside.
    pub fn is_empty(&self) -> bool {
        self.vector.is_empty() && self.cloud.is_empty()
    }

    /// The largest downward-closed part.
    pub fn vector(&self) -> &VersionVector<A> {
        &self.vector
    }

    /// Every dot: the downward-closed part first, then the rest. Takes time in proportion to their
    /// number, which a hostile version vector can make astronomical: bound
    /// [`CausalContext::len`] first.
    pub fn dots(&self) -> impl Iterator<Item = Dot<A>> {
        let prefix = self
            .vector
            .iter()
            .flat_map(|(actor, top)| (1..=top).map(move |seq| Dot::new(actor.clone(), seq)));
        prefix.chain(self.cloud.iter().cloned())
    }

    /// Raises the vector to `seq` and draws in the cloud's dots that become contiguous.
    fn raise(&mut self, actor: A, seq: u64) {
        self.vector.raise(actor.clone(), seq);
        while let Some(dot) = self
            .cloud
            .range(Dot::new(actor.clone(), 0)..=Dot::new(actor.clone(), u64::MAX))
            .next()
            .filter(|dot| dot.seq <= self.vector.get(&actor).saturating_add(1))
            .cloned()
        {
            self.cloud.remove(&dot);
            self.vector.raise(dot.actor, dot.seq);
        }
    }
}

impl<A: Ord + Clone> FromIterator<Dot<A>> for CausalContext<A> {
    fn from_iter<I: IntoIterator<Item = Dot<A>>>(iter: I) -> Self {
        let mut context = Self::default();
        for dot in iter {
            context.insert(dot);
        }
        context
    }
}

impl<A: Ord + Clone> From<VersionVector<A>> for CausalContext<A> {
    fn from(vector: VersionVector<A>) -> Self {
        Self { vector, cloud: BTreeSet::new() }
    }
}

/// Union. O(actors of `other` + cloud of `other`), each times log n.
impl<A: Ord + Clone> Join for CausalContext<A> {
    fn join(&mut self, other: &Self) -> bool {
        let mut changed = false;
        for (actor, seq) in other.vector.iter() {
            if seq > self.vector.get(actor) {
                self.raise(actor.clone(), seq);
                changed = true;
            }
        }
        for dot in &other.cloud {
            changed |= self.insert(dot.clone());
        }
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use espalier_testkit::laws::{check_join_laws, check_partial_order};
    use proptest::prelude::*;

    fn vector() -> impl Strategy<Value = VersionVector<u8>> {
        prop::collection::vec((0u8..4, 0u64..4), 0..5).prop_map(VersionVector::from_iter)
    }

    fn dots() -> impl Strategy<Value = Vec<Dot<u8>>> {
        prop::collection::vec((0u8..3, 1u64..7).prop_map(|(a, s)| Dot::new(a, s)), 0..12)
    }

    proptest! {
        #[test]
        fn version_vectors_are_a_lattice(a in vector(), b in vector(), c in vector()) {
            check_join_laws(&a, &b, &c, |x, y| { x.join(y); });
            check_partial_order(&a, &b, &c, |x, y| x <= y, |x, y| { x.join(y); });
        }

        #[test]
        fn contexts_equal_plain_sets_of_dots(a in dots(), b in dots()) {
            // The obvious twin: a set.
            let mut context = CausalContext::from_iter(a.clone());
            context.join(&CausalContext::from_iter(b.clone()));
            let mut set: BTreeSet<_> = a.into_iter().collect();
            set.extend(b);
            prop_assert_eq!(context.len(), set.len() as u64);
            prop_assert_eq!(context.dots().collect::<BTreeSet<_>>(), set.clone());
            // One representation per set, however it was built.
            prop_assert_eq!(CausalContext::from_iter(set.into_iter().rev()), context);
        }

        #[test]
        fn contexts_are_a_lattice(a in dots(), b in dots(), c in dots()) {
            let [a, b, c] = [a, b, c].map(CausalContext::from_iter);
            check_join_laws(&a, &b, &c, |x, y| { x.join(y); });
        }
    }

    proptest! {
        #[test]
        fn equal_is_what_compares_equal_however_it_was_written(
            a in prop::collection::btree_map(0u8..3, 0u64..3, 0..3),
            b in prop::collection::btree_map(0u8..3, 0u64..3, 0..3),
        ) {
            let read = |map: &BTreeMap<u8, u64>| -> VersionVector<u8> {
                let text = serde_json::to_string(map).expect("a map");
                let read: VersionVector<u8> = serde_json::from_str(&text).expect("a map");
                assert_eq!(read, VersionVector::from_iter(map.clone()));
                read
            };
            let (a, b) = (read(&a), read(&b));
            prop_assert_eq!(a.partial_cmp(&a), Some(Ordering::Equal));
            prop_assert_eq!(a == b, a.partial_cmp(&b) == Some(Ordering::Equal));
            prop_assert_eq!(a.partial_cmp(&b), b.partial_cmp(&a).map(Ordering::reverse));
            let context = CausalContext::from(a.clone());
            let text = serde_json::to_string(&serde_json::json!({
                "vector": {}, "cloud": context.dots().collect::<Vec<_>>(),
            }));
            let read: CausalContext<u8> = serde_json::from_str(&text.expect("json")).expect("dots");
            prop_assert_eq!(read, context);
        }
    }
}
