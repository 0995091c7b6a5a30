//! `vote-down`: liars attest that one honest node is as bad as can be, without measuring it.

use super::Liar;
use super::praise::Attest;
use crate::attack::registry::{AttackInfo, Kind};
use crate::node::behaviour::Behaviour;
use espalier_trust::Q16;

pub(in crate::attack) const INFO: AttackInfo = AttackInfo {
    name: "vote-down",
    form: "vote-down",
    summary: "liars attest one honest node the worst",
    parameters: &[],
    kind: Kind::Protocol(vote_down),
};

fn vote_down(liar: &Liar<'_>) -> Box<dyn Behaviour> {
    Box::new(Attest::all(vec![liar.gang.victim], Q16::ZERO))
}
