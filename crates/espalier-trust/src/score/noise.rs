//! How far ratios of squared radii scatter among honest contributions, from nothing but the number
//! of authors and of elements. The limits of step 2 are widened by it.
//!
//! Squared distances of honest contributions with independent noise in d elements are chi-squared
//! with d degrees of freedom, times the squared noise of the two authors. So their logarithms
//! scatter like 1/√d, and like 1/d where d is small; the fewer authors share a ball, the less the
//! scatter averages out. `docs/TRUST.md` derives the form and has the measured rates;
//! `fixtures/trust/rates.py` measures them again.

use super::{Constants, majority};

/// Fewer elements than this give near-duplicates by chance.
pub(super) const LEAST_FOR_DUPLICATES: u64 = 16;

/// What honest noise of unequal size adds to the scatter of equal noise.
const UNEQUAL: f64 = 1.5;

/// A ratio that honest noise alone may reach this easily says nothing.
const MOST: f64 = 64.0;

/// The ratio to the majority's squared radius that the farthest of `h − 1` authors beyond a centre
/// exceeds in fewer than one of a thousand honest federations, where everybody has noise of one
/// size in `elements` elements.
fn scatter(h: usize, elements: u64) -> f64 {
    let (others, d) = ((h - 1).max(1) as f64, elements as f64);
    libm::exp((3.0 + 2.0 / others) / d.sqrt() + (10.0 / others + 0.5) / d)
}

/// Whether `elements` elements are too few for a ratio to say anything where a ball holds `h`.
pub(super) fn hides_everything(h: usize, elements: u64) -> bool {
    elements == 0 || UNEQUAL * scatter(h, elements) > MOST
}

/// The limits of the radius test over some elements, by how much `c1` and `c2` are multiplied
/// there.
/// `limit` is what counts like `c2`.
pub(super) fn widening(constants: &Constants, limit: f64, h: usize, elements: u64) -> f64 {
    few(constants.few_64ths, h).max(UNEQUAL * scatter(h, elements) / limit)
}

/// By how much a limit is raised where a ball holds `h` authors, for `more` 64ths divided by h − 1.
pub(super) fn few(more_64ths: u32, h: usize) -> f64 {
    1.0 + f64::from(more_64ths) / 64.0 / (h - 1).max(1) as f64
}

/// The least number of authors whose majority may hold a liar: with fewer, f ≤ h − 2 leaves none.
pub(super) fn too_few(roster: usize) -> bool {
    majority(roster) < 3
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Profile;

    #[test]
    fn many_elements_and_authors_leave_the_limits_as_they_are() {
        let constants = Profile::Strict.constants();
        let wide = |h, d| widening(&constants, 2.75, h, d);
        assert!((wide(51, 1_000_000) - 1.015).abs() < 1e-9);
        assert!((wide(11, 1024) - 1.075).abs() < 1e-9);
        assert!((wide(3, 1024) - 1.375).abs() < 1e-9);
        assert!(wide(11, 16) > 1.2 && wide(3, 16) > 2.0);
    }

    #[test]
    fn the_fewer_elements_and_authors_the_wider() {
        let constants = Profile::Strict.constants();
        for h in 3..60 {
            for d in 1..2000 {
                let wide = widening(&constants, 4.0, h, d);
                assert!(wide >= widening(&constants, 4.0, h, d + 1));
                assert!(wide >= widening(&constants, 4.0, h + 1, d));
                assert!(wide.is_finite());
            }
        }
    }

    #[test]
    fn one_number_says_nothing_and_three_authors_hold_no_liar() {
        assert!(hides_everything(3, 0) && hides_everything(3, 2) && hides_everything(11, 1));
        assert!(!hides_everything(3, 4) && !hides_everything(11, 2));
        assert!(too_few(3) && !too_few(4));
    }
}
