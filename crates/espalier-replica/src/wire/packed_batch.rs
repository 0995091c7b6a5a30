//! A batch as it was read: which operations are in it. They stay packed in the message until
//! somebody needs one, so a message takes no more memory than a small multiple of its length,
//! whatever is in it.

use crate::signed::op::OpId;
use crate::signed::policy::Policy;
use crate::wire::batch::{INSIDE_COST, Packed};
use crate::wire::compact::{Place, Sent};
use crate::wire::frame::MAX_MESSAGE_LEN;
use crate::wire::layouts::{BatchError, Chosen};
use crate::wire::packing::{Reader, Writer};
use crate::wire::shapes::Shapes;
use espalier_identity::bounded::Tight;
use espalier_identity::{PeerId, Signature, canonical};
use std::cmp::Ordering;

/// An operation of a batch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Head {
    /// Its place in a chain, and its identifier.
    pub(crate) place: Place,
    /// How long its canonical bytes are.
    len: u32,
    /// Where it stands among the packed ones.
    at: u32,
}

impl Head {
    /// How long its canonical bytes are.
    pub(crate) fn encoded_len(&self) -> usize {
        self.len as usize
    }
}

/// Operations with the envelope of a hop, still packed.
#[derive(Debug)]
pub(crate) struct PackedBatch<'a> {
    pub(crate) relay: PeerId,
    pub(crate) signature: Signature,
    policy: &'a Policy,
    shapes: Shapes<'a>,
    ops: &'a [u8],
    heads: Vec<Head>,
    /// By (author, seq, id).
    order: Vec<u32>,
}

impl<'a> PackedBatch<'a> {
    /// Reads a batch; None if there are no operations. Time O(n log n) in what it unpacks to, which
    /// is limited.
    ///
    /// # Errors
    /// [`BatchError`].
    pub(crate) fn read(
        packed: &'a Packed<'_>,
        policy: &'a Policy,
    ) -> Result<Option<Self>, BatchError> {
        let bytes = packed.bytes();
        if bytes.is_empty() {
            return Ok(None);
        }
        let mut from = Reader::new(policy, bytes);
        let inside = from.number()?;
        let (relay, signature) = (from.key()?, from.signature()?);
        let mut same = Writer::against(policy, &bytes[..bytes.len() - from.left()]);
        same.number(inside);
        same.key(&relay);
        same.raw(signature.as_bytes());
        let count = from.rest();
        let shapes = Shapes::read(&mut from)?;
        let spelt = canonical::len(&shapes.len());
        if !same.is_exact() || !canonical::is_encoding(&count[..spelt], &shapes.len()) {
            return Err(BatchError::NotCanonical);
        }
        let ops = from.rest();
        let heads = read_heads(policy, &shapes, inside, &mut from)?;
        let mut order: Vec<u32> = (0..heads.len() as u32).collect();
        let key = |at: &u32| {
            let Place { dot, id } = heads[*at as usize].place;
            (dot, id)
        };
        order.sort_unstable_by_key(key);
        let twice = order.windows(2).any(|pair| key(&pair[0]) == key(&pair[1]));
        if heads.is_empty() || twice {
            return Err(BatchError::NotCanonical);
        }
        Ok(Some(Self { relay, signature, policy, shapes, ops, heads, order }))
    }

    /// Its operations, as they stand in it.
    pub(crate) fn heads(&self) -> &[Head] {
        &self.heads
    }

    /// The numbers of its operations, by (author, seq, id).
    pub(crate) fn in_order(&self) -> impl Iterator<Item = usize> {
        self.order.iter().map(|at| *at as usize)
    }

    /// Identifiers of all.
    pub(crate) fn ids(&self) -> impl Iterator<Item = OpId> {
        self.heads.iter().map(|head| head.place.id)
    }

    /// Its length in bytes.
    pub(crate) fn len(&self) -> usize {
        self.ops.len()
    }

    /// Unpacks an operation. `None` if there is none with this number.
    pub(crate) fn unpack(&self, number: usize) -> Option<Sent> {
        let head = self.heads.get(number)?;
        let before = number.checked_sub(1).map(|before| &self.heads[before].place);
        let mut from = Reader::new(self.policy, self.ops.get(head.at as usize..)?);
        let (sent, _) = Sent::unpack(before, &self.shapes, &mut from).ok()?;
        Some(sent)
    }
}

/// Looks at each operation, one after the other.
fn read_heads(
    policy: &Policy,
    shapes: &Shapes<'_>,
    inside: u64,
    from: &mut Reader<'_>,
) -> Result<Vec<Head>, BatchError> {
    let (ops, mut heads) = (from.rest(), Tight::<Head>::default());
    let (mut needed, mut room, mut inside_len) = (0, MAX_MESSAGE_LEN, 0);
    while from.left() > 0 {
        let (start, before) = (from.rest(), heads.as_slice().last().map(|head| head.place));
        let (sent, layout) = Sent::unpack(before.as_ref(), shapes, from)?;
        if let Some(index) = layout {
            // Each layout stands where the first needs it.
            match index.cmp(&needed) {
                Ordering::Less => {}
                Ordering::Equal => needed += 1,
                Ordering::Greater => return Err(BatchError::NotCanonical),
            }
            let contents = sent.inside.as_deref();
            let each = 32 + if contents.is_some() { INSIDE_COST } else { 0 };
            let cost = shapes.get(index)?.cost(each);
            room = room.checked_sub(cost).ok_or(BatchError::TooLong)?;
            let lens = contents.unwrap_or_default().iter().map(|content| content.len() as u64);
            inside_len += lens.sum::<u64>();
        }
        let packed = &start[..start.len() - from.left()];
        let mut same = Writer::against(policy, packed);
        let chosen = Chosen::At { index: layout.unwrap_or(0), of: shapes.len() };
        sent.pack(before.as_ref(), chosen, &mut same);
        if !same.is_exact() {
            return Err(BatchError::NotCanonical);
        }
        // No longer than an operation may be, or refused for that when it is checked.
        let len = u32::try_from(canonical::len(&sent.signed)).unwrap_or(u32::MAX);
        heads.push(Head { place: sent.place(), len, at: (ops.len() - start.len()) as u32 });
    }
    if needed != shapes.len() || inside_len != inside {
        return Err(BatchError::NotCanonical);
    }
    Ok(heads.into_vec())
}
