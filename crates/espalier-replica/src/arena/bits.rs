//! A set of small integers as a bitmap: which operations of an arena a replica holds.
//!
//! Clones share their words until one side changes. A set that a join makes equal to the other
//! takes the other's words, so replicas that agree hold one bitmap and see it by a pointer.

use std::sync::Arc;

/// The number of words that are compared before it is asked whether enough is known: in between is
/// a plain loop, which compilers turn into one over wide registers.
const BLOCK: usize = 32;

/// A growable bitmap. Words at the end may be zero: equality does not see them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Bits(Arc<[u64]>);

impl PartialEq for Bits {
    fn eq(&self, other: &Self) -> bool {
        self.is_same(other) || self.compare(other) == (false, false)
    }
}

impl Eq for Bits {}

impl Bits {
    #[inline]
    pub(crate) fn words(&self) -> &[u64] {
        &self.0
    }

    /// Whether both are one bitmap.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    pub(crate) fn contains(&self, index: u32) -> bool {
        let word = self.0.get(index as usize / 64).copied().unwrap_or(0);
        word & (1 << (index % 64)) != 0
    }

    /// Adds `index`; true if it was not there.
    pub(crate) fn insert(&mut self, index: u32) -> bool {
        if self.contains(index) {
            return false;
        }
        let word = index as usize / 64;
        let lacking = (word + 1).saturating_sub(self.0.len());
        if lacking > 0 {
            self.0 = self.0.iter().copied().chain(std::iter::repeat_n(0, lacking)).collect();
        }
        Arc::make_mut(&mut self.0)[word] |= 1 << (index % 64);
        true
    }

    pub(crate) fn remove(&mut self, index: u32) {
        if self.contains(index) {
            Arc::make_mut(&mut self.0)[index as usize / 64] &= !(1 << (index % 64));
        }
    }

    /// The number of them. O(words).
    pub(crate) fn len(&self) -> usize {
        count(&self.0) as usize
    }

    pub(crate) fn is_empty(&self) -> bool {
        !any(&self.0)
    }

    /// All of them, ascending.
    pub(crate) fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        places(self.0.iter().copied())
    }

    /// What `self` holds and `other` does not, ascending.
    pub(crate) fn minus<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = u32> + 'a {
        let others = other.0.iter().copied().chain(std::iter::repeat(0));
        places(self.0.iter().zip(others).map(|(word, other)| word & !other))
    }

    pub(crate) fn is_superset(&self, other: &Self) -> bool {
        self.is_same(other) || !self.compare(other).0
    }

    /// Adds what `other` holds; true if that changed anything. O(words), nothing is allocated
    /// unless both hold what the other lacks and this bitmap is shared or the shorter.
    pub(crate) fn join(&mut self, other: &Self) -> bool {
        if self.is_same(other) {
            return false;
        }
        match self.compare(other) {
            (false, true) => return false,
            (news, false) => {
                self.0 = other.0.clone();
                return news;
            }
            (true, true) => {}
        }
        match Arc::get_mut(&mut self.0) {
            Some(words) if words.len() >= other.0.len() => {
                words.iter_mut().zip(&*other.0).for_each(|(word, other)| *word |= other);
            }
            _ => self.0 = either(&self.0, &other.0),
        }
        true
    }

    /// Whether `other` holds what `self` lacks, and `self` what `other` lacks.
    fn compare(&self, other: &Self) -> (bool, bool) {
        let (a, b) = (&*self.0, &*other.0);
        let common = a.len().min(b.len());
        let (mut news, mut lacks) = (any(&b[common..]), any(&a[common..]));
        for (a, b) in a[..common].chunks(BLOCK).zip(b[..common].chunks(BLOCK)) {
            if news && lacks {
                break;
            }
            let (mut only_b, mut only_a) = (0, 0);
            for (a, b) in a.iter().zip(b) {
                only_b |= b & !a;
                only_a |= a & !b;
            }
            (news, lacks) = (news | (only_b != 0), lacks | (only_a != 0));
        }
        (news, lacks)
    }

    /// A hash of the set that fits into a word: equal sets have equal ones. O(words).
    pub(crate) fn fingerprint(&self) -> u64 {
        // An odd multiplier for each place; words that are zero add nothing, wherever they stand.
        const STEP: u64 = 0x9e37_79b9_7f4a_7c16;
        let mut multiplier = STEP | 1;
        self.0.iter().fold(0_u64, |sum, word| {
            multiplier = multiplier.wrapping_add(STEP);
            let product = word.wrapping_mul(multiplier);
            sum.wrapping_add(product ^ (product >> 32))
        })
    }
}

