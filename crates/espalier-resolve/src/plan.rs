//! A merge that is ready to be computed, block by block.

use std::{collections::BTreeMap, path::Path};

use espalier_identity::Digest;
use espalier_tensor::{
    Content, ContentHasher, Dtype, Manifest, Model, SafetensorsWriter, TensorError, TensorMeta,
    TensorShape,
};
use rayon::prelude::*;

use crate::{
    Input, Note, ResolveError, SelectionCache, Strategy, admit,
    integers::{self, Buffers},
    method::{BLOCK, Context, Merger, PIECE, Scratch, Tensor},
    real::Real,
};

/// A merge whose inputs fit together and whose selections are made.
///
/// Every element is a pure function of the inputs, so tensors and blocks can be computed in any
/// order, any number of times and on any number of threads, with the same bits.
#[derive(Debug)]
pub struct Plan<'a> {
    context: Context<'a>,
    merger: Box<dyn Merger + 'a>,
    notes: Vec<Note>,
    affine: Option<(Vec<f64>, f64)>,
    wide: bool,
    dtype: Option<Dtype>,
    buffers: Buffers,
    /// The inputs' weights for means of integers.
    whole: integers::Weights,
}

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
        let (merger, notes) = strategy.method().select(&tensors, parallel, cache);
        let affine = strategy.affine_coefficients(&weights);
        drop(tensors);
        let buffers = strategy.buffers();
        Ok(Self { context, merger, notes, affine, wide, dtype, buffers, whole })
    }

    /// How many tensors the merged model has.
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

    /// What the strategy did on purpose that a reader of the result should know.
    #[must_use]
    pub fn notes(&self) -> &[Note] {
        &self.notes
    }

    /// [`Strategy::affine_coefficients`] of these inputs.
    #[must_use]
    pub fn coefficients(&self) -> Option<(Vec<f64>, f64)> {
        self.affine.clone()
    }

    /// Merged elements `start .. start + out.len()` of a tensor in f32, before they are rounded
    /// to the element type of the output (rounded from f64 where the merge computes in f64).
    /// Tensors of integers are converted.
    ///
    /// # Panics
    /// If the tensor does not have these elements.
    pub fn block(&self, tensor: usize, start: usize, out: &mut [f32]) {
        let t = self.tensor(tensor);
        if !t.dtype.is_float() {
            self.block_of_integers(&t, start, out);
            return;
        }
        let mut bytes = vec![0; 4 * out.len()];
        self.merge_into(&t, Dtype::F32, start, &mut bytes);
        f32::read(Dtype::F32, &bytes, out);
    }

    /// A whole merged tensor: little-endian elements of the output's type. Uses rayon's threads.
    ///
    /// # Panics
    /// If there is no such tensor.
    #[must_use]
    pub fn run_tensor(&self, tensor: usize) -> Vec<u8> {
        let mut out = Vec::new();
        self.run_tensor_into(tensor, &mut out);
        out
    }

    /// As [`Plan::run_tensor`], into a buffer that may be used again: getting fresh memory from
    /// the system costs as much as averaging a few models.
    ///
    /// # Panics
    /// If there is no such tensor.
    pub fn run_tensor_into(&self, tensor: usize, out: &mut Vec<u8>) {
        let t = self.tensor(tensor);
        if let Some(content) = self.passed_on(&t) {
            out.clear();
            out.extend_from_slice(content);
            return;
        }
        let dtype = self.out_dtype(tensor);
        out.resize(t.elements * dtype.size(), 0);
        self.merge_parallel(&t, dtype, 0, out);
    }

    /// Hands the bytes of a merged tensor over in order, at most a few megabytes at a time, and
    /// lets the system take back what was read of mapped inputs.
    ///
    /// # Errors
    /// What `each` returns; nothing of its own.
    ///
    /// # Panics
    /// If there is no such tensor.
    pub fn stream_tensor<E>(
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
            self.merge_parallel(&t, dtype, piece.start, out);
            t.release(piece);
            each(out)?;
        }
        Ok(())
    }

    /// The merged model, in memory as a whole.
    ///
    /// # Panics
    /// If memory runs out, or if an input's manifest was changed after the model was made.
    #[must_use]
    pub fn model(&self) -> Model {
        let tensor = |(index, shape): (usize, TensorShape)| {
            let content = match self.passed_on(&self.tensor(index)) {
                Some(content) => content.clone(),
                None => Content::from(self.run_tensor(index)),
            };
            (shape.name, shape.dtype, shape.shape, content)
        };
        let tensors = self.shapes().into_iter().enumerate().map(tensor).collect();
        Model::from_contents(tensors).expect("the layout of valid inputs")
    }

    /// The manifest of the merged model, without keeping the model: equal to that of
    /// [`Plan::model`]. Memory is bounded by a few megabytes whatever the size of the model.
    ///
    /// # Panics
    /// If an input's manifest was changed after the model was made.
    #[must_use]
    pub fn hash(&self) -> Manifest {
        let meta = |(index, shape): (usize, TensorShape)| {
            let TensorShape { name, dtype, shape } = shape;
            TensorMeta { name, dtype, shape, content: self.hash_tensor(index) }
        };
        let tensors = self.shapes().into_iter().enumerate().map(meta).collect();
        Manifest::new(tensors).expect("the layout of valid inputs")
    }

    fn hash_tensor(&self, index: usize) -> Digest {
        if let Some(content) = self.passed_on(&self.tensor(index)) {
            return content.digest();
        }
        let mut hasher = ContentHasher::new();
        let Ok(()) = self.stream_tensor(index, |bytes| {
            hasher.update(bytes);
            Ok::<(), core::convert::Infallible>(())
        });
        hasher.finish()
    }

    /// Writes the merged model to a safetensors file, with bounded memory as [`Plan::hash`] and
    /// the promises of [`espalier_tensor::write_safetensors`].
    ///
    /// # Errors
    /// As there.
    pub fn write_safetensors(
        &self,
        metadata: &BTreeMap<String, String>,
        path: impl AsRef<Path>,
        force: bool,
    ) -> Result<(), TensorError> {
        let mut writer = SafetensorsWriter::create(&self.shapes(), metadata, path, force)?;
        for index in writer.order().to_vec() {
            self.stream_tensor(index, |bytes| writer.write(bytes))?;
        }
        writer.finish()
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

    /// Tasks are independent of each other, so their number and order change nothing.
    fn merge_parallel(&self, t: &Tensor<'_>, dtype: Dtype, start: usize, out: &mut [u8]) {
        let task = TASK * dtype.size();
        if out.len() <= task {
            self.merge_into(t, dtype, start, out);
            return;
        }
        out.par_chunks_mut(task).enumerate().for_each(|(number, out)| {
            self.merge_into(t, dtype, start + number * TASK, out);
        });
    }

    /// What the merged tensor is, if nothing has to be computed.
    fn passed_on<'p>(&self, t: &Tensor<'p>) -> Option<&'p Content> {
        if t.dtype.is_float() { None } else { self.buffers.content(t) }
    }

    fn block_of_integers(&self, t: &Tensor<'_>, start: usize, out: &mut [f32]) {
        let range = t.byte_range(start..start + out.len());
        match self.passed_on(t) {
            Some(content) => f32::read(t.dtype, &content[range], out),
            None => {
                let mut bytes = vec![0; range.len()];
                integers::means(t, &self.whole, start, &mut bytes);
                f32::read(t.dtype, &bytes, out);
            }
        }
    }

    fn merge_into(&self, t: &Tensor<'_>, dtype: Dtype, start: usize, out: &mut [u8]) {
        if !t.dtype.is_float() {
            integers::means(t, &self.whole, start, out);
        } else if self.wide || t.dtype == Dtype::F64 {
            let mut scratch = Scratch::default();
            merge_blocks(dtype, start, out, |start, block: &mut [f64]| {
                self.merger.merge_f64(t, start, block, &mut scratch);
            });
        } else {
            let mut scratch = Scratch::default();
            merge_blocks(dtype, start, out, |start, block: &mut [f32]| {
                self.merger.merge_f32(t, start, block, &mut scratch);
            });
        }
    }
}

fn tensor<'p>(context: &'p Context<'p>, index: usize) -> Tensor<'p> {
    let model = context.inputs[0].model;
    let dtype = model.meta(index).dtype;
    Tensor { context, index, dtype, elements: model.content(index).len() / dtype.size() }
}

/// Merges block after block and rounds each to the type of the output.
fn merge_blocks<T: Real>(
    dtype: Dtype,
    start: usize,
    out: &mut [u8],
    mut merge: impl FnMut(usize, &mut [T]),
) {
    let mut block = vec![T::ZERO; BLOCK.min(out.len() / dtype.size())];
    for (number, out) in out.chunks_mut(BLOCK * dtype.size()).enumerate() {
        let values = &mut block[..out.len() / dtype.size()];
        merge(start + number * BLOCK, values);
        T::write(dtype, values, out);
    }
}
