//! Tensors of integers under each value of `buffers`, against plain big numbers.

use espalier_identity::Digest;
use espalier_resolve::{Input, SelectionCache, Strategy};
use espalier_tensor::{Dtype, Model, open_safetensors};
use proptest::prelude::*;

use crate::{everything, inputs, strategy};

const INTEGERS: [Dtype; 9] = [
    Dtype::I8,
    Dtype::I16,
    Dtype::I32,
    Dtype::I64,
    Dtype::U8,
    Dtype::U16,
    Dtype::U32,
    Dtype::U64,
    Dtype::Bool,
];

/// A float and one tensor of each type of integers, from raw bytes.
fn model(weight: f32, bytes: &[u8]) -> Model {
    let tensor = |dtype: Dtype| {
        let elements = (bytes.len() / dtype.size()) as u64;
        (dtype.name().to_owned(), dtype, vec![elements], bytes.to_vec())
    };
    let float = ("w".to_owned(), Dtype::F32, vec![1], weight.to_le_bytes().to_vec());
    Model::from_tensors(INTEGERS.map(tensor).into_iter().chain([float]).collect()).expect("model")
}

fn values(model: &Model, dtype: Dtype) -> Vec<i128> {
    let index = model.manifest.position(dtype.name()).expect("present");
    let one = |bytes: &[u8]| match (dtype, bytes) {
        (Dtype::Bool, &[byte]) => i128::from(byte != 0),
        (Dtype::I8, &[byte]) => i128::from(byte as i8),
        (Dtype::U8, &[byte]) => i128::from(byte),
        (Dtype::I16, &[a, b]) => i128::from(i16::from_le_bytes([a, b])),
        (Dtype::U16, &[a, b]) => i128::from(u16::from_le_bytes([a, b])),
        (Dtype::I32, &[a, b, c, d]) => i128::from(i32::from_le_bytes([a, b, c, d])),
        (Dtype::U32, &[a, b, c, d]) => i128::from(u32::from_le_bytes([a, b, c, d])),
        (Dtype::I64, bytes) => i128::from(i64::from_le_bytes(bytes.try_into().expect("eight"))),
        (_, bytes) => i128::from(u64::from_le_bytes(bytes.try_into().expect("eight"))),
    };
    model.content(index).chunks_exact(dtype.size()).map(one).collect()
}

/// Σ w x / Σ w of whole weights, the nearest whole number, of two the even one.
fn mean(weights: &[u32], column: &[i128]) -> i128 {
    let total: i128 = weights.iter().map(|&weight| i128::from(weight)).sum();
    let sum: i128 = weights.iter().zip(column).map(|(&w, x)| i128::from(w) * x).sum();
    let floor = sum.div_euclid(total);
    let distance = |n: i128| (sum - n * total).abs();
    match distance(floor).cmp(&distance(floor + 1)) {
        core::cmp::Ordering::Less => floor,
        core::cmp::Ordering::Equal => floor + floor.rem_euclid(2),
        core::cmp::Ordering::Greater => floor + 1,
    }
}

