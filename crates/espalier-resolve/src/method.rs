//! What a strategy is inside: a method that merges blocks of one tensor.

use core::{fmt::Debug, ops::Range};

use espalier_identity::Digest;
use espalier_tensor::{Content, Dtype, Model};
use rayon::prelude::*;

use crate::{Input, Note, SelectionCache, extent::SHRINK, real::Real, recipes::rows::Buffers};

/// A strategy's formula.
///
/// `select` looks at a whole tensor once, if the formula needs that; `merge` then computes any
/// range of elements of the result. Both are pure, and the result of `merge` for an element does
/// not depend on the range it is asked for with.
pub(crate) trait Method: Debug + Send + Sync + 'static {
    /// What `merge` has to know about a tensor.
    type Selected: Debug + Send + Sync + 'static;

    fn select<T: Real>(&self, tensor: &Tensor<'_>, cache: &SelectionCache) -> Selection<Self>
    where
        Self: Sized;

    /// Writes merged elements `start ..` into `out`, at most [`BLOCK`] of them.
    fn merge<T: Real>(
        &self,
        tensor: &Tensor<'_>,
        selected: &Self::Selected,
        start: usize,
        out: &mut [T],
        scratch: &mut Scratch<T>,
    );

    /// Whether plain arithmetic could overflow in this tensor without showing it in the result.
    fn overflows(&self, _selected: &Self::Selected) -> bool {
        false
    }

    /// Whether equal inputs are the result: true of means, false of what is scaled.
    fn keeps_equals(&self) -> bool {
        false
    }

    /// The factors of the inputs and of the base, if they depend on weights only.
    fn coefficients(&self, _weights: &[f64]) -> Option<(Vec<f64>, f64)> {
        None
    }
}

/// What `select` found, and what a reader should know about it.
pub(crate) struct Selection<M: Method>(pub(crate) M::Selected, pub(crate) Option<Note>);

/// The longest range that is merged at once: what stays in the first-level cache.
pub(crate) const BLOCK: usize = espalier_tensor::kernels::BLOCK;

/// Elements that a pass over a tensor reads before it lets go of them: a multiple of all blocks
/// and tiles.
pub(crate) const PIECE: usize = 1 << 20;

/// Buffers that are reused from block to block.
#[derive(Debug, Default)]
pub(crate) struct Scratch<T> {
    pub(crate) rows: Vec<T>,
    pub(crate) weights: Vec<T>,
    pub(crate) more: Vec<T>,
    pub(crate) words: Vec<u32>,
    /// Merged values of a range of elements of the tensor, for formulas that merge whole runs.
    pub(crate) merged: (Range<usize>, Vec<T>),
    pub(crate) inputs: Buffers<T>,
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

    /// Elements `start ..` of the base; zero if there is none, which no method that asks allows.
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

/// A [`Method`] whose types are forgotten, for the registry; or a method that looks at all
/// tensors together before it merges, as the robust ones do.
pub(crate) trait AnyMethod: Debug + Send + Sync {
    fn select(
        &self,
        tensors: &[Option<(Tensor<'_>, bool)>],
        parallel: bool,
        cache: &SelectionCache,
    ) -> (Box<dyn Merger + '_>, Vec<Note>);
    fn coefficients(&self, weights: &[f64]) -> Option<(Vec<f64>, f64)>;

    /// Whether a base changes the result of a method that does not need one.
    fn reads_base(&self) -> bool {
        false
    }
}

/// A method together with what it selected in each tensor.
pub(crate) trait Merger: Debug + Send + Sync {
    /// Prepares for merging blocks of a tensor, in f64 if `wide`, which then may come from several
    /// threads. Changes no result.
    fn open(&self, _t: &Tensor<'_>, _wide: bool) {}

    /// Whether plain arithmetic could overflow in this tensor without showing it in the result.
    fn overflows(&self, _t: &Tensor<'_>) -> bool {
        false
    }

    /// Whether equal inputs are the result, rounding aside.
    fn keeps_equals(&self) -> bool;

    fn merge_f32(&self, t: &Tensor<'_>, start: usize, out: &mut [f32], s: &mut Scratch<f32>);
    fn merge_f64(&self, t: &Tensor<'_>, start: usize, out: &mut [f64], s: &mut Scratch<f64>);
}

#[derive(Debug)]
struct Ready<'m, M: Method> {
    method: &'m M,
    selected: Vec<Option<M::Selected>>,
}

impl<M: Method> AnyMethod for M {
    fn select(
        &self,
        tensors: &[Option<(Tensor<'_>, bool)>],
        parallel: bool,
        cache: &SelectionCache,
    ) -> (Box<dyn Merger + '_>, Vec<Note>) {
        let select = |tensor: &Option<(Tensor<'_>, bool)>| {
            tensor.as_ref().map(|(tensor, wide)| match wide {
                true => Method::select::<f64>(self, tensor, cache),
                false => Method::select::<f32>(self, tensor, cache),
            })
        };
        let found: Vec<Option<Selection<M>>> = if parallel {
            tensors.par_iter().map(select).collect()
        } else {
            tensors.iter().map(select).collect()
        };
        let mut notes = Vec::new();
        let mut keep = |Selection(selected, note): Selection<M>| {
            notes.extend(note);
            selected
        };
        let selected = found.into_iter().map(|found| found.map(&mut keep)).collect();
        (Box::new(Ready { method: self, selected }), notes)
    }

    fn coefficients(&self, weights: &[f64]) -> Option<(Vec<f64>, f64)> {
        Method::coefficients(self, weights)
    }
}

impl<M: Method> Ready<'_, M> {
    fn merge<T: Real>(&self, t: &Tensor<'_>, start: usize, out: &mut [T], s: &mut Scratch<T>) {
        if let Some(Some(selected)) = self.selected.get(t.index) {
            self.method.merge(t, selected, start, out, s);
        }
    }
}

impl<M: Method> Merger for Ready<'_, M> {
    fn overflows(&self, t: &Tensor<'_>) -> bool {
        let selected = self.selected.get(t.index).and_then(Option::as_ref);
        selected.is_some_and(|selected| self.method.overflows(selected))
    }

    fn keeps_equals(&self) -> bool {
        self.method.keeps_equals()
    }

    fn merge_f32(&self, t: &Tensor<'_>, start: usize, out: &mut [f32], s: &mut Scratch<f32>) {
        self.merge(t, start, out, s);
    }

    fn merge_f64(&self, t: &Tensor<'_>, start: usize, out: &mut [f64], s: &mut Scratch<f64>) {
        self.merge(t, start, out, s);
    }
}
