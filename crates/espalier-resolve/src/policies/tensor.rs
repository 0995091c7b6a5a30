//! One tensor of all inputs and of the base, and the memory that merging it needs.

use core::ops::Range;

use espalier_identity::Digest;
use espalier_tensor::{Content, Dtype, Model};

use super::Input;
use crate::{methods::rows::RowBuffers, real::Real};

/// The factor of inputs and base where a merge is computed again.
pub(crate) const SHRINK: f64 = f64::from_bits((1023 - 256) << 52);

/// The longest range that is merged at once: what stays in the first-level cache.
pub(crate) const BLOCK: usize = espalier_tensor::kernels::BLOCK;

/// Elements that a pass over a tensor reads before it lets go of them: a multiple of all blocks
/// and tiles.
pub(crate) const PIECE: usize = 1 << 20;

/// RowBuffers that are reused from block to block.
#[derive(Debug, Default)]
pub(crate) struct Scratch<T> {
    pub(crate) rows: Vec<T>,
    pub(crate) weights: Vec<T>,
    pub(crate) more: Vec<T>,
    pub(crate) words: Vec<u32>,
    /// Merged values of a range of elements of the tensor, for formulas that merge whole runs.
    pub(crate) merged: (Range<usize>, Vec<T>),
    pub(crate) inputs: RowBuffers<T>,
}

impl<T: Real> Scratch<T> {
    /// At least `len` elements of `rows`, with anything in them.
    pub(crate) fn rows(&mut self, len: usize) -> &mut [T] {
        if self.rows.len() < len {
            self.rows.resize(len, T::ZERO);
        }
        &mut self.rows[..len]
    }
}

/// What is merged: the same for all tensors.
#[derive(Debug)]
pub(crate) struct Context<'a> {
    pub(crate) inputs: Vec<Input<'a>>,
    /// The inputs' weights up to one common factor that is a power of two, so that no bit
    /// changes and nothing overflows or vanishes; all 1 if they are equal.
    pub(crate) relative: Vec<f64>,
    pub(crate) base: Option<&'a Model>,
    pub(crate) seed: Digest,
}

/// One tensor of all inputs and of the base.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tensor<'p> {
    pub(crate) context: &'p Context<'p>,
    pub(crate) index: usize,
    pub(crate) dtype: Dtype,
    pub(crate) elements: usize,
    /// Whether elements are read times [`SHRINK`].
    pub(crate) shrunk: bool,
}

impl<'p> Tensor<'p> {
    pub(crate) fn shape(&self) -> &'p [u64] {
        &self.context.inputs[0].model.meta(self.index).shape
    }

    /// The same, read times [`SHRINK`].
    pub(crate) fn shrunk(&self) -> Self {
        Self { shrunk: true, ..*self }
    }

    /// Whether stored bytes are the values that [`Tensor::read`] gives.
    pub(crate) fn in_place<T: Real>(&self) -> bool {
        self.dtype == T::DTYPE && !self.shrunk
    }

    /// The number of inputs.
    pub(crate) fn count(&self) -> usize {
        self.context.inputs.len()
    }

    pub(crate) fn name(&self) -> &'p str {
        &self.context.inputs[0].model.meta(self.index).name
    }

    pub(crate) fn row(&self, input: usize) -> &'p Content {
        self.context.inputs[input].model.content(self.index)
    }

    /// The digest of [`Tensor::row`], which every model knows.
    pub(crate) fn content_digest(&self, input: usize) -> Digest {
        self.context.inputs[input].model.meta(self.index).content
    }

    /// Whether all inputs hold the same bytes.
    pub(crate) fn inputs_are_equal(&self) -> bool {
        let first = self.content_digest(0);
        (1..self.count()).all(|input| self.content_digest(input) == first)
    }

    pub(crate) fn base(&self) -> Option<&'p Content> {
        self.context.base.map(|base| base.content(self.index))
    }

    /// The bytes of some elements of an input.
    pub(crate) fn bytes(&self, input: usize, range: Range<usize>) -> &'p [u8] {
        &self.row(input)[self.byte_range(range)]
    }

    pub(crate) fn byte_range(&self, range: Range<usize>) -> Range<usize> {
        range.start * self.dtype.size()..range.end * self.dtype.size()
    }

    /// Elements `start ..` of an input.
    pub(crate) fn read<T: Real>(&self, input: usize, start: usize, out: &mut [T]) {
        self.read_bytes(self.bytes(input, start..start + out.len()), out);
    }

    fn read_bytes<T: Real>(&self, bytes: &[u8], out: &mut [T]) {
        T::read(self.dtype, bytes, out);
        if self.shrunk {
            out.iter_mut().for_each(|value| *value = *value * T::of(SHRINK));
        }
    }

    /// Elements `start ..` of the base; zero if there is none, which no strategy that asks allows.
    pub(crate) fn read_base<T: Real>(&self, start: usize, out: &mut [T]) {
        match self.base() {
            Some(base) => {
                let range = self.byte_range(start..start + out.len());
                self.read_bytes(&base[range], out);
            }
            None => out.fill(T::ZERO),
        }
    }

    /// Lets the system take back what was read of mapped inputs and base.
    pub(crate) fn release(&self, range: Range<usize>) {
        let bytes = self.byte_range(range);
        for content in (0..self.count()).map(|input| self.row(input)).chain(self.base()) {
            content.release(bytes.clone());
        }
    }

    /// The ranges in which a pass over the tensor goes, so that little of mapped files is in
    /// memory at a time: call [`Tensor::release`] after each.
    pub(crate) fn pieces(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        let elements = self.elements;
        (0..elements).step_by(PIECE).map(move |start| start..elements.min(start + PIECE))
    }

    /// The relative weights, into `out`.
    pub(crate) fn relative<T: Real>(&self, out: &mut Vec<T>) {
        out.clear();
        out.extend(self.context.relative.iter().map(|&weight| T::of(weight)));
    }

    /// The weights as they were given, into `out`.
    pub(crate) fn weights<T: Real>(&self, out: &mut Vec<T>) {
        out.clear();
        out.extend(self.context.inputs.iter().map(|input| T::of(input.weight)));
    }
}
