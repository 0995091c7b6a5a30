//! One look at all inputs: the products of all pairs, the steps, and what is left for the rule.

use std::ops::Range;

use espalier_identity::Digest;
use espalier_tensor::{
    Dtype,
    kernels::{Gram, gram},
};
use rayon::prelude::*;

use super::{
    Steps,
    products::{Combination, Products},
    steps::{self, Step},
    tolerated,
};
use crate::policies::{
    Note,
    extent::{exponent_to, magnitude},
    tensor::Tensor,
};

/// Elements of a partial sum. Part of the specification: each range of a tensor is reduced on
/// its own, with the layout of [`espalier_tensor::kernels`], and the ranges are added in order.
const TASK: usize = 1 << 16;
/// Partial sums in memory at a time: no bit depends on it.
const WAVE: usize = 32;

/// Squared norms from here on are treated like infinity, so that products of products do not
/// overflow. No model of f32 elements gets there.
const MEASURABLE: f64 = 1e150;
/// Where all squared norms are below, they may have vanished. No model of f32 elements that are
/// not all zero gets there.
const VANISHING: f64 = 1e-150;
/// The power of two to which the largest element is brought where rows are measured again.
const COMFORTABLE: i32 = 200;

/// What a rule asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Need {
    /// No products, unless a step asks.
    Rows,
    /// Products, wherever the origin of the rows is. No base is read.
    Distances,
    /// Products of differences from the base, or of the models as they are.
    Norms,
}

/// The rows that the rule sees.
#[derive(Debug)]
pub(crate) struct Survey {
    /// The number of inputs.
    pub(crate) inputs: usize,
    /// Each row as a combination of the inputs; `None` if they are the inputs.
    pub(crate) mix: Option<Vec<Combination>>,
    /// The weight of each row: that of its input, or the mean of those that were averaged.
    pub(crate) weights: Vec<f64>,
    /// Their products, if anybody asked.
    pub(crate) products: Option<Products>,
    /// The number of rows that the rule is to take for lies.
    pub(crate) liars: usize,
    pub(crate) notes: Vec<Note>,
}

impl Survey {
    /// The number of rows.
    pub(crate) fn rows(&self) -> usize {
        self.weights.len()
    }

    /// Replaces the rows.
    fn apply(&mut self, rows: Vec<Combination>) {
        if let Some(products) = &mut self.products {
            *products = products.mixed(&rows);
        }
        let weight = |row: &Combination| {
            let sum = row.terms.iter().fold(0.0, |sum, &(input, _)| sum + self.weights[input]);
            sum / row.terms.len() as f64
        };
        self.weights = rows.iter().map(weight).collect();
        self.mix = Some(match self.mix.take() {
            Some(mix) => rows.iter().map(|row| row.through(&mix, self.inputs)).collect(),
            None => rows,
        });
    }

    /// Leaves out rows that cannot be compared.
    fn drop_unmeasured(&mut self) {
        let Some(products) = &self.products else { return };
        let n = products.rows();
        let measured: Vec<usize> = (0..n).filter(|&i| products.at(i, i) < MEASURABLE).collect();
        let count = n - measured.len();
        if count == 0 {
            return;
        }
        self.notes.push(Note::NotFinite { count, inputs: n });
        self.liars = self.liars.saturating_sub(count);
        if measured.is_empty() {
            // Nothing can be compared; the result is no number either, whatever is done.
            self.apply(vec![Combination::mean(&(0..n).collect::<Vec<_>>())]);
            self.products = self.products.take().map(|_| Products::from_triangle(1, &[0.0], 0));
            return;
        }
        let products = products.among(&measured);
        self.apply(measured.iter().map(|&row| Combination::mean(&[row])).collect());
        self.products = Some(products);
    }
}

