//! Methods whose result is Σ c x, or b + Σ c (x − b), with factors that depend on the whole tensor.

use core::fmt::Debug;

use super::{
    arith::Arith,
    formula::Formula,
    groups::vector,
    job::MethodError,
    rows::{Piece, Rows},
    sums::add_all,
};
use crate::real::Real;

/// Finds the factors.
pub(crate) trait Factoring: Debug + Send + Sync + 'static {
    fn factors<A: Arith>(&self, rows: &Rows<'_, A>) -> Result<Factors, MethodError>;
}

/// Factors of the inputs, or of their differences from the base.
pub(crate) struct Factors {
    pub(crate) values: Vec<f64>,
    pub(crate) differences: bool,
}

/// The formula of a [`Factoring`].
#[derive(Debug)]
pub(crate) struct Combined<C>(pub(crate) C);

impl<C: Factoring> Formula for Combined<C> {
    type Ready = Factors;

    fn prepare<A: Arith>(&self, rows: &Rows<'_, A>) -> Result<Factors, MethodError> {
        self.0.factors(rows)
    }

    fn merge<A: Arith>(
        &self,
        ready: &Factors,
        _: &Rows<'_, A>,
        piece: &Piece<'_, A::T>,
        out: &mut [A::T],
    ) {
        combine::<A>(ready, piece, out);
    }
}

/// Adds up inputs, or their differences and the base.
pub(crate) fn combine<A: Arith>(factors: &Factors, piece: &Piece<'_, A::T>, out: &mut [A::T]) {
    let values: Vec<A::T> = factors.values.iter().map(|&factor| A::T::of(factor)).collect();
    if !factors.differences {
        return add_all(&values, piece, out);
    }
    for (input, &factor) in values.iter().enumerate() {
        for (sum, d) in out.iter_mut().zip(vector::<A>(piece, input, true)) {
            *sum += factor * d;
        }
    }
    for (value, &b) in out.iter_mut().zip(piece.base()) {
        *value = b + *value;
    }
}
