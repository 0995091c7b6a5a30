//! A merge that is ready to be computed, block by block.

mod admit;
mod strategy;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use espalier_identity::Digest;
use espalier_tensor::{
    Content, ContentHasher, Dtype, Manifest, Model, SafetensorsWriter, TensorMeta, TensorShape,
    write_f64,
};
use rayon::prelude::*;

pub use self::strategy::Strategy;
use crate::{
    policies::{
        Input, MergeWriteError, Note, ResolveError, SelectionCache,
        by_tensor::Merger,
        extent::{self, Beyond, Reason},
        integers::{self, IntegerRule},
        tensor::{BLOCK, Context, PIECE, Scratch, Tensor},
    },
    real::{Real, all_finite},
};

/// A merge whose inputs fit together and whose selections are made.
///
/// Every element is a pure function of the inputs, so tensors and blocks can be computed in any
/// order, any number of times and on any number of threads, with the same bits.
///
/// Every merged element is finite, or whatever computes it says which one is not and why:
/// [`ResolveError::Overflow`] if the output's type does not reach so far,
/// [`ResolveError::NotFinite`] if an input is not finite there. Sums that overflow on the way to
/// a finite result are computed again in a wider range.
#[derive(Debug)]
pub struct Plan<'a> {
    context: Context<'a>,
    merger: Box<dyn Merger + 'a>,
    notes: Vec<Note>,
    affine: Option<(Vec<f64>, f64)>,
    wide: bool,
    dtype: Option<Dtype>,
    buffers: IntegerRule,
    metadata: BTreeMap<String, String>,
    /// The inputs' weights for means of integers.
    whole: integers::Weights,
}

/// Most bytes of free text that a merged model gets from its inputs.
const MAX_METADATA: usize = 1 << 20;
/// Elements that one thread merges at a time.
const TASK: usize = 1 << 16;
/// Elements in all tensors above which selecting in parallel pays.
const MANY: u64 = 1 << 18;

