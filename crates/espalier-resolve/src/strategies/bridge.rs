//! Formulas of recipes as strategies of policies.
//!
//! A recipe merges one tensor of ordered inputs with parameters of their own; a policy merges a
//! set. So here inputs stand in canonical order, parameters are the same for all of them, and only
//! the weight is an input's own: that of the contribution. Random masks go by content.
//!
//! **Scale.** A sum over the inputs grows with their number. With `normalize` it does not: formulas
//! that have this parameter divide by the sum of the weights, others get weights that sum to one,
//! and where weights do not count λ is divided by the number of inputs.
//!
//! **Range.** A formula may have bounds of its own, such as "a sum below 10⁻⁸", so it cannot be
//! computed again on smaller values as other strategies are. Where f32 overflows it is computed
//! again in f64; what is not finite there is an error.
//!
//! **Memory.** What a formula knows of a tensor is found when the tensor is first merged. If that
//! is as large as the tensor, it is kept for one tensor at a time.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{
    methods::{
        Job, MethodError, MethodInfo, Row, Working,
        arith::{Arith, Double, Single},
        formula::{AnyFormula, Looked},
        rows::Rows,
    },
    parameters::Values,
    policies::{
        Note, SelectionCache,
        by_tensor::{AnyStrategy, Merger},
        tensor::{BLOCK, Context, SHRINK, Scratch, Tensor},
    },
    real::{Real, all_finite},
};

const LAMBDA: &str = "lambda";
const NORMALIZE: &str = "normalize";
const WEIGHT: &str = "weight";

/// The strategy that merges by a method's formula.
pub(crate) fn bridge(method: &'static MethodInfo, values: &Values) -> Arc<dyn AnyStrategy> {
    Arc::new(Bridge { method, values: values.clone() })
}

#[derive(Debug)]
struct Bridge {
    method: &'static MethodInfo,
    values: Values,
}

impl AnyStrategy for Bridge {
    fn select(
        &self,
        tensors: &[Option<(Tensor<'_>, bool)>],
        _: bool,
        _: &SelectionCache,
    ) -> (Box<dyn Merger + '_>, Vec<Note>) {
        // Without a tensor of floating-point numbers nothing will be asked for.
        let context = tensors.iter().flatten().map(|(tensor, _)| tensor.context).next();
        (Box::new(Bridged::new(self, context)), Vec::new())
    }

    fn coefficients(&self, _: &[f64]) -> Option<(Vec<f64>, f64)> {
        None
    }
}

/// A formula with the parameters of the inputs.
#[derive(Debug)]
struct Bridged {
    method: &'static MethodInfo,
    shared: BTreeMap<String, String>,
    inputs: Vec<BTreeMap<String, String>>,
    base: BTreeMap<String, String>,
    formula: Arc<dyn AnyFormula>,
    single: Looks<Single>,
    double: Looks<Double>,
    /// Whether all of a tensor is finite, of those where somebody asked.
    finite: Mutex<BTreeMap<usize, bool>>,
}

/// What the formula found, by the place of the tensor.
struct Looks<A>(Mutex<BTreeMap<usize, Look<A>>>);

/// What it found in a tensor; `None` if it cannot merge it.
type Look<A> = Option<Arc<dyn Looked<A>>>;

impl<A> core::fmt::Debug for Looks<A> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Looks")
    }
}

impl Bridged {
    fn new(Bridge { method, values }: &Bridge, context: Option<&Context<'_>>) -> Self {
        let normalize = values.flag(NORMALIZE);
        let mut weights: Vec<f64> = match context {
            // Scaled ones where only their ratios matter, so that no sum is too large or small.
            Some(context) if normalize || !values.has(NORMALIZE) => context.relative.clone(),
            Some(context) => context.inputs.iter().map(|input| input.weight).collect(),
            None => Vec::new(),
        };
        let own = |name: &str| method.shared.iter().any(|parameter| parameter.name == name);
        let weighted = method.per_input.iter().any(|parameter| parameter.name == WEIGHT);
        let mut shared = values.among(method.shared);
        if normalize && !own(NORMALIZE) && !weights.is_empty() {
            if weighted {
                let sum: f64 = weights.iter().sum();
                weights.iter_mut().for_each(|weight| *weight /= sum);
            } else {
                let lambda = values.number(LAMBDA) / weights.len() as f64;
                shared.insert(LAMBDA.to_owned(), lambda.to_string());
            }
        }
        let input = |weight: f64| {
            let mut parameters = values.among(method.per_input);
            if weighted {
                parameters.insert(WEIGHT.to_owned(), weight.to_string());
            }
            parameters
        };
        let checked = Values::exactly(method.name, method.shared, &shared);
        let checked = checked.expect("what policies allow is what recipes allow, or less");
        Self {
            method,
            inputs: weights.into_iter().map(input).collect(),
            base: BTreeMap::new(),
            formula: Arc::from((method.build)(&checked)),
            shared: checked.into_map(),
            single: Looks(Mutex::default()),
            double: Looks(Mutex::default()),
            finite: Mutex::default(),
        }
    }

