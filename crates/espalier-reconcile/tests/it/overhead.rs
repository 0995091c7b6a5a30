//! How many symbols a difference takes. Yang, Gilad and Alizadeh report 1.72 on average at worst,
//! for a few differences, and 1.35 in the limit. A single one takes one symbol.

use crate::{decoded, ids, salt};
use espalier_reconcile::{Decoder, Encoder};

/// Symbols per difference: on average over `runs`, and the most.
fn overhead(d: u64, runs: u64) -> (f64, f64) {
    let (mut sum, mut most) = (0, 0);
    for run in 0..runs {
        let salt = salt(run);
        // Half of it on either side, next to 200 in common.
        let theirs = ids(&salt, 0..200 + d / 2);
        let ours = ids(&salt, (0..200).chain(10_000..10_000 + d - d / 2));
        let (_, symbols) = decoded(&salt, &theirs, &ours, 1);
        (sum, most) = (sum + symbols, most.max(symbols));
    }
    (sum as f64 / (runs * d) as f64, most as f64 / d as f64)
}

#[test]
fn the_overhead_is_that_of_the_paper() {
    for (d, runs, from, to, most) in [
        (1, 1000, 1.0, 1.001, 1.0),
        (4, 500, 1.3, 1.9, 12.0),
        (10, 500, 1.3, 1.8, 5.0),
        (100, 100, 1.3, 1.6, 2.2),
        (1000, 20, 1.3, 1.5, 1.6),
    ] {
        let (mean, worst) = overhead(d, runs);
        assert!(from <= mean && mean <= to, "{mean} symbols per difference of {d}");
        assert!(worst <= most, "{worst} symbols per difference of {d} at worst");
    }
}

#[test]
fn what_is_suggested_is_enough_in_nine_of_ten_cases_and_not_much_more() {
    for (d, runs) in [(2, 400), (10, 400), (50, 200), (300, 100), (2000, 20)] {
        let mut enough = 0;
        for run in 0..runs {
            let salt = salt(run);
            let mut theirs = Encoder::new(&salt, ids(&salt, 0..500 + d));
            let mut decoder = Decoder::new(&salt, ids(&salt, 0..500), 10_000);
            decoder.extend(&theirs.take(1)).expect("honest");
            let suggested = decoder.suggest(500 + d);
            assert!(suggested as f64 <= 1.4 * d as f64 + 3.0 * (d as f64).sqrt() + 3.0);
            decoder.extend(&theirs.take(suggested as usize - 1)).expect("honest");
            enough += u64::from(decoder.is_done());
        }
        assert!(enough * 10 >= runs * 9, "{enough} of {runs} for {d}");
    }
}
