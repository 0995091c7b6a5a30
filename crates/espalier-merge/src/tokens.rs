//! The tokens of a model, from its tokenizer's own file: `tokenizer.json`, or `vocab.json` with
//! `added_tokens.json`, or `vocab.txt`; the first of them that is there.

use core::fmt;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use espalier_file::ReadError;
use espalier_identity::Digest;
use espalier_tensor::ContentHasher;
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};

use crate::vocabulary_error::VocabularyError;

/// The file that has everything.
pub(crate) const TOKENIZER: &str = "tokenizer.json";
/// A list of tokens, and what was added to it later.
const LIST: &str = "vocab.json";
const ADDED: &str = "added_tokens.json";
/// A token in each line.
const LINES: &str = "vocab.txt";
/// Most bytes of a file.
const MAX_FILE: u64 = 64 << 20;

/// The tokens of a model.
#[derive(Debug, Default)]
pub(crate) struct Tokens {
    pub(crate) path: PathBuf,
    pub(crate) kind: Kind,
    pub(crate) ids: BTreeMap<String, u32>,
    /// Those that are matched in the text as they are, and whether they are special.
    pub(crate) added: BTreeMap<String, bool>,
}

/// How text is cut into tokens that were not added.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Whole words, or the longest piece that is in the list: the list fully defines the tokenizer.
    WordLevel,
    WordPiece,
    /// By merges, scores or something unknown, which a longer list does not have.
    #[default]
    Other,
}

#[derive(Deserialize)]
struct File {
    model: Model,
    #[serde(default)]
    added_tokens: Option<Vec<Added>>,
}

#[derive(Deserialize)]
struct Model {
    #[serde(rename = "type", default)]
    kind: Option<String>,
    vocab: Entries,
}

#[derive(Deserialize)]
struct Added {
    id: u32,
    content: String,
    #[serde(default)]
    special: bool,
}

/// Tokens with their ids: a mapping, or a list of tokens with scores.
struct Entries(Vec<(String, u32)>);

impl Tokens {
    /// Those of a folder, if it has a file of them.
    ///
    /// # Errors
    /// [`VocabularyError`] if the file cannot be read or contradicts itself.
    pub(crate) fn of(folder: &Path) -> Result<Option<Self>, VocabularyError> {
        let path = |name: &str| folder.join(name);
        if path(TOKENIZER).exists() {
            return whole(path(TOKENIZER)).map(Some);
        }
        if path(LIST).exists() {
            let mut tokens = Self { path: path(LIST), ..Self::default() };
            tokens.extend(json::<Entries>(&path(LIST))?.0)?;
            if path(ADDED).exists() {
                let added = json::<Entries>(&path(ADDED))?.0;
                tokens.added.extend(added.iter().map(|(token, _)| (token.clone(), false)));
                tokens.extend(added)?;
            }
            return Ok(Some(tokens));
        }
        if path(LINES).exists() {
            let mut tokens = Self { path: path(LINES), kind: Kind::WordPiece, ..Self::default() };
            let text = text(&path(LINES))?;
            let lines = text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line));
            let last = usize::from(text.ends_with('\n') || text.is_empty());
            let lines: Vec<&str> = lines.collect();
            let lines = &lines[..lines.len() - last];
            tokens.extend((0..).zip(lines).map(|(id, line)| ((*line).to_owned(), id)))?;
            return Ok(Some(tokens));
        }
        Ok(None)
    }

    /// A digest of the files that [`Tokens::of`] reads, if there are any.
    ///
    /// # Errors
    /// [`VocabularyError`] if a file cannot be read.
    pub(crate) fn digest(folder: &Path) -> Result<Option<Digest>, VocabularyError> {
        let there = |name: &&str| folder.join(name).exists();
        let Some(name) = [TOKENIZER, LIST, LINES].into_iter().find(|name| there(name)) else {
            return Ok(None);
        };
        let added = [ADDED].into_iter().filter(|added| name == LIST && there(added));
        let mut hasher = ContentHasher::new();
        for name in core::iter::once(name).chain(added) {
            let text = text(&folder.join(name))?;
            hasher.update(name.as_bytes());
            hasher.update(&(text.len() as u64).to_le_bytes());
            hasher.update(text.as_bytes());
        }
        Ok(Some(hasher.finish()))
    }

    /// The tokens by their ids, of which those from `rows` on are left out.
    pub(crate) fn by_id(&self, rows: usize) -> Vec<Option<&str>> {
        let last = self.ids.values().filter(|&&id| (id as usize) < rows).max();
        let mut found = vec![None; last.map_or(0, |&id| id as usize + 1)];
        for (token, &id) in &self.ids {
            if let Some(place) = found.get_mut(id as usize) {
                *place = Some(token.as_str());
            }
        }
        found
    }

    /// Takes these in; a token has one id, and an id one token.
    fn extend(
        &mut self,
        entries: impl IntoIterator<Item = (String, u32)>,
    ) -> Result<(), VocabularyError> {
        for (token, id) in entries {
            if let Some(&other) = self.ids.get(&token)
                && other != id
            {
                let (path, ids) = (self.path.clone(), [other, id]);
                return Err(VocabularyError::TwoIds { path, token: clip(&token), ids });
            }
            self.ids.insert(token, id);
        }
        let mut owners: Vec<(u32, &String)> =
            self.ids.iter().map(|(token, &id)| (id, token)).collect();
        owners.sort_unstable();
        match owners.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            None => Ok(()),
            Some(pair) => Err(VocabularyError::TwoTokens {
                path: self.path.clone(),
                id: pair[0].0,
                tokens: [pair[0].1, pair[1].1].map(|token| clip(token)),
            }),
        }
    }
}

