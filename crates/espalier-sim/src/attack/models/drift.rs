//! `drift`: honest-like with a common push of T s in one direction, the same in every round.

use crate::attack::Attack;
use crate::attack::crowd::{Crowd, wide};
use crate::attack::forger::Forger;
use crate::attack::forger::normal;
use crate::attack::registry::{AttackInfo, Kind, Parameter};

pub(in crate::attack) const INFO: AttackInfo = AttackInfo {
    name: "drift",
    form: "drift:T",
    summary: "a small push, the same in every round [T = 0.3]",
    parameters: &[Parameter::number(0.3)],
    kind: Kind::Steady(forge),
};

/// Honest-like with a small common push, ±T s with one sign per coordinate that stays the same
/// over the rounds. The disguises add up to nothing, so the mean of the rows shows the push.
fn forge(attack: Attack, forger: &Forger<'_>) -> Vec<Vec<f32>> {
    let t = attack.number(0);
    let Crowd { mean, deviation, .. } = &forger.crowd;
    let signs: Vec<f64> = match forger.scene.previous {
        Some(previous) if previous.len() == mean.len() => wide(previous),
        _ => wide(&normal(forger.scene.key, "drift", 0, mean.len())),
    };
    let draws = forger.draws();
    let count = forger.liars() as f64;
    let centre: Vec<f64> = (0..mean.len())
        .map(|k| draws.iter().fold(0.0, |sum, row| sum + f64::from(row[k])) / count)
        .collect();
    forger.rows(0.0, |liar, k| {
        let push = if signs[k] < 0.0 { -t } else { t };
        mean[k] + (push + f64::from(draws[liar][k]) - centre[k]) * deviation[k]
    })
}
