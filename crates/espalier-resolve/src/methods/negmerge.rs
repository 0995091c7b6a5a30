//! `negmerge`: takes away what all inputs agree on, to make a model forget what they were trained
//! on (Kim et al., NegMerge, ICML 2025, arXiv 2410.05583, section 3).
//!
//! With differences d = r(x − b) of N inputs, r rounding to the arithmetic: where all d have the
//! same sign, and none is zero, the result is b − r(λ · r(r(Σ d) / N)); elsewhere b.

use super::{
    arith::Arith,
    formula::Formula,
    groups::vector,
    info::{ANY, Base, MANY, MethodInfo, method, parameter},
    job::MethodError,
    rows::{Piece, Rows},
};
use crate::{parameters::ParameterInfo, real::Real};

pub(crate) const LAMBDA: ParameterInfo =
    parameter("lambda", "", ANY, "the factor of what is taken away");

pub(crate) static INFO: MethodInfo = method(
    ("negmerge", &[]),
    "b − λ · mean of (x − b) where all inputs have the same sign: forget what they learned",
    "Kim et al., NegMerge, ICML 2025, arXiv 2410.05583",
    (&[LAMBDA], &[]),
    Base::Required,
    MANY,
    |values| Box::new(Negmerge { lambda: values.number("lambda") }),
);

#[derive(Debug)]
pub(crate) struct Negmerge {
    pub(crate) lambda: f64,
}

impl Formula for Negmerge {
    type Ready = ();

    fn prepare<A: Arith>(&self, _: &Rows<'_, A>) -> Result<(), MethodError> {
        Ok(())
    }

    fn merge<A: Arith>(
        &self,
        (): &(),
        rows: &Rows<'_, A>,
        piece: &Piece<'_, A::T>,
        out: &mut [A::T],
    ) {
        let differences: Vec<Vec<A::T>> =
            (0..rows.count()).map(|input| vector::<A>(piece, input, true)).collect();
        let (zero, count) = (A::T::ZERO, A::T::of(rows.count() as f64));
        let lambda = A::T::of(self.lambda);
        for (place, (value, &b)) in out.iter_mut().zip(piece.base()).enumerate() {
            let all = || differences.iter().map(|d| d[place]);
            let sum = A::round(all().fold(zero, |sum, d| sum + d));
            let agree = all().all(|d| d > zero) || all().all(|d| d < zero);
            // What is not finite is kept, so that it is refused.
            let kept = agree || !sum.is_finite();
            *value = if kept { b - A::round(lambda * A::round(sum / count)) } else { b };
        }
    }
}
