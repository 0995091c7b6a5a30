//! Which contributions can be compared with each other, and merged.
//!
//! Whatever decides that counts heads, and heads that are there early must not decide for those who
//! are still to come. So a layout (names, types and shapes) or the values of integer tensors count
//! only if a majority of the roster has them, present or not, or if all who are present agree. If
//! neither is so, nobody is judged and nothing is merged. Integers that a rule merges (the
//! parameter `buffers`) need not be the same.

use crate::arena::entry::Entry;
use crate::signed::policy::Policy;
use espalier_blame::Blame;
use espalier_identity::Digest;
use espalier_tensor::{Manifest, Mismatch, schema_mismatch};
use espalier_trust::majority;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Why contributions cannot be compared yet. Nobody is to blame: without a majority it is unknown
/// who deviates. Nobody is isolated for it, and nothing is merged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Incomparable {
    /// Contributions differ in layout, the policy names no schema, and no layout has a majority.
    #[error(
        "contributions differ in layout: {} have one and {} another; without a schema in the \
         policy, a layout needs {} members of the roster: {mismatch}",
        .counts[0], .counts[1], .needed
    )]
    Layouts {
        /// The schemas of the two layouts that most contributions have.
        schemas: [Digest; 2],
        /// The number of contributions that have each.
        counts: [usize; 2],
        /// How many have to share a layout for it to count: a majority of the roster.
        needed: usize,
        /// The first tensor in which the two differ.
        mismatch: Box<Mismatch>,
    },
    /// A tensor of integers differs, no value has a majority, and `buffers` names no rule to merge
    /// it.
    #[error(
        "tensor `{tensor}` holds integers that differ: {} contributions have one value and {} \
         another; a value needs {} members of the roster, unless the parameter `buffers` says how \
         to merge them",
        .counts[0], .counts[1], .needed
    )]
    Integers {
        /// The first such tensor.
        tensor: String,
        /// The number of contributions that have the two commonest choices of integers.
        counts: [usize; 2],
        /// How many have to share them for them to count: a majority of the roster.
        needed: usize,
    },
}

impl Incomparable {
    /// Who has to act on this error.
    #[must_use]
    pub fn blame(&self) -> Blame {
        Blame::Nobody
    }

    /// A stable word for programs to tell this error from all others.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Layouts { .. } => "incomparable-layouts",
            Self::Integers { .. } => "incomparable-integers",
        }
    }
}

/// How a contribution stands to what counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fit {
    /// It can be compared.
    Comparable,
    /// It has another layout, or other integers, than what counts.
    Other,
    /// It is not known what counts.
    Undecided,
}

/// What counts: the policy's schema, or a majority's; and a majority's integers.
#[derive(Debug)]
pub(crate) struct Layout {
    pub(crate) schema: Option<Digest>,
    integers: Option<Digest>,
    undecided: Option<Incomparable>,
}

impl Layout {
    /// What counts among these contributions to a federation with a roster of `n`.
    pub(crate) fn common(entries: &[Arc<Entry>], policy: &Policy, n: usize) -> Self {
        let needed = majority(n.max(entries.len()));
        let found =
            |entry: &Arc<Entry>| entry.roots.map(|(_, schema, integers)| (schema, integers));
        let schema = match policy.spec().schema {
            Some(schema) => Ok(Some(schema)),
            None => shared(entries.iter().filter_map(|e| Some((found(e)?.0, e))), needed),
        };
        let schema = match schema {
            Ok(schema) => schema,
            Err(rivals) => {
                let undecided = differing_layouts(&rivals, needed);
                return Self { schema: None, integers: None, undecided };
            }
        };
        if !policy.strategy().compares_integers() {
            // A rule merges them, so that they need not be the same.
            return Self { schema, integers: None, undecided: None };
        }
        let same = entries.iter().filter_map(|e| Some((found(e)?, e)));
        let same = same.filter(|((own, _), _)| Some(*own) == schema);
        let (integers, undecided) = match shared(same.map(|((_, own), e)| (own, e)), needed) {
            Ok(integers) => (integers, None),
            Err(rivals) => (None, differing_integers(&rivals, needed)),
        };
        Self { schema, integers, undecided }
    }

    pub(crate) fn fit(&self, entry: &Entry) -> Fit {
        let Some((_, schema, integers)) = entry.roots else { return Fit::Other };
        if self.schema.is_some_and(|counts| counts != schema) {
            return Fit::Other;
        }
        if self.undecided.is_some() || self.schema.is_none() {
            return Fit::Undecided;
        }
        let same = self.integers.is_none_or(|counts| counts == integers);
        if same { Fit::Comparable } else { Fit::Other }
    }

    /// Why it is not known what counts.
    pub(crate) fn undecided(&self) -> Option<&Incomparable> {
        self.undecided.as_ref()
    }
}

/// What some contributions have, how many those are, and one of them.
struct Rival<'a> {
    value: Digest,
    count: usize,
    example: &'a Entry,
}

/// What counts of what contributions have: that which `needed` of them have, or all; nothing if
/// there are none.
///
/// # Errors
/// The two that most contributions have, if none counts. Which two of equally common ones depends
/// on their values and decides nothing.
fn shared<'a>(
    values: impl Iterator<Item = (Digest, &'a Arc<Entry>)>,
    needed: usize,
) -> Result<Option<Digest>, [Rival<'a>; 2]> {
    let mut groups = BTreeMap::<Digest, Rival<'a>>::new();
    for (value, example) in values {
        groups.entry(value).or_insert(Rival { value, count: 0, example }).count += 1;
    }
    let mut groups: Vec<_> = groups.into_values().collect();
    groups.sort_by_key(|rival| std::cmp::Reverse(rival.count));
    let mut groups = groups.into_iter();
    match (groups.next(), groups.next()) {
        (Some(most), Some(next)) if most.count < needed => Err([most, next]),
        (most, _) => Ok(most.map(|most| most.value)),
    }
}

fn manifest(entry: &Entry) -> Option<&Manifest> {
    entry.op.contribution().map(|contribution| &contribution.manifest)
}

fn differing_layouts(rivals: &[Rival<'_>; 2], needed: usize) -> Option<Incomparable> {
    let [a, b] = rivals;
    let mismatch = Box::new(schema_mismatch(manifest(a.example)?, manifest(b.example)?)?);
    let (schemas, counts) = ([a.value, b.value], [a.count, b.count]);
    Some(Incomparable::Layouts { schemas, counts, needed, mismatch })
}

fn differing_integers(rivals: &[Rival<'_>; 2], needed: usize) -> Option<Incomparable> {
    let [a, b] = rivals;
    let pairs = manifest(a.example)?.tensors().iter().zip(manifest(b.example)?.tensors());
    let differs = |(a, b): &(&espalier_tensor::TensorMeta, &espalier_tensor::TensorMeta)| {
        !a.dtype.is_float() && a.content != b.content
    };
    let tensor = pairs.into_iter().find(differs)?.0.name.clone();
    Some(Incomparable::Integers { tensor, counts: [a.count, b.count], needed })
}
