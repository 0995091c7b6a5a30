//! The base's tokenizer with the tokens that it lacks.

use std::path::Path;

use serde_json::{Value, json};

use crate::{
    error::MergeError, tokens::TOKENIZER, vocabulary::AlignedVocabulary,
    vocabulary_error::VocabularyError,
};

/// Most bytes of the file, which is the base's and was read as one.
const MAX_FILE: u64 = 64 << 20;

impl AlignedVocabulary {
    /// Puts the new tokens into the tokenizer of a folder, if there are any.
    pub(crate) fn extend(&self, folder: &Path) -> Result<(), MergeError> {
        if self.new.is_empty() {
            return Ok(());
        }
        let path = folder.join(TOKENIZER);
        let wrong = |problem: String| VocabularyError::Format { path: path.clone(), problem };
        let text = espalier_file::read_text(&path, MAX_FILE)
            .map_err(|source| VocabularyError::Read { path: path.clone(), source })?;
        let mut tokenizer: Value =
            serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        for token in &self.new {
            let placed = match token.added {
                Some(special) => {
                    let entry = json!({
                        "id": token.id,
                        "content": token.content,
                        "single_word": false,
                        "lstrip": false,
                        "rstrip": false,
                        "normalized": !special,
                        "special": special,
                    });
                    let list = tokenizer.as_object_mut().map(|tokenizer| {
                        tokenizer.entry("added_tokens").or_insert_with(|| json!([]))
                    });
                    list.and_then(Value::as_array_mut).map(|list| list.push(entry))
                }
                None => {
                    let words =
                        tokenizer.pointer_mut("/model/vocab").and_then(Value::as_object_mut);
                    words.map(|words| drop(words.insert(token.content.clone(), token.id.into())))
                }
            };
            placed.ok_or_else(|| wrong("it has no place for a token".to_owned()))?;
        }
        let text = serde_json::to_string_pretty(&tokenizer).expect("JSON has a JSON form") + "\n";
        Ok(espalier_file::write(&path, text.as_bytes(), true)?)
    }
}
