//! The geometric trust score: a pure function of who contributed what and how far apart.
//!
//! Steps are numbered as in `docs/TRUST.md`: 1 duplicates, 2 radius, 3 the collusion split, 4 the
//! guard that keeps a majority. What peers measured (attestations) comes on top.

mod leading;
mod noise;
mod split;
mod tridiagonal;
mod verdict;

use crate::attestation::NEUTRAL;
use crate::fixed::Q16;
use crate::geometry::Geometry;
use espalier_identity::{Digest, PeerId};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The constants of the score. Fixed by policy: a threshold estimated from the data could be moved
/// by those it is meant to catch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Constants {
    /// Up to this ratio to the majority's radius an author is fully accurate. In 1/64.
    pub c1_64ths: u32,
    /// From this ratio on an author is isolated. In 1/64.
    pub c2_64ths: u32,
    /// The ratio within one block that counts like `c2`. In 1/64.
    pub block_64ths: u32,
    /// What is added to these three, divided by h − 1, where few authors share a ball. In
    /// 1/64.
    pub few_64ths: u32,
    /// Contributions nearer than the majority's squared radius over this share their mass.
    pub duplicate_divisor: u32,
    /// How much stronger than the mean of the others the leading direction of a collusion split
    /// has to be. In 1/64.
    pub split_64ths: u32,
    /// The number of pooled deviations by which the sides of a split have to lie apart. In 1/64.
    pub gap_64ths: u32,
    /// What is added to the gap, divided by h − 1, where there are few authors. In 1/64.
    pub few_gap_64ths: u32,
    /// The share of the variance along the leading direction that a split explains, in percent.
    pub explained_percent: u32,
    /// How much of what the leading direction explains of the inner products within the smaller
    /// side of a split has to be there, in percent.
    pub shared_percent: u32,
    /// The number of splits that are followed, one after the other.
    pub splits: u32,
    /// Whether a split convicts only if the majority side does not split again: where groups are
    /// natural there are more than two.
    pub unique_split: bool,
    /// The greatest share of the contributions that a split convicts, in percent: a larger group
    /// is taken for a natural one.
    pub side_percent: u32,
    /// The number of training rounds over which distances are averaged.
    pub history: u32,
}

/// The most training rounds a policy may average over.
pub const MAX_HISTORY: u32 = 16;

impl Constants {
    /// The first that is out of order: its name, its value and what it has to be.
    #[must_use]
    pub fn out_of_order(&self) -> Option<(&'static str, u32, &'static str)> {
        const LIMIT: u32 = 64_000;
        let ratio = |value: u32| 0 < value && value < LIMIT;
        let (ratios, few, percent) =
            ("above 0 and below 64000", "below 64000", "at most 100 percent");
        let all = [
            ("c1_64ths", self.c1_64ths, "at least 64", self.c1_64ths >= 64),
            (
                "c2_64ths",
                self.c2_64ths,
                "above c1_64ths and below 64000",
                self.c1_64ths < self.c2_64ths && self.c2_64ths < LIMIT,
            ),
            ("block_64ths", self.block_64ths, "at least 64", self.block_64ths >= 64),
            ("few_64ths", self.few_64ths, few, self.few_64ths < LIMIT),
            ("duplicate_divisor", self.duplicate_divisor, "above 0", self.duplicate_divisor > 0),
            ("split_64ths", self.split_64ths, ratios, ratio(self.split_64ths)),
            ("gap_64ths", self.gap_64ths, ratios, ratio(self.gap_64ths)),
            ("few_gap_64ths", self.few_gap_64ths, few, self.few_gap_64ths < LIMIT),
            ("explained_percent", self.explained_percent, percent, self.explained_percent <= 100),
            ("shared_percent", self.shared_percent, percent, self.shared_percent <= 100),
            ("splits", self.splits, "at most 64", self.splits <= 64),
            ("side_percent", self.side_percent, percent, self.side_percent <= 100),
            ("history", self.history, "from 1 to 16", (1..=MAX_HISTORY).contains(&self.history)),
        ];
        let wrong = all.into_iter().find(|(.., in_order)| !in_order)?;
        Some((wrong.0, wrong.1, wrong.2))
    }
}

/// A named choice of [`Constants`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// Data that is independently and identically distributed, or nearly.
    #[default]
    Strict,
    /// Data that is known to differ between the authors.
    Clustered,
}

impl Profile {
    /// The profile's constants.
    #[must_use]
    pub const fn constants(self) -> Constants {
        let (c1_64ths, c2_64ths, unique_split, side_percent) = match self {
            Self::Strict => (160, 176, false, 50),
            Self::Clustered => (192, 256, true, 33),
        };
        Constants {
            c1_64ths,
            c2_64ths,
            block_64ths: 256,
            few_64ths: 48,
            duplicate_divisor: 64,
            split_64ths: 96,
            gap_64ths: 448,
            few_gap_64ths: 160,
            explained_percent: 82,
            shared_percent: 80,
            splits: 4,
            unique_split,
            side_percent,
            history: 5,
        }
    }
}

/// An author with a visible contribution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subject {
    /// The author of the contribution.
    pub author: PeerId,
    /// The hash of the contribution's tensors; breaks ties.
    pub content: Digest,
    /// Which point of the geometry it is. Equal contents are one point.
    pub point: usize,
    /// The training round it belongs to.
    pub round: u64,
    /// Whether it can be compared with others: the common schema, and every value a finite
    /// number. What cannot be is isolated and measures nothing.
    pub comparable: bool,
    /// Whether it starts from the base that the policy names.
    pub known_base: bool,
    /// The lower median of the observers' measurements; [`NEUTRAL`] if there are none.
    pub attested: Q16,
}

