//! Computing a merged model again and comparing it with what is there.

use std::{
    io,
    sync::atomic::{AtomicBool, Ordering},
};

use espalier_tensor::{SafetensorsModel, TensorShape};

use crate::{error::MergeError, merge::Merge};

/// A difference between a merged model and what its recipe produces.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TensorDifference {
    /// A tensor that is missing.
    Missing(String),
    /// A tensor that the recipe does not produce.
    Extra(String),
    /// A tensor of another element type or shape.
    Layout(String),
    /// A tensor with other elements.
    Values(String),
}

impl Merge<'_> {
    /// Merges again and compares every byte. Nothing is written.
    ///
    /// # Errors
    /// [`MergeError`] if a model cannot be read or merged.
    pub fn verify(&self, merged: &SafetensorsModel) -> Result<Vec<TensorDifference>, MergeError> {
        let mut found = Vec::new();
        let shapes = self.shapes();
        let there: &[TensorShape] = merged.shapes();
        for shape in there {
            if !shapes.iter().any(|ours| ours.name == shape.name) {
                found.push(TensorDifference::Extra(shape.name.clone()));
            }
        }
        for (tensor, shape) in self.plan.tensors.iter().zip(&shapes) {
            let name = shape.name.clone();
            let Ok(index) = there.binary_search_by(|other| other.name.cmp(&name)) else {
                found.push(TensorDifference::Missing(name));
                continue;
            };
            if there[index] != *shape {
                found.push(TensorDifference::Layout(name));
                continue;
            }
            let differs = AtomicBool::new(false);
            let compare = |start: u64, bytes: &[u8]| -> io::Result<()> {
                let mut stored = vec![0; bytes.len()];
                merged.read_at(index, start, &mut stored)?;
                if stored != bytes {
                    differs.store(true, Ordering::Relaxed);
                }
                Ok(())
            };
            self.run(tensor, &compare)?;
            if differs.into_inner() {
                found.push(TensorDifference::Values(name));
            }
        }
        self.check_unchanged()?;
        Ok(found)
    }
}
