//! The join of a semilattice, and the ways to build larger lattices from smaller ones.

use std::collections::{BTreeMap, BTreeSet};

/// A join semilattice.
pub trait Join {
    /// Replaces `self` by the least upper bound of `self` and `other`; true if `self` changed.
    ///
    /// ```
    /// # use espalier_lattice::{Join, Max};
    /// let (mut a, b) = (Max(3), Max(5));
    /// let idempotent = { let mut x = a; !x.join(&a) && x == a };
    /// let commutative = { let (mut x, mut y) = (a, b); x.join(&b); y.join(&a); x == y };
    /// assert!(idempotent && commutative);
    /// assert!(a.join(&b), "moved up");
    /// assert!(!a.join(&Max(4)), "already above");
    /// ```
    fn join(&mut self, other: &Self) -> bool;
}

/// A totally ordered value under maximum.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Max<T>(pub T);

impl<T: Ord + Clone> Join for Max<T> {
    fn join(&mut self, other: &Self) -> bool {
        let grows = other.0 > self.0;
        if grows {
            self.0 = other.0.clone();
        }
        grows
    }
}

/// `None` is the bottom put under `T`.
impl<T: Join + Clone> Join for Option<T> {
    fn join(&mut self, other: &Self) -> bool {
        match (self.as_mut(), other) {
            (_, None) => false,
            (Some(mine), Some(theirs)) => mine.join(theirs),
            (None, Some(theirs)) => {
                *self = Some(theirs.clone());
                true
            }
        }
    }
}

/// Key by key; an absent key is bottom. Costs O(|other| log |self|).
impl<K: Ord + Clone, V: Join + Clone> Join for BTreeMap<K, V> {
    fn join(&mut self, other: &Self) -> bool {
        let mut changed = false;
        for (key, theirs) in other {
            match self.get_mut(key) {
                Some(mine) => changed |= mine.join(theirs),
                None => {
                    self.insert(key.clone(), theirs.clone());
                    changed = true;
                }
            }
        }
        changed
    }
}

/// Union. Costs O(|other| log |self|).
impl<T: Ord + Clone> Join for BTreeSet<T> {
    fn join(&mut self, other: &Self) -> bool {
        let before = self.len();
        self.extend(other.iter().cloned());
        self.len() != before
    }
}

/// Component by component.
impl<A: Join, B: Join> Join for (A, B) {
    fn join(&mut self, other: &Self) -> bool {
        let first = self.0.join(&other.0);
        self.1.join(&other.1) | first
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use espalier_testkit::laws::check_join_laws;
    use proptest::prelude::*;

    type Sample = (BTreeMap<u8, Max<u8>>, BTreeSet<u8>);

    fn sample() -> impl Strategy<Value = Sample> {
        (
            prop::collection::btree_map(0u8..4, any::<u8>().prop_map(Max), 0..4),
            prop::collection::btree_set(0u8..6, 0..4),
        )
    }

    proptest! {
        #[test]
        fn built_lattices_obey_the_laws(a in sample(), b in sample(), c in sample()) {
            check_join_laws(&a, &b, &c, |x, y| { x.join(y); });
            let (a, b, c) = (Some(a), None, Some(c));
            check_join_laws(&a, &b, &c, |x: &mut Option<Sample>, y| { x.join(y); });
        }

        #[test]
        fn the_result_says_whether_anything_changed(a in sample(), b in sample()) {
            let mut joined = a.clone();
            let changed = joined.join(&b);
            prop_assert_eq!(changed, joined != a);
        }
    }
}
