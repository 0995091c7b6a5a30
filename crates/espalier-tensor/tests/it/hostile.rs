//! Files made to do harm: each gives a typed error that says what is wrong, and never a panic.

use std::{fs, path::Path};

use espalier_tensor::{FormatError, TensorError, open_safetensors};
use proptest::prelude::*;

use crate::files::shards;

fn file(header: &str, data: usize) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.resize(bytes.len() + data, 0);
    bytes
}

fn open_bytes(bytes: &[u8]) -> Result<(), TensorError> {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("m.safetensors");
    fs::write(&path, bytes).expect("written");
    open_safetensors(&path).and_then(|model| model.into_model()).map(drop)
}

fn refusal(bytes: &[u8]) -> FormatError {
    match open_bytes(bytes) {
        Err(TensorError::Format { problem, .. }) => problem,
        other => panic!("expected a refusal, got {other:?}"),
    }
}

const ONE: &str = r#""a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}"#;

#[test]
fn lengths() {
    assert!(matches!(refusal(b""), FormatError::TooShort { length: 0 }));
    assert!(matches!(refusal(b"12345678"), FormatError::TooShort { length: 8 }));
    let mut long = file("{}", 10);
    long[0] = 200;
    assert!(matches!(refusal(&long), FormatError::HeaderLength { claimed: 200, limit: 12 }));
    long[..8].copy_from_slice(&[0xff; 8]);
    assert!(matches!(refusal(&long), FormatError::HeaderLength { claimed: u64::MAX, .. }));
    let whole = file(&format!("{{{ONE}}}"), 8);
    open_bytes(&whole).expect("valid");
    assert_eq!(
        refusal(&whole[..whole.len() - 1]),
        FormatError::DataLength { actual: 7, expected: 8 }
    );
    assert_eq!(
        refusal(&file(&format!("{{{ONE}}}"), 9)),
        FormatError::DataLength { actual: 9, expected: 8 }
    );
}