fn any(words: &[u64]) -> bool {
    words.iter().any(|word| *word != 0)
}

fn either(a: &[u64], b: &[u64]) -> Arc<[u64]> {
    let (long, short) = if a.len() < b.len() { (b, a) } else { (a, b) };
    let (head, tail) = long.split_at(short.len());
    head.iter().zip(short).map(|(a, b)| a | b).chain(tail.iter().copied()).collect()
}

/// The number of bits set.
pub(crate) fn count(words: &[u64]) -> u64 {
    words.iter().map(|word| u64::from(word.count_ones())).sum()
}

/// The number of bits of `a` that are not in `b`, which may be shorter.
pub(crate) fn count_minus(a: &[u64], b: &[u64]) -> u64 {
    let (head, tail) = a.split_at(b.len().min(a.len()));
    let both = head.iter().zip(b).map(|(a, b)| u64::from((a & !b).count_ones()));
    both.sum::<u64>() + count(tail)
}

/// The places of the bits that are set, ascending.
fn places(words: impl Iterator<Item = u64>) -> impl Iterator<Item = u32> {
    words.enumerate().flat_map(|(at, mut rest)| {
        std::iter::from_fn(move || {
            let bit = rest.trailing_zeros();
            (rest != 0).then(|| {
                rest &= rest - 1;
                at as u32 * 64 + bit
            })
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn bits(set: &BTreeSet<u32>) -> Bits {
        let mut bits = Bits::default();
        set.iter().for_each(|i| assert!(bits.insert(*i)));
        bits
    }

    /// Sets with words of their own or shared ones, with and without zeros at the end.
    fn set() -> impl Strategy<Value = BTreeSet<u32>> {
        prop_oneof![
            prop::collection::btree_set(0u32..300, 0..40),
            prop::collection::btree_set(0u32..5000, 0..40),
            prop::collection::btree_set(0u32..10, 0..10),
        ]
    }

    proptest! {
        #[test]
        fn agrees_with_a_plain_set(a in set(), b in set(), shared: bool, far in 0u32..6000) {
            let (mut x, mut y) = (bits(&a), bits(&b));
            let keep = shared.then(|| (x.clone(), y.clone()));
            let zeros = x.insert(far);
            prop_assert_eq!(zeros, !a.contains(&far));
            if zeros {
                x.remove(far);
            }
            prop_assert!(x.iter().eq(a.iter().copied()));
            prop_assert!(x.minus(&y).eq(a.difference(&b).copied()));
            prop_assert_eq!((x.len(), x.is_empty()), (a.len(), a.is_empty()));
            let only_a = a.difference(&b).count() as u64;
            prop_assert_eq!(count_minus(x.words(), y.words()), only_a);
            prop_assert_eq!(x.is_superset(&y), a.is_superset(&b));
            prop_assert_eq!((x == y, x == bits(&a)), (a == b, true));
            prop_assert_eq!(x.fingerprint(), bits(&a).fingerprint());

            let mut joined = x.clone();
            prop_assert_eq!(joined.join(&y), !a.is_superset(&b));
            let union: BTreeSet<u32> = a.union(&b).copied().collect();
            prop_assert_eq!(&joined, &bits(&union));
            prop_assert_eq!(y.join(&joined), !b.is_superset(&a));
            prop_assert!(y == joined && y.is_same(&joined), "equal sets are one bitmap");
            prop_assert!(!y.join(&x) && !y.join(&joined));

            a.iter().for_each(|i| y.remove(*i));
            prop_assert!(y.iter().eq(b.difference(&a).copied()));
            if let Some((old_x, old_y)) = keep {
                prop_assert!(old_x.iter().eq(a.iter().copied()), "clones do not change");
                prop_assert!(old_y.iter().eq(b.iter().copied()));
            }
        }
    }

    #[test]
    fn a_bitmap_of_ones_own_is_joined_in_place() {
        let (mut a, b) = (bits(&[3, 700].into()), bits(&[4, 600].into()));
        let before = a.words().as_ptr();
        assert!(a.join(&b) && !a.join(&b));
        assert_eq!((a.words().as_ptr(), a.len()), (before, 4));
    }
}
