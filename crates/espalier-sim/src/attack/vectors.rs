//! What liars contribute in place of what they trained, as rows of deltas from the base.
//!
//! The attacker is omniscient, as in the literature: it knows all honest rows of the round, and the
//! liars of one attack collude. With m the honest mean and s the honest standard deviation per
//! coordinate (over the population, not the sample):
//!
//! * `ipm`: Xie, Koyejo, Gupta, *Fall of Empires*, UAI 2020. −T m.
//! * `alie`: Baruch, Baruch, Goldberg, *A Little Is Enough*, NeurIPS 2019. m + T s. Their z for n
//!   and f hardly moves anything where f is small, so T is a parameter and 1.5 its default.
//! * `mimic`: Karimireddy, He, Jaggi, *Byzantine-Robust Learning on Heterogeneous Datasets*, ICLR
//!   2022. The honest row that reaches farthest along the honest top component.
//! * `min-max`, `min-sum`: Shejwalkar, Houmansadr, *Manipulating the Byzantine*, NDSS 2021. m − γ s
//!   with the largest γ that stays as near to every honest row as these are to each other; the
//!   paper bisects, but the bound is quadratic in γ and has a root.
//!
//! Where several liars would be equal, noise of S times s, drawn per liar, makes them look apart.

use super::crowd::{Crowd, unit, wide};
use super::search;
use super::{Attack, Scene};
use espalier_identity::{Digest, Domain};
use espalier_tensor::kernels::{dot_f64, sum_of_squares};
use espalier_tensor::random::Stream;
use rayon::prelude::*;
use std::sync::OnceLock;

static RANDOM: Domain = Domain::new("espalier attack randomness v1");

/// Into how many blocks `block` cuts a row, as the trust score does.
const BLOCKS: usize = 16;

/// What the liars of one attack contribute.
pub(super) fn forge(attack: Attack, scene: &Scene<'_>) -> Vec<Vec<f32>> {
    let own = scene.own;
    match attack {
        Attack::SignFlip | Attack::LabelFlip => each(own, |x| -x),
        Attack::Scale(k) => each(own, |x| k * x),
        Attack::Gaussian(s) => {
            own.par_iter().enumerate().map(|(i, x)| noise(scene, i, x, s)).collect()
        }
        Attack::Nan => own.iter().map(|row| poisoned(row, f32::NAN)).collect(),
        Attack::Inf => own.iter().map(|row| poisoned(row, f32::INFINITY)).collect(),
        // Without anybody honest there is nobody to hide among.
        _ if scene.honest.is_empty() => own.to_vec(),
        _ => Forger::new(scene).forge(attack),
    }
}

fn each(rows: &[Vec<f32>], change: impl Fn(f64) -> f64) -> Vec<Vec<f32>> {
    let row = |row: &Vec<f32>| row.iter().map(|x| change(f64::from(*x)) as f32).collect();
    rows.iter().map(row).collect()
}

fn poisoned(row: &[f32], poison: f32) -> Vec<f32> {
    let mut row = row.to_vec();
    row.iter_mut().step_by(100).for_each(|x| *x = poison);
    row
}

/// Normal noise of `size` times the root mean square of `row`.
fn noise(scene: &Scene<'_>, liar: usize, row: &[f32], size: f64) -> Vec<f32> {
    let size = size * libm::sqrt(sum_of_squares(row) / row.len().max(1) as f64);
    let draws = normal(scene.key, "liar", liar, row.len());
    draws.iter().map(|x| (size * f64::from(*x)) as f32).collect()
}

/// Standard normal draws for one purpose.
fn normal(key: Digest, purpose: &str, index: usize, len: usize) -> Vec<f32> {
    let key = RANDOM.fields().digest(&key).field(purpose.as_bytes()).number(index as u64).finish();
    let mut draws = vec![0.0; len];
    Stream::new(key).fill_normal(0, &mut draws);
    draws
}

/// The liars' workshop: the honest crowd and noise to hide in it.
#[derive(Debug)]
pub(super) struct Forger<'a> {
    pub(super) scene: &'a Scene<'a>,
    pub(super) crowd: Crowd<'a>,
    /// Per liar standard normal draws, once somebody needs them.
    draws: OnceLock<Vec<Vec<f32>>>,
}

impl<'a> Forger<'a> {
    fn new(scene: &'a Scene<'a>) -> Self {
        Self { scene, crowd: Crowd::new(scene.honest), draws: OnceLock::new() }
    }

