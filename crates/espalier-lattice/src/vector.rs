//! Version vectors: downward-closed sets of dots.

use crate::dot::{Dot, check_seq};
use crate::join::Join;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

/// A downward-closed set of dots: with (a, 3) it holds (a, 1) and (a, 2).
///
/// Ordered by inclusion, which is causality (Mattern, *Virtual Time and Global States of
/// Distributed Systems*, 1989).
///
/// Written as a map from actors to numbers. Only what can be written can be read: every actor
/// once, ascending in binary formats, with a number from 1 to [`Dot::MAX_SEQ`].
///
/// ```
/// use espalier_lattice::VersionVector;
/// let a = VersionVector::from_iter([("ada", 2)]);
/// let b = VersionVector::from_iter([("ada", 1), ("bob", 1)]);
/// assert_eq!(a.partial_cmp(&b), None, "concurrent");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VersionVector<A: Ord>(BTreeMap<A, u64>);

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

    /// Adds the events of `actor` up to number `seq`; true if any of them was new. There are none
    /// beyond [`Dot::MAX_SEQ`].
    pub fn raise(&mut self, actor: A, seq: u64) -> bool {
        let seq = seq.min(Dot::<A>::MAX_SEQ);
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

    /// The number of dots in it, at most `u64::MAX`. O(actors).
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

impl<'de, A: Ord + Deserialize<'de>> Deserialize<'de> for VersionVector<A> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // The members of a JSON object have no order, and whoever passes them on may change it.
        let ascending = !deserializer.is_human_readable();
        deserializer.deserialize_map(Reader { ascending, actor: PhantomData }).map(Self)
    }
}

/// Reads the map and refuses what is never written.
struct Reader<A> {
    ascending: bool,
    actor: PhantomData<A>,
}

impl<'de, A: Ord + Deserialize<'de>> Visitor<'de> for Reader<A> {
    type Value = BTreeMap<A, u64>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map from actors to event numbers")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut entries: M) -> Result<Self::Value, M::Error> {
        let mut map = BTreeMap::new();
        while let Some((actor, seq)) = entries.next_entry::<A, u64>()? {
            check_seq(seq).map_err(M::Error::custom)?;
            let last = map.last_key_value().map(|(last, _)| last);
            if self.ascending && last.is_some_and(|last| *last >= actor) {
                return Err(M::Error::custom(
                    "the actors of a version vector are not in ascending order",
                ));
            }
            if map.insert(actor, seq).is_some() {
                return Err(M::Error::custom("a version vector names an actor twice"));
            }
        }
        Ok(map)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use espalier_testkit::laws::{check_join_laws, check_partial_order};
    use proptest::prelude::*;

    fn vector() -> impl Strategy<Value = VersionVector<u8>> {
        let seq = prop_oneof![0u64..4, (u64::MAX - 2)..=u64::MAX];
        prop::collection::vec((0u8..4, seq), 0..5).prop_map(VersionVector::from_iter)
    }

    proptest! {
        #[test]
        fn version_vectors_are_a_lattice(a in vector(), b in vector(), c in vector()) {
            check_join_laws(&a, &b, &c, |x, y| { x.join(y); });
            check_partial_order(&a, &b, &c, |x, y| x <= y, |x, y| { x.join(y); });
        }

        #[test]
        fn equal_is_what_compares_equal(a in vector(), b in vector()) {
            prop_assert_eq!(a.partial_cmp(&a), Some(Ordering::Equal));
            prop_assert_eq!(a == b, a.partial_cmp(&b) == Some(Ordering::Equal));
            prop_assert_eq!(a.partial_cmp(&b), b.partial_cmp(&a).map(Ordering::reverse));
        }

        #[test]
        fn every_vector_can_be_read_back(vector in vector()) {
            let bytes = postcard::to_allocvec(&vector).expect("it can be written");
            prop_assert_eq!(postcard::from_bytes(&bytes), Ok(vector.clone()));
            let json = serde_json::to_string(&vector).expect("it can be written");
            prop_assert_eq!(serde_json::from_str::<VersionVector<u8>>(&json).ok(), Some(vector));
        }

        #[test]
        fn what_can_be_read_is_written_the_same(bytes in prop::collection::vec(0u8..4, 0..12)) {
            if let Ok((vector, rest)) = postcard::take_from_bytes::<VersionVector<u8>>(&bytes) {
                let read = &bytes[..bytes.len() - rest.len()];
                prop_assert_eq!(&postcard::to_allocvec(&vector).expect("it can be written"), read);
            }
        }
    }

    #[test]
    fn no_event_is_beyond_the_last_number() {
        let mut vector = VersionVector::from_iter([(1, u64::MAX)]);
        assert_eq!(vector.get(&1), Dot::<u8>::MAX_SEQ);
        assert!(!vector.raise(1, u64::MAX));
        assert!(!vector.contains(&Dot::new(1, u64::MAX)) && !vector.contains(&Dot::new(1, 0)));
        vector.raise(2, u64::MAX);
        assert_eq!(vector.len(), u64::MAX, "saturated");
    }

    #[test]
    fn what_is_never_written_is_refused() {
        let read = |text: &str| serde_json::from_str::<VersionVector<u8>>(text);
        assert!(read(r#"{"2":1,"1":18446744073709551614}"#).is_ok(), "JSON objects have no order");
        for (text, part) in [
            (r#"{"1":0}"#, "0 is not the number of an event"),
            (r#"{"1":18446744073709551615}"#, "18446744073709551615 is not the number"),
            (r#"{"1":18446744073709551616}"#, "invalid type"),
            (r#"{"1":-1}"#, "invalid value"),
            (r#"{"1":2,"1":2}"#, "names an actor twice"),
            (r#"[["1",2]]"#, "expected a map from actors to event numbers"),
        ] {
            let error = read(text).expect_err(text).to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
        for bytes in [&[2, 2, 1, 1, 1][..], &[2, 1, 1, 1, 1], &[1, 1, 0]] {
            postcard::from_bytes::<VersionVector<u8>>(bytes).expect_err("not canonical");
        }
    }
}
