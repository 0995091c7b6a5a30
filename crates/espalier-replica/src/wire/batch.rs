//! Operations in a message, packed, with the envelope of the hop that sends them.
//!
//! ```text
//! inside      number         how many bytes of tensors are in here
//! relay       key            who signed the envelope
//! signature   64 bytes       its root and count follow from the operations
//! layouts     list           names, types and shapes of the contributions' tensors, each once, in
//!                            the order in which they are needed
//! operations                 to the end
//! ```
//!
//! Packing needs the policy, which both sides know, and nothing else: every batch can be read by
//! itself. A batch has one form; whoever reads one, see [`crate::wire::batch`], packs it again and
//! compares.

use crate::signed::op::{Op, SignedOp};
use crate::signed::policy::Policy;
use crate::wire::compact::{Sent, saved};
use crate::wire::layouts::{Chosen, Layouts};
use crate::wire::packing::Writer;
use espalier_identity::{PeerId, Signature};
use espalier_tensor::Content;
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;

/// What a tensor inside takes of memory, besides its bytes.
pub(crate) const INSIDE_COST: usize = 96;

/// Packed bytes in a message: of a batch, empty if there are no operations, or of a frontier. They
/// stay in the message that was read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Packed<'a>(Cow<'a, [u8]>);

impl Packed<'_> {
    pub(crate) fn into_owned(self) -> Packed<'static> {
        Packed(Cow::Owned(self.0.into_owned()))
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<Vec<u8>> for Packed<'_> {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes.into())
    }
}

/// Operations to be packed, with the envelope of a hop.
#[derive(Debug, Clone)]
pub(crate) struct Batch {
    pub(crate) relay: PeerId,
    pub(crate) signature: Signature,
    pub(crate) sent: Vec<Sent>,
}

/// What an operation takes of a message's limit, with its tensors if they are inside.
pub(crate) fn cost(encoded_len: usize, inside: Option<&[Content]>) -> usize {
    let tensors = inside.unwrap_or_default().iter();
    encoded_len + tensors.map(|content| content.len() + INSIDE_COST).sum::<usize>()
}

/// How long an operation is in a batch that has no more than one layout, as the first of its chain
/// there; with its tensors inside their bytes do not count.
pub(crate) fn op_len(policy: &Policy, signed: &SignedOp, inside: bool) -> usize {
    let (contents, layouts) = (inside.then(Vec::new), Layouts::default());
    let mut to = Writer::new(policy);
    Sent::new(signed.clone(), contents).pack(None, Chosen::Of(&layouts), &mut to);
    to.len()
}

/// By how much it is shorter where the one before comes right before it.
pub(crate) fn saved_len(policy: &Policy, op: &Op) -> usize {
    saved(op, &mut Writer::new(policy))
}

impl Batch {
    /// The one form of a batch; nothing if there are no operations.
    pub(crate) fn pack(&self, policy: &Policy) -> Packed<'static> {
        if self.sent.is_empty() {
            return Packed::default();
        }
        let mut to = Writer::new(policy);
        let contents = self.sent.iter().flat_map(|sent| sent.inside.iter().flatten());
        to.number(contents.map(|content| content.len() as u64).sum());
        to.key(&self.relay);
        to.raw(self.signature.as_bytes());
        let layouts = Layouts::of(self.sent.iter().map(|sent| &sent.signed.op));
        layouts.pack(&mut to);
        let mut before = None;
        for sent in &self.sent {
            sent.pack(before.as_ref(), Chosen::Of(&layouts), &mut to);
            before = Some(sent.place());
        }
        to.into_bytes().into()
    }
}

impl Serialize for Packed<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Packed<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl<'de> Visitor<'de> for Bytes {
            type Value = Packed<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("packed operations")
            }

            fn visit_borrowed_bytes<E: Error>(self, bytes: &'de [u8]) -> Result<Packed<'de>, E> {
                Ok(Packed(bytes.into()))
            }
        }
        deserializer.deserialize_bytes(Bytes)
    }
}