    fn forge(&self, attack: Attack) -> Vec<Vec<f32>> {
        let (mean, deviation) = (&self.crowd.mean, &self.crowd.deviation);
        match attack {
            Attack::Ipm(t, s) => self.rows(s, |_, k| -t * mean[k]),
            Attack::Alie(t, s) => self.rows(s, |_, k| mean[k] + t * deviation[k]),
            Attack::OptimalIpm(s) => {
                search::worst_factor(self, |t| self.rows(s, |_, k| -t * mean[k]))
            }
            Attack::OptimalAlie(s) => {
                search::worst_factor(self, |t| self.rows(s, |_, k| mean[k] + t * deviation[k]))
            }
            Attack::Mimic(s) => {
                let chosen = &self.crowd.rows[self.crowd.extreme()];
                self.rows(s, |_, k| f64::from(chosen[k]))
            }
            Attack::MinMax(s) => self.against_deviation(s, self.min_max()),
            Attack::MinSum(s) => self.against_deviation(s, self.min_sum()),
            Attack::Spread(t) => self.spread(t),
            Attack::Groups(t) => self.groups(t),
            Attack::Ring(r) => self.ring(r),
            Attack::Block(t) => self.block(t),
            Attack::TopComponent(t, s) => {
                let (direction, along) = self.crowd.top();
                self.rows(s, |_, k| mean[k] + t * along * direction[k])
            }
            Attack::Drift(t) => self.drift(t),
            Attack::WhiteBox => search::white_box(self),
            // The rest lie by other means than their tensors, or were handled before.
            _ => self.scene.own.to_vec(),
        }
    }

    pub(super) fn liars(&self) -> usize {
        self.scene.own.len()
    }

    fn draws(&self) -> &[Vec<f32>] {
        let len = self.crowd.mean.len();
        let draw = |liar| normal(self.scene.key, "disguise", liar, len);
        self.draws.get_or_init(|| (0..self.liars()).into_par_iter().map(draw).collect())
    }

    /// Per liar the row with `value(liar, coordinate)`, and noise of `noise` times the honest
    /// deviation.
    pub(super) fn rows(
        &self,
        noise: f64,
        value: impl Fn(usize, usize) -> f64 + Sync,
    ) -> Vec<Vec<f32>> {
        let deviation = &self.crowd.deviation;
        let draws = if noise == 0.0 { &[] } else { self.draws() };
        let row = |liar: usize| -> Vec<f32> {
            let plain = (0..deviation.len()).map(|k| value(liar, k));
            match draws.get(liar) {
                None => plain.map(|x| x as f32).collect(),
                Some(draws) => {
                    let hidden = plain.zip(deviation.iter().zip(draws));
                    hidden.map(|(x, (s, z))| (x + noise * s * f64::from(*z)) as f32).collect()
                }
            }
        };
        (0..self.liars()).into_par_iter().map(row).collect()
    }

    fn against_deviation(&self, noise: f64, gamma: f64) -> Vec<Vec<f32>> {
        let Crowd { mean, deviation, .. } = &self.crowd;
        self.rows(noise, |_, k| mean[k] - gamma * deviation[k])
    }

    /// Coefficients of the squared distance of m − γ s from each honest row x as a function of γ:
    /// |m − x|², −2 (m − x) s, and |s|².
    fn quadratics(&self) -> Vec<[f64; 3]> {
        let Crowd { rows, mean, deviation, .. } = &self.crowd;
        let of_row = |row: &Vec<f32>| {
            let from: Vec<f64> = mean.iter().zip(wide(row)).map(|(mean, x)| mean - x).collect();
            [dot_f64(&from, &from), -2.0 * dot_f64(&from, deviation), dot_f64(deviation, deviation)]
        };
        rows.par_iter().map(of_row).collect()
    }

    /// The largest γ with which no honest row is farther away than two honest rows are apart.
    pub(super) fn min_max(&self) -> f64 {
        let squared = self.crowd.squared_distances();
        let bound = squared.iter().flatten().fold(0.0, |most: f64, d| most.max(*d));
        let roots = self.quadratics().into_iter().map(|of_row| root(of_row, bound));
        let least = roots.fold(f64::INFINITY, f64::min);
        if least.is_finite() { least } else { 0.0 }
    }

