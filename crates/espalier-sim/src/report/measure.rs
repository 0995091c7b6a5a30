//! Figures of one round: computed once per distinct state, in parallel, with results in a fixed
//! order.

use crate::task::Task;
use espalier_identity::Digest;
use espalier_replica::{Arena, MergeState, Resolution, ResolutionError, Tensors};
use espalier_resolve::Plan;
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Elements per block of a streamed comparison.
const BLOCK: usize = 4096;
/// Blocks compared at a time: bounds memory by this × pairs.
const WAVE: usize = 64;

/// What is known of a distinct state. States with equal hashes resolve to equal models.
#[derive(Debug)]
pub(crate) struct Seen {
    /// What is merged; why nothing is where that cannot be.
    pub(crate) resolution: Result<Resolution, ResolutionError>,
    /// Accuracy of the merged model.
    pub(crate) accuracy: Option<f64>,
}

/// Distinct states that were looked at, by state hash.
#[derive(Debug, Default)]
pub(crate) struct Gallery(BTreeMap<Digest, Arc<Seen>>);

impl Gallery {
    /// Looks at every state that is not known yet, and forgets those that are not asked for.
    pub(crate) fn visit<'a>(&mut self, states: impl Iterator<Item = &'a MergeState>, task: &Task) {
        let wanted: BTreeMap<Digest, &MergeState> =
            states.map(|state| (state.state_hash(), state)).collect();
        self.0.retain(|hash, _| wanted.contains_key(hash));
        let new: Vec<_> = wanted.iter().filter(|(hash, _)| !self.0.contains_key(hash)).collect();
        measure_ahead(new.iter().map(|(_, state)| **state));
        let seen: Vec<_> =
            new.into_par_iter().map(|(hash, state)| (*hash, Arc::new(look(state, task)))).collect();
        self.0.extend(seen);
    }

    pub(crate) fn get(&self, hash: &Digest) -> Option<&Arc<Seen>> {
        self.0.get(hash)
    }

    /// The mean L2 distance between the merged models of all pairs of replicas, of which `count`
    /// hold each state; states without a model do not count. `None` without any model.
    pub(crate) fn mean_distance(
        &self,
        arena: &Arena,
        count: &BTreeMap<Digest, u64>,
    ) -> Option<f64> {
        let model = |(hash, number): (&Digest, &u64)| {
            Some((self.0.get(hash)?.resolution.as_ref().ok()?, *number))
        };
        let (models, numbers): (Vec<_>, Vec<u64>) = count.iter().filter_map(model).unzip();
        let total: u64 = numbers.iter().sum();
        if total < 2 {
            return (total == 1).then_some(0.0);
        }
        let pairs: Vec<_> = (0..models.len()).flat_map(|i| (0..i).map(move |j| (i, j))).collect();
        let (distances, whole) = between(arena, &models, &pairs);
        // A model in which an element has no value does not count.
        let count = |(number, whole): (u64, bool)| if whole { number } else { 0 };
        let numbers: Vec<u64> = numbers.into_iter().zip(whole).map(count).collect();
        let total: u64 = numbers.iter().sum();
        if total < 2 {
            return (total == 1).then_some(0.0);
        }
        let weighted = pairs.iter().zip(distances);
        let weighted = weighted.map(|(&(i, j), d)| (numbers[i] * numbers[j]) as f64 * d);
        let sum = weighted.fold(0.0, |sum, x| sum + x);
        Some(sum / ((total * (total - 1)) as f64 / 2.0))
    }

    /// L2 distances between the merged models of pairs of states; `None` where a side has none.
    pub(crate) fn distances(&self, arena: &Arena, pairs: &[(Digest, Digest)]) -> Vec<Option<f64>> {
        let resolution = |hash| self.0.get(hash).and_then(|seen| seen.resolution.as_ref().ok());
        let mut at = BTreeMap::new();
        let mut resolutions = Vec::new();
        for hash in pairs.iter().flat_map(|(a, b)| [a, b]) {
            if let (None, Some(resolution)) = (at.get(hash), resolution(hash)) {
                at.insert(*hash, resolutions.len());
                resolutions.push(resolution);
            }
        }
        let places: Vec<_> = pairs.iter().map(|(a, b)| Some((*at.get(a)?, *at.get(b)?))).collect();
        let known: Vec<_> = places.iter().flatten().copied().collect();
        let (found, whole) = between(arena, &resolutions, &known);
        let mut found = found.into_iter().zip(known);
        let mut next = || found.next().filter(|(_, (i, j))| whole[*i] && whole[*j]);
        places.iter().map(|place| place.and_then(|_| Some(next()?.0))).collect()
    }
}

