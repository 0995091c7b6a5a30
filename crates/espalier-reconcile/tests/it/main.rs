//! Reconciliation against a plain set difference, its overhead, and hostile symbols.

mod hostile;
mod overhead;
mod twin;

use espalier_reconcile::{Decoder, Encoder, Salt, SetDifference, Short, enough_symbols};
use std::collections::BTreeSet;

fn salt(seed: u64) -> Salt {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    Salt::new(bytes)
}

/// Identifiers as a hash would make them, all different.
fn ids(salt: &Salt, numbers: impl IntoIterator<Item = u64>) -> BTreeSet<Short> {
    let id = |number: u64| {
        let mut bytes = [7; 32];
        bytes[8..16].copy_from_slice(&number.to_le_bytes());
        salt.short(&bytes)
    };
    numbers.into_iter().map(id).collect()
}

/// What the slow way finds.
fn plain(theirs: &BTreeSet<Short>, ours: &BTreeSet<Short>) -> SetDifference {
    let minus = |a: &BTreeSet<Short>, b: &BTreeSet<Short>| a.difference(b).copied().collect();
    SetDifference { theirs: minus(theirs, ours), ours: minus(ours, theirs) }
}

/// What decoding finds, and how many symbols it took if they come `step` at a time.
fn decoded(
    salt: &Salt,
    theirs: &BTreeSet<Short>,
    ours: &BTreeSet<Short>,
    step: usize,
) -> (SetDifference, usize) {
    let mut encoder = Encoder::new(salt, theirs.iter().copied());
    let limit = enough_symbols(ours.len(), theirs.len()) + step;
    let mut decoder = Decoder::new(salt, ours.iter().copied(), limit);
    while !decoder.is_done() {
        decoder.extend(&encoder.take(step)).expect("honest");
    }
    (decoder.difference().expect("done"), decoder.symbols())
}
