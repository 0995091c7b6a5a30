//! Measurements of peers by peers.

use crate::fixed::Q16;
use espalier_identity::{Digest, PeerId};
use espalier_lattice::Join;
use serde::de::{Deserializer, Error as _};
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
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

/// A measurement: its number among the observer's of this subject and dimension, the root of what
/// was measured, and the outcome.
///
/// A value above 1 is refused on reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measurement {
    /// The observer's number for it, from 1.
    pub epoch: u64,
    /// The root of the tensors that were measured.
    pub about: Digest,
    /// From 0, harm, over 1/2, neutral, to 1.
    #[serde(deserialize_with = "at_most_one")]
    pub value: Q16,
}

fn at_most_one<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Q16, D::Error> {
    let value = Q16::deserialize(deserializer)?;
    if value > Q16::ONE {
        return Err(D::Error::custom(format_args!(
            "a measurement of {} is above 1",
            value.to_f64()
        )));
    }
    Ok(value)
}

impl Measurement {
    /// The order of the lattice: the higher number wins, and at one number, which only a liar uses
    /// twice, the lesser content.
    fn rank(&self) -> (u64, Reverse<(Digest, Q16)>) {
        (self.epoch, Reverse((self.about, self.value)))
    }
}

/// (subject, dimension, observer) → the latest [`Measurement`]. Single writer; the higher epoch
/// wins, and at one epoch the lesser (about, value).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attestations(BTreeMap<Key, Measurement>);

impl Attestations {
    /// Records what `observer` signed; true if it changed anything.
    pub fn insert(
        &mut self,
        observer: PeerId,
        subject: PeerId,
        dimension: Dimension,
        measured: Measurement,
    ) -> bool {
        self.raise((subject, dimension, observer), measured)
    }

    fn raise(&mut self, key: Key, measured: Measurement) -> bool {
        let news = self.0.get(&key).is_none_or(|held| held.rank() < measured.rank());
        if news {
            self.0.insert(key, measured);
        }
        news
    }

    /// The latest measurement of `subject` by `observer`.
    pub fn get(
        &self,
        observer: PeerId,
        subject: PeerId,
        dimension: Dimension,
    ) -> Option<&Measurement> {
        self.0.get(&(subject, dimension, observer))
    }

    /// What observers say of exactly the content `about` of `subject`, ascending by observer. Whose
    /// latest measurement is about something else says nothing of it. O(log n + observers).
    pub fn values(
        &self,
        subject: &PeerId,
        dimension: Dimension,
        about: &Digest,
    ) -> impl Iterator<Item = (PeerId, Q16)> {
        let (from, to) = (PeerId::from_bytes([0; 32]), PeerId::from_bytes([255; 32]));
        let of_subject = (*subject, dimension, from)..=(*subject, dimension, to);
        let about = *about;
        self.0
            .range(of_subject)
            .filter(move |(_, measured)| measured.about == about)
            .map(|((_, _, observer), measured)| (*observer, measured.value))
    }

    /// The lower median of what `roster` observers say of the content `about` of `subject`, the
    /// silent ones counted as [`NEUTRAL`]: fewer than half of the roster cannot move it below
    /// neutral. Observers for whom `counts` is false are taken as silent, and so are those whose
    /// latest measurement is about other content: old praise does not cover what replaced it.
    pub fn lower_median(
        &self,
        subject: &PeerId,
        dimension: Dimension,
        about: &Digest,
        roster: usize,
        counts: impl Fn(&PeerId) -> bool,
    ) -> Q16 {
        let said = self.values(subject, dimension, about);
        let mut values: Vec<_> = said
            .filter(|(observer, _)| counts(observer))
            .map(|(_, value)| value)
            .take(roster)
            .collect();
        values.resize(roster.max(1), NEUTRAL);
        values.sort_unstable();
        values[(values.len() - 1) / 2]
    }

    /// All measurements as (subject, dimension, observer, measurement), ascending.
    pub fn iter(&self) -> impl Iterator<Item = (PeerId, Dimension, PeerId, &Measurement)> {
        self.0.iter().map(|((subject, dim, observer), m)| (*subject, *dim, *observer, m))
    }

