//! Sets of dots and elements, proofs, and coded symbols.

use crate::within;
use espalier_identity::{Digest, canonical};
use espalier_lattice::{CausalContext, Dot, Join, VersionVector};
use espalier_orset::OrSet;
use espalier_provenance::{ContentProof, InclusionProof};
use espalier_reconcile::{Decoder, Encoder, Salt, Symbol, enough_symbols};
use serde::{Serialize, de::DeserializeOwned};
use std::collections::BTreeSet;
use std::fmt::Debug;

type Actor = [u8; 3];
type Set = OrSet<Actor, u16>;

/// Numbers of up to eight bytes are written in one, and every element has an index entry of its
/// own.
const PER_BYTE: usize = 256;

/// Reads a value in both forms; what is accepted has to come out again.
fn both<T: Serialize + DeserializeOwned + PartialEq + Debug>(bytes: &[u8]) -> Vec<T> {
    let mut read = Vec::new();
    if let Ok(value) = within(PER_BYTE, bytes, || canonical::decode::<T>(bytes)) {
        assert_eq!(canonical::encode(&value), bytes, "one encoding");
        read.push(value);
    }
    if let Ok(value) = within(PER_BYTE, bytes, || serde_json::from_slice::<T>(bytes)) {
        read.push(value);
    }
    for value in &read {
        let json = serde_json::to_vec(value).expect("what was read can be written");
        assert_eq!(&serde_json::from_slice::<T>(&json).expect("and read"), value);
    }
    read
}

pub(crate) fn sets(bytes: &[u8]) {
    let Some((kind, bytes)) = bytes.split_first() else { return };
    match kind % 4 {
        0 => both::<Dot<u8>>(bytes).into_iter().for_each(|dot| assert!(dot.is_valid())),
        1 => {
            for vector in both::<VersionVector<u8>>(bytes) {
                let context = CausalContext::from(vector.clone());
                assert_eq!((context.vector(), context.len()), (vector.clone(), vector.len()));
            }
        }
        2 => {
            for context in both::<CausalContext<u8>>(bytes) {
                let mut joined = CausalContext::from(context.vector());
                joined.join(&context);
                assert_eq!(joined, context);
            }
        }
        _ => both::<Set>(bytes).into_iter().for_each(use_set),
    }
}

/// Everything one can do with a set, whatever is in it.
fn use_set(mut set: Set) {
    let mut receiver = Set::default();
    receiver.join(&set.delta_since(receiver.context()));
    assert_eq!(receiver, set);
    assert!(!set.join(&receiver.delta_since(set.context())));
    for actor in set.entries().map(|(dot, _)| dot.actor).collect::<BTreeSet<_>>() {
        let element = u16::MAX;
        assert_eq!(set.insert(actor, element).is_ok(), set.contains(&element));
    }
    for element in set.elements().copied().collect::<Vec<_>>() {
        receiver.join(&set.remove(&element));
    }
    assert!(set.is_empty() && receiver.is_empty());
    assert_eq!(set.tombstones(), set.context().len());
}

pub(crate) fn proofs(bytes: &[u8]) {
    let Some((kind, bytes)) = bytes.split_first() else { return };
    if kind % 2 == 0 {
        for proof in both::<InclusionProof>(bytes) {
            let _ = proof.verify(&Digest::ZERO);
        }
    } else {
        for proof in both::<ContentProof>(bytes) {
            for len in [0, 1, 5000, u64::MAX] {
                let _ = proof.verify(&Digest::ZERO, len);
            }
        }
    }
}

/// A salt, the number of elements of ours, the elements, and the other side's symbols.
pub(crate) fn symbols(bytes: &[u8]) {
    let Some((salt, bytes)) = bytes.split_first_chunk::<16>() else { return };
    let Some((count, bytes)) = bytes.split_first() else { return };
    let (ids, rest) = bytes.as_chunks::<32>();
    let ids = &ids[..ids.len().min(usize::from(*count))];
    let coded = &bytes[32 * ids.len()..];
    let _ = rest;
    let salt = Salt::new(*salt);
    let ours: BTreeSet<_> = ids.iter().map(|id| salt.short(id)).collect();
    let symbols: Vec<Symbol> = coded
        .chunks_exact(Symbol::LEN)
        .filter_map(|symbol| canonical::decode(symbol).ok())
        .collect();
    let limit = enough_symbols(ours.len(), symbols.len());
    // 16 bytes of an element take 40 and more in the decoder, and each symbol can give one away.
    let found = within(64, bytes, || {
        let mut decoder = Decoder::new(&salt, ours.iter().copied(), limit);
        for some in symbols.chunks(3) {
            decoder.extend(some).ok()?;
            let _ = (decoder.estimate(u64::MAX), decoder.suggest(0));
        }
        decoder.difference()
    });
    let Some(difference) = found else { return };
    // What decodes is the stream of one set: ours, less what only we have, and what only they have.
    assert!(difference.ours.is_subset(&ours) && difference.theirs.is_disjoint(&ours));
    let theirs = ours.difference(&difference.ours).chain(&difference.theirs).copied();
    let again = Encoder::new(&salt, theirs).take(symbols.len());
    assert_eq!(again, symbols);
}
