//! Source files: headers, sizes, words, and what lies at the top level.

use crate::workspace::{File, TOP_LEVEL};

/// A file that grows past this is two ideas.
const LINES_SOFT: usize = 500;
/// Past this the file has to be split.
const LINES_MAX: usize = 600;
const COLUMNS_MAX: usize = 100;

/// What may not stand in any text file. Each is put together so that this file passes.
const WORDS: &[&str] = &[
    concat!("/wo", "rk/"),
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
    concat!("to", "do!"),
    concat!("unimple", "mented!"),
    concat!("#[ig", "nore"),
    concat!("FIX", "ME"),
    concat!("TO", "DO"),
];

/// Paths and texts of the Rust files.
pub(super) fn rust(files: &[File]) -> impl Iterator<Item = (&str, &str)> {
    let rust = files.iter().filter(|file| file.is("rs"));
    rust.map(|file| (file.path.as_str(), file.text.as_deref().unwrap_or_default()))
}

/// Rust files that do not open with a `//!` line.
pub(super) fn headers(files: &[File]) -> Vec<String> {
    let bare = rust(files).filter(|(_, text)| !text.starts_with("//!"));
    bare.map(|(path, _)| format!("{path} does not begin with //!")).collect()
}

/// Rust files and lines that are too long.
pub(super) fn sizes(files: &[File]) -> Vec<String> {
    let mut violations = Vec::new();
    for (path, text) in rust(files) {
        let lines = text.lines().count();
        if lines > LINES_MAX {
            violations.push(format!("{path} has {lines} lines; at most {LINES_MAX}"));
        }
        for (index, line) in text.lines().enumerate() {
            let columns = line.chars().count();
            if columns > COLUMNS_MAX {
                let place = format!("{path}:{}", index + 1);
                violations.push(format!("{place} has {columns} columns; at most {COLUMNS_MAX}"));
            }
        }
    }
    violations
}

/// Rust files that are getting too long. Not yet a violation.
pub(super) fn notes(files: &[File]) -> Vec<String> {
    let counted = rust(files).map(|(path, text)| (path, text.lines().count()));
    let long = counted.filter(|(_, lines)| (LINES_SOFT + 1..=LINES_MAX).contains(lines));
    long.map(|(path, lines)| format!("{path} has {lines} lines; split it soon")).collect()
}

/// Visible entries of the top level that do not belong there.
pub(super) fn top_level(files: &[File]) -> Vec<String> {
    let entries = files.iter().map(|file| file.path.split('/').next().unwrap_or_default());
    let mut strange: Vec<&str> =
        entries.filter(|entry| !entry.starts_with('.') && !TOP_LEVEL.contains(entry)).collect();
    strange.sort_unstable();
    strange.dedup();
    strange.into_iter().map(|entry| format!("{entry} does not belong at the top level")).collect()
}

/// Forbidden words in text files.
pub(super) fn words(files: &[File]) -> Vec<String> {
    let mut violations = Vec::new();
    for file in files {
        let lines = file.text.as_deref().unwrap_or_default().lines();
        for (index, line) in lines.enumerate() {
            for word in WORDS.iter().filter(|word| contains(line, word)) {
                violations.push(format!("{}:{} contains {word}", file.path, index + 1));
            }
        }
    }
    violations
}

/// Turns of phrase in the documentation of crates that make a reader guess: "so many" for a number
/// that has a name, and "is no such thing" for "is not such a thing".
pub(super) fn phrases(files: &[File]) -> Vec<String> {
    let mut violations = Vec::new();
    let inside = |path: &str| path.starts_with("crates/") && path.contains("/src/");
    for (path, text) in rust(files).filter(|(path, _)| inside(path)) {
        for (index, line) in text.lines().enumerate() {
            let Some(said) = line.trim_start().strip_prefix("///") else { continue };
            let words: Vec<_> = said.split_whitespace().collect();
            let place = format!("{path}:{}", index + 1);
            violations.extend(unclear(&words).map(|phrase| format!("{place} says `{phrase}`")));
        }
    }
    violations
}

/// What may follow "is no": a comparison.
const COMPARED: [&str; 6] = ["longer", "more", "less", "greater", "worse", "better"];

