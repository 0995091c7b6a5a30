//! Opening models: headers first, data on demand.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io,
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use espalier_file::ReadError;

use super::header::{Header, Index};
use crate::{
    content::Content,
    dtype::Dtype,
    error::{FormatError, TensorError},
    foreign::{self, MAX_HEADER_BYTES},
    manifest::Manifest,
    mapped::FileMap,
    model::Model,
    schema::{Schema, TensorShape},
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

    /// Reads bytes of tensor `index` from `start` on, by a call of the system and not through the
    /// map, so that a file that becomes shorter meanwhile is an error.
    ///
    /// # Errors
    /// If the system refuses, or if the tensor does not have these bytes.
    pub fn read_at(&self, index: usize, start: u64, out: &mut [u8]) -> io::Result<()> {
        let (map, range) = self.places.get(index).ok_or(io::ErrorKind::NotFound)?;
        let end = start.checked_add(out.len() as u64);
        if end.is_none_or(|end| end > range.len() as u64) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        map.read(range.start as u64 + start, out)
    }

    /// Size and time of the last change of every file, as they are now: what differs later has
    /// been changed.
    ///
    /// # Errors
    /// If the system does not tell.
    pub fn stamps(&self) -> io::Result<Vec<(u64, Option<SystemTime>)>> {
        let mut maps: Vec<&Arc<FileMap>> = self.places.iter().map(|(map, _)| map).collect();
        maps.dedup_by(|a, b| Arc::ptr_eq(a, b));
        let stamp = |map: &Arc<FileMap>| {
            let about = map.file().metadata()?;
            Ok((about.len(), about.modified().ok()))
        };
        maps.into_iter().map(stamp).collect()
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
/// [`TensorError::Read`] if the system refuses.
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
    if let Some(of) = shard_of(path) {
        let siblings = models_of(path.parent().unwrap_or(Path::new("")));
        let index = siblings.is_ok_and(|found| !found.indexes.is_empty());
        return Err(format_error(path, FormatError::Shard { shard: name_of(path), of, index }));
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

/// The model files in a folder; hidden files are ignored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ModelFolder {
    /// Files `*.safetensors.index.json`, each of a model in shards, in the order of their names.
    pub indexes: Vec<PathBuf>,
    /// Files `*.safetensors`, models or shards, in the order of their names.
    pub files: Vec<PathBuf>,
    /// A file that looks like a model of another format.
    other: Option<String>,
}

/// Endings of models that are not ours.
const OTHERS: [&str; 10] =
    ["bin", "pt", "pth", "ckpt", "gguf", "npz", "npy", "h5", "onnx", "msgpack"];

/// Lists the models in a folder, without those in folders below it.
///
/// # Errors
/// [`TensorError::Read`] if it cannot be listed, [`FormatError::Shard`] if it has shards and no
/// index: together they may be one model, and nothing says whether all are there.
pub fn models_in(folder: impl AsRef<Path>) -> Result<ModelFolder, TensorError> {
    let folder = folder.as_ref();
    let found = models_of(folder).map_err(|source| io_error("list", folder, source))?;
    let shard = found.files.iter().find_map(|file| Some((file, shard_of(file)?)));
    if let (Some((file, of)), true) = (shard, found.indexes.is_empty()) {
        let problem = FormatError::Shard { shard: name_of(file), of, index: false };
        return Err(format_error(folder, problem));
    }
    Ok(found)
}

fn models_of(folder: &Path) -> io::Result<ModelFolder> {
    let mut found = ModelFolder::default();
    let here = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    for entry in fs::read_dir(here)? {
        let name = entry?.file_name();
        let path = folder.join(&name);
        let name = name.to_string_lossy();
        if name.starts_with('.') {
            // Left over, or hidden on purpose.
        } else if name.ends_with(".safetensors.index.json") {
            found.indexes.push(path);
        } else if name.ends_with(".safetensors") {
            found.files.push(path);
        } else if OTHERS.iter().any(|end| path.extension().is_some_and(|its| its == *end)) {
            let other = found.other.get_or_insert_with(|| name.clone().into_owned());
            if *name < **other {
                *other = name.into_owned();
            }
        }
    }
    found.indexes.sort();
    found.files.sort();
    Ok(found)
}

/// Of how many shards this is one, if there are several: `model-00001-of-00003.safetensors`.
fn shard_of(path: &Path) -> Option<u64> {
    let name = path.file_name()?.to_str()?.strip_suffix(".safetensors")?;
    let (rest, of) = name.rsplit_once("-of-")?;
    let (_, number) = rest.rsplit_once('-')?;
    let digits = |text: &str| text.len() >= 5 && text.bytes().all(|byte| byte.is_ascii_digit());
    let of = of.parse().ok().filter(|_| digits(of) && digits(number))?;
    (of > 1).then_some(of)
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// The one index, or else the one file, in a folder.
fn the_model_in(folder: &Path) -> Result<PathBuf, TensorError> {
    let ModelFolder { indexes, files, other } = models_in(folder)?;
    match (indexes.as_slice(), files.as_slice()) {
        ([index], _) => Ok(index.clone()),
        ([], [file]) => Ok(file.clone()),
        ([], []) => Err(format_error(folder, FormatError::NoModel { other })),
        _ => {
            let (indexes, files) = (indexes.len(), files.len());
            Err(format_error(folder, FormatError::Folder { indexes, files }))
        }
    }
}

/// Maps a file and checks its header.
fn map_file(path: &Path) -> Result<(Arc<FileMap>, Header), TensorError> {
    let (file, length) = regular_file(path)?;
    if length == 0 {
        return Err(format_error(path, FormatError::Empty));
    }
    let map = FileMap::new(file).map_err(|source| io_error("map", path, source))?;
    if let Some(found) = foreign::recognise(map.bytes()) {
        return Err(format_error(path, FormatError::Foreign(found)));
    }
    if length < 10 {
        return Err(format_error(path, FormatError::TooShort { length }));
    }
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
    regular_file(path)?;
    let unread = |error| match error {
        ReadError::Io(source) => io_error("read", path, source),
        error => wrong(FormatError::Json { what: "index", reason: error.to_string() }),
    };
    let bytes = espalier_file::read(path, MAX_HEADER_BYTES).map_err(unread)?;
    match foreign::recognise(&bytes) {
        _ if bytes.is_empty() => return Err(wrong(FormatError::Empty)),
        None | Some(foreign::Foreign::Json) => {}
        // Its size is that of an index, and not of a model.
        Some(foreign::Foreign::LfsPointer(_)) => {
            return Err(wrong(FormatError::Foreign(foreign::Foreign::LfsPointer(None))));
        }
        Some(found) => return Err(wrong(FormatError::Foreign(found))),
    }
    let text = espalier_file::text_of(bytes).map_err(unread)?;
    let mut places = Index::read(text.as_bytes()).map_err(wrong)?.places;
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut shards: Vec<String> = places.values().cloned().collect();
    shards.sort_unstable();
    shards.dedup();

    let absent = |shard: &&String| !folder.join(shard).try_exists().unwrap_or(false);
    if let Some(shard) = shards.iter().find(absent).cloned() {
        let (missing, of) = (shards.iter().filter(absent).count(), shards.len());
        return Err(wrong(FormatError::ShardMissing { shard, missing, of }));
    }
    let mut parts = Parts::default();
    for shard in shards {
        let file = folder.join(&shard);
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
    TensorError::Read { action, path: path.to_owned(), source }
}

fn format_error(path: &Path, problem: FormatError) -> TensorError {
    TensorError::Format { path: path.to_owned(), problem }
}
