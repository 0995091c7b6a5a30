//! Rules that work coordinate by coordinate, on rows that are mixed tile by tile.

use core::fmt::Debug;

use espalier_tensor::widest;

use super::{
    Steps,
    products::Combination,
    survey::{Need, Survey, survey},
};
use crate::{
    policies::{
        Note, SelectionCache,
        by_tensor::{AnyStrategy, Merger},
        linear,
        ranks::{Ranked, by_rank},
        tensor::{Scratch, Tensor},
    },
    real::Real,
};

/// A function of the values that the rows have in one coordinate.
pub(crate) trait ColumnRule: Debug + Send + Sync + 'static {
    /// How notes call it.
    const NAME: &'static str;

    /// Writes the result of some coordinates. `more` is for whatever the rule needs.
    fn merge<T: Real>(
        &self,
        rows: &Rows<'_, T>,
        ranked: &Ranked<'_, T>,
        out: &mut [T],
        more: &mut Vec<T>,
    );
}

/// What a rule knows of the rows besides their values.
#[derive(Debug)]
pub(crate) struct Rows<'r, T> {
    pub(crate) count: usize,
    /// Fewer than half of the rows.
    pub(crate) liars: usize,
    pub(crate) weights: &'r [T],
}

/// A rule with the steps before it.
#[derive(Debug)]
pub(crate) struct ByColumns<R> {
    pub(crate) rule: R,
    pub(crate) steps: Steps,
}

impl<R: ColumnRule> AnyStrategy for ByColumns<R> {
    fn select(
        &self,
        tensors: &[Option<(Tensor<'_>, bool)>],
        _parallel: bool,
        _cache: &SelectionCache,
    ) -> (Box<dyn Merger + '_>, Vec<Note>) {
        let tensors: Vec<Tensor<'_>> =
            tensors.iter().flatten().map(|(tensor, _)| *tensor).collect();
        let mut survey = survey(&tensors, &self.steps, Need::Rows, R::NAME);
        let notes = core::mem::take(&mut survey.notes);
        let equals = survey.mix.as_deref().map(equals).unwrap_or_default();
        (Box::new(Columns { rule: &self.rule, survey, equals }), notes)
    }

    fn coefficients(&self, _weights: &[f64]) -> Option<(Vec<f64>, f64)> {
        None
    }

    fn reads_base(&self) -> bool {
        self.steps.need_origin(Need::Rows)
    }
}

/// Per row the first one that is the same combination: where liars are far away, neighbour
/// mixing makes most rows the same.
fn equals(mix: &[Combination]) -> Vec<usize> {
    let first = |(row, this): (usize, &Combination)| {
        mix[..row].iter().position(|other| other == this).unwrap_or(row)
    };
    mix.iter().enumerate().map(first).collect()
}

#[derive(Debug)]
struct Columns<'m, R> {
    rule: &'m R,
    survey: Survey,
    equals: Vec<usize>,
}

impl<R: ColumnRule> Columns<'_, R> {
    fn merge<T: Real>(&self, t: &Tensor<'_>, start: usize, out: &mut [T], s: &mut Scratch<T>) {
        let count = self.survey.rows();
        let mut more = core::mem::take(&mut s.more);
        let mut weights = core::mem::take(&mut s.weights);
        weights.clear();
        weights.extend(self.survey.weights.iter().map(|&weight| T::of(weight)));
        let rows = Rows { count, liars: self.survey.liars, weights: &weights };
        let rule = |ranked: &Ranked<'_, T>, out: &mut [T]| {
            self.rule.merge(&rows, ranked, out, &mut more);
        };
        match &self.survey.mix {
            None => {
                let read = |start, len, width, values: &mut [T]| {
                    for (input, row) in values.chunks_exact_mut(width).enumerate() {
                        t.read(input, start, &mut row[..len]);
                    }
                };
                by_rank(count, read, start, out, s, rule);
            }
            Some(mix) => {
                let mut mixer = Mixer::new(mix, &self.equals, self.survey.inputs);
                let read = |start, len, width, values: &mut [T]| {
                    mixer.mix(t, start, len, width, values);
                };
                by_rank(count, read, start, out, s, rule);
            }
        }
        (s.more, s.weights) = (more, weights);
    }
}