impl Subject {
    /// A subject about which only its geometry is known.
    #[must_use]
    pub const fn new(author: PeerId, content: Digest, point: usize, round: u64) -> Self {
        Self {
            author,
            content,
            point,
            round,
            comparable: true,
            known_base: true,
            attested: NEUTRAL,
        }
    }
}

/// Trust in one author, in four dimensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trust {
    /// Agreement with the majority; 0 isolates.
    pub accuracy: Q16,
    /// 0 with any evidence.
    pub consistency: Q16,
    /// Falls with the lag behind the majority's round. Weighs, never isolates.
    pub recency: Q16,
    /// A known base; shared among copies.
    pub provenance: Q16,
}

impl Trust {
    /// Trust in an author about whom nothing is known.
    pub const FULL: Self =
        Self { accuracy: Q16::ONE, consistency: Q16::ONE, recency: Q16::ONE, provenance: Q16::ONE };

    /// Trust in an author against whom there is evidence.
    pub const CONVICTED: Self = Self { consistency: Q16::ZERO, ..Self::FULL };

    /// The product of the four, rounded down after each step.
    #[must_use]
    pub const fn overall(&self) -> Q16 {
        self.accuracy.times(self.consistency).times(self.recency).times(self.provenance)
    }

    /// Whether `resolve` leaves the author out: evidence, or accuracy 0.
    #[must_use]
    pub fn is_isolated(&self) -> bool {
        self.accuracy == Q16::ZERO || self.consistency == Q16::ZERO
    }
}

/// The smallest majority of `n`: floor(n / 2) + 1.
#[must_use]
pub const fn majority(n: usize) -> usize {
    n / 2 + 1
}

/// F: the h-th largest of the authors' last rounds, absent authors counted as 0. A minority can
/// move it neither up nor down.
#[must_use]
pub fn frontier_round(roster: usize, rounds: impl IntoIterator<Item = u64>) -> u64 {
    let mut rounds: Vec<_> = rounds.into_iter().collect();
    rounds.sort_unstable_by(|a, b| b.cmp(a));
    rounds.get(majority(roster) - 1).copied().unwrap_or(0)
}

/// Whether the distances between contributions could say anything.
///
/// Without a verdict nobody is isolated for where a contribution lies, and nobody was found to
/// agree either: full accuracy then means that nothing is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Judgement {
    /// Everybody was compared with a majority.
    #[default]
    Judged,
    /// A majority of the roster has not contributed anything comparable yet.
    NoMajority {
        /// The number of comparable contributions.
        comparable: usize,
        /// The smallest majority of the roster.
        needed: usize,
    },
    /// With fewer than four authors a majority holds no liar that distances could show.
    FewAuthors {
        /// The number of authors on the roster.
        roster: usize,
    },
    /// Contributions have so few elements that honest ones differ by chance as much as any others.
    FewElements {
        /// The number of float elements in a contribution.
        elements: u64,
    },
}

/// Why nothing was judged.
impl fmt::Display for Judgement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Judged => f.write_str("judged"),
            Self::NoMajority { comparable, needed } => write!(
                f,
                "fewer comparable contributions than a majority of the roster: {comparable}, not \
                 {needed}"
            ),
            Self::FewAuthors { roster } => write!(
                f,
                "the roster is too small for distances to show a liar: it takes 4 authors, not \
                 {roster}"
            ),
            Self::FewElements { elements } => write!(
                f,
                "models have too few float elements for distances to say anything: {elements}"
            ),
        }
    }
}

/// What the score says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scores {
    /// Trust in each subject, in their order.
    pub trust: Vec<Trust>,
    /// Whether geometry could judge.
    pub judgement: Judgement,
}

/// Trust in each subject.
///
/// `roster` is the number of admitted authors, present or not. Until a majority of the roster is
/// present and comparable there is no majority to agree with, and geometry passes no verdict; nor
/// does it among fewer than four authors, or where contributions have too few elements.
/// At most O(blocks × subjects × points) look-ups and O(splits × 64 × subjects²) multiply-adds.
///
/// # Panics
/// If a comparable subject is not a point of the geometry: the caller's defect.
#[must_use]
pub fn score(
    roster: usize,
    subjects: &[Subject],
    geometry: &Geometry,
    constants: &Constants,
) -> Scores {
    let roster = roster.max(subjects.len());
    let frontier = frontier_round(roster, subjects.iter().map(|s| s.round));
    let (geometric, judgement) = verdict::accuracies(roster, subjects, geometry, constants);
    let trust = |(subject, (accuracy, copies)): (&Subject, (Q16, u32))| {
        let (good, harm) = measured(subject);
        let lag = frontier.saturating_sub(subject.round).min(u64::from(u32::MAX) - 1) as u32;
        let provenance = if subject.known_base { Q16::ONE } else { Q16::ZERO };
        Trust {
            accuracy: accuracy.max(good).times(harm),
            consistency: Q16::ONE,
            recency: Q16::ONE.shared_by(lag + 1),
            provenance: provenance.shared_by(copies),
        }
    };
    Scores { trust: subjects.iter().zip(geometric).map(trust).collect(), judgement }
}

/// What measurements make of accuracy: they raise it to the first number and multiply it by the
/// second. Only clear words of a majority count, for measurements are noisy and some observers
/// lie: above 3/4 they raise, up to 1 at 1; below 1/4 they lower, down to 0 at 0.
fn measured(subject: &Subject) -> (Q16, Q16) {
    let one = Q16::ONE.raw();
    let scaled = 4 * subject.attested.raw().min(one);
    let good = if subject.comparable { scaled.saturating_sub(3 * one) } else { 0 };
    (Q16::from_raw(good), Q16::from_raw(scaled.min(one)))
}

#[cfg(test)]
mod reference;
#[cfg(test)]
mod tests;
