//! Tensors together with their bytes.

use core::fmt;
use std::{collections::BTreeMap, sync::Arc};

use espalier_identity::Digest;

use crate::{
    content::Content,
    convert,
    dtype::Dtype,
    error::TensorError,
    manifest::{Manifest, TensorMeta},
    store::Store,
};

/// A manifest and the bytes of each of its tensors.
///
/// Contents have exactly the lengths that the manifest says. Cloning copies pointers.
#[derive(Clone)]
pub struct Model {
    /// Names, element types, shapes and content digests, ascending by name. Read it; a changed
    /// manifest no longer describes the contents.
    pub manifest: Manifest,
    contents: Vec<Content>,
    metadata: Arc<BTreeMap<String, String>>,
}

impl Model {
    /// A model of `(name, element type, shape, little-endian bytes)`, in any order.
    ///
    /// # Errors
    /// [`TensorError::Length`] if bytes and shape disagree, [`TensorError::Manifest`] if a limit
    /// is exceeded or a name occurs twice: the caller's fault. Cost: one hash of all bytes.
    pub fn from_tensors(
        tensors: Vec<(String, Dtype, Vec<u64>, Vec<u8>)>,
    ) -> Result<Self, TensorError> {
        let content = |(name, dtype, shape, bytes)| (name, dtype, shape, Content::from(bytes));
        Self::from_contents(tensors.into_iter().map(content).collect())
    }

    /// As [`Model::from_tensors`], from bytes that are already shared.
    ///
    /// # Errors
    /// As there.
    pub fn from_contents(
        mut tensors: Vec<(String, Dtype, Vec<u64>, Content)>,
    ) -> Result<Self, TensorError> {
        tensors.sort_by(|a, b| a.0.cmp(&b.0));
        let mut metas = Vec::with_capacity(tensors.len());
        let mut contents = Vec::with_capacity(tensors.len());
        for (name, dtype, shape, content) in tensors {
            let meta = TensorMeta { name, dtype, shape, content: content.digest() };
            check_length(&meta, &content)?;
            metas.push(meta);
            contents.push(content);
        }
        Ok(Self { manifest: Manifest::new(metas)?, contents, metadata: Arc::default() })
    }

    /// A model of `(name, shape, values)` in f32.
    ///
    /// # Errors
    /// As [`Model::from_tensors`].
    pub fn from_f32(tensors: &[(&str, &[u64], &[f32])]) -> Result<Self, TensorError> {
        let bytes = |values: &[f32]| values.iter().flat_map(|v| v.to_le_bytes()).collect();
        let tensor = |&(name, shape, values): &(&str, &[u64], &[f32])| {
            (name.to_owned(), Dtype::F32, shape.to_vec(), bytes(values))
        };
        Self::from_tensors(tensors.iter().map(tensor).collect())
    }

    /// The model that `manifest` describes, with its bytes from `store`.
    ///
    /// # Errors [`TensorError::Manifest`] if the manifest is malformed, [`TensorError::Missing`]
    /// naming the first content that is not in the store, [`TensorError::Length`] if a content does
    /// not have the length of its shape: the fault of the author of the manifest.
    pub fn load(manifest: &Manifest, store: &Store) -> Result<Self, TensorError> {
        manifest.check()?;
        let mut contents = Vec::with_capacity(manifest.tensors().len());
        for meta in manifest.tensors() {
            let content = store.get(&meta.content).ok_or_else(|| TensorError::Missing {
                tensor: meta.name.clone(),
                content: meta.content,
            })?;
            check_length(meta, &content)?;
            contents.push(content);
        }
        Ok(Self { manifest: manifest.clone(), contents, metadata: Arc::default() })
    }

    /// The same tensors with this free text, as in the header of a file.
    #[must_use]
    pub fn with_metadata(self, metadata: BTreeMap<String, String>) -> Self {
        Self { metadata: Arc::new(metadata), ..self }
    }

