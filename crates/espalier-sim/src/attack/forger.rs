//! What attacks on the model are made of: the honest crowd and noise to hide in it.

use super::Scene;
use super::crowd::{Crowd, wide};
use espalier_identity::{Digest, Domain};
use espalier_tensor::random::Stream;
use rayon::prelude::*;
use std::sync::OnceLock;

pub(super) static RANDOM: Domain = Domain::new("espalier attack randomness v1");

/// Every element of every row, changed.
pub(super) fn each(rows: &[Vec<f32>], change: impl Fn(f64) -> f64) -> Vec<Vec<f32>> {
    let row = |row: &Vec<f32>| row.iter().map(|x| change(f64::from(*x)) as f32).collect();
    rows.iter().map(row).collect()
}

/// Standard normal draws for one purpose.
pub(super) fn normal(key: Digest, purpose: &str, index: usize, len: usize) -> Vec<f32> {
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
    pub(super) fn new(scene: &'a Scene<'a>) -> Self {
        Self { scene, crowd: Crowd::new(scene.honest), draws: OnceLock::new() }
    }

    pub(super) fn liars(&self) -> usize {
        self.scene.own.len()
    }

    pub(super) fn draws(&self) -> &[Vec<f32>] {
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

    /// Signs that nobody can foresee, one per coordinate, and normal values.
    pub(super) fn random_direction(&self) -> Vec<f64> {
        wide(&normal(self.scene.key, "direction", 0, self.crowd.mean.len()))
    }
}
