//! How many symbols a difference takes. Yang, Gilad and Alizadeh report 1.72 on average at worst,
//! for a few differences, and 1.35 in the limit. A single one takes one symbol.

use crate::{decoded, ids, salt};

/// Symbols per difference: on average over `runs`, and the most.
fn overhead(d: u64, runs: u64) -> (f64, f64) {
    let (mut sum, mut most) = (0, 0);
    for run in 0..runs {
        let salt = salt(run);
        // Half of it on either side, beside 200 in common.
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
