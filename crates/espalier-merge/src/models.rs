//! The models that a plan reads: their headers at once, their tensors piece by piece.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use espalier_identity::Digest;
use espalier_recipe::{ModelRef, TensorRef};
use espalier_resolve::methods::RowSource;
use espalier_tensor::{Dtype, TensorShape, open_safetensors};

use crate::{
    adapter::Adapter, aligned_rows::AlignedRows, error::MergeError, model_files::ModelFiles,
};

/// A model whose headers have been read and checked.
#[derive(Debug)]
pub struct OpenModel {
    reference: ModelRef,
    files: Arc<ModelFiles>,
    /// As the merge sees them: with the rows of tokens that they have there.
    shapes: Vec<TensorShape>,
    /// Tensors whose rows stand in another order.
    aligned: BTreeMap<usize, AlignedRows>,
    /// Places of tensors by their names.
    places: BTreeMap<String, usize>,
    stamps: Vec<(u64, Option<SystemTime>)>,
}

impl OpenModel {
    /// Opens a model and its adapter: a `.safetensors` file, an index, or a folder with one of
    /// these. Reads headers, and the adapter as a whole.
    ///
    /// # Errors
    /// [`MergeError::Tensor`] or [`MergeError::Adapter`].
    pub fn open(reference: &ModelRef) -> Result<Self, MergeError> {
        let model = open_safetensors(&reference.path)?;
        let names = model.shapes().iter().map(|shape| shape.name.clone());
        let places: BTreeMap<String, usize> =
            names.enumerate().map(|(place, name)| (name, place)).collect();
        let shapes = model.shapes().to_vec();
        let adapter = match &reference.adapter {
            None => None,
            Some(path) => Some(Adapter::open(Path::new(path), |name: &str| {
                places.get(name).map(|&place| &shapes[place])
            })?),
        };
        let stamps =
            model.stamps().map_err(MergeError::io("read the state of", &reference.path))?;
        let files = Arc::new(ModelFiles::new(model, adapter));
        let (reference, aligned) = (reference.clone(), BTreeMap::new());
        Ok(Self { reference, files, shapes, aligned, places, stamps })
    }

    /// What the recipe calls it.
    #[must_use]
    pub fn reference(&self) -> &ModelRef {
        &self.reference
    }

    /// Name, element type and shape of every tensor, ascending by name.
    #[must_use]
    pub fn shapes(&self) -> &[TensorShape] {
        &self.shapes
    }

    /// The same as they are in its file.
    pub(crate) fn stored_shapes(&self) -> &[TensorShape] {
        self.files.shapes()
    }

    pub(crate) fn files(&self) -> Arc<ModelFiles> {
        Arc::clone(&self.files)
    }

    /// Puts the rows of a tensor into another order.
    pub(crate) fn align(&mut self, index: usize, rows: AlignedRows) {
        if let Some(count) = self.shapes[index].shape.first_mut() {
            *count = rows.count();
        }
        self.aligned.insert(index, rows);
    }

    /// The folder whose other files (tokenizer, configuration) belong to the model.
    #[must_use]
    pub fn folder(&self) -> Option<PathBuf> {
        let path = Path::new(&self.reference.path);
        if path.is_dir() {
            return Some(path.to_owned());
        }
        let index = path.extension().is_some_and(|end| end == "json");
        let beside = path.parent().filter(|_| index)?;
        Some(if beside.as_os_str().is_empty() { ".".into() } else { beside.to_owned() })
    }

    /// The place of a tensor among [`OpenModel::shapes`].
    pub(crate) fn position(&self, name: &str) -> Option<usize> {
        self.places.get(name).copied()
    }

    /// The paths of its files: the model and its adapter.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &Path> {
        let ModelRef { path, adapter } = &self.reference;
        core::iter::once(path).chain(adapter).map(Path::new)
    }

    pub(crate) fn adapter(&self) -> Option<&Adapter> {
        self.files.adapter()
    }

    /// A digest of its adapter.
    pub(crate) fn adapter_digest(&self) -> Option<Digest> {
        self.adapter().map(Adapter::digest)
    }

    /// Size and time of change of its files when it was opened.
    pub(crate) fn stamps(&self) -> &[(u64, Option<SystemTime>)] {
        &self.stamps
    }

    /// Whether its files are as they were when it was opened.
    pub(crate) fn check_unchanged(&self) -> Result<(), MergeError> {
        match self.files.stamps() {
            Ok(stamps) if stamps == self.stamps => Ok(()),
            _ => Err(MergeError::Changed { model: self.reference.path.clone() }),
        }
    }

    /// A tensor to read from.
    fn tensor(&self, name: &str) -> Option<(TensorSource<'_>, Dtype)> {
        let index = *self.places.get(name)?;
        let dtype = self.shapes[index].dtype;
        Some((TensorSource { model: self, index }, dtype))
    }
}

/// A tensor of a model, with what its adapter adds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TensorSource<'a> {
    model: &'a OpenModel,
    index: usize,
}

impl RowSource for TensorSource<'_> {
    fn read(&self, start: u64, out: &mut [u8]) -> io::Result<()> {
        let files = &self.model.files;
        match self.model.aligned.get(&self.index) {
            Some(rows) => rows.read(files, self.index, start, out),
            None => files.read(self.index, start, out),
        }
    }
}

/// The tensor that a plan names.
///
/// # Panics
/// If the plan was not made for these models.
pub(crate) fn source<'a>(models: &'a [OpenModel], tensor: &TensorRef) -> (TensorSource<'a>, Dtype) {
    models[tensor.model].tensor(&tensor.name).expect("a plan names tensors that its models have")
}