    /// The free text that came with the tensors, such as `format`: `pt`. It is written with them,
    /// and is not part of a model's identity: neither of its root nor of `==`.
    #[must_use]
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.metadata
    }

    /// Puts every content into `store`. Copies no bytes.
    pub fn put_into(&self, store: &Store) {
        for content in &self.contents {
            store.put(content.clone());
        }
    }

    /// [`Manifest::root`] of this model.
    #[must_use]
    pub fn root(&self) -> Digest {
        self.manifest.root()
    }

    /// The number of tensors.
    #[must_use]
    pub fn len(&self) -> usize {
        self.contents.len()
    }

    /// Whether there are no tensors.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.contents.is_empty()
    }

    /// The bytes of tensor `index`, in manifest order.
    ///
    /// # Panics
    /// If the tensor does not exist.
    #[must_use]
    pub fn content(&self, index: usize) -> &Content {
        &self.contents[index]
    }

    /// Name, element type, shape and digest of tensor `index`.
    ///
    /// # Panics
    /// If the tensor does not exist.
    #[must_use]
    pub fn meta(&self, index: usize) -> &TensorMeta {
        &self.manifest.tensors()[index]
    }

    /// All tensors with their bytes, in manifest order.
    pub fn tensors(&self) -> impl ExactSizeIterator<Item = (&TensorMeta, &Content)> {
        self.manifest.tensors().iter().zip(&self.contents)
    }

    /// The values of the tensor called `name`, widened or rounded to f32 as
    /// [`crate::read_f32`] does; `None` if there is no such tensor.
    #[must_use]
    pub fn values_f32(&self, name: &str) -> Option<Vec<f32>> {
        let index = self.manifest.position(name)?;
        let (dtype, bytes) = (self.meta(index).dtype, self.content(index));
        let mut values = vec![0.0; bytes.len() / dtype.size()];
        convert::read_f32(dtype, bytes, &mut values);
        Some(values)
    }
}

fn check_length(meta: &TensorMeta, content: &Content) -> Result<(), TensorError> {
    let actual = content.len() as u64;
    if meta.byte_len() == Some(actual) {
        return Ok(());
    }
    Err(TensorError::Length {
        tensor: meta.name.clone(),
        dtype: meta.dtype,
        shape: meta.shape.clone(),
        actual,
    })
}

/// Two models are equal when they have the same names, element types, shapes and bytes.
impl PartialEq for Model {
    fn eq(&self, other: &Self) -> bool {
        self.manifest == other.manifest
    }
}

impl Eq for Model {}

impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Model({} tensors, {} bytes)", self.len(), self.manifest.byte_len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn through_a_store_and_back() {
        let model =
            Model::from_f32(&[("b", &[], &[3.0]), ("a", &[2, 1], &[1.0, 2.0])]).expect("model");
        assert_eq!(model.meta(0).name, "a");
        let store = Store::new();
        model.put_into(&store);
        assert_eq!(Model::load(&model.manifest, &store).expect("all there"), model);
        store.remove(&model.meta(1).content);
        match Model::load(&model.manifest, &store) {
            Err(TensorError::Missing { tensor, content }) => {
                assert_eq!((tensor.as_str(), content), ("b", model.meta(1).content));
            }
            other => panic!("expected a missing content, got {other:?}"),
        }
        assert_eq!(model.values_f32("a"), Some(vec![1.0, 2.0]));
    }

    #[test]
    fn lengths_are_checked() {
        let wrong = Model::from_f32(&[("a", &[3], &[1.0])]).expect_err("too short");
        assert_eq!(wrong.to_string(), "tensor `a` is f32 [3] but has 4 bytes; it should have 12");
        let twice = Model::from_f32(&[("a", &[1], &[1.0]), ("a", &[1], &[1.0])]);
        assert!(matches!(twice, Err(TensorError::Manifest(_))));
    }
}
