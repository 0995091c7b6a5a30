//! From a recipe and its models' tensors to a plan: which tensors the output has, and from which
//! tensors of the inputs each of them comes.

use std::collections::{BTreeMap, BTreeSet};

use espalier_tensor::TensorShape;

use crate::{
    builder::{Builder, IntegerTensors, MissingTensors, PlanChoices},
    layers::{LayerLists, MAX_LAYERS, Position, depth},
    output_tensor::OutputTensor,
    plan::{LayerRef, MergePlan},
    plan_error::PlanError,
    recipe::{DEFAULT, Form, Module, Recipe, Slice, Source},
};

/// What each layer of stacked slices is merged of; nothing where none are stacked.
type MergedLayers = Option<Vec<Vec<LayerRef>>>;

impl Recipe {
    /// The plan for these models: `tensors` are those of each of [`Recipe::models`], in that order.
    /// A model with an adapter has the tensors that it has without it.
    ///
    /// A head (`lm_head.weight`) that a model lacks is read from its embedding of tokens, and left
    /// out of the merge if it has none, or several; a head that no model has is not in the output.
    ///
    /// # Errors
    /// [`PlanError`], with the tensor and the models that do not fit.
    pub fn plan(
        &self,
        tensors: &[Vec<TensorShape>],
        choices: impl Into<PlanChoices>,
    ) -> Result<MergePlan, PlanError> {
        let PlanChoices { missing, integers } = choices.into();
        let models = self.models();
        if models.len() != tensors.len() {
            let (models, given) = (models.len(), tensors.len());
            return Err(PlanError::Models { models, given });
        }
        if missing == MissingTensors::Base && self.base.is_none() {
            return Err(PlanError::MissingWithoutBase);
        }
        match integers {
            IntegerTensors::Base if self.base.is_none() => {
                return Err(PlanError::IntegersWithoutBase);
            }
            IntegerTensors::Model(model) if model >= models.len() => {
                let models = models.len();
                return Err(PlanError::IntegersOfNobody { model, models });
            }
            _ => {}
        }
        let index = models.iter().enumerate().map(|(index, model)| (model, index)).collect();
        let by_name = tensors
            .iter()
            .map(|list| list.iter().map(|tensor| (tensor.name.as_str(), tensor)).collect());
        let tensors = by_name.collect();
        let builder = Builder { recipe: self, models: &models, index, tensors, missing, integers };
        builder.plan()
    }
}

/// Names of a model that is stacked, by what they are.
#[derive(Debug, Default)]
struct Stack<'a> {
    prefix: &'a str,
    /// For each layer, what its names have after the number.
    layers: Vec<BTreeSet<&'a str>>,
    before: BTreeSet<&'a str>,
    after: BTreeSet<&'a str>,
}

/// Some of the layers of a stack.
#[derive(Debug)]
struct Range<'s, 'a> {
    prefix: &'a str,
    start: usize,
    layers: &'s [BTreeSet<&'a str>],
}

impl Range<'_, '_> {
    /// The name of a tensor of one of the layers.
    fn name(&self, layer: usize, rest: &str) -> String {
        format!("{}{}{rest}", self.prefix, self.start + layer)
    }
}

impl<'a> Builder<'a> {
    fn plan(&self) -> Result<MergePlan, PlanError> {
        for (model, tensors) in self.models.iter().zip(&self.tensors) {
            if let Some(name) = tensors.keys().find(|name| self.module_of(name).is_none()) {
                let (tensor, model) = ((*name).to_owned(), model.clone());
                return Err(PlanError::Module { tensor, model });
            }
        }
        let mut plans = BTreeMap::new();
        let mut layers = None;
        for module in &self.recipe.modules {
            let (wanted, found) = match module.form {
                Form::Whole => (self.whole(module), None),
                Form::Stacked => self.stacked(module)?,
            };
            layers = found.filter(|_| self.recipe.modules.len() == 1);
            for wanted in wanted {
                if let Some(plan) = self.tensor(wanted)? {
                    plans.insert(plan.name.clone(), plan);
                }
            }
        }
        if plans.is_empty() {
            return Err(PlanError::Empty);
        }
        Ok(MergePlan {
            models: self.models.to_vec(),
            base: self.recipe.base.as_ref().map(|base| self.index[base]),
            tensors: plans.into_values().collect(),
            layers,
        })
    }

    /// The module that a tensor belongs to: the one whose name is the longest beginning of the
    /// tensor's path, or else the module `default`.
    fn module_of(&self, name: &str) -> Option<&'a Module> {
        let modules = &self.recipe.modules;
        let begins = |module: &&Module| {
            let rest = name.strip_prefix(&module.name);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        let longest = modules.iter().filter(begins).max_by_key(|module| module.name.len());
        longest.or_else(|| modules.iter().find(|module| module.name == DEFAULT))
    }