    /// The largest γ with which the sum of squared distances from the honest rows is not above the
    /// largest such sum of an honest row.
    pub(super) fn min_sum(&self) -> f64 {
        let sums = self.crowd.squared_distances().into_iter();
        let sums = sums.map(|row| row.iter().fold(0.0, |sum, d| sum + d));
        let bound = sums.fold(0.0, f64::max);
        let add = |sum: [f64; 3], of_row: [f64; 3]| std::array::from_fn(|i| sum[i] + of_row[i]);
        root(self.quadratics().into_iter().fold([0.0; 3], add), bound)
    }

    /// Liar i of f stands at T (i + 1) / f honest radii from the mean, on the line along which
    /// `alie` pushes: all on one side, none nearer to another than T / f radii.
    fn spread(&self, t: f64) -> Vec<Vec<f32>> {
        let Crowd { mean, deviation, .. } = &self.crowd;
        let share = |liar: usize| t * (liar + 1) as f64 / self.liars() as f64;
        self.rows(0.0, |liar, k| mean[k] + share(liar) * deviation[k])
    }

    /// Three groups in turn: m + T s, −T m, and m pushed along the top component, all disguised.
    fn groups(&self, t: f64) -> Vec<Vec<f32>> {
        let Crowd { mean, deviation, .. } = &self.crowd;
        let (direction, along) = self.crowd.top();
        self.rows(1.0, |liar, k| match liar % 3 {
            0 => mean[k] + t * deviation[k],
            1 => -t * mean[k],
            _ => mean[k] + t * along * direction[k],
        })
    }

    /// Each in a direction of its own, R times as far from the mean as the honest row that is the
    /// h-th nearest to it, or the farthest if fewer are honest.
    fn ring(&self, r: f64) -> Vec<Vec<f32>> {
        let Crowd { mean, deviation, .. } = &self.crowd;
        let mut radii = self.crowd.radii();
        radii.sort_unstable_by(f64::total_cmp);
        let majority = self.scene.roster / 2 + 1;
        let radius = r * radii[majority.min(radii.len()) - 1];
        let scaled = |draws: &Vec<f32>| {
            unit(draws.iter().zip(deviation).map(|(z, s)| f64::from(*z) * s).collect())
        };
        let directions: Vec<Vec<f64>> = self.draws().iter().map(scaled).collect();
        self.rows(0.0, |liar, k| mean[k] + radius * directions[liar][k])
    }

    /// Honest-like but for one block, the same for all liars, which is pushed by T s.
    fn block(&self, t: f64) -> Vec<Vec<f32>> {
        let Crowd { mean, deviation, .. } = &self.crowd;
        let parts = BLOCKS.min(mean.len()).max(1);
        let draw = RANDOM.fields().digest(&self.scene.key).field(b"block").finish();
        let block = usize::from(draw.as_bytes()[0]) % parts;
        let range = block * mean.len() / parts..(block + 1) * mean.len() / parts;
        let push = |k| if range.contains(&k) { t } else { 0.0 };
        self.rows(1.0, |_, k| mean[k] + push(k) * deviation[k])
    }

    /// Honest-like with a small common push, ±T s with one sign per coordinate that stays the same
    /// over the rounds. The disguises add up to nothing, so the mean of the rows shows the push.
    fn drift(&self, t: f64) -> Vec<Vec<f32>> {
        let Crowd { mean, deviation, .. } = &self.crowd;
        let signs: Vec<f64> = match self.scene.previous {
            Some(previous) if previous.len() == mean.len() => wide(previous),
            _ => wide(&normal(self.scene.key, "drift", 0, mean.len())),
        };
        let draws = self.draws();
        let count = self.liars() as f64;
        let centre: Vec<f64> = (0..mean.len())
            .map(|k| draws.iter().fold(0.0, |sum, row| sum + f64::from(row[k])) / count)
            .collect();
        self.rows(0.0, |liar, k| {
            let push = if signs[k] < 0.0 { -t } else { t };
            mean[k] + (push + f64::from(draws[liar][k]) - centre[k]) * deviation[k]
        })
    }

    /// Signs that nobody can foresee, one per coordinate, and normal values.
    pub(super) fn random_direction(&self) -> Vec<f64> {
        wide(&normal(self.scene.key, "direction", 0, self.crowd.mean.len()))
    }
}

/// The greater x with c + b x + a x² = bound; 0 if the parabola is none or starts above the bound.
fn root([c, b, a]: [f64; 3], bound: f64) -> f64 {
    if a <= 0.0 || c > bound {
        return 0.0;
    }
    (-b + libm::sqrt(b * b + 4.0 * a * (bound - c))) / (2.0 * a)
}
