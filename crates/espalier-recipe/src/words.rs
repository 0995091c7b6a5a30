//! Words of recipes that YAML and flags share: methods, models and element types.

use core::fmt;

use espalier_resolve::find_method;
use espalier_resolve::methods::MethodInfo;
use espalier_tensor::Dtype;

use crate::{
    error::{RecipeError, RecipePlace, clip},
    plan::ModelRef,
};

/// What separates a model from its adapter.
const ADAPTER: char = '+';
/// What separates a model of a hub from its revision.
const REVISION: char = '@';

/// As in recipes: the path, and after `+` that of the adapter.
impl fmt::Display for ModelRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.adapter {
            Some(adapter) => write!(f, "{}{ADAPTER}{adapter}", self.path),
            None => f.write_str(&self.path),
        }
    }
}

pub(crate) fn method(
    name: &str,
    place: impl Fn() -> RecipePlace,
) -> Result<&'static MethodInfo, RecipeError> {
    find_method(name)
        .map_err(|error| RecipeError::Method { place: place(), error: Box::new(error) })
}

/// A model from its text, `PATH` or `PATH+ADAPTER`.
pub(crate) fn model(text: &str, place: impl Fn() -> RecipePlace) -> Result<ModelRef, RecipeError> {
    if text.contains(REVISION) {
        let reason = "revisions are of models on a hub; give the folder of a model";
        return Err(RecipeError::Unsupported { place: place(), reason });
    }
    let mut parts = text.split(ADAPTER);
    let (path, adapter) = (parts.next().unwrap_or_default(), parts.next());
    if path.is_empty() || adapter == Some("") || parts.next().is_some() {
        let wanted = "the path of a model, or PATH+ADAPTER".to_owned();
        return Err(RecipeError::Value { place: place(), value: clip(text), wanted });
    }
    Ok(ModelRef { path: path.to_owned(), adapter: adapter.map(ToOwned::to_owned) })
}

/// The floating-point type of this name, in our spelling or in the longer one.
pub(crate) fn dtype(text: &str, place: impl Fn() -> RecipePlace) -> Result<Dtype, RecipeError> {
    match text.strip_prefix("torch.").unwrap_or(text) {
        "f64" | "float64" => Ok(Dtype::F64),
        "f32" | "float32" => Ok(Dtype::F32),
        "f16" | "float16" => Ok(Dtype::F16),
        "bf16" | "bfloat16" => Ok(Dtype::Bf16),
        _ => {
            let wanted = "one of float64, float32, float16, bfloat16".to_owned();
            Err(RecipeError::Value { place: place(), value: clip(text), wanted })
        }
    }
}
