//! What a method is inside: a formula that looks at a tensor as a whole, if it has to, and then
//! merges any piece of it.

use core::{fmt::Debug, ops::Range};
use std::sync::Arc;

use super::{
    arith::{Arith, Double, Single},
    job::{Job, MethodError, Sink},
    rows::{Piece, RowBuffers, Rows},
};

pub(crate) trait Formula: Debug + Send + Sync + 'static {
    /// What merging a piece has to know about the whole.
    type Ready: Send + Sync + 'static;

    /// Whether that is as large as the tensor itself.
    const FINDS_AS_MUCH: bool = false;

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
pub(crate) trait AnyFormula: Debug + Send + Sync {
    /// Merges a tensor of a recipe.
    fn run(&self, job: &Job<'_>, sink: Sink<'_>) -> Result<(), MethodError>;

    /// [`Formula::FINDS_AS_MUCH`].
    fn finds_as_much(&self) -> bool;

    /// Looks at a tensor as a whole, for who merges pieces of it later.
    fn look_in_f32(
        self: Arc<Self>,
        rows: Rows<'_, Single>,
    ) -> Result<Box<dyn Looked<Single>>, MethodError>;

    /// The same in f64.
    fn look_in_f64(
        self: Arc<Self>,
        rows: Rows<'_, Double>,
    ) -> Result<Box<dyn Looked<Double>>, MethodError>;
}

/// A formula that has looked at a tensor.
pub(crate) trait Looked<A: Arith>: Send + Sync {
    /// [`Formula::run_length`], at least 1.
    fn run_length(&self) -> usize;

    /// Merges whole runs of the tensor that it has looked at.
    fn merge(
        &self,
        rows: &Rows<'_, A>,
        range: Range<usize>,
        buffers: &mut RowBuffers<A::T>,
        out: &mut [A::T],
    ) -> Result<(), MethodError>;
}
