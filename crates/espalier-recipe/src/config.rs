//! Recipes from the YAML that model mergers use.

use crate::{
    error::{RecipeError, clip},
    field::{Entries, Field, Unsupported},
    note::Reading,
    parameter::{self, Parameters, Scope},
    plan::ModelRef,
    recipe::{Form, Module, Recipe, Rounding, Slice, Source, VocabularyRule},
    words, yaml,
};

/// The keys at the top.
const TOP: &[&str] = &[
    "merge_method",
    "models",
    "slices",
    "modules",
    "base_model",
    "parameters",
    "dtype",
    "out_dtype",
    "tokenizer_source",
    "name",
    "metadata",
];

/// Those of them that say nothing about the merge.
const UNUSED: [&str; 2] = ["name", "metadata"];

const NOT_AT_TOP: &[Unsupported] = &[
    ("tokenizer", "say `tokenizer_source: base` or `union`; tokens have no sources of their own"),
    ("input_model_parameters", "give parameters of a model where the model is listed"),
    ("chat_template", "files next to the weights are copied as they are"),
];

const NOT_IN_MODEL: &[Unsupported] = &[
    ("override_architecture", "layers are told from the names of tensors"),
    ("revision", "revisions are of models on a hub; give the folder of a model"),
];

const TOKENIZER: &str = "it may be `base`, the path of the base model, or `union`; the order of \
                         tokens is always the base's";

impl Recipe {
    /// Reads a recipe from YAML text. It means what it means to the tools that have this YAML:
    /// `dtype` is the type of the arithmetic and of the output, unless `out_dtype` is the output's.
    /// Keys that they support and Espalier does not, and unknown keys, are refused by name.
    ///
    /// # Errors
    /// [`RecipeError`], with the line that is wrong.
    pub fn from_yaml(text: &str) -> Result<Self, RecipeError> {
        let tree = yaml::parse(text)?;
        let top = Field::root(&tree).entries(TOP, NOT_AT_TOP)?;
        let method = top.need("merge_method")?;
        let reading = &Reading::by(words::method(method.text()?, || method.place())?);
        for key in UNUSED {
            top.get(key).iter().for_each(|field| reading.note(key, field.place()));
        }
        let dtype = |key: &str| {
            let read = |field: &Field<'_>| words::dtype(field.text()?, || field.place());
            top.get(key).map(read).transpose()
        };
        let base = top.get("base_model").map(read_model).transpose()?;
        let source = |field: &Field<'_>| vocabulary(field, base.as_ref());
        let vocabulary = top.get("tokenizer_source").map(source).transpose()?.unwrap_or_default();
        let modules = match (top.get("models"), top.get("slices"), top.get("modules")) {
            (Some(models), None, None) => {
                vec![Module::default_of(Form::Whole, vec![listed(models, reading)?])]
            }
            (None, Some(slices), None) => {
                vec![Module::default_of(Form::Stacked, sliced(slices, reading)?)]
            }
            (None, None, Some(modules)) => read_modules(modules, reading)?,
            _ => return Err(top.one_of("`models`, `slices` and `modules`")),
        };
        Self {
            method: reading.method,
            base,
            parameters: parameters(&top, reading, Scope::All)?,
            modules,
            dtype: dtype("dtype")?,
            out_dtype: dtype("out_dtype")?,
            rounding: Rounding::EachStep,
            as_base: false,
            vocabulary,
            notes: reading.take_notes(),
        }
        .checked()
    }
}

/// What a source of the tokenizer means: `base` or the base's path, or `union`.
fn vocabulary(field: &Field<'_>, base: Option<&ModelRef>) -> Result<VocabularyRule, RecipeError> {
    let of_base = |text: &str| base.is_some_and(|base| base.path == text);
    match field.text()? {
        "union" => Ok(VocabularyRule::Union),
        text if text == "base" || of_base(text) => Ok(VocabularyRule::Base),
        _ => Err(RecipeError::Unsupported { place: field.place(), reason: TOKENIZER }),
    }
}

fn parameters(
    entries: &Entries<'_>,
    reading: &Reading,
    scope: Scope,
) -> Result<Parameters, RecipeError> {
    let read = |field: &Field<'_>| parameter::read(field, reading, scope);
    entries.get("parameters").map(read).transpose().map(Option::unwrap_or_default)
}