    /// The names of a source's tensors in a module.
    fn names(&self, module: &'a Module, source: &Source) -> Vec<&'a str> {
        let of =
            |name: &&&'a str| self.module_of(name).is_some_and(|found| std::ptr::eq(found, module));
        self.tensors[self.index[&source.model]].keys().filter(of).copied().collect()
    }

    /// Every tensor from those of the same name.
    fn whole(&self, module: &'a Module) -> Vec<OutputTensor<'a>> {
        let of_slice = |slice: &'a Slice| {
            let names = slice.sources.iter().flat_map(|source| self.names(module, source));
            let names: BTreeSet<&str> = names.collect();
            let lists = LayerLists::of(names.iter().copied());
            let wanted = move |name: &str| {
                let t = match lists.position(name) {
                    Position::Layer { prefix, index, .. } => depth(index, lists.count(prefix)),
                    Position::Before | Position::After => 0.0,
                };
                OutputTensor::alike(module, slice, t, name)
            };
            names.into_iter().map(wanted).collect::<Vec<_>>()
        };
        module.slices.iter().flat_map(of_slice).collect()
    }

    /// Layers of the slices one upon another, with what the first slice has before them and the
    /// last one has after them; and what the layers are merged of.
    fn stacked(
        &self,
        module: &'a Module,
    ) -> Result<(Vec<OutputTensor<'a>>, MergedLayers), PlanError> {
        let mut stacks = BTreeMap::new();
        for source in module.slices.iter().flat_map(|slice| &slice.sources) {
            if !stacks.contains_key(&source.model) {
                stacks.insert(&source.model, self.stack(module, source)?);
            }
        }
        let mut wanted = Vec::new();
        let mut merged = Vec::new();
        let mut prefix = None;
        for slice in &module.slices {
            let range = |source: &'a Source| self.range(source, &stacks[&source.model]);
            let ranges = slice.sources.iter().map(range).collect::<Result<Vec<_>, _>>()?;
            let Some(first) = ranges.first() else { continue };
            let prefix = *prefix.get_or_insert(first.prefix);
            let count = first.layers.len();
            let height = merged.len();
            if height + count > MAX_LAYERS {
                return Err(PlanError::TooManyLayers { place: slice.place.clone() });
            }
            for layer in 0..count {
                let rests = ranges.iter().flat_map(|range| range.layers[layer].iter());
                wanted.extend(rests.collect::<BTreeSet<_>>().into_iter().map(|rest| {
                    OutputTensor {
                        module,
                        slice,
                        t: depth(layer as u64, count as u64),
                        name: format!("{prefix}{}{rest}", height + layer),
                        inputs: ranges.iter().map(|range| range.name(layer, rest)).collect(),
                    }
                }));
                let of = |(source, range): (&Source, &Range<'_, '_>)| LayerRef {
                    model: self.index[&source.model],
                    layer: range.start + layer,
                };
                merged.push(slice.sources.iter().zip(&ranges).map(of).collect());
            }
        }
        if let (Some(first), Some(last)) = (module.slices.first(), module.slices.last()) {
            let of = |source: &Source| &stacks[&source.model];
            let before: BTreeSet<_> = first.sources.iter().flat_map(|s| &of(s).before).collect();
            let after: BTreeSet<_> = last.sources.iter().flat_map(|s| &of(s).after).collect();
            let alike = |slice| move |name: &&str| OutputTensor::alike(module, slice, 0.0, name);
            wanted.extend(before.into_iter().map(alike(first)));
            wanted.extend(after.into_iter().map(alike(last)));
        }
        Ok((wanted, Some(merged)))
    }

    /// The layers of a source.
    fn range<'s>(&self, source: &Source, stack: &'s Stack<'a>) -> Result<Range<'s, 'a>, PlanError> {
        let layers = stack.layers.len() as u64;
        let (start, end) = source.layers.unwrap_or((0, layers));
        if end > layers {
            let (place, model) = (source.place.clone(), source.model.clone());
            return Err(PlanError::LayerRange { place, end, model, layers });
        }
        let (start, end) = (start as usize, end as usize);
        Ok(Range { prefix: stack.prefix, start, layers: &stack.layers[start..end] })
    }

    fn stack(&self, module: &'a Module, source: &Source) -> Result<Stack<'a>, PlanError> {
        let names = self.names(module, source);
        let lists = LayerLists::of(names.iter().copied());
        let found: Vec<_> = lists.lists().collect();
        let [(prefix, count)] = found[..] else {
            let (place, model) = (source.place.clone(), source.model.clone());
            let lists = found.iter().map(|(prefix, _)| prefix.trim_end_matches('.').to_owned());
            return Err(PlanError::LayerLists { place, model, lists: lists.collect() });
        };
        let layers = vec![BTreeSet::new(); count as usize];
        let mut stack = Stack { prefix, layers, ..Stack::default() };
        for name in names {
            match lists.position(name) {
                Position::Before => stack.before.insert(name),
                Position::Layer { index, rest, .. } => stack.layers[index as usize].insert(rest),
                Position::After => stack.after.insert(name),
            };
        }
        Ok(stack)
    }
}
