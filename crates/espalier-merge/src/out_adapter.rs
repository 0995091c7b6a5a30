//! A merge as a low-rank adapter of its base: the layout of PEFT, `adapter_config.json` and
//! `adapter_model.safetensors` in a folder.
//!
//! For each matrix that differs from the base's, the difference is decomposed and its largest
//! directions are kept ([`low_rank`]). The difference is that of what the merge computes, before
//! it is rounded to the type of the result, from the base as it is on disk; if the recipe's base
//! has an adapter, that is part of the difference. α is r for every matrix, so that B A is added
//! as it is.
//!
//! Embeddings, norms and biases have no place among low-rank matrices. If one of them changed, the
//! merge is refused, or its module is kept whole: `modules_to_save`, where PEFT puts such modules
//! when they are trained next to an adapter. So is a layer whose bias changed with its matrix.
//!
//! A difference that rounding makes is none: a tensor is unchanged if the norm of its difference is
//! at most [`ROUNDING`] of its own.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use espalier_recipe::{TensorPlan, TensorStep, is_embedding};
use espalier_resolve::methods::{LowRank, Sink, low_rank};
use espalier_tensor::{
    Dtype, Model, SafetensorsWriter, TensorShape, open_safetensors, read_f64, write_safetensors,
};
use serde::Serialize;

use crate::{
    adapter::{CONFIG, MATRICES, PREFIX},
    copied_files::model_type,
    error::MergeError,
    layout::bytes,
    merge::Merge,
    models::OpenModel,
    out_adapter_error::OutAdapterError,
    replace,
    resume::Growing,
    target::MergeTarget,
};

/// An adapter to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AdapterForm {
    /// The rank of its matrices. A matrix with a shorter side has that as its rank.
    pub rank: u32,
    /// Store changed modules that are not matrices whole; if false, refuse them.
    pub save_modules: bool,
}

/// A matrix of an adapter that was written.
#[derive(Debug, Clone, PartialEq)]
pub struct AdapterMatrix {
    /// The tensor that it is added to.
    pub tensor: String,
    /// Its rank.
    pub rank: usize,
    /// ‖Δ − B A‖ / ‖Δ‖ in Frobenius norms.
    pub error: f64,
}

/// What an adapter holds.
#[derive(Debug, Clone, PartialEq)]
pub struct WrittenAdapter {
    /// Its matrices, in the order of the tensors' names.
    pub matrices: Vec<AdapterMatrix>,
    /// The modules that it has whole.
    pub saved: Vec<String>,
    /// Bytes of its tensors.
    pub bytes: u64,
}

/// What rounding to f32 may make of a tensor, relative to its norm: eight times the unit.
const ROUNDING: f64 = 8.0 * f32::EPSILON as f64 / 2.0;
/// What a type of model is called whose matrices are transposed.
const TRANSPOSED: [&str; 4] = ["gpt2", "openai-gpt", "imagegpt", "decision_transformer"];
/// Where the error of a finished matrix stands in its file.
const ERROR: &str = "error";

/// Takes the place of the first element of a piece, the differences and the merged elements.
type Take<'a> = &'a (dyn Fn(usize, &[f64], &[f64]) + Sync);

/// Where each tensor that changed goes.
struct Places {
    /// Indices of matrices.
    matrices: Vec<usize>,
    /// Indices of tensors that are kept whole.
    whole: Vec<usize>,
    modules: BTreeSet<String>,
}

