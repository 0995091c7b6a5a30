//! What a method is inside: a formula that looks at a tensor as a whole, if it has to, and then
//! merges any piece of it.

use core::fmt::Debug;

use super::{
    arith::Arith,
    job::{Job, MethodError, Sink},
    rows::{Piece, Rows},
};

pub(crate) trait Formula: Debug + Send + Sync + 'static {
    /// What merging a piece has to know about the whole.
    type Ready: Send + Sync;

    /// Elements that have to be in one piece: whole runs of this length.
    fn run_length<A: Arith>(&self, _rows: &Rows<'_, A>) -> usize {
        1
    }

    fn prepare<A: Arith>(&self, rows: &Rows<'_, A>) -> Result<Self::Ready, MethodError>;

    /// Writes the merged elements of a piece to `out`, which is zero.
    fn merge<A: Arith>(
        &self,
        ready: &Self::Ready,
        rows: &Rows<'_, A>,
        piece: &Piece<'_, A::T>,
        out: &mut [A::T],
    );
}

/// A [`Formula`] whose types are forgotten, for the list of methods.
pub(crate) trait AnyFormula: Send + Sync {
    fn run(&self, job: &Job<'_>, sink: Sink<'_>) -> Result<(), MethodError>;
}
