//! Models on disk and recipes over them.

use espalier_merge::{
    AlignedVocabulary, Merge, MergeError, MergeTarget, OpenModel, align_vocabularies,
};
use espalier_recipe::{MergePlan, MissingTensors, ModelRef, Recipe};
use espalier_tensor::{Model, open_safetensors, write_safetensors};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Writes a model of f32 tensors.
pub(crate) fn model(path: &Path, tensors: &[(&str, &[u64], &[f32])]) {
    let model = Model::from_f32(tensors).expect("a model");
    write_safetensors(&model, &BTreeMap::new(), path, false).expect("written");
}

/// A recipe with the plan over its models, whose paths are relative to a folder.
pub(crate) struct Ready {
    pub(crate) plan: MergePlan,
    pub(crate) models: Vec<OpenModel>,
    vocabulary: Option<AlignedVocabulary>,
}

/// What keeps a recipe from being merged.
pub(crate) fn ready(folder: &Path, yaml: &str) -> Result<Ready, String> {
    let recipe = Recipe::from_yaml(yaml).map_err(|error| error.to_string())?;
    let place = |path: &String| folder.join(path).display().to_string();
    let open = |model: &ModelRef| {
        let adapter = model.adapter.as_ref().map(place);
        OpenModel::open(&ModelRef { path: place(&model.path), adapter })
    };
    let models: Result<Vec<OpenModel>, MergeError> = recipe.models().iter().map(open).collect();
    let mut models = models.map_err(|error| error.to_string())?;
    let base = recipe.base().and_then(|base| recipe.models().iter().position(|m| m == base));
    let vocabulary = align_vocabularies(&mut models, base.unwrap_or(0), recipe.vocabulary());
    let vocabulary = vocabulary.map_err(|error| error.to_string())?;
    let tensors: Vec<_> = models.iter().map(|model| model.shapes().to_vec()).collect();
    let plan = recipe.plan(&tensors, MissingTensors::Error).map_err(|error| error.to_string())?;
    Ok(Ready { plan, models, vocabulary })
}

impl Ready {
    pub(crate) fn merge(&self) -> Merge<'_> {
        Merge::new(&self.plan, &self.models).with_vocabulary(self.vocabulary.as_ref())
    }

    /// Merges into a file and reads it.
    pub(crate) fn merged(&self, folder: &Path) -> Model {
        let path = folder.join("merged.safetensors");
        let target = MergeTarget { force: true, ..MergeTarget::new(&path) };
        self.merge().write(&target).expect("merges");
        open_safetensors(&path).expect("opens").into_model().expect("a model")
    }
}

/// All files below a folder, hidden ones too, with their bytes.
pub(crate) fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![folder.to_owned()];
    while let Some(next) = waiting.pop() {
        for entry in std::fs::read_dir(&next).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                waiting.push(path);
            } else {
                let name = path.strip_prefix(folder).expect("below").to_owned();
                found.insert(name, std::fs::read(&path).expect("a file"));
            }
        }
    }
    found
}
