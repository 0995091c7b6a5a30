//! Which contents a merge was made of.

use espalier_identity::{Digest, Domain};
use espalier_tensor::{ContentHasher, Manifest, TensorMeta, TensorShape};

use crate::{error::MergeError, merge::Merge, model_files::ModelFiles, models::OpenModel};

/// Of a model with an adapter.
static WITH_ADAPTER: Domain = Domain::new("espalier merge model with adapter v1");

impl Merge<'_> {
    /// What identifies the contents of each model, in the order of
    /// [`MergePlan::models`](espalier_recipe::MergePlan::models): the root of its manifest, as of a
    /// contribution; with an adapter a digest of that and of the adapter.
    /// Cost: one pass over all models, besides that of the merge.
    ///
    /// # Errors
    /// [`MergeError`] if a model cannot be read.
    pub fn contents(&self) -> Result<Vec<Digest>, MergeError> {
        self.models.iter().map(content).collect()
    }
}

fn content(model: &OpenModel) -> Result<Digest, MergeError> {
    let files = model.files();
    let meta = |(index, shape): (usize, &TensorShape)| {
        let TensorShape { name, dtype, shape } = shape.clone();
        let content =
            digest(&files, index).map_err(MergeError::io("read", &model.reference().path))?;
        Ok(TensorMeta { name, dtype, shape, content })
    };
    let metas = files.shapes().iter().enumerate().map(meta).collect::<Result<_, MergeError>>()?;
    let root = Manifest::new(metas).map_err(espalier_tensor::TensorError::from)?.root();
    Ok(match model.adapter_digest() {
        None => root,
        Some(adapter) => WITH_ADAPTER.hash_of(&(root, adapter)).0,
    })
}

/// The digest of a tensor without what an adapter adds.
fn digest(files: &ModelFiles, index: usize) -> std::io::Result<Digest> {
    const PIECE: usize = 1 << 20;
    let TensorShape { dtype, shape, .. } = &files.shapes()[index];
    let bytes = shape.iter().product::<u64>() as usize * dtype.size();
    let mut hasher = ContentHasher::new();
    let mut buffer = vec![0; PIECE.min(bytes)];
    for start in (0..bytes).step_by(PIECE) {
        let piece = &mut buffer[..PIECE.min(bytes - start)];
        files.read_stored(index, start as u64, piece)?;
        hasher.update(piece);
    }
    Ok(hasher.finish())
}
