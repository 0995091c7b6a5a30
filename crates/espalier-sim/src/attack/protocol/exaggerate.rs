//! `overweight` and `future-round`: more weight than it has, and a training round that has not
//! come.

use super::Liar;
use crate::attack::registry::{AttackInfo, Kind};
use crate::node::Node;
use crate::node::behaviour::Behaviour;
use espalier_replica::{ChangeError, Draft};
use espalier_tensor::Model;

/// By how much `overweight` exaggerates.
const WEIGHT: f64 = 1000.0;
/// How far ahead of its time `future-round` is.
const ROUNDS: u64 = 1_000_000;

pub(in crate::attack) const OVERWEIGHT: AttackInfo = AttackInfo {
    name: "overweight",
    form: "overweight",
    summary: "weight × 1000",
    parameters: &[],
    kind: Kind::Protocol(overweight),
};

pub(in crate::attack) const FUTURE_ROUND: AttackInfo = AttackInfo {
    name: "future-round",
    form: "future-round",
    summary: "training round + 1,000,000",
    parameters: &[],
    kind: Kind::Protocol(future_round),
};

fn overweight(_: &Liar<'_>) -> Box<dyn Behaviour> {
    Box::new(Exaggerate { weight: WEIGHT, rounds: 0 })
}

fn future_round(_: &Liar<'_>) -> Box<dyn Behaviour> {
    Box::new(Exaggerate { weight: 1.0, rounds: ROUNDS })
}

/// Declares more weight than it has, or a training round that has not come.
#[derive(Debug)]
struct Exaggerate {
    weight: f64,
    rounds: u64,
}

impl Behaviour for Exaggerate {
    fn contribute(
        &mut self,
        node: &mut Node,
        draft: Draft,
        _: Option<&Model>,
    ) -> Result<(), ChangeError> {
        let (weight, round) = (draft.weight * self.weight, draft.round + self.rounds);
        let draft = Draft { weight, round, ..draft };
        node.say(|state, key| state.add(key, draft.clone()).map(drop))
    }
}
