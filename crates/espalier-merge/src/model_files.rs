//! The files of a model, as they are and with what an adapter adds.

use std::{io, time::SystemTime};

use espalier_tensor::{SafetensorsModel, TensorShape};

use crate::adapter::Adapter;

/// The files of a model and its adapter.
#[derive(Debug)]
pub(crate) struct ModelFiles {
    model: SafetensorsModel,
    adapter: Option<Adapter>,
}

impl ModelFiles {
    pub(crate) fn new(model: SafetensorsModel, adapter: Option<Adapter>) -> Self {
        Self { model, adapter }
    }

    pub(crate) fn adapter(&self) -> Option<&Adapter> {
        self.adapter.as_ref()
    }

    /// Size and time of change of the model's files.
    pub(crate) fn stamps(&self) -> io::Result<Vec<(u64, Option<SystemTime>)>> {
        self.model.stamps()
    }

    /// As in the model's file.
    pub(crate) fn shapes(&self) -> &[TensorShape] {
        self.model.shapes()
    }

    /// The bytes of a row of a tensor; 1 if it has none.
    pub(crate) fn row_bytes(&self, index: usize) -> u64 {
        let TensorShape { dtype, shape, .. } = &self.model.shapes()[index];
        let elements: u64 = shape.iter().skip(1).product();
        (elements * dtype.size() as u64).max(1)
    }

    /// Reads bytes of a tensor without what the adapter adds.
    pub(crate) fn read_stored(&self, index: usize, start: u64, out: &mut [u8]) -> io::Result<()> {
        self.model.read_at(index, start, out)
    }

    /// Reads bytes of a tensor, with what the adapter adds.
    pub(crate) fn read(&self, index: usize, start: u64, out: &mut [u8]) -> io::Result<()> {
        self.read_stored(index, start, out)?;
        match &self.adapter {
            Some(adapter) => adapter.add_to(&self.model.shapes()[index], start, out),
            None => Ok(()),
        }
    }
}
