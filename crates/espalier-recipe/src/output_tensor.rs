//! One tensor of the output: its inputs, what they must have in common, and its parameters.

use std::collections::BTreeMap;

use espalier_resolve::{
    StrategyError, find_method,
    methods::{Base, MethodInfo, Working},
};
use espalier_tensor::{Dtype, TensorShape};

use crate::{
    builder::{Builder, IntegerTensors, MissingTensors},
    layers::{is_head, is_of_tokens},
    parameter::look_up,
    plan::{InputPlan, MergeStep, TensorPlan, TensorRef, TensorStep},
    plan_error::PlanError,
    recipe::{Module, Rounding, Slice, Source},
};

/// A tensor that the output should have.
#[derive(Debug)]
pub(crate) struct OutputTensor<'a> {
    pub(crate) module: &'a Module,
    pub(crate) slice: &'a Slice,
    /// The place of its layer in the slice, from 0 to 1.
    pub(crate) t: f64,
    pub(crate) name: String,
    /// Its name in each source of the slice.
    pub(crate) inputs: Vec<String>,
}

impl<'a> OutputTensor<'a> {
    /// A tensor that has one name everywhere.
    pub(crate) fn alike(module: &'a Module, slice: &'a Slice, t: f64, name: &str) -> Self {
        let inputs = vec![name.to_owned(); slice.sources.len()];
        Self { module, slice, t, name: name.to_owned(), inputs }
    }
}

/// A tensor of an input.
#[derive(Debug, Clone, Copy)]
struct Found<'a> {
    source: &'a Source,
    model: usize,
    tensor: &'a TensorShape,
    /// What it should be called there, which filters see.
    name: &'a str,
}

impl Found<'_> {
    fn reference(&self) -> TensorRef {
        TensorRef { model: self.model, name: self.tensor.name.clone() }
    }
}

