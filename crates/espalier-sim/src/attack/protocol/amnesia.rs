//! `amnesia`: a crash after which sequence numbers are used again.

use super::Liar;
use crate::attack::registry::{AttackInfo, Kind};
use crate::node::Node;
use crate::node::behaviour::{Behaviour, Turn};
use crate::node::face::Face;
use espalier_replica::{ChangeError, Draft};
use espalier_tensor::Model;

/// When it loses its memory.
const FORGETS: u32 = 5;

pub(in crate::attack) const INFO: AttackInfo = AttackInfo {
    name: "amnesia",
    form: "amnesia",
    summary: "a crash after which sequence numbers are used again",
    parameters: &[],
    kind: Kind::Protocol(behave),
};

fn behave(_: &Liar<'_>) -> Box<dyn Behaviour> {
    Box::new(Amnesia { before: None })
}

/// Comes back from a crash as it was before it first signed anything, and signs again.
#[derive(Debug)]
struct Amnesia {
    before: Option<(Face, Draft)>,
}

impl Behaviour for Amnesia {
    fn contribute(
        &mut self,
        node: &mut Node,
        draft: Draft,
        _: Option<&Model>,
    ) -> Result<(), ChangeError> {
        if draft.round == 0 {
            self.before = Some((node.faces[0].clone(), draft.clone()));
        }
        node.say(|state, key| state.add(key, draft.clone()).map(drop))
    }

    fn act(&mut self, turn: &mut Turn<'_>) -> Result<(), ChangeError> {
        if turn.round < FORGETS {
            return Ok(());
        }
        if let Some((face, draft)) = self.before.take() {
            turn.node.faces = vec![face];
            // Training after a crash does not give the same model; another weight will do here.
            let draft = Draft { weight: draft.weight / 2.0, ..draft };
            turn.node.say(|state, key| state.add(key, draft.clone()).map(drop))?;
        }
        Ok(())
    }
}
