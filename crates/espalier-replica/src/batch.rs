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
//! itself. A batch has one form; whoever reads one packs it again and compares.

use crate::compact::{Sent, saved};
use crate::frame::MAX_MESSAGE_LEN;
use crate::op::{Body, Op, SignedOp};
use crate::packing::{Malformed, Reader, Writer};
use crate::policy::Policy;
use espalier_identity::{Digest, PeerId, Signature, canonical};
use espalier_tensor::{Content, Dtype, Manifest, TensorMeta};
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;

/// How many bytes all tensors of a contribution may have that travel with their operation. Larger
/// ones are asked for: then they come once, whoever sends the operation.
pub const INSIDE: usize = 4096;

/// How many tensors that may be.
const MAX_INSIDE_TENSORS: usize = 128;

/// How many times longer than packed no operation is, manifests aside: a position is a byte.
const MOST_LONGER: usize = 33;

/// What a tensor inside takes of memory, besides its bytes.
const INSIDE_COST: usize = 96;

/// Packed bytes in a message: of a batch, empty if there are no operations, or of a frontier.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Packed(Vec<u8>);

impl Packed {
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<Vec<u8>> for Packed {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
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

/// Operations with the envelope of a hop.
#[derive(Debug, Clone)]
pub(crate) struct Batch {
    pub(crate) relay: PeerId,
    pub(crate) signature: Signature,
    pub(crate) sent: Vec<Sent>,
    /// No less than the canonical operations are long together; only a batch that was read knows.
    pub(crate) len: usize,
}

/// Names, types and shapes as they are packed.
type Shapes = Vec<(String, Dtype, Vec<u64>)>;

/// The layouts of a batch.
#[derive(Debug, Default)]
pub(crate) struct Layouts {
    all: Vec<(Vec<u8>, Manifest)>,
    index: BTreeMap<Vec<u8>, usize>,
    /// How many bytes manifests may still take.
    room: usize,
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
                layouts.add(layout_of(&contribution.manifest), Manifest::default());
            }
        }
        layouts
    }

    fn add(&mut self, bytes: Vec<u8>, manifest: Manifest) {
        let next = self.all.len();
        self.index.entry(bytes).or_insert_with_key(|bytes| {
            self.all.push((bytes.clone(), manifest));
            next
        });
    }

    fn pack(&self, to: &mut Writer<'_>) {
        to.number(self.all.len() as u64);
        self.all.iter().for_each(|(bytes, _)| to.string(bytes));
    }

    fn unpack(from: &mut Reader<'_>) -> Result<Self, BatchError> {
        let mut layouts = Self { room: MAX_MESSAGE_LEN, ..Self::default() };
        for _ in 0..from.count(1)? {
            let bytes = from.string()?;
            let shapes: Shapes = canonical::decode(bytes).map_err(|_| BatchError::Malformed)?;
            let meta =
                |(name, dtype, shape)| TensorMeta { name, dtype, shape, content: Digest::ZERO };
            let manifest = Manifest::unchecked(shapes.into_iter().map(meta).collect());
            layouts.add(bytes.to_vec(), manifest);
        }
        Ok(layouts)
    }

    /// Which layout a manifest has. It is one of these.
    pub(crate) fn pack_index(&self, manifest: &Manifest, to: &mut Writer<'_>) {
        let width = index_len(self.all.len());
        if width > 0 {
            let index = self.index.get(&layout_of(manifest)).copied().unwrap_or(0);
            to.raw(&index.to_le_bytes()[..width]);
        }
    }

    /// The manifest, without contents, and whether so much memory may be taken for it.
    pub(crate) fn unpack_index(
        &mut self,
        inside: bool,
        from: &mut Reader<'_>,
    ) -> Result<Manifest, BatchError> {
        let bytes = from.raw(index_len(self.all.len()))?;
        let index = bytes.iter().rev().fold(0, |index, byte| index << 8 | usize::from(*byte));
        let (bytes, manifest) = self.all.get(index).ok_or(BatchError::Malformed)?;
        if inside && !fits_inside(manifest, INSIDE) {
            return Err(BatchError::Malformed);
        }
        let cost =
            bytes.len() + manifest.tensors().len() * (32 + if inside { INSIDE_COST } else { 0 });
        self.room = self.room.checked_sub(cost).ok_or(BatchError::TooLong)?;
        Ok(manifest.clone())
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
    let count = manifest.tensors().len();
    (1..=MAX_INSIDE_TENSORS).contains(&count) && manifest.byte_len() <= limit as u64
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
    Sent::new(signed.clone(), contents).pack(None, &layouts, &mut to);
    to.bytes.len()
}

/// By how much it is shorter where the one before comes right before it.
pub(crate) fn saved_len(policy: &Policy, op: &Op) -> usize {
    saved(op, &mut Writer::new(policy))
}

/// How long a manifest's layout is among those of a batch.
pub(crate) fn layout_len(policy: &Policy, manifest: &Manifest) -> usize {
    let mut to = Writer::new(policy);
    to.string(&layout_of(manifest));
    to.bytes.len()
}

impl Batch {
    /// The one form of a batch; nothing if there are no operations.
    pub(crate) fn pack(&self, policy: &Policy) -> Packed {
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
            sent.pack(before, &layouts, &mut to);
            before = Some(sent);
        }
        Packed(to.bytes)
    }

    /// Reads a batch; None if there are no operations. O(bytes), and memory within a small multiple
    /// of what a message may have.
    ///
    /// # Errors
    /// [`BatchError`].
    pub(crate) fn unpack(packed: &Packed, policy: &Policy) -> Result<Option<Self>, BatchError> {
        if packed.0.is_empty() {
            return Ok(None);
        }
        let mut from = Reader::new(policy, &packed.0);
        from.number()?;
        let (relay, signature) = (from.key()?, from.signature()?);
        let (mut layouts, mut sent) = (Layouts::unpack(&mut from)?, Vec::<Sent>::new());
        while from.left() > 0 {
            let next = Sent::unpack(sent.last(), &mut layouts, &mut from)?;
            sent.push(next);
        }
        let len = packed.0.len().saturating_mul(MOST_LONGER) + MAX_MESSAGE_LEN - layouts.room;
        let batch = Self { relay, signature, sent, len };
        if batch.pack(policy) != *packed {
            return Err(BatchError::NotCanonical);
        }
        Ok(Some(batch))
    }
}

impl Serialize for Packed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Packed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl Visitor<'_> for Bytes {
            type Value = Packed;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("packed operations")
            }

            fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Packed, E> {
                Ok(Packed(bytes.to_vec()))
            }
        }
        deserializer.deserialize_bytes(Bytes)
    }
}
