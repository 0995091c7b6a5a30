//! Models that were uploaded: streamed to disk, hashed on the way, checked before they are listed.
//!
//! A file is known by the hash of its bytes and lies in a folder of the server's own, which goes
//! with the server. No answer tells where.

use crate::error::Problem;
use crate::limits::Limits;
use axum::body::Body;
use axum::http::StatusCode;
use espalier::sim::BadElement;
use espalier::tensor::{TensorError, open_safetensors};
use futures_util::StreamExt as _;
use serde::Serialize;
use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tempfile::{TempDir, TempPath};
use tokio::io::AsyncWriteExt as _;

/// How long an upload may pause.
const PAUSE: Duration = Duration::from_secs(30);

/// A model that was uploaded. Its file goes with it.
#[derive(Debug, Serialize)]
pub(crate) struct Upload {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) bytes: u64,
    pub(crate) tensors: u64,
    pub(crate) parameters: u64,
    #[serde(skip)]
    pub(crate) file: TempPath,
}

impl Upload {
    pub(crate) fn path(&self) -> &Path {
        &self.file
    }
}

/// All of them.
#[derive(Debug)]
pub(crate) struct Models {
    pub(crate) folder: TempDir,
    pub(crate) limits: Limits,
    shelf: Mutex<Shelf>,
}

#[derive(Debug, Default)]
pub(crate) struct Shelf {
    /// The earliest first.
    pub(crate) models: VecDeque<Arc<Upload>>,
    /// Bytes that uploads under way have written.
    arriving: u64,
    /// The number of uploads under way.
    under_way: usize,
}

/// An upload under way: its bytes count until it is listed or given up.
pub(crate) struct Arrival<'a> {
    models: &'a Models,
    pub(crate) bytes: u64,
}

impl Drop for Arrival<'_> {
    fn drop(&mut self) {
        let mut shelf = self.models.shelf();
        shelf.arriving -= self.bytes;
        shelf.under_way -= 1;
    }
}

impl Models {
    /// # Errors
    /// If no temporary folder can be made.
    pub(crate) fn new(limits: Limits) -> std::io::Result<Self> {
        let folder = tempfile::Builder::new().prefix("espalier-serve-").tempdir()?;
        Ok(Self { folder, limits, shelf: Mutex::default() })
    }

    pub(crate) fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The model with this identifier.
    pub(crate) fn find(&self, id: &str) -> Option<Arc<Upload>> {
        self.shelf().models.iter().find(|model| model.id == id).cloned()
    }

    pub(crate) fn begin(&self) -> Result<Arrival<'_>, Problem> {
        let mut shelf = self.shelf();
        if shelf.models.len() + shelf.under_way >= self.limits.files {
            let message =
                format!("at most {} models are kept; remove one first", self.limits.files);
            return Err(Problem::new(StatusCode::INSUFFICIENT_STORAGE, "full", message));
        }
        shelf.under_way += 1;
        Ok(Arrival { models: self, bytes: 0 })
    }

    pub(crate) fn too_large(&self) -> Problem {
        let message = format!("the file is larger than {} bytes", self.limits.upload);
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", message)
    }

    /// Streams a body to a file; its hash and length.
    pub(crate) async fn receive(
        &self,
        body: Body,
        file: &mut tokio::fs::File,
        arrival: &mut Arrival<'_>,
    ) -> Result<blake3::Hash, Problem> {
        let (mut hasher, mut chunks) = (blake3::Hasher::new(), body.into_data_stream());
        loop {
            let chunk = match tokio::time::timeout(PAUSE, chunks.next()).await {
                Ok(None) => break,
                Ok(Some(Ok(chunk))) => chunk,
                Ok(Some(Err(_))) => {
                    let message = "the upload was cut short";
                    return Err(Problem::new(StatusCode::BAD_REQUEST, "bad-body", message));
                }
                Err(_) => {
                    let message = format!("nothing arrived for {} s", PAUSE.as_secs());
                    return Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "slow", message));
                }
            };
            arrival.grow(chunk.len() as u64)?;
            hasher.update(&chunk);
            file.write_all(&chunk).await.map_err(|error| no_disk(&error))?;
        }
        file.flush().await.map_err(|error| no_disk(&error))?;
        Ok(hasher.finalize())
    }
}

impl Arrival<'_> {
    fn grow(&mut self, bytes: u64) -> Result<(), Problem> {
        let Limits { upload, uploads, .. } = self.models.limits;
        let mut shelf = self.models.shelf();
        self.bytes += bytes;
        shelf.arriving += bytes;
        let there: u64 = shelf.models.iter().map(|model| model.bytes).sum();
        let all = there + shelf.arriving;
        drop(shelf);
        if self.bytes > upload {
            return Err(self.models.too_large());
        }
        if all > uploads {
            let message =
                format!("all models together may take at most {uploads} bytes; remove one first");
            return Err(Problem::new(StatusCode::INSUFFICIENT_STORAGE, "full", message));
        }
        Ok(())
    }
}

pub(crate) fn no_disk(error: &std::io::Error) -> Problem {
    let message = format!("the upload cannot be kept: {}", error.kind());
    Problem::new(StatusCode::INSUFFICIENT_STORAGE, "no-disk", message)
}

/// Checks a file that has arrived: that it is what it should be, with elements that nodes can
/// contribute, and what is in it.
pub(crate) fn check(path: &Path) -> Result<(u64, u64), Problem> {
    let unusable = |code, message: String| Problem::field(code, "body", message);
    let refused = |error: TensorError| {
        let code = error.code();
        // The messages do not say where the file lies.
        unusable(
            code,
            match error {
                TensorError::Format { problem, .. } => {
                    format!("this is not a safetensors file: {problem}")
                }
                TensorError::Read { source, .. } => format!("it cannot be read: {}", source.kind()),
                _ => "it cannot be read".into(),
            },
        )
    };
    let opened = open_safetensors(path).map_err(refused)?;
    let manifest = opened.manifest_shapes();
    let (tensors, parameters) = (manifest.tensors().len() as u64, manifest.elements());
    if manifest.float_elements() == 0 {
        return Err(unusable("bad-model", "it holds no float tensor".into()));
    }
    // Every node starts from it.
    let model = opened.into_model().map_err(refused)?;
    match BadElement::first_of(&model) {
        None => Ok((tensors, parameters)),
        Some(element) => Err(unusable("model-element", element.to_string())),
    }
}
