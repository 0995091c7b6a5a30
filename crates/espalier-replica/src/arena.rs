//! What the replicas of one process share: verified operations, tensors by content, and what was
//! computed from them once.
//!
//! Nothing in here is state of a replica: two replicas with different arenas and equal operations
//! agree on everything. A real node has an arena of its own.

use crate::fault::{Conviction, Fault, evidence_in};
use crate::op::{Contribution, OpId, VerifiedOp};
use espalier_identity::Digest;
use espalier_resolve::SelectionCache;
use espalier_tensor::{Manifest, Model, Store, TensorError, kernels};
use espalier_trust::BLOCKS;
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// A verified operation and what follows from it alone.
#[derive(Debug)]
pub struct Entry {
    pub(crate) index: u32,
    pub(crate) op: VerifiedOp,
    /// Root and schema of the tensors it contributes.
    pub(crate) roots: Option<(Digest, Digest)>,
    /// What it convicts its author of.
    pub(crate) guilt: Option<Conviction>,
    /// The verified record it carries.
    pub(crate) carried: Option<Conviction>,
}

impl Entry {
    /// The operation.
    #[must_use]
    pub fn op(&self) -> &VerifiedOp {
        &self.op
    }

    /// The contribution and the root of its tensors.
    #[must_use]
    pub fn contribution(&self) -> Option<(&Contribution, Digest)> {
        Some((self.op.contribution()?, self.roots?.0))
    }
}

#[derive(Debug, Default)]
struct Ops {
    entries: Vec<Arc<Entry>>,
    by_id: BTreeMap<OpId, u32>,
}

type Pair = (Digest, Digest);

#[derive(Debug, Default)]
struct Shared {
    ops: RwLock<Ops>,
    store: Store,
    models: RwLock<BTreeMap<Digest, Arc<Model>>>,
    distances: RwLock<BTreeMap<Pair, Arc<[f64]>>>,
    /// Per content: the first element that is not finite.
    non_finite: RwLock<BTreeMap<Digest, Option<usize>>>,
    selections: SelectionCache,
}

/// A shared arena. Cheap to clone; clones are the same arena.
#[derive(Debug, Clone, Default)]
pub struct Arena(Arc<Shared>);

/// A panic while a lock was held leaves these maps whole: every write is a single insertion.
fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}

impl Arena {
    /// Tensors by content.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.0.store
    }

    pub(crate) fn selections(&self) -> &SelectionCache {
        &self.0.selections
    }

    pub(crate) fn same_as(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    pub(crate) fn find(&self, id: &OpId) -> Option<Arc<Entry>> {
        let ops = read(&self.0.ops);
        ops.by_id.get(id).map(|index| ops.entries[*index as usize].clone())
    }

    pub(crate) fn get(&self, index: u32) -> Arc<Entry> {
        read(&self.0.ops).entries[index as usize].clone()
    }

    pub(crate) fn insert(&self, op: VerifiedOp) -> Arc<Entry> {
        let roots = op.contribution().map(|c| (c.manifest.root(), c.manifest.schema()));
        let (guilt, carried) = (Fault::of_statement(&op), evidence_in(&op));
        let mut ops = write(&self.0.ops);
        if let Some(index) = ops.by_id.get(&op.id()) {
            return ops.entries[*index as usize].clone();
        }
        let index = ops.entries.len() as u32;
        let entry = Arc::new(Entry { index, op, roots, guilt, carried });
        ops.by_id.insert(entry.op.id(), index);
        ops.entries.push(entry.clone());
        entry
    }

    /// Makes a model's tensors available under their content, and the model under its root.
    pub fn put_model(&self, model: Model) -> Arc<Model> {
        model.put_into(self.store());
        let model = Arc::new(model);
        write(&self.0.models).insert(model.root(), model.clone());
        model
    }

    /// The model with this root, if it was put here as a whole.
    #[must_use]
    pub fn model(&self, root: &Digest) -> Option<Arc<Model>> {
        read(&self.0.models).get(root).cloned()
    }

    /// The model that a manifest describes.
    ///
    /// # Errors
    /// [`TensorError`] if a tensor is not here or does not fit its description.
    pub fn load(&self, root: &Digest, manifest: &Manifest) -> Result<Arc<Model>, TensorError> {
        if let Some(model) = self.model(root) {
            return Ok(model);
        }
        let model = Arc::new(Model::load(manifest, self.store())?);
        write(&self.0.models).insert(*root, model.clone());
        Ok(model)
    }

    /// The first element of `model` that is not a finite number, as (tensor, element).
    #[must_use]
    pub fn first_non_finite(&self, model: &Model) -> Option<(usize, usize)> {
        model.tensors().enumerate().filter(|(_, (meta, _))| meta.dtype.is_float()).find_map(
            |(tensor, (meta, content))| {
                let known = read(&self.0.non_finite).get(&meta.content).copied();
                let first = known.unwrap_or_else(|| {
                    let first = kernels::all_finite(meta.dtype, content).err();
                    write(&self.0.non_finite).insert(meta.content, first);
                    first
                });
                first.map(|element| (tensor, element))
            },
        )
    }

    /// Squared distances of two models of one schema, over [`BLOCKS`] blocks, or over one if they
    /// are too small to be cut. Computed once per pair of contents.
    #[must_use]
    pub fn distances(&self, a: (&Digest, &Model), b: (&Digest, &Model)) -> Arc<[f64]> {
        let (a, b) = if a.0 <= b.0 { (a, b) } else { (b, a) };
        let pair = (*a.0, *b.0);
        if let Some(known) = read(&self.0.distances).get(&pair) {
            return known.clone();
        }
        let parts = distance_blocks(&a.1.manifest);
        let computed: Arc<[f64]> = if a.0 == b.0 {
            vec![0.0; parts].into()
        } else {
            kernels::squared_distance_blocks(a.1, b.1, parts).into()
        };
        write(&self.0.distances).insert(pair, computed.clone());
        computed
    }
}

/// How many blocks a model is cut into for the block test: [`BLOCKS`], or 1 where a block would
/// have fewer than four elements.
#[must_use]
pub fn distance_blocks(manifest: &Manifest) -> usize {
    if manifest.float_elements() >= 4 * BLOCKS as u64 { BLOCKS } else { 1 }
}
