//! Refusing to merge rows of different tokens as if they were of one.

use std::collections::{BTreeMap, BTreeSet};

use espalier_identity::Digest;
use espalier_recipe::{MergePlan, TensorPlan, TensorStep, has_rows_of_tokens};

use crate::{
    models::OpenModel,
    tokens::{Tokens, clip},
    vocabulary_error::VocabularyError,
};

/// Checks, for every tensor that is merged and has a row for each token, that the tokenizers of its
/// models give each row the same token. Models without a tokenizer are not looked at, and those
/// whose tokenizers have the same bytes are alike.
///
/// # Errors
/// [`VocabularyError`].
///
/// # Panics
/// If the plan was not made for these models.
pub fn check_vocabularies(models: &[OpenModel], plan: &MergePlan) -> Result<(), VocabularyError> {
    let of_tokens = plan.tensors.iter().filter(|tensor| has_rows_of_tokens(&tensor.name));
    let groups: BTreeSet<(Vec<usize>, usize)> = of_tokens.map(group).collect();
    let mut digests: BTreeMap<usize, Option<Digest>> = BTreeMap::new();
    for (group, rows) in groups.iter().filter(|(group, _)| group.len() > 1) {
        let mut first: Option<(usize, Digest)> = None;
        for &model in group {
            let digest = match digests.get(&model) {
                Some(digest) => *digest,
                None => models[model].folder().map_or(Ok(None), |path| Tokens::digest(&path))?,
            };
            digests.insert(model, digest);
            let Some(digest) = digest else { continue };
            match first {
                None => first = Some((model, digest)),
                Some((_, of_first)) if of_first == digest => {}
                Some((first, _)) => compare([&models[first], &models[model]], *rows)?,
            }
        }
    }
    Ok(())
}

/// The models that a tensor is merged of, the base first, and the number of its rows.
fn group(tensor: &TensorPlan) -> (Vec<usize>, usize) {
    let rows = tensor.shape.first().map_or(0, |&rows| rows as usize);
    let TensorStep::Merge(step) = &tensor.step else { return (Vec::new(), rows) };
    let inputs = step.inputs.iter().map(|input| &input.tensor);
    let all = step.base.iter().chain(inputs);
    (all.map(|tensor| tensor.model).collect(), rows)
}

/// Refuses two models that give a row different tokens.
fn compare(models: [&OpenModel; 2], rows: usize) -> Result<(), VocabularyError> {
    let read = |model: &OpenModel| model.folder().map_or(Ok(None), |folder| Tokens::of(&folder));
    let [Some(first), Some(second)] = [read(models[0])?, read(models[1])?] else { return Ok(()) };
    let [first, second] = [first.by_id(rows), second.by_id(rows)];
    let tokens = |row: usize| [&first, &second].map(|tokens| tokens.get(row).copied().flatten());
    let unlike = |row: &usize| {
        let [first, second] = tokens(*row);
        first != second
    };
    let Some(row) = (0..first.len().max(second.len())).find(unlike) else { return Ok(()) };
    let shown = |token: Option<&str>| match token {
        Some(token) => format!("token `{}`", clip(token)),
        None => "no token".to_owned(),
    };
    Err(VocabularyError::Unlike {
        row,
        models: Box::new(models.map(|model| model.reference().to_string())),
        tokens: Box::new(tokens(row).map(shown)),
    })
}
