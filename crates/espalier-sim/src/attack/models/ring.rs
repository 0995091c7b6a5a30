//! `ring`: at R times the distance of the h-th nearest honest node from m, in different directions.

use crate::attack::Attack;
use crate::attack::crowd::{Crowd, unit};
use crate::attack::forger::Forger;
use crate::attack::registry::{AttackInfo, Kind, Parameter};

pub(in crate::attack) const INFO: AttackInfo = AttackInfo {
    name: "ring",
    form: "ring:R",
    summary: "just outside, at R × the majority's radius [R = 1.1]",
    parameters: &[Parameter::number(1.1)],
    kind: Kind::Hidden(forge),
};

/// Each in a direction of its own, R times as far from the mean as the honest row that is the
/// h-th nearest to it, or the farthest if fewer are honest.
fn forge(attack: Attack, forger: &Forger<'_>) -> Vec<Vec<f32>> {
    let r = attack.number(0);
    let Crowd { mean, deviation, .. } = &forger.crowd;
    let mut radii = forger.crowd.radii();
    radii.sort_unstable_by(f64::total_cmp);
    let majority = forger.scene.roster / 2 + 1;
    let radius = r * radii[majority.min(radii.len()) - 1];
    let scaled = |draws: &Vec<f32>| {
        unit(draws.iter().zip(deviation).map(|(z, s)| f64::from(*z) * s).collect())
    };
    let directions: Vec<Vec<f64>> = forger.draws().iter().map(scaled).collect();
    forger.rows(0.0, |liar, k| mean[k] + radius * directions[liar][k])
}
