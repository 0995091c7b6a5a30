//! `white-box`: whatever of a family of pushes moves the aggregate most.

use crate::attack::Attack;
use crate::attack::crowd::{Crowd, unit};
use crate::attack::forger::Forger;
use crate::attack::registry::{AttackInfo, Kind};
use crate::attack::search::{Judge, refine, worst};

/// How far it pushes at first, in honest radii, ascending.
const LENGTHS: [f64; 7] = [0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 5.0];

pub(in crate::attack) const INFO: AttackInfo = AttackInfo {
    name: "white-box",
    form: "white-box",
    summary: "the worst of many pushes for the merge itself",
    parameters: &[],
    kind: Kind::Hidden(forge),
};

/// How the liars share out a push.
#[derive(Debug, Clone, Copy)]
enum Split {
    /// All the same, with honest-sized noise.
    Together,
    /// From half of it to one and a half, with half of the noise.
    Spread,
}

const SPLITS: [Split; 2] = [Split::Together, Split::Spread];

/// The worst of seven directions, seven lengths and two ways to share the push out, refined in its
/// length. Asks the target 110 times.
fn forge(_: Attack, forger: &Forger<'_>) -> Vec<Vec<f32>> {
    let Crowd { mean, deviation, .. } = &forger.crowd;
    let (top, _) = forger.crowd.top();
    let random = forger.random_direction();
    let pattern = |sign: &dyn Fn(usize) -> f64| {
        unit(deviation.iter().enumerate().map(|(k, s)| sign(k) * s).collect())
    };
    let against = |direction: &[f64]| direction.iter().map(|x| -x).collect::<Vec<_>>();
    let directions = [
        unit(against(mean)),
        unit(mean.clone()),
        pattern(&|_| 1.0),
        pattern(&|k| if random[k] < 0.0 { -1.0 } else { 1.0 }),
        pattern(&|k| random[k]),
        against(&top),
        top,
    ];
    let radius = forger.crowd.radius();
    let liars = forger.liars();
    let rows = |direction: &[f64], length: f64, split: Split| {
        let length = length * radius;
        match split {
            Split::Together => forger.rows(1.0, |_, k| mean[k] + length * direction[k]),
            Split::Spread => forger.rows(0.5, |liar, k| {
                let share = 0.5 + liar as f64 / (liars - 1).max(1) as f64;
                mean[k] + share * length * direction[k]
            }),
        }
    };
    let mut judge = Judge::new(forger);
    let kinds = directions.iter().flat_map(|direction| SPLITS.map(|split| (direction, split)));
    let tried = kinds.map(|(direction, split)| {
        let harms = LENGTHS.map(|length| judge.harm(rows(direction, length, split)));
        let at = worst(&harms);
        (direction, split, at, harms[at])
    });
    let tried: Vec<_> = tried.collect();
    let harms: Vec<f64> = tried.iter().map(|(_, _, _, harm)| *harm).collect();
    let (direction, split, at, most) = tried[worst(&harms)];
    let harm = |length| judge.harm(rows(direction, length, split));
    rows(direction, refine(&LENGTHS, at, most, harm), split)
}