    /// Calls `then` with the rows of a tensor.
    fn with_rows<T: Worked, R>(
        &self,
        t: &Tensor<'_>,
        then: impl FnOnce(Rows<'_, T::Arith>) -> R,
    ) -> R {
        let (inputs, base) = (&t.context.inputs, t.base());
        let contents: Vec<&[u8]> = (0..inputs.len()).map(|input| &**t.row(input)).collect();
        let base: Option<&[u8]> = base.map(|base| &**base);
        let row = |(source, parameters)| Row { source, dtype: t.dtype, parameters };
        let job = Job {
            method: self.method,
            shared: &self.shared,
            name: t.name(),
            shape: t.shape(),
            inputs: contents.iter().map(|bytes| bytes as _).zip(&self.inputs).map(row).collect(),
            base: base.as_ref().map(|bytes| row((bytes, &self.base))),
            working: T::WORKING,
            out: T::DTYPE,
            seed: t.context.seed,
        };
        let identities: Vec<_> = inputs.iter().map(|input| input.id).collect();
        then(Rows::new(&job).identified(&identities))
    }

    /// What the formula finds in a tensor, found once as a rule. Nothing is locked meanwhile: a
    /// thread that waits for others does other work, which may lead here again.
    fn look<T: Worked>(&self, t: &Tensor<'_>) -> Look<T::Arith> {
        let looks = T::looks(self);
        if let Some(look) = locked(&looks.0).get(&t.index) {
            return look.clone();
        }
        let look = self.with_rows::<T, _>(t, |rows| T::look(self.formula.clone(), rows));
        t.release(0..t.elements);
        let look: Look<T::Arith> = look.ok().map(Arc::from);
        let mut all = locked(&looks.0);
        if self.formula.finds_as_much() {
            all.clear();
        }
        all.insert(t.index, look.clone());
        look
    }

    /// Merges elements `start ..`, by whole runs of which the last one is remembered.
    fn merge<T: Worked>(&self, t: &Tensor<'_>, start: usize, out: &mut [T], s: &mut Scratch<T>) {
        let Some(look) = self.look::<T>(t) else { return out.fill(T::of(f64::NAN)) };
        let run = look.run_length();
        let step = run * (BLOCK / run).max(1);
        let (mut place, mut out) = (start, out);
        while !out.is_empty() {
            let (range, values) = &mut s.merged;
            if !range.contains(&place) {
                let begin = place / step * step;
                *range = begin..t.elements.min(begin + step);
                values.resize(range.len(), T::ZERO);
                let merge = |rows: Rows<'_, T::Arith>| {
                    look.merge(&rows, range.clone(), &mut s.inputs, values)
                };
                if self.with_rows::<T, _>(t, merge).is_err() {
                    values.fill(T::of(f64::NAN));
                }
            }
            let count = out.len().min(range.end - place);
            let (now, later) = out.split_at_mut(count);
            now.copy_from_slice(&values[place - range.start..][..count]);
            (place, out) = (place + count, later);
        }
    }

    /// Whether all that is merged into a tensor is finite.
    fn all_finite(&self, t: &Tensor<'_>) -> bool {
        if let Some(&known) = locked(&self.finite).get(&t.index) {
            return known;
        }
        let mut values = vec![0.0; BLOCK];
        let mut finite = true;
        for start in (0..t.elements).step_by(BLOCK) {
            let values = &mut values[..BLOCK.min(t.elements - start)];
            for input in 0..t.count() {
                t.read(input, start, values);
                finite &= all_finite(values);
            }
            t.read_base(start, values);
            finite &= all_finite(values);
        }
        locked(&self.finite).insert(t.index, finite);
        finite
    }
}

