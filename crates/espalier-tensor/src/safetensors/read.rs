//! Opening models: headers first, data on demand.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Read},
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    MAX_HEADER_BYTES,
    header::{Header, Index},
};
use crate::{
    Content, Dtype, FormatError, Manifest, Model, Schema, TensorError, TensorShape, mapped::FileMap,
};

/// A model whose headers have been read and checked, and whose data have not.
///
/// Files stay mapped while this or a [`Content`] from it lives; they must not be changed in place
/// meanwhile (replacing them by renaming is fine).
pub struct SafetensorsModel {
    manifest: Manifest,
    shapes: Vec<TensorShape>,
    places: Vec<Place>,
    metadata: BTreeMap<String, String>,
}

/// Where a tensor's bytes are.
type Place = (Arc<FileMap>, Range<usize>);

impl SafetensorsModel {
    /// Name, element type and shape of every tensor, ascending by name: what
    /// [`crate::schema_mismatch`] compares.
    #[must_use]
    pub fn shapes(&self) -> &[TensorShape] {
        &self.shapes
    }

    /// The same as a manifest, whose content digests are all zero: for its sizes and its schema.
    #[must_use]
    pub fn manifest_shapes(&self) -> &Manifest {
        &self.manifest
    }

    /// The free text of the header (of all shards; the first to name a key wins).
    #[must_use]
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.metadata
    }

    /// The bytes of tensor `index`, mapped: nothing is read until they are used.
    #[must_use]
    pub fn content(&self, index: usize) -> Option<Content> {
        let (map, range) = self.places.get(index)?;
        Some(Content::mapped(Arc::clone(map), range.clone()))
    }

    /// The model, with its free text: hashes every tensor. Data stay in the mapped files. Cost:
    /// one pass over them.
    ///
    /// # Errors
    /// None that opening the files would not have found.
    pub fn into_model(self) -> Result<Model, TensorError> {
        let tensor = |(shape, (map, range)): (TensorShape, _)| {
            let TensorShape { name, dtype, shape } = shape;
            (name, dtype, shape, Content::mapped(map, range))
        };
        let tensors = self.shapes.into_iter().zip(self.places).map(tensor).collect();
        Ok(Model::from_contents(tensors)?.with_metadata(self.metadata))
    }
}

impl Schema for SafetensorsModel {
    fn layout(&self) -> impl Iterator<Item = (&str, Dtype, &[u64])> {
        self.shapes.layout()
    }
}

impl core::fmt::Debug for SafetensorsModel {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "SafetensorsModel({} tensors)", self.shapes.len())
    }
}

/// Opens a model: one `.safetensors` file, an index `*.safetensors.index.json` with its shards,
/// or a folder that has exactly one of these (an index wins over files).
///
/// Reads headers only and hashes nothing, so that the shapes of several models can be compared
/// before any data is read. Nothing in a file is trusted: lengths, offsets, names, limits and
/// shard paths are checked, in time and memory bounded by the size of the headers (100 MB each).
///
/// # Errors
/// [`TensorError::Format`] names the file, what is wrong with it and what would be right;
/// [`TensorError::Io`] if the system refuses.
pub fn open_safetensors(path: impl AsRef<Path>) -> Result<SafetensorsModel, TensorError> {
    let path = path.as_ref();
    let about = fs::metadata(path).map_err(|source| io_error("open", path, source))?;
    if about.is_dir() {
        return open_file(&the_model_in(path)?);
    }
    open_file(path)
}

fn open_file(path: &Path) -> Result<SafetensorsModel, TensorError> {
    if path.as_os_str().to_string_lossy().ends_with(".json") {
        return open_sharded(path);
    }
    let (map, header) = map_file(path)?;
    let mut parts = Parts::default();
    parts.add(header, &map);
    parts.finish(path)
}

/// What the files of a model say together.
#[derive(Default)]
struct Parts {
    tensors: Vec<(TensorShape, Place)>,
    metadata: BTreeMap<String, String>,
}

impl Parts {
    fn add(&mut self, header: Header, map: &Arc<FileMap>) {
        for (shape, range) in header.tensors {
            self.tensors.push((shape, (Arc::clone(map), range)));
        }
        for (key, text) in header.metadata {
            self.metadata.entry(key).or_insert(text);
        }
    }

