//! The geometric part of the score, on the comparable subjects.

use super::noise;
use super::split::{LEAST, minority_side};
use super::{Constants, Judgement, Subject, majority};
use crate::attestation::NEUTRAL;
use crate::fixed::Q16;
use crate::geometry::{Geometry, count};

/// (accuracy, number of copies) per subject, and whether geometry passed a verdict.
pub(super) fn accuracies(
    roster: usize,
    subjects: &[Subject],
    geometry: &Geometry,
    constants: &Constants,
) -> (Vec<(Q16, u32)>, Judgement) {
    let verdict = Verdict::new(roster, subjects, geometry, constants);
    let judgement = verdict.judgement();
    let judged = judgement == Judgement::Judged;
    (if judged { verdict.accuracies() } else { verdict.unjudged() }, judgement)
}

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

    /// Whether distances can say anything about these subjects.
    fn judgement(&self) -> Judgement {
        let (needed, comparable) = (majority(self.roster), self.present.len());
        let elements = self.geometry.elements(0);
        if noise::too_few(self.roster) {
            Judgement::FewAuthors { roster: self.roster }
        } else if comparable < needed {
            Judgement::NoMajority { comparable, needed }
        } else if noise::hides_everything(needed, elements) {
            Judgement::FewElements { elements }
        } else {
            Judgement::Judged
        }
    }

    /// No verdict: everybody who can be compared has full accuracy.
    fn unjudged(&self) -> Vec<(Q16, u32)> {
        let mut out = vec![(Q16::ZERO, 1); self.subjects.len()];
        for &i in &self.present {
            out[i].0 = Q16::ONE;
        }
        out
    }

    /// See [`accuracies`].
    fn accuracies(&self) -> Vec<(Q16, u32)> {
        let mut out = vec![(Q16::ZERO, 1); self.subjects.len()];
        let h = majority(self.roster);
        let radii = self.radii(&self.present, h, 0);
        let groups = self.groups(&radii, h);
        let absent = self.roster - self.present.len();
        let representatives: Vec<usize> = groups.iter().map(|group| group[0]).collect();
        let left = majority(groups.len() + absent);
        // Without groups these are the same balls, and they are what takes the time.
        let same = representatives == self.present && left == h;
        let whole = if same { radii } else { self.radii(&representatives, left, 0) };
        let accuracy = self.judge(&representatives, left, whole);
        for (group, accuracy) in groups.iter().zip(accuracy) {
            for &member in group {
                out[member] = (accuracy, group.len() as u32);
            }
        }
        out
    }

    /// Step 1: subjects nearer than `q / divisor` form one group, least content first; where so few
    /// elements come that near by chance, only equal ones do. Left apart
    /// (every group a singleton) where a majority may honestly be replicas of each other.
    /// `radii` are those of all that are present, with `h` in a ball.
    fn groups(&self, radii: &[f64], h: usize) -> Vec<Vec<usize>> {
        let n = self.roster;
        let apart = || self.present.iter().map(|&i| vec![i]).collect();
        let near = match self.geometry.elements(0) < noise::LEAST_FOR_DUPLICATES {
            true => 0.0,
            false => {
                let q = nth_smallest(radii.iter().copied(), h);
                q / f64::from(self.constants.duplicate_divisor)
            }
        };
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

    /// Steps 2 and 4: the accuracy of each representative. `whole` are their radii in layer 0.
    fn judge(&self, members: &[usize], h: usize, whole: Vec<f64>) -> Vec<Q16> {
        let [c1, c2, block] =
            [self.constants.c1_64ths, self.constants.c2_64ths, self.constants.block_64ths]
                .map(|x| f64::from(x) / 64.0);
        let mut rho = vec![0.0_f64; members.len()];
        let mut whole = Some(whole);
        for layer in 0..self.geometry.layer_count() {
            let limit = if layer == 0 { c2 } else { block };
            let wide = noise::widening(self.constants, limit, h, self.geometry.elements(layer));
            let scale = c2 / (limit * wide);
            let radii = whole.take().unwrap_or_else(|| self.radii(members, h, layer));
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
        for colluding in self.colluding(members, &accuracy, h) {
            accuracy[colluding] = Q16::ZERO;
        }
        accuracy
    }

    /// Step 3: positions of the members on the minority sides of clean cuts, one cut after the
    /// other. Step 4 holds here too: a cut that would leave fewer than `h` convicts nobody.
    fn colluding(&self, members: &[usize], accuracy: &[Q16], h: usize) -> Vec<usize> {
        let mut standing: Vec<usize> =
            (0..members.len()).filter(|&i| accuracy[i] > Q16::ZERO).collect();
        let mut out = Vec::new();
        if self.present.len() < LEAST {
            return out;
        }
        for cuts in 0..self.constants.splits {
            let point = |at: usize| self.subjects[members[standing[at]]].point;
            let squared = |i: usize, j: usize| match i == j {
                true => 0.0,
                false => self.geometry.squared(point(i), point(j)),
            };
            let Some(side) = minority_side(standing.len(), squared, self.constants, h) else {
                break;
            };
            if self.constants.unique_split && cuts > 0 {
                // The groups are natural: no verdict.
                return Vec::new();
            }
            if side.len() * 100 > standing.len() * self.constants.side_percent as usize {
                break;
            }
            let side: Vec<usize> = side.into_iter().map(|at| standing[at]).collect();
            if standing.len() - side.len() < h || self.measured_good(members, &side) {
                break;
            }
            standing.retain(|i| side.binary_search(i).is_err());
            out.extend(side);
        }
        out
    }

    /// Whether a majority of observers measured good of most of these members: liars alone cannot
    /// bring that about, so the group is not one of liars.
    fn measured_good(&self, members: &[usize], side: &[usize]) -> bool {
        let good = side.iter().filter(|&&i| self.subjects[members[i]].attested > NEUTRAL);
        2 * good.count() > side.len()
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
pub(super) fn nth_smallest(values: impl Iterator<Item = f64>, k: usize) -> f64 {
    let mut values: Vec<f64> = values.collect();
    let index = (k - 1).min(values.len() - 1);
    *values.select_nth_unstable_by(index, f64::total_cmp).1
}
