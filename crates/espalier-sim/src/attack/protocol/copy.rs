//! `copy`: somebody else's tensors as its own.

use super::{Liar, sign};
use crate::attack::registry::{AttackInfo, Kind};
use crate::node::Node;
use crate::node::behaviour::{Behaviour, Turn};
use espalier_replica::{Body, ChangeError, Contribution, Draft, Weight};
use espalier_tensor::Model;

pub(in crate::attack) const INFO: AttackInfo = AttackInfo {
    name: "copy",
    form: "copy",
    summary: "another node's tensors as its own",
    parameters: &[],
    kind: Kind::Protocol(behave),
};

fn behave(_: &Liar<'_>) -> Box<dyn Behaviour> {
    Box::new(Copy { draft: None })
}

/// Trains nothing: contributes the tensors of the first other author that it sees as its own.
#[derive(Debug)]
struct Copy {
    draft: Option<Draft>,
}

impl Behaviour for Copy {
    fn contribute(
        &mut self,
        _: &mut Node,
        draft: Draft,
        _: Option<&Model>,
    ) -> Result<(), ChangeError> {
        self.draft = Some(draft);
        Ok(())
    }

    fn act(&mut self, turn: &mut Turn<'_>) -> Result<(), ChangeError> {
        let id = turn.node.id;
        let other = turn.node.state().visible().find(|entry| entry.op().op().author != id);
        let Some((seen, _)) = other.and_then(|entry| entry.contribution()) else { return Ok(()) };
        let seen = seen.clone();
        // No replica would sign this; what it names as seen holds the original.
        if let Some(Draft { name, weight, round, .. }) = self.draft.take() {
            let weight = Weight::new(weight).unwrap_or(Weight::ONE);
            let copy = Contribution { name, weight, round, replaces: Vec::new(), ..seen };
            sign(turn.node, Body::Contribute(copy))?;
        }
        Ok(())
    }
}
