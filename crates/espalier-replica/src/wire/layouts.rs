//! The layouts of a batch that is packed: names, types and shapes of tensors, each once. And which
//! tensors are small enough to travel inside.

use crate::signed::op::{Body, Op};
use crate::signed::policy::Policy;
use crate::wire::frame::MAX_MESSAGE_LEN;
use crate::wire::packing::{Malformed, Writer};
use espalier_blame::Blame;
use espalier_identity::canonical;
use espalier_tensor::Manifest;
use std::collections::BTreeMap;

/// The number of bytes all tensors of a contribution may have that travel with their operation.
/// Larger ones are asked for: then they come once, whoever sends the operation.
pub const INSIDE: usize = 4096;

/// The largest number of these tensors.
const MAX_INSIDE_TENSORS: usize = 128;

/// Why a batch is refused. The sender or the link is at fault; nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BatchError {
    /// Something is cut off or impossible, such as a position beyond the roster's end.
    #[error("operations in a message do not unpack under this policy")]
    Malformed,
    /// The batch is not in the canonical form of its operations.
    #[error("operations in a message are not packed in canonical form")]
    NotCanonical,
    /// Operations would unpack to too many bytes.
    #[error("operations in a message unpack to more than {MAX_MESSAGE_LEN} bytes")]
    TooLong,
}

impl BatchError {
    /// Who has to act on this error.
    #[must_use]
    pub fn blame(&self) -> Blame {
        Blame::Peer
    }

    /// A stable word for programs to tell this error from all others.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed => "batch-malformed",
            Self::NotCanonical => "batch-not-canonical",
            Self::TooLong => "batch-too-long",
        }
    }
}

impl From<Malformed> for BatchError {
    fn from(Malformed: Malformed) -> Self {
        Self::Malformed
    }
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
    pub(crate) fn of<'a>(ops: impl Iterator<Item = &'a Op>) -> Self {
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

    pub(crate) fn pack(&self, to: &mut Writer<'_>) {
        to.number(self.all.len() as u64);
        self.all.iter().for_each(|bytes| to.string(bytes));
    }
}

/// Which of how many layouts of its batch a contribution has.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Chosen<'a> {
    /// One that is to be looked up.
    Of(&'a Layouts),
    /// One that was read.
    At {
        /// The index of the layout.
        index: usize,
        /// The number of layouts.
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

/// The number of bytes that say which of `layouts` layouts a contribution has.
pub(crate) fn index_len(layouts: usize) -> usize {
    match layouts {
        0 | 1 => 0,
        2..=0x100 => 1,
        0x101..=0x1_0000 => 2,
        _ => 4,
    }
}

/// Whether the tensors of a manifest may travel with their operation, together at most `limit`
/// bytes.
pub(crate) fn fits_inside(manifest: &Manifest, limit: usize) -> bool {
    are_small(manifest.tensors().len(), manifest.byte_len(), limit)
}

/// The same for `count` tensors of `byte_len` bytes together.
pub(crate) fn are_small(count: usize, byte_len: u64, limit: usize) -> bool {
    (1..=MAX_INSIDE_TENSORS).contains(&count) && byte_len <= limit as u64
}

/// How long a manifest's layout is among those of a batch.
pub(crate) fn layout_len(policy: &Policy, manifest: &Manifest) -> usize {
    let mut to = Writer::new(policy);
    to.string(&layout_of(manifest));
    to.len()
}
