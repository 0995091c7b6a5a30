//! `payload-mismatch`: other bytes than those named, in a signed envelope.

use super::Liar;
use crate::attack::registry::{AttackInfo, Kind};
use crate::node::behaviour::{Behaviour, Parcel, Turn};
use espalier_identity::Digest;
use espalier_replica::{ChangeError, Replica};
use espalier_tensor::Content;

pub(in crate::attack) const INFO: AttackInfo = AttackInfo {
    name: "payload-mismatch",
    form: "payload-mismatch",
    summary: "other bytes than those named, in a signed envelope",
    parameters: &[],
    kind: Kind::Protocol(behave),
};

fn behave(_: &Liar<'_>) -> Box<dyn Behaviour> {
    Box::new(PayloadMismatch)
}

/// Sends other bytes than it names, signed as everything a hop sends.
#[derive(Debug)]
struct PayloadMismatch;

impl Behaviour for PayloadMismatch {
    /// Bytes inside a frame name themselves, so it puts none there.
    fn act(&mut self, turn: &mut Turn<'_>) -> Result<(), ChangeError> {
        turn.node.faces.iter_mut().for_each(|face| face.set_inline_limit(0));
        Ok(())
    }

    fn parcel(&mut self, replica: &Replica, contents: &[Digest]) -> Option<Parcel> {
        let other = |address: &Digest| {
            let content = replica.state().arena().store().get(address)?;
            let mut bytes = content.to_vec();
            bytes.iter_mut().take(1).for_each(|byte| *byte ^= 1);
            Some((*address, Content::from(bytes)))
        };
        let tensors: Vec<_> = contents.iter().filter_map(other).collect();
        let sent: Vec<_> = tensors.iter().map(|(at, content)| (*at, content.digest())).collect();
        Some(Parcel { envelope: replica.seal(&sent), tensors })
    }
}
