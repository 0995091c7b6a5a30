//! `slander` and `forged-nan`: records of evidence against one honest node that prove nothing.

use super::{Liar, sign, visible};
use crate::attack::registry::{AttackInfo, Kind};
use crate::node::behaviour::{Behaviour, Turn};
use espalier_identity::canonical;
use espalier_provenance::ContentProof;
use espalier_replica::{Blob, Body, ChangeError, Entry, Fault};

pub(in crate::attack) const SLANDER: AttackInfo = AttackInfo {
    name: "slander",
    form: "slander",
    summary: "evidence against an honest node that proves nothing",
    parameters: &[],
    kind: Kind::Protocol(slander),
};

pub(in crate::attack) const FORGED_NAN: AttackInfo = AttackInfo {
    name: "forged-nan",
    form: "forged-nan",
    summary: "NaN claimed of an honest node, with invented bytes",
    parameters: &[],
    kind: Kind::Protocol(forge_nan),
};

fn slander(liar: &Liar<'_>) -> Box<dyn Behaviour> {
    Box::new(Accuse { victim: Some(liar.gang.victim), claim: illegal_field })
}

fn forge_nan(liar: &Liar<'_>) -> Box<dyn Behaviour> {
    Box::new(Accuse { victim: Some(liar.gang.victim), claim: forged_nan })
}

/// Signs, once it sees a contribution of the victim, a record of evidence that proves nothing.
#[derive(Debug)]
struct Accuse {
    victim: Option<usize>,
    claim: fn(&Entry) -> Option<Fault>,
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

/// That the first tensor holds NaN, with bytes that are not the tensor's.
fn forged_nan(entry: &Entry) -> Option<Fault> {
    let (contribution, _) = entry.contribution()?;
    let len = contribution.manifest.tensors().first()?.byte_len()?;
    // All ones are NaN in every type of floats.
    let invented = vec![0xff; usize::try_from(len).ok()?];
    let proof = ContentProof::new(&invented, 0)?;
    let op = Blob(canonical::encode(entry.op().signed()));
    Some(Fault::NonFinite { op, tensor: 0, proof })
}
