//! `consensus-ta`: task arithmetic of the elements that matter to several inputs (Wang et al.,
//! Localizing task information, ICML 2024, arXiv 2405.07813, sections 4 and 5).
//!
//! With differences d = r(x − b) and their sum s = r(Σ d), r rounding to the arithmetic, an element
//! matters to an input if |d| ≥ r(τ · |r(s − d)|), with the input's `threshold` τ. Where it matters
//! to at least k inputs the result is b + r(λ s); elsewhere, where it serves one task or none, b.

use super::{
    arith::Arith,
    formula::Formula,
    groups::vector,
    info::{ANY, Base, MANY, MethodInfo, POSITIVE_OR_ZERO, method, parameter},
    job::MethodError,
    rows::{Piece, Rows},
};
use crate::{
    parameters::{ParameterInfo, ParameterRange},
    real::Real,
};

pub(crate) const LAMBDA: ParameterInfo =
    parameter("lambda", "", ANY, "the factor of what is added to the base");
pub(crate) const K: ParameterInfo = parameter(
    "k",
    "2",
    ParameterRange::Whole { min: 1, max: 1_000_000 },
    "to how many inputs an element has to matter",
);
pub(crate) const THRESHOLD: ParameterInfo = parameter(
    "threshold",
    "0.4",
    POSITIVE_OR_ZERO,
    "how large a difference has to be against those of the others together",
);

pub(crate) static INFO: MethodInfo = method(
    ("consensus-ta", &["consensus_ta"]),
    "b + λ Σ (x − b) where it matters to at least k inputs",
    "Wang et al., Localizing task information, ICML 2024, arXiv 2405.07813",
    (&[LAMBDA, K], &[THRESHOLD]),
    Base::Required,
    MANY,
    |values| {
        let k = values.number("k") as usize;
        Box::new(Consensus { k, lambda: values.number("lambda") })
    },
);

#[derive(Debug)]
pub(crate) struct Consensus {
    /// The least number of inputs.
    pub(crate) k: usize,
    pub(crate) lambda: f64,
}

impl Formula for Consensus {
    /// The thresholds of the inputs.
    type Ready = Vec<f64>;

    fn prepare<A: Arith>(&self, rows: &Rows<'_, A>) -> Result<Vec<f64>, MethodError> {
        Ok(rows.numbers("threshold"))
    }

    fn merge<A: Arith>(
        &self,
        thresholds: &Vec<f64>,
        rows: &Rows<'_, A>,
        piece: &Piece<'_, A::T>,
        out: &mut [A::T],
    ) {
        let differences: Vec<Vec<A::T>> =
            (0..rows.count()).map(|input| vector::<A>(piece, input, true)).collect();
        let thresholds: Vec<A::T> = thresholds.iter().map(|&t| A::T::of(t)).collect();
        let lambda = A::T::of(self.lambda);
        for (place, (value, &b)) in out.iter_mut().zip(piece.base()).enumerate() {
            let all = || differences.iter().map(|d| d[place]);
            let sum = A::round(all().fold(A::T::ZERO, |sum, d| sum + d));
            let matters =
                |(d, t): &(A::T, &A::T)| d.abs() >= A::round(**t * A::round(sum - *d).abs());
            let count = all().zip(&thresholds).filter(matters).count();
            // What is not finite is kept, so that it is refused.
            let kept = count >= self.k || !sum.is_finite();
            *value = if kept { b + A::round(lambda * sum) } else { b };
        }
    }
}