impl<R: ColumnRule> Merger for Columns<'_, R> {
    /// The rows are means of inputs if the base is not mixed in.
    fn keeps_equals(&self) -> bool {
        self.survey.mix.iter().flatten().all(|row| row.base == 0.0)
    }

    fn merge_f32(&self, t: &Tensor<'_>, start: usize, out: &mut [f32], s: &mut Scratch<f32>) {
        self.merge(t, start, out, s);
    }

    fn merge_f64(&self, t: &Tensor<'_>, start: usize, out: &mut [f64], s: &mut Scratch<f64>) {
        self.merge(t, start, out, s);
    }
}

/// Computes mixed rows, tile by tile.
struct Mixer<'m, T> {
    mix: &'m [Combination],
    equals: &'m [usize],
    /// The factors of each row, in the type of the arithmetic.
    factors: Vec<Vec<T>>,
    base: bool,
    inputs: usize,
    /// A tile of all inputs, and of the base after them.
    tile: Vec<T>,
}

impl<'m, T: Real> Mixer<'m, T> {
    fn new(mix: &'m [Combination], equals: &'m [usize], inputs: usize) -> Self {
        let factors = |row: &Combination| row.terms.iter().map(|term| T::of(term.1)).collect();
        let base = mix.iter().any(|row| row.base != 0.0);
        let factors = mix.iter().map(factors).collect();
        Self { mix, equals, factors, base, inputs, tile: Vec::new() }
    }

    /// Each sum is a left fold in the order of the inputs, then the base.
    fn mix(&mut self, t: &Tensor<'_>, start: usize, len: usize, width: usize, values: &mut [T]) {
        let Self { mix, equals, factors, base, inputs, tile } = self;
        tile.resize((*inputs + 1) * width, T::ZERO);
        let (tile, base_row) = tile.split_at_mut(*inputs * width);
        for (input, row) in tile.chunks_exact_mut(width).enumerate() {
            t.read(input, start, &mut row[..len]);
        }
        if *base {
            t.read_base(start, &mut base_row[..len]);
        }
        let of = |input: usize| &tile[input * width..input * width + len];
        for (row, combination) in mix.iter().enumerate() {
            let (done, rest) = values.split_at_mut(row * width);
            let out = &mut rest[..len];
            if equals[row] < row {
                out.copy_from_slice(&done[equals[row] * width..][..len]);
                continue;
            }
            fold(&combination.terms, &factors[row], of, out);
            if combination.base != 0.0 {
                linear::add_scaled(T::of(combination.base), &base_row[..len], out);
            }
        }
    }
}

/// Σ c x, four rows in one pass over the output.
fn fold<'v, T: Real>(
    terms: &[(usize, f64)],
    factors: &[T],
    row: impl Fn(usize) -> &'v [T],
    out: &mut [T],
) {
    // Minus zero is what leaves every other number, zero included, as it is.
    out.fill(-T::ZERO);
    let (terms, rest) = terms.as_chunks::<4>();
    let (factors, rest_factors) = factors.as_chunks::<4>();
    for (terms, &factors) in terms.iter().zip(factors) {
        add_four(factors, terms.map(|(input, _)| row(input)), out);
    }
    for (&(input, _), &factor) in rest.iter().zip(rest_factors) {
        linear::add_scaled(factor, row(input), out);
    }
}

widest! {
    fn add_four[T: Real][T](c: [T; 4], x: [&[T]; 4], out: &mut [T]) {
        let n = out.len();
        let x = x.map(|row| &row[..n]);
        for j in 0..n {
            let sum = out[j] + c[0] * x[0][j] + c[1] * x[1][j];
            out[j] = sum + c[2] * x[2][j] + c[3] * x[3][j];
        }
    }
}
