//! Decoding finds what a plain set difference finds.

use crate::{decoded, ids, plain, salt};
use espalier_reconcile::Encoder;
use proptest::prelude::*;
use proptest::test_runner::Config;

proptest! {
    #![proptest_config(Config { cases: 200, failure_persistence: None, ..Config::default() })]

    #[test]
    fn decoding_agrees_with_a_plain_difference(
        common in 0..500_u64, a in 0..120_u64, b in 0..120_u64,
        step in 1..40_usize, seed in any::<u64>(),
    ) {
        let salt = salt(seed);
        let theirs = ids(&salt, 0..common + a);
        let ours = ids(&salt, (0..common).chain(10_000..10_000 + b));
        let (difference, symbols) = decoded(&salt, &theirs, &ours, step);
        prop_assert_eq!(&difference, &plain(&theirs, &ours));
        prop_assert_eq!(symbols % step, 0);
        if a + b == 0 {
            prop_assert_eq!(symbols, step, "one chunk is enough to see that nothing differs");
        }
    }

    #[test]
    fn a_stream_is_the_same_in_any_chunks(
        n in 0..200_u64, cuts in prop::collection::vec((0..30_usize, any::<bool>()), 0..8),
        seed in any::<u64>(),
    ) {
        let salt = salt(seed);
        let mut encoder = Encoder::new(&salt, ids(&salt, 0..n));
        let whole = encoder.clone().take(300);
        let mut at = 0;
        for (count, skip) in cuts {
            if skip {
                encoder.skip(count as u64);
            } else {
                prop_assert_eq!(encoder.take(count), &whole[at..at + count]);
            }
            at += count;
        }
    }
}

#[test]
fn a_set_streams_the_same_symbols_on_every_machine() {
    let salt = salt(1);
    let symbols = Encoder::new(&salt, ids(&salt, 0..1000)).take(100_000);
    // Everything that was ever summed up, in one symbol.
    let mut all = [0_u64; 2];
    for symbol in symbols {
        let (sum, check, count): ([u8; 8], [u8; 4], i8) = symbol.into();
        all[0] = all[0].rotate_left(1) ^ u64::from_le_bytes(sum);
        all[1] =
            all[1].rotate_left(1) ^ u64::from(u32::from_le_bytes(check)) ^ (count as u64) << 32;
    }
    assert_eq!(all, [2_330_635_988_127_951_750, 5_759_618_800_110_200_528]);
}
