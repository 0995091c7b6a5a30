//! `silent`: takes everything and sends nothing.

use super::Liar;
use crate::attack::registry::{AttackInfo, Kind};
use crate::node::behaviour::Behaviour;
use espalier_replica::Effect;

pub(in crate::attack) const INFO: AttackInfo = AttackInfo {
    name: "silent",
    form: "silent",
    summary: "takes everything, sends nothing",
    parameters: &[],
    kind: Kind::Protocol(behave),
};

fn behave(_: &Liar<'_>) -> Box<dyn Behaviour> {
    Box::new(Silent)
}

/// Takes what others send and answers nothing, asks nothing, and passes nothing on.
#[derive(Debug)]
struct Silent;

impl Behaviour for Silent {
    fn let_out(&mut self, _: Vec<Effect>) -> Vec<Effect> {
        Vec::new()
    }
}