impl<'a> Plan<'a> {
    pub(crate) fn new(
        strategy: &'a Strategy,
        inputs: &[Input<'a>],
        base: Option<&'a Model>,
        seed: Digest,
        cache: &SelectionCache,
    ) -> Result<Self, ResolveError> {
        admit::check(strategy, inputs, base)?;
        let weights: Vec<f64> = inputs.iter().map(|input| input.weight).collect();
        let relative = admit::relative(&weights);
        let whole = integers::Weights::new(&relative);
        let context = Context { inputs: inputs.to_vec(), relative, base, seed };
        let wide = strategy.values().word("accumulate") == "f64";
        let word = strategy.values().word("dtype");
        let dtype = Dtype::ALL.into_iter().find(|dtype| dtype.name() == word);
        let manifest = &inputs[0].model.manifest;
        let tensors: Vec<Option<(Tensor<'_>, bool)>> = (0..manifest.tensors().len())
            .map(|index| tensor(&context, index))
            .map(|t| t.dtype.is_float().then_some((t, wide || t.dtype == Dtype::F64)))
            .collect();
        let parallel = tensors.len() > 1 && manifest.float_elements() >= MANY;
        let (merger, mut notes) = strategy.inner().select(&tensors, parallel, cache);
        let raised = admit::raised(&weights);
        if raised > 0 && (strategy.info().uses_weights || strategy.buffers() == IntegerRule::Mean) {
            notes.push(Note::SmallWeights { count: raised, inputs: weights.len() });
        }
        let metadata = carried(&context, &mut notes);
        let mut seen = BTreeSet::new();
        notes.retain(|note| seen.insert(note.clone()));
        let affine = strategy.affine_coefficients(&weights);
        drop(tensors);
        let buffers = strategy.buffers();
        Ok(Self { context, merger, notes, affine, wide, dtype, buffers, metadata, whole })
    }

    /// The number of tensors in the merged model.
    #[must_use]
    pub fn tensors(&self) -> usize {
        self.manifest_in().tensors().len()
    }

    /// Name, element type and shape of the merged tensors, in manifest order.
    #[must_use]
    pub fn shapes(&self) -> Vec<TensorShape> {
        let shape = |(index, meta): (usize, &TensorMeta)| TensorShape {
            name: meta.name.clone(),
            dtype: self.out_dtype(index),
            shape: meta.shape.clone(),
        };
        self.manifest_in().tensors().iter().enumerate().map(shape).collect()
    }

    /// What the strategy did on purpose that a reader of the result should know: each note once,
    /// those about tensors in manifest order. [`Note::summary`] makes lines of them.
    #[must_use]
    pub fn notes(&self) -> &[Note] {
        &self.notes
    }

    /// [`Strategy::affine_coefficients`] of these inputs.
    #[must_use]
    pub fn coefficients(&self) -> Option<(Vec<f64>, f64)> {
        self.affine.clone()
    }

    /// Merged elements `start .. start + out.len()` of a tensor, as the merged model has them,
    /// widened to f64 (integers of 64 bits are rounded to it).
    ///
    /// # Errors
    /// [`ResolveError::Overflow`] or [`ResolveError::NotFinite`], of these elements only.
    ///
    /// # Panics
    /// If the tensor does not have these elements.
    pub fn block(&self, tensor: usize, start: usize, out: &mut [f64]) -> Result<(), ResolveError> {
        let (t, dtype) = (self.tensor(tensor), self.out_dtype(tensor));
        let end = start + out.len();
        match self.passed_on(&t) {
            Some(content) => f64::read(dtype, &content[t.byte_range(start..end)], out),
            None => {
                self.open(&t);
                let mut bytes = vec![0; dtype.size() * out.len()];
                self.merge_into(&t, dtype, start, &mut bytes)
                    .map_err(|beyond| error(&t, dtype, beyond))?;
                f64::read(dtype, &bytes, out);
            }
        }
        Ok(())
    }

    /// A whole merged tensor: little-endian elements of the output's type. Uses rayon's threads.
    ///
    /// # Errors
    /// [`ResolveError::Overflow`] or [`ResolveError::NotFinite`], of the first such element.
    ///
    /// # Panics
    /// If the tensor does not exist.
    pub fn run_tensor(&self, tensor: usize) -> Result<Vec<u8>, ResolveError> {
        let mut out = Vec::new();
        self.run_tensor_into(tensor, &mut out)?;
        Ok(out)
    }

    /// As [`Plan::run_tensor`], into a buffer that may be used again: getting fresh memory from
    /// the system costs as much as averaging a few models.
    ///
    /// As there; the contents of the buffer are then unspecified.
    ///
    /// # Panics
    /// If the tensor does not exist.
    pub fn run_tensor_into(&self, tensor: usize, out: &mut Vec<u8>) -> Result<(), ResolveError> {
        let t = self.tensor(tensor);
        if let Some(content) = self.passed_on(&t) {
            out.clear();
            out.extend_from_slice(content);
            return Ok(());
        }
        let dtype = self.out_dtype(tensor);
        out.resize(t.elements * dtype.size(), 0);
        self.merge_parallel(&t, dtype, 0, out)
    }

    /// Hands the bytes of a merged tensor over in order, at most a few megabytes at a time, and
    /// lets the system take back what was read of mapped inputs.
    ///
    /// # Errors
    /// What `each` returns, and [`ResolveError::Overflow`] or [`ResolveError::NotFinite`] of the
    /// first such element; then the pieces before it have been handed over.
    ///
    /// # Panics
    /// If the tensor does not exist.
    pub fn stream_tensor<E: From<ResolveError>>(
        &self,
        tensor: usize,
        mut each: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let t = self.tensor(tensor);
        if let Some(content) = self.passed_on(&t) {
            return each(content);
        }
        let dtype = self.out_dtype(tensor);
        let mut buffer = vec![0; PIECE.min(t.elements) * dtype.size()];
        for piece in t.pieces() {
            let out = &mut buffer[..piece.len() * dtype.size()];
            self.merge_parallel(&t, dtype, piece.start, out)?;
            t.release(piece);
            each(out)?;
        }
        Ok(())
    }

    /// The free text of the merged model: that of the base, or of the first input if there is no
    /// base or it has none, if it is of a megabyte at most.
    #[must_use]
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.metadata
    }

    /// The merged model, in memory as a whole, with [`Plan::metadata`].
    ///
    /// # Errors
    /// [`ResolveError::Overflow`] or [`ResolveError::NotFinite`], of the first such element of
    /// the first tensor that has one.
    ///
    /// # Panics
    /// If memory runs out, or if an input's manifest was changed after the model was made.
    pub fn model(&self) -> Result<Model, ResolveError> {
        let tensor = |(index, shape): (usize, TensorShape)| {
            let content = match self.passed_on(&self.tensor(index)) {
                Some(content) => content.clone(),
                None => Content::from(self.run_tensor(index)?),
            };
            Ok((shape.name, shape.dtype, shape.shape, content))
        };
        let tensors = self.shapes().into_iter().enumerate().map(tensor).collect::<Result<_, _>>();
        let model = Model::from_contents(tensors?).expect("the layout of valid inputs");
        Ok(model.with_metadata(self.metadata.clone()))
    }

    /// The manifest of the merged model, without keeping the model: equal to that of
    /// [`Plan::model`]. Memory is bounded by a few megabytes whatever the size of the model.
    ///
    /// # Errors
    /// Those of [`Plan::model`], for the same inputs.
    ///
    /// # Panics
    /// If an input's manifest was changed after the model was made.
    pub fn hash(&self) -> Result<Manifest, ResolveError> {
        let meta = |(index, shape): (usize, TensorShape)| {
            let TensorShape { name, dtype, shape } = shape;
            Ok(TensorMeta { name, dtype, shape, content: self.hash_tensor(index)? })
        };
        let tensors = self.shapes().into_iter().enumerate().map(meta).collect::<Result<_, _>>();
        Ok(Manifest::new(tensors?).expect("the layout of valid inputs"))
    }

    fn hash_tensor(&self, index: usize) -> Result<Digest, ResolveError> {
        if let Some(content) = self.passed_on(&self.tensor(index)) {
            return Ok(content.digest());
        }
        let mut hasher = ContentHasher::new();
        self.stream_tensor(index, |bytes| {
            hasher.update(bytes);
            Ok::<(), ResolveError>(())
        })?;
        Ok(hasher.finish())
    }

    /// Writes the merged model to a safetensors file, with [`Plan::metadata`] and `metadata` over
    /// it in the header; with bounded memory as [`Plan::hash`] and
    /// the promises of [`espalier_tensor::write_safetensors`].
    ///
    /// # Errors
    /// [`MergeWriteError::File`] as there; [`MergeWriteError::Merge`] if an element has no value.
    /// Neither leaves a file behind.
    pub fn write_safetensors(
        &self,
        metadata: &BTreeMap<String, String>,
        path: impl AsRef<Path>,
        force: bool,
    ) -> Result<(), MergeWriteError> {
        let mut text = self.metadata.clone();
        text.extend(metadata.clone());
        let mut writer = SafetensorsWriter::create(&self.shapes(), &text, path, force)?;
        for index in writer.order().to_vec() {
            self.stream_tensor(index, |bytes| Ok::<(), MergeWriteError>(writer.write(bytes)?))?;
        }
        Ok(writer.finish()?)
    }

    fn manifest_in(&self) -> &Manifest {
        &self.context.inputs[0].model.manifest
    }

    fn tensor(&self, index: usize) -> Tensor<'_> {
        tensor(&self.context, index)
    }

