//! The geometric trust score: a pure function of who contributed what and how far apart.
//!
//! Steps are numbered as in `docs/TRUST.md`: 1 duplicates, 2 radius, 4 the guard that keeps a
//! majority. (Step 3, the collusion split, will stand between 2 and 4.)

use crate::geometry::count;
use crate::{Geometry, NEUTRAL, Q16};
use espalier_identity::{Digest, PeerId};
use serde::{Deserialize, Serialize};

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
    /// Contributions nearer than the majority's squared radius over this share their mass.
    pub duplicate_divisor: u32,
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
        let (c1_64ths, c2_64ths) = match self {
            Self::Strict => (80, 160),
            Self::Clustered => (96, 256),
        };
        Constants { c1_64ths, c2_64ths, block_64ths: 256, duplicate_divisor: 64 }
    }
}

/// An author with a visible contribution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subject {
    /// Who.
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
    /// A subject about which nothing speaks but its geometry.
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

/// Trust in each subject, in their order.
///
/// `roster` is the number of admitted authors, present or not. Until a majority of the roster is
/// present and comparable there is no majority to agree with, and geometry passes no verdict.
/// At most O(blocks × subjects × points) steps, each a look-up.
///
/// # Panics
/// If a comparable subject is no point of the geometry: the caller's defect.
#[must_use]
pub fn score(
    roster: usize,
    subjects: &[Subject],
    geometry: &Geometry,
    constants: &Constants,
) -> Vec<Trust> {
    let roster = roster.max(subjects.len());
    let frontier = frontier_round(roster, subjects.iter().map(|s| s.round));
    let geometric = Verdict::new(roster, subjects, geometry, constants).accuracies();
    subjects
        .iter()
        .zip(geometric)
        .map(|(subject, (accuracy, copies))| {
            let harm = Q16::from_raw((subject.attested.raw() * 2).min(Q16::ONE.raw()));
            let lag = frontier.saturating_sub(subject.round).min(u64::from(u32::MAX) - 1) as u32;
            let provenance = if subject.known_base { Q16::ONE } else { Q16::ZERO };
            Trust {
                accuracy: accuracy.times(harm),
                consistency: Q16::ONE,
                recency: Q16::ONE.shared_by(lag + 1),
                provenance: provenance.shared_by(copies),
            }
        })
        .collect()
}

/// The geometric part, on the comparable subjects.
struct Verdict<'a> {
    roster: usize,
    subjects: &'a [Subject],
    geometry: &'a Geometry,
    constants: &'a Constants,
    present: Vec<usize>,
}

impl<'a> Verdict<'a> {
    fn new(
        roster: usize,
        subjects: &'a [Subject],
        geometry: &'a Geometry,
        constants: &'a Constants,
    ) -> Self {
        let present = (0..subjects.len()).filter(|&i| subjects[i].comparable).collect();
        Self { roster, subjects, geometry, constants, present }
    }

    /// (accuracy, number of copies) per subject.
    fn accuracies(&self) -> Vec<(Q16, u32)> {
        let mut out = vec![(Q16::ZERO, 1); self.subjects.len()];
        if self.present.len() < majority(self.roster) {
            for &i in &self.present {
                out[i].0 = Q16::ONE;
            }
            return out;
        }
        let groups = self.groups();
        let absent = self.roster - self.present.len();
        let representatives: Vec<usize> = groups.iter().map(|group| group[0]).collect();
        let accuracy = self.judge(&representatives, majority(groups.len() + absent));
        for (group, accuracy) in groups.iter().zip(accuracy) {
            for &member in group {
                out[member] = (accuracy, group.len() as u32);
            }
        }
        out
    }

