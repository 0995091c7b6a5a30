//! How long frames are, from counts.

use crate::counting::gain::Gain;
use crate::signed::op::SignedOp;
use crate::signed::policy::Policy;
use crate::wire::batch::Batch;
use crate::wire::compact::Sent;
use crate::wire::frame::HEADER_LEN;
use crate::wire::message;
use crate::wire::packing::position_len;
use espalier_identity::{PeerId, Signature};

const HEADER: u64 = HEADER_LEN as u64;
/// The number of a variant, and whether an option is there.
const TAG: u64 = 1;
/// A digest, and a key.
const DIGEST: u64 = 32;
/// Whether operations alone are asked for.
const BARE: u64 = 1;
/// A signature.
const SIGNATURE: u64 = 64;

/// A greeting with policy and root.
pub const HELLO_LEN: u64 = HEADER + TAG + 2 * DIGEST;

/// The answer of an equal.
pub const SAME_LEN: u64 = HEADER + TAG;

/// The answer of a peer that has seen something else, with a frontier of `seen` bytes.
#[must_use]
pub fn differs_len(seen: u64) -> u64 {
    HEADER + TAG + seen + BARE
}

/// A delta with a frontier of `seen` bytes or without, and with the operations of a gain; `relay`
/// are the bytes of the sender's key, see [`key_len`].
#[must_use]
pub fn delta_len(relay: u64, seen: Option<u64>, gain: &Gain) -> u64 {
    let batch = match gain.ops {
        0 => 0,
        _ => {
            let inside = number_len(gain.inside_bytes) + gain.inside_bytes;
            inside + relay + SIGNATURE + gain.op_bytes
        }
    };
    HEADER + TAG + list_len(batch, batch) + TAG + seen.map_or(0, |seen| seen + BARE)
}

/// How many bytes the operations take in a message of `relay`, packed in this order and without
/// their tensors; none if there are none.
#[must_use]
pub fn batch_len(policy: &Policy, relay: &PeerId, ops: &[SignedOp]) -> u64 {
    let (relay, signature) = (*relay, Signature::from_bytes([0; SIGNATURE as usize]));
    let sent = ops.iter().map(|op| Sent::new(op.clone(), None)).collect();
    Batch { relay, signature, sent }.pack(policy).bytes().len() as u64
}

/// How long a key is in a batch under a policy.
#[must_use]
pub fn key_len(policy: &Policy, key: &PeerId) -> u64 {
    position_len(policy) as u64 + if policy.roster_index(key).is_some() { 0 } else { DIGEST }
}

/// A request for this many contents.
#[must_use]
pub fn want_len(contents: u64) -> u64 {
    HEADER + TAG + list_len(contents, contents * DIGEST)
}

/// This many tensors with `bytes` bytes in all, each with a header and its address.
#[must_use]
pub fn tensors_len(contents: u64, bytes: u64) -> u64 {
    bytes + contents * (HEADER + DIGEST)
}

/// The number of bytes of tensors that travel inside a frame, with the operations that name them.
#[must_use]
pub fn inside_len(frame: &[u8]) -> u64 {
    message::inside_len(frame.get(HEADER_LEN..).unwrap_or_default())
}

/// A list of this many elements with this many bytes in all.
pub(crate) fn list_len(count: u64, bytes: u64) -> u64 {
    number_len(count) + bytes
}

/// A number: seven bits in each byte.
fn number_len(number: u64) -> u64 {
    u64::from((u64::BITS - (number | 1).leading_zeros()).div_ceil(7))
}

#[cfg(test)]
mod tests {
    use super::*;
    use espalier_identity::canonical;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_are_as_long_as_they_are_written(number: u64, shift in 0..64_u32) {
            let number = number >> shift;
            prop_assert_eq!(number_len(number), canonical::encode(&number).len() as u64);
        }
    }
}