/// Measures what is new to all these states together, on all threads. Each would measure its part
/// on one, while the others wait for it.
fn measure_ahead<'a>(mut states: impl Iterator<Item = &'a MergeState>) {
    let Some(mut all) = states.next().map(MergeState::without_views) else { return };
    // States of another policy have nothing in common with these.
    states.for_each(|state| _ = all.merge(state));
    all.measure_ahead();
}

fn look(state: &MergeState, task: &Task) -> Seen {
    match merge(state, task) {
        Ok((resolution, accuracy)) => Seen { resolution: Ok(resolution), accuracy },
        Err(error) => Seen { resolution: Err(error), accuracy: None },
    }
}

/// What a state resolves to and how well that does. What shows without computing elements, and all
/// that shows where the model is judged, fails here.
fn merge(state: &MergeState, task: &Task) -> Result<(Resolution, Option<f64>), ResolutionError> {
    let resolution = state.resolution()?;
    let plan = resolution.plan()?;
    // A model is only built where somebody can judge it.
    let accuracy = match task.samples(0) {
        Some(_) => task.accuracy(&plan.model()?),
        None => None,
    };
    drop(plan);
    Ok((resolution, accuracy))
}

/// Per state the bytes of its serialised form, tensors included. States of one hash may differ in
/// operations that no model shows, such as evidence, so what is the same is found by bound root.
pub(crate) fn wire_bytes(states: &[&MergeState]) -> Vec<u64> {
    let distinct: BTreeMap<Digest, &MergeState> =
        states.iter().map(|state| (state.bound_root(), *state)).collect();
    let length =
        |(root, state): (&Digest, &&MergeState)| (*root, state.encoded_len(Tensors::Inline));
    let lengths: BTreeMap<Digest, u64> = distinct.par_iter().map(length).collect();
    states.iter().map(|state| lengths[&state.bound_root()]).collect()
}

/// Distances between merged models, by pair of positions; and per model whether all its elements
/// that were computed have a value. Distances of one that has not say nothing.
fn between(
    arena: &Arena,
    models: &[&Resolution],
    pairs: &[(usize, usize)],
) -> (Vec<f64>, Vec<bool>) {
    let coefficients: Option<Vec<_>> = models.iter().map(|model| model.coefficients()).collect();
    match coefficients {
        Some(coefficients) => {
            let distances = Affine::new(arena, models, &coefficients).distances(pairs);
            (distances, vec![true; models.len()])
        }
        None => streamed(models, pairs),
    }
}

/// Merged models that are affine combinations of contributions. Their coefficients, with that of
/// the base, sum to one whatever the weights: what the contributions add to it, the base lacks. So
/// ‖Σ a x‖² = −½ aᵀ D a for their difference a, where D holds the squared distances of the
/// contributions, which are known already: no element is touched.
struct Affine {
    /// Per model the coefficient of each point.
    rows: Vec<Vec<f64>>,
    /// Squared distances between the points.
    squared: Vec<Vec<f64>>,
}