fn read_modules(field: &Field<'_>, reading: &Reading) -> Result<Vec<Module>, RecipeError> {
    let module = |(name, field): (&str, Field<'_>)| {
        let entries = field.entries(&["models", "slices", "parameters"], &[])?;
        let (form, slices) = match (entries.get("models"), entries.get("slices")) {
            (Some(models), None) => (Form::Whole, vec![listed(models, reading)?]),
            (None, Some(slices)) => (Form::Stacked, sliced(slices, reading)?),
            _ => return Err(entries.one_of("`models` and `slices`")),
        };
        let parameters = parameters(&entries, reading, Scope::All)?;
        Ok(Module { name: name.to_owned(), parameters, form, slices })
    };
    let modules = field.any_entries()?.into_iter().map(module);
    let mut modules = modules.collect::<Result<Vec<_>, _>>()?;
    if modules.is_empty() {
        return Err(field.is_empty());
    }
    modules.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(modules)
}

/// A list of models as one slice.
fn listed(field: &Field<'_>, reading: &Reading) -> Result<Slice, RecipeError> {
    let sources = sources(field, Form::Whole, reading)?;
    Ok(Slice { place: field.place(), parameters: Parameters::new(), sources })
}

fn sliced(field: &Field<'_>, reading: &Reading) -> Result<Vec<Slice>, RecipeError> {
    let slice = |field: Field<'_>| {
        let entries = field.entries(&["sources", "parameters"], &[])?;
        let parameters = parameters(&entries, reading, Scope::All)?;
        let sources = sources(entries.need("sources")?, Form::Stacked, reading)?;
        Ok(Slice { place: field.place(), parameters, sources })
    };
    field.items()?.into_iter().map(slice).collect()
}

/// The sources of a slice; where slices are stacked, all of them with as many layers.
fn sources(field: &Field<'_>, form: Form, reading: &Reading) -> Result<Vec<Source>, RecipeError> {
    let known: &[&str] = match form {
        Form::Whole => &["model", "parameters"],
        Form::Stacked => &["model", "layer_range", "parameters"],
    };
    let mut first = None;
    let source = |field: Field<'_>| {
        let entries = field.entries(known, &[])?;
        let model = read_model(entries.need("model")?)?;
        let layers = match form {
            Form::Whole => None,
            Form::Stacked => Some(range(entries.need("layer_range")?)?),
        };
        let found = layers.map_or(0, |(start, end)| end - start);
        let first = *first.get_or_insert(found);
        if found != first {
            return Err(RecipeError::LayerCounts { place: field.place(), found, first });
        }
        let parameters = parameters(&entries, reading, Scope::Model)?;
        Ok(Source { place: field.place(), model, layers, parameters })
    };
    field.items()?.into_iter().map(source).collect()
}

/// The first layer and the one after the last.
fn range(field: &Field<'_>) -> Result<(u64, u64), RecipeError> {
    let items = field.items()?;
    let texts = items.iter().map(Field::text).collect::<Result<Vec<_>, _>>()?;
    let ends: Vec<u64> = texts.iter().filter_map(|text| text.trim().parse().ok()).collect();
    match (&ends[..], texts.len()) {
        ([first, end], 2) if first < end => Ok((*first, *end)),
        _ => {
            let wanted = "the first layer and the one after the last, as [0, 16]";
            Err(field.wants(&clip(&format!("[{}]", texts.join(", "))), wanted))
        }
    }
}

/// A model as text, or as a mapping of `model` and `lora`, each of them text or `{path: …}`.
fn read_model(field: &Field<'_>) -> Result<ModelRef, RecipeError> {
    if !field.is_map() {
        return words::model(field.text()?, || field.place());
    }
    let entries = field.entries(&["model", "lora"], NOT_IN_MODEL)?;
    let path = |field: &Field<'_>| {
        if field.is_map() {
            let entries = field.entries(&["path"], NOT_IN_MODEL)?;
            return entries.need("path")?.text().map(ToOwned::to_owned);
        }
        let model = words::model(field.text()?, || field.place())?;
        match model.adapter {
            None => Ok(model.path),
            Some(_) => Err(field.wants(field.text()?, "a path without an adapter")),
        }
    };
    let adapter = entries.get("lora").map(path).transpose()?;
    Ok(ModelRef { path: path(entries.need("model")?)?, adapter })
}