    /// Step 1: subjects nearer than `q / divisor` form one group, least content first. Left apart
    /// (every group a singleton) where a majority may honestly be replicas of each other.
    fn groups(&self) -> Vec<Vec<usize>> {
        let (n, h) = (self.roster, majority(self.roster));
        let apart = || self.present.iter().map(|&i| vec![i]).collect();
        let radii = self.radii(&self.present, h, 0);
        let near =
            nth_smallest(radii.iter().copied(), h) / f64::from(self.constants.duplicate_divisor);
        let mut label: Vec<usize> = (0..self.present.len()).collect();
        for a in 0..label.len() {
            for b in a + 1..label.len() {
                let [x, y] = [a, b].map(|k| self.subjects[self.present[k]].point);
                let close = self.geometry.squared(x, y) <= near;
                if close && label[a] != label[b] {
                    let (keep, gone) = (label[a].min(label[b]), label[a].max(label[b]));
                    label.iter_mut().filter(|l| **l == gone).for_each(|l| *l = keep);
                }
            }
        }
        let mut groups = vec![Vec::new(); label.len()];
        for (position, l) in label.into_iter().enumerate() {
            groups[l].push(self.present[position]);
        }
        groups.retain(|group| !group.is_empty());
        for group in &mut groups {
            group.sort_by_key(|&i| (self.subjects[i].content, self.subjects[i].author));
        }
        let largest = groups.iter().map(Vec::len).max().unwrap_or(0);
        let singletons = groups.iter().filter(|group| group.len() == 1).count();
        if largest >= h || singletons + 1 < h || singletons <= n - h { apart() } else { groups }
    }

    /// Step 2: the squared radius of the smallest ball around each of `members` that holds `h` of
    /// them, itself included. Layer 0 is the whole, the others are the blocks.
    fn radii(&self, members: &[usize], h: usize, layer: usize) -> Vec<f64> {
        let point = |&i: &usize| self.subjects[i].point;
        let count = count(self.geometry.len(), members.iter().map(point));
        members.iter().map(|i| self.geometry.radius(layer, point(i), &count, h)).collect()
    }

    /// Steps 2 and 4: the accuracy of each representative.
    fn judge(&self, members: &[usize], h: usize) -> Vec<Q16> {
        let [c1, c2, block] =
            [self.constants.c1_64ths, self.constants.c2_64ths, self.constants.block_64ths]
                .map(|x| f64::from(x) / 64.0);
        let mut rho = vec![0.0_f64; members.len()];
        for layer in 0..self.geometry.layer_count() {
            let scale = if layer == 0 { 1.0 } else { c2 / block };
            let radii = self.radii(members, h, layer);
            let q = nth_smallest(radii.iter().copied(), h);
            for (rho, s) in rho.iter_mut().zip(radii) {
                *rho = rho.max(scale * ratio(s, q));
            }
        }
        let mut accuracy: Vec<_> =
            rho.iter().map(|rho| Q16::from_unit((c2 - rho) / (c2 - c1))).collect();
        let standing = accuracy.iter().filter(|a| **a > Q16::ZERO).count();
        if standing < h {
            // Step 4: never remove more than n - h; the h of least rho stay.
            let least = accuracy.iter().copied().filter(|a| *a > Q16::ZERO).min();
            let mut order: Vec<usize> = (0..members.len()).collect();
            let tie = |i: usize| self.subjects[members[i]].content;
            order.sort_by(|&a, &b| rho[a].total_cmp(&rho[b]).then_with(|| tie(a).cmp(&tie(b))));
            for &i in order.iter().take(h) {
                accuracy[i] = accuracy[i].max(least.unwrap_or(Q16::ONE));
            }
        }
        accuracy
    }
}

fn ratio(s: f64, q: f64) -> f64 {
    match (q > 0.0, s > 0.0) {
        (true, _) => s / q,
        (false, true) => f64::INFINITY,
        (false, false) => 1.0,
    }
}

/// The `k`-th smallest value, counted from 1.
fn nth_smallest(values: impl Iterator<Item = f64>, k: usize) -> f64 {
    let mut values: Vec<f64> = values.collect();
    let index = (k - 1).min(values.len() - 1);
    *values.select_nth_unstable_by(index, f64::total_cmp).1
}

#[cfg(test)]
mod tests;