impl Affine {
    fn new(arena: &Arena, models: &[&Resolution], coefficients: &[(Vec<f64>, f64)]) -> Self {
        let mut points = BTreeMap::new();
        for model in models {
            points.extend(model.voices().iter().map(|voice| (voice.root, voice.model.clone())));
            points.extend(model.base().map(|base| (base.root(), base.clone())));
        }
        let roots: Vec<_> = points.keys().copied().collect();
        let place = |root: &Digest| roots.binary_search(root).expect("a point of these models");
        let row = |(model, (weights, base)): (&&Resolution, &(Vec<f64>, f64))| {
            let mut row = vec![0.0; roots.len()];
            for (voice, weight) in model.voices().iter().zip(weights) {
                row[place(&voice.root)] += weight;
            }
            if let Some(model) = model.base() {
                row[place(&model.root())] += base;
            }
            row
        };
        let rows = models.iter().zip(coefficients).map(row).collect();
        let models: Vec<_> = points.iter().map(|(root, model)| (*root, model)).collect();
        let schema = models.first().map_or(Digest::ZERO, |(_, model)| model.manifest.schema());
        let squared = arena.with_geometry(schema, 0, &models, |geometry, at| {
            let row = |&i: &usize| at.iter().map(|&j| geometry.squared(i, j)).collect();
            at.iter().map(row).collect()
        });
        Self { rows, squared }
    }

    /// With D a known for every model, a pair costs one dot product.
    fn distances(&self, pairs: &[(usize, usize)]) -> Vec<f64> {
        let image = |row: &Vec<f64>| -> Vec<f64> {
            let mut image = vec![0.0; row.len()];
            for (x, column) in row.iter().zip(&self.squared).filter(|(x, _)| **x != 0.0) {
                image.iter_mut().zip(column).for_each(|(sum, d)| *sum += x * d);
            }
            image
        };
        let images: Vec<Vec<f64>> = self.rows.par_iter().map(image).collect();
        let distance = |&(i, j): &(usize, usize)| {
            let sum = product([&self.rows[i], &self.rows[j]], [&images[i], &images[j]]);
            libm::sqrt((-0.5 * sum).max(0.0))
        };
        pairs.par_iter().map(distance).collect()
    }
}

/// (a₀ − a₁) · (b₀ − b₁) for four rows of one length: summed in eight lanes, so that the processor
/// need not wait for one sum, in an order that is always the same.
fn product(a: [&[f64]; 2], b: [&[f64]; 2]) -> f64 {
    let mut lanes = [0.0; 8];
    let [(a0, a0_rest), (a1, a1_rest)] = a.map(<[f64]>::as_chunks::<8>);
    let [(b0, b0_rest), (b1, b1_rest)] = b.map(<[f64]>::as_chunks::<8>);
    for (((a0, a1), b0), b1) in a0.iter().zip(a1).zip(b0).zip(b1) {
        for lane in 0..8 {
            lanes[lane] += (a0[lane] - a1[lane]) * (b0[lane] - b1[lane]);
        }
    }
    let rest = a0_rest.iter().zip(a1_rest).zip(b0_rest).zip(b1_rest);
    let rest = rest.fold(0.0, |sum, (((a0, a1), b0), b1)| sum + (a0 - a1) * (b0 - b1));
    lanes.iter().fold(rest, |sum, lane| sum + lane)
}

/// The general case: every model block by block, never a whole one.
fn streamed(models: &[&Resolution], pairs: &[(usize, usize)]) -> (Vec<f64>, Vec<bool>) {
    let plans: Vec<Plan<'_>> = models.iter().map(|model| planned(model)).collect();
    let (mut sums, mut whole) = (vec![0.0; pairs.len()], vec![true; models.len()]);
    let Some(voice) = models.iter().flat_map(|model| model.voices()).next() else {
        return (sums, whole);
    };
    let mut blocks = Vec::new();
    for (tensor, (meta, _)) in voice.model.tensors().enumerate() {
        if meta.dtype.is_float() {
            let elements = meta.elements().unwrap_or(0) as usize;
            let ends = (0..elements).step_by(BLOCK);
            blocks.extend(ends.map(|start| (tensor, start, BLOCK.min(elements - start))));
        }
    }
    for wave in blocks.chunks(WAVE) {
        let partial: Vec<_> =
            wave.par_iter().map(|block| compare_block(&plans, *block, pairs)).collect();
        for (block, computed) in partial {
            sums.iter_mut().zip(block).for_each(|(sum, part)| *sum += part);
            whole.iter_mut().zip(computed).for_each(|(whole, computed)| *whole &= computed);
        }
    }
    (sums.into_iter().map(libm::sqrt).collect(), whole)
}

/// What was planned already when it was looked at: it cannot fail now.
fn planned(model: &Resolution) -> Plan<'_> {
    model.plan().expect("what was planned once can be planned again")
}

