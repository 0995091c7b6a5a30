//! The models that a plan reads: their headers at once, their tensors piece by piece.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    time::SystemTime,
};

use espalier_identity::Digest;
use espalier_recipe::{ModelRef, TensorRef};
use espalier_resolve::methods::RowSource;
use espalier_tensor::{Dtype, SafetensorsModel, TensorShape, open_safetensors};

use crate::{adapter::Adapter, error::MergeError};

/// A model whose headers have been read and checked.
#[derive(Debug)]
pub struct OpenModel {
    reference: ModelRef,
    model: SafetensorsModel,
    adapter: Option<Adapter>,
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
        let shapes = model.shapes();
        let adapter = match &reference.adapter {
            None => None,
            Some(path) => Some(Adapter::open(Path::new(path), |name: &str| {
                places.get(name).map(|&place| &shapes[place])
            })?),
        };
        let stamps =
            model.stamps().map_err(MergeError::io("read the state of", &reference.path))?;
        Ok(Self { reference: reference.clone(), model, adapter, places, stamps })
    }

    /// What the recipe calls it.
    #[must_use]
    pub fn reference(&self) -> &ModelRef {
        &self.reference
    }

    /// Name, element type and shape of every tensor, ascending by name.
    #[must_use]
    pub fn shapes(&self) -> &[TensorShape] {
        self.model.shapes()
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

    /// Reads bytes of a tensor as they are in the model's own file.
    pub(crate) fn read_without_adapter(
        &self,
        index: usize,
        start: u64,
        out: &mut [u8],
    ) -> io::Result<()> {
        self.model.read_at(index, start, out)
    }

    /// The paths of its files: the model and its adapter.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &Path> {
        let ModelRef { path, adapter } = &self.reference;
        core::iter::once(path).chain(adapter).map(Path::new)
    }

    /// A digest of its adapter, which is in memory.
    pub(crate) fn adapter_digest(&self) -> Option<Digest> {
        self.adapter.as_ref().map(Adapter::digest)
    }

    /// Size and time of change of its files when it was opened.
    pub(crate) fn stamps(&self) -> &[(u64, Option<SystemTime>)] {
        &self.stamps
    }

    /// Whether its files are as they were when it was opened.
    pub(crate) fn check_unchanged(&self) -> Result<(), MergeError> {
        match self.model.stamps() {
            Ok(stamps) if stamps == self.stamps => Ok(()),
            _ => Err(MergeError::Changed { model: self.reference.path.clone() }),
        }
    }

    /// A tensor to read from.
    fn tensor(&self, name: &str) -> Option<(TensorSource<'_>, Dtype)> {
        let index = *self.places.get(name)?;
        let dtype = self.model.shapes()[index].dtype;
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
        self.model.model.read_at(self.index, start, out)?;
        if let Some(adapter) = &self.model.adapter {
            let shape = &self.model.model.shapes()[self.index];
            adapter.add_to(shape, start, out)?;
        }
        Ok(())
    }
}

/// The tensor that a plan names.
///
/// # Panics
/// If the plan was not made for these models.
pub(crate) fn source<'a>(models: &'a [OpenModel], tensor: &TensorRef) -> (TensorSource<'a>, Dtype) {
    models[tensor.model].tensor(&tensor.name).expect("a plan names tensors that its models have")
}
