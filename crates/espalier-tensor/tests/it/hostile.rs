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
    assert!(matches!(refusal(b""), FormatError::Empty));
    assert!(matches!(refusal(b"\x02\0\0\0\0\0\0\0{"), FormatError::TooShort { length: 9 }));
    let mut long = file("{}", 10);
    long[0] = 200;
    assert!(matches!(refusal(&long), FormatError::HeaderCut { claimed: 200, length: 20 }));
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
    for dtype in ["F8_E4M3FNUZ", "F8_E8M0", "F4", "X", "f32"] {
        let entry = format!(r#""b":{{"dtype":"{dtype}","shape":[8],"data_offsets":[8,16]}}"#);
        let text = refusal(&two(&entry)).to_string();
        let supported = "F64, F32, F16, BF16, F8_E4M3, F8_E5M2, I64, I32, I16, I8, U64, U32, \
                         U16, U8 or BOOL";
        assert!(text.contains("tensor `b`") && text.contains(&format!("`{dtype}`")), "{text}");
        assert!(text.ends_with(&format!("use one of {supported}")), "{text}");
    }
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
    for junk in ["[]", "{}", r#"{"weight_map":[]}"#, r#"{"weight_map":{"a":1}}"#] {
        assert!(reindex(path, junk).contains("the index is not valid"), "{junk}");
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
    // What is hidden is not a model, whatever is in it.
    for name in [".x.safetensors", "._m0.safetensors", ".a.safetensors.index.json"] {
        fs::write(path.join(name), file("{}", 0)).expect("written");
    }
    let text = open_safetensors(path).expect_err("empty").to_string();
    assert!(text.ends_with("no file *.safetensors and no *.safetensors.index.json"), "{text}");
    fs::write(path.join("pytorch_model.bin"), "x").expect("written");
    let text = open_safetensors(path).expect_err("empty").to_string();
    assert!(text.ends_with("`pytorch_model.bin` is not safetensors"), "{text}");
    for name in ["a.safetensors", "b.safetensors"] {
        fs::write(path.join(name), file("{}", 0)).expect("written");
    }
    let text = open_safetensors(path).expect_err("two").to_string();
    assert!(text.contains("2 files *.safetensors"), "{text}");
    fs::create_dir(path.join("c.safetensors")).expect("made");
    assert!(open_safetensors(path.join("c.safetensors")).is_err());
    assert!(matches!(open_safetensors(path.join("none")), Err(TensorError::Read { .. })));
    #[cfg(unix)]
    assert!(open_safetensors("/dev/zero").is_err());
}

#[test]
fn what_people_bring_is_called_by_its_name() {
    let lfs = format!(
        "version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize 123\n",
        "0".repeat(64)
    );
    let mut torch = b"PK\x03\x04\0\0\x08\x08\0\0\0\0\0\0archive/data.pklFB".to_vec();
    torch.resize(2000, 7);
    let mut tar = vec![b'a'; 600];
    tar[100..257].fill(0);
    tar[257..262].copy_from_slice(b"ustar");
    let cases: [(&[u8], &str); 25] = [
        (
            lfs.as_bytes(),
            "a Git LFS pointer, not a model; `git lfs pull` fetches the model, which has 123",
        ),
        (b"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer, not a model"),
        (b"<!DOCTYPE html>\n<html lang=en>", "an HTML page, not a model"),
        (b"\xef\xbb\xbf\n <HTML><body>", "an HTML page"),
        (b"<?xml version=\"1.0\"?><!DOCTYPE html><html>", "an HTML page"),
        (b"<?xml version=\"1.0\"?><Error><Code>AccessDenied", "an XML document"),
        (b"{\"error\": \"Invalid username or password.\"}", "a JSON text"),
        (b"[1, 2]", "a JSON text"),
        (b"Entry not found", "a text that begins \"Entry not found\""),
        (b"12345678", "a text that begins"),
        (&torch, "a PyTorch checkpoint"),
        (b"PK\x03\x04\x14\0\0\0other.txt", "a ZIP archive"),
        (b"PK\x05\x06\0\0\0\0\0\0\0\0", "a ZIP archive"),
        (b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.", "a Python pickle"),
        (b"\x80\x04\x95\x10\0\0\0\0", "a Python pickle"),
        (b"GGUF\x03\0\0\0\0\0\0\0", "a GGUF"),
        (b"tjgg\x03\0\0\0\0\0\0\0", "a GGUF"),
        (b"\x93NUMPY\x01\0v\0{'descr'", "a NumPy array"),
        (b"\x89HDF\r\n\x1a\n\0\0\0\0", "an HDF5 file"),
        (b"\x1f\x8b\x08\0\0\0\0\0", "compressed with gzip"),
        (b"\xfd7zXZ\0\0\x04", "compressed with xz"),
        (b"BZh91AY&SY", "compressed with bzip2"),
        (b"\x28\xb5\x2f\xfd\0\0\0\0", "compressed with zstd"),
        (&tar, "a tar archive"),
        (&[0; 4096], "zeros"),
    ];
    for (bytes, name) in cases {
        let text = refusal(bytes).to_string();
        assert!(text.starts_with(name), "{text}");
        assert!(text.len() < 200 && !text.contains('\n'), "{text}");
    }
    // A text in another encoding, and what nobody knows.
    let latin = refusal(b"\xe9\xe8\xe0 1234567890").to_string();
    assert!(latin.ends_with(": not a safetensors file"), "{latin}");
}

#[test]
fn what_people_bring_in_place_of_an_index_is_called_by_its_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("model.safetensors.index.json");
    let lfs = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 123\n";
    let lfs_said = "a Git LFS pointer, not a model; `git lfs pull` fetches the model";
    let cases: [(&[u8], &str); 5] = [
        (lfs, lfs_said),
        (b"<!DOCTYPE html>", "an HTML page"),
        (b"Entry not found", "a text that begins"),
        (b"", "the file is empty"),
        (b"{\"weight_map\": 1", "the index is not"),
    ];
    for (bytes, name) in cases {
        fs::write(&path, bytes).expect("written");
        let text = open_safetensors(&path).expect_err(name).to_string();
        let (_, said) = text.split_once("index.json: ").expect("the name of the file");
        assert!(said.starts_with(name), "{text}");
        assert!(!said.contains("123"), "{text}");
    }
}

#[test]
fn a_file_that_was_cut_short_says_so_with_its_sizes() {
    let whole = file(&format!("{{{ONE}}}"), 8);
    for len in 0..whole.len() {
        let text = refusal(&whole[..len]).to_string();
        match len {
            0 => assert_eq!(text, "the file is empty"),
            1..9 => {}
            9.. if len < whole.len() - 8 => {
                assert!(len == 9 || text.contains(&format!("has {len} bytes")), "{text}");
                assert!(len == 9 || text.ends_with("it was cut short"), "{text}");
            }
            _ => assert!(text.ends_with("describes 8: it was cut short"), "{text}"),
        }
    }
    let text = refusal(&file(&format!("{{{ONE}}}"), 9)).to_string();
    assert!(text.ends_with("describes 8: there is more than there should be"), "{text}");
}

#[test]
fn shards_without_an_index_are_not_models() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path();
    for shard in ["model-00001-of-00003.safetensors", "model-00002-of-00003.safetensors"] {
        fs::write(path.join(shard), file("{}", 0)).expect("written");
    }
    let shard = path.join("model-00001-of-00003.safetensors");
    for (of, place) in [(path, path), (&shard, &shard)] {
        let text = open_safetensors(of).expect_err("shards").to_string();
        let missing = "is one of 3 shards of one model; their *.safetensors.index.json is missing";
        assert!(text.contains(missing) && text.starts_with(&place.display().to_string()), "{text}");
    }
    let index = r#"{"weight_map":{"a":"model-00003-of-00003.safetensors","b":"x.safetensors"}}"#;
    let text = reindex(path, index);
    assert!(text.contains("which does not exist; 2 of 2 are missing"), "{text}");
    let text = open_safetensors(&shard).expect_err("a shard").to_string();
    assert!(text.ends_with("name their *.safetensors.index.json, or the folder"), "{text}");
    // One of one is whole.
    let one = path.join("model-00001-of-00001.safetensors");
    fs::write(&one, file("{}", 0)).expect("written");
    open_safetensors(&one).expect("a model");
}

#[test]
fn an_index_is_text_as_any_other() {
    let folder = tempfile::tempdir().expect("folder");
    let index = shards(folder.path());
    let text = fs::read_to_string(&index).expect("text");
    fs::write(&index, format!("\u{feff}{}", text.replace('\n', "\r\n"))).expect("written");
    open_safetensors(&index).expect("a mark and other ends of lines change nothing");
    let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    fs::write(&index, wide).expect("written");
    assert!(open_safetensors(&index).expect_err("wide").to_string().contains("UTF-16"));
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