fn merged(built: &Strategy, inputs: &[Input<'_>], base: &Model) -> Model {
    let plan = built.prepare(inputs, Some(base), Digest::ZERO, &SelectionCache::new());
    let plan = plan.expect("fitting inputs");
    let merged = plan.model().expect("finite");
    assert_eq!(plan.hash().expect("finite"), merged.manifest, "{built}");
    for index in 0..plan.tensors() {
        let bytes = plan.run_tensor(index).expect("finite");
        assert_eq!(bytes, merged.content(index).to_vec(), "{built}");
    }
    merged
}

proptest! {
    #[test]
    fn means_of_every_type_are_exact(
        rows in prop::collection::vec(
            (1_u32..1000, prop::collection::vec(any::<u8>(), 16)),
            1..6,
        ),
    ) {
        let models: Vec<Model> = rows.iter().map(|row| model(1.0, &row.1)).collect();
        let weights: Vec<u32> = rows.iter().map(|row| row.0).collect();
        let wide: Vec<f64> = weights.iter().map(|&weight| weight.into()).collect();
        let weighted = inputs(&models, &wide);
        let result =
            merged(&strategy("linear", &[("buffers", "mean")]), &weighted, &model(0.0, &[9; 16]));
        for dtype in INTEGERS {
            let columns: Vec<_> = models.iter().map(|model| values(model, dtype)).collect();
            for (element, value) in values(&result, dtype).into_iter().enumerate() {
                let column: Vec<i128> = columns.iter().map(|row| row[element]).collect();
                prop_assert_eq!(value, mean(&weights, &column), "{} {}", dtype, element);
            }
        }
    }
}

/// Whatever merges the floats, integers go by `buffers` alone.
#[test]
fn the_same_in_every_strategy() {
    let models = [model(1.0, &[1; 16]), model(2.0, &[4; 16]), model(3.0, &[4; 16])];
    let base = model(0.5, &[7; 16]);
    let weighted = inputs(&models, &[2.0, 1.0, 1.0]);
    for (name, pairs) in everything() {
        let with = |word| strategy(name, &[pairs, &[("buffers", word)]].concat());
        let result = merged(&with("base"), &weighted, &base);
        assert_eq!(values(&result, Dtype::I8), [7; 16], "{name}");
        let result = merged(&with("mean"), &weighted, &base);
        // 2½, to even.
        assert_eq!(values(&result, Dtype::I8), [2; 16], "{name}");
        assert_eq!(values(&result, Dtype::Bool), [1; 16], "{name}");
        let strict = with("error");
        let error = strict.prepare(&weighted, None, Digest::ZERO, &SelectionCache::new());
        assert!(error.is_err(), "{name}");
    }
}

#[test]
fn truth_goes_with_the_weight() {
    let models = [model(1.0, &[0, 1, 1, 0, 0, 0, 0, 0]), model(1.0, &[1, 1, 0, 0, 0, 0, 0, 0])];
    let base = model(0.0, &[0; 8]);
    let built = strategy("median", &[("buffers", "mean")]);
    let truth = |weights| {
        let merged = merged(&built, &inputs(&models, weights), &base);
        values(&merged, Dtype::Bool)[..4].to_vec()
    };
    assert_eq!(truth(&[1.0, 1.0]), [0, 1, 0, 0], "of equal weight it is false");
    assert_eq!(truth(&[1.0, 1.5]), [1, 1, 0, 0]);
    assert_eq!(truth(&[1.5, 1.0]), [0, 1, 1, 0]);
}

/// Long enough for several tasks and pieces.
#[test]
fn streamed_in_pieces_and_blocks() {
    let n = 1_100_000_usize;
    let long = |factor: usize| {
        let bytes = (0..n).map(|i| ((i * factor) % 101) as u8).collect();
        Model::from_tensors(vec![("n".into(), Dtype::U8, vec![n as u64], bytes)]).expect("model")
    };
    let models = [long(7), long(11), long(13)];
    let built = strategy("linear", &[("buffers", "mean")]);
    let weighted = inputs(&models, &[1.0, 2.0, 0.3]);
    let result = merged(&built, &weighted, &models[0]);
    let plan = built.prepare(&weighted, None, Digest::ZERO, &SelectionCache::new()).expect("fit");
    let start = n - 5000;
    let mut block = vec![0.0; 5000];
    plan.block(0, start, &mut block).expect("finite");
    let bytes = &result.content(0)[start..];
    assert!(block.iter().zip(bytes).all(|(value, byte)| *value == f64::from(*byte)));
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("out.safetensors");
    plan.write_safetensors(&Default::default(), &path, false).expect("written");
    let read = open_safetensors(&path).and_then(|file| file.into_model()).expect("read");
    assert_eq!(read, result);
}
