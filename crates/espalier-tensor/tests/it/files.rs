//! Models to files and back: single, sharded, in folders; and what other readers make of them.

use std::{collections::BTreeMap, fs, path::Path};

use espalier_file::WriteError;
use espalier_tensor::{
    Dtype, Model, SafetensorsWriter, TensorError, TensorShape, open_safetensors, schema_mismatch,
    write_safetensors,
};

fn model() -> Model {
    Model::from_tensors(vec![
        ("half".into(), Dtype::F16, vec![3], vec![1, 2, 3, 4, 5, 6]),
        ("empty".into(), Dtype::F64, vec![0, 7], vec![]),
        ("scalar".into(), Dtype::I64, vec![], vec![8; 8]),
        ("odd".into(), Dtype::U8, vec![5], vec![9; 5]),
        ("single".into(), Dtype::F32, vec![1, 1], vec![0, 0, 0x80, 0x7f]),
    ])
    .expect("a valid model")
}

fn metadata() -> BTreeMap<String, String> {
    [("format".to_owned(), "pt".to_owned())].into()
}

#[test]
fn written_and_read_back() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("m.safetensors");
    write_safetensors(&model(), &metadata(), &path, false).expect("written");
    let opened = open_safetensors(&path).expect("opened");
    assert_eq!(schema_mismatch(&opened, &model()), None);
    assert_eq!(opened.metadata(), &metadata());
    assert_eq!(opened.manifest_shapes().schema(), model().manifest.schema());
    assert_eq!(opened.into_model().expect("loaded"), model());
    // The folder holds the model and nothing else, so it can be named instead.
    assert_eq!(open_safetensors(folder.path()).expect("opened").shapes().len(), 5);
}

#[test]
fn the_reference_reader_agrees() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("m.safetensors");
    write_safetensors(&model(), &metadata(), &path, false).expect("written");
    let bytes = fs::read(&path).expect("bytes");
    let theirs = safetensors::SafeTensors::deserialize(&bytes).expect("valid by the reference");
    assert_eq!(theirs.len(), 5);
    for (meta, content) in model().tensors() {
        let view = theirs.tensor(&meta.name).expect("present");
        assert_eq!(view.data(), &**content);
        assert_eq!(Dtype::try_from(view.dtype()), Ok(meta.dtype));
        let offset = view.data().as_ptr() as usize - bytes.as_ptr() as usize;
        assert_eq!(offset % meta.dtype.size(), 0, "aligned within the file");
    }
}

#[test]
fn overwrites_only_when_asked() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("m.safetensors");
    fs::write(&path, "precious").expect("written");
    let refused = write_safetensors(&model(), &metadata(), &path, false);
    assert!(matches!(refused, Err(TensorError::Write(WriteError::Exists(_)))));
    assert_eq!(fs::read(&path).expect("kept"), b"precious");
    write_safetensors(&model(), &metadata(), &path, true).expect("forced");
    let mapped = open_safetensors(&path).expect("opened");
    let other = Model::from_f32(&[("x", &[1], &[1.0])]).expect("model");
    write_safetensors(&other, &metadata(), &path, true).expect("replaced");
    assert_eq!(mapped.into_model().expect("the old file stays mapped"), model());
    assert_eq!(fs::read_dir(folder.path()).expect("list").count(), 1, "no temporary is left");
}

#[test]
fn a_writer_wants_exactly_the_bytes_announced() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("m.safetensors");
    let shape = TensorShape { name: "a".into(), dtype: Dtype::F32, shape: vec![2] };
    let start = || {
        SafetensorsWriter::create(std::slice::from_ref(&shape), &metadata(), &path, false)
            .expect("started")
    };
    let mut writer = start();
    writer.write(&[0; 3]).expect("room");
    assert!(matches!(writer.finish(), Err(TensorError::Unfinished { actual: 3, .. })));
    assert!(matches!(start().write(&[0; 9]), Err(TensorError::Unfinished { expected: 8, .. })));
    assert_eq!(fs::read_dir(folder.path()).expect("list").count(), 0);
    let mut writer = start();
    writer.write(&[0; 3]).and_then(|()| writer.write(&[0; 5])).expect("room");
    fs::write(&path, "taken meanwhile").expect("written");
    assert!(matches!(writer.finish(), Err(TensorError::Write(WriteError::Exists(_)))));
}

/// Two shards and an index over them.
pub(crate) fn shards(folder: &Path) -> std::path::PathBuf {
    let one = Model::from_f32(&[("a", &[2], &[1.0, 2.0]), ("d", &[1], &[4.0])]).expect("model");
    let two = Model::from_f32(&[("b", &[1], &[3.0]), ("c", &[0], &[])]).expect("model");
    write_safetensors(&one, &metadata(), folder.join("1.safetensors"), false).expect("written");
    write_safetensors(&two, &metadata(), folder.join("2.safetensors"), false).expect("written");
    let index = folder.join("model.safetensors.index.json");
    let text = r#"{"metadata": {"total_size": 16}, "weight_map": {"a": "1.safetensors",
        "b": "2.safetensors", "c": "2.safetensors", "d": "1.safetensors"}}"#;
    fs::write(&index, text).expect("written");
    index
}

#[test]
fn shards_are_one_model() {
    let folder = tempfile::tempdir().expect("folder");
    let index = shards(folder.path());
    let whole = Model::from_f32(&[
        ("a", &[2], &[1.0, 2.0]),
        ("b", &[1], &[3.0]),
        ("c", &[0], &[]),
        ("d", &[1], &[4.0]),
    ])
    .expect("model");
    for path in [index.as_path(), folder.path()] {
        let opened = open_safetensors(path).expect("opened");
        assert_eq!(opened.into_model().expect("loaded"), whole);
    }
}

#[test]
fn released_bytes_come_back() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("m.safetensors");
    let values: Vec<f32> = (0..50_000).map(|i| i as f32).collect();
    let model = Model::from_f32(&[("w", &[50_000], &values)]).expect("model");
    write_safetensors(&model, &metadata(), &path, false).expect("written");
    let mapped = open_safetensors(&path).expect("opened").into_model().expect("loaded");
    for range in [0..200_000, 5..100_000, 7..7, 199_999..usize::MAX, usize::MAX..usize::MAX] {
        mapped.content(0).release(range);
        assert_eq!(&**mapped.content(0), &**model.content(0));
    }
}