/// Squared distances of a block, and per model whether its elements there have values.
fn compare_block(
    plans: &[Plan<'_>],
    (tensor, start, len): (usize, usize, usize),
    pairs: &[(usize, usize)],
) -> (Vec<f64>, Vec<bool>) {
    let merged = |plan: &Plan<'_>| {
        let mut out = vec![0.0; len];
        let computed = plan.block(tensor, start, &mut out).is_ok();
        (out, computed)
    };
    let (values, computed): (Vec<Vec<f64>>, Vec<bool>) = plans.iter().map(merged).unzip();
    let squared = |&(i, j): &(usize, usize)| {
        espalier_tensor::kernels::squared_distance_f64(&values[i], &values[j])
    };
    (pairs.iter().map(squared).collect(), computed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use espalier_identity::Keypair;
    use espalier_replica::{Draft, Policy, PolicySpec};
    use espalier_tensor::{Model, kernels};

    /// States of different subsets of seven contributions, all in one arena.
    fn states(strategy: &str, normalize: Option<&str>) -> Vec<MergeState> {
        let model = |i: usize| {
            let value = |at: usize| ((i * 31 + at * 7) % 19) as f32 / 8.0 - i as f32 / 16.0;
            let values: Vec<f32> = (0..9_000).map(value).collect();
            Model::from_f32(&[("a", &[90, 50], &values[..4500]), ("b", &[4500], &values[4500..])])
                .expect("sizes that fit")
        };
        let arena = Arena::default();
        let base = arena.put_model(model(9)).root();
        let normalize = normalize.map(|value| ("normalize".into(), value.into()));
        let spec = PolicySpec {
            strategy: strategy.into(),
            parameters: normalize.into_iter().collect(),
            base: Some(base),
            ..PolicySpec::any_schema()
        };
        let policy = Policy::new(spec).expect("a valid policy");
        let subsets: [&[usize]; 5] =
            [&[0], &[1, 2], &[0, 1, 2, 3], &[3, 4, 5, 6], &[0, 1, 2, 3, 4, 5, 6]];
        let state = |members: &&[usize]| {
            let mut state = MergeState::with_arena(policy.clone(), arena.clone());
            for &i in *members {
                let key = Keypair::from_seed([i as u8 + 1; 32]);
                let draft = Draft::new("test", model(i)).weight(1.0 + i as f64 / 4.0);
                state.add(&key, draft).expect("a valid contribution");
            }
            state
        };
        subsets.iter().map(state).collect()
    }

    /// The shortcut, the streamed comparison and whole models must agree.
    #[test]
    fn three_ways_to_a_distance_agree() {
        for (strategy, normalize) in [
            ("weight-average", None),
            ("task-arithmetic", Some("true")),
            ("task-arithmetic", Some("false")),
            ("ties", None),
            ("median", None),
        ] {
            let states = states(strategy, normalize);
            let resolutions: Vec<_> =
                states.iter().map(|state| state.resolution().expect("resolves")).collect();
            let models: Vec<_> = resolutions.iter().collect();
            let pairs: Vec<_> = (0..5).flat_map(|i| (0..5).map(move |j| (i, j))).collect();
            let (fast, _) = between(states[0].arena(), &models, &pairs);
            let (streamed, whole) = streamed(&models, &pairs);
            assert!(whole.iter().all(|whole| *whole));
            for (at, &(i, j)) in pairs.iter().enumerate() {
                let [x, y] = [i, j].map(|i| resolutions[i].model().expect("resolves"));
                let whole = libm::sqrt(kernels::squared_distance_blocks(&x, &y, 1)[0]);
                let near = |d: f64| (d - whole).abs() <= 1e-5 * whole.max(1e-3);
                assert!(near(streamed[at]), "{strategy} {i} {j}: {} and {whole}", streamed[at]);
                assert!(near(fast[at]), "{strategy} {i} {j}: {} and {whole}", fast[at]);
                assert!((whole == 0.0) == (i == j));
            }
            let linear = models[0].coefficients().is_some();
            assert_eq!(linear, ["weight-average", "task-arithmetic"].contains(&strategy));
        }
    }
}
