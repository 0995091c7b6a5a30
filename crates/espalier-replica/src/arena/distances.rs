//! Distances between models, measured once and remembered within bounds.

use espalier_identity::Digest;
use espalier_tensor::{Manifest, Model, kernels};
use espalier_trust::{Geometry, blocks_of};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError, RwLock};

/// The number of training rounds that are remembered, the earliest forgotten first: more than any
/// policy averages over.
const MAX_ROUNDS: usize = 24;

/// The number of models of one round that are remembered; then all but those in use are forgotten.
/// Together they take n² × (blocks + 1) × 12 bytes.
const MAX_MODELS: usize = 1024;

/// The number of remembered distances between models of different rounds.
const MAX_ACROSS: usize = 1 << 16;

type Rounds = BTreeMap<(u64, Digest), Arc<RwLock<Points>>>;
type Across = BTreeMap<(Digest, Digest), Vec<f64>>;

/// The distances that an arena remembers. Nothing depends on what it has forgotten.
#[derive(Debug, Default)]
pub(crate) struct Distances {
    rounds: RwLock<Rounds>,
    across: RwLock<Across>,
}

impl Distances {
    /// The models of one schema and round.
    pub(crate) fn of(&self, schema: Digest, round: u64) -> Arc<RwLock<Points>> {
        let mut rounds = self.rounds.write().unwrap_or_else(PoisonError::into_inner);
        let found = rounds.entry((round, schema)).or_default().clone();
        while rounds.len() > MAX_ROUNDS {
            rounds.pop_first();
        }
        found
    }

    /// Forgets the rounds of models that are gone, and says which those are. Those of a round that
    /// stay are measured again when somebody asks.
    pub(crate) fn forget(&self, is_gone: impl Fn(&Model) -> bool) -> BTreeSet<Digest> {
        let mut roots = BTreeSet::new();
        let mut rounds = self.rounds.write().unwrap_or_else(PoisonError::into_inner);
        rounds.retain(|_, points| {
            let points = points.read().unwrap_or_else(PoisonError::into_inner);
            let gone: Vec<_> =
                points.points.iter().filter(|(_, at)| is_gone(&points.models[**at])).collect();
            roots.extend(gone.iter().map(|(root, _)| **root));
            gone.is_empty()
        });
        roots
    }

    /// Forgets the distances of these models from others.
    pub(crate) fn forget_across(&self, roots: &BTreeSet<Digest>) {
        let mut across = self.across.write().unwrap_or_else(PoisonError::into_inner);
        across.retain(|(a, b), _| !roots.contains(a) && !roots.contains(b));
    }

    /// The squared distance of two models over each block.
    pub(crate) fn across(&self, a: (Digest, &Model), b: (Digest, &Model)) -> Vec<f64> {
        let (a, b) = if a.0 <= b.0 { (a, b) } else { (b, a) };
        let key = (a.0, b.0);
        let known = self.across.read().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        known.unwrap_or_else(|| {
            let found = kernels::squared_distance_blocks(a.1, b.1, blocks(&a.1.manifest));
            let mut across = self.across.write().unwrap_or_else(PoisonError::into_inner);
            if across.len() >= MAX_ACROSS {
                across.clear();
            }
            across.insert(key, found.clone());
            found
        })
    }
}

/// The models of one schema and round as points.
#[derive(Debug)]
pub(crate) struct Points {
    geometry: Geometry,
    points: BTreeMap<Digest, usize>,
    models: Vec<Arc<Model>>,
}

impl Default for Points {
    fn default() -> Self {
        Self { geometry: Geometry::new(0), points: BTreeMap::new(), models: Vec::new() }
    }
}

impl Points {
    pub(crate) fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    pub(crate) fn points_of(&self, models: &[(Digest, &Arc<Model>)]) -> Option<Vec<usize>> {
        models.iter().map(|(root, _)| self.points.get(root).copied()).collect()
    }

    /// Adds what is new: all pairs of new models in one pass over them, then each against those
    /// that were there.
    pub(crate) fn learn(&mut self, models: &[(Digest, &Arc<Model>)]) {
        let unknown = models.iter().filter(|(root, _)| !self.points.contains_key(root)).count();
        if self.models.len() + unknown > MAX_MODELS.max(2 * models.len()) {
            *self = Self::default();
        }
        let unknown = models.iter().filter(|(root, _)| !self.points.contains_key(root));
        let new: BTreeMap<Digest, &Arc<Model>> = unknown.copied().collect();
        let Some(first) = new.values().next() else { return };
        let parts = blocks(&first.manifest);
        if self.models.is_empty() {
            self.geometry = Geometry::new(first.manifest.float_elements());
        }
        let list: Vec<&Model> = new.values().map(|model| &***model).collect();
        let among = kernels::pairwise_squared_distances(&list, parts);
        let known: Vec<Arc<Model>> = self.models.clone();
        let known: Vec<&Model> = known.iter().map(|model| &**model).collect();
        for (i, (root, model)) in new.into_iter().enumerate() {
            let from_known = kernels::squared_distances_from(model, &known, parts);
            let squared = |j: usize| match j.checked_sub(known.len()) {
                Some(j) => among[i * i.saturating_sub(1) / 2 + j].clone(),
                None => from_known[j].clone(),
            };
            let point = self.geometry.push(squared);
            self.points.insert(root, point);
            self.models.push(model.clone());
        }
    }
}

/// The number of blocks a model is cut into for the block test.
pub(crate) fn blocks(manifest: &Manifest) -> usize {
    blocks_of(manifest.float_elements())
}
