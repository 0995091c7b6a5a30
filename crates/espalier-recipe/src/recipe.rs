//! A recipe: which models are merged, how, and into what.

use std::collections::{BTreeMap, BTreeSet};

use espalier_identity::{Digest, Domain};
use espalier_resolve::methods::{Base, MethodInfo};
use espalier_tensor::Dtype;
use serde::Serialize;

use crate::{
    error::{RecipeError, RecipePlace},
    note::RecipeNote,
    parameter::{self, Parameters},
    plan::ModelRef,
    words,
};

/// The name of the module that all tensors belong to.
pub(crate) const DEFAULT: &str = "default";

static HASH: Domain = Domain::new("espalier recipe v1");

/// How models are merged: what a YAML text says ([`Recipe::from_yaml`]), or what flags say
/// ([`Recipe::from_parts`]).
#[derive(Debug, Clone)]
pub struct Recipe {
    pub(crate) method: &'static MethodInfo,
    pub(crate) base: Option<ModelRef>,
    pub(crate) parameters: Parameters,
    /// Ascending by name.
    pub(crate) modules: Vec<Module>,
    pub(crate) dtype: Option<Dtype>,
    pub(crate) out_dtype: Option<Dtype>,
    pub(crate) rounding: Rounding,
    /// Whether merged tensors have the base's element type if nothing else is said.
    pub(crate) as_base: bool,
    pub(crate) vocabulary: VocabularyRule,
    pub(crate) notes: Vec<RecipeNote>,
}

/// How a merge computes, and when it rounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) enum Rounding {
    /// To the working type after every step, as other mergers do.
    EachStep,
    /// Once, at the end; in f32, or f64 if an input is.
    Once,
    /// Once, at the end, in f64.
    OnceFromF64,
}

/// What to do about models whose rows of tokens belong to different tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub enum VocabularyRule {
    /// Take row by row, and refuse other numbers of rows and rows of other tokens.
    #[default]
    Error,
    /// Match rows by token; the result has the base's tokens.
    Base,
    /// Match rows by token; the result has the tokens of all models.
    Union,
    /// Take row by row, whatever their tokens, and refuse other numbers of rows.
    Rows,
}

/// Tensors that are merged in one way.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Module {
    pub(crate) name: String,
    pub(crate) parameters: Parameters,
    /// What the slices are.
    pub(crate) form: Form,
    pub(crate) slices: Vec<Slice>,
}

/// How slices are put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) enum Form {
    /// A single slice with all tensors as they are.
    Whole,
    /// Slices whose layers are stacked.
    Stacked,
}

/// Layers that are merged from the same sources.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Slice {
    #[serde(skip)]
    pub(crate) place: RecipePlace,
    pub(crate) parameters: Parameters,
    pub(crate) sources: Vec<Source>,
}

/// A model as an input of a slice.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Source {
    #[serde(skip)]
    pub(crate) place: RecipePlace,
    pub(crate) model: ModelRef,
    /// Where slices are stacked, the first of its layers and the one after the last.
    pub(crate) layers: Option<(u64, u64)>,
    pub(crate) parameters: Parameters,
}

impl Recipe {
    /// The recipe of a command line: all layers of `models` by one method. Every model has weight
    /// 1 or its own of `weights`, arithmetic is [precise](Recipe::precise), and merged tensors have
    /// the type `out_dtype`, `dtype`, or that of the base; with `dtype` f64, f64 is also the
    /// arithmetic's.
    ///
    /// # Errors
    /// [`RecipeError`], with the key that a recipe would have for what is wrong, and no line.
    pub fn from_parts(
        method: &str,
        base: Option<&str>,
        models: &[&str],
        weights: &[f64],
        parameters: &BTreeMap<String, String>,
        dtype: Option<&str>,
        out_dtype: Option<&str>,
    ) -> Result<Self, RecipeError> {
        let field = |path: &str| RecipePlace { path: path.to_owned(), line: None };
        let method = words::method(method, || field("merge_method"))?;
        if !weights.is_empty() && weights.len() != models.len() {
            return Err(RecipeError::Weights { weights: weights.len(), models: models.len() });
        }
        let model = |place: &str, text: &str| words::model(text, || field(place));
        let source = |(index, text): (usize, &&str)| {
            let mut parameters = Parameters::new();
            if let Some(weight) = weights.get(index) {
                let text = weight.to_string();
                let weight = parameter::scalar(method, "weight", &text, || field("weight"))?;
                parameters.extend([weight]);
            }
            let path = format!("models[{index}]");
            Ok(Source { model: model(&path, text)?, layers: None, place: field(&path), parameters })
        };
        let mut all = Parameters::new();
        if method.per_input.iter().any(|parameter| parameter.name == "weight") {
            all.extend([parameter::scalar(method, "weight", "1", || field("weight"))?]);
        }
        for (name, text) in parameters {
            let place = || field(&format!("parameters.{}", crate::error::clip(name)));
            all.extend([parameter::scalar(method, name, text, place)?]);
        }
        let dtype_of = |place: &str, text: Option<&str>| {
            text.map(|text| words::dtype(text, || field(place))).transpose()
        };
        let slice = Slice {
            place: field("models"),
            parameters: Parameters::new(),
            sources: models.iter().enumerate().map(source).collect::<Result<_, _>>()?,
        };
        Self {
            method,
            base: base.map(|text| model("base_model", text)).transpose()?,
            parameters: all,
            modules: vec![Module::default_of(Form::Whole, vec![slice])],
            dtype: dtype_of("dtype", dtype)?,
            out_dtype: dtype_of("out_dtype", out_dtype)?,
            rounding: Rounding::Once,
            as_base: true,
            vocabulary: VocabularyRule::Error,
            notes: Vec::new(),
        }
        .checked()
    }

