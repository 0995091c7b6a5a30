//! Model families: what the nodes of a run train and contribute.

mod digits;
pub(crate) mod inputs;

use crate::config::{Config, Family, Spread};
use crate::error::{SimError, field};
use crate::seeds::{Dice, Seeds};
use crate::tensors::{map_floats, row_of};
use espalier_blame::{did_you_mean, nearest};
use espalier_identity::Digest;
use espalier_tensor::{
    Dtype, Model, ModelFolder, SafetensorsModel, TensorError, kernels, models_in, open_safetensors,
    random::Stream, schema_mismatch,
};
use espalier_trust::Q16;
use rayon::prelude::*;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use digits::Digits;

/// The size of a seeded fine-tune delta relative to the root mean square of the base.
const DELTA: f64 = 0.01;

/// Directions that seeded deltas of a Dirichlet spread are mixed of.
const CLASSES: u64 = 10;

/// The task of one run.
#[derive(Debug)]
pub(crate) struct Task {
    kind: Kind,
    base: Option<Model>,
    /// Where the base was read from.
    base_file: Option<PathBuf>,
    schema: Digest,
    spread: Spread,
    seeds: Seeds,
}

#[derive(Debug)]
enum Kind {
    Digits(Digits),
    /// Seeded deltas of this size on the base.
    Deltas(f64),
    /// One finished model per node.
    Files(Vec<Finished>),
}

/// A finished model that a node brings. Its data stay in the file until they are used.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) file: PathBuf,
    pub(crate) model: Model,
}

impl Finished {
    /// The name of its file, without the folder.
    pub(crate) fn name(&self) -> String {
        let name = self.file.file_name();
        name.map_or_else(String::new, |name| name.to_string_lossy().into_owned())
    }
}

/// The number of nodes a folder of models is for; `None` for every other family.
///
/// # Errors
/// [`SimError`] if the folder cannot be read.
pub fn nodes_of_folder(family: &Family) -> Result<Option<u32>, SimError> {
    let Family::Path(path) = family else { return Ok(None) };
    Ok(folder(Path::new(path))?.map(|(files, _)| files.len() as u32))
}

/// One file per node, and the base's.
type Folder = (Vec<PathBuf>, Option<PathBuf>);

/// The models in a folder of several, and its base; `None` if the path is one model.
fn folder(path: &Path) -> Result<Option<Folder>, SimError> {
    if !path.is_dir() {
        return Ok(None);
    }
    let ModelFolder { indexes, mut files, .. } = models_in(path)?;
    if !indexes.is_empty() {
        // One sharded model.
        return Ok(None);
    }
    let is_base = |file: &PathBuf| file.file_stem().is_some_and(|stem| stem == "base");
    let base = files.iter().position(is_base).map(|at| files.remove(at));
    Ok((files.len() > 1).then_some((files, base)))
}

fn no_model(path: &str) -> SimError {
    let hint = did_you_mean(nearest(path, ["digits", "synthetic:16x16"]));
    let forms = "use digits, synthetic:SHAPE such as synthetic:16x16, or a path";
    field("model", format!("there is no file or folder `{path}`{hint}; {forms}"))
}

/// Opens models by their headers and checks that they fit together before any data is read.
fn open_all(files: &[PathBuf]) -> Result<Vec<SafetensorsModel>, SimError> {
    let opened: Vec<_> = files.iter().map(open_safetensors).collect::<Result<_, _>>()?;
    for (file, model) in files.iter().zip(&opened).skip(1) {
        if let Some(mismatch) = schema_mismatch(opened[0].shapes(), model.shapes()) {
            let (first, second) = (files[0].clone(), file.clone());
            return Err(SimError::Mismatch { first, second, mismatch: Box::new(mismatch) });
        }
    }
    Ok(opened)
}

