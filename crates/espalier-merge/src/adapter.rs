//! Low-rank adapters: W + (α / r) B A, for each matrix that an adapter has (Hu et al., LoRA, ICLR
//! 2022, arXiv 2106.09685).
//!
//! The layout is that of PEFT: `adapter_config.json` and `adapter_model.safetensors` in a folder.
//! With `use_rslora` the factor is α / √r (Kalajdzievski 2023, arXiv 2312.03732); `rank_pattern`
//! and `alpha_pattern` replace r and α for some modules; see [`Patterns`]. B A is summed in f32,
//! over the rank in order; adding it to W rounds once, to the type of W, so that a model with an
//! adapter is the model that merging the adapter into its file would give. Tensors of
//! `modules_to_save` replace the model's, rounded to their type.

use std::{collections::BTreeMap, io, path::Path};

use espalier_identity::Digest;
use espalier_tensor::{
    ContentHasher, SafetensorsModel, TensorShape, open_safetensors, read_f32, read_f64, write_f64,
};
use serde::Deserialize;

use crate::{error::MergeError, patterns::Patterns};

/// An adapter in memory.
#[derive(Debug)]
pub(crate) struct Adapter {
    /// By the name of the tensor that each is added to.
    updates: BTreeMap<String, Update>,
    /// By the name of the tensor that each replaces, its place among those of the file.
    saved: BTreeMap<String, usize>,
    model: SafetensorsModel,
    /// Of all that it adds.
    digest: Digest,
}

/// factor · B A.
#[derive(Debug)]
struct Update {
    factor: f32,
    rank: usize,
    /// Rows of the tensor × rank.
    b: Vec<f32>,
    /// Rank × columns of the tensor.
    a: Vec<f32>,
}

#[derive(Debug, Deserialize)]
struct Config {
    #[serde(default)]
    peft_type: Option<String>,
    r: u32,
    lora_alpha: f64,
    #[serde(default)]
    use_rslora: bool,
    #[serde(default)]
    use_dora: bool,
    #[serde(default)]
    fan_in_fan_out: bool,
    #[serde(default)]
    rank_pattern: Patterns<u32>,
    #[serde(default)]
    alpha_pattern: Patterns<f64>,
    #[serde(default)]
    modules_to_save: Option<Vec<String>>,
}

/// The two files of an adapter.
pub(crate) const CONFIG: &str = "adapter_config.json";
pub(crate) const MATRICES: &str = "adapter_model.safetensors";
/// What names of tensors begin with.
pub(crate) const PREFIX: &str = "base_model.model.";
/// Most bytes of a configuration.
const MAX_CONFIG: u64 = 1 << 20;
/// Most elements of all low-rank matrices of an adapter together: they are held in memory.
const MAX_ELEMENTS: u64 = 1 << 31;

