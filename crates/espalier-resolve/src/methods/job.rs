//! One tensor to be merged, and how it is run.

use core::ops::Range;
use std::{collections::BTreeMap, io, sync::Arc};

use espalier_blame::Blame;
use espalier_identity::Digest;
use espalier_tensor::Dtype;
use rayon::prelude::*;

use super::{
    arith::{Arith, Brain, Double, Half, Single},
    formula::{AnyFormula, Formula, Looked},
    info::MethodInfo,
    rows::{Lent, Pool, RowBuffers, Rows},
};
use crate::{
    parameters::{StrategyError, Values},
    real::{Real, all_finite},
};

/// Where the bytes of a tensor come from.
pub trait RowSource: Send + Sync {
    /// Fills `out` with the bytes from `start` on.
    ///
    /// # Errors
    /// If they cannot be read.
    fn read(&self, start: u64, out: &mut [u8]) -> io::Result<()>;
}

impl RowSource for Vec<u8> {
    fn read(&self, start: u64, out: &mut [u8]) -> io::Result<()> {
        self.as_slice().read(start, out)
    }
}

impl RowSource for &[u8] {
    fn read(&self, start: u64, out: &mut [u8]) -> io::Result<()> {
        let start = usize::try_from(start).unwrap_or(usize::MAX);
        let bytes = self.get(start..).and_then(|rest| rest.get(..out.len()));
        out.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

/// The arithmetic of a merge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Working {
    /// binary64.
    F64,
    /// binary32.
    F32,
    /// Every step in f32, rounded to bfloat16.
    Bf16,
    /// Every step in f32, rounded to binary16.
    F16,
}

/// A tensor of one model.
#[derive(Clone, Copy)]
pub struct Row<'a> {
    /// Its bytes, little-endian.
    pub source: &'a dyn RowSource,
    /// The type of its elements: a floating-point type.
    pub dtype: Dtype,
    /// Its parameters, as [`MethodInfo::check_input`] returns them.
    pub parameters: &'a BTreeMap<String, String>,
}

impl core::fmt::Debug for Row<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Row({}, {:?})", self.dtype, self.parameters)
    }
}

impl Row<'_> {
    /// A parameter that is a number.
    pub(crate) fn number(&self, name: &str) -> f64 {
        self.parameters.get(name).and_then(|text| text.parse().ok()).unwrap_or(f64::NAN)
    }
}

/// A tensor to be merged.
#[derive(Debug, Clone)]
pub struct Job<'a> {
    /// The method.
    pub method: &'static MethodInfo,
    /// Its parameters, as [`MethodInfo::check_shared`] returns them.
    pub shared: &'a BTreeMap<String, String>,
    /// The tensor's name: random masks depend on it.
    pub name: &'a str,
    /// Its shape.
    pub shape: &'a [u64],
    /// The inputs in the order in which they are merged.
    pub inputs: Vec<Row<'a>>,
    /// What inputs are differences from.
    pub base: Option<Row<'a>>,
    /// The arithmetic.
    pub working: Working,
    /// The type of the result.
    pub out: Dtype,
    /// The seed of random masks.
    pub seed: Digest,
}

/// A tensor cannot be merged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MethodError {
    /// The parameters are not those of the method.
    #[error(transparent)]
    Parameters(#[from] StrategyError),
    /// The method takes fewer inputs, or more, or needs a base.
    #[error("tensor `{tensor}`: `{method}` cannot merge {inputs} inputs{}", without(*.base))]
    Inputs {
        /// The tensor.
        tensor: String,
        /// The method.
        method: &'static str,
        /// The number of inputs.
        inputs: usize,
        /// Whether there is a base.
        base: bool,
    },
    /// An input cannot be read.
    #[error("tensor `{tensor}` of input {input} cannot be read")]
    Read {
        /// The tensor.
        tensor: String,
        /// The place of the input, from 0; the base comes after the last.
        input: usize,
        /// The reason.
        source: io::Error,
    },
    /// The result cannot be written.
    #[error("tensor `{tensor}` cannot be written")]
    Write {
        /// The tensor.
        tensor: String,
        /// The reason.
        source: io::Error,
    },
    /// An element of the result is infinite or not a number.
    #[error("tensor `{tensor}`: element {element} of the result is not finite in {dtype}")]
    NotFinite {
        /// The tensor.
        tensor: String,
        /// The first such element, counted from zero.
        element: usize,
        /// The type of the result.
        dtype: Dtype,
    },
}

fn without(base: bool) -> &'static str {
    if base { "" } else { " without a base" }
}

impl MethodError {
    /// Who has to act on this error.
    #[must_use]
    pub fn blame(&self) -> Blame {
        match self {
            Self::Parameters(error) => error.blame(),
            Self::Inputs { .. } => Blame::Caller,
            Self::Read { .. } | Self::Write { .. } => Blame::Environment,
            Self::NotFinite { .. } => Blame::Peer,
        }
    }

    /// A stable word for programs to tell this error from all others.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Parameters(error) => error.code(),
            Self::Inputs { .. } => "method-inputs",
            Self::Read { .. } => "method-read",
            Self::Write { .. } => "method-write",
            Self::NotFinite { .. } => "method-not-finite",
        }
    }
}

/// Takes bytes of a result that belong at an offset; from several threads, in any order.
pub type Sink<'a> = &'a (dyn Fn(u64, &[u8]) -> io::Result<()> + Sync);