    /// The number of measurements.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it is empty.
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
    use espalier_identity::canonical;
    use espalier_testkit::laws::check_join_laws;
    use proptest::prelude::*;

    fn peer(i: u8) -> PeerId {
        PeerId::from_bytes([i; 32])
    }

    fn about(i: u8) -> Digest {
        Digest::from_bytes([i; 32])
    }

    fn measured(epoch: u64, content: u8, value: u32) -> Measurement {
        Measurement { epoch, about: about(content), value: Q16::from_raw(value) }
    }

    type Signed = (u8, u8, u64, u8, u32);

    fn signed() -> impl Strategy<Value = Vec<Signed>> {
        prop::collection::vec((0u8..3, 0u8..3, 0u64..3, 0u8..2, 0u32..4), 0..8)
    }

    fn all(signed: &[Signed]) -> Attestations {
        let mut all = Attestations::default();
        for &(observer, subject, epoch, content, value) in signed {
            let (observer, subject) = (peer(observer), peer(subject));
            all.insert(observer, subject, Dimension::Accuracy, measured(epoch, content, value));
        }
        all
    }

    proptest! {
        #[test]
        fn attestations_are_a_lattice(a in signed(), b in signed(), c in signed()) {
            check_join_laws(&all(&a), &all(&b), &all(&c), |x, y| { x.join(y); });
        }

        #[test]
        fn values_are_those_of_the_latest_measurement_of_that_content(list in signed()) {
            let attestations = all(&list);
            for (subject, content) in (0..3).flat_map(|s| [(s, 0), (s, 1)]) {
                let mut expected = Vec::new();
                for observer in 0..3 {
                    let own = list.iter().filter(|s| (s.0, s.1) == (observer, subject));
                    let latest = own.clone().map(|s| s.2).max();
                    let at_latest = own.filter(|s| Some(s.2) == latest);
                    if let Some(least) = at_latest.map(|s| (s.3, s.4)).min() {
                        let said = (peer(observer), Q16::from_raw(least.1));
                        expected.extend((least.0 == content).then_some(said));
                    }
                }
                let (subject, content) = (peer(subject), about(content));
                let found = attestations.values(&subject, Dimension::Accuracy, &content);
                prop_assert_eq!(found.collect::<Vec<_>>(), expected);
            }
        }

        #[test]
        fn a_minority_cannot_move_the_median_below_neutral(n in 1usize..20) {
            let liars = (n - 1) / 2;
            let mut all = Attestations::default();
            for i in 0..liars {
                all.insert(peer(i as u8), peer(99), Dimension::Accuracy, measured(1, 0, 0));
            }
            let median = all.lower_median(&peer(99), Dimension::Accuracy, &about(0), n, |_| true);
            prop_assert!(median >= NEUTRAL);
        }
    }

    #[test]
    fn a_measurement_above_one_is_refused_on_reading() {
        let read = |value: u32| {
            let bytes = canonical::encode(&(1u64, about(1), value));
            canonical::decode::<Measurement>(&bytes)
        };
        assert_eq!(read(1 << 16), Ok(measured(1, 1, 1 << 16)));
        assert!(read((1 << 16) + 1).is_err());
    }

    #[test]
    fn a_majority_moves_it_for_what_it_measured_and_for_nothing_else() {
        let mut all = Attestations::default();
        for i in 0..3 {
            all.insert(peer(i), peer(99), Dimension::Accuracy, measured(1, 7, 0));
        }
        let median = |content, counts: fn(&PeerId) -> bool| {
            all.lower_median(&peer(99), Dimension::Accuracy, &about(content), 5, counts)
        };
        assert_eq!(median(7, |_| true), Q16::ZERO);
        assert_eq!(median(7, |p| *p != peer(0)), NEUTRAL);
        assert_eq!(median(8, |_| true), NEUTRAL, "of its successor nobody said anything");
    }
}
