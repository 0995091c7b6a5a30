//! What reading costs, as the allocator counts it.

use espalier_lattice::{CausalContext, VersionVector};
use espalier_orset::OrSet;
use espalier_testkit::alloc::{CountingAllocator, allocated};
use serde::{Serialize, de::DeserializeOwned};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// Actors and elements as keys and hashes are.
type Id = [u8; 32];

fn id(i: u32) -> Id {
    let mut id = [7; 32];
    id[..4].copy_from_slice(&i.to_be_bytes());
    id
}

/// The most bytes held at once while `value` is read back, for each byte of its encoding.
fn held_per_byte<T: Serialize + DeserializeOwned>(value: &T) -> f64 {
    let bytes = postcard::to_allocvec(value).expect("it can be written");
    let (read, memory) = allocated(|| postcard::from_bytes::<T>(&bytes));
    assert!(read.is_ok());
    memory.peak as f64 / bytes.len() as f64
}

#[test]
fn reading_takes_memory_in_proportion_to_the_bytes() {
    let mut set = OrSet::<Id, Id>::default();
    let mut context = CausalContext::<Id>::default();
    for i in 0..3000 {
        set.insert(id(i / 10), id(i)).expect("far from the end");
        context.insert_range(id(i / 10), 3 * u64::from(i) + 1..=3 * u64::from(i) + 2);
    }
    let vector: VersionVector<Id> = (0..3000).map(|i| (id(i), 1)).collect();
    let measured = [held_per_byte(&set), held_per_byte(&context), held_per_byte(&vector)];
    let [set, context, vector] = measured;
    assert!(vector <= 4.0 && set <= 5.0 && context <= 16.0, "{measured:?}");
}

#[test]
fn lists_that_only_claim_to_be_long_take_nothing() {
    // Lengths of 2^63 and of 2^21, and nothing behind them.
    for claim in
        [&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f][..], &[0x80, 0x80, 0x80, 1]]
    {
        for prefix in [&[][..], &[0], &[0, 1, b'a']] {
            let bytes = [prefix, claim].concat();
            let (read, memory) = allocated(|| postcard::from_bytes::<OrSet<u8, u8>>(&bytes));
            assert!(read.is_err() && memory.peak < 4096, "{bytes:?}: {memory:?}");
            let bytes = &bytes[prefix.len().min(1)..];
            let (read, memory) = allocated(|| postcard::from_bytes::<CausalContext<u8>>(bytes));
            assert!(read.is_err() && memory.peak < 4096, "{bytes:?}: {memory:?}");
        }
    }
}
