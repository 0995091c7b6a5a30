//! Rows of tokens, matched by the tokens that they belong to.
//!
//! A row of an embedding or a head belongs to a token, and one number is another token in another
//! model. The models get rows in one order here, before anything is planned: those of the base, and
//! for [`VocabularyRule::Union`] after them what the base lacks, in the order of the models and by
//! id. A row that a model lacks is the mean of that row over the models that have it, in the order
//! of the models, summed in f64 and rounded to the type of the model that lacks it; with
//! [`VocabularyRule::Base`] the base has it, and it is the base's alone. Rows of the base that
//! belong to no token, as when an embedding is padded, are the base's in every model; those of
//! other models are left out.
//!
//! What is merged then are these rows, by the method of the recipe, as all others.

use std::{collections::BTreeSet, sync::Arc};

use espalier_identity::Digest;
use espalier_recipe::{VocabularyRule, has_rows_of_tokens, is_head};
use espalier_tensor::{ContentHasher, TensorShape};

use crate::{
    aligned::{AlignedRows, Donor, NONE},
    models::OpenModel,
    tokens::{Kind, TOKENIZER, Tokens, clip},
    vocabulary_error::VocabularyError,
};

/// Most rows of tokens.
const MAX_ROWS: u64 = 1 << 24;

/// The tokens of a merged model.
#[derive(Debug)]
pub struct AlignedVocabulary {
    /// Rows of the embedding of tokens.
    pub(crate) rows: u64,
    /// What the base's tokenizer lacks, with ids.
    pub(crate) new: Vec<NewToken>,
    /// Of all that decides which row is where.
    pub(crate) digest: Digest,
}

/// A token that the base's tokenizer lacks.
#[derive(Debug)]
pub(crate) struct NewToken {
    pub(crate) content: String,
    pub(crate) id: u32,
    /// Whether it is special, if it is matched in the text as it is; otherwise it is an entry of
    /// the list of words.
    pub(crate) added: Option<bool>,
}

/// Brings the rows of tokens of all models into one order. Does nothing if the recipe has no rule,
/// or if all rows are already in that order. A model whose folder has no tokenizer counts as one
/// with the base's tokens if it has as many rows.
///
/// # Errors
/// [`VocabularyError`].
///
/// # Panics
/// If `base` is not the index of a model.
pub fn align_vocabularies(
    models: &mut [OpenModel],
    base: usize,
    rule: VocabularyRule,
) -> Result<Option<AlignedVocabulary>, VocabularyError> {
    if matches!(rule, VocabularyRule::Error | VocabularyRule::Rows) {
        return Ok(None);
    }
    let names: BTreeSet<String> = models
        .iter()
        .flat_map(OpenModel::shapes)
        .filter(|shape| has_rows(shape))
        .map(|shape| shape.name.clone())
        .collect();
    let Some(most) = models.iter().filter_map(|model| widest(model, &names)).max() else {
        return Ok(None);
    };
    if most > MAX_ROWS {
        return Err(VocabularyError::TooManyRows { rows: most, most: MAX_ROWS });
    }
    let read = |model: &OpenModel| model.folder().map_or(Ok(None), |folder| Tokens::of(&folder));
    let tokens = models.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    let rows = |model: &OpenModel| widest(model, &names).unwrap_or(0) as usize;
    let known: Vec<Known<'_>> = models
        .iter()
        .zip(&tokens)
        .map(|(model, tokens)| Known {
            model: model.reference().to_string(),
            rows: rows(model),
            tokens: tokens.as_ref(),
        })
        .collect();
    let list = List::new(&known, base, rule)?;
    let mut aligned = Vec::new();
    for name in &names {
        align(models, &tokens, base, &list, name, rule, &mut aligned)?;
    }
    let changes = aligned.iter().any(|(.., identity)| !identity);
    let mut hasher = ContentHasher::new();
    for (model, index, rows, identity) in aligned {
        for row in rows.rows.iter() {
            hasher.update(&row.to_le_bytes());
        }
        if !identity {
            models[model].align(index, rows);
        }
    }
    for token in &list.new {
        hasher.update(token.content.as_bytes());
    }
    if !changes {
        return Ok(None);
    }
    let rows = widest(&models[base], &names).unwrap_or(0);
    Ok(Some(AlignedVocabulary { rows, new: list.new, digest: hasher.finish() }))
}

