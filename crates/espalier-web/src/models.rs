//! Models that were uploaded: streamed to disk, hashed on the way, checked before they are listed.
//!
//! A file is known by the hash of its bytes and lies in a folder of the server's own, which goes
//! with the server. No answer tells where.

use crate::api::{Answer, App};
use crate::error::{Problem, json, ok};
use crate::limits::Limits;
use crate::request::{Names, Query};
use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use espalier::sim::BadElement;
use espalier::tensor::{TensorError, open_safetensors};
use futures_util::StreamExt as _;
use serde::Serialize;
use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tempfile::{NamedTempFile, TempDir, TempPath};
use tokio::io::AsyncWriteExt as _;

/// How long an upload may pause.
const PAUSE: Duration = Duration::from_secs(30);
/// The longest name of a model, in characters.
const MAX_NAME: usize = 100;

/// A model that was uploaded. Its file goes with it.
#[derive(Debug, Serialize)]
pub(crate) struct Upload {
    pub(crate) id: String,
    name: String,
    bytes: u64,
    tensors: u64,
    pub(crate) parameters: u64,
    #[serde(skip)]
    file: TempPath,
}

impl Upload {
    pub(crate) fn path(&self) -> &Path {
        &self.file
    }
}

/// All of them.
#[derive(Debug)]
pub(crate) struct Models {
    folder: TempDir,
    limits: Limits,
    shelf: Mutex<Shelf>,
}

#[derive(Debug, Default)]
struct Shelf {
    /// The earliest first.
    models: VecDeque<Arc<Upload>>,
    /// Bytes that uploads under way have written.
    arriving: u64,
    /// The number of uploads under way.
    under_way: usize,
}

/// An upload under way: its bytes count until it is listed or given up.
struct Arrival<'a> {
    models: &'a Models,
    bytes: u64,
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

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The model with this identifier.
    pub(crate) fn find(&self, id: &str) -> Option<Arc<Upload>> {
        self.shelf().models.iter().find(|model| model.id == id).cloned()
    }

    fn begin(&self) -> Result<Arrival<'_>, Problem> {
        let mut shelf = self.shelf();
        if shelf.models.len() + shelf.under_way >= self.limits.files {
            let message =
                format!("at most {} models are kept; remove one first", self.limits.files);
            return Err(Problem::new(StatusCode::INSUFFICIENT_STORAGE, "full", message));
        }
        shelf.under_way += 1;
        Ok(Arrival { models: self, bytes: 0 })
    }

    fn too_large(&self) -> Problem {
        let message = format!("the file is larger than {} bytes", self.limits.upload);
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", message)
    }

    /// Streams a body to a file; its hash and length.
    async fn receive(
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

fn no_disk(error: &std::io::Error) -> Problem {
    let message = format!("the upload cannot be kept: {}", error.kind());
    Problem::new(StatusCode::INSUFFICIENT_STORAGE, "no-disk", message)
}

/// Checks a file that has arrived: that it is what it should be, with elements that nodes can
/// contribute, and what is in it.
fn check(path: &Path) -> Result<(u64, u64), Problem> {
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

pub(crate) async fn list(State(app): State<Arc<App>>) -> Response {
    let models: Vec<_> = app.models.shelf().models.iter().rev().cloned().collect();
    ok(&models.iter().map(|model| &**model).collect::<Vec<&Upload>>())
}

pub(crate) async fn add(
    State(app): State<Arc<App>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let query = Query::read(query.as_deref(), &["name"])?;
    let name = query.text("name").unwrap_or("model").trim().to_owned();
    if name.is_empty() || name.chars().count() > MAX_NAME || name.chars().any(char::is_control) {
        let message = format!("must be text of 1 to {MAX_NAME} characters");
        return Err(Problem::field("bad-parameter", "name", message));
    }
    let models = &app.models;
    let told =
        headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    // What says that it is too large need not be read.
    if told.is_some_and(|told: u64| told > models.limits.upload) {
        return Err(models.too_large());
    }
    let mut arrival = models.begin()?;
    let file = NamedTempFile::with_suffix_in(".safetensors", models.folder.path());
    let (file, path) = file.map_err(|error| no_disk(&error))?.into_parts();
    let mut file = tokio::fs::File::from_std(file);
    let hash = models.receive(body, &mut file, &mut arrival).await?;
    drop(file);
    let id = hash.to_hex().to_string();
    if let Some(known) = models.find(&id) {
        return Ok(json(StatusCode::OK, &*known));
    }
    let (path, (tensors, parameters)) = app
        .compute(move || {
            let found = check(&path)?;
            Ok::<_, Problem>((path, found))
        })
        .await??;
    let model =
        Arc::new(Upload { id, name, bytes: arrival.bytes, tensors, parameters, file: path });
    drop(arrival);
    let mut shelf = models.shelf();
    // Somebody else may have brought the same meanwhile.
    if let Some(known) = shelf.models.iter().find(|known| known.id == model.id) {
        return Ok(json(StatusCode::OK, &**known));
    }
    shelf.models.push_back(model.clone());
    drop(shelf);
    Ok(json(StatusCode::CREATED, &*model))
}

pub(crate) async fn remove(State(app): State<Arc<App>>, Names(id): Names<String>) -> Answer {
    let mut shelf = app.models.shelf();
    let place = shelf.models.iter().position(|model| model.id == id);
    let gone = place.and_then(|place| shelf.models.remove(place));
    drop(shelf);
    match gone {
        Some(_) => Ok(StatusCode::NO_CONTENT.into_response()),
        None => Err(Problem::not_found("there is no such model; it may have been removed")),
    }
}
