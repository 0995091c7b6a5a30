//! `nearswap`: w x + (1 − w) b with w = t / |b − x|, kept within 0 and 1: elements that are near
//! the base are taken from the input, the others move towards it by t at most.

use super::{
    arith::Arith,
    formula::Formula,
    job::MethodError,
    rows::{Piece, Rows},
};
use crate::real::Real;

#[derive(Debug)]
pub(crate) struct Nearswap {
    pub(crate) t: f64,
}

impl Formula for Nearswap {
    type Ready = ();

    fn prepare<A: Arith>(&self, _: &Rows<'_, A>) -> Result<(), MethodError> {
        Ok(())
    }

    fn merge<A: Arith>(&self, (): &(), _: &Rows<'_, A>, piece: &Piece<'_, A::T>, out: &mut [A::T]) {
        let (zero, one) = (A::T::ZERO, A::T::ONE);
        let t = A::T::of(self.t);
        for ((value, &x), &b) in out.iter_mut().zip(piece.row(0)).zip(piece.base()) {
            let distance = A::round(b - x).abs();
            let weight = A::round(A::round(one / distance) * t);
            // Zero over zero, where both are the same.
            let weight = if weight < one { weight } else { one };
            let weight = if weight > zero { weight } else { zero };
            *value = A::round(A::round(weight * x) + A::round(A::round(one - weight) * b));
        }
    }
}