    /// The same recipe in precise arithmetic: f32, or f64 if an input is or `dtype` says so, and
    /// one rounding at the end.
    #[must_use]
    pub fn precise(self) -> Self {
        Self { rounding: Rounding::Once, ..self }
    }

    /// The same recipe computed in f64, with one rounding at the end. Sums of a few f32 or 16-bit
    /// values are exact or nearly so there: the order of the models then rarely matters, and the
    /// result has the bits of a state whose policy says `accumulate=f64`.
    #[must_use]
    pub fn in_f64(self) -> Self {
        Self { rounding: Rounding::OnceFromF64, ..self }
    }

    /// The same recipe with another rule for vocabularies.
    #[must_use]
    pub fn with_vocabulary(self, vocabulary: VocabularyRule) -> Self {
        Self { vocabulary, ..self }
    }

    /// The rule for different vocabularies.
    #[must_use]
    pub fn vocabulary(&self) -> VocabularyRule {
        self.vocabulary
    }

    /// What it says to no effect.
    #[must_use]
    pub fn notes(&self) -> &[RecipeNote] {
        &self.notes
    }

    /// The method.
    #[must_use]
    pub fn method(&self) -> &'static MethodInfo {
        self.method
    }

    /// The model that the others were fine-tuned from, if the recipe names one.
    #[must_use]
    pub fn base(&self) -> Option<&ModelRef> {
        self.base.as_ref()
    }

    /// The models that are read, each once, in the order in which the recipe names them; a base
    /// that is not among the others comes last.
    #[must_use]
    pub fn models(&self) -> Vec<ModelRef> {
        let mut seen = BTreeSet::new();
        let sources = self.modules.iter().flat_map(|module| &module.slices);
        let sources = sources.flat_map(|slice| &slice.sources).map(|source| &source.model);
        sources.chain(&self.base).filter(|model| seen.insert(*model)).cloned().collect()
    }

    /// A digest of what the recipe means, whatever its spelling.
    #[must_use]
    pub fn hash(&self) -> Digest {
        let Self {
            method,
            base,
            parameters,
            modules,
            dtype,
            out_dtype,
            rounding,
            as_base,
            vocabulary,
            notes: _,
        } = self;
        let types = (dtype, out_dtype, rounding, as_base);
        let said = (method.name, base, parameters, modules, types);
        match vocabulary {
            // So that recipes that say nothing of it keep their digest.
            VocabularyRule::Error => HASH.hash_of(&said).0,
            vocabulary => HASH.hash_of(&(said, vocabulary)).0,
        }
    }

    /// The recipe, if each slice has the inputs that the method needs.
    pub(crate) fn checked(mut self) -> Result<Self, RecipeError> {
        let method = self.method;
        if method.base == Base::Required && self.base.is_none() {
            return Err(RecipeError::BaseNeeded { method: method.name });
        }
        for module in &mut self.modules {
            for slice in &mut module.slices {
                slice.check(module.form, method, self.base.as_ref())?;
            }
        }
        Ok(self)
    }
}

impl Module {
    /// The one module of a recipe that has no `modules`.
    pub(crate) fn default_of(form: Form, slices: Vec<Slice>) -> Self {
        Self { name: DEFAULT.to_owned(), parameters: Parameters::new(), form, slices }
    }
}

impl Slice {
    /// A base that is not listed is the last input where all tensors are taken as they are. Where
    /// layers are stacked it has to be listed, or is not an input if the method needs none.
    fn check(
        &mut self,
        form: Form,
        method: &'static MethodInfo,
        base: Option<&ModelRef>,
    ) -> Result<(), RecipeError> {
        let mut seen = BTreeSet::new();
        if let Some(again) = self.sources.iter().find(|source| !seen.insert(&source.model)) {
            let (place, model) = (again.place.clone(), again.model.clone());
            return Err(RecipeError::Twice { place, model });
        }
        if let Some(base) = base.filter(|base| !seen.contains(base)) {
            let (place, model) = (self.place.clone(), base.clone());
            match (form, method.base) {
                (Form::Whole, _) => {
                    let parameters = Parameters::new();
                    self.sources.push(Source { place, model, layers: None, parameters });
                }
                (Form::Stacked, Base::Input) => {}
                (Form::Stacked, _) => {
                    return Err(RecipeError::BaseNotInSlice { place, base: model });
                }
            }
        }
        let apart = base.is_some() && matches!(method.base, Base::Required | Base::Optional);
        let found = self.sources.len() - usize::from(apart);
        let wanted = method.inputs;
        if (wanted.0..=wanted.1).contains(&found) {
            return Ok(());
        }
        Err(RecipeError::Inputs { place: self.place.clone(), method: method.name, wanted, found })
    }
}
