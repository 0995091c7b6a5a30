//! `slander`: a record of evidence against one honest node that proves nothing.

use super::{Liar, sign, visible};
use crate::attack::registry::{AttackInfo, Kind};
use crate::node::behaviour::{Behaviour, Turn};
use espalier_identity::canonical;
use espalier_replica::{Blob, Body, ChangeError, Entry, Fault};

pub(in crate::attack) const INFO: AttackInfo = AttackInfo {
    name: "slander",
    form: "slander",
    summary: "evidence against an honest node that proves nothing",
    parameters: &[],
    kind: Kind::Protocol(slander),
};

fn slander(liar: &Liar<'_>) -> Box<dyn Behaviour> {
    Box::new(Accuse { victim: Some(liar.gang.victim), claim: illegal_field })
}

/// Signs, once it sees a contribution of the victim, a record of evidence that proves nothing.
#[derive(Debug)]
pub(super) struct Accuse {
    pub(super) victim: Option<usize>,
    pub(super) claim: fn(&Entry) -> Option<Fault>,
}

impl Behaviour for Accuse {
    fn act(&mut self, turn: &mut Turn<'_>) -> Result<(), ChangeError> {
        let Some(victim) = self.victim else { return Ok(()) };
        let seen = visible(turn.node.state(), &turn.ids[victim]);
        if let Some(fault) = seen.and_then(self.claim) {
            self.victim = None;
            sign(turn.node, Body::Evidence(fault))?;
        }
        Ok(())
    }
}

/// That a field is illegal which is not.
fn illegal_field(entry: &Entry) -> Option<Fault> {
    Some(Fault::IllegalField { op: Blob(canonical::encode(entry.op().signed())) })
}