/// Looks at the float tensors of a plan, and takes the steps. `rule` is its name in notes.
///
/// Cost: n² d / 2 multiply-adds over one pass, if products are needed; n the inputs, d their
/// elements. Memory: n² numbers for each of a few ranges under way.
pub(crate) fn survey(
    tensors: &[Tensor<'_>],
    steps: &Steps,
    need: Need,
    rule: &'static str,
) -> Survey {
    let context = tensors.first().map(|tensor| tensor.context);
    let weights = context.map_or(Vec::new(), |context| context.relative.clone());
    let inputs = weights.len();
    let (liars, notes) = (steps.liars.among(inputs), Vec::new());
    let mut survey = Survey { inputs, mix: None, weights, products: None, liars, notes };
    let Some(context) = context else { return survey };
    let chain = &steps.chain;
    if need > Need::Rows || chain.iter().any(|step| step.needs_products()) {
        survey.products = Some(measure(tensors, inputs, steps.need_origin(need), liars));
        survey.drop_unmeasured();
    }
    let ids = context.inputs.iter().map(|input| input.id);
    let mut ids: Vec<Digest> = match &survey.mix {
        // What was left out is gone; what is left is one input each.
        Some(rows) if survey.rows() > 1 => {
            let all: Vec<Digest> = ids.collect();
            rows.iter().map(|row| all[row.terms[0].0]).collect()
        }
        _ => ids.take(survey.rows()).collect(),
    };
    for step in chain {
        take(&mut survey, *step, &context.seed, &mut ids);
    }
    survey.liars = tolerated(rule, survey.rows(), survey.liars, &mut survey.notes);
    survey
}

fn take(survey: &mut Survey, step: Step, seed: &Digest, ids: &mut Vec<Digest>) {
    let rows = survey.rows();
    let liars = survey.liars;
    let mut at_most = |name| tolerated(name, rows, liars, &mut survey.notes);
    let combinations = match (step, &survey.products) {
        (Step::Bucketing(size), _) => {
            let buckets = steps::buckets(seed, ids, size);
            // From here on rows are no input's, and a chain has each step once.
            ids.clear();
            buckets.iter().map(|rows| Combination::mean(rows)).collect()
        }
        (Step::Nnm, Some(products)) => steps::nnm(products, at_most("nnm")),
        (Step::Arc, Some(products)) => steps::arc(products, at_most("arc")),
        (Step::Clipping(limit), Some(products)) => steps::clipping(products, limit),
        // Whoever has such a step has products.
        (_, None) => return,
    };
    survey.apply(combinations);
}

/// The products of all inputs, relative to the base (to zero without one) if the origin matters,
/// otherwise to one of the inputs; in another unit if their squares overflow or vanish.
fn measure(tensors: &[Tensor<'_>], inputs: usize, origin: bool, liars: usize) -> Products {
    let centre = (!origin).then(|| middle(tensors, inputs));
    let plain = products(tensors, inputs, centre, 0);
    match unit(&plain, tensors, liars) {
        0 => plain,
        unit => products(tensors, inputs, centre, unit),
    }
}

fn products(tensors: &[Tensor<'_>], inputs: usize, centre: Option<usize>, unit: i32) -> Products {
    let factors = vec![libm::scalbn(1.0, -unit); if unit == 0 { 0 } else { inputs }];
    let triangle = reduce(tensors, inputs * (inputs + 1) / 2, |tensor, range| {
        let rows = spans(tensor, &range);
        let mut gram = if unit == 0 { Gram::new(inputs) } else { Gram::scaled(&factors) };
        match centre.map(|input| rows[input]).or_else(|| base_span(tensor, &range)) {
            Some(origin) => gram.push_from(origin, &rows),
            None => gram.push(&rows),
        }
        gram.finish()
    });
    Products::from_triangle(inputs, &triangle, unit)
}

/// The power of two in units of which rows can be measured: zero unless more finite rows than
/// there may be liars are too long, or all are too short. Then what counts is the largest element
/// of all rows but the `liars` largest.
fn unit(products: &Products, tensors: &[Tensor<'_>], liars: usize) -> i32 {
    if tensors.iter().all(|tensor| tensor.dtype != Dtype::F64) {
        return 0;
    }
    let square = |row: usize| products.at(row, row);
    let rows = || 0..products.rows();
    let long: Vec<usize> =
        rows().filter(|&row| square(row).is_nan() || square(row) >= MEASURABLE).collect();
    let vanishing = rows().all(|row| square(row) < VANISHING);
    if long.len() <= liars && !vanishing {
        return 0;
    }
    let mut finite: Vec<(f64, bool)> = rows()
        .map(|row| (magnitude(tensors, row), long.contains(&row)))
        .filter(|(largest, _)| largest.is_finite())
        .collect();
    let liars = liars.saturating_sub(products.rows() - finite.len());
    if !vanishing && finite.iter().filter(|(_, long)| *long).count() <= liars {
        return 0;
    }
    finite.sort_by(|a, b| a.0.total_cmp(&b.0));
    let counts = finite.len().saturating_sub(liars + 1);
    match finite.get(counts) {
        Some(&(largest, _)) if largest > 0.0 => -exponent_to(COMFORTABLE, largest),
        _ => 0,
    }
}

/// The input of median norm among those that have one. Of norms whose squares overflow, the
/// largest element counts.
fn middle(tensors: &[Tensor<'_>], inputs: usize) -> usize {
    let norms = reduce(tensors, inputs, |tensor, range| {
        spans(tensor, &range).iter().map(|row| gram(&[*row])[0]).collect()
    });
    let key = |input: usize| match norms[input].is_finite() {
        true => (false, norms[input]),
        false => (true, magnitude(tensors, input)),
    };
    let mut keyed: Vec<((bool, f64), usize)> =
        (0..inputs).map(|input| (key(input), input)).filter(|(key, _)| key.1.is_finite()).collect();
    keyed.sort_by(|(a, _), (b, _)| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
    keyed.get(keyed.len().saturating_sub(1) / 2).map_or(0, |(_, input)| *input)
}

fn spans<'t>(tensor: &Tensor<'t>, range: &Range<usize>) -> Vec<(Dtype, &'t [u8])> {
    let span = |input| (tensor.dtype, tensor.bytes(input, range.clone()));
    (0..tensor.count()).map(span).collect()
}

fn base_span<'t>(tensor: &Tensor<'t>, range: &Range<usize>) -> Option<(Dtype, &'t [u8])> {
    let base = tensor.base()?;
    Some((tensor.dtype, &base[tensor.byte_range(range.clone())]))
}

/// Sums `len` numbers over ranges of all tensors, in order of the ranges.
fn reduce(
    tensors: &[Tensor<'_>],
    len: usize,
    part: impl Fn(&Tensor<'_>, Range<usize>) -> Vec<f64> + Sync,
) -> Vec<f64> {
    let tasks: Vec<(&Tensor<'_>, Range<usize>)> = tensors
        .iter()
        .flat_map(|tensor| {
            let starts = (0..tensor.elements).step_by(TASK);
            starts.map(move |start| (tensor, start..tensor.elements.min(start + TASK)))
        })
        .collect();
    let one = |(tensor, range): &(&Tensor<'_>, Range<usize>)| {
        let part = part(tensor, range.clone());
        tensor.release(range.clone());
        part
    };
    let mut total = vec![0.0; len];
    for wave in tasks.chunks(WAVE) {
        let parts: Vec<Vec<f64>> = match wave {
            [only] => vec![one(only)],
            _ => wave.par_iter().map(one).collect(),
        };
        for part in parts {
            total.iter_mut().zip(part).for_each(|(total, part)| *total += part);
        }
    }
    total
}
