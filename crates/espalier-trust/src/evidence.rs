//! Self-proving faults: a grow-only map that cannot be flooded.

use espalier_identity::{Digest, PeerId};
use espalier_lattice::Join;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What an author is convicted of. The numbers are those of the list in `docs/TRUST.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultKind {
    /// E1: two different operations with one sequence number.
    Equivocation,
    /// E2: a signed message that carries what its author did not sign, or other bytes than it
    /// names.
    InvalidRelay,
    /// E3: NaN, infinity or a value above the signed bound inside a signed tensor.
    NonFinite,
    /// E4: an illegal signed field.
    IllegalField,
    /// E5: an operation that does not continue its author's chain.
    BrokenChain,
    /// E6: a signed removal of somebody else's contribution.
    ForeignRetraction,
    /// E7: the tensors of a contribution in the author's own signed past, contributed again.
    Copy,
    /// E8: a signed record of evidence that does not verify.
    Slander,
    /// E9: two different measurements with one number.
    DoubleAttestation,
}

impl FaultKind {
    /// All kinds, ascending.
    pub const ALL: [Self; 9] = [
        Self::Equivocation,
        Self::InvalidRelay,
        Self::NonFinite,
        Self::IllegalField,
        Self::BrokenChain,
        Self::ForeignRetraction,
        Self::Copy,
        Self::Slander,
        Self::DoubleAttestation,
    ];

    /// Whether it is read off several operations of the accused's own chain. Of a chain that forked
    /// only some operations are kept, so only [`Equivocation`](Self::Equivocation) is sure to
    /// stay, which says it all.
    #[must_use]
    pub const fn is_of_a_chain(self) -> bool {
        matches!(self, Self::BrokenChain | Self::DoubleAttestation)
    }
}

impl std::fmt::Display for FaultKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Equivocation => "E1 equivocation",
            Self::InvalidRelay => "E2 invalid relay",
            Self::NonFinite => "E3 value beyond the signed bound",
            Self::IllegalField => "E4 illegal field",
            Self::BrokenChain => "E5 broken chain",
            Self::ForeignRetraction => "E6 foreign retraction",
            Self::Copy => "E7 copy",
            Self::Slander => "E8 slander",
            Self::DoubleAttestation => "E9 double attestation",
        })
    }
}

/// A proof of a fault. The caller has verified one before it makes it into evidence, from itself
/// alone: the verdict may not depend on when or where it is looked at.
pub trait Record: Clone {
    /// The author who is convicted.
    fn accused(&self) -> PeerId;
    /// The kind of fault.
    fn kind(&self) -> FaultKind;
    /// The hash of the whole record.
    fn digest(&self) -> Digest;
}

/// (accused, kind) → the verified record with the least hash.
///
/// At most one record per author and kind, whatever anybody sends.
///
/// ```
/// # use espalier_identity::{Digest, PeerId};
/// # use espalier_lattice::Join;
/// # use espalier_trust::{Evidence, FaultKind, Record};
/// #[derive(Clone)]
/// struct Proof(u8);
/// impl Record for Proof {
///     fn accused(&self) -> PeerId { PeerId::from_bytes([9; 32]) }
///     fn kind(&self) -> FaultKind { FaultKind::Equivocation }
///     fn digest(&self) -> Digest { Digest::from_bytes([self.0; 32]) }
/// }
/// let (mut a, mut b) = (Evidence::default(), Evidence::default());
/// a.insert(Proof(5));
/// b.insert(Proof(3));
/// assert!(a.join(&b));
/// assert_eq!(a.iter().map(|proof| proof.0).collect::<Vec<_>>(), [3]);
/// ```
#[derive(Debug, Clone)]
pub struct Evidence<R>(BTreeMap<(PeerId, FaultKind), R>);

impl<R> Default for Evidence<R> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<R: Record> PartialEq for Evidence<R> {
    fn eq(&self, other: &Self) -> bool {
        self.0.keys().eq(other.0.keys())
            && self.iter().zip(other.iter()).all(|(a, b)| a.digest() == b.digest())
    }
}

impl<R: Record> Evidence<R> {
    /// Adds a verified record; true if it changed anything.
    pub fn insert(&mut self, record: R) -> bool {
        let key = (record.accused(), record.kind());
        if self.0.get(&key).is_some_and(|held| held.digest() <= record.digest()) {
            return false;
        }
        self.0.insert(key, record);
        true
    }

    /// Whether there is a record of this kind against `accused`.
    pub fn has(&self, accused: &PeerId, kind: FaultKind) -> bool {
        self.0.contains_key(&(*accused, kind))
    }

    /// Whether there is any record against `accused`.
    pub fn convicts(&self, accused: &PeerId) -> bool {
        let [least, .., most] = FaultKind::ALL;
        self.0.range((*accused, least)..=(*accused, most)).next().is_some()
    }

    /// All convicted authors.
    pub fn convicted(&self) -> BTreeSet<PeerId> {
        self.0.keys().map(|(accused, _)| *accused).collect()
    }

    /// All records, ascending by accused and kind.
    pub fn iter(&self) -> impl Iterator<Item = &R> {
        self.0.values()
    }

    /// Keys of all records.
    pub fn keys(&self) -> impl Iterator<Item = &(PeerId, FaultKind)> {
        self.0.keys()
    }
}

impl<R: Record> Join for Evidence<R> {
    fn join(&mut self, other: &Self) -> bool {
        other.iter().fold(false, |changed, record| self.insert(record.clone()) | changed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use espalier_testkit::laws::check_join_laws;
    use proptest::prelude::*;

    #[derive(Debug, Clone)]
    struct Sample(u8, FaultKind, u8);

    impl Record for Sample {
        fn accused(&self) -> PeerId {
            PeerId::from_bytes([self.0; 32])
        }
        fn kind(&self) -> FaultKind {
            self.1
        }
        fn digest(&self) -> Digest {
            Digest::from_bytes([self.2; 32])
        }
    }

    fn evidence() -> impl Strategy<Value = Evidence<Sample>> {
        let kind = prop::sample::select(FaultKind::ALL.to_vec());
        prop::collection::vec((0u8..3, kind, 0u8..5), 0..8).prop_map(|records| {
            let mut evidence = Evidence::default();
            for (who, kind, hash) in records {
                evidence.insert(Sample(who, kind, hash));
            }
            evidence
        })
    }

    proptest! {
        #[test]
        fn evidence_is_a_lattice_and_a_conviction_stays(
            a in evidence(), b in evidence(), c in evidence()
        ) {
            check_join_laws(&a, &b, &c, |x, y| { x.join(y); });
            let mut joined = a.clone();
            joined.join(&b);
            prop_assert!(joined.convicted().is_superset(&a.convicted()));
            for peer in joined.convicted() {
                prop_assert!(joined.convicts(&peer));
            }
        }
    }

    #[test]
    fn a_record_of_any_kind_convicts_and_kinds_are_named_and_ascending() {
        assert!(FaultKind::ALL.windows(2).all(|pair| pair[0] < pair[1]));
        for (number, kind) in (1..).zip(FaultKind::ALL) {
            let mut evidence = Evidence::default();
            evidence.insert(Sample(1, kind, 0));
            assert!(evidence.convicts(&PeerId::from_bytes([1; 32])));
            assert!(!evidence.convicts(&PeerId::from_bytes([0; 32])));
            assert!(kind.to_string().starts_with(&format!("E{number} ")), "{kind}");
        }
    }
}