impl Merge<'_> {
    /// Merges, and writes the difference from the base as an adapter into a folder. A merge that
    /// was interrupted goes on after the matrices that are finished. The progress is that of all
    /// tensors twice: once to see which of them changed.
    ///
    /// Memory: that of the merge, and for one matrix at a time 8 bytes an element about six times.
    ///
    /// # Errors
    /// [`MergeError`], and nothing is left that looks finished, as with
    /// [`write`](crate::Merge::write).
    pub fn write_adapter(
        &self,
        target: &MergeTarget,
        form: AdapterForm,
    ) -> Result<WrittenAdapter, MergeError> {
        let base = self.adapter_base(target, form)?;
        replace::check(target, self.models, &[CONFIG, MATRICES].map(PathBuf::from))?;
        let part = |index: usize| format!("part-{index:06}.safetensors");
        let all: BTreeSet<String> = (0..self.plan.tensors.len()).map(part).collect();
        let what = format!("adapter {form:?}");
        let mut growing = Growing::open(self, target, &what, |name| all.contains(name))?;
        let done = AtomicU64::new(0);
        let places = self.places(base, form, &done)?;
        let mut matrices = Vec::new();
        for &index in &places.matrices {
            let (name, tensor) = (part(index), &self.plan.tensors[index]);
            let path = growing.path().join(&name);
            if !growing.has(&name) {
                self.write_part(base, tensor, form, &path)?;
                growing.finish(&name)?;
            }
            let found = open_safetensors(&path)?;
            let error = found.metadata().get(ERROR).and_then(|text| text.parse().ok());
            matrices.push(AdapterMatrix {
                tensor: tensor.name.clone(),
                rank: found.shapes().first().map_or(0, |a| a.shape[0] as usize),
                error: error.unwrap_or(f64::NAN),
            });
            self.advance(tensor, &done)?;
        }
        let parts: Vec<PathBuf> =
            places.matrices.iter().map(|&index| growing.path().join(part(index))).collect();
        let bytes = self.assemble(&places, &parts, target, &growing.path().join(MATRICES))?;
        growing.save(CONFIG, &config(&matrices, &places.modules, form, base))?;
        for path in parts {
            std::fs::remove_file(&path).map_err(MergeError::io("remove", path))?;
        }
        self.check_unchanged()?;
        growing.name_it(target)?;
        Ok(WrittenAdapter { matrices, saved: places.modules.into_iter().collect(), bytes })
    }

    /// Refuses what [`Merge::write_adapter`] would, as far as that can be told without reading
    /// tensors.
    ///
    /// # Errors
    /// [`OutAdapterError`].
    pub fn check_adapter(
        &self,
        target: &MergeTarget,
        form: AdapterForm,
    ) -> Result<(), OutAdapterError> {
        self.adapter_base(target, form).map(drop)
    }

    /// The base, if there can be an adapter of it.
    fn adapter_base(
        &self,
        target: &MergeTarget,
        form: AdapterForm,
    ) -> Result<&OpenModel, OutAdapterError> {
        let base = self.plan.base.ok_or(OutAdapterError::NoBase)?;
        let base = &self.models[base];
        if target.is_file() {
            return Err(OutAdapterError::File);
        }
        if form.rank == 0 {
            return Err(OutAdapterError::Rank);
        }
        let model = base.folder().as_deref().and_then(model_type);
        if let Some(model) = model.filter(|model| TRANSPOSED.contains(&model.as_str())) {
            return Err(OutAdapterError::Transposed { model });
        }
        // Both are ascending by name.
        let (mut ours, mut theirs) = (self.plan.tensors.iter(), base.stored_shapes().iter());
        loop {
            let tensor = match (ours.next(), theirs.next()) {
                (None, None) => return Ok(base),
                (Some(a), Some(b)) if a.name == b.name && a.shape == b.shape => continue,
                (Some(a), Some(b)) => a.name.clone().min(b.name.clone()),
                (Some(a), None) => a.name.clone(),
                (None, Some(b)) => b.name.clone(),
            };
            return Err(OutAdapterError::Layout { tensor });
        }
    }

    /// Which tensors changed, and where they go.
    fn places(
        &self,
        base: &OpenModel,
        form: AdapterForm,
        done: &AtomicU64,
    ) -> Result<Places, MergeError> {
        let tensors = &self.plan.tensors;
        let mut changed = Vec::new();
        for (index, tensor) in tensors.iter().enumerate() {
            if self.has_changed(base, tensor)? {
                changed.push(index);
            }
            self.advance(tensor, done)?;
        }
        let (mut matrices, others): (Vec<_>, Vec<_>) =
            changed.into_iter().partition(|&index| is_linear(&tensors[index]));
        if !others.is_empty() && !form.save_modules {
            let tensors = others.iter().map(|&index| tensors[index].name.clone()).collect();
            return Err(OutAdapterError::NotMatrices { tensors }.into());
        }
        let mut modules = BTreeSet::new();
        for &index in &others {
            let tensor = &tensors[index].name;
            let module = module_of(tensor);
            let apart = module.filter(|module| {
                let below = |name: &str| {
                    let rest = name.strip_prefix(module).and_then(|rest| rest.strip_prefix('.'));
                    rest.is_some_and(|rest| rest.contains('.'))
                };
                !tensors.iter().any(|other| below(&other.name))
            });
            let module =
                apart.ok_or_else(|| OutAdapterError::NoModule { tensor: tensor.clone() })?;
            modules.insert(module.to_owned());
        }
        let kept = |name: &str| module_of(name).is_some_and(|module| modules.contains(module));
        matrices.retain(|&index| !kept(&tensors[index].name));
        if matrices.is_empty() {
            return Err(OutAdapterError::Nothing.into());
        }
        let whole = (0..tensors.len()).filter(|&index| kept(&tensors[index].name)).collect();
        Ok(Places { matrices, whole, modules })
    }

    fn advance(&self, tensor: &TensorPlan, done: &AtomicU64) -> Result<(), MergeError> {
        let bytes = self.bytes_of(tensor);
        self.report(done.fetch_add(bytes, Ordering::Relaxed) + bytes)
    }

    fn has_changed(&self, base: &OpenModel, tensor: &TensorPlan) -> Result<bool, MergeError> {
        // Sums of pieces, which are added in the order of the elements.
        let pieces: Mutex<BTreeMap<usize, [f64; 2]>> = Mutex::default();
        self.differences(base, tensor, &|start, differences, merged| {
            let square = |values: &[f64]| values.iter().map(|x| x * x).sum::<f64>();
            let sums = [square(differences), square(merged)];
            pieces.lock().unwrap_or_else(PoisonError::into_inner).insert(start, sums);
        })?;
        let pieces = pieces.into_inner().unwrap_or_else(PoisonError::into_inner);
        let sum = |which: usize| pieces.values().map(|sums| sums[which]).sum::<f64>().sqrt();
        let (difference, norm) = (sum(0), sum(1));
        if !(difference.is_finite() && norm.is_finite()) {
            return Err(OutAdapterError::NotFinite { tensor: tensor.name.clone() }.into());
        }
        Ok(difference > ROUNDING * norm)
    }

    /// Merges a tensor in f64 and hands over, piece by piece, the place of the first element, the
    /// differences from the base, and the merged elements.
    fn differences(
        &self,
        base: &OpenModel,
        tensor: &TensorPlan,
        take: Take<'_>,
    ) -> Result<(), MergeError> {
        let mut wide = tensor.clone();
        if let TensorStep::Merge(step) = &mut wide.step {
            // What the arithmetic gives, without the last rounding.
            step.out = Dtype::F64;
        }
        let ours = self.out_dtype(&wide);
        let index = base
            .position(&tensor.name)
            .ok_or_else(|| OutAdapterError::Layout { tensor: tensor.name.clone() })?;
        let theirs = base.shapes()[index].dtype;
        let sink = |start: u64, bytes: &[u8]| -> io::Result<()> {
            let (start, count) = (start as usize / ours.size(), bytes.len() / ours.size());
            let mut stored = vec![0; count * theirs.size()];
            base.files().read_stored(index, (start * theirs.size()) as u64, &mut stored)?;
            let (mut merged, mut from) = (vec![0.0; count], vec![0.0; count]);
            if ours.is_float() {
                read_f64(ours, bytes, &mut merged);
                read_f64(theirs, &stored, &mut from);
            } else if stored != bytes {
                merged.fill(1.0);
            }
            merged.iter().zip(&mut from).for_each(|(merged, from)| *from = merged - *from);
            take(start, &from, &merged);
            Ok(())
        };
        self.run(&wide, &sink)
    }

    /// Writes the two matrices of one difference.
    fn write_part(
        &self,
        base: &OpenModel,
        tensor: &TensorPlan,
        form: AdapterForm,
        path: &Path,
    ) -> Result<(), MergeError> {
        let [rows, columns] = tensor.shape[..] else { return Ok(()) };
        let (rows, columns) = (rows as usize, columns as usize);
        let difference = Mutex::new(vec![0.0; rows * columns]);
        self.differences(base, tensor, &|start, values, _| {
            let mut all = difference.lock().unwrap_or_else(PoisonError::into_inner);
            all[start..][..values.len()].copy_from_slice(values);
        })?;
        let difference = difference.into_inner().unwrap_or_else(PoisonError::into_inner);
        let LowRank { rank, b, a, error } = low_rank(rows, columns, difference, form.rank as usize);
        if !error.is_finite() {
            return Err(OutAdapterError::NotFinite { tensor: tensor.name.clone() }.into());
        }
        let [first, second] = names(&tensor.name);
        let (rank, rows, columns) = (rank as u64, rows as u64, columns as u64);
        let tensors: [(&str, &[u64], &[f32]); 2] =
            [(&first, &[rank, columns], &a), (&second, &[rows, rank], &b)];
        let model = Model::from_f32(&tensors)?;
        let metadata = BTreeMap::from([(ERROR.to_owned(), error.to_string())]);
        Ok(write_safetensors(&model, &metadata, path, true)?)
    }

    /// Puts all matrices and whole modules into one file: the bytes of its tensors.
    fn assemble(
        &self,
        places: &Places,
        parts: &[PathBuf],
        target: &MergeTarget,
        path: &Path,
    ) -> Result<u64, MergeError> {
        let mut shapes = Vec::new();
        let parts = parts.iter().map(open_safetensors).collect::<Result<Vec<_>, _>>()?;
        for part in &parts {
            shapes.extend(part.shapes().iter().cloned());
        }
        let ours = self.shapes();
        let whole = places.whole.iter().map(|&index| {
            let TensorShape { name, dtype, shape } = ours[index].clone();
            TensorShape { name: format!("{PREFIX}{name}"), dtype, shape }
        });
        shapes.extend(whole);
        let writer = SafetensorsWriter::create(&shapes, &target.metadata, path, true)?;
        let mut at = 0;
        for part in &parts {
            for index in 0..part.shapes().len() {
                let content = part.content(index).unwrap_or_else(|| Vec::new().into());
                writer.write_at(at, 0, &content)?;
                at += 1;
            }
        }
        for &index in &places.whole {
            let sink: Sink<'_> =
                &|start, bytes| writer.write_at(at, start, bytes).map_err(io::Error::other);
            self.run(&self.plan.tensors[index], sink)?;
            at += 1;
        }
        writer.finish()?;
        let all: Vec<usize> = (0..shapes.len()).collect();
        Ok(bytes(&shapes, &all))
    }
}

