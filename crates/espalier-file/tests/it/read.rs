//! Text from strangers.

use espalier_file::{EmptyField, ReadError, fields, is_utf16, lines, read, read_text, text_of};
use proptest::prelude::*;

#[test]
fn text_is_utf_8_with_or_without_a_mark() {
    assert_eq!(text_of(b"\xef\xbb\xbfa\r\nb".into()).unwrap(), "a\r\nb");
    assert_eq!(text_of(b"".into()).unwrap(), "");
    // One mark is a mark; a second one is text.
    assert_eq!(text_of(b"\xef\xbb\xbf\xef\xbb\xbfa".into()).unwrap(), "\u{feff}a");
    let error = text_of(b"a\nb\n\xffc\n".into()).unwrap_err();
    assert_eq!(error.to_string(), "line 3 is not UTF-8 text");
}

#[test]
fn utf_16_is_refused_by_its_name() {
    let little: Vec<u8> = "0 1\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = "0 1\n".encode_utf16().flat_map(u16::to_be_bytes).collect();
    for bytes in [little, big] {
        for mark in [&b""[..], b"\xff\xfe", b"\xfe\xff"] {
            let bytes = [mark, &bytes].concat();
            assert!(matches!(text_of(bytes), Err(ReadError::Utf16)));
        }
    }
    assert!(!is_utf16(b"") && !is_utf16(b"ab") && !is_utf16(b"\0\0\0\0"));
}

#[test]
fn reading_is_bounded_and_says_why_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x");
    std::fs::write(&path, [b'x'; 2048]).unwrap();
    assert_eq!(read(&path, 2048).unwrap().len(), 2048);
    for (limit, words) in [(2047, "2047 bytes"), (1024, "1 KiB"), (0, "0 bytes")] {
        let error = read_text(&path, limit).unwrap_err();
        assert_eq!(error.to_string(), format!("it is over the limit of {words}"));
    }
    assert!(matches!(read(folder.path(), 9), Err(ReadError::Io(_))));
    assert!(matches!(read(folder.path().join("absent"), 9), Err(ReadError::Io(_))));
    #[cfg(target_os = "linux")]
    assert!(matches!(read("/dev/zero", 1 << 20), Err(ReadError::TooLong { .. })));
}

#[test]
fn fields_are_between_blanks_or_commas() {
    for line in ["1 2 3", "1,2,3", " 1 ,\t2,3 \r", "1\t2 3#4", "1, 2 , 3 # 4, 5"] {
        assert_eq!(fields(line), Ok(vec!["1", "2", "3"]), "{line}");
    }
    for line in [",", "1,", ",1", "1,,2", "1, ,2", "1,#2"] {
        assert_eq!(fields(line), Err(EmptyField), "{line}");
    }
    let text = "# a list\n\n1 2 # one\r\n \t \r\n3,,4\n";
    let found: Vec<_> = lines(text).collect();
    assert_eq!(found, [(3, Ok(vec!["1", "2"])), (5, Err(EmptyField))]);
}

proptest! {
    /// The same fields, however they are separated.
    #[test]
    fn separators_do_not_matter(
        words in proptest::collection::vec("[a-z0-9_.é-]{1,5}", 1..6),
        ways in proptest::collection::vec("[ \t]{1,2}|[ \t]{0,2},[ \t]{0,2}", 6),
    ) {
        let pairs = words.iter().zip(&ways);
        let line: String = pairs.map(|(word, way)| format!("{word}{way}")).collect();
        let line = line.trim_end_matches([' ', '\t', ',']);
        prop_assert_eq!(fields(line), Ok(words.iter().map(String::as_str).collect()));
    }

    #[test]
    fn any_bytes_are_text_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        if let Ok(text) = text_of(bytes.clone()) {
            prop_assert!(bytes.ends_with(text.as_bytes()));
            for (_, found) in lines(&text) {
                let full = |fields: Vec<_>| fields.iter().all(|field: &&str| !field.is_empty());
        prop_assert!(found.map_or(true, full));
            }
        }
    }
}
