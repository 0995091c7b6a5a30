//! The inputs of one tensor, read piece by piece as values of the working arithmetic.

use core::{marker::PhantomData, ops::Range};
use std::{io, sync::Mutex};

use espalier_identity::Digest;
use rayon::prelude::*;

use super::{
    arith::Arith,
    job::{Job, MethodError, Row},
};
use crate::real::Real;

/// Elements in a piece: what all inputs have of it stays in the second-level cache.
pub(super) const PIECE: usize = 1 << 15;

/// The inputs and the base of a tensor.
pub(crate) struct Rows<'a, A> {
    pub(crate) job: &'a Job<'a>,
    pub(crate) elements: usize,
    /// The identities of the inputs' contents, if random masks go by these and not by places.
    pub(crate) identities: Option<&'a [Digest]>,
    /// Elements in a piece.
    step: usize,
    arith: PhantomData<A>,
}

/// Memory that is used again from piece to piece.
#[derive(Debug, Default)]
pub(crate) struct RowBuffers<T> {
    bytes: Vec<u8>,
    values: Vec<T>,
}

/// Memory of threads that is used again. Threads come and go with the pieces; fresh memory from the
/// system costs more than what is done with it.
#[derive(Debug)]
pub(crate) struct Pool<W>(Mutex<Vec<W>>);

impl<W: Default> Pool<W> {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    pub(crate) fn lend(&self) -> Lent<'_, W> {
        let spare = self.0.lock().ok().and_then(|mut spare| spare.pop());
        Lent { memory: spare.unwrap_or_default(), pool: self }
    }
}

/// Memory that goes back to its [`Pool`].
#[derive(Debug)]
pub(crate) struct Lent<'p, W: Default> {
    pub(crate) memory: W,
    pool: &'p Pool<W>,
}

impl<W: Default> Drop for Lent<'_, W> {
    fn drop(&mut self) {
        if let Ok(mut spare) = self.pool.0.lock() {
            spare.push(core::mem::take(&mut self.memory));
        }
    }
}

/// Some consecutive elements of all inputs and of the base.
#[derive(Debug)]
pub(crate) struct Piece<'b, T> {
    /// The place of the first.
    pub(crate) start: usize,
    pub(crate) len: usize,
    inputs: usize,
    values: &'b [T],
}

impl<T> Piece<'_, T> {
    pub(crate) fn row(&self, input: usize) -> &[T] {
        &self.values[input * self.len..][..self.len]
    }

    pub(crate) fn inputs(&self) -> usize {
        self.inputs
    }

    /// Empty if there is no base.
    pub(crate) fn base(&self) -> &[T] {
        &self.values[self.inputs * self.len..]
    }
}

/// What a thread found so far, and its memory.
type Gathered<'p, A, R> = (R, Lent<'p, RowBuffers<<A as Arith>::T>>);

impl<'a, A: Arith> Rows<'a, A> {
    pub(crate) fn new(job: &'a Job<'a>) -> Self {
        let elements = job.elements();
        Self { job, elements, identities: None, step: PIECE, arith: PhantomData }
    }

    /// With random masks that go by the contents of the inputs, one identity for each.
    pub(crate) fn identified(mut self, identities: &'a [Digest]) -> Self {
        self.identities = Some(identities);
        self
    }

    /// Pieces that hold whole runs of `length` elements.
    pub(crate) fn in_runs(mut self, length: usize) -> Self {
        let length = length.max(1);
        self.step = length * (PIECE / length).max(1);
        self
    }

    /// The length of the vectors along the last dimension.
    pub(crate) fn row_length(&self) -> usize {
        self.job.shape.last().map_or(1, |&length| length as usize)
    }

    pub(crate) fn count(&self) -> usize {
        self.job.inputs.len()
    }

    /// A parameter of all inputs.
    pub(crate) fn numbers(&self, name: &str) -> Vec<f64> {
        self.job.inputs.iter().map(|row| row.number(name)).collect()
    }

    pub(crate) fn pieces(&self) -> impl Iterator<Item = Range<usize>> + use<A> {
        let (elements, step) = (self.elements, self.step);
        (0..elements).step_by(step).map(move |start| start..elements.min(start + step))
    }

    pub(crate) fn load<'b>(
        &self,
        range: Range<usize>,
        buffers: &'b mut RowBuffers<A::T>,
    ) -> Result<Piece<'b, A::T>, MethodError> {
        let (len, inputs) = (range.len(), self.count());
        let all = || self.job.inputs.iter().chain(&self.job.base);
        buffers.values.resize(all().count() * len, A::T::ZERO);
        let values = buffers.values.chunks_exact_mut(len.max(1));
        for (input, (row, values)) in all().zip(values).enumerate() {
            self.read(row, range.start, &mut buffers.bytes, values).map_err(|source| {
                MethodError::Read { tensor: self.job.name.to_owned(), input, source }
            })?;
        }
        Ok(Piece { start: range.start, len, inputs, values: &buffers.values })
    }

    /// Reads elements of one input, rounded to the working arithmetic.
    fn read(
        &self,
        row: &Row<'_>,
        start: usize,
        bytes: &mut Vec<u8>,
        out: &mut [A::T],
    ) -> io::Result<()> {
        let size = row.dtype.size();
        bytes.resize(out.len() * size, 0);
        row.source.read((start * size) as u64, bytes)?;
        A::T::read(row.dtype, bytes, out);
        if !A::PLAIN {
            out.iter_mut().for_each(|value| *value = A::round(*value));
        }
        Ok(())
    }

    /// What `look` finds in each piece, in the order of the pieces.
    pub(crate) fn map<R: Send>(
        &self,
        look: impl Fn(Piece<'_, A::T>) -> R + Sync,
    ) -> Result<Vec<R>, MethodError> {
        let pieces: Vec<_> = self.pieces().collect();
        let pool = Pool::new();
        let look = |lent: &mut Lent<'_, RowBuffers<A::T>>, range| {
            Ok(look(self.load(range, &mut lent.memory)?))
        };
        pieces.into_par_iter().map_init(|| pool.lend(), look).collect()
    }

    /// What `look` finds in all pieces together, put together in any order and grouping.
    pub(crate) fn gather<R: Send>(
        &self,
        empty: impl Fn() -> R + Sync + Send,
        look: impl Fn(&mut R, Piece<'_, A::T>) + Sync,
        join: impl Fn(R, R) -> R + Sync + Send,
    ) -> Result<R, MethodError> {
        let pieces: Vec<_> = self.pieces().collect();
        let pool = Pool::new();
        let folded = pieces
            .into_par_iter()
            .try_fold(|| (empty(), pool.lend()), |part, range| self.step(part, range, &look));
        folded.map(|part| part.map(|(found, _)| found)).try_reduce(&empty, |a, b| Ok(join(a, b)))
    }

    fn step<'p, R>(
        &self,
        (mut found, mut lent): Gathered<'p, A, R>,
        range: Range<usize>,
        look: impl Fn(&mut R, Piece<'_, A::T>),
    ) -> Result<Gathered<'p, A, R>, MethodError> {
        look(&mut found, self.load(range, &mut lent.memory)?);
        Ok((found, lent))
    }
}
