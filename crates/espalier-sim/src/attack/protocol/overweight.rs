//! `overweight`: more weight than its data justify.

use super::Liar;
use crate::attack::registry::{AttackInfo, Kind};
use crate::node::Node;
use crate::node::behaviour::Behaviour;
use espalier_replica::{ChangeError, Draft};
use espalier_tensor::Model;

/// By how much it exaggerates.
const WEIGHT: f64 = 1000.0;

pub(in crate::attack) const INFO: AttackInfo = AttackInfo {
    name: "overweight",
    form: "overweight",
    summary: "weight × 1000",
    parameters: &[],
    kind: Kind::Protocol(overweight),
};

fn overweight(_: &Liar<'_>) -> Box<dyn Behaviour> {
    Box::new(Exaggerate { weight: WEIGHT, rounds: 0 })
}

/// Declares more weight than it has, or a training round that has not come.
#[derive(Debug)]
pub(super) struct Exaggerate {
    pub(super) weight: f64,
    pub(super) rounds: u64,
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
