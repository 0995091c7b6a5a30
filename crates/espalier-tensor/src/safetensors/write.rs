//! Writing a file: complete under its name, or not at all.

use core::fmt;
use std::{
    collections::BTreeMap,
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use espalier_file::{Output, WriteError};
use safetensors::Dtype as FileDtype;
use serde::ser::{SerializeMap, Serializer};

use super::METADATA;
use crate::{
    error::{FormatError, TensorError},
    manifest::Manifest,
    model::Model,
    schema::TensorShape,
};

/// Writes `model` to `path`, with its own free text in the header and `metadata` over it.
///
/// It is an [`Output`]: `path` never holds half a model, a mapped old file stays intact, and a pipe
/// or a device is written through. Equal models and metadata give equal bytes. Nothing is forced
/// to disk (`fsync`).
///
/// # Errors
/// [`TensorError::Write`] if `path` exists and `force` is false, or if the system refuses. On any
/// error nothing is left behind and an existing file is unchanged.
pub fn write_safetensors(
    model: &Model,
    metadata: &BTreeMap<String, String>,
    path: impl AsRef<Path>,
    force: bool,
) -> Result<(), TensorError> {
    let shapes: Vec<TensorShape> = model.manifest.tensors().iter().map(Into::into).collect();
    let mut text = model.metadata().clone();
    text.extend(metadata.clone());
    let mut writer = SafetensorsWriter::create(&shapes, &text, path, force)?;
    for index in writer.order().to_vec() {
        writer.write(model.content(index))?;
    }
    writer.finish()
}

/// Writes a file piece by piece, for models that are never in memory as a whole.
///
/// Call [`SafetensorsWriter::write`] with the bytes of the tensors in the order of
/// [`SafetensorsWriter::order`], in pieces of any length, then [`SafetensorsWriter::finish`]. Or
/// call [`SafetensorsWriter::write_at`] for each tensor, in any order, from any number of threads.
/// Dropping the writer before that leaves nothing behind.
pub struct SafetensorsWriter {
    file: Output,
    path: PathBuf,
    order: Vec<usize>,
    /// Where each tensor begins in the file.
    starts: Vec<u64>,
    expected: u64,
    written: AtomicU64,
}

impl SafetensorsWriter {
    /// Starts a file that will hold tensors of these `shapes`.
    ///
    /// # Errors
    /// As [`write_safetensors`]; also [`TensorError::Manifest`] if names repeat or a limit is
    /// exceeded, and [`FormatError::ReservedName`] for a tensor called `__metadata__`.
    pub fn create(
        shapes: &[TensorShape],
        metadata: &BTreeMap<String, String>,
        path: impl AsRef<Path>,
        force: bool,
    ) -> Result<Self, TensorError> {
        let path = path.as_ref().to_owned();
        let expected = checked(shapes, &path)?;
        let mut file = Output::create(&path, force)?;
        // Wide elements first, so that each tensor starts at a multiple of its element's size.
        let mut order: Vec<usize> = (0..shapes.len()).collect();
        order.sort_by(|&a, &b| {
            let key = |i: usize| (core::cmp::Reverse(shapes[i].dtype.size()), &shapes[i].name);
            key(a).cmp(&key(b))
        });
        let header =
            header(shapes, &order, metadata).map_err(|source| not_written(&path, source.into()))?;
        file.write_all(&(header.len() as u64).to_le_bytes())
            .and_then(|()| file.write_all(&header))
            .map_err(|source| not_written(&path, source))?;
        let mut starts = vec![0; shapes.len()];
        let mut at = 8 + header.len() as u64;
        for &index in &order {
            starts[index] = at;
            at += bytes_of(&shapes[index]);
        }
        Ok(Self { file, path, order, starts, expected, written: AtomicU64::new(0) })
    }

    /// In which order the tensors' bytes are expected: indices into the shapes given.
    #[must_use]
    pub fn order(&self) -> &[usize] {
        &self.order
    }

    /// Appends bytes.
    ///
    /// # Errors
    /// [`TensorError::Write`] if the system refuses, [`TensorError::Unfinished`] if there are more
    /// bytes than the shapes have: the caller's fault.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), TensorError> {
        self.count(bytes)?;
        self.file.write_all(bytes).map_err(|source| not_written(&self.path, source))
    }

    /// Writes bytes of a tensor that begin at its byte `start`. Each byte is to be written once.
    ///
    /// # Errors
    /// As [`SafetensorsWriter::write`]; and if the path is not that of a file, such as a pipe.
    ///
    /// # Panics
    /// If the tensor does not exist.
    pub fn write_at(&self, index: usize, start: u64, bytes: &[u8]) -> Result<(), TensorError> {
        self.count(bytes)?;
        let written = self.file.write_all_at(bytes, self.starts[index] + start);
        written.map_err(|source| not_written(&self.path, source))
    }

    fn count(&self, bytes: &[u8]) -> Result<(), TensorError> {
        let more = bytes.len() as u64;
        match self.written.fetch_add(more, Ordering::Relaxed) + more > self.expected {
            true => Err(self.unfinished()),
            false => Ok(()),
        }
    }

    /// Gives the file its name.
    ///
    /// # Errors
    /// [`TensorError::Unfinished`] if bytes are missing, [`TensorError::Write`] if the name was
    /// taken meanwhile and may not be replaced, or if the system refuses.
    pub fn finish(self) -> Result<(), TensorError> {
        if self.written.load(Ordering::Relaxed) != self.expected {
            return Err(self.unfinished());
        }
        Ok(self.file.finish()?)
    }

    fn unfinished(&self) -> TensorError {
        TensorError::Unfinished {
            path: self.path.clone(),
            expected: self.expected,
            actual: self.written.load(Ordering::Relaxed),
        }
    }
}