impl Task {
    pub(crate) fn open(config: &Config) -> Result<Self, SimError> {
        let (seeds, spread) = (Seeds(config.seed), config.spread);
        let mut base_file = None;
        let (kind, base) = match &config.model {
            Family::Digits => {
                let digits = Digits::new(config.nodes as usize, spread, seeds);
                let base = digits.base(seeds);
                (Kind::Digits(digits), Some(base))
            }
            Family::Synthetic(shape) => (Kind::Deltas(1.0), Some(synthetic(shape, seeds))),
            Family::Path(path) => match folder(Path::new(path))? {
                None => {
                    if !Path::new(path).exists() {
                        return Err(no_model(path));
                    }
                    let model = open_safetensors(path)?.into_model()?;
                    if model.manifest.float_elements() == 0 {
                        return Err(field("model", format!("{path} holds no float tensor")));
                    }
                    base_file = Some(PathBuf::from(path));
                    let size = DELTA * rms(&model);
                    (Kind::Deltas(if size > 0.0 { size } else { DELTA }), Some(model))
                }
                Some((files, base)) => {
                    let all: Vec<_> = files.iter().chain(&base).cloned().collect();
                    let mut opened = open_all(&all)?;
                    if files.len() != config.nodes as usize {
                        let (path, count) = (path.as_str(), files.len());
                        let problem = format!("must be {count}, one for each model in {path}");
                        return Err(field("nodes", problem));
                    }
                    let schema = opened[0].manifest_shapes().schema();
                    let (base, base_file) = match base {
                        Some(file) => (opened.pop(), Some(file)),
                        None => (None, None),
                    };
                    let base = base.map(SafetensorsModel::into_model).transpose()?;
                    let finish = |(file, opened): (PathBuf, SafetensorsModel)| {
                        Ok(Finished { file, model: opened.into_model()? })
                    };
                    let files: Vec<_> = files.into_iter().zip(opened).collect();
                    let files = files.into_par_iter().map(finish);
                    let kind = Kind::Files(files.collect::<Result<_, TensorError>>()?);
                    return Ok(Self { kind, base, base_file, schema, spread, seeds });
                }
            },
        };
        let schema = base.as_ref().map_or(Digest::ZERO, |base| base.manifest.schema());
        Ok(Self { kind, base, base_file, schema, spread, seeds })
    }

    /// The model from which everybody starts, if there is one.
    pub(crate) fn base(&self) -> Option<&Model> {
        self.base.as_ref()
    }

    /// The file of that model, if it was read from one.
    pub(crate) fn base_file(&self) -> Option<&Path> {
        self.base_file.as_deref()
    }

    /// The finished models that the nodes bring, by node number; none where nodes train.
    pub(crate) fn brought(&self) -> impl Iterator<Item = &Finished> {
        let files: &[Finished] = match &self.kind {
            Kind::Files(files) => files,
            Kind::Digits(_) | Kind::Deltas(_) => &[],
        };
        files.iter()
    }

    /// The schema of every contribution.
    pub(crate) fn schema(&self) -> Digest {
        self.schema
    }

    /// The model that an honest `node` contributes in training round `round`, trained from `start`
    /// (the base, or the model it had merged).
    pub(crate) fn train(
        &self,
        node: usize,
        round: u64,
        start: Option<&Model>,
    ) -> Result<Model, SimError> {
        let start = start.or(self.base());
        let order = self.order(node, round);
        let model = match (&self.kind, start) {
            (Kind::Files(files), _) => return Ok(files[node].model.clone()),
            (Kind::Digits(digits), Some(start)) => digits.train(node, start, order),
            (Kind::Deltas(size), Some(start)) => Some(self.perturb(node, round, start, *size)),
            (_, None) => None,
        };
        model.ok_or_else(|| field("model", "the model is not one that this family can train"))
    }

    /// The same on wrong labels; `None` in families without labels.
    pub(crate) fn mislead(&self, node: usize, round: u64, start: Option<&Model>) -> Option<Model> {
        let start = start.or(self.base())?;
        match &self.kind {
            Kind::Digits(digits) => digits.mislead(node, start, self.order(node, round)),
            Kind::Deltas(_) | Kind::Files(_) => None,
        }
    }

    /// The order in which a node sees its examples in a training round.
    fn order(&self, node: usize, round: u64) -> Dice {
        self.seeds.rng("digits order", node as u64 + (round << 32))
    }

    /// start + size × (what all learn + what is particular to the node's data + noise).
    ///
    /// What all learn and the noise have root mean square 1. Dirichlet spreads mix [`CLASSES`]
    /// seeded directions of root mean square 3 by the node's class shares, clusters have one
    /// direction each; there the noise is smaller. Mild and strong spreads only make nodes differ
    /// in the size of their noise, by up to 1.5 and 3 times.
    fn perturb(&self, node: usize, round: u64, start: &Model, size: f64) -> Model {
        let stream = |purpose: &str, index: u64| Stream::new(self.seeds.key(purpose, index));
        let own = self.seeds.rng("delta size", node as u64).unit();
        let (noise, particular) = match self.spread {
            Spread::Iid => (1.0, Vec::new()),
            Spread::Mild => (1.0 + 0.5 * own, Vec::new()),
            Spread::Strong => (1.0 + 2.0 * own, Vec::new()),
            Spread::Dirichlet(a) => (0.5, self.class_shares(node, a)),
            Spread::Clusters(k) => (1.0, vec![(1.0, node as u64 % u64::from(k))]),
        };
        let mut parts = vec![
            (noise, stream("delta", node as u64 + (round << 32))),
            (1.0, stream("delta of all", 0)),
        ];
        parts.extend(particular.into_iter().map(|(share, c)| (share, stream("delta of class", c))));
        let (mut at, mut draws, mut sum) = (0, Vec::new(), Vec::new());
        map_floats(start, None, |values, _| {
            draws.resize(values.len(), 0.0);
            sum.clear();
            sum.resize(values.len(), 0.0);
            for (factor, stream) in &parts {
                stream.fill_normal(at, &mut draws);
                for (sum, draw) in sum.iter_mut().zip(&draws) {
                    *sum += factor * f64::from(*draw);
                }
            }
            at += values.len() as u64;
            values.iter_mut().zip(&sum).for_each(|(value, sum)| *value += size * sum);
        })
    }

