//! `spread`: along one line, up to T honest radii from m.

use crate::attack::Attack;
use crate::attack::crowd::Crowd;
use crate::attack::forger::Forger;
use crate::attack::registry::{AttackInfo, Kind, Parameter};

pub(in crate::attack) const INFO: AttackInfo = AttackInfo {
    name: "spread",
    form: "spread:T",
    summary: "along a line, up to T honest radii from the mean [T = 2]",
    parameters: &[Parameter::number(2.0)],
    kind: Kind::Hidden(forge),
};

/// Liar i of f stands at T (i + 1) / f honest radii from the mean, on the line along which
/// `alie` pushes: all on one side, none nearer to another than T / f radii.
fn forge(attack: Attack, forger: &Forger<'_>) -> Vec<Vec<f32>> {
    let t = attack.number(0);
    let Crowd { mean, deviation, .. } = &forger.crowd;
    let share = |liar: usize| t * (liar + 1) as f64 / forger.liars() as f64;
    forger.rows(0.0, |liar, k| mean[k] + share(liar) * deviation[k])
}