/// The module that a tensor belongs to.
fn module_of(tensor: &str) -> Option<&str> {
    tensor.rsplit_once('.').map(|(module, _)| module)
}

/// Whether it is the matrix of a layer that multiplies by it.
pub(crate) fn is_linear(tensor: &TensorPlan) -> bool {
    let float = matches!(tensor.step, TensorStep::Merge(_));
    let name = &tensor.name;
    float && tensor.shape.len() == 2 && name.ends_with(".weight") && !is_embedding(name)
}

/// What the two matrices of a tensor are called.
fn names(tensor: &str) -> [String; 2] {
    let module = module_of(tensor).unwrap_or(tensor);
    ["lora_A", "lora_B"].map(|side| format!("{PREFIX}{module}.{side}.weight"))
}

#[derive(Debug, Serialize)]
struct Config {
    peft_type: &'static str,
    task_type: Option<&'static str>,
    base_model_name_or_path: String,
    r: u32,
    lora_alpha: u32,
    lora_dropout: f64,
    bias: &'static str,
    fan_in_fan_out: bool,
    inference_mode: bool,
    init_lora_weights: bool,
    use_rslora: bool,
    use_dora: bool,
    target_modules: Vec<String>,
    modules_to_save: Option<Vec<String>>,
    rank_pattern: BTreeMap<String, usize>,
    alpha_pattern: BTreeMap<String, usize>,
}

