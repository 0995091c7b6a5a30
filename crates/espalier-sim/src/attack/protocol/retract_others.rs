//! `retract-others`: signed removals of everybody else's contributions.

use super::{Liar, sign};
use crate::attack::registry::{AttackInfo, Kind};
use crate::node::behaviour::{Behaviour, Turn};
use espalier_replica::{Body, ChangeError};

pub(in crate::attack) const INFO: AttackInfo = AttackInfo {
    name: "retract-others",
    form: "retract-others",
    summary: "signed removals of others' contributions",
    parameters: &[],
    kind: Kind::Protocol(behave),
};

fn behave(_: &Liar<'_>) -> Box<dyn Behaviour> {
    Box::new(RetractOthers { done: false })
}

/// Signs, once, a removal of every contribution of others that it sees.
#[derive(Debug)]
struct RetractOthers {
    done: bool,
}

impl Behaviour for RetractOthers {
    fn act(&mut self, turn: &mut Turn<'_>) -> Result<(), ChangeError> {
        let id = turn.node.id;
        let visible = turn.node.state().visible().map(|entry| entry.op().op().dot());
        let targets: Vec<_> = visible.filter(|dot| dot.actor != id).collect();
        if !self.done && turn.round >= 2 && !targets.is_empty() {
            self.done = true;
            sign(turn.node, Body::Retract { targets })?;
        }
        Ok(())
    }
}