    fn out_dtype(&self, index: usize) -> Dtype {
        let dtype = self.manifest_in().tensors()[index].dtype;
        self.dtype.filter(|_| dtype.is_float()).unwrap_or(dtype)
    }

    /// What the merged tensor is, if nothing has to be computed.
    fn passed_on<'p>(&self, t: &Tensor<'p>) -> Option<&'p Content> {
        if t.dtype.is_float() { None } else { self.buffers.content(t) }
    }

    fn open(&self, t: &Tensor<'_>) {
        if t.dtype.is_float() {
            self.merger.open(t, self.is_wide(t));
        }
    }

    /// Whether a tensor is merged in f64.
    fn is_wide(&self, t: &Tensor<'_>) -> bool {
        self.wide || t.dtype == Dtype::F64
    }

    /// Tasks are independent of each other, so their number and order change nothing.
    fn merge_parallel(
        &self,
        t: &Tensor<'_>,
        dtype: Dtype,
        start: usize,
        out: &mut [u8],
    ) -> Result<(), ResolveError> {
        self.open(t);
        let task = TASK * dtype.size();
        let result = if out.len() <= task {
            self.merge_into(t, dtype, start, out)
        } else {
            let tasks = out.par_chunks_mut(task).enumerate();
            let merge = |(number, out): (usize, &mut [u8])| {
                self.merge_into(t, dtype, start + number * TASK, out).err()
            };
            tasks.filter_map(merge).min_by_key(|beyond| beyond.element).map_or(Ok(()), Err)
        };
        result.map_err(|beyond| error(t, dtype, beyond))
    }

    fn merge_into(
        &self,
        t: &Tensor<'_>,
        dtype: Dtype,
        start: usize,
        out: &mut [u8],
    ) -> Result<(), Beyond> {
        if !t.dtype.is_float() {
            integers::means(t, &self.whole, start, out);
            return Ok(());
        }
        let equal = self.merger.keeps_equals() && t.inputs_are_equal();
        if self.merger.overflows(t) && !equal {
            return self.merge_shrunk(t, dtype, start, &[], out);
        }
        if self.is_wide(t) {
            let mut scratch = Scratch::default();
            self.merge_blocks(t, dtype, start, out, |start, block: &mut [f64]| match equal {
                true => t.read(0, start, block),
                false => self.merger.merge_f64(t, start, block, &mut scratch),
            })
        } else {
            let mut scratch = Scratch::default();
            self.merge_blocks(t, dtype, start, out, |start, block: &mut [f32]| match equal {
                true => t.read(0, start, block),
                false => self.merger.merge_f32(t, start, block, &mut scratch),
            })
        }
    }

    /// Merges block after block and rounds each to the type of the output.
    fn merge_blocks<T: Real>(
        &self,
        t: &Tensor<'_>,
        dtype: Dtype,
        start: usize,
        out: &mut [u8],
        mut merge: impl FnMut(usize, &mut [T]),
    ) -> Result<(), Beyond> {
        let mut block = vec![T::ZERO; BLOCK.min(out.len() / dtype.size())];
        for (number, out) in out.chunks_mut(BLOCK * dtype.size()).enumerate() {
            let start = start + number * BLOCK;
            let values = &mut block[..out.len() / dtype.size()];
            merge(start, values);
            if !all_finite(values) {
                let plain: Vec<f64> = values.iter().map(|value| value.wide()).collect();
                self.merge_shrunk(t, dtype, start, &plain, out)?;
                continue;
            }
            T::write(dtype, values, out);
            if extent::narrows::<T>(dtype) {
                extent::check(dtype, start, out)?;
            }
        }
        Ok(())
    }

    /// The same in a wider range, for those elements that are not finite in `plain`.
    fn merge_shrunk(
        &self,
        t: &Tensor<'_>,
        dtype: Dtype,
        start: usize,
        plain: &[f64],
        out: &mut [u8],
    ) -> Result<(), Beyond> {
        let (t, mut scratch) = (t.shrunk(), Scratch::default());
        let mut block = vec![0.0; BLOCK.min(out.len() / dtype.size())];
        for (number, out) in out.chunks_mut(BLOCK * dtype.size()).enumerate() {
            let start = start + number * BLOCK;
            let values = &mut block[..out.len() / dtype.size()];
            self.merger.merge_f64(&t, start, values, &mut scratch);
            for (place, value) in values.iter_mut().enumerate() {
                *value = match plain.get(number * BLOCK + place) {
                    Some(plain) if plain.is_finite() => *plain,
                    _ => extent::grown(*value)
                        .map_err(|reason| Beyond { element: start + place, reason })?,
                };
            }
            write_f64(dtype, values, out);
            extent::check(dtype, start, out)?;
        }
        Ok(())
    }
}

