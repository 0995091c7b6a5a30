//! Where a merged model goes.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// A path ending in `.safetensors` is a file; every other is a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergeTarget {
    /// The file or folder.
    pub path: PathBuf,
    /// Whether it may replace an earlier result; see [`Merge::write`](crate::Merge::write).
    pub force: bool,
    /// Maximum tensor bytes per shard; a larger tensor gets its own shard.
    pub shard_size: u64,
    /// Free text of the headers.
    pub metadata: BTreeMap<String, String>,
}

/// As large as shards of published models usually are.
const SHARD_SIZE: u64 = 5_000_000_000;

impl MergeTarget {
    /// A path where nothing is yet.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        let metadata = BTreeMap::new();
        Self { path: path.into(), force: false, shard_size: SHARD_SIZE, metadata }
    }

    /// Whether the result is one file.
    #[must_use]
    pub fn is_file(&self) -> bool {
        self.path.extension().is_some_and(|end| end == "safetensors")
    }

    /// The folder next to `path` in which the result grows.
    pub(crate) fn growing(&self) -> PathBuf {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        self.parent().join(format!(".{name}.merging"))
    }

    /// The folder in which the result will be.
    pub(crate) fn parent(&self) -> &Path {
        match self.path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        }
    }
}