impl Job<'_> {
    /// The number of elements.
    #[must_use]
    pub fn elements(&self) -> usize {
        self.shape.iter().product::<u64>() as usize
    }

    /// Merges, on rayon's threads, and hands the result over in pieces. Every element is a pure
    /// function of the inputs: the number of threads changes nothing. Memory is a few pieces for
    /// each thread, whatever the size of the tensor; but methods that decompose matrices (`iso-c`,
    /// `iso-cts`, `tsv-m`, `star`, `knots`) hold the differences of all inputs in f64, and about
    /// four more.
    ///
    /// # Errors
    /// [`MethodError`]; then some of the result has been handed over.
    pub fn run(&self, sink: Sink<'_>) -> Result<(), MethodError> {
        let (least, most) = self.method.inputs;
        let count = self.inputs.len();
        let lacks_base = self.method.base == super::Base::Required && self.base.is_none();
        if count < least || count > most || lacks_base {
            return Err(MethodError::Inputs {
                tensor: self.name.to_owned(),
                method: self.method.name,
                inputs: count,
                base: self.base.is_some(),
            });
        }
        let values = Values::exactly(self.method.name, self.method.shared, self.shared)?;
        (self.method.build)(&values).run(self, sink)
    }

    fn failed_write(&self, source: io::Error) -> MethodError {
        MethodError::Write { tensor: self.name.to_owned(), source }
    }
}

impl<F: Formula> AnyFormula for F {
    fn run(&self, job: &Job<'_>, sink: Sink<'_>) -> Result<(), MethodError> {
        match job.working {
            Working::F64 => run::<F, Double>(self, job, sink),
            Working::F32 => run::<F, Single>(self, job, sink),
            Working::Bf16 => run::<F, Brain>(self, job, sink),
            Working::F16 => run::<F, Half>(self, job, sink),
        }
    }

    fn finds_as_much(&self) -> bool {
        F::FINDS_AS_MUCH
    }

    fn look_in_f32(
        self: Arc<Self>,
        rows: Rows<'_, Single>,
    ) -> Result<Box<dyn Looked<Single>>, MethodError> {
        look::<F, Single>(self, rows)
    }

    fn look_in_f64(
        self: Arc<Self>,
        rows: Rows<'_, Double>,
    ) -> Result<Box<dyn Looked<Double>>, MethodError> {
        look::<F, Double>(self, rows)
    }
}

/// A formula, and what it found in a tensor.
struct Found<F: Formula> {
    formula: Arc<F>,
    ready: F::Ready,
    length: usize,
}

fn look<F: Formula, A: Arith>(
    formula: Arc<F>,
    rows: Rows<'_, A>,
) -> Result<Box<dyn Looked<A>>, MethodError> {
    let length = formula.run_length(&rows).max(1);
    let ready = formula.prepare(&rows.in_runs(length))?;
    Ok(Box::new(Found { formula, ready, length }))
}

impl<F: Formula, A: Arith> Looked<A> for Found<F> {
    fn run_length(&self) -> usize {
        self.length
    }

    fn merge(
        &self,
        rows: &Rows<'_, A>,
        range: Range<usize>,
        buffers: &mut RowBuffers<A::T>,
        out: &mut [A::T],
    ) -> Result<(), MethodError> {
        let piece = rows.load(range, buffers)?;
        out.fill(A::T::ZERO);
        self.formula.merge::<A>(&self.ready, rows, &piece, out);
        Ok(())
    }
}

/// RowBuffers of a thread.
#[derive(Default)]
struct Work<T> {
    rows: RowBuffers<T>,
    values: Vec<T>,
    bytes: Vec<u8>,
}

fn run<F: Formula, A: Arith>(
    formula: &F,
    job: &Job<'_>,
    sink: Sink<'_>,
) -> Result<(), MethodError> {
    let rows = Rows::<A>::new(job);
    let length = formula.run_length(&rows);
    let rows = rows.in_runs(length);
    let ready = formula.prepare(&rows)?;
    let size = job.out.size();
    let pool = Pool::<Work<A::T>>::new();
    let merge = |lent: &mut Lent<'_, Work<A::T>>, range: Range<usize>| {
        let work = &mut lent.memory;
        let piece = rows.load(range.clone(), &mut work.rows)?;
        work.values.clear();
        work.values.resize(range.len(), A::T::ZERO);
        formula.merge::<A>(&ready, &rows, &piece, &mut work.values);
        if !A::PLAIN {
            work.values.iter_mut().for_each(|value| *value = A::round(*value));
        }
        work.bytes.resize(range.len() * size, 0);
        A::T::write(job.out, &work.values, &mut work.bytes);
        check::<A>(job, range.start, &work.values, &work.bytes)?;
        sink((range.start * size) as u64, &work.bytes).map_err(|error| job.failed_write(error))
    };
    let pieces: Vec<_> = rows.pieces().collect();
    // The first error in the order of the elements, whoever comes upon it.
    let failed = pieces
        .into_par_iter()
        .map_init(|| pool.lend(), merge)
        .enumerate()
        .filter_map(|(place, done)| done.err().map(|error| (place, error)))
        .min_by_key(|(place, _)| *place);
    failed.map_or(Ok(()), |(_, error)| Err(error))
}

/// Refuses what is not finite, in the arithmetic or in the type of the result.
fn check<A: Arith>(
    job: &Job<'_>,
    start: usize,
    values: &[A::T],
    bytes: &[u8],
) -> Result<(), MethodError> {
    let narrows = job.out.size() < size_of::<A::T>();
    let fine = all_finite(values)
        && (!narrows || {
            let mut stored = vec![0.0_f32; values.len()];
            f32::read(job.out, bytes, &mut stored);
            all_finite(&stored)
        });
    if fine {
        return Ok(());
    }
    let mut stored = vec![0.0_f64; values.len()];
    f64::read(job.out, bytes, &mut stored);
    let place = stored.iter().position(|value| !value.is_finite()).unwrap_or(0);
    let tensor = job.name.to_owned();
    Err(MethodError::NotFinite { tensor, element: start + place, dtype: job.out })
}
