//! Running a plan.

use std::{
    collections::BTreeMap,
    io,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
};

use core::ops::ControlFlow;

use espalier_identity::Digest;
use espalier_recipe::{MergePlan, MergeStep, TensorPlan, TensorRef, TensorStep};
use espalier_resolve::find_method;
use espalier_resolve::methods::{Job, MethodError, Row, RowSource, Sink};
use espalier_tensor::{Dtype, SafetensorsWriter, TensorShape};

use crate::{
    error::MergeError,
    models::{OpenModel, source},
    target::MergeTarget,
    vocabulary::AlignedVocabulary,
};

/// A plan with the models that it reads.
pub struct Merge<'a> {
    pub(crate) plan: &'a MergePlan,
    pub(crate) models: &'a [OpenModel],
    pub(crate) vocabulary: Option<&'a AlignedVocabulary>,
    seed: Digest,
    progress: Progress<'a>,
}

/// Called with the number of bytes of the result that are done; returns whether to go on.
type Progress<'a> = &'a (dyn Fn(u64) -> ControlFlow<()> + Sync);

/// What a merge reads and writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Volume {
    /// Bytes of tensors that are read, each once.
    pub read: u64,
    /// Bytes of tensors that are written.
    pub written: u64,
    /// Elements of the result.
    pub elements: u64,
}

impl<'a> Merge<'a> {
    /// A plan with its models, in the order of [`MergePlan::models`].
    ///
    /// # Panics
    /// If there is not a model for each that the plan names.
    #[must_use]
    pub fn new(plan: &'a MergePlan, models: &'a [OpenModel]) -> Self {
        assert_eq!(plan.models.len(), models.len(), "a model for each that the plan names");
        let progress: Progress<'a> = &|_| ControlFlow::Continue(());
        Self { plan, models, vocabulary: None, seed: Digest::ZERO, progress }
    }

    /// What [`align_vocabularies`](crate::align_vocabularies) gave for these models: the result
    /// gets a tokenizer of its tokens.
    #[must_use]
    pub fn with_vocabulary(mut self, vocabulary: Option<&'a AlignedVocabulary>) -> Self {
        self.vocabulary = vocabulary;
        self
    }

    /// The seed of random masks.
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Self {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        self.seed = Digest::from_bytes(bytes);
        self
    }

    pub(crate) fn seed(&self) -> Digest {
        self.seed
    }

    /// Calls `progress` after each piece with the number of bytes of the result that are done;
    /// the merge stops if it says so.
    #[must_use]
    pub fn with_progress(mut self, progress: Progress<'a>) -> Self {
        self.progress = progress;
        self
    }

    /// Name, element type and shape of the tensors of the result.
    #[must_use]
    pub fn shapes(&self) -> Vec<TensorShape> {
        let shape = |tensor: &TensorPlan| TensorShape {
            name: tensor.name.clone(),
            dtype: self.out_dtype(tensor),
            shape: tensor.shape.clone(),
        };
        self.plan.tensors.iter().map(shape).collect()
    }

    pub(crate) fn out_dtype(&self, tensor: &TensorPlan) -> Dtype {
        match &tensor.step {
            TensorStep::Copy { from, .. } => source(self.models, from).1,
            TensorStep::Merge(step) => step.out,
        }
    }

    /// What the merge reads and writes.
    #[must_use]
    pub fn volume(&self) -> Volume {
        let mut volume = Volume { read: 0, written: 0, elements: 0 };
        for tensor in &self.plan.tensors {
            let elements: u64 = tensor.shape.iter().product();
            let inputs: Vec<&TensorRef> = match &tensor.step {
                TensorStep::Copy { from, others } => core::iter::once(from).chain(others).collect(),
                TensorStep::Merge(step) => {
                    step.inputs.iter().map(|input| &input.tensor).chain(&step.base).collect()
                }
            };
            let size = |input: &&TensorRef| source(self.models, input).1.size() as u64;
            volume.elements += elements;
            volume.written += elements * self.out_dtype(tensor).size() as u64;
            volume.read += inputs.iter().map(size).sum::<u64>() * elements;
        }
        volume
    }

    /// The bytes of a tensor of the result.
    pub(crate) fn bytes_of(&self, tensor: &TensorPlan) -> u64 {
        tensor.shape.iter().product::<u64>() * self.out_dtype(tensor).size() as u64
    }

