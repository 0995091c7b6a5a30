//! `config.json` of a merged model: that of its base, which has to say what the model is now.

use std::{collections::BTreeMap, path::Path};

use espalier_recipe::{LayerRef, is_head};
use espalier_tensor::{Dtype, TensorShape};
use serde_json::{Map, Value};

use crate::{
    copied_files::{CONFIG, config_of},
    error::MergeError,
    merge::Merge,
    models::OpenModel,
};

/// A mapping of JSON.
type Object = Map<String, Value>;

/// What holds the entries about the language model, in models that see or hear as well.
const PARTS: [&str; 3] = ["text_config", "llm_config", "language_config"];
/// The number of layers.
const LAYERS: [&str; 4] = ["num_hidden_layers", "n_layer", "num_layers", "n_layers"];
/// Lists that have an entry for each layer.
const OF_LAYERS: [&str; 5] =
    ["layer_types", "mlp_layer_types", "no_rope_layers", "layers_block_type", "attn_type_list"];
/// The number of rows of tokens.
const VOCABULARY: &str = "vocab_size";
/// Whether the embedding of tokens is the head, too.
const TIED: &str = "tie_word_embeddings";

/// Makes it say the element type, the layers, the number of rows of tokens, and whether there is a
/// head of its own, as the model has them.
pub(crate) fn correct(
    folder: &Path,
    merge: &Merge<'_>,
    shapes: &[TensorShape],
) -> Result<(), MergeError> {
    let Some(mut config) = config_of(folder) else { return Ok(()) };
    if let Some(name) = common_dtype(shapes) {
        let key = if config.contains_key("dtype") { "dtype" } else { "torch_dtype" };
        config.insert(key.to_owned(), name.into());
    }
    let lists = per_layer(&config, merge);
    let head = shapes.iter().any(|shape| is_head(&shape.name));
    for_parts(&mut config, &mut |part| {
        for key in LAYERS {
            if let (Some(layers), Some(value)) = (&merge.plan.layers, part.get_mut(key)) {
                *value = layers.len().into();
            }
        }
        if let (Some(vocabulary), Some(size)) = (merge.vocabulary, part.get_mut(VOCABULARY)) {
            *size = vocabulary.rows.into();
        }
        // Who believes that they are tied would not load the head.
        if let Some(tied) = part.get_mut(TIED).filter(|_| head) {
            *tied = false.into();
        }
        for (key, list) in &lists {
            if part.contains_key(*key) {
                part.insert((*key).to_owned(), list.clone());
            }
        }
    });
    let text = format!("{:#}\n", Value::Object(config));
    Ok(espalier_file::write(folder.join(CONFIG), text.as_bytes(), true)?)
}

/// The mapping and those within that may have the same entries.
fn for_parts(config: &mut Object, change: &mut impl FnMut(&mut Object)) {
    change(config);
    for part in PARTS {
        if let Some(Value::Object(part)) = config.get_mut(part) {
            change(part);
        }
    }
}

/// An entry, which may be in one of the parts.
fn entry<'c>(config: &'c Object, key: &str) -> Option<&'c Value> {
    let within = |part: &&str| config.get(*part)?.get(key);
    config.get(key).or_else(|| PARTS.iter().find_map(within))
}

/// A list that has an entry for each layer that the model has.
fn list<'c>(config: &'c Object, key: &str) -> Option<&'c Vec<Value>> {
    let count = LAYERS.iter().find_map(|key| entry(config, key)?.as_u64())?;
    entry(config, key)?.as_array().filter(|list| list.len() as u64 == count)
}

/// Lists with an entry for each layer, of stacked layers: those of the base's layer where it is one
/// of the inputs, and of the first input's otherwise.
fn per_layer(base: &Object, merge: &Merge<'_>) -> BTreeMap<&'static str, Value> {
    let Some(layers) = &merge.plan.layers else { return BTreeMap::new() };
    let owner = merge.plan.base.unwrap_or(0);
    let others = |model: &OpenModel| config_of(&model.folder()?);
    let configs: Vec<Option<Object>> = merge.models.iter().map(others).collect();
    let stacked = |key: &&'static str| {
        list(base, key)?;
        let of_layer = |sources: &Vec<LayerRef>| {
            let of_base = sources.iter().find(|source| source.model == owner);
            let of = of_base.or_else(|| sources.first())?;
            list(configs.get(of.model)?.as_ref()?, key)?.get(of.layer).cloned()
        };
        let entries: Option<Vec<Value>> = layers.iter().map(of_layer).collect();
        Some((*key, entries?.into()))
    };
    OF_LAYERS.iter().filter_map(stacked).collect()
}

/// The type of most elements that are floating-point numbers.
fn common_dtype(shapes: &[TensorShape]) -> Option<&'static str> {
    let mut counts: BTreeMap<Dtype, u64> = BTreeMap::new();
    for shape in shapes.iter().filter(|shape| shape.dtype.is_float()) {
        *counts.entry(shape.dtype).or_default() += shape.shape.iter().product::<u64>();
    }
    let (dtype, _) = counts.into_iter().max_by_key(|(_, count)| *count)?;
    Some(match dtype {
        Dtype::F64 => "float64",
        Dtype::F16 => "float16",
        Dtype::Bf16 => "bfloat16",
        Dtype::F8E4M3 => "float8_e4m3fn",
        Dtype::F8E5M2 => "float8_e5m2",
        _ => "float32",
    })
}
