//! What the compiler does not check: a list of named checks, each a pure function over data.

mod documents;
mod errors;
mod folders;
mod layers;
mod manifests;
mod packages;
mod sources;
mod tables;

use crate::workspace::{Places, Workspace};
use anyhow::{Result, bail};

/// A named rule of the repository.
struct Check {
    name: &'static str,
    rule: &'static str,
    violations: fn(&Workspace) -> Vec<String>,
}

const CHECKS: &[Check] = &[
    Check {
        name: "arrows",
        rule: "crates depend on lower layers only",
        violations: |workspace| layers::arrows(&workspace.members),
    },
    Check {
        name: "trees",
        rule: "the core stays small and pulls in nothing heavy",
        violations: layers::trees,
    },
    Check {
        name: "folders",
        rule: "modules of a crate that has layers use lower ones only; see tidy/folders.rs",
        violations: |workspace| folders::arrows(&workspace.files),
    },
    Check {
        name: "names",
        rule: "a public type is called as no public type of another library crate",
        violations: |workspace| errors::names(&workspace.files),
    },
    Check {
        name: "errors",
        rule: "public errors say who has to do something, and have codes of their own",
        violations: |workspace| errors::errors(&workspace.files),
    },
    Check {
        name: "headers",
        rule: "every source file opens with a `//!` that says what it is for",
        violations: |workspace| sources::headers(&workspace.files),
    },
    Check {
        name: "sizes",
        rule: "source files and lines stay short",
        violations: |workspace| sources::sizes(&workspace.files),
    },
    Check {
        name: "manifests",
        rule: "crates inherit lints, licence and publishing, and keep the bench harness off",
        violations: |workspace| manifests::manifests(&workspace.members),
    },
    Check {
        name: "packages",
        rule: "each crate can be used alone, and tests compile its examples",
        violations: |workspace| packages::packages(&workspace.files),
    },
    Check {
        name: "top-level",
        rule: "the visible top level holds only its fixed entries",
        violations: |workspace| sources::top_level(&workspace.files),
    },
    Check {
        name: "words",
        rule: "no paths of a build machine and nothing left unfinished",
        violations: |workspace| sources::words(&workspace.files),
    },
    Check {
        name: "phrases",
        rule: "documentation names numbers, and says `is not a`, not `is no`",
        violations: |workspace| sources::phrases(&workspace.files),
    },
    Check {
        name: "links",
        rule: "relative links in documents lead somewhere",
        violations: |workspace| documents::links(&workspace.files),
    },
    Check {
        name: "tables",
        rule: "tables in documents are shown as tables",
        violations: |workspace| tables::tables(&workspace.files),
    },
    Check {
        name: "glossary",
        rule: "docs/GLOSSARY.md is sorted and has each term once",
        violations: |workspace| documents::glossary(&workspace.files),
    },
    Check {
        name: "code-map",
        rule: "docs/ARCHITECTURE.md names the crates there are",
        violations: |workspace| documents::code_map(&workspace.files, &workspace.members),
    },
];

/// Runs every check, prints all violations, and fails if there is one.
pub(crate) fn run(places: &Places) -> Result<()> {
    let workspace = Workspace::read(&places.root)?;
    for note in sources::notes(&workspace.files) {
        println!("note: {note}");
    }
    let report = report(&workspace);
    if !report.is_empty() {
        for line in &report {
            println!("{line}");
        }
        bail!("tidy found {} violations", report.len());
    }
    println!("tidy: {} checks passed over {} files", CHECKS.len(), workspace.files.len());
    Ok(())
}

/// One line for each violation of any check.
fn report(workspace: &Workspace) -> Vec<String> {
    let mut lines = Vec::new();
    for check in CHECKS {
        for violation in (check.violations)(workspace) {
            lines.push(format!("{}: {violation} ({})", check.name, check.rule));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_repository_is_tidy() {
        let workspace = Workspace::read(&Places::find().unwrap().root).unwrap();
        let report = report(&workspace);
        assert!(report.is_empty(), "{}\nagain: cargo xtask tidy", report.join("\n"));
    }

    #[test]
    fn the_names_of_checks_are_unique() {
        let names: BTreeSet<_> = CHECKS.iter().map(|check| check.name).collect();
        assert_eq!(names.len(), CHECKS.len());
    }
}
