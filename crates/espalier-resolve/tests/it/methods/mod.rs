//! Merge methods against twins that are slow and obvious: a loop over elements, and a rounding
//! after each step.

mod deltas;
mod edges;
mod fused;
mod linear;
mod published;
mod random;
mod selection;
mod spheres;
mod variances;

use std::{collections::BTreeMap, io, sync::Mutex};

use espalier_identity::Digest;
use espalier_resolve::find_method;
use espalier_resolve::methods::{Job, MethodError, Row, RowSource, Working};
use espalier_tensor::{Dtype, random::Stream, read_f64, write_f64};

use crate::parameters;

/// A tensor to be merged, its elements as numbers.
#[derive(Debug, Clone)]
struct Case {
    method: &'static str,
    shared: BTreeMap<String, String>,
    shape: Vec<u64>,
    /// The type of the inputs and of the base.
    stored: Dtype,
    working: Working,
    out: Dtype,
    base: Option<Vec<f64>>,
    inputs: Vec<Vec<f64>>,
    per_input: Vec<BTreeMap<String, String>>,
    name: &'static str,
    seed: &'static [u8],
}

impl Case {
    /// Inputs without parameters, in one type throughout.
    fn new(method: &'static str, working: Working, inputs: &[Vec<f64>]) -> Self {
        let dtype = dtype(working);
        Self {
            method,
            shared: BTreeMap::new(),
            shape: vec![inputs[0].len() as u64],
            stored: dtype,
            working,
            out: dtype,
            base: None,
            inputs: inputs.to_vec(),
            per_input: vec![BTreeMap::new(); inputs.len()],
            name: "w",
            seed: b"seed",
        }
    }

    fn base(mut self, base: &[f64]) -> Self {
        self.base = Some(base.to_vec());
        self
    }

    fn shape(mut self, shape: &[u64]) -> Self {
        self.shape = shape.to_vec();
        self
    }

    fn shared(mut self, pairs: &[(&str, &str)]) -> Self {
        self.shared.extend(parameters(pairs));
        self
    }

    /// A parameter of the inputs, one after the other.
    fn each(mut self, name: &str, values: &[f64]) -> Self {
        for (parameters, value) in self.per_input.iter_mut().zip(values) {
            parameters.insert(name.to_owned(), value.to_string());
        }
        self
    }

    fn number(&self, name: &str) -> f64 {
        self.checked_shared()[name].parse().expect("a number")
    }

    fn word(&self, name: &str) -> String {
        self.checked_shared()[name].clone()
    }

    fn numbers(&self, name: &str) -> Vec<f64> {
        let info = find_method(self.method).expect("a method");
        let number = |given| {
            let parameters = info.check_input(given).expect("valid parameters");
            parameters[name].parse().expect("a number")
        };
        self.per_input.iter().map(number).collect()
    }

    fn checked_shared(&self) -> BTreeMap<String, String> {
        let info = find_method(self.method).expect("a method");
        info.check_shared(&self.shared).expect("valid parameters")
    }

    fn arithmetic(&self) -> Arithmetic {
        Arithmetic(self.working)
    }

    /// x − b in the arithmetic, for each input.
    fn differences(&self) -> Vec<Vec<f64>> {
        let a = self.arithmetic();
        let base = self.base.as_ref().expect("a base");
        let of = |x: &Vec<f64>| {
            x.iter().zip(base).map(|(&x, &b)| a.round(a.round(x) - a.round(b))).collect()
        };
        self.inputs.iter().map(of).collect()
    }

    /// The bytes of the result.
    fn bytes(&self) -> Result<Vec<u8>, MethodError> {
        let info = find_method(self.method).expect("a method");
        let stored = |values: &Vec<f64>| Bytes(bytes(self.stored, values));
        let tensors: Vec<Bytes> = self.inputs.iter().map(stored).collect();
        let base = self.base.as_ref().map(stored);
        let shared = self.checked_shared();
        let checked = |given| info.check_input(given).expect("valid parameters");
        let parameters: Vec<_> = self.per_input.iter().map(checked).collect();
        let none = BTreeMap::new();
        let job = Job {
            method: info,
            shared: &shared,
            name: self.name,
            shape: &self.shape,
            inputs: tensors
                .iter()
                .zip(&parameters)
                .map(|(bytes, parameters)| Row { source: bytes, dtype: self.stored, parameters })
                .collect(),
            base: base.as_ref().map(|bytes| Row {
                source: bytes,
                dtype: self.stored,
                parameters: &none,
            }),
            working: self.working,
            out: self.out,
            seed: Digest::of_content(self.seed),
        };
        collect(&job)
    }

    fn merge(&self) -> Result<Vec<f64>, MethodError> {
        self.bytes().map(|bytes| values(self.out, &bytes))
    }

    /// Compares with expected values that are rounded to the type of the result, bit for bit.
    fn expect(&self, expected: &[f64]) {
        let ours = self.bytes().expect("a merge");
        let expected = bytes(self.out, expected);
        if ours == expected {
            return;
        }
        let (ours, expected) = (values(self.out, &ours), values(self.out, &expected));
        let differs = |at: &usize| ours[*at].to_bits() != expected[*at].to_bits();
        let at = (0..ours.len()).find(differs).expect("a difference");
        let inputs: Vec<f64> = self.inputs.iter().map(|row| row[at]).collect();
        let base = self.base.as_ref().map(|base| base[at]);
        let (method, shared) = (self.method, &self.shared);
        panic!(
            "{method} {shared:?} {:?} {:?}: element {at} of {:?} is {:e}, expected {:e}; \
             inputs {inputs:?}, base {base:?}",
            self.working, self.per_input, self.shape, ours[at], expected[at]
        );
    }

