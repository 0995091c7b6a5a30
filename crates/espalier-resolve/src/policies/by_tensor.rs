//! What a strategy is inside: as a rule, one that merges blocks of one tensor after the other.

use core::fmt::Debug;

use rayon::prelude::*;

use super::{
    Note, SelectionCache,
    tensor::{Scratch, Tensor},
};
use crate::real::Real;

/// A strategy's formula.
///
/// `select` looks at a whole tensor once, if the formula needs that; `merge` then computes any
/// range of elements of the result. Both are pure, and the result of `merge` for an element does
/// not depend on the range it is asked for with.
pub(crate) trait ByTensor: Debug + Send + Sync + 'static {
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
pub(crate) struct Selection<S: ByTensor>(pub(crate) S::Selected, pub(crate) Option<Note>);

/// A [`ByTensor`] whose types are forgotten, for the list; or a strategy that looks at all
/// tensors together before it merges, as the robust ones do.
pub(crate) trait AnyStrategy: Debug + Send + Sync {
    fn select(
        &self,
        tensors: &[Option<(Tensor<'_>, bool)>],
        parallel: bool,
        cache: &SelectionCache,
    ) -> (Box<dyn Merger + '_>, Vec<Note>);
    fn coefficients(&self, weights: &[f64]) -> Option<(Vec<f64>, f64)>;

    /// Whether a base changes the result of a strategy that does not need one.
    fn reads_base(&self) -> bool {
        false
    }
}

/// A strategy together with what it selected in each tensor.
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
struct Ready<'m, S: ByTensor> {
    strategy: &'m S,
    selected: Vec<Option<S::Selected>>,
}

impl<S: ByTensor> AnyStrategy for S {
    fn select(
        &self,
        tensors: &[Option<(Tensor<'_>, bool)>],
        parallel: bool,
        cache: &SelectionCache,
    ) -> (Box<dyn Merger + '_>, Vec<Note>) {
        let select = |tensor: &Option<(Tensor<'_>, bool)>| {
            tensor.as_ref().map(|(tensor, wide)| match wide {
                true => ByTensor::select::<f64>(self, tensor, cache),
                false => ByTensor::select::<f32>(self, tensor, cache),
            })
        };
        let found: Vec<Option<Selection<S>>> = if parallel {
            tensors.par_iter().map(select).collect()
        } else {
            tensors.iter().map(select).collect()
        };
        let mut notes = Vec::new();
        let mut keep = |Selection(selected, note): Selection<S>| {
            notes.extend(note);
            selected
        };
        let selected = found.into_iter().map(|found| found.map(&mut keep)).collect();
        (Box::new(Ready { strategy: self, selected }), notes)
    }

    fn coefficients(&self, weights: &[f64]) -> Option<(Vec<f64>, f64)> {
        ByTensor::coefficients(self, weights)
    }
}

impl<S: ByTensor> Ready<'_, S> {
    fn merge<T: Real>(&self, t: &Tensor<'_>, start: usize, out: &mut [T], s: &mut Scratch<T>) {
        if let Some(Some(selected)) = self.selected.get(t.index) {
            self.strategy.merge(t, selected, start, out, s);
        }
    }
}

impl<S: ByTensor> Merger for Ready<'_, S> {
    fn overflows(&self, t: &Tensor<'_>) -> bool {
        let selected = self.selected.get(t.index).and_then(Option::as_ref);
        selected.is_some_and(|selected| self.strategy.overflows(selected))
    }

    fn keeps_equals(&self) -> bool {
        self.strategy.keeps_equals()
    }

    fn merge_f32(&self, t: &Tensor<'_>, start: usize, out: &mut [f32], s: &mut Scratch<f32>) {
        self.merge(t, start, out, s);
    }

    fn merge_f64(&self, t: &Tensor<'_>, start: usize, out: &mut [f64], s: &mut Scratch<f64>) {
        self.merge(t, start, out, s);
    }
}
