//! Symbols that nobody honest would send: an error or nothing, in bounded time.

use crate::{decoded, ids, plain, salt};
use espalier_reconcile::{Decoder, Encoder, Garbage, Symbol, enough_symbols};
use proptest::prelude::*;
use proptest::test_runner::Config;

proptest! {
    #![proptest_config(Config { cases: 200, failure_persistence: None, ..Config::default() })]

    #[test]
    fn noise_is_never_mistaken_for_a_difference(
        noise in prop::collection::vec(any::<([u8; 8], [u8; 4], i8)>(), 1..300), n in 0..50_u64,
    ) {
        let salt = salt(3);
        let mut decoder = Decoder::new(&salt, ids(&salt, 0..n), 1000);
        let noise: Vec<_> = noise.into_iter().map(Symbol::from).collect();
        let taken = decoder.extend(&noise);
        prop_assert!(taken.is_err() || !decoder.is_done());
        prop_assert_eq!(decoder.difference(), None);
    }

    #[test]
    fn a_flipped_bit_is_an_error_or_stays_undecoded(
        at in 0..200_usize, bit in 0..64_u32, a in 1..60_u64, b in 0..60_u64, seed in any::<u64>(),
    ) {
        let salt = salt(seed);
        let theirs = ids(&salt, 0..100 + a);
        let ours = ids(&salt, (0..100).chain(1000..1000 + b));
        let mut symbols = Encoder::new(&salt, theirs).take(200);
        let (sum, check, count) = symbols[at].into();
        let sum = (u64::from_le_bytes(sum) ^ (1_u64 << bit)).to_le_bytes();
        symbols[at] = Symbol::from((sum, check, count));
        let mut decoder = Decoder::new(&salt, ours, 1000);
        let taken = decoder.extend(&symbols);
        prop_assert!(taken.is_err() || !decoder.is_done());
    }

    #[test]
    fn symbols_of_two_sets_are_not_taken_for_one(cut in 1..40_usize, seed in any::<u64>()) {
        // The other side took in something between two chunks.
        let salt = salt(seed);
        let [ours, before, after] = [100, 130, 131].map(|n| ids(&salt, 0..n));
        let mut decoder = Decoder::new(&salt, ours.iter().copied(), 1000);
        let mut rest = Encoder::new(&salt, after);
        rest.skip(cut as u64);
        let begin = Encoder::new(&salt, before.iter().copied()).take(cut);
        let taken = decoder.extend(&begin).and_then(|()| decoder.extend(&rest.take(200)));
        if taken.is_ok() && decoder.is_done() {
            // The newcomer is mapped to none of the later symbols.
            prop_assert_eq!(decoder.difference(), Some(plain(&before, &ours)));
        }
    }
}

#[test]
fn one_element_everywhere_ends() {
    // Every symbol says that exactly this element is missing.
    let salt = salt(4);
    let symbol = Encoder::new(&salt, ids(&salt, 0..1)).take(1)[0];
    let mut decoder = Decoder::new(&salt, ids(&salt, 5..9), 10_000);
    let taken = decoder.extend(&vec![symbol; 10_000]);
    assert_eq!(taken, Err(Garbage::Contradiction));
}

#[test]
fn an_element_of_its_own_in_every_symbol_ends() {
    let salt = salt(4);
    let symbols: Vec<_> =
        (0..10_000).map(|i| Encoder::new(&salt, ids(&salt, [i])).take(1)[0]).collect();
    let mut decoder = Decoder::new(&salt, ids(&salt, 20_000..20_009), 10_000);
    let taken = decoder.extend(&symbols);
    assert!(taken.is_err() || !decoder.is_done(), "{taken:?}");
}

#[test]
fn there_is_a_limit_and_honest_sets_never_reach_it() {
    let salt = salt(5);
    let mut decoder = Decoder::new(&salt, ids(&salt, 0..10), 20);
    let mut theirs = Encoder::new(&salt, ids(&salt, 0..1000));
    decoder.extend(&theirs.take(20)).expect("within the limit");
    assert_eq!(decoder.extend(&theirs.take(1)), Err(Garbage::TooMany { limit: 20 }));
    for seed in 0..300 {
        let salt = crate::salt(seed);
        for d in [1, 2, 3, 5, 8, 30] {
            let (theirs, ours) = (ids(&salt, 0..d), ids(&salt, 100..100 + d));
            let (difference, symbols) = decoded(&salt, &theirs, &ours, 1);
            assert_eq!(difference, plain(&theirs, &ours));
            assert!(symbols <= enough_symbols(ours.len(), theirs.len()));
        }
    }
}

#[test]
fn an_estimate_is_exact_where_one_side_lacks_something() {
    let salt = salt(6);
    for d in [0_u64, 1, 7, 100, 1000] {
        let mut theirs = Encoder::new(&salt, ids(&salt, 0..5000));
        let mut decoder = Decoder::new(&salt, ids(&salt, 0..5000 - d), 1000);
        decoder.extend(&theirs.take(1)).expect("honest");
        assert_eq!(decoder.estimate(5000), d);
    }
    // Where both do, it is about right.
    for d in [20_u64, 200, 2000] {
        let (mut sum, runs) = (0, 50);
        for seed in 0..runs {
            let salt = crate::salt(seed);
            let mut theirs = Encoder::new(&salt, ids(&salt, 0..3000));
            let ours = ids(&salt, (d / 2..3000).chain(9000..9000 + d / 2));
            let mut decoder = Decoder::new(&salt, ours, 1000);
            decoder.extend(&theirs.take(16)).expect("honest");
            let estimate = decoder.estimate(3000);
            assert!(estimate > d / 6 && estimate < 4 * d, "{estimate} for {d}");
            sum += estimate;
        }
        let mean = sum / runs;
        assert!(mean * 4 > 3 * d && mean * 4 < 5 * d, "{mean} for {d} on average");
    }
}
