//! Which tensor belongs to which layer, from names alone.
//!
//! A name is a path of segments with dots between them. Its *layer* is told by the first segment
//! that is a number and counts layers: the names with the same path before it have the numbers from
//! 0 to n, each at least once, and n is above 0 or the segment before it is a word for layers
//! ([`WORDS`]). So `model.layers.3.mlp.experts.5.up.weight` belongs to layer 3 of `model.layers`.
//!
//! A tensor without a layer stands *before* the layers if it is an embedding, that is if a segment
//! of its name has `embed` in it or is a word for embeddings ([`EMBEDDINGS`]); all others, norms
//! and heads, stand *after* them.

use std::collections::{BTreeMap, BTreeSet};

/// The largest number of layers that slices may pile up.
pub const MAX_LAYERS: usize = 10_000;

/// Words for layers: a model with a single layer has one, too.
const WORDS: &[&str] = &["layers", "layer", "h", "blocks", "block"];
/// Words for embeddings without `embed` in them.
const EMBEDDINGS: &[&str] = &["wte", "wpe"];
/// The word for the head that may be the transposed embedding, and is left out of a file then.
const HEAD: &str = "lm_head";
/// Words for the embedding of tokens.
const TOKENS: &[&str] = &["embed_tokens", "wte", "word_embeddings", "tok_embeddings", "embed_in"];

/// Where a tensor stands among the layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Position<'n> {
    Before,
    /// `prefix`, the number and `rest` are the name.
    Layer {
        prefix: &'n str,
        index: u64,
        rest: &'n str,
    },
    After,
}

/// The lists of layers of a model.
#[derive(Debug)]
pub(crate) struct LayerLists<'n> {
    /// What stands before the number, with the dot; and how many layers there are.
    counts: BTreeMap<&'n str, u64>,
}

impl<'n> LayerLists<'n> {
    pub(crate) fn of(names: impl Iterator<Item = &'n str> + Clone) -> Self {
        let mut numbers = BTreeMap::<&str, BTreeSet<u64>>::new();
        for (prefix, index, _) in names.clone().flat_map(numbered) {
            numbers.entry(prefix).or_default().insert(index);
        }
        let counted = |(prefix, numbers): (&'n str, BTreeSet<u64>)| {
            let count = numbers.len() as u64;
            let word = prefix.trim_end_matches('.').rsplit('.').next();
            let layers = numbers.last() == Some(&(count - 1))
                && (count > 1 || word.is_some_and(|word| WORDS.contains(&word)));
            layers.then_some((prefix, count))
        };
        let mut lists = Self { counts: numbers.into_iter().filter_map(counted).collect() };
        // Numbers within a layer, as of experts, do not make a list of layers.
        let used: BTreeSet<&str> = names
            .filter_map(|name| match lists.position(name) {
                Position::Layer { prefix, .. } => Some(prefix),
                _ => None,
            })
            .collect();
        lists.counts.retain(|prefix, _| used.contains(prefix));
        lists
    }

    pub(crate) fn position<'a>(&self, name: &'a str) -> Position<'a> {
        let layer = numbered(name).find(|(prefix, ..)| self.counts.contains_key(prefix));
        match layer {
            Some((prefix, index, rest)) => Position::Layer { prefix, index, rest },
            None if is_embedding(name) => Position::Before,
            None => Position::After,
        }
    }

    /// The number of layers in the list with this prefix.
    pub(crate) fn count(&self, prefix: &str) -> u64 {
        self.counts.get(prefix).copied().unwrap_or_default()
    }

    /// Prefixes and numbers of layers.
    pub(crate) fn lists(&self) -> impl Iterator<Item = (&'n str, u64)> {
        self.counts.iter().map(|(prefix, count)| (*prefix, *count))
    }
}

/// Each segment that is a number, with what stands before and after it.
fn numbered(name: &str) -> impl Iterator<Item = (&str, u64, &str)> {
    let starts = std::iter::once(0).chain(name.match_indices('.').map(|(dot, _)| dot + 1));
    starts.filter_map(move |start| {
        let segment = name[start..].split('.').next()?;
        let plain = segment.bytes().all(|byte| byte.is_ascii_digit())
            && (segment.len() == 1 || !segment.starts_with('0'));
        let index = segment.parse().ok().filter(|_| plain)?;
        Some((&name[..start], index, &name[start + segment.len()..]))
    })
}

