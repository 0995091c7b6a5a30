//! Rules whose result is a combination of the rows, with factors that depend on the products of
//! the rows only.

use core::fmt::Debug;

use super::{
    Steps,
    products::{Combination, Products},
    survey::{Need, survey},
};
use crate::{
    policies::{
        Note, SelectionCache,
        by_tensor::{AnyStrategy, Merger},
        linear,
        tensor::{Scratch, Tensor},
    },
    real::Real,
};

/// A function from products to factors.
pub(crate) trait ProductRule: Debug + Send + Sync + 'static {
    /// How notes call it.
    const NAME: &'static str;

    /// What the rule looks at.
    fn need(&self) -> Need {
        Need::Distances
    }

    /// The result as a combination of the rows, of which there is at least one; fewer than half
    /// of them, `liars`, may be anything.
    fn combine(&self, products: &Products, liars: usize, notes: &mut Vec<Note>) -> Combination;
}

/// A rule with the steps before it.
#[derive(Debug)]
pub(crate) struct ByProducts<R> {
    pub(crate) rule: R,
    pub(crate) steps: Steps,
}

impl<R: ProductRule> AnyStrategy for ByProducts<R> {
    fn select(
        &self,
        tensors: &[Option<(Tensor<'_>, bool)>],
        _parallel: bool,
        _cache: &SelectionCache,
    ) -> (Box<dyn Merger + '_>, Vec<Note>) {
        let tensors: Vec<Tensor<'_>> =
            tensors.iter().flatten().map(|(tensor, _)| *tensor).collect();
        let mut survey = survey(&tensors, &self.steps, self.rule.need(), R::NAME);
        let mut result = match &survey.products {
            Some(products) => self.rule.combine(products, survey.liars, &mut survey.notes),
            // Whoever does not ask how the rows differ treats all alike.
            None => Combination::mean(&(0..survey.rows()).collect::<Vec<_>>()),
        };
        if let Some(mix) = &survey.mix {
            result = result.through(mix, survey.inputs);
        }
        (Box::new(Sum(result)), survey.notes)
    }

    fn coefficients(&self, _weights: &[f64]) -> Option<(Vec<f64>, f64)> {
        None
    }

    fn reads_base(&self) -> bool {
        self.steps.need_origin(self.rule.need())
    }
}

/// A factor of the base below this is what rounding left of zero.
const ROUNDING: f64 = 1e-12;

#[derive(Debug)]
struct Sum(Combination);

impl Sum {
    fn merge<T: Real>(&self, t: &Tensor<'_>, start: usize, out: &mut [T], s: &mut Scratch<T>) {
        let Self(Combination { terms, base }) = self;
        s.weights.clear();
        s.weights.extend(terms.iter().map(|&(_, factor)| T::of(factor)));
        linear::combine_some(t, |k| terms[k].0, &s.weights, None, start, out, &mut s.rows);
        if *base != 0.0 && t.base().is_some() {
            s.more.resize(s.more.len().max(out.len()), T::ZERO);
            let row = &mut s.more[..out.len()];
            t.read_base(start, row);
            linear::add_scaled(T::of(*base), row, out);
        }
    }
}

impl Merger for Sum {
    /// The factors sum to one if the base has none, or as good as none.
    fn keeps_equals(&self) -> bool {
        self.0.base.abs() < ROUNDING
    }

    fn merge_f32(&self, t: &Tensor<'_>, start: usize, out: &mut [f32], s: &mut Scratch<f32>) {
        self.merge(t, start, out, s);
    }

    fn merge_f64(&self, t: &Tensor<'_>, start: usize, out: &mut [f64], s: &mut Scratch<f64>) {
        self.merge(t, start, out, s);
    }
}