impl Merger for Bridged {
    fn open(&self, t: &Tensor<'_>, wide: bool) {
        if wide {
            self.look::<f64>(t);
        } else {
            self.look::<f32>(t);
        }
    }

    fn keeps_equals(&self) -> bool {
        false
    }

    fn merge_f32(&self, t: &Tensor<'_>, start: usize, out: &mut [f32], s: &mut Scratch<f32>) {
        self.merge(t, start, out, s);
    }

    fn merge_f64(&self, t: &Tensor<'_>, start: usize, out: &mut [f64], s: &mut Scratch<f64>) {
        if !t.shrunk {
            return self.merge(t, start, out, s);
        }
        let plain = Tensor { shrunk: false, ..*t };
        self.merge(&plain, start, out, s);
        for value in out {
            // Beyond f64 though every input is finite: too large for any type.
            let infinite = !value.is_finite() && self.all_finite(&plain);
            *value = if infinite { f64::MAX } else { *value * SHRINK };
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The type of the arithmetic, as formulas know it.
trait Worked: Real {
    type Arith: Arith<T = Self>;
    const WORKING: Working;

    fn looks(bridged: &Bridged) -> &Looks<Self::Arith>;
    fn look(
        formula: Arc<dyn AnyFormula>,
        rows: Rows<'_, Self::Arith>,
    ) -> Result<Box<dyn Looked<Self::Arith>>, MethodError>;
}

impl Worked for f32 {
    type Arith = Single;
    const WORKING: Working = Working::F32;

    fn looks(bridged: &Bridged) -> &Looks<Single> {
        &bridged.single
    }

    fn look(
        formula: Arc<dyn AnyFormula>,
        rows: Rows<'_, Single>,
    ) -> Result<Box<dyn Looked<Single>>, MethodError> {
        formula.look_in_f32(rows)
    }
}

impl Worked for f64 {
    type Arith = Double;
    const WORKING: Working = Working::F64;

    fn looks(bridged: &Bridged) -> &Looks<Double> {
        &bridged.double
    }

    fn look(
        formula: Arc<dyn AnyFormula>,
        rows: Rows<'_, Double>,
    ) -> Result<Box<dyn Looked<Double>>, MethodError> {
        formula.look_in_f64(rows)
    }
}

#[cfg(test)]
mod tests {
    use espalier_identity::Digest;
    use espalier_tensor::{Dtype, Model};

    use super::*;
    use crate::{
        methods::{SCE, spectral::ISO_C},
        policies::{Input, StrategyInfo},
        strategies::formulas,
    };

    #[test]
    fn what_is_as_large_as_a_tensor_is_kept_for_one_tensor() {
        let model = |values: &[f32; 4]| {
            Model::from_f32(&[("a", &[2, 2], values), ("b", &[2, 2], values)]).expect("valid")
        };
        let (base, model) = (model(&[1.0; 4]), model(&[3.0, 1.0, 1.0, 2.0]));
        let inputs = vec![Input { id: Digest::ZERO, weight: 1.0, model: &model }];
        let (relative, seed) = (vec![1.0], Digest::ZERO);
        let context = Context { inputs, relative, base: Some(&base), seed };
        let kept = |method: &'static MethodInfo, info: &StrategyInfo| {
            let values = Values::new(info.name, info.parameters, &BTreeMap::new());
            let bridge = Bridge { method, values: values.expect("defaults") };
            let bridged = Bridged::new(&bridge, Some(&context));
            for index in [0, 1] {
                let tensor = Tensor {
                    context: &context,
                    index,
                    dtype: Dtype::F32,
                    elements: 4,
                    shrunk: false,
                };
                bridged.open(&tensor, false);
            }
            locked(&bridged.single.0).len()
        };
        assert_eq!(kept(&ISO_C, &formulas::ISO_C), 1);
        assert_eq!(kept(&SCE, &formulas::SCE), 2);
    }
}