impl Builder<'_> {
    /// How the tensor is made; none if it is left out.
    pub(crate) fn tensor(&self, wanted: OutputTensor<'_>) -> Result<Option<TensorPlan>, PlanError> {
        let Some(found) = self.find(&wanted)? else { return Ok(None) };
        let Some(first) = found.first() else { return Ok(None) };
        self.agree(&wanted.name, &found)?;
        let shape = first.tensor.shape.clone();
        let step = if first.tensor.dtype.is_float() {
            TensorStep::Merge(self.merge(&wanted, found)?)
        } else {
            let wanted = match self.integers {
                IntegerTensors::Same => None,
                IntegerTensors::Base => self.recipe.base.as_ref().map(|base| self.index[base]),
                IntegerTensors::Model(model) => Some(model),
            };
            match found.iter().find(|found| Some(found.model) == wanted) {
                Some(chosen) => TensorStep::Copy { from: chosen.reference(), others: Vec::new() },
                // Where nobody is chosen, or who is chosen has none.
                None => {
                    let others = found[1..].iter().map(Found::reference).collect();
                    TensorStep::Copy { from: first.reference(), others }
                }
            }
        };
        Ok(Some(TensorPlan { name: wanted.name, shape, step }))
    }

    /// The inputs' tensors; none if the tensor is left out.
    fn find<'w>(
        &'w self,
        wanted: &'w OutputTensor<'_>,
    ) -> Result<Option<Vec<Found<'w>>>, PlanError> {
        let names = || wanted.slice.sources.iter().zip(&wanted.inputs);
        let own = |(source, name): (&'w Source, &'w String)| {
            let model = self.index[&source.model];
            let tensor = *self.tensors[model].get(name.as_str())?;
            Some(Found { source, model, tensor, name })
        };
        let mut found = Vec::new();
        for (source, name) in names() {
            if let Some(own) = own((source, name)) {
                found.push(own);
                continue;
            }
            if is_head(name) {
                let model = self.index[&source.model];
                let tied = self.tokens(model).map(|tensor| Found { source, model, tensor, name });
                let needed = self.is_base(source) && self.recipe.method.base == Base::Required;
                if tied.is_some() || !needed {
                    found.extend(tied);
                    continue;
                }
            }
            if self.missing == MissingTensors::Intersection {
                return Ok(None);
            }
            let of_base = || names().find(|(source, _)| self.is_base(source)).and_then(own);
            let stands_in = (self.missing == MissingTensors::Base).then(of_base).flatten();
            let Some(stands_in) = stands_in else {
                let (tensor, model) = (name.clone(), source.model.clone());
                let other = names().find_map(own).map_or(source, |found| found.source);
                return Err(PlanError::Missing { tensor, model, other: other.model.clone() });
            };
            found.push(Found { source, name, ..stands_in });
        }
        Ok(Some(found))
    }

    fn is_base(&self, source: &Source) -> bool {
        self.recipe.base.as_ref() == Some(&source.model)
    }

    /// The embedding of tokens of a model, if it has exactly one.
    fn tokens(&self, model: usize) -> Option<&TensorShape> {
        let mut found = self.tensors[model].values().filter(|tensor| is_of_tokens(&tensor.name));
        let first = found.next().copied();
        first.filter(|_| found.next().is_none())
    }

    /// Refuses inputs of different shapes, and integers next to something else.
    fn agree(&self, name: &str, found: &[Found<'_>]) -> Result<(), PlanError> {
        for pair in found.windows(2) {
            let [a, b] = pair else { continue };
            let models = || Box::new([&a, &b].map(|found| self.models[found.model].clone()));
            let (mine, theirs) = (a.tensor, b.tensor);
            if mine.shape != theirs.shape {
                let of_tokens = is_head(name) || is_of_tokens(name);
                return Err(PlanError::Shape {
                    tensor: name.to_owned(),
                    models: models(),
                    shapes: Box::new([mine.shape.clone(), theirs.shape.clone()]),
                    vocabulary: of_tokens && mine.shape.get(1..) == theirs.shape.get(1..),
                });
            }
            let floats = mine.dtype.is_float() && theirs.dtype.is_float();
            if !floats && mine.dtype != theirs.dtype {
                let (tensor, dtypes) = (name.to_owned(), [mine.dtype, theirs.dtype]);
                return Err(PlanError::Dtype { tensor, models: models(), dtypes });
            }
        }
        Ok(())
    }

    fn merge(
        &self,
        wanted: &OutputTensor<'_>,
        found: Vec<Found<'_>>,
    ) -> Result<MergeStep, PlanError> {
        let recipe = self.recipe;
        let method = recipe.method;
        let types = found.iter().map(|found| found.tensor.dtype);
        let promoted = types.reduce(promote).unwrap_or(Dtype::F32);
        let is_base = |found: &Found<'_>| self.is_base(found.source);
        let of_base = found.iter().copied().find(is_base);
        let as_base = of_base.filter(|_| recipe.as_base).map(|base| base.tensor.dtype);
        let work = match recipe.dtype {
            Some(Dtype::F64) => Working::F64,
            dtype => match recipe.rounding {
                Rounding::OnceFromF64 => Working::F64,
                Rounding::Once if promoted == Dtype::F64 => Working::F64,
                Rounding::Once => Working::F32,
                Rounding::EachStep => working(dtype.unwrap_or(promoted)),
            },
        };
        let out = recipe.out_dtype.or(recipe.dtype).or(as_base).unwrap_or(promoted);

        let (base, inputs) = match method.base {
            Base::Input => (None, found),
            Base::First => {
                let (base, others): (Vec<_>, Vec<_>) = found.into_iter().partition(is_base);
                (None, [base, others].concat())
            }
            Base::Optional | Base::Required => {
                (of_base, found.into_iter().filter(|found| !is_base(found)).collect())
            }
        };
        let (method, base, inputs) = match is_buffer(&wanted.name) {
            true => buffered(method, base, inputs),
            false => (method, base, inputs),
        };
        let (method, base, inputs) = sufficient(method, base, inputs).map_err(|found| {
            let (tensor, method, wanted) = (wanted.name.clone(), method.name, method.inputs);
            PlanError::FewInputs { tensor, method, wanted, found }
        })?;
        let shared = self.shared(method, wanted)?;
        let shared = match is_buffer(&wanted.name) && recipe.method.name != method.name {
            // The sum of the inputs' variances is not the variance of anything.
            true => method.check_shared(&BTreeMap::new()).unwrap_or(shared),
            false => shared,
        };
        Ok(MergeStep {
            method: method.name,
            shared,
            inputs: inputs
                .iter()
                .map(|input| self.input(method, wanted, input))
                .collect::<Result<_, _>>()?,
            base: base.as_ref().map(Found::reference),
            work,
            out,
        })
    }

    fn shared(
        &self,
        method: &'static MethodInfo,
        wanted: &OutputTensor<'_>,
    ) -> Result<BTreeMap<String, String>, PlanError> {
        let OutputTensor { module, slice, t, name, .. } = wanted;
        let levels = [&slice.parameters, &module.parameters, &self.recipe.parameters];
        let given = look_up(&levels, method.shared, name, *t);
        let refused = |error| PlanError::Shared { tensor: name.clone(), error: Box::new(error) };
        method.check_shared(&given).map_err(refused)
    }

    fn input(
        &self,
        method: &'static MethodInfo,
        wanted: &OutputTensor<'_>,
        input: &Found<'_>,
    ) -> Result<InputPlan, PlanError> {
        let OutputTensor { module, slice, t, .. } = wanted;
        let source = &input.source.parameters;
        let levels = [source, &slice.parameters, &module.parameters, &self.recipe.parameters];
        let given = look_up(&levels, method.per_input, input.name, *t);
        let model = || input.source.model.clone();
        let refused = |error| match error {
            StrategyError::Missing { parameter, .. } if self.is_base(input.source) => {
                PlanError::BaseAsInput { method: method.name, base: model(), parameter }
            }
            error => PlanError::Input {
                tensor: input.name.to_owned(),
                model: model(),
                error: Box::new(error),
            },
        };
        let parameters = method.check_input(&given).map_err(refused)?;
        Ok(InputPlan { tensor: input.reference(), parameters })
    }
}