/// Whether a tensor is of an embedding, by its name.
#[must_use]
pub fn is_embedding(name: &str) -> bool {
    name.split('.').any(|segment| segment.contains("embed") || EMBEDDINGS.contains(&segment))
}

/// Whether it is a head that a model may lack.
#[must_use]
pub fn is_head(name: &str) -> bool {
    ends_with(name, &[HEAD])
}

/// Whether its rows are those of the tokens.
pub(crate) fn is_of_tokens(name: &str) -> bool {
    ends_with(name, TOKENS)
}

/// Whether a tensor has a row, or an element, for each token: embeddings of tokens and heads.
#[must_use]
pub fn has_rows_of_tokens(name: &str) -> bool {
    let bias = name.rsplit_once('.').filter(|(_, last)| *last == "bias");
    let of_head = |module: &str| module.rsplit('.').next() == Some(HEAD);
    is_head(name) || is_of_tokens(name) || bias.is_some_and(|(module, _)| of_head(module))
}

/// Whether it is the weight of a part with one of these names.
fn ends_with(name: &str, words: &[&str]) -> bool {
    let mut segments = name.rsplit('.');
    segments.next() == Some("weight") && segments.next().is_some_and(|word| words.contains(&word))
}

/// How far a layer is from the first to the last one, from 0 to 1.
pub(crate) fn depth(index: u64, count: u64) -> f64 {
    if count > 1 { index as f64 / (count - 1) as f64 } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer<'n>(prefix: &'n str, index: u64, rest: &'n str) -> Position<'n> {
        Position::Layer { prefix, index, rest }
    }

    #[test]
    fn layers_are_told_by_the_first_number_that_counts_them() {
        let names = [
            "model.embed_tokens.weight",
            "model.layers.0.mlp.experts.0.up.weight",
            "model.layers.0.mlp.experts.1.up.weight",
            "model.layers.1.mlp.experts.0.up.weight",
            "model.layers.1.mlp.experts.1.up.weight",
            "model.norm.weight",
            "lm_head.weight",
        ];
        let lists = LayerLists::of(names.into_iter());
        assert_eq!(lists.lists().collect::<Vec<_>>(), [("model.layers.", 2)]);
        assert_eq!(lists.position(names[0]), Position::Before);
        let expected = layer("model.layers.", 1, ".mlp.experts.0.up.weight");
        assert_eq!(lists.position(names[3]), expected);
        assert_eq!(lists.position(names[5]), Position::After);
        assert_eq!(lists.position(names[6]), Position::After);
    }

    #[test]
    fn a_single_layer_needs_a_word_for_it() {
        let lists = LayerLists::of(["h.0.w", "head.0.w", "seq.0.w", "seq.2.w"].into_iter());
        assert_eq!(lists.lists().collect::<Vec<_>>(), [("h.", 1)]);
        let lists = LayerLists::of(["stages.0.layers.0.w", "stages.0.layers.1.w"].into_iter());
        assert_eq!(lists.lists().collect::<Vec<_>>(), [("stages.0.layers.", 2)]);
        let lists = LayerLists::of(["0", "1.weight", "model.layers.00.w"].into_iter());
        assert_eq!(lists.lists().collect::<Vec<_>>(), [("", 2)]);
        assert_eq!(lists.position("1.weight"), layer("", 1, ".weight"));
    }

    #[test]
    fn heads_and_embeddings_of_tokens_are_told_by_their_last_words() {
        assert!(is_head("lm_head.weight") && is_head("language_model.lm_head.weight"));
        assert!(!is_head("lm_head.bias") && !is_head("my_lm_head.weight"));
        assert!(is_of_tokens("transformer.wte.weight") && !is_of_tokens("model.norm.weight"));
    }

    #[test]
    fn a_lone_layer_is_the_last() {
        let depths: Vec<f64> = (0..3).map(|index| depth(index, 3)).collect();
        assert_eq!(depths, [0.0, 0.5, 1.0]);
        assert!((depth(0, 1) - 1.0).abs() < f64::EPSILON);
    }
}
