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
//! itself. A batch has one form; whoever reads one, see [`crate::parcel`], packs it again and
//! compares.

use crate::compact::{Sent, saved};
use crate::frame::MAX_MESSAGE_LEN;
use crate::packing::{Malformed, Writer};
use crate::signed::op::{Body, Op, SignedOp};
use crate::signed::policy::Policy;
use espalier_identity::{PeerId, Signature, canonical};
use espalier_tensor::{Content, Manifest};
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// How many bytes all tensors of a contribution may have that travel with their operation. Larger
/// ones are asked for: then they come once, whoever sends the operation.
pub const INSIDE: usize = 4096;

/// How many tensors that may be.
const MAX_INSIDE_TENSORS: usize = 128;

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

/// Why a batch is refused. The fault of whoever sent it, or of the link; nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// Something is cut off or says what cannot be, such as a position that the roster has not.
    #[error("operations in a message do not unpack under this policy")]
    Malformed,
    /// The same operations have another, the only form.
    #[error("operations in a message are not packed as they have to be")]
    NotCanonical,
    /// It would take too much memory.
    #[error("operations in a message unpack to more than {MAX_MESSAGE_LEN} bytes")]
    TooLong,
}

impl From<Malformed> for BatchError {
    fn from(Malformed: Malformed) -> Self {
        Self::Malformed
    }
}

/// Operations to be packed, with the envelope of a hop.
#[derive(Debug, Clone)]
pub(crate) struct Batch {
    pub(crate) relay: PeerId,
    pub(crate) signature: Signature,
    pub(crate) sent: Vec<Sent>,
}

/// The layouts of a batch that is packed: names, types and shapes of tensors.
#[derive(Debug, Default)]
pub(crate) struct Layouts {
    all: Vec<Vec<u8>>,
    index: BTreeMap<Vec<u8>, usize>,
}

/// A manifest's layout as it is packed.
fn layout_of(manifest: &Manifest) -> Vec<u8> {
    let tensors = manifest.tensors().iter();
    let shapes: Vec<_> = tensors.map(|t| (t.name.as_str(), t.dtype, &t.shape)).collect();
    canonical::encode(&shapes)
}

impl Layouts {
    fn of<'a>(ops: impl Iterator<Item = &'a Op>) -> Self {
        let mut layouts = Self::default();
        for op in ops {
            if let Body::Contribute(contribution) = &op.body {
                let (bytes, next) = (layout_of(&contribution.manifest), layouts.all.len());
                layouts.index.entry(bytes).or_insert_with_key(|bytes| {
                    layouts.all.push(bytes.clone());
                    next
                });
            }
        }
        layouts
    }

    fn pack(&self, to: &mut Writer<'_>) {
        to.number(self.all.len() as u64);
        self.all.iter().for_each(|bytes| to.string(bytes));
    }
}

/// Which of how many layouts of its batch a contribution has.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Chosen<'a> {
    /// To be looked up.
    Of(&'a Layouts),
    /// As it was read.
    At {
        /// Which.
        index: usize,
        /// Of how many.
        of: usize,
    },
}

impl Chosen<'_> {
    pub(crate) fn pack(self, manifest: &Manifest, to: &mut Writer<'_>) {
        let (index, of) = match self {
            Self::At { index, of } => (index, of),
            Self::Of(layouts) if layouts.all.len() < 2 => (0, 1),
            Self::Of(Layouts { all, index }) => {
                (index.get(&layout_of(manifest)).copied().unwrap_or(0), all.len())
            }
        };
        to.raw(&index.to_le_bytes()[..index_len(of)]);
    }
}

/// How many bytes say which of so many layouts a contribution has.
pub(crate) fn index_len(layouts: usize) -> usize {
    match layouts {
        0 | 1 => 0,
        2..=0x100 => 1,
        0x101..=0x1_0000 => 2,
        _ => 4,
    }
}

/// Whether the tensors of a manifest may travel with their operation, all together at most so many
/// bytes.
pub(crate) fn fits_inside(manifest: &Manifest, limit: usize) -> bool {
    are_small(manifest.tensors().len(), manifest.byte_len(), limit)
}

/// The same of so many tensors of so many bytes together.
pub(crate) fn are_small(count: usize, byte_len: u64, limit: usize) -> bool {
    (1..=MAX_INSIDE_TENSORS).contains(&count) && byte_len <= limit as u64
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

/// How long a manifest's layout is among those of a batch.
pub(crate) fn layout_len(policy: &Policy, manifest: &Manifest) -> usize {
    let mut to = Writer::new(policy);
    to.string(&layout_of(manifest));
    to.len()
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
