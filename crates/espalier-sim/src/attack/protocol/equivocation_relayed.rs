//! `equivocation-relayed`: [`equivocation`](super::equivocation) towards two halves of the network,
//! with liars as relays that keep them apart.

use super::Liar;
use super::equivocation::TwoFaced;
use crate::attack::registry::{AttackInfo, Kind};
use crate::node::behaviour::Behaviour;

pub(in crate::attack) const INFO: AttackInfo = AttackInfo {
    name: "equivocation-relayed",
    form: "equivocation-relayed",
    summary: "the same, with liars as relays that keep the halves apart",
    parameters: &[],
    kind: Kind::Protocol(relayed),
};

fn relayed(liar: &Liar<'_>) -> Box<dyn Behaviour> {
    let second = (0..liar.network.nodes()).filter(|peer| peer % 2 == 1).collect();
    Box::new(TwoFaced { second, friends: liar.gang.members.iter().copied().collect() })
}