    /// How much of each class direction is in the node's delta: three times a draw from a
    /// Dirichlet distribution.
    fn class_shares(&self, node: usize, a: f64) -> Vec<(f64, u64)> {
        let mut dice = self.seeds.rng("delta classes", node as u64);
        let gammas: Vec<f64> = (0..CLASSES).map(|_| dice.gamma(a).max(1e-12)).collect();
        let total = gammas.iter().fold(0.0, |sum, gamma| sum + gamma);
        gammas.into_iter().map(|gamma| 3.0 * gamma / total).zip(0..).collect()
    }

    /// The weight that `node` declares: how many examples it trained on.
    pub(crate) fn weight(&self, node: usize) -> f64 {
        self.samples(node).map_or(1.0, |samples| samples as f64)
    }

    pub(crate) fn samples(&self, node: usize) -> Option<u64> {
        match &self.kind {
            Kind::Digits(digits) => Some(digits.samples(node)),
            Kind::Deltas(_) | Kind::Files(_) => None,
        }
    }

    /// Accuracy on the common test part, where the family has one.
    pub(crate) fn accuracy(&self, model: &Model) -> Option<f64> {
        match &self.kind {
            Kind::Digits(digits) => digits.accuracy(model),
            Kind::Deltas(_) | Kind::Files(_) => None,
        }
    }

    /// Accuracy on the common test part and on the private validation part of `node`.
    pub(crate) fn judge(&self, node: usize, model: &Model) -> Option<(f64, f64)> {
        match &self.kind {
            Kind::Digits(digits) => {
                Some((digits.accuracy(model)?, digits.validation(node, model)?))
            }
            Kind::Deltas(_) | Kind::Files(_) => None,
        }
    }

    /// What `node` measures of contributions on its private validation part; `None` where the
    /// family has none.
    ///
    /// 1/2 + the cosine between the direction from the merged model to the contribution and the
    /// steepest descent of the validation loss there, clamped to 0..1: whether the federation gets
    /// better for this node if it moves towards the contribution. A contribution's own loss says
    /// less: liars may hide a common push in good models, and honest models of one-sided data are
    /// bad by themselves.
    pub(crate) fn measure(
        &self,
        node: usize,
        merged: &Model,
        contributions: &[Arc<Model>],
    ) -> Option<Vec<Q16>> {
        let Kind::Digits(digits) = &self.kind else { return None };
        let slope = row_of(&digits.gradient(node, merged)?, None);
        let value = |model: &Arc<Model>| {
            let towards = row_of(model, Some(merged));
            let length =
                libm::sqrt(kernels::sum_of_squares(&towards) * kernels::sum_of_squares(&slope));
            let cosine = if length > 0.0 { -kernels::dot(&towards, &slope) / length } else { 0.0 };
            Q16::from_unit(0.5 + cosine)
        };
        Some(contributions.iter().map(value).collect())
    }

    /// Whether nodes have private data, on which they can measure what others contributed.
    pub(crate) fn measures(&self) -> bool {
        matches!(self.kind, Kind::Digits(_))
    }

    /// Whether a node can train again from a merged model.
    pub(crate) fn retrains(&self) -> bool {
        !matches!(self.kind, Kind::Files(_))
    }
}

fn synthetic(shape: &[u64], seeds: Seeds) -> Model {
    let elements = shape.iter().product::<u64>() as usize;
    let mut values = vec![0.0; elements];
    Stream::new(seeds.key("synthetic base", 0)).fill_normal(0, &mut values);
    let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    Model::from_tensors(vec![("tensor".into(), Dtype::F32, shape.to_vec(), bytes)])
        .expect("one tensor whose bytes fit its shape")
}

/// Root mean square of all float elements.
fn rms(model: &Model) -> f64 {
    let zero = map_floats(model, None, |values, _| values.fill(0.0));
    let squares = kernels::squared_distance_blocks(model, &zero, 1)[0];
    libm::sqrt(squares / model.manifest.float_elements().max(1) as f64)
}