    /// Compares within a part of the largest of each value and their root mean square.
    fn expect_near(&self, expected: &[f64], tolerance: f64) {
        let ours = self.merge().expect("a merge");
        let squares: f64 = expected.iter().map(|y| y * y).sum();
        let rms = (squares / expected.len() as f64).sqrt();
        for (at, (y, z)) in ours.iter().zip(expected).enumerate() {
            let error = (y - z).abs() / z.abs().max(rms).max(f64::MIN_POSITIVE);
            assert!(
                error <= tolerance,
                "{} {:?}: element {at} is {y:e}, expected {z:e}, off by {error:e}",
                self.method,
                self.shared
            );
        }
    }
}

/// A tensor in memory.
struct Bytes(Vec<u8>);

impl RowSource for Bytes {
    fn read(&self, start: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read(start, out)
    }
}

/// Runs a job and puts the pieces of its result together.
fn collect(job: &Job<'_>) -> Result<Vec<u8>, MethodError> {
    let out = Mutex::new(vec![0; job.elements() * job.out.size()]);
    job.run(&|start, bytes| {
        out.lock().expect("no panic")[start as usize..][..bytes.len()].copy_from_slice(bytes);
        Ok(())
    })?;
    Ok(out.into_inner().expect("no panic"))
}

/// How steps are rounded.
#[derive(Debug, Clone, Copy)]
struct Arithmetic(Working);

impl Arithmetic {
    /// What sums are kept in: f32 for the 16-bit types. Operations on f32 that are computed in f64
    /// and rounded are those of f32.
    fn wide(self, value: f64) -> f64 {
        match self.0 {
            Working::F64 => value,
            _ => f64::from(value as f32),
        }
    }

    /// The nearest value that the arithmetic has.
    fn round(self, value: f64) -> f64 {
        match self.0 {
            Working::F64 | Working::F32 => self.wide(value),
            Working::Bf16 | Working::F16 => {
                let (mut stored, mut out) = ([0; 2], [0.0]);
                write_f64(dtype(self.0), &[self.wide(value)], &mut stored);
                read_f64(dtype(self.0), &stored, &mut out);
                out[0]
            }
        }
    }

    /// A left fold.
    fn sum(self, values: impl IntoIterator<Item = f64>) -> f64 {
        values.into_iter().fold(0.0, |sum, value| self.wide(sum + value))
    }
}

const ALL_WORKING: [Working; 4] = [Working::F64, Working::F32, Working::Bf16, Working::F16];

fn dtype(working: Working) -> Dtype {
    match working {
        Working::F64 => Dtype::F64,
        Working::F32 => Dtype::F32,
        Working::Bf16 => Dtype::Bf16,
        Working::F16 => Dtype::F16,
    }
}

fn bytes(dtype: Dtype, values: &[f64]) -> Vec<u8> {
    let mut out = vec![0; values.len() * dtype.size()];
    write_f64(dtype, values, &mut out);
    out
}

fn values(dtype: Dtype, bytes: &[u8]) -> Vec<f64> {
    let mut out = vec![0.0; bytes.len() / dtype.size()];
    read_f64(dtype, bytes, &mut out);
    out
}

/// Values as they occur, in a type: normal ones, and among them ties, zeros of both signs and the
/// smallest that the type has.
fn awkward(seed: u64, n: usize, dtype: Dtype) -> Vec<f64> {
    let stream = Stream::new(Digest::of_content(&seed.to_le_bytes()));
    let (mut normal, mut words) = (vec![0.0_f32; n], vec![0; n]);
    stream.fill_normal(0, &mut normal);
    stream.fill_u32(0, &mut words);
    let least = match dtype {
        Dtype::F64 => 5e-324,
        Dtype::F16 => 6e-8,
        _ => 1e-40,
    };
    let value = |(x, word): (f32, u32)| match word % 8 {
        0 => 0.0,
        1 => -0.0,
        2 | 3 => f64::from(word >> 8 & 3) - 1.5,
        4 => least * (f64::from(word >> 8 & 7) - 3.0),
        _ => f64::from(x),
    };
    let all: Vec<f64> = normal.into_iter().zip(words).map(value).collect();
    values(dtype, &bytes(dtype, &all))
}

/// Normal values of a standard deviation, in a type.
fn normal(seed: u64, n: usize, deviation: f64, dtype: Dtype) -> Vec<f64> {
    let mut normal = vec![0.0_f32; n];
    Stream::new(Digest::of_content(&seed.to_le_bytes())).fill_normal(0, &mut normal);
    let scaled: Vec<f64> = normal.iter().map(|&x| f64::from(x) * deviation).collect();
    values(dtype, &bytes(dtype, &scaled))
}

fn sum_of(a: &[f64], b: &[f64], dtype: Dtype) -> Vec<f64> {
    let sums: Vec<f64> = a.iter().zip(b).map(|(x, y)| x + y).collect();
    values(dtype, &bytes(dtype, &sums))
}
