//! What the replicas of one process share: verified operations, tensors by content, and what was
//! computed from them once.
//!
//! Nothing in here is state of a replica: two replicas with different arenas and equal operations
//! agree on everything. A real node has an arena of its own.

pub(crate) mod ancestors;
pub(crate) mod bits;
pub(crate) mod distances;
pub(crate) mod entry;
pub(crate) mod forks;
pub(crate) mod index;

use crate::arena::bits::Bits;
use crate::arena::distances::Distances;
use crate::arena::entry::Entry;
use crate::arena::index::Index;
use crate::signed::bound::{self, Bound};
use crate::signed::fault::Judged;
use crate::signed::op::OpId;
use crate::signed::policy::Policy;
use espalier_identity::Digest;
use espalier_resolve::SelectionCache;
use espalier_tensor::kernels::Threads;
use espalier_tensor::{Dtype, Manifest, Model, Store, TensorError};
use espalier_trust::Geometry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

#[derive(Debug, Default)]
struct Shared {
    ops: RwLock<Index>,
    /// Whether some place of a chain holds more operations than a state may keep. Whoever has a set
    /// with such a place has it from where this was written before.
    crowded: AtomicBool,
    /// The number of operations.
    len: AtomicUsize,
    store: Store,
    models: RwLock<BTreeMap<Digest, Arc<Model>>>,
    distances: Distances,
    /// Per element type and content, for the same bytes are other numbers as another type: the
    /// greatest magnitude, infinite if an element is not finite.
    magnitudes: RwLock<BTreeMap<(Dtype, Digest), f64>>,
    selections: SelectionCache,
}

/// What an arena holds: operations, tensors, and what was computed from them. Cheap to clone;
/// clones are the same shelf.
#[derive(Debug, Clone, Default)]
pub struct Shelf(Arc<Shared>);

/// How many multiply-adds are worth measuring ahead: some milliseconds.
const WORTHWHILE: u64 = 1 << 23;

/// A panic while a lock was held leaves these maps whole: every write is a single insertion.
fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}

impl Shelf {
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
        read(&self.0.ops).find(id).cloned()
    }

    /// The operations with these numbers, in their order.
    pub(crate) fn entries(&self, indices: impl Iterator<Item = u32>) -> Vec<Arc<Entry>> {
        let ops = read(&self.0.ops);
        indices.map(|index| ops.get(index).clone()).collect()
    }

    pub(crate) fn insert(&self, judged: Judged) -> Arc<Entry> {
        let mut ops = write(&self.0.ops);
        if let Some(known) = ops.find(&judged.op.id()) {
            return known.clone();
        }
        let entry = Arc::new(Entry::new(ops.len() as u32, judged));
        if ops.push(entry.clone()) {
            self.0.crowded.store(true, Ordering::Relaxed);
        }
        self.0.len.store(ops.len(), Ordering::Relaxed);
        entry
    }

    /// The number of operations, now or a moment ago.
    pub(crate) fn len(&self) -> usize {
        self.0.len.load(Ordering::Relaxed)
    }

    pub(crate) fn with_index<T>(&self, look: impl FnOnce(&Index) -> T) -> T {
        look(&read(&self.0.ops))
    }

    /// What `theirs` adds to `ours` where not all may be kept; normally nothing, at the price of
    /// reading a flag.
    pub(crate) fn crowded_among(&self, ours: &Bits, theirs: &Bits) -> Vec<u32> {
        if !self.0.crowded.load(Ordering::Relaxed) {
            return Vec::new();
        }
        read(&self.0.ops).crowded_among(ours, theirs)
    }

    /// Takes out of `set` what `policy` leaves out at the places of `new`; true if there was any.
    pub(crate) fn prune(
        &self,
        policy: &Policy,
        set: &mut Bits,
        new: impl IntoIterator<Item = u32>,
    ) -> bool {
        let crowded = self.0.crowded.load(Ordering::Relaxed);
        crowded && read(&self.0.ops).prune(policy, set, new)
    }

    /// Whether `policy` leaves an operation out of `set` that is not here yet.
    pub(crate) fn refuses(&self, policy: &Policy, set: &Bits, judged: &Judged) -> bool {
        read(&self.0.ops).refuses(policy, set, judged)
    }

    /// Whether an operation here that `is` true of contributes the tensors with this root.
    pub(crate) fn contributes(&self, root: &Digest, is: impl Fn(&Entry) -> bool) -> bool {
        read(&self.0.ops).with_root(root).any(|entry| is(entry))
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

    /// Forgets contents, the models that have one of them, and what was computed of either. What of
    /// it somebody needs again has to be put here again.
    pub(crate) fn forget(&self, gone: &BTreeSet<Digest>) {
        gone.iter().for_each(|content| {
            self.0.store.remove(content);
        });
        let is_gone = |model: &Model| model.tensors().any(|(meta, _)| gone.contains(&meta.content));
        let mut roots = self.0.distances.forget(is_gone);
        write(&self.0.models).retain(|root, model| {
            let stays = !is_gone(model);
            if !stays {
                roots.insert(*root);
            }
            stays
        });
        self.0.distances.forget_across(&roots);
        write(&self.0.magnitudes).retain(|(_, content), _| !gone.contains(content));
        self.0.selections.retain(|content| !gone.contains(content));
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
                let magnitude = bound::greatest(meta.dtype, content);
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
        if !bound::is_beyond(self.magnitude(model), bound) {
            return None;
        }
        let tensors = model.tensors().enumerate().filter(|(_, (meta, _))| meta.dtype.is_float());
        tensors.into_iter().find_map(|(tensor, (meta, content))| {
            bound::first_beyond(meta.dtype, content, bound).map(|element| (tensor, element))
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
        let lock = self.0.distances.of(schema, round);
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

    /// Measures what [`Shelf::with_geometry`] will be asked about these models, if that is much: on
    /// all of rayon's threads, and without a lock while it measures.
    pub(crate) fn measure_ahead(
        &self,
        schema: Digest,
        round: u64,
        models: &[(Digest, &Arc<Model>)],
    ) {
        let lock = self.0.distances.of(schema, round);
        let lacking = read(&lock).lacking(models);
        if let (WORTHWHILE.., true) = lacking.cost() {
            let found = lacking.measure(Threads::All);
            write(&lock).add(lacking, found);
        }
    }

    /// The squared distance of two models of different rounds over each block.
    pub(crate) fn squared_across(&self, a: (Digest, &Model), b: (Digest, &Model)) -> Vec<f64> {
        self.0.distances.across(a, b)
    }
}
