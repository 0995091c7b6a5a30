//! Why the vocabularies of models cannot be brought together.

use std::path::PathBuf;

use espalier_blame::Blame;
use espalier_file::ReadError;

/// Rows of tokens cannot be matched. No tensor is read yet.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VocabularyError {
    /// A tokenizer's file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: ReadError,
    },
    /// A tokenizer file is malformed.
    #[error("{}: {problem}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// The problem.
        problem: String,
    },
    /// A tokenizer's file gives a token two ids.
    #[error("{}: token `{token}` has the ids {} and {}", path.display(), .ids[0], .ids[1])]
    TwoIds {
        /// The file.
        path: PathBuf,
        /// The token.
        token: String,
        /// Its ids.
        ids: [u32; 2],
    },
    /// A tokenizer's file gives two tokens one id.
    #[error(
        "{}: tokens `{}` and `{}` have the same id, {id}", path.display(), .tokens[0], .tokens[1]
    )]
    TwoTokens {
        /// The file.
        path: PathBuf,
        /// The id.
        id: u32,
        /// The tokens.
        tokens: [String; 2],
    },
    /// A model's tokens are not known.
    #[error(
        "the tokens that the rows of {model} belong to are unknown: it has no tokenizer.json, \
         vocab.json or vocab.txt next to it in a folder of its own; give the folder of the model"
    )]
    NoTokenizer {
        /// The model.
        model: String,
    },
    /// A row belongs to different tokens in two models that are merged row by row.
    #[error(
        "row {row} is that of {} in {}, and of {} in {}; `base` and `union` match rows by token, \
         and `rows` takes them as they stand",
        .tokens[0], .models[0], .tokens[1], .models[1]
    )]
    Unlike {
        /// The row.
        row: usize,
        /// Two models.
        models: Box<[String; 2]>,
        /// What the row belongs to in each.
        tokens: Box<[String; 2]>,
    },
    /// There are more rows of tokens than the limit.
    #[error("{rows} rows of tokens are more than {most}")]
    TooManyRows {
        /// The number of rows.
        rows: u64,
        /// The limit.
        most: u64,
    },
    /// A row of the result is in none of the models.
    #[error("row {row} of {tensor}, which a token has, is in no model")]
    NoRow {
        /// The tensor, or the model if it has the row in none.
        tensor: String,
        /// The row.
        row: usize,
    },
    /// The base's tokenizer cannot get a token of another model.
    #[error(
        "token `{token}` of {model} cannot be put into the base's tokenizer: {reason}; merge with \
         the base's vocabulary instead"
    )]
    NotExtended {
        /// The model that has it.
        model: String,
        /// The token.
        token: String,
        /// The reason.
        reason: &'static str,
    },
    /// The result has new tokens, and a file has no place for a tokenizer.
    #[error("the result has tokens that its base lacks and needs a tokenizer; write to a folder")]
    File,
}

impl VocabularyError {
    /// Who has to act on this error.
    #[must_use]
    pub fn blame(&self) -> Blame {
        match self {
            Self::Read { source, .. } => source.blame(),
            Self::Format { .. }
            | Self::TwoIds { .. }
            | Self::TwoTokens { .. }
            | Self::TooManyRows { .. } => Blame::Peer,
            Self::NoTokenizer { .. }
            | Self::Unlike { .. }
            | Self::NoRow { .. }
            | Self::NotExtended { .. }
            | Self::File => Blame::Caller,
        }
    }

    /// A stable word for programs to tell this error from all others.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Read { source, .. } => source.code(),
            Self::Format { .. } => "vocabulary-format",
            Self::TwoIds { .. } => "vocabulary-two-ids",
            Self::TwoTokens { .. } => "vocabulary-two-tokens",
            Self::NoTokenizer { .. } => "vocabulary-no-tokenizer",
            Self::Unlike { .. } => "vocabulary-unlike",
            Self::TooManyRows { .. } => "vocabulary-too-many-rows",
            Self::NoRow { .. } => "vocabulary-no-row",
            Self::NotExtended { .. } => "vocabulary-not-extended",
            Self::File => "vocabulary-file",
        }
    }
}
