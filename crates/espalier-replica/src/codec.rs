//! The state as bytes and as JSON.
//!
//! Binary: a frame around canonical postcard. JSON: the same fields by name, digests and keys as
//! hexadecimal, tensor bytes as base64. Reading checks everything again: encoding, signatures,
//! roster, chains and content addresses.

use crate::arena::Arena;
use crate::blob::Blob;
use crate::error::DecodeError;
use crate::frame;
use crate::op::{OpId, SignedOp};
use crate::policy::{Policy, PolicySpec};
use crate::state::MergeState;
use espalier_identity::{Digest, PeerId, canonical};
use espalier_lattice::Dot;
use espalier_tensor::Content;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Whether an encoded state carries the bytes of its tensors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tensors {
    /// Only their content addresses, in the manifests.
    ByReference,
    /// The bytes of all live contributions, each content once.
    Inline,
}

/// What is written down.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    policy: PolicySpec,
    ops: Vec<SignedOp>,
    tensors: BTreeMap<Digest, Blob>,
}

impl MergeState {
    fn to_file(&self, tensors: Tensors) -> File {
        let blob = |content: Content| Blob(content.to_vec());
        let tensors = match tensors {
            Tensors::ByReference => BTreeMap::new(),
            Tensors::Inline => self
                .live_contents()
                .filter_map(|digest| Some((digest, blob(self.arena().store().get(&digest)?))))
                .collect(),
        };
        let ops = self.ops().map(|op| op.signed().clone()).collect();
        #[cfg(feature = "mutants")]
        let ops = {
            let mut ops: Vec<SignedOp> = ops;
            if crate::mutants::Mutant::OneSidedFork.is_loose() {
                ops.dedup_by_key(|signed| signed.op.dot());
            }
            ops
        };
        File { policy: self.policy().spec().clone(), ops, tensors }
    }

    /// The addresses of the tensors of live contributions; one content may come several times.
    pub fn live_contents(&self) -> impl Iterator<Item = Digest> {
        let held = (!self.ops.is_empty()).then(|| self.view().contributions().entries());
        self.contents_of(held.into_iter().flatten())
    }

    /// The same for one author.
    pub(crate) fn live_contents_of(&self, author: &PeerId) -> impl Iterator<Item = Digest> {
        self.contents_of(self.view().contributions().entries_of(author))
    }

    fn contents_of<'a>(
        &'a self,
        live: impl Iterator<Item = (&'a Dot<PeerId>, &'a OpId)>,
    ) -> impl Iterator<Item = Digest> {
        let ops = live.flat_map(|(dot, id)| self.view().at(*dot).filter(|e| e.op().id() == *id));
        ops.filter_map(|entry| entry.op().contribution())
            .flat_map(|c| c.manifest.tensors().iter().map(|meta| meta.content))
    }

    /// The binary form. Equal operations under an equal policy give equal bytes.
    ///
    /// # Panics
    /// If it is longer than 4 GiB, which [`MergeState::encoded_len`] tells beforehand: write
    /// tensors by reference then.
    #[must_use]
    pub fn to_bytes(&self, tensors: Tensors) -> Vec<u8> {
        frame::wrap(&canonical::encode(&self.to_file(tensors)))
    }

    /// Length of the binary form, unmade: in O(1) by reference, in O(n log n) with tensors.
    #[must_use]
    pub fn encoded_len(&self, tensors: Tensors) -> u64 {
        let prefix = |count: u64| canonical::encode(&count).len() as u64;
        let contents: BTreeSet<Digest> = match tensors {
            Tensors::ByReference => BTreeSet::new(),
            Tensors::Inline => self.live_contents().collect(),
        };
        let held = contents.iter().filter_map(|digest| self.arena().store().get(digest));
        let lengths: Vec<u64> = held.map(|content| content.len() as u64).collect();
        let tensors: u64 = lengths.iter().map(|len| 32 + prefix(*len) + len).sum();
        let policy = self.policy().encoded_len() as u64;
        let ops = prefix(self.op_count() as u64) + self.view().encoded_len() as u64;
        frame::HEADER_LEN as u64 + policy + ops + prefix(lengths.len() as u64) + tensors
    }

    /// Reads the binary form.
    ///
    /// # Errors
    /// [`DecodeError`]. Takes time and memory in proportion to `bytes`.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        Self::from_bytes_in(bytes, Arena::default())
    }

    /// Reads the binary form into a shared arena: signatures known there are not checked again.
    ///
    /// # Errors
    /// [`DecodeError`].
    pub fn from_bytes_in(bytes: &[u8], arena: Arena) -> Result<Self, DecodeError> {
        let payload = frame::unwrap(bytes, usize::MAX)?;
        Self::from_file(canonical::decode(payload)?, arena)
    }

    /// The JSON form.
    ///
    /// # Panics
    /// Never: every field has a JSON form.
    #[must_use]
    pub fn to_json(&self, tensors: Tensors) -> String {
        serde_json::to_string_pretty(&self.to_file(tensors)).expect("every field has a JSON form")
    }

    /// Reads the JSON form.
    ///
    /// # Errors
    /// [`DecodeError`].
    pub fn from_json(text: &str) -> Result<Self, DecodeError> {
        Self::from_json_in(text, Arena::default())
    }

    /// Reads the JSON form into a shared arena.
    ///
    /// # Errors
    /// [`DecodeError`].
    pub fn from_json_in(text: &str, arena: Arena) -> Result<Self, DecodeError> {
        Self::from_file(serde_json::from_str(text)?, arena)
    }

    fn from_file(file: File, arena: Arena) -> Result<Self, DecodeError> {
        let policy = Policy::new(file.policy.clone())?;
        if *policy.spec() != file.policy {
            return Err(DecodeError::PolicyForm);
        }
        let mut state = Self::with_arena(policy, arena);
        let ids: Vec<_> = file.ops.iter().map(|op| (op.op.author, op.op.seq, op.id())).collect();
        let out_of_place = ids.windows(2).find(|pair| pair[0] >= pair[1]);
        if let Some(pair) = out_of_place {
            return Err(DecodeError::Unplaced(pair[1].2));
        }
        let taken = state.apply(file.ops)?;
        if taken != ids.len() {
            let left = ids.iter().find(|(.., id)| state.view().ops().get(id).is_none());
            return Err(DecodeError::Unplaced(left.map_or(Digest::ZERO, |(.., id)| *id)));
        }
        let live: BTreeSet<_> = state.live_contents().collect();
        for (digest, blob) in file.tensors {
            let content = Content::from(blob.0);
            if content.digest() != digest || !live.contains(&digest) {
                return Err(DecodeError::Content(digest));
            }
            state.arena().store().put(content);
        }
        Ok(state)
    }
}