fn tensor<'p>(context: &'p Context<'p>, index: usize) -> Tensor<'p> {
    let model = context.inputs[0].model;
    let dtype = model.meta(index).dtype;
    let elements = model.content(index).len() / dtype.size();
    Tensor { context, index, dtype, elements, shrunk: false }
}

/// The free text that the merged model gets.
fn carried(context: &Context<'_>, notes: &mut Vec<Note>) -> BTreeMap<String, String> {
    let first = context.inputs.first().map(|input| input.model);
    let mut texts = context.base.into_iter().chain(first).map(Model::metadata);
    let Some(text) = texts.find(|text| !text.is_empty()) else { return BTreeMap::new() };
    let bytes: usize = text.iter().map(|(key, value)| key.len() + value.len()).sum();
    if bytes <= MAX_METADATA {
        return text.clone();
    }
    notes.push(Note::Metadata { bytes });
    BTreeMap::new()
}

/// An element of a tensor that has no value in the type of the output.
fn error(t: &Tensor<'_>, dtype: Dtype, beyond: Beyond) -> ResolveError {
    let (tensor, element) = (t.name().to_owned(), beyond.element);
    match beyond.reason {
        Reason::NotFinite => ResolveError::NotFinite { tensor, element },
        Reason::TooLarge => ResolveError::Overflow { tensor, element, dtype },
    }
}
