//! `block`: honest-like but for one block of sixteen, pushed by T s.

use crate::attack::Attack;
use crate::attack::crowd::Crowd;
use crate::attack::forger::Forger;
use crate::attack::forger::RANDOM;
use crate::attack::registry::{AttackInfo, Kind, Parameter};

/// Into how many blocks a row is cut, as the trust score does.
const BLOCKS: usize = 16;

pub(in crate::attack) const INFO: AttackInfo = AttackInfo {
    name: "block",
    form: "block:T",
    summary: "one block of sixteen pushed by T × spread [T = 10]",
    parameters: &[Parameter::number(10.0)],
    kind: Kind::Hidden(forge),
};

/// Honest-like but for one block, the same for all liars, which is pushed by T s.
fn forge(attack: Attack, forger: &Forger<'_>) -> Vec<Vec<f32>> {
    let t = attack.number(0);
    let Crowd { mean, deviation, .. } = &forger.crowd;
    let parts = BLOCKS.min(mean.len()).max(1);
    let draw = RANDOM.fields().digest(&forger.scene.key).field(b"block").finish();
    let block = usize::from(draw.as_bytes()[0]) % parts;
    let range = block * mean.len() / parts..(block + 1) * mean.len() / parts;
    let push = |k| if range.contains(&k) { t } else { 0.0 };
    forger.rows(1.0, |_, k| mean[k] + push(k) * deviation[k])
}