#[test]
fn names_offsets_and_shapes() {
    let two = |second: &str| file(&format!("{{{ONE},{second}}}"), 16);
    let entry = |name: &str, shape: &str, from: u64, to: u64| {
        format!(r#""{name}":{{"dtype":"F32","shape":{shape},"data_offsets":[{from},{to}]}}"#)
    };
    open_bytes(&two(&entry("b", "[2]", 8, 16))).expect("valid");
    open_bytes(&file(&format!("{{{ONE},{}}}", entry("z", "[0]", 8, 8)), 8)).expect("empty tensors");
    open_bytes(&file(&format!("{{{ONE},{}}}", entry("z", "[0]", 0, 0)), 8)).expect("empty tensors");
    open_bytes(&file(&format!(r#"{{"__metadata__":null,{ONE}}}"#), 8)).expect("no text");
    let overlap = refusal(&two(&entry("b", "[3]", 4, 16)));
    assert_eq!(overlap, FormatError::Offset { tensor: "b".into(), start: 4, expected: 8 });
    assert!(matches!(refusal(&two(&entry("b", "[1]", 12, 16))), FormatError::Offset { .. }));
    assert!(matches!(refusal(&two(&entry("b", "[3]", 8, 16))), FormatError::Size { .. }));
    assert!(matches!(refusal(&two(&entry("b", "[2]", 8, 4))), FormatError::Size { .. }));
    let huge = entry("b", "[18446744073709551615,3]", 8, 16);
    assert!(matches!(refusal(&two(&huge)), FormatError::Size { .. }));
    let far = format!("[{}]", u64::MAX / 4);
    let far = entry("b", &far, 8, u64::MAX - 3);
    assert!(matches!(refusal(&two(&far)), FormatError::Size { .. }));
    let past = entry("b", "[4]", 8, 24);
    assert!(matches!(refusal(&two(&past)), FormatError::DataLength { actual: 16, expected: 24 }));
    let twice = refusal(&file(&format!("{{{ONE},{ONE}}}"), 8));
    assert_eq!(twice, FormatError::Duplicate { tensor: "a".into() });
    let rank = entry("b", "[1,1,1,1,1,1,1,1,2]", 8, 16);
    assert!(matches!(refusal(&two(&rank)), FormatError::Limit(_)));
    let long = entry(&"n".repeat(513), "[2]", 8, 16);
    assert!(matches!(refusal(&two(&long)), FormatError::Limit(_)));
    let fp8 = r#""b":{"dtype":"F8_E4M3","shape":[8],"data_offsets":[8,16]}"#;
    assert!(refusal(&two(fp8)).to_string().contains("F8_E4M3"));
}

#[test]
fn json_that_is_not_a_header() {
    let nested = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let bomb = format!(r#"{{"a":{nested}}}"#);
    let deep = format!(r#"{{"__metadata__":{{"x":{nested}}}}}"#);
    let many: Vec<String> = (0..70_000)
        .map(|i| format!(r#""{i}":{{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}"#))
        .collect();
    let many = format!("{{{}}}", many.join(","));
    let cases = [
        "[]",
        "{ ",
        "{}x",
        "null",
        "\u{feff}{}",
        r#"{"a":1}"#,
        r#"{"a":null}"#,
        r#"{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,0]}}"#,
        r#"{"a":{"dtype":"F32","shape":[1.5],"data_offsets":[0,0]}}"#,
        r#"{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0,0]}}"#,
        r#"{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0],"more":1}}"#,
        r#"{"a":{"dtype":"F32","dtype":"F16","shape":[0],"data_offsets":[0,0]}}"#,
        r#"{"a":{"dtype":"X","shape":[0],"data_offsets":[0,0]}}"#,
        r#"{"a":{"dtype":"F32","shape":[0]}}"#,
        r#"{"__metadata__":{"a":1}}"#,
        r#"{"__metadata__":{},"__metadata__":{}}"#,
        &bomb,
        &deep,
        &many,
    ];
    for header in cases {
        let start: String = header.chars().take(60).collect();
        let problem = refusal(&file(header, 0));
        let expected = matches!(problem, FormatError::Json { .. } | FormatError::Duplicate { .. });
        assert!(expected, "{start}: {problem}");
    }
    let mut not_text = file("{    }", 0);
    not_text[10] = 0xff;
    assert!(matches!(refusal(&not_text), FormatError::Json { .. }));
    open_bytes(&file("{}", 0)).expect("no tensors at all is a valid file");
}

fn reindex(folder: &Path, index: &str) -> String {
    fs::write(folder.join("model.safetensors.index.json"), index).expect("written");
    open_safetensors(folder).expect_err("refused").to_string()
}

#[test]
fn indexes() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path();
    shards(path);
    for shard in ["../x", "/etc/passwd", "a/../../x", "..", "", ".", "a//b", "c:x", "..\\\\x"] {
        let text = reindex(path, &format!(r#"{{"weight_map":{{"a":"{shard}"}}}}"#));
        assert!(text.contains("shards must lie in the folder"), "{shard}: {text}");
    }
    let text = reindex(path, r#"{"weight_map":{"a":"3.safetensors"}}"#);
    assert!(text.contains("`3.safetensors`, which does not exist"), "{text}");
    let text = reindex(path, r#"{"weight_map":{"a":"1.safetensors","a":"2.safetensors"}}"#);
    assert!(text.contains("tensor `a` is listed twice"), "{text}");
    let text = reindex(path, r#"{"weight_map":{"a":"1.safetensors"}}"#);
    assert!(text.contains("has tensor `d`, which the index does not place there"), "{text}");
    let all = r#""a":"1.safetensors","d":"1.safetensors""#;
    let text = reindex(path, &format!(r#"{{"weight_map":{{{all},"x":"1.safetensors"}}}}"#));
    assert!(text.contains("places tensor `x` in `1.safetensors`"), "{text}");
    for junk in ["", "[]", "{}", r#"{"weight_map":[]}"#, r#"{"weight_map":{"a":1}}"#] {
        assert!(reindex(path, junk).contains("the index is not what it should be"), "{junk}");
    }
}

#[test]
fn the_same_tensor_in_two_shards() {
    let folder = tempfile::tempdir().expect("folder");
    let index = shards(folder.path());
    fs::copy(folder.path().join("1.safetensors"), folder.path().join("2.safetensors"))
        .expect("copied");
    let text = open_safetensors(&index).expect_err("refused").to_string();
    assert!(text.contains("which the index does not place there"), "{text}");
}

#[test]
fn folders_and_things_that_are_not_files() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path();
    let text = open_safetensors(path).expect_err("empty").to_string();
    assert!(text.contains("0 files *.safetensors"), "{text}");
    for name in ["a.safetensors", "b.safetensors"] {
        fs::write(path.join(name), file("{}", 0)).expect("written");
    }
    let text = open_safetensors(path).expect_err("two").to_string();
    assert!(text.contains("2 files *.safetensors"), "{text}");
    fs::create_dir(path.join("c.safetensors")).expect("made");
    assert!(open_safetensors(path.join("c.safetensors")).is_err());
    assert!(matches!(open_safetensors(path.join("none")), Err(TensorError::Io { .. })));
    #[cfg(unix)]
    assert!(open_safetensors("/dev/zero").is_err());
}

/// Any file that we accept, the reference reader accepts as well.
fn agrees_with_the_reference(bytes: &[u8]) -> Result<(), TestCaseError> {
    if open_bytes(bytes).is_ok() {
        prop_assert!(safetensors::SafeTensors::deserialize(bytes).is_ok());
    }
    Ok(())
}

proptest! {
    #[test]
    fn flipped_bytes(at in 0_usize..200, to: u8, cut in 0_usize..200) {
        let second = r#""bb":{"dtype":"I8","shape":[1,4],"data_offsets":[8,12]}"#;
        let mut bytes = file(&format!(r#"{{"__metadata__":{{"k":"v"}},{ONE},{second}}}"#), 12);
        let len = bytes.len();
        bytes[at % len] = to;
        agrees_with_the_reference(&bytes)?;
        agrees_with_the_reference(&bytes[..cut.min(len)])?;
    }

    #[test]
    fn noise(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
        agrees_with_the_reference(&bytes)?;
        let mut led = (bytes.len() as u64).to_le_bytes().to_vec();
        led.extend(&bytes);
        agrees_with_the_reference(&led)?;
    }
}
