//! Measurements of peers by peers.

use crate::Q16;
use espalier_identity::PeerId;
use espalier_lattice::Join;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What an observer says who measured neither good nor harm, and what counts for one who said
/// nothing.
pub const NEUTRAL: Q16 = Q16::from_raw(1 << 15);

/// A dimension of trust.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dimension {
    /// How good what the subject contributes is.
    Accuracy,
    /// Whether the subject serves valid records.
    Consistency,
}

type Key = (PeerId, Dimension, PeerId);

/// (subject, dimension, observer) → (seq, value). Single writer; the higher sequence number wins,
/// and at one number the lesser value (only an equivocator writes two).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attestations(BTreeMap<Key, (u64, Q16)>);

impl Attestations {
    /// Records what `observer` signed with its operation number `seq`; true if it changed anything.
    pub fn insert(
        &mut self,
        observer: PeerId,
        subject: PeerId,
        dimension: Dimension,
        seq: u64,
        value: Q16,
    ) -> bool {
        self.raise((subject, dimension, observer), (seq, value))
    }

    fn raise(&mut self, key: Key, (seq, value): (u64, Q16)) -> bool {
        let news = match self.0.get(&key) {
            None => true,
            Some((held, old)) => seq > *held || (seq == *held && value < *old),
        };
        if news {
            self.0.insert(key, (seq, value));
        }
        news
    }

    /// The lower median of what `roster` observers say of `subject`, the silent ones counted as
    /// [`NEUTRAL`]: fewer than half of the roster cannot move it below neutral. Observers for whom
    /// `counts` is false are taken as silent.
    pub fn lower_median(
        &self,
        subject: &PeerId,
        dimension: Dimension,
        roster: usize,
        counts: impl Fn(&PeerId) -> bool,
    ) -> Q16 {
        let (from, to) = (PeerId::from_bytes([0; 32]), PeerId::from_bytes([255; 32]));
        let of_subject = (*subject, dimension, from)..=(*subject, dimension, to);
        let mut values: Vec<_> = self
            .0
            .range(of_subject)
            .filter(|((_, _, observer), _)| counts(observer))
            .map(|(_, (_, value))| *value)
            .take(roster)
            .collect();
        values.resize(roster.max(1), NEUTRAL);
        values.sort_unstable();
        values[(values.len() - 1) / 2]
    }

    /// All measurements as (subject, dimension, observer, seq, value), ascending.
    pub fn iter(&self) -> impl Iterator<Item = (PeerId, Dimension, PeerId, u64, Q16)> {
        self.0
            .iter()
            .map(|((subject, dim, observer), (seq, v))| (*subject, *dim, *observer, *seq, *v))
    }

    /// How many measurements.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Join for Attestations {
    fn join(&mut self, other: &Self) -> bool {
        other.0.iter().fold(false, |changed, (key, entry)| self.raise(*key, *entry) | changed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use espalier_testkit::laws::check_join_laws;
    use proptest::prelude::*;

    fn peer(i: u8) -> PeerId {
        PeerId::from_bytes([i; 32])
    }

    fn sample() -> impl Strategy<Value = Attestations> {
        prop::collection::vec((0u8..3, 0u8..3, 0u64..3, 0u32..4), 0..8).prop_map(|entries| {
            let mut all = Attestations::default();
            for (observer, subject, seq, value) in entries {
                let value = Q16::from_raw(value);
                all.insert(peer(observer), peer(subject), Dimension::Accuracy, seq, value);
            }
            all
        })
    }

    proptest! {
        #[test]
        fn attestations_are_a_lattice(a in sample(), b in sample(), c in sample()) {
            check_join_laws(&a, &b, &c, |x, y| { x.join(y); });
        }

        #[test]
        fn a_minority_cannot_move_the_median_below_neutral(n in 1usize..20) {
            let liars = (n - 1) / 2;
            let mut all = Attestations::default();
            for i in 0..liars {
                all.insert(peer(i as u8), peer(99), Dimension::Accuracy, 1, Q16::ZERO);
            }
            let median = all.lower_median(&peer(99), Dimension::Accuracy, n, |_| true);
            prop_assert!(median >= NEUTRAL);
        }
    }

    #[test]
    fn a_majority_moves_it() {
        let mut all = Attestations::default();
        for i in 0..3 {
            all.insert(peer(i), peer(99), Dimension::Accuracy, 1, Q16::ZERO);
        }
        assert_eq!(all.lower_median(&peer(99), Dimension::Accuracy, 5, |_| true), Q16::ZERO);
        assert_eq!(all.lower_median(&peer(99), Dimension::Accuracy, 5, |p| *p != peer(0)), NEUTRAL);
    }
}
