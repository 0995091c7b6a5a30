//! `forged-nan`: evidence that an honest node contributed NaN, with invented bytes.

use super::Liar;
use super::slander::Accuse;
use crate::attack::registry::{AttackInfo, Kind};
use crate::node::behaviour::Behaviour;
use espalier_identity::canonical;
use espalier_provenance::ContentProof;
use espalier_replica::{Blob, Entry, Fault};

pub(in crate::attack) const INFO: AttackInfo = AttackInfo {
    name: "forged-nan",
    form: "forged-nan",
    summary: "NaN claimed of an honest node, with invented bytes",
    parameters: &[],
    kind: Kind::Protocol(forge_nan),
};

fn forge_nan(liar: &Liar<'_>) -> Box<dyn Behaviour> {
    Box::new(Accuse { victim: Some(liar.gang.victim), claim: forged_nan })
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