fn config(
    matrices: &[AdapterMatrix],
    saved: &BTreeSet<String>,
    form: AdapterForm,
    base: &OpenModel,
) -> Config {
    let module = |matrix: &AdapterMatrix| module_of(&matrix.tensor).unwrap_or_default().to_owned();
    let other = |matrix: &&AdapterMatrix| matrix.rank != form.rank as usize;
    // An expression that matches this name alone, and not what ends with it.
    let exactly = |module: String| format!("^{}", regex::escape(&module));
    let pattern: BTreeMap<String, usize> = matrices
        .iter()
        .filter(other)
        .map(|matrix| (exactly(module(matrix)), matrix.rank))
        .collect();
    Config {
        peft_type: "LORA",
        task_type: None,
        base_model_name_or_path: base.reference().path.clone(),
        r: form.rank,
        lora_alpha: form.rank,
        lora_dropout: 0.0,
        bias: "none",
        fan_in_fan_out: false,
        inference_mode: true,
        init_lora_weights: true,
        use_rslora: false,
        use_dora: false,
        target_modules: matrices.iter().map(module).collect(),
        modules_to_save: (!saved.is_empty()).then(|| saved.iter().cloned().collect()),
        rank_pattern: pattern.clone(),
        alpha_pattern: pattern,
    }
}
