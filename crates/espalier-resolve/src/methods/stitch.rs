//! `localize-stitch`: the largest differences of each input, averaged where they overlap, in the
//! form that needs no data (He et al., Localize-and-Stitch, TMLR 2025, arXiv 2408.13656,
//! section 3).
//!
//! Of each difference d = r(x − b), r rounding to the arithmetic, the share ρ of largest magnitude
//! is kept, counted and ordered as in `ties`; the paper takes the largest of the whole model, here
//! they are those of each tensor. With c inputs of which something other than zero is kept at an
//! element, the result there is b + r(r(Σ d) / c) over these; elsewhere b.

use super::{
    arith::Arith,
    by_magnitude::Largest,
    deltas::Sparsify,
    formula::Formula,
    groups::vector,
    info::{Base, MANY, MethodInfo, PART, method, parameter},
    job::MethodError,
    rows::{Piece, Rows},
};
use crate::{real::Real, threshold::Threshold};

pub(crate) static INFO: MethodInfo = method(
    ("localize-stitch", &["localize_stitch"]),
    "keep the largest differences of each input, average them where they overlap",
    "He et al., Localize-and-Stitch, TMLR 2025, arXiv 2408.13656",
    (
        &[],
        &[parameter(
            "density",
            "0.05",
            PART,
            "the share of elements of the difference that is kept",
        )],
    ),
    Base::Required,
    MANY,
    |_| Box::new(Stitch),
);

#[derive(Debug)]
pub(crate) struct Stitch;

impl Formula for Stitch {
    /// What is kept of each input.
    type Ready = Vec<Threshold>;

    fn prepare<A: Arith>(&self, rows: &Rows<'_, A>) -> Result<Vec<Threshold>, MethodError> {
        Largest.prepare(rows)
    }

    fn merge<A: Arith>(
        &self,
        kept: &Vec<Threshold>,
        rows: &Rows<'_, A>,
        piece: &Piece<'_, A::T>,
        out: &mut [A::T],
    ) {
        let (zero, one) = (A::T::ZERO, A::T::ONE);
        let mut counts = vec![zero; piece.len];
        for input in 0..rows.count() {
            let mut differences = vector::<A>(piece, input, true);
            Largest.keep::<A>(kept, input, piece.start, &mut differences);
            for ((sum, count), &d) in out.iter_mut().zip(&mut counts).zip(&differences) {
                *sum += d;
                *count += A::T::select(d == zero, zero, one);
            }
        }
        for ((value, &count), &b) in out.iter_mut().zip(&counts).zip(piece.base()) {
            let count = A::T::select(count == zero, one, count);
            *value = b + A::round(A::round(*value) / count);
        }
    }
}
