//! What can go wrong between a file and a model.

use espalier_blame::Blame;
use std::{io, path::PathBuf};

use espalier_file::{WriteError, count};
use espalier_identity::Digest;

use crate::{
    dtype::{Dtype, UnsupportedDtype},
    foreign::Foreign,
    manifest,
    manifest::ManifestError,
};

/// A model could not be built, read or written. Nothing is changed: no file is left half written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TensorError {
    /// The manifest is malformed: the fault of its author.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The content of a tensor is not in the store and must be fetched first.
    #[error("the content of tensor `{tensor}`, {content}, is not in the store")]
    Missing {
        /// The tensor.
        tensor: String,
        /// Its digest.
        content: Digest,
    },
    /// Bytes and shape disagree.
    #[error(
        "tensor `{tensor}` is {dtype} {shape:?} but has {}; it should have {}",
        count(*.actual, "byte"),
        expected_bytes(*.dtype, .shape)
    )]
    Length {
        /// The tensor.
        tensor: String,
        /// Its element type.
        dtype: Dtype,
        /// Its shape.
        shape: Vec<u64>,
        /// The number of bytes.
        actual: u64,
    },
    /// The operating system refused to read.
    #[error("cannot {action} {}: {source}", .path.display())]
    Read {
        /// The action.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// The file was not written: it exists, or the operating system refused.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The file is not a valid safetensors file: its author's fault.
    #[error("{}: {problem}", .path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// The problem.
        problem: FormatError,
    },
    /// The caller of a writer gave more or fewer bytes than it announced.
    #[error(
        "{} should get tensors of {}, not {actual}", .path.display(), count(*.expected, "byte")
    )]
    Unfinished {
        /// The file, which was not written.
        path: PathBuf,
        /// Bytes announced.
        expected: u64,
        /// Bytes given.
        actual: u64,
    },
}

impl TensorError {
    /// Who has to act on this error.
    #[must_use]
    pub fn blame(&self) -> Blame {
        match self {
            Self::Manifest(error) => error.blame(),
            Self::Missing { .. } | Self::Read { .. } | Self::Unfinished { .. } => Blame::Caller,
            Self::Length { .. } => Blame::Peer,
            Self::Write(error) => error.blame(),
            Self::Format { problem, .. } => problem.blame(),
        }
    }

    /// A stable word for programs to tell this error from all others.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Manifest(error) => error.code(),
            Self::Missing { .. } => "tensor-missing",
            Self::Length { .. } => "tensor-length",
            Self::Read { .. } => "model-not-read",
            Self::Write(error) => error.code(),
            Self::Format { problem, .. } => problem.code(),
            Self::Unfinished { .. } => "model-unfinished",
        }
    }
}

fn expected_bytes(dtype: Dtype, shape: &[u64]) -> String {
    manifest::byte_len(dtype, shape).map_or_else(|| "more than 2^64".into(), |n| n.to_string())
}

