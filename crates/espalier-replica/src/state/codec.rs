//! The state as bytes and as JSON.
//!
//! Binary: a frame around canonical postcard. JSON: the same fields by name, digests and keys as
//! hexadecimal, tensor bytes as base64. Reading checks everything again: encoding, signatures,
//! roster, chains and content addresses. Of a stranger's file one operation at a time is unpacked,
//! so none takes more memory than a small multiple of its length.

use crate::error::{ApplyError, DecodeError};
use crate::signed::blob::Blob;
use crate::signed::op::SignedOp;
use crate::signed::policy::{Policy, PolicySpec};
use crate::state::MergeState;
use crate::state::apply::Checks;
use crate::state::arena::Arena;
use crate::wire::batch::Packed;
use crate::wire::compact::Place;
use crate::wire::frame;
use espalier_identity::Digest;
use espalier_identity::bounded::Tight;
use espalier_identity::canonical::{self, CanonicalError};
use espalier_tensor::Content;
use serde::de::{Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer as _, Serialize};
use serde_json::value::RawValue;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Whether an encoded state carries the bytes of its tensors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tensors {
    /// Only their content addresses, in the manifests.
    ByReference,
    /// The bytes of all live contributions, each content once.
    Inline,
}

/// What is written down.
#[derive(Serialize)]
struct File {
    policy: PolicySpec,
    ops: Vec<SignedOp>,
    tensors: BTreeMap<Digest, Blob>,
}