fn unclear<'a>(words: &'a [&'a str]) -> impl Iterator<Item = String> + 'a {
    let places = words.windows(2).enumerate().filter(|(place, pair)| {
        let before = place.checked_sub(1).map_or("", |before| words[before]);
        let after = words.get(place + 2).map_or("", |word| word.trim_end_matches(['.', ',', ';']));
        match pair {
            ["so", "many"] => after != "that",
            ["is" | "are", "no"] => {
                !before.to_ascii_lowercase().ends_with("there") && !COMPARED.contains(&after)
            }
            _ => false,
        }
    });
    places.map(|(_, pair)| pair.join(" "))
}

/// Whether `word` stands in `line`; one that begins or ends with a letter only as a whole word,
/// since encoded bytes may spell anything.
pub(super) fn contains(line: &str, word: &str) -> bool {
    let letter = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    line.match_indices(word).any(|(start, _)| {
        let (before, after) = (&line[..start], &line[start + word.len()..]);
        let joined_before = letter(word.chars().next()) && letter(before.chars().last());
        let joined_after = letter(word.chars().last()) && letter(after.chars().next());
        !joined_before && !joined_after
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> Vec<File> {
        vec![File { path: path.to_owned(), text: Some(text.to_owned()) }]
    }

    #[test]
    fn phrases_that_make_a_reader_guess_are_violations() {
        let check = |text: &str| phrases(&file("crates/x/src/a.rs", text));
        for wrong in
            ["/// On so many threads.", "    /// What is no float.", "/// They are no matrices."]
        {
            assert_eq!(check(wrong).len(), 1, "{wrong}");
        }
        for fine in [
            "/// If there is no base.",
            "/// There are no tensors.",
            "/// It is no longer live.",
            "/// So that it is no greater.",
            "/// It has so many that they do not fit.",
            "// on so many threads",
        ] {
            assert!(check(fine).is_empty(), "{fine}");
        }
        assert!(phrases(&file("crates/x/tests/a.rs", "/// On so many threads.")).is_empty());
    }

    #[test]
    fn a_missing_header_is_a_violation() {
        assert_eq!(headers(&file("a.rs", "fn main() {}\n")).len(), 1);
        assert_eq!(headers(&file("a.rs", "")).len(), 1);
        assert!(headers(&file("a.rs", "//! Says what.\n")).is_empty());
        assert!(headers(&file("a.toml", "[package]\n")).is_empty());
    }

    #[test]
    fn long_files_and_lines_are_violations() {
        let lines = |count: usize| "x\n".repeat(count);
        assert_eq!(sizes(&file("a.rs", &lines(LINES_MAX + 1))).len(), 1);
        assert!(sizes(&file("a.rs", &lines(LINES_MAX))).is_empty());
        assert!(sizes(&file("a.md", &lines(LINES_MAX + 1))).is_empty());

        let wide = sizes(&file("a.rs", &format!("ok\n{}\n", "é".repeat(COLUMNS_MAX + 1))));
        assert_eq!(wide.len(), 1);
        assert!(wide[0].starts_with("a.rs:2 "), "{wide:?}");
        assert!(sizes(&file("a.rs", &"é".repeat(COLUMNS_MAX))).is_empty());
    }

    #[test]
    fn a_file_past_the_soft_limit_is_noted() {
        let lines = |count: usize| "x\n".repeat(count);
        assert_eq!(notes(&file("a.rs", &lines(LINES_SOFT + 1))).len(), 1);
        assert!(notes(&file("a.rs", &lines(LINES_SOFT))).is_empty());
        assert!(notes(&file("a.rs", &lines(LINES_MAX + 1))).is_empty(), "that is a violation");
    }

    #[test]
    fn strangers_at_the_top_level_are_violations() {
        assert_eq!(top_level(&file("scripts/build.sh", "")).len(), 1);
        assert_eq!(top_level(&file("NOTES.md", "")).len(), 1);
        for fine in ["Cargo.toml", "crates/a/src/lib.rs", ".ci/run", ".gitignore", "README.md"] {
            assert!(top_level(&file(fine, "")).is_empty(), "{fine}");
        }
    }

    #[test]
    fn every_forbidden_word_is_found_with_its_line() {
        for word in WORDS {
            let found = words(&file("docs/a.md", &format!("fine\nsee {word} there\n")));
            assert_eq!(found.len(), 1, "{word}");
            assert!(found[0].contains("docs/a.md:2"), "{found:?}");
        }
    }

    #[test]
    fn parts_of_other_words_are_fine() {
        let todo = concat!("TO", "DO");
        assert!(words(&file("a.json", &format!("aGk{todo}x0"))).is_empty());
        assert!(words(&file("a.md", "network/ and framework/x, chroot/ and whole")).is_empty());
    }

    #[test]
    fn binary_files_are_skipped() {
        let binary = vec![File { path: "fixtures/a.bin".to_owned(), text: None }];
        assert!(words(&binary).is_empty());
    }
}