    fn finish(mut self, path: &Path) -> Result<SafetensorsModel, TensorError> {
        self.tensors.sort_by(|a, b| a.0.name.cmp(&b.0.name));
        let (shapes, places): (Vec<TensorShape>, _) = self.tensors.into_iter().unzip();
        let manifest = Manifest::new(shapes.iter().map(TensorShape::without_content).collect())
            .map_err(|error| format_error(path, error.into()))?;
        Ok(SafetensorsModel { manifest, shapes, places, metadata: self.metadata })
    }
}

/// The one index, or else the one file, in a folder.
fn the_model_in(folder: &Path) -> Result<PathBuf, TensorError> {
    let list = fs::read_dir(folder).map_err(|source| io_error("list", folder, source))?;
    let (mut indexes, mut files) = (Vec::new(), Vec::new());
    for entry in list {
        let entry = entry.map_err(|source| io_error("list", folder, source))?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.ends_with(".safetensors.index.json") {
            indexes.push(entry.path());
        } else if name.ends_with(".safetensors") {
            files.push(entry.path());
        }
    }
    match (indexes.as_slice(), files.as_slice()) {
        ([index], _) => Ok(index.clone()),
        ([], [file]) => Ok(file.clone()),
        _ => {
            let (indexes, files) = (indexes.len(), files.len());
            Err(format_error(folder, FormatError::Folder { indexes, files }))
        }
    }
}

/// Maps a file and checks its header.
fn map_file(path: &Path) -> Result<(Arc<FileMap>, Header), TensorError> {
    let (file, length) = regular_file(path)?;
    if length < 10 {
        return Err(format_error(path, FormatError::TooShort { length }));
    }
    let map = FileMap::new(&file).map_err(|source| io_error("map", path, source))?;
    let header = Header::read(map.bytes()).map_err(|problem| format_error(path, problem))?;
    Ok((Arc::new(map), header))
}

/// Opens a regular file: a pipe would block, a device may never end.
fn regular_file(path: &Path) -> Result<(File, u64), TensorError> {
    let open_error = |source| io_error("open", path, source);
    let about = fs::metadata(path).map_err(open_error)?;
    if !about.is_file() {
        return Err(format_error(path, FormatError::NotAFile));
    }
    let file = File::open(path).map_err(open_error)?;
    let length = file.metadata().map_err(open_error)?.len();
    Ok((file, length))
}

fn open_sharded(path: &Path) -> Result<SafetensorsModel, TensorError> {
    let wrong = |problem| format_error(path, problem);
    let (file, length) = regular_file(path)?;
    if length > MAX_HEADER_BYTES {
        let limit = MAX_HEADER_BYTES;
        return Err(wrong(FormatError::HeaderLength { claimed: length, limit }));
    }
    let mut text = Vec::new();
    file.take(MAX_HEADER_BYTES)
        .read_to_end(&mut text)
        .map_err(|source| io_error("read", path, source))?;
    let mut places = Index::read(&text).map_err(wrong)?.places;
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut shards: Vec<String> = places.values().cloned().collect();
    shards.sort_unstable();
    shards.dedup();

    let mut parts = Parts::default();
    for shard in shards {
        let file = folder.join(&shard);
        if !file.try_exists().unwrap_or(false) {
            return Err(wrong(FormatError::ShardMissing { shard }));
        }
        let (map, header) = map_file(&file)?;
        for (TensorShape { name, .. }, _) in &header.tensors {
            // Taking the place away finds a tensor that two shards have, or that none should.
            if places.get(name) != Some(&shard) {
                let tensor = name.clone();
                return Err(wrong(FormatError::NotInIndex { tensor, shard }));
            }
            places.remove(name);
        }
        parts.add(header, &map);
    }
    if let Some((tensor, shard)) = places.pop_first() {
        return Err(wrong(FormatError::NotInShard { tensor, shard }));
    }
    parts.finish(path)
}

fn io_error(action: &'static str, path: &Path, source: io::Error) -> TensorError {
    TensorError::Io { action, path: path.to_owned(), source }
}

fn format_error(path: &Path, problem: FormatError) -> TensorError {
    TensorError::Format { path: path.to_owned(), problem }
}
