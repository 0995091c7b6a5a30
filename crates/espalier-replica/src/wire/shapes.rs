//! The layouts of a batch that is read: names, types and shapes of tensors, as they came.
//!
//! A tensor of a layout is three bytes at least and ninety in memory, so a layout stays packed
//! until an operation has it, which brings 32 bytes for each of its tensors. One operation is
//! unpacked at a time.

use crate::signed::op::MAX_OP_LEN;
use crate::wire::layouts::{BatchError, INSIDE, are_small, index_len};
use crate::wire::packing::{Malformed, Reader};
use espalier_identity::{Digest, canonical};
use espalier_tensor::{Dtype, MAX_RANK, Manifest, TensorMeta};

/// The number of bytes a contribution takes at least: every layout has one.
const LEAST_CONTRIBUTION: usize = 73;

/// A layout.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape<'a> {
    /// Its tensors, after their number.
    tensors: &'a [u8],
    count: usize,
    /// How long it is packed.
    len: usize,
    /// The number of bytes its tensors have.
    byte_len: u64,
}

fn number(rest: &mut &[u8]) -> Result<u64, BatchError> {
    canonical::take(rest).map_err(|_| BatchError::Malformed)
}

/// Unpacks the next tensor of a layout, without a content.
fn next(rest: &mut &[u8]) -> Result<TensorMeta, BatchError> {
    let (name, dtype) =
        canonical::take::<(&str, Dtype)>(rest).map_err(|_| BatchError::Malformed)?;
    let rank = number(rest)?;
    if rank > MAX_RANK as u64 {
        return Err(BatchError::Malformed);
    }
    let shape = (0..rank).map(|_| number(rest)).collect::<Result<_, _>>()?;
    Ok(TensorMeta { name: name.to_owned(), dtype, shape, content: Digest::ZERO })
}

impl<'a> Shape<'a> {
    /// Looks through a layout without unpacking it.
    fn read(bytes: &'a [u8]) -> Result<Self, BatchError> {
        let mut rest = bytes;
        let count = usize::try_from(number(&mut rest)?).map_err(|_| BatchError::Malformed)?;
        // The operation that has it would be longer than any.
        if count > MAX_OP_LEN / 32 || bytes.len() > MAX_OP_LEN {
            return Err(BatchError::Malformed);
        }
        let (tensors, mut byte_len) = (rest, 0_u64);
        for _ in 0..count {
            let meta = next(&mut rest)?;
            byte_len = byte_len.saturating_add(meta.byte_len().unwrap_or(u64::MAX));
        }
        if !rest.is_empty() {
            return Err(BatchError::Malformed);
        }
        Ok(Self { tensors, count, len: bytes.len(), byte_len })
    }

    /// The number of tensors it has.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// Whether these tensors may travel with their operation.
    pub(crate) fn fits_inside(&self) -> bool {
        are_small(self.count, self.byte_len, INSIDE)
    }

    /// How much the manifest takes of what a message may unpack to.
    pub(crate) fn cost(&self, each: usize) -> usize {
        self.len + self.count * each
    }

    /// The manifest with the contents that `content` says, which is told how long each has to be.
    pub(crate) fn manifest(
        &self,
        mut content: impl FnMut(u64) -> Result<Digest, Malformed>,
    ) -> Result<Manifest, BatchError> {
        let (mut tensors, mut rest) = (Vec::with_capacity(self.count), self.tensors);
        for _ in 0..self.count {
            let mut meta = next(&mut rest)?;
            meta.content = content(meta.byte_len().unwrap_or(u64::MAX))?;
            tensors.push(meta);
        }
        Ok(Manifest::unchecked(tensors))
    }
}

/// The layouts of a batch.
#[derive(Debug)]
pub(crate) struct Shapes<'a>(Vec<Shape<'a>>);

impl<'a> Shapes<'a> {
    /// Looks through the layouts of a batch. That each is needed, in this order, shows later.
    pub(crate) fn read(from: &mut Reader<'a>) -> Result<Self, BatchError> {
        let count = from.count(1)?;
        if count > from.left() / LEAST_CONTRIBUTION {
            return Err(BatchError::Malformed);
        }
        let (mut shapes, before) = (Vec::with_capacity(count), from.left());
        let mut len = 0;
        for _ in 0..count {
            let bytes = from.string()?;
            len += bytes.len() + canonical::len(&bytes.len());
            shapes.push(Shape::read(bytes)?);
        }
        if len != before - from.left() {
            return Err(BatchError::NotCanonical);
        }
        let mut order: Vec<u32> = (0..count as u32).collect();
        let at = |at: &u32| (shapes[*at as usize].count, shapes[*at as usize].tensors);
        order.sort_unstable_by_key(at);
        if order.windows(2).any(|pair| at(&pair[0]) == at(&pair[1])) {
            return Err(BatchError::NotCanonical);
        }
        Ok(Self(shapes))
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Which layout the next contribution has.
    pub(crate) fn unpack_index(&self, from: &mut Reader<'_>) -> Result<usize, BatchError> {
        let bytes = from.raw(index_len(self.0.len()))?;
        Ok(bytes.iter().rev().fold(0, |index, byte| index << 8 | usize::from(*byte)))
    }

    pub(crate) fn get(&self, index: usize) -> Result<&Shape<'a>, BatchError> {
        self.0.get(index).ok_or(BatchError::Malformed)
    }
}
