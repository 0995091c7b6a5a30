//! `docs/ERRORS.md`: the codes of all errors of the library crates, from the source.

use crate::types::{Answer, PublicType, answer, public_types};
use crate::workspace::{File, Places, Workspace};
use anyhow::{Context as _, Result};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

/// Where the codes are listed.
pub(crate) const LIST: &str = "docs/ERRORS.md";

const HEAD: &str = "\
# Errors

Every public error of the library crates has two methods. `code()` returns a word that is stable
and that no other error has. `blame()` says who has to act on the error: `peer` (whoever sent or
wrote what was read), `caller`, `environment` (disk, memory, network), or `nobody` (the error goes
away when more data has arrived, or it is a defect). An error that wraps another one returns the
code of the one inside.

The exit code and the HTTP status follow from the blame. An answer of the page has the same
code; the codes that only the server gives are in [PAGE.md](PAGE.md):

| Blame | Exit code of the command | HTTP status of the page |
|---|---|---|
| peer | 2 | 400 |
| caller | 2 | 400 |
| environment | 3 | 507 |
| nobody | 3; 2 for a given state that cannot be merged | 500 |

Generated from the source by `cargo xtask errors`; `cargo xtask tidy` checks that it is current.
";

/// A code, and what is said of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Code<'a> {
    pub(crate) code: &'a str,
    pub(crate) blame: Option<&'a str>,
    pub(crate) meaning: &'a str,
    /// The type, and the variant if it has some.
    pub(crate) place: String,
}

/// The codes that a type gives itself; what it has from others is theirs.
pub(crate) fn codes(found: &PublicType) -> Vec<Code<'_>> {
    let code_of = |variant: &str, meaning, place| {
        let Answer::Word(code) = answer(found.code.as_ref()?, variant)? else { return None };
        let blame = match found.blame.as_ref().and_then(|all| answer(all, variant)) {
            Some(Answer::Word(blame)) => Some(blame.as_str()),
            _ => None,
        };
        Some(Code { code, blame, meaning, place })
    };
    let name = &found.name;
    match &found.variants {
        None => code_of("_", found.doc.as_str(), name.clone()).into_iter().collect(),
        Some(variants) => variants
            .iter()
            .filter_map(|(variant, doc)| code_of(variant, doc, format!("{name}::{variant}")))
            .collect(),
    }
}

/// Renews the list.
pub(crate) fn run(places: &Places) -> Result<()> {
    let workspace = Workspace::read(&places.root)?;
    let path = places.root.join(LIST);
    fs::write(&path, text(&workspace.files)).with_context(|| path.display().to_string())
}

/// What the list has to say.
pub(crate) fn text(files: &[File]) -> String {
    let types = public_types(files);
    let mut crates = BTreeMap::<&str, Vec<Code<'_>>>::new();
    for found in &types {
        crates.entry(&found.krate).or_default().extend(codes(found));
    }
    let mut text = HEAD.to_owned();
    for (krate, mut codes) in crates.into_iter().filter(|(_, codes)| !codes.is_empty()) {
        codes.sort_by_key(|code| code.code);
        let _ = write!(text, "\n## {krate}\n\n| Code | Blame | Meaning |\n|---|---|---|\n");
        for Code { code, blame, meaning, .. } in codes {
            let blame = blame.unwrap_or("?").to_lowercase();
            let _ = writeln!(text, "| `{code}` | {blame} | {} |", plain(meaning));
        }
    }
    text
}

/// Documentation without its links, as it can stand in a table.
fn plain(doc: &str) -> String {
    doc.replace("[`", "`").replace("`]", "`").replace('|', "\\|")
}