    /// Tells how many bytes of the result are done.
    pub(crate) fn report(&self, done: u64) -> Result<(), MergeError> {
        match (self.progress)(done) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(MergeError::Stopped),
        }
    }

    /// Merges some tensors into a file that has not got its name yet.
    pub(crate) fn write_shard(
        &self,
        tensors: &[usize],
        path: &std::path::Path,
        target: &MergeTarget,
        done: &AtomicU64,
    ) -> Result<SafetensorsWriter, MergeError> {
        let shapes = self.shapes();
        let shapes: Vec<TensorShape> = tensors.iter().map(|&at| shapes[at].clone()).collect();
        let text: &BTreeMap<String, String> = &target.metadata;
        let writer = SafetensorsWriter::create(&shapes, text, path, target.force)?;
        for (index, &tensor) in tensors.iter().enumerate() {
            let stopped = AtomicBool::new(false);
            let sink = |start: u64, bytes: &[u8]| {
                writer.write_at(index, start, bytes).map_err(io::Error::other)?;
                let done = done.fetch_add(bytes.len() as u64, Ordering::Relaxed);
                self.report(done + bytes.len() as u64).map_err(|_| {
                    stopped.store(true, Ordering::Relaxed);
                    io::ErrorKind::Interrupted.into()
                })
            };
            let merged = self.run(&self.plan.tensors[tensor], &sink);
            if stopped.load(Ordering::Relaxed) {
                return Err(MergeError::Stopped);
            }
            merged?;
        }
        Ok(writer)
    }

    /// Merges one tensor.
    pub(crate) fn run(&self, tensor: &TensorPlan, sink: Sink<'_>) -> Result<(), MergeError> {
        match &tensor.step {
            TensorStep::Copy { from, others } => self.copy(tensor, from, others, sink),
            TensorStep::Merge(step) => self.merge(tensor, step, sink),
        }
    }

    fn merge(
        &self,
        tensor: &TensorPlan,
        step: &MergeStep,
        sink: Sink<'_>,
    ) -> Result<(), MergeError> {
        let method = find_method(step.method).map_err(MethodError::Parameters)?;
        let none = BTreeMap::new();
        let inputs: Vec<_> =
            step.inputs.iter().map(|input| source(self.models, &input.tensor)).collect();
        let base = step.base.as_ref().map(|base| source(self.models, base));
        let rows = inputs.iter().zip(&step.inputs).map(|((source, dtype), input)| Row {
            source,
            dtype: *dtype,
            parameters: &input.parameters,
        });
        let base =
            base.as_ref().map(|(source, dtype)| Row { source, dtype: *dtype, parameters: &none });
        let job = Job {
            method,
            shared: &step.shared,
            name: &tensor.name,
            shape: &tensor.shape,
            inputs: rows.collect(),
            base,
            working: step.work,
            out: step.out,
            seed: self.seed,
        };
        job.run(sink).map_err(|error| match error {
            MethodError::Read { tensor, input, source } => {
                let model =
                    step.inputs.get(input).map(|input| &input.tensor).or(step.base.as_ref());
                let model = model.map(|tensor| self.path(tensor)).unwrap_or_default();
                MergeError::ReadTensor { tensor, model, source }
            }
            error => error.into(),
        })
    }

    /// The model that a tensor is of.
    fn path(&self, tensor: &TensorRef) -> String {
        self.plan.models[tensor.model].path.clone()
    }

    /// Copies a tensor that has to be the same in all models.
    fn copy(
        &self,
        tensor: &TensorPlan,
        from: &TensorRef,
        others: &[TensorRef],
        sink: Sink<'_>,
    ) -> Result<(), MergeError> {
        const PIECE: u64 = 1 << 20;
        let (first, dtype) = source(self.models, from);
        let bytes = tensor.shape.iter().product::<u64>() * dtype.size() as u64;
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        let failed = |of: &TensorRef| {
            let (tensor, model) = (tensor.name.clone(), self.path(of));
            |source| MergeError::ReadTensor { tensor, model, source }
        };
        let mut start = 0;
        while start < bytes {
            let len = PIECE.min(bytes - start) as usize;
            ours.resize(len, 0);
            theirs.resize(len, 0);
            first.read(start, &mut ours).map_err(failed(from))?;
            for other in others {
                source(self.models, other).0.read(start, &mut theirs).map_err(failed(other))?;
                if let Some(byte) = ours.iter().zip(&theirs).position(|(a, b)| a != b) {
                    let size = dtype.size();
                    let element = byte / size;
                    let value =
                        |bytes: &[u8]| dtype.integer(&bytes[element * size..(element + 1) * size]);
                    return Err(MergeError::Integers {
                        tensor: tensor.name.clone(),
                        element: start / size as u64 + element as u64,
                        first: Box::new((self.path(from), value(&ours))),
                        second: Box::new((self.path(other), value(&theirs))),
                    });
                }
            }
            let failed = |source| MethodError::Write { tensor: tensor.name.clone(), source };
            sink(start, &ours).map_err(failed)?;
            start += len as u64;
        }
        Ok(())
    }

    /// Whether all models are as they were when they were opened.
    pub(crate) fn check_unchanged(&self) -> Result<(), MergeError> {
        self.models.iter().try_for_each(OpenModel::check_unchanged)
    }
}

impl core::fmt::Debug for Merge<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Merge({} tensors)", self.plan.tensors.len())
    }
}