impl Adapter {
    /// Reads an adapter for a model whose tensors `find` knows by name.
    pub(crate) fn open<'m>(
        folder: &Path,
        find: impl Fn(&str) -> Option<&'m TensorShape>,
    ) -> Result<Self, MergeError> {
        let refuse = |problem: String| MergeError::Adapter { path: folder.to_owned(), problem };
        let path = folder.join(CONFIG);
        let text = espalier_file::read_text(&path, MAX_CONFIG)
            .map_err(|error| refuse(format!("adapter_config.json: {error}")))?;
        let config: Config = serde_json::from_str(&text)
            .map_err(|error| refuse(format!("adapter_config.json: {error}")))?;
        config.check().map_err(refuse)?;
        let model = open_safetensors(folder.join(MATRICES))?;
        let mut sides: BTreeMap<String, [Option<usize>; 2]> = BTreeMap::new();
        let mut saved = BTreeMap::new();
        let mut elements = 0_u64;
        for (index, shape) in model.shapes().iter().enumerate() {
            let name = &shape.name;
            let Some((module, side)) = side_of(name) else {
                let bias = name.ends_with(".bias");
                let what = if bias { "is a bias, which is" } else { "is" };
                let target = config.saves(name).ok_or_else(|| {
                    refuse(format!("tensor `{name}` {what} not a low-rank matrix"))
                })?;
                fits(shape, target, &find).map_err(refuse)?;
                if saved.insert(target.to_owned(), index).is_some() {
                    return Err(refuse(format!("tensor `{name}` is there under two names")));
                }
                continue;
            };
            elements = elements.saturating_add(shape.shape.iter().product());
            if elements > MAX_ELEMENTS {
                return Err(refuse(format!("{elements} elements are too many to hold in memory")));
            }
            let place = &mut sides.entry(module).or_default()[side];
            if place.replace(index).is_some() {
                return Err(refuse(format!("tensor `{name}` is there under two names")));
            }
        }
        let modules = || sides.keys().map(String::as_str);
        let ranks = config.rank_pattern.values(modules()).map_err(refuse)?;
        let alphas = config.alpha_pattern.values(modules()).map_err(refuse)?;
        let mut updates = BTreeMap::new();
        let mut hasher = ContentHasher::new();
        hasher.update(text.as_bytes());
        for (module, pair) in &sides {
            let &[Some(a), Some(b)] = pair else {
                return Err(refuse(format!("module `{module}` has one matrix of two")));
            };
            let name = format!("{module}.weight");
            let shape = find(&name)
                .ok_or_else(|| refuse(format!("the model has no tensor `{name}` to add to")))?;
            if saved.contains_key(&name) {
                return Err(refuse(format!("tensor `{name}` is both saved and added to")));
            }
            let read = |index: usize| read(&model, index, &mut hasher);
            let rank = ranks.get(module.as_str()).copied().unwrap_or(config.r);
            let alpha = alphas.get(module.as_str()).copied().unwrap_or(config.lora_alpha);
            let scale = Scale { rank, alpha, rooted: config.use_rslora };
            let update = Update::new(scale, module, &model, [a, b], shape, read);
            updates.insert(name, update.map_err(refuse)?);
        }
        for (name, &index) in &saved {
            hasher.update(name.as_bytes());
            hash(&model, index, &mut hasher).map_err(refuse)?;
        }
        Ok(Self { updates, saved, model, digest: hasher.finish() })
    }

    /// The bytes of its matrices, which are in memory.
    pub(crate) fn bytes(&self) -> u64 {
        let elements = |update: &Update| update.a.len() + update.b.len();
        4 * self.updates.values().map(elements).sum::<usize>() as u64
    }

    /// A digest of its configuration and its matrices.
    pub(crate) fn digest(&self) -> Digest {
        self.digest
    }

    /// Adds to bytes of a tensor that begin at its byte `start`, or replaces them.
    pub(crate) fn add_to(
        &self,
        shape: &TensorShape,
        start: u64,
        bytes: &mut [u8],
    ) -> io::Result<()> {
        let size = shape.dtype.size();
        let mut values = vec![0.0; bytes.len() / size];
        if let Some(&index) = self.saved.get(&shape.name) {
            let dtype = self.model.shapes()[index].dtype;
            if dtype == shape.dtype {
                return self.model.read_at(index, start, bytes);
            }
            let mut stored = vec![0; values.len() * dtype.size()];
            self.model.read_at(index, start / size as u64 * dtype.size() as u64, &mut stored)?;
            read_f64(dtype, &stored, &mut values);
            write_f64(shape.dtype, &values, bytes);
            return Ok(());
        }
        let Some(update) = self.updates.get(&shape.name) else { return Ok(()) };
        read_f64(shape.dtype, bytes, &mut values);
        let columns = update.a.len() / update.rank;
        let mut element = start as usize / size;
        let mut rest = values.as_mut_slice();
        while !rest.is_empty() {
            let (row, column) = (element / columns, element % columns);
            let (part, after) = rest.split_at_mut((columns - column).min(rest.len()));
            update.add_row(row, column, part);
            element += part.len();
            rest = after;
        }
        write_f64(shape.dtype, &values, bytes);
        Ok(())
    }
}

/// Refuses what cannot replace the model's tensor of this name.
fn fits<'m>(
    shape: &TensorShape,
    name: &str,
    find: impl Fn(&str) -> Option<&'m TensorShape>,
) -> Result<(), String> {
    let ours = find(name).ok_or_else(|| format!("the model has no tensor `{name}` to replace"))?;
    let alike = ours.dtype == shape.dtype || ours.dtype.is_float() && shape.dtype.is_float();
    if ours.shape == shape.shape && alike {
        return Ok(());
    }
    let (dtype, there) = (shape.dtype, &shape.shape);
    Err(format!("tensor `{name}` is {dtype} {there:?} and {} {:?}", ours.dtype, ours.shape))
}

/// Puts the bytes of a tensor into the digest.
fn hash(model: &SafetensorsModel, index: usize, hasher: &mut ContentHasher) -> Result<(), String> {
    const PIECE: usize = 1 << 20;
    let TensorShape { dtype, shape, .. } = &model.shapes()[index];
    let bytes = shape.iter().product::<u64>() as usize * dtype.size();
    let mut buffer = vec![0; PIECE.min(bytes)];
    for start in (0..bytes).step_by(PIECE) {
        let piece = &mut buffer[..PIECE.min(bytes - start)];
        model.read_at(index, start as u64, piece).map_err(|error| error.to_string())?;
        hasher.update(piece);
    }
    Ok(())
}