/// Names of tensors of floats that nothing learns: what a layer measured of its data, and constants
/// that some files carry along.
const BUFFERS: [&str; 6] = [
    "running_mean",
    "running_var",
    "num_batches_tracked",
    "position_ids",
    "inv_freq",
    "masked_bias",
];

/// Whether a tensor holds what was not learnt: the mean of two is a fair guess, and a sign or a
/// difference says nothing.
fn is_buffer(name: &str) -> bool {
    name.rsplit('.').next().is_some_and(|last| BUFFERS.contains(&last))
}

/// Buffers are averaged by the weights of the inputs, if the method has weights, or else taken from
/// the base, or from the first input without one.
fn buffered<'f>(
    method: &'static MethodInfo,
    base: Option<Found<'f>>,
    inputs: Vec<Found<'f>>,
) -> (&'static MethodInfo, Option<Found<'f>>, Vec<Found<'f>>) {
    let weighted = method.per_input.iter().any(|parameter| parameter.name == "weight");
    let name = if weighted { "weight-average" } else { "passthrough" };
    let lone = base.or(inputs.first().copied());
    match (find_method(name), lone) {
        (Ok(average), _) if weighted && !inputs.is_empty() => (average, None, inputs),
        (Ok(passthrough), Some(lone)) => (passthrough, None, vec![lone]),
        _ => (method, base, inputs),
    }
}

/// The method with its base and inputs, if there are enough of them. A head may have too few: then
/// the only one there is, or the base's, is passed on. Otherwise gives the number of inputs.
fn sufficient<'f>(
    method: &'static MethodInfo,
    base: Option<Found<'f>>,
    inputs: Vec<Found<'f>>,
) -> Result<(&'static MethodInfo, Option<Found<'f>>, Vec<Found<'f>>), usize> {
    if (method.inputs.0..=method.inputs.1).contains(&inputs.len()) {
        return Ok((method, base, inputs));
    }
    let lone = match inputs[..] {
        [lone] if method.base != Base::Required => Some(lone),
        _ => base,
    };
    match (lone, find_method("passthrough")) {
        (Some(lone), Ok(passthrough)) => Ok((passthrough, None, vec![lone])),
        _ => Err(inputs.len()),
    }
}

/// The type that holds the values of both.
fn promote(a: Dtype, b: Dtype) -> Dtype {
    match (a, b) {
        (a, b) if a == b => a,
        (Dtype::F64, _) | (_, Dtype::F64) => Dtype::F64,
        _ => Dtype::F32,
    }
}

fn working(dtype: Dtype) -> Working {
    match dtype {
        Dtype::F64 => Working::F64,
        Dtype::Bf16 => Working::Bf16,
        Dtype::F16 => Working::F16,
        _ => Working::F32,
    }
}
