//! `withhold`: signed in time and shown later.

use super::Liar;
use crate::attack::registry::{AttackInfo, Kind, Parameter};
use crate::node::Node;
use crate::node::behaviour::{Behaviour, Turn};
use espalier_replica::{ChangeError, Draft, SignedOp};
use espalier_tensor::Model;

pub(in crate::attack) const INFO: AttackInfo = AttackInfo {
    name: "withhold",
    form: "withhold:N",
    summary: "signed in time, shown from round N on [N = half of the rounds]",
    parameters: &[Parameter::ROUND],
    kind: Kind::Protocol(behave),
};

fn behave(liar: &Liar<'_>) -> Box<dyn Behaviour> {
    let until = liar.attack.given(0).map_or(liar.half_time(), |round| round as u32);
    Box::new(Withhold { until, kept: Vec::new(), open: false })
}

/// Signs its contributions when everybody does, and shows them only from a round on.
#[derive(Debug)]
struct Withhold {
    until: u32,
    kept: Vec<SignedOp>,
    open: bool,
}

impl Behaviour for Withhold {
    fn contribute(
        &mut self,
        node: &mut Node,
        draft: Draft,
        _: Option<&Model>,
    ) -> Result<(), ChangeError> {
        if self.open {
            return node.say(|state, key| state.add(key, draft.clone()).map(drop));
        }
        // A copy of the state signs, so that numbers go on where the kept ones end.
        let mut kept = Vec::new();
        node.faces[0].clone().change(|state, key| {
            state.apply(self.kept.clone()).expect("its own chain from the beginning");
            kept.extend(state.add(key, draft)?.ops().map(|op| op.signed().clone()));
            Ok(())
        })?;
        self.kept.extend(kept);
        Ok(())
    }

    fn act(&mut self, turn: &mut Turn<'_>) -> Result<(), ChangeError> {
        if turn.round >= self.until && !self.open {
            self.open = true;
            turn.node.say(|state, _| {
                state.apply(self.kept.clone()).expect("its own chain from the beginning");
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Its next number is taken by what it keeps back.
    fn publishes(&self) -> bool {
        self.open
    }
}
