//! Golden values of the merge methods: each in each arithmetic, over tensors of odd sizes.

use espalier_identity::{Digest, Domain};
use espalier_resolve::methods;
use espalier_resolve::methods::{Base, Job, MethodInfo, Row, Working};
use espalier_tensor::{Dtype, random::Stream, write_f32};
use std::collections::BTreeMap;
use std::sync::Mutex;

static VECTOR: Domain = Domain::new("espalier golden merge vector v1");

/// A scalar, one element, a vector and two matrices, one of which has rows of one element.
const SHAPES: [&[u64]; 5] = [&[], &[1], &[257], &[33, 31], &[9, 1]];
const TYPES: [(Dtype, Working); 4] = [
    (Dtype::F64, Working::F64),
    (Dtype::F32, Working::F32),
    (Dtype::Bf16, Working::Bf16),
    (Dtype::F16, Working::F16),
];
/// What has no default.
const GIVEN: [(&str, &str); 3] = [("t", "0.3"), ("weight", "0.7"), ("lambda", "0.4")];

/// Names, and the values as this machine computes them.
pub(super) fn merge_vectors() -> Vec<(String, String)> {
    let each = |info: &'static MethodInfo| {
        TYPES.map(|(dtype, working)| {
            (format!("method {} in {dtype}", info.name), merged(info, dtype, working))
        })
    };
    methods().flat_map(each).collect()
}

/// The digest of all tensors, one after the other.
fn merged(info: &'static MethodInfo, dtype: Dtype, working: Working) -> String {
    let given = |parameters: &[espalier_resolve::ParameterInfo]| -> BTreeMap<String, String> {
        let known = GIVEN.iter().filter(|(name, _)| parameters.iter().any(|p| p.name == *name));
        known.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    let shared = info.check_shared(&given(info.shared)).expect("valid parameters");
    let own = info.check_input(&given(info.per_input)).expect("valid parameters");
    let count = info.inputs.0.max(3).min(info.inputs.1);
    let mut all = Vec::new();
    for (place, shape) in SHAPES.iter().enumerate() {
        let elements = shape.iter().product::<u64>() as usize;
        let row = |number: usize| values(10 * place + number, elements, dtype);
        let (base, rows) = (row(0), (1..=count).map(row).collect::<Vec<_>>());
        let with = |source| Row { source, dtype, parameters: &own };
        let needs_base = matches!(info.base, Base::Required);
        let job = Job {
            method: info,
            shared: &shared,
            name: "tensor",
            shape,
            inputs: rows.iter().map(|row| with(row)).collect(),
            base: needs_base.then(|| with(&base)),
            working,
            out: dtype,
            seed: Digest::of_content(b"vectors"),
        };
        let out = Mutex::new(vec![0; elements * dtype.size()]);
        let keep = |start: u64, bytes: &[u8]| {
            if let Ok(mut out) = out.lock() {
                out[start as usize..][..bytes.len()].copy_from_slice(bytes);
            }
            Ok(())
        };
        job.run(&keep).expect("inputs that fit, of moderate size");
        all.extend(out.into_inner().expect("no thread panicked"));
    }
    VECTOR.hash(&all).to_string()
}

/// Seeded numbers around a common one.
fn values(number: usize, elements: usize, dtype: Dtype) -> Vec<u8> {
    let mut common = vec![0.0; elements];
    Stream::new(Digest::of_content(b"common")).fill_uniform_f32(0, &mut common);
    let mut own = vec![0.0; elements];
    let key = Digest::of_content(&(number as u64).to_le_bytes());
    Stream::new(key).fill_uniform_f32(0, &mut own);
    let values: Vec<f32> =
        common.iter().zip(own).map(|(common, own)| common - 0.5 + 0.25 * (own - 0.5)).collect();
    let mut bytes = vec![0; elements * dtype.size()];
    write_f32(dtype, &values, &mut bytes);
    bytes
}