impl fmt::Debug for SafetensorsWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, expected, .. } = self;
        let written = self.written.load(Ordering::Relaxed);
        write!(f, "SafetensorsWriter({}, {written} of {expected} bytes)", path.display())
    }
}

/// The bytes of all tensors together, if the shapes make a valid manifest.
fn checked(shapes: &[TensorShape], path: &Path) -> Result<u64, TensorError> {
    if shapes.iter().any(|shape| shape.name == METADATA) {
        let problem = FormatError::ReservedName;
        return Err(TensorError::Format { path: path.to_owned(), problem });
    }
    Ok(Manifest::new(shapes.iter().map(TensorShape::without_content).collect())?.byte_len())
}

/// The header's JSON, padded with spaces to a multiple of eight bytes.
fn header(
    shapes: &[TensorShape],
    order: &[usize],
    metadata: &BTreeMap<String, String>,
) -> Result<Vec<u8>, serde_json::Error> {
    #[derive(serde::Serialize)]
    struct Entry<'a> {
        dtype: FileDtype,
        shape: &'a [u64],
        data_offsets: (u64, u64),
    }
    let mut bytes = Vec::new();
    let mut json = serde_json::Serializer::new(&mut bytes);
    let mut map = json.serialize_map(None)?;
    if !metadata.is_empty() {
        map.serialize_entry(METADATA, metadata)?;
    }
    let mut start = 0;
    for &index in order {
        let TensorShape { name, dtype, shape } = &shapes[index];
        let end = start + bytes_of(&shapes[index]);
        let entry = Entry { dtype: (*dtype).into(), shape, data_offsets: (start, end) };
        map.serialize_entry(name, &entry)?;
        start = end;
    }
    SerializeMap::end(map)?;
    bytes.resize(bytes.len().next_multiple_of(8), b' ');
    Ok(bytes)
}

/// Saturates only for sizes that [`checked`] has refused.
fn bytes_of(shape: &TensorShape) -> u64 {
    crate::manifest::byte_len(shape.dtype, &shape.shape).unwrap_or(u64::MAX)
}

fn not_written(path: &Path, source: io::Error) -> TensorError {
    TensorError::Write(WriteError::Io { path: path.to_owned(), source })
}