/// The JSON form as it is read. Operations and tensors stay text until their turn has come.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Text<'a> {
    policy: PolicySpec,
    #[serde(borrow)]
    ops: &'a RawValue,
    #[serde(borrow)]
    tensors: &'a RawValue,
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

    /// The binary form. Equal operations under an equal policy give equal bytes.
    ///
    /// # Panics
    /// If it is longer than 4 GiB, which [`MergeState::encoded_len`] tells beforehand: write
    /// tensors by reference then.
    #[must_use]
    pub fn to_bytes(&self, tensors: Tensors) -> Vec<u8> {
        frame::wrap(&canonical::encode(&self.to_file(tensors)))
    }

    /// Length of the binary form, computed without encoding: O(1) by reference, O(n log n) with
    /// tensors.
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
    /// [`DecodeError`]. Takes time in proportion to `bytes`, and memory as well: what is not signed
    /// by those who are admitted, and which live contributions name, is not kept.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        Self::from_bytes_in(bytes, Arena::default())
    }

    /// Reads the binary form into a shared arena: signatures known there are not checked again.
    ///
    /// # Errors
    /// [`DecodeError`], as [`MergeState::from_bytes`].
    pub fn from_bytes_in(bytes: &[u8], arena: Arena) -> Result<Self, DecodeError> {
        let mut rest = frame::unwrap(bytes, usize::MAX)?;
        let mut state = Self::with_arena(Policy::canonical(canonical::take(&mut rest)?)?, arena);
        let count: u64 = canonical::take(&mut rest)?;
        let (ops, mut heads) = (rest, Tight::<(Place, u32)>::default());
        for _ in 0..count {
            let at =
                u32::try_from(ops.len() - rest.len()).map_err(|_| CanonicalError::Malformed)?;
            let signed: SignedOp = canonical::take(&mut rest)?;
            heads.push((Place { dot: signed.op.dot(), id: signed.id() }, at));
        }
        let heads = heads.into_vec();
        let read = |number: usize| {
            let (_, at) = heads.get(number)?;
            canonical::take(&mut ops.get(*at as usize..)?).ok()
        };
        state.take_in(&heads, |(place, _)| *place, read)?;
        let count: u64 = canonical::take(&mut rest)?;
        let live: BTreeSet<_> = state.live_contents().collect();
        let mut last = None;
        for _ in 0..count {
            let (digest, bytes) = canonical::take::<(Digest, Packed<'_>)>(&mut rest)?;
            if last.is_some_and(|last| last >= digest) {
                return Err(CanonicalError::NotCanonical.into());
            }
            last = Some(digest);
            state.put_live(&live, digest, || bytes.bytes().to_vec())?;
        }
        if rest.is_empty() { Ok(state) } else { Err(CanonicalError::NotCanonical.into()) }
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
    /// [`DecodeError`], as [`MergeState::from_bytes`].
    pub fn from_json(text: &str) -> Result<Self, DecodeError> {
        Self::from_json_in(text, Arena::default())
    }

    /// Reads the JSON form into a shared arena.
    ///
    /// # Errors
    /// [`DecodeError`], as [`MergeState::from_bytes`].
    pub fn from_json_in(text: &str, arena: Arena) -> Result<Self, DecodeError> {
        let Text { policy, ops, tensors } = serde_json::from_str(text)?;
        let mut state = Self::with_arena(Policy::canonical(policy)?, arena);
        let heads = serde_json::Deserializer::from_str(ops.get()).deserialize_seq(Ops)?;
        let read = |number: usize| serde_json::from_str(heads.get(number)?.1.get()).ok();
        state.take_in(&heads, |(place, _)| *place, read)?;
        let live: BTreeSet<_> = state.live_contents().collect();
        let mut refused = None;
        let mut reader = serde_json::Deserializer::from_str(tensors.get());
        reader.deserialize_map(Contents(|digest, Blob(bytes)| {
            // Whatever is wrong with one, nobody looks at those after it.
            if refused.is_none() {
                refused = state.put_live(&live, digest, || bytes).err();
            }
        }))?;
        refused.map_or(Ok(state), Err)
    }

    /// Takes in the operations of a file, which have to be in their order and all of them new.
    fn take_in<T>(
        &mut self,
        listed: &[T],
        place: impl Fn(&T) -> Place,
        read: impl Fn(usize) -> Option<SignedOp>,
    ) -> Result<(), DecodeError> {
        let key = |listed: &T| {
            let Place { dot, id } = place(listed);
            (dot, id)
        };
        if let Some(pair) = listed.windows(2).find(|pair| key(&pair[0]) >= key(&pair[1])) {
            return Err(DecodeError::Unplaced(place(&pair[1]).id));
        }
        let mut left: Vec<u32> = (0..listed.len() as u32).collect();
        let mut taken = 0;
        while !left.is_empty() {
            // Those whom the votes among the operations admit come after these.
            let author = |at: &u32| place(&listed[*at as usize]).dot.actor;
            let accepted = |at: &u32| self.accepts(&author(at));
            let (known, strangers): (Vec<_>, Vec<_>) = left.into_iter().partition(accepted);
            if let (true, Some(stranger)) = (known.is_empty(), strangers.first()) {
                return Err(ApplyError::NotAdmitted { author: author(stranger) }.into());
            }
            let places = known.iter().map(|at| place(&listed[*at as usize]));
            let read = |nth: usize| read(*known.get(nth)? as usize);
            let prepared = self.prepare(places, &Checks::new(), read);
            taken += self.commit(prepared.map_err(|refused| refused.error)?).len();
            left = strangers;
        }
        if taken != listed.len() {
            let ids = listed.iter().map(|listed| place(listed).id);
            let left = ids.into_iter().find(|id| self.view().ops().get(id).is_none());
            return Err(DecodeError::Unplaced(left.unwrap_or(Digest::ZERO)));
        }
        Ok(())
    }

    /// Keeps the bytes that stand under an address, if a live contribution names it.
    fn put_live(
        &self,
        live: &BTreeSet<Digest>,
        digest: Digest,
        bytes: impl FnOnce() -> Vec<u8>,
    ) -> Result<(), DecodeError> {
        if !live.contains(&digest) {
            return Err(DecodeError::Unneeded(digest));
        }
        let content = Content::from(bytes());
        if content.digest() != digest {
            return Err(DecodeError::Content { address: digest, found: content.digest() });
        }
        self.arena().store().put(content);
        Ok(())
    }
}

/// Reads which operations are in the JSON form, and where. They are read again when their turn has
/// come.
struct Ops;

impl<'a> Visitor<'a> for Ops {
    type Value = Vec<(Place, &'a RawValue)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of operations")
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut heads = Tight::default();
        while let Some(text) = seq.next_element::<&RawValue>()? {
            let signed: SignedOp = serde_json::from_str(text.get()).map_err(A::Error::custom)?;
            heads.push((Place { dot: signed.op.dot(), id: signed.id() }, text));
        }
        Ok(heads.into_vec())
    }
}

/// Hands over the tensors of a JSON form one by one.
struct Contents<F>(F);

impl<'de, F: FnMut(Digest, Blob)> Visitor<'de> for Contents<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("tensors by address")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some((digest, bytes)) = map.next_entry()? {
            (self.0)(digest, bytes);
        }
        Ok(())
    }
}
