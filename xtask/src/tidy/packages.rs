//! What a crate needs to be used without the rest of the repository.

use crate::workspace::File;

/// Files that every package below `crates/` has.
const NEEDED: &[&str] = &["README.md", "LICENSE-MIT", "LICENSE-APACHE"];

/// Packages that lack a file or a version, and examples that no test compiles.
pub(super) fn packages(files: &[File]) -> Vec<String> {
    let mut violations = incomplete(files);
    violations.extend(without_version(files));
    violations.extend(untested(files));
    violations
}

fn text<'a>(files: &'a [File], path: &str) -> Option<&'a str> {
    files.iter().find(|file| file.path == path)?.text.as_deref()
}

fn incomplete(files: &[File]) -> Vec<String> {
    let folders = files.iter().filter_map(|file| file.path.strip_suffix("/Cargo.toml"));
    let mut violations = Vec::new();
    for folder in folders.filter(|folder| folder.starts_with("crates/")) {
        let lacks = |name: &&&str| text(files, &format!("{folder}/{name}")).is_none();
        let lacking = NEEDED.iter().filter(lacks);
        violations.extend(lacking.map(|name| format!("{folder} lacks {name}")));
    }
    violations
}

/// A path leads nowhere once the package stands alone; then the version counts.
fn without_version(files: &[File]) -> Vec<String> {
    let lines = (1..).zip(text(files, "Cargo.toml").unwrap_or_default().lines());
    let bare = lines.filter(|(_, line)| line.contains("path = ") && !line.contains("version = "));
    bare.map(|(line, _)| format!("Cargo.toml:{line} has a path and no version")).collect()
}

/// Rust in documents is compiled where a library includes it for its documentation's tests.
fn untested(files: &[File]) -> Vec<String> {
    let shows = |file: &&File| {
        let text = file.text.as_deref().unwrap_or_default();
        file.is("md") && text.lines().any(|line| line.starts_with("```rust"))
    };
    let included = |path: &str| {
        let (library, included) = match path.strip_suffix("/README.md") {
            Some(folder) => (format!("{folder}/src/lib.rs"), "../README.md"),
            None if path == "README.md" => {
                ("crates/espalier/src/lib.rs".to_owned(), "../../../README.md")
            }
            None => return false,
        };
        let include = format!("include_str!(\"{included}\")");
        text(files, &library).is_some_and(|text| text.contains(&include))
    };
    let shown = files.iter().filter(shows).map(|file| file.path.as_str());
    let untested = shown.filter(|path| !included(path));
    untested.map(|path| format!("{path} has a rust block that no test compiles")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const README: &str = "# X\n\n```rust\nfn main() {}\n```\n";

    fn check(texts: &[(&str, &str)]) -> Vec<String> {
        let file = |(path, text): &(&str, &str)| File {
            path: (*path).to_owned(),
            text: Some((*text).to_owned()),
        };
        packages(&texts.iter().map(file).collect::<Vec<_>>())
    }

    #[test]
    fn a_complete_package_is_fine() {
        let found = check(&[
            ("Cargo.toml", "x = { version = \"0.1.0\", path = \"crates/x\" }\n"),
            ("crates/x/Cargo.toml", ""),
            ("crates/x/README.md", README),
            ("crates/x/LICENSE-MIT", ""),
            ("crates/x/LICENSE-APACHE", ""),
            ("crates/x/src/lib.rs", "#[doc = include_str!(\"../README.md\")]\nmod readme {}\n"),
            ("docs/a.md", "```text\nrust\n```\n"),
        ]);
        assert_eq!(found, Vec::<String>::new());
    }

    #[test]
    fn what_a_package_lacks_is_found() {
        let found = check(&[("crates/x/Cargo.toml", ""), ("xtask/Cargo.toml", "")]);
        assert_eq!(found.len(), NEEDED.len(), "{found:?}");
        assert_eq!(check(&[("Cargo.toml", "a = 1\nx = { path = \"x\" }\n")]).len(), 1);
    }

    #[test]
    fn rust_that_no_test_compiles_is_found() {
        for path in ["README.md", "docs/a.md", "crates/x/README.md"] {
            let found = check(&[(path, README), ("crates/x/src/lib.rs", "//! X.\n")]);
            assert_eq!(found.len(), 1, "{path}: {found:?}");
        }
    }
}
