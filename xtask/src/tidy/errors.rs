//! Public types of the library crates: names that mean one thing, and errors that say whose they
//! are and which.

use crate::errors::{LIST, codes, text};
use crate::types::{Answer, PublicType, public_types};
use crate::workspace::File;
use std::collections::BTreeMap;

/// Public types of the same name in several library crates.
pub(super) fn names(files: &[File]) -> Vec<String> {
    let types = public_types(files);
    let mut crates = BTreeMap::<&str, Vec<&str>>::new();
    for found in &types {
        let crates = crates.entry(&found.name).or_default();
        if !crates.contains(&found.krate.as_str()) {
            crates.push(&found.krate);
        }
    }
    let several = crates.into_iter().filter(|(_, crates)| crates.len() > 1);
    several.map(|(name, crates)| format!("{name} is in {}", crates.join(" and in "))).collect()
}

/// Errors that do not say what they have to say, and a list of codes that is not up to date.
pub(super) fn errors(files: &[File]) -> Vec<String> {
    let types = public_types(files);
    let errors = types.iter().filter(|found| found.is_error || found.name.ends_with("Error"));
    let mut violations = Vec::new();
    let mut places = BTreeMap::<&str, String>::new();
    for found in errors {
        let PublicType { path, name, .. } = found;
        violations.extend(faults(found).map(|fault| format!("{path}: {name} {fault}")));
        for code in codes(found) {
            if !is_kebab(code.code) {
                violations.push(format!("{path}: `{}` is not in kebab case", code.code));
            }
            if code.blame.is_none() {
                violations.push(format!("{path}: {} does not say whose it is", code.place));
            }
            if let Some(other) = places.insert(code.code, code.place.clone()) {
                let both = format!("{other} and {}", code.place);
                violations.push(format!("{path}: `{}` is the code of {both}", code.code));
            }
        }
    }
    let list = files.iter().find(|file| file.path == LIST);
    if list.is_some_and(|list| list.text.as_deref() != Some(text(files).as_str())) {
        violations.push(format!("{LIST} is not up to date: cargo xtask errors"));
    }
    violations
}

/// What an error lacks.
fn faults(found: &PublicType) -> impl Iterator<Item = &'static str> {
    let unclear = |answers: &Option<BTreeMap<_, _>>| {
        answers.iter().flat_map(BTreeMap::values).any(|answer| *answer == Answer::Unclear)
    };
    [
        (found.blame.is_none(), "has no method blame"),
        (found.code.is_none(), "has no method code"),
        (found.variants.is_some() && !found.non_exhaustive, "is not #[non_exhaustive]"),
        (
            unclear(&found.blame),
            "has a blame that is neither a variant nor that of an error inside",
        ),
        (unclear(&found.code), "has a code that is neither a text nor that of an error inside"),
    ]
    .into_iter()
    .filter_map(|(lacking, fault)| lacking.then_some(fault))
}

fn is_kebab(code: &str) -> bool {
    let word = |word: &str| {
        !word.is_empty() && word.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
    };
    code.split('-').all(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(texts: &[(&str, &str)]) -> Vec<File> {
        let file = |(path, text): &(&str, &str)| File {
            path: (*path).to_owned(),
            text: Some((*text).to_owned()),
        };
        texts.iter().map(file).collect()
    }

    const GOOD: &str = r#"//! X.
/// Why not.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum XError {
    /// It is [`Nothing`].
    ///
    /// More.
    Empty,
    /// Another.
    Inner(Inner),
    /// Two | bars.
    Two { a: u8 },
}
impl XError {
    pub fn blame(&self) -> Blame {
        match self {
            Self::Inner(error) => error.blame(),
            Self::Empty | Self::Two { .. } => Blame::Peer,
        }
    }
    pub fn code(&self) -> &'static str {
        match self {
            Self::Empty => "x-empty",
            Self::Inner(error) => error.code(),
            Self::Two { .. } => "x-two",
        }
    }
}
"#;

    #[test]
    fn an_error_that_says_everything_is_fine_and_listed() {
        let good = files(&[("crates/x/src/lib.rs", GOOD)]);
        assert_eq!(errors(&good), Vec::<String>::new());
        let listed = text(&good);
        assert!(listed.contains("\n## x\n"), "{listed}");
        assert!(listed.contains("| `x-empty` | peer | It is `Nothing`. |\n"), "{listed}");
        assert!(listed.contains("| `x-two` | peer | Two \\| bars. |\n"), "{listed}");
        let stale = files(&[("crates/x/src/lib.rs", GOOD), (LIST, "# Errors\n")]);
        assert_eq!(errors(&stale), ["docs/ERRORS.md is not up to date: cargo xtask errors"]);
    }

    #[test]
    fn what_an_error_lacks_is_found() {
        let found = |text: &str| errors(&files(&[("crates/x/src/a.rs", text)]));
        let bare = "//! X.\n#[derive(thiserror::Error)]\npub enum Bad { A }\n";
        assert_eq!(found(bare).len(), 3, "{:?}", found(bare));
        assert_eq!(found("//! X.\npub struct BadError;\nimpl Error for BadError {}\n").len(), 2);
        assert!(found("//! X.\n#[derive(thiserror::Error)]\nenum Bad { A }\n").is_empty());
        let unclear = GOOD.replace("Self::Inner(error) => error.blame()", "_ => blamed()");
        assert_eq!(found(&unclear).len(), 1, "{:?}", found(&unclear));
        assert_eq!(found(&GOOD.replace("x-two", "x_two")).len(), 1);
        assert_eq!(found(&GOOD.replace("x-two", "x-empty")).len(), 1);
        let guarded = GOOD.replace(
            "            Self::Inner(error) => error.blame(),",
            "            Self::Inner(Inner::A) => Blame::Nobody,\n            \
             Self::Inner(error) => error.blame(),",
        );
        assert!(found(&guarded)[0].contains("has a blame that is neither"), "two blames");
    }

    #[test]
    fn two_crates_may_not_give_one_name_to_two_types() {
        let found = names(&files(&[
            ("crates/x/src/lib.rs", "//! X.\npub struct A;\npub enum B {}\nstruct C;\n"),
            ("crates/x/src/b.rs", "//! X.\npub trait B {}\n"),
            ("crates/y/src/lib.rs", "//! Y.\nmod a { pub type A = u8; }\npub struct C;\n"),
            ("crates/y/src/b.rs", "//! Y.\n#[cfg(test)]\nmod tests { pub struct B; }\n"),
            ("crates/espalier-cli/src/lib.rs", "//! Z.\npub struct A;\n"),
            ("crates/y/tests/it.rs", "//! Y.\npub struct B;\n"),
        ]));
        assert_eq!(found, ["A is in x and in y"]);
    }
}