/// The elements of a matrix, which go into the digest.
fn read(
    model: &SafetensorsModel,
    index: usize,
    hasher: &mut ContentHasher,
) -> Result<Vec<f32>, String> {
    let TensorShape { name, dtype, shape } = &model.shapes()[index];
    if !dtype.is_float() {
        return Err(format!("tensor `{name}` is of type {dtype}"));
    }
    let elements = shape.iter().product::<u64>() as usize;
    let mut bytes = vec![0; elements * dtype.size()];
    model.read_at(index, 0, &mut bytes).map_err(|error| error.to_string())?;
    hasher.update(name.as_bytes());
    hasher.update(&bytes);
    let mut values = vec![0.0; elements];
    read_f32(*dtype, &bytes, &mut values);
    Ok(values)
}

impl Config {
    fn check(&self) -> Result<(), String> {
        let wrong = |what: &str| Err(format!("{what} cannot be merged"));
        if self.peft_type.as_deref().is_some_and(|kind| !kind.eq_ignore_ascii_case("lora")) {
            return wrong(&format!("`peft_type` {:?}", self.peft_type.as_deref().unwrap_or("")));
        }
        if self.use_dora {
            return wrong("DoRA (`use_dora`)");
        }
        if self.fan_in_fan_out {
            return wrong("`fan_in_fan_out`");
        }
        Ok(())
    }

    /// The tensor of the model that a tensor of this name replaces, if its module is one of those
    /// that are saved.
    fn saves<'n>(&self, name: &'n str) -> Option<&'n str> {
        let name = name.strip_prefix(PREFIX).unwrap_or(name);
        let (module, _) = name.rsplit_once('.')?;
        let ends = |saved: &String| {
            let rest = module.strip_suffix(saved.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        };
        self.modules_to_save.iter().flatten().any(ends).then_some(name)
    }
}

/// What the configuration says of a module.
struct Scale {
    rank: u32,
    alpha: f64,
    /// Whether α is divided by the root of the rank.
    rooted: bool,
}

impl Scale {
    /// The factor of a module, whose matrices have this rank.
    fn factor(&self, module: &str, rank: usize) -> Result<f32, String> {
        let wanted = self.rank;
        if wanted as usize != rank || rank == 0 {
            return Err(format!("module `{module}` has rank {rank}, its configuration {wanted}"));
        }
        let rank = rank as f64;
        Ok((self.alpha / if self.rooted { rank.sqrt() } else { rank }) as f32)
    }
}

/// The module of a low-rank matrix, and whether it is A (0) or B (1).
fn side_of(name: &str) -> Option<(String, usize)> {
    let name = name.strip_prefix(PREFIX).unwrap_or(name);
    let name = name.strip_suffix(".weight")?;
    ["lora_A", "lora_B"].iter().enumerate().find_map(|(side, mark)| {
        let stem = name.strip_suffix(".default").unwrap_or(name);
        let module = stem.strip_suffix(mark)?.strip_suffix('.')?;
        Some((module.to_owned(), side))
    })
}

impl Update {
    fn new(
        scale: Scale,
        module: &str,
        model: &SafetensorsModel,
        [a, b]: [usize; 2],
        shape: &TensorShape,
        mut read: impl FnMut(usize) -> Result<Vec<f32>, String>,
    ) -> Result<Self, String> {
        let (first, second) = (&model.shapes()[a], &model.shapes()[b]);
        let ([rank, columns], [rows, same]) = (first.shape.as_slice(), second.shape.as_slice())
        else {
            return Err(format!("module `{module}` has tensors that are not matrices"));
        };
        if !shape.dtype.is_float() {
            return Err(format!("tensor `{}` is of type {}", shape.name, shape.dtype));
        }
        if rank != same || shape.shape != [*rows, *columns] {
            return Err(format!(
                "module `{module}`: {rows} × {same} times {rank} × {columns} is not {:?}",
                shape.shape
            ));
        }
        let rank = *rank as usize;
        let factor = scale.factor(module, rank)?;
        Ok(Self { factor, rank, b: read(b)?, a: read(a)? })
    }

    /// Adds to the elements of a row from `column` on.
    fn add_row(&self, row: usize, column: usize, out: &mut [f64]) {
        let columns = self.a.len() / self.rank;
        let mut sum = vec![0.0_f32; out.len()];
        for (k, &b) in self.b[row * self.rank..][..self.rank].iter().enumerate() {
            let a = &self.a[k * columns + column..][..out.len()];
            sum.iter_mut().zip(a).for_each(|(sum, &a)| *sum += b * a);
        }
        let update = sum.into_iter().map(|sum| f64::from(self.factor * sum));
        out.iter_mut().zip(update).for_each(|(value, update)| *value += update);
    }
}
