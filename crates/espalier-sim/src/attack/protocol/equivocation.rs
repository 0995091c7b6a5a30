//! `equivocation`: two contributions with one sequence number, one to each half of the peers.

use super::Liar;
use crate::attack::registry::{AttackInfo, Kind};
use crate::node::Node;
use crate::node::behaviour::Behaviour;
use crate::tensors::flipped;
use espalier_replica::{ChangeError, Draft};
use espalier_tensor::Model;
use std::collections::BTreeSet;

pub(in crate::attack) const INFO: AttackInfo = AttackInfo {
    name: "equivocation",
    form: "equivocation",
    summary: "two contributions with one sequence number",
    parameters: &[],
    kind: Kind::Protocol(behave),
};

fn behave(liar: &Liar<'_>) -> Box<dyn Behaviour> {
    let peers = liar.network.neighbours(liar.node).skip(1).step_by(2).collect();
    Box::new(TwoFaced { second: peers, friends: BTreeSet::new() })
}

/// Signs two contributions with one sequence number, the second the opposite of the first.
///
/// Some peers see its second face, always the same ones. Friends are liars too: in even rounds they
/// meet as first faces and in odd rounds as second ones, so that each face passes on only what its
/// half is meant to see.
#[derive(Debug)]
pub(super) struct TwoFaced {
    pub(super) second: BTreeSet<usize>,
    pub(super) friends: BTreeSet<usize>,
}

impl Behaviour for TwoFaced {
    fn contribute(
        &mut self,
        node: &mut Node,
        draft: Draft,
        base: Option<&Model>,
    ) -> Result<(), ChangeError> {
        if node.faces.len() == 1 {
            let twin = node.faces[0].clone();
            node.faces.push(twin);
        }
        let twin = Draft { model: flipped(&draft.model, base), ..draft.clone() };
        for (face, draft) in node.faces.iter_mut().zip([draft, twin]) {
            face.change(|state, key| state.add(key, draft))?;
        }
        Ok(())
    }

    fn face(&self, peer: usize, round: u32) -> usize {
        match self.friends.contains(&peer) {
            true => round as usize % 2,
            false => usize::from(self.second.contains(&peer)),
        }
    }
}
