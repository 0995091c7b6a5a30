//! What the replicas of one process share: verified operations, tensors by content, and what was
//! computed from them once.
//!
//! Nothing in here is state of a replica: two replicas with different arenas and equal operations
//! agree on everything. A real node has an arena of its own.

use crate::fault::{Conviction, Judged};
use crate::magnitude::{self, Bound};
use crate::op::{Contribution, OpId, VerifiedOp};
use crate::space::Spaces;
use espalier_identity::{Digest, Domain};
use espalier_resolve::SelectionCache;
use espalier_tensor::{Dtype, Manifest, Model, Store, TensorError};
use espalier_trust::Geometry;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

static INTEGERS: Domain = Domain::new("espalier integer tensors v1");

/// A verified operation and what follows from it alone.
#[derive(Debug)]
pub struct Entry {
    pub(crate) index: u32,
    pub(crate) op: VerifiedOp,
    /// Root, schema and integers of the tensors it contributes.
    pub(crate) roots: Option<(Digest, Digest, Digest)>,
    /// What it convicts its author of.
    pub(crate) guilt: Option<Conviction>,
    /// The verified record it carries.
    pub(crate) carried: Option<Conviction>,
    /// Its tensors once they were looked at: `None` if they cannot be merged.
    pub(crate) model: OnceLock<Option<Arc<Model>>>,
}

impl Entry {
    /// The operation.
    #[must_use]
    pub fn op(&self) -> &VerifiedOp {
        &self.op
    }

    /// The operation with what it proves, for another arena.
    pub(crate) fn judged(&self) -> Judged {
        let (guilt, carried) = (self.guilt.clone(), self.carried.clone());
        Judged { op: self.op.clone(), guilt, carried }
    }

    /// Everything it proves by itself.
    pub(crate) fn convictions(&self) -> impl Iterator<Item = &Conviction> {
        self.guilt.iter().chain(&self.carried)
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
    /// Contributions by the root of their tensors.
    by_root: BTreeMap<Digest, Vec<u32>>,
}

#[derive(Debug, Default)]
struct Shared {
    ops: RwLock<Ops>,
    store: Store,
    models: RwLock<BTreeMap<Digest, Arc<Model>>>,
    spaces: Spaces,
    /// Per element type and content, for the same bytes are other numbers as another type: the
    /// greatest magnitude, infinite if an element is not finite.
    magnitudes: RwLock<BTreeMap<(Dtype, Digest), f64>>,
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

    pub(crate) fn insert(&self, judged: Judged) -> Arc<Entry> {
        let of = |manifest: &Manifest| (manifest.root(), manifest.schema(), integers(manifest));
        let Judged { op, guilt, carried } = judged;
        let roots = op.contribution().map(|c| of(&c.manifest));
        let mut ops = write(&self.0.ops);
        if let Some(index) = ops.by_id.get(&op.id()) {
            return ops.entries[*index as usize].clone();
        }
        let index = ops.entries.len() as u32;
        let entry = Arc::new(Entry { index, op, roots, guilt, carried, model: OnceLock::new() });
        ops.by_id.insert(entry.op.id(), index);
        if let Some((root, ..)) = roots {
            ops.by_root.entry(root).or_default().push(index);
        }
        ops.entries.push(entry.clone());
        entry
    }

    /// Whether an operation here that `is` true of contributes the tensors with this root.
    pub(crate) fn contributes(&self, root: &Digest, is: impl Fn(&Entry) -> bool) -> bool {
        let ops = read(&self.0.ops);
        let same = ops.by_root.get(root).into_iter().flatten();
        same.into_iter().any(|index| is(&ops.entries[*index as usize]))
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

    /// The greatest magnitude among the float elements of `model`; infinity if one is not finite.
    /// Each content is read once.
    #[must_use]
    pub fn magnitude(&self, model: &Model) -> f64 {
        let tensors = model.tensors().filter(|(meta, _)| meta.dtype.is_float());
        tensors.fold(0.0, |most, (meta, content)| {
            let key = (meta.dtype, meta.content);
            let known = read(&self.0.magnitudes).get(&key).copied();
            let magnitude = known.unwrap_or_else(|| {
                let magnitude = magnitude::greatest(meta.dtype, content);
                write(&self.0.magnitudes).insert(key, magnitude);
                magnitude
            });
            if magnitude > most { magnitude } else { most }
        })
    }

    /// The first float element of `model` that is not finite or above `bound` in magnitude, as
    /// (tensor, element).
    #[must_use]
    pub fn first_beyond(&self, model: &Model, bound: Bound) -> Option<(usize, usize)> {
        if !magnitude::is_beyond(self.magnitude(model), bound) {
            return None;
        }
        let tensors = model.tensors().enumerate().filter(|(_, (meta, _))| meta.dtype.is_float());
        tensors.into_iter().find_map(|(tensor, (meta, content))| {
            magnitude::first_beyond(meta.dtype, content, bound).map(|element| (tensor, element))
        })
    }

    /// Runs `look` on the geometry of the models of one schema and training round seen lately,
    /// `models` included, with the point of each of `models`. A pair of contents is measured once
    /// as long as it is remembered.
    pub fn with_geometry<T>(
        &self,
        schema: Digest,
        round: u64,
        models: &[(Digest, &Arc<Model>)],
        look: impl FnOnce(&Geometry, &[usize]) -> T,
    ) -> T {
        let lock = self.0.spaces.of(schema, round);
        {
            let space = read(&lock);
            if let Some(points) = space.points_of(models) {
                return look(space.geometry(), &points);
            }
        }
        let mut space = write(&lock);
        space.learn(models);
        let points = space.points_of(models).unwrap_or_default();
        look(space.geometry(), &points)
    }

    /// The squared distance of two models of different rounds over each block.
    pub(crate) fn squared_across(&self, a: (Digest, &Model), b: (Digest, &Model)) -> Vec<f64> {
        self.0.spaces.across(a, b)
    }
}

/// Commits to the tensors that are no floats: they are passed on and never merged.
fn integers(manifest: &Manifest) -> Digest {
    let others = manifest.tensors().iter().filter(|meta| !meta.dtype.is_float());
    others.fold(INTEGERS.fields(), |hash, meta| hash.digest(&meta.content)).finish()
}