/// All of a `tokenizer.json`.
fn whole(path: PathBuf) -> Result<Tokens, VocabularyError> {
    let File { model, added_tokens } = json(&path)?;
    let kind = match model.kind.as_deref() {
        Some("WordLevel") => Kind::WordLevel,
        Some("WordPiece") => Kind::WordPiece,
        _ => Kind::Other,
    };
    let added = added_tokens.unwrap_or_default();
    let mut tokens = Tokens { path, kind, ..Tokens::default() };
    tokens.added = added.iter().map(|token| (token.content.clone(), token.special)).collect();
    let all = model.vocab.0.into_iter();
    tokens.extend(all.chain(added.into_iter().map(|token| (token.content, token.id))))?;
    Ok(tokens)
}

fn text(path: &Path) -> Result<String, VocabularyError> {
    let unread = |source: ReadError| VocabularyError::Read { path: path.to_owned(), source };
    if !path.is_file() {
        // A pipe may never end.
        let problem = "it is not a regular file".to_owned();
        return Err(VocabularyError::Format { path: path.to_owned(), problem });
    }
    espalier_file::read_text(path, MAX_FILE).map_err(unread)
}

fn json<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<T, VocabularyError> {
    let wrong = |error: serde_json::Error| VocabularyError::Format {
        path: path.to_owned(),
        problem: clip(&error.to_string()),
    };
    serde_json::from_str(&text(path)?).map_err(wrong)
}

/// As much of a text from a stranger as a message shows.
pub(crate) fn clip(text: &str) -> String {
    const SHOWN: usize = 80;
    let mut shown: String = text.chars().take(SHOWN).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(OfEntries)
    }
}

struct OfEntries;

impl<'de> Visitor<'de> for OfEntries {
    type Value = Entries;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a mapping of tokens to ids, or a list of tokens with scores")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Entries(entries))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Entries, A::Error> {
        let mut entries = Vec::new();
        while let Some((token, _)) = list.next_element::<(String, f64)>()? {
            entries.push((token, entries.len() as u32));
        }
        Ok(Entries(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn of(files: &[(&str, &str)]) -> Result<Option<Tokens>, VocabularyError> {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, text) in files {
            fs::write(folder.path().join(name), text).expect("a file");
        }
        Tokens::of(folder.path())
    }

    fn ids(files: &[(&str, &str)]) -> Vec<(String, u32)> {
        of(files).expect("reads").expect("a file").ids.into_iter().collect()
    }

    #[test]
    fn every_kind_of_file_is_read() {
        let expected = [("a", 0), ("b", 1), ("c", 2)].map(|(token, id)| (token.to_owned(), id));
        let all = r#"{"model": {"type": "BPE", "vocab": {"a": 0, "b": 1}, "merges": []},
            "added_tokens": [{"id": 2, "content": "c", "special": true},
            {"id": 0, "content": "a"}], "version": "1.0"}"#;
        assert_eq!(ids(&[("tokenizer.json", all), ("vocab.txt", "x")]), expected);
        let scores = r#"{"model": {"vocab": [["a", -1.5], ["b", 0], ["c", -3]]}}"#;
        assert_eq!(ids(&[("tokenizer.json", scores)]), expected);
        let list = [("vocab.json", r#"{"b": 1, "a": 0}"#), ("added_tokens.json", r#"{"c": 2}"#)];
        assert_eq!(ids(&list), expected);
        assert_eq!(ids(&[("vocab.txt", "a\r\nb\nc\n")]), expected);
        assert_eq!(ids(&[("vocab.txt", "a\nb\nc")]), expected);
        assert!(ids(&[("vocab.txt", "")]).is_empty());
        assert!(of(&[("config.json", "{}")]).expect("reads").is_none());
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        for (name, text, code) in [
            ("vocab.json", r#"{"a": 0, "a": 1}"#, "vocabulary-two-ids"),
            ("vocab.json", r#"{"a": 0, "b": 0}"#, "vocabulary-two-tokens"),
            ("vocab.txt", "a\nb\na\n", "vocabulary-two-ids"),
            ("vocab.json", r#"{"a": -1}"#, "vocabulary-format"),
            ("vocab.json", r#"{"a": 4294967296}"#, "vocabulary-format"),
            ("tokenizer.json", "{}", "vocabulary-format"),
            ("tokenizer.json", "", "vocabulary-format"),
            ("tokenizer.json", "\u{fffd}", "vocabulary-format"),
        ] {
            let error = of(&[(name, text)]).expect_err(text);
            assert_eq!(error.code(), code, "{text}: {error}");
        }
    }

    #[test]
    fn ids_without_a_row_are_left_out() {
        let tokens = of(&[("vocab.json", r#"{"a": 0, "b": 2, "c": 4294967295}"#)]);
        let tokens = tokens.expect("reads").expect("a file");
        assert_eq!(tokens.by_id(10), [Some("a"), None, Some("b")]);
        assert_eq!(tokens.by_id(1), [Some("a")]);
    }
}