/// Whether it is a tensor of tokens that has something in its rows.
fn has_rows(shape: &TensorShape) -> bool {
    has_rows_of_tokens(&shape.name)
        && !shape.shape.is_empty()
        && shape.shape.iter().all(|&size| size > 0)
}

/// The place of a tensor of tokens in a model.
fn place_of(model: &OpenModel, name: &str) -> Option<usize> {
    model.position(name).filter(|&index| has_rows(&model.shapes()[index]))
}

/// What is known of a model's tokens.
struct Known<'t> {
    model: String,
    /// How many have a row.
    rows: usize,
    tokens: Option<&'t Tokens>,
}

/// The rows of a model's largest tensor of tokens.
fn widest(model: &OpenModel, names: &BTreeSet<String>) -> Option<u64> {
    let of_tokens =
        model.shapes().iter().filter(|shape| names.contains(&shape.name) && has_rows(shape));
    of_tokens.filter_map(|shape| shape.shape.first().copied()).max()
}

/// The tokens of the result by their rows.
struct List {
    tokens: Vec<Option<String>>,
    new: Vec<NewToken>,
}

impl List {
    fn new(
        models: &[Known<'_>],
        base: usize,
        rule: VocabularyRule,
    ) -> Result<Self, VocabularyError> {
        let of_base = models[base].tokens;
        let by_id = of_base.map(|tokens| tokens.by_id(models[base].rows)).unwrap_or_default();
        let mut list: Vec<_> = by_id.into_iter().map(|token| token.map(str::to_owned)).collect();
        let mut new = Vec::new();
        if rule != VocabularyRule::Union {
            return Ok(Self { tokens: list, new });
        }
        let mut known: BTreeSet<&str> = BTreeSet::new();
        if let Some(of_base) = of_base {
            known.extend(of_base.ids.keys().map(String::as_str));
            // New tokens come after the last one, whose row has to be there.
            let last = of_base.ids.values().max().map_or(0, |&id| id as usize + 1);
            if last > models[base].rows {
                let (model, row) = (models[base].model.clone(), last - 1);
                return Err(VocabularyError::NoRow { tensor: model, row });
            }
        }
        for Known { model, rows, tokens } in models {
            let Some(tokens) = tokens else { continue };
            for token in tokens.by_id(*rows).into_iter().flatten() {
                if !known.insert(token) {
                    continue;
                }
                let Some(of_base) = of_base else {
                    let model = models[base].model.clone();
                    return Err(VocabularyError::NoTokenizer { model });
                };
                let added = extension(of_base, tokens, token).map_err(|reason| {
                    let (model, token) = (model.clone(), clip(token));
                    VocabularyError::NotExtended { model, token, reason }
                })?;
                new.push(NewToken { content: token.to_owned(), id: list.len() as u32, added });
                list.push(Some(token.to_owned()));
            }
        }
        match list.len() as u64 {
            rows if rows > MAX_ROWS => Err(VocabularyError::TooManyRows { rows, most: MAX_ROWS }),
            _ => Ok(Self { tokens: list, new }),
        }
    }
}

impl List {
    /// Whether a row belongs to a token that the base lacks.
    fn is_new(&self, row: usize) -> bool {
        let first = self.new.first().map_or(usize::MAX, |token| token.id as usize);
        (first..self.tokens.len()).contains(&row)
    }
}

/// How the base's tokenizer gets a token of another one.
fn extension(base: &Tokens, other: &Tokens, token: &str) -> Result<Option<bool>, &'static str> {
    if base.path.file_name().is_none_or(|name| name != TOKENIZER) {
        return Err("the base has no tokenizer.json, to which tokens can be added");
    }
    match other.added.get(token) {
        Some(&special) => Ok(Some(special)),
        None if base.kind != Kind::Other && base.kind == other.kind => Ok(None),
        None => Err("it is made by the merges or scores of its own tokenizer, which the base's \
                     lacks"),
    }
}