/// What is wrong with a safetensors file, an index, or a folder of them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FormatError {
    /// Too short to hold even the header's length.
    #[error("the file has {}; a safetensors file has at least 10", count(*.length, "byte"))]
    TooShort {
        /// The file's length.
        length: u64,
    },
    /// The file is empty.
    #[error("the file is empty")]
    Empty,
    /// The file is of another kind.
    #[error("{0}")]
    Foreign(Foreign),
    /// The file begins like a safetensors file but ends within the header.
    #[error(
        "the file has {length} bytes, and its header alone should have {claimed}: it was cut short"
    )]
    HeaderCut {
        /// The file's length.
        length: u64,
        /// What the first eight bytes say.
        claimed: u64,
    },
    /// The header does not fit the file, or is larger than the format allows.
    #[error(
        "its first eight bytes give a header of {claimed} bytes, and at most {limit} are possible: \
         not a safetensors file"
    )]
    HeaderLength {
        /// What the first eight bytes say.
        claimed: u64,
        /// The smaller of what the file holds and the format's 100 MB.
        limit: u64,
    },
    /// The JSON text is malformed, or does not have the expected fields.
    #[error("the {what} is not valid: {reason}")]
    Json {
        /// Header or index.
        what: &'static str,
        /// The parser's words, with line and column.
        reason: String,
    },
    /// Two tensors have the same name.
    #[error("tensor `{tensor}` is listed twice; names must be unique")]
    Duplicate {
        /// The name.
        tensor: String,
    },
    /// A name, shape or number of tensors is over the limit.
    #[error(transparent)]
    Limit(#[from] ManifestError),
    /// An element type that cannot be computed with.
    #[error("tensor `{tensor}`: {source}")]
    Dtype {
        /// The tensor.
        tensor: String,
        /// The name of the type.
        source: UnsupportedDtype,
    },
    /// The data of a tensor does not follow the data of the one before it.
    #[error(
        "the data of tensor `{tensor}` starts at {start}, but the data before it ends at \
         {expected}; data may not overlap or leave gaps"
    )]
    Offset {
        /// The tensor.
        tensor: String,
        /// The offset at which its data starts, according to the header.
        start: u64,
        /// The offset at which it should.
        expected: u64,
    },
    /// A tensor's range and its shape disagree.
    #[error("the data of tensor `{tensor}` goes from {start} to {end}; its shape needs {needed}")]
    Size {
        /// The tensor.
        tensor: String,
        /// The offset at which its data starts.
        start: u64,
        /// The offset at which it ends.
        end: u64,
        /// The number of bytes its shape has, in words if that does not fit 64 bits.
        needed: String,
    },
    /// The file is longer or shorter than its header says.
    #[error(
        "the file holds {} of data; its header describes {expected}: {}",
        count(*actual, "byte"),
        if actual < expected { "it was cut short" } else { "there is more than there should be" }
    )]
    DataLength {
        /// Bytes after the header.
        actual: u64,
        /// The offset at which the last tensor ends.
        expected: u64,
    },
    /// A shard's name in an index leads out of the folder.
    #[error("the index names shard `{shard}`; shards must lie in the folder of the index")]
    ShardPath {
        /// The name.
        shard: String,
    },
    /// A shard that the index names does not exist.
    #[error("the index names shard `{shard}`, which does not exist; {missing} of {of} are missing")]
    ShardMissing {
        /// The name of the first that is missing.
        shard: String,
        /// The number of missing shards.
        missing: usize,
        /// The number that there should be.
        of: usize,
    },
    /// A shard was given without its index, and only the index shows that nothing is missing.
    #[error(
        "`{shard}` is one of {} of one model; {}",
        count(*of, "shard"),
        if *index { "name their *.safetensors.index.json, or the folder" }
        else { "their *.safetensors.index.json is missing here" }
    )]
    Shard {
        /// The name.
        shard: String,
        /// The number that there should be.
        of: u64,
        /// Whether there is an index next to it.
        index: bool,
    },
    /// The index places a tensor in a shard that does not have it.
    #[error("the index places tensor `{tensor}` in `{shard}`, which does not have it")]
    NotInShard {
        /// The tensor.
        tensor: String,
        /// The shard.
        shard: String,
    },
    /// A shard has a tensor that the index does not place there.
    #[error("shard `{shard}` has tensor `{tensor}`, which the index does not place there")]
    NotInIndex {
        /// The tensor.
        tensor: String,
        /// The shard.
        shard: String,
    },
    /// The folder has no model.
    #[error(
        "the folder has no file *.safetensors and no *.safetensors.index.json{}",
        .other.as_ref().map_or(String::new(), |other| format!("; `{other}` is not safetensors"))
    )]
    NoModel {
        /// A file that looks like a model of another format.
        other: Option<String>,
    },
    /// A folder does not contain exactly one model.
    #[error(
        "the folder has {} *.safetensors.index.json and {} *.safetensors; name the one to read",
        count(*indexes, "file"),
        count(*files, "file")
    )]
    Folder {
        /// The number of index files.
        indexes: usize,
        /// The number of tensor files.
        files: usize,
    },
    /// Not a regular file.
    #[error("not a regular file or a folder")]
    NotAFile,
    /// A tensor has the reserved name.
    #[error("a tensor may not be called `__metadata__`")]
    ReservedName,
}

impl FormatError {
    /// Who has to act on this error.
    #[must_use]
    pub fn blame(&self) -> Blame {
        match self {
            Self::TooShort { .. }
            | Self::Empty
            | Self::Foreign(_)
            | Self::HeaderCut { .. }
            | Self::HeaderLength { .. }
            | Self::Json { .. }
            | Self::Duplicate { .. }
            | Self::Offset { .. }
            | Self::Size { .. }
            | Self::DataLength { .. }
            | Self::ShardPath { .. }
            | Self::ShardMissing { .. }
            | Self::NotInShard { .. }
            | Self::NotInIndex { .. } => Blame::Peer,
            Self::Limit(error) => error.blame(),
            Self::Dtype { source, .. } => source.blame(),
            Self::Shard { .. }
            | Self::NoModel { .. }
            | Self::Folder { .. }
            | Self::NotAFile
            | Self::ReservedName => Blame::Caller,
        }
    }

    /// A stable word for programs to tell this error from all others.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooShort { .. } => "safetensors-too-short",
            Self::Empty => "safetensors-empty",
            Self::Foreign(_) => "safetensors-foreign",
            Self::HeaderCut { .. } => "safetensors-header-cut",
            Self::HeaderLength { .. } => "safetensors-header-length",
            Self::Json { .. } => "safetensors-json",
            Self::Duplicate { .. } => "safetensors-duplicate",
            Self::Limit(error) => error.code(),
            Self::Dtype { source, .. } => source.code(),
            Self::Offset { .. } => "safetensors-offset",
            Self::Size { .. } => "safetensors-size",
            Self::DataLength { .. } => "safetensors-data-length",
            Self::ShardPath { .. } => "shard-path",
            Self::ShardMissing { .. } => "shard-missing",
            Self::Shard { .. } => "shard-alone",
            Self::NotInShard { .. } => "shard-lacks-tensor",
            Self::NotInIndex { .. } => "index-lacks-tensor",
            Self::NoModel { .. } => "folder-without-model",
            Self::Folder { .. } => "folder-of-several-models",
            Self::NotAFile => "not-a-file",
            Self::ReservedName => "reserved-name",
        }
    }
}
