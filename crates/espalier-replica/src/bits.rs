//! A set of small integers as a bitmap: which operations of an arena a replica holds.

/// A growable bitmap.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Bits(Vec<u64>);

impl Bits {
    pub(crate) fn contains(&self, index: u32) -> bool {
        let word = self.0.get(index as usize / 64).copied().unwrap_or(0);
        word & (1 << (index % 64)) != 0
    }

    pub(crate) fn insert(&mut self, index: u32) {
        let word = index as usize / 64;
        if word >= self.0.len() {
            self.0.resize(word + 1, 0);
        }
        self.0[word] |= 1 << (index % 64);
    }

    pub(crate) fn remove(&mut self, index: u32) {
        if let Some(word) = self.0.get_mut(index as usize / 64) {
            *word &= !(1 << (index % 64));
        }
    }

    /// What `self` holds and `other` does not, ascending.
    pub(crate) fn minus<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = u32> + 'a {
        self.0.iter().enumerate().flat_map(|(at, word)| {
            let mut rest = word & !other.0.get(at).copied().unwrap_or(0);
            std::iter::from_fn(move || {
                let bit = rest.trailing_zeros();
                (rest != 0).then(|| {
                    rest &= rest - 1;
                    at as u32 * 64 + bit
                })
            })
        })
    }

    pub(crate) fn is_superset(&self, other: &Self) -> bool {
        other.minus(self).next().is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn agrees_with_a_plain_set(
            a in prop::collection::btree_set(0u32..300, 0..40),
            b in prop::collection::btree_set(0u32..300, 0..40),
        ) {
            let bits = |set: &BTreeSet<u32>| {
                let mut bits = Bits::default();
                set.iter().for_each(|i| bits.insert(*i));
                bits
            };
            let (x, mut y) = (bits(&a), bits(&b));
            prop_assert!(x.minus(&y).eq(a.difference(&b).copied()));
            prop_assert_eq!(x.is_superset(&y), a.is_superset(&b));
            a.iter().for_each(|i| y.remove(*i));
            prop_assert!(y.minus(&Bits::default()).eq(b.difference(&a).copied()));
        }
    }
}
