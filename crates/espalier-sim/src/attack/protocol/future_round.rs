//! `future-round`: a training round that has not come.

use super::Liar;
use super::overweight::Exaggerate;
use crate::attack::registry::{AttackInfo, Kind};
use crate::node::behaviour::Behaviour;

/// How far ahead of its time it is.
const ROUNDS: u64 = 1_000_000;

pub(in crate::attack) const INFO: AttackInfo = AttackInfo {
    name: "future-round",
    form: "future-round",
    summary: "training round + 1,000,000",
    parameters: &[],
    kind: Kind::Protocol(future_round),
};

fn future_round(_: &Liar<'_>) -> Box<dyn Behaviour> {
    Box::new(Exaggerate { weight: 1.0, rounds: ROUNDS })
}