/// A tensor of a model with its rows, and whether these are as in its file.
type Aligned = (usize, usize, AlignedRows, bool);

/// The rows of one tensor in all models that have it.
fn align(
    models: &[OpenModel],
    tokens: &[Option<Tokens>],
    base: usize,
    list: &List,
    name: &str,
    rule: VocabularyRule,
    out: &mut Vec<Aligned>,
) -> Result<(), VocabularyError> {
    // A head that the base lacks is its embedding.
    let of_base = place_of(&models[base], name).or_else(|| {
        is_head(name)
            .then(|| models[base].shapes())?
            .iter()
            .position(|shape| has_rows(shape) && !is_head(&shape.name))
    });
    let Some(of_base) = of_base else { return Ok(()) };
    let rows_of = |model: usize, index: usize| {
        models[model].shapes()[index].shape.first().map_or(0, |&rows| rows as usize)
    };
    let base_rows = rows_of(base, of_base);
    let all = match rule {
        VocabularyRule::Union if !list.new.is_empty() => list.tokens.len().max(base_rows),
        _ => base_rows,
    };
    let mut found: Vec<(usize, usize, Arc<Vec<u32>>, bool)> = Vec::new();
    for (model, its) in tokens.iter().enumerate() {
        let index = if model == base { Some(of_base) } else { place_of(&models[model], name) };
        let Some(index) = index else { continue };
        let rows = rows_of(model, index);
        let as_base = |row: usize| {
            // What was padding is nobody's where a new token is now.
            let there = row < rows.min(base_rows) && !list.is_new(row);
            if there { row as u32 } else { NONE }
        };
        let place = |row: usize| match (its, tokens[base].as_ref()) {
            _ if model == base => as_base(row),
            (Some(its), Some(_)) => {
                let token = list.tokens.get(row).and_then(Option::as_ref);
                let id = token.and_then(|token| its.ids.get(token)).copied();
                id.filter(|&id| (id as usize) < rows).unwrap_or(NONE)
            }
            _ => as_base(row),
        };
        if model != base && (its.is_none() || tokens[base].is_none()) && rows != base_rows {
            let unknown = if its.is_none() { model } else { base };
            let model = models[unknown].reference().to_string();
            return Err(VocabularyError::NoTokenizer { model });
        }
        let places: Vec<u32> = (0..all).map(place).collect();
        let identity = all == rows && (0..).zip(&places).all(|(row, &place)| row == place);
        found.push((model, index, Arc::new(places), identity));
    }
    let donor = |(model, index, rows, _): &(usize, usize, Arc<Vec<u32>>, bool)| Donor {
        files: models[*model].files(),
        index: *index,
        rows: Arc::clone(rows),
    };
    let donors: Arc<Vec<Donor>> = Arc::new(
        found
            .iter()
            .filter(|found| rule == VocabularyRule::Union || found.0 == base)
            .map(donor)
            .collect(),
    );
    let nobody = |row: &usize| donors.iter().all(|donor| donor.rows[*row] == NONE);
    if let Some(row) = (0..all).find(nobody) {
        return Err(VocabularyError::NoRow { tensor: name.to_owned(), row });
    }
    let own = found.into_iter().filter(|(model, index, ..)| {
        // The base's embedding in place of a head is aligned under its own name.
        models[*model].shapes()[*index].name == name
    });
    out.extend(own.map(|(model, index, rows, identity)| {
        let donors = Arc::clone(&donors);
        (model, index, AlignedRows { rows, donors }, identity)
    }));
    Ok(())
}
