//! What every crate's `Cargo.toml` has to say.

use crate::workspace::Member;

/// Keys of `[package]` that come from the workspace.
const INHERITED: &[&str] = &["version", "edition", "rust-version", "license", "authors", "publish"];

/// The feature with deliberate bugs. Crates may pass it on, and nothing may turn it on.
const MUTANTS: &str = "mutants";

/// Violations in the manifests.
pub(super) fn manifests(members: &[Member]) -> Vec<String> {
    members.iter().flat_map(manifest).collect()
}

fn manifest(member: &Member) -> Vec<String> {
    let name = &member.name;
    let sections = sections(&member.manifest);
    let mut violations = Vec::new();
    for key in INHERITED {
        if !says(&sections, "[package]", &inherited(key)) {
            violations.push(format!("{name}: [package] lacks {key}.workspace = true"));
        }
    }
    if !says(&sections, "[lints]", &["workspace=true".to_owned()]) {
        violations.push(format!("{name}: [lints] lacks workspace = true"));
    }
    let off = ["bench=false".to_owned()];
    if member.has_lib && !says(&sections, "[lib]", &off) {
        violations.push(format!("{name}: [lib] lacks bench = false"));
    }
    let on = |section: &Section| {
        let named = |line: &&String| line.contains(MUTANTS);
        let wrong = |line: &&String| section.header != "[features]" || line.starts_with("default=");
        section.lines.iter().filter(named).any(|line| wrong(&line))
    };
    if sections.iter().any(on) {
        violations.push(format!("{name}: turns the feature {MUTANTS} on"));
    }
    let quiet = |section: &&Section| section.header == "[[bin]]" && section.says(&off);
    if sections.iter().filter(quiet).count() < member.bins {
        violations.push(format!("{name}: a [[bin]] lacks bench = false"));
    }
    violations
}

/// The two ways to write that a key is inherited.
fn inherited(key: &str) -> [String; 2] {
    [format!("{key}.workspace=true"), format!("{key}={{workspace=true}}")]
}

/// A header with the lines below it, without spaces and comments.
struct Section {
    header: String,
    lines: Vec<String>,
}

impl Section {
    fn says(&self, any_of: &[String]) -> bool {
        self.lines.iter().any(|line| any_of.contains(line))
    }
}

/// As much of TOML as these manifests use: one key in one line.
fn sections(manifest: &str) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    for line in manifest.lines() {
        let code = line.split('#').next().unwrap_or_default();
        let line: String = code.chars().filter(|c| !c.is_whitespace()).collect();
        if line.starts_with('[') {
            sections.push(Section { header: line, lines: Vec::new() });
        } else if let Some(section) = sections.last_mut() {
            section.lines.push(line);
        }
    }
    sections
}

fn says(sections: &[Section], header: &str, any_of: &[String]) -> bool {
    sections.iter().any(|section| section.header == header && section.says(any_of))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "\
[package]
name = \"espalier-x\"
version.workspace = true
edition.workspace = true
rust-version.workspace = true
license = { workspace = true }
authors.workspace = true
publish.workspace = true # not on the registry

[lib]
bench = false

[[bin]]
name = \"x\"
bench = false

[lints]
workspace = true
";

    fn check(manifest: &str) -> Vec<String> {
        let member = Member {
            name: "espalier-x".to_owned(),
            manifest: manifest.to_owned(),
            has_lib: true,
            bins: 1,
            ..Member::default()
        };
        manifests(&[member])
    }

    #[test]
    fn a_complete_manifest_is_fine() {
        assert_eq!(check(GOOD), Vec::<String>::new());
    }

    #[test]
    fn deliberate_bugs_are_passed_on_and_never_turned_on() {
        let with = |text: &str| check(&format!("{GOOD}\n{text}\n"));
        assert!(with("[features]\nmutants = [\"espalier-y/mutants\"]").is_empty());
        for wrong in [
            "[features]\ndefault = [\"mutants\"]",
            "[dependencies]\nespalier-y = { workspace = true, features = [\"mutants\"] }",
            "[dev-dependencies.espalier-y]\nfeatures = [\"mutants\"]",
        ] {
            assert_eq!(with(wrong), ["espalier-x: turns the feature mutants on"], "{wrong}");
        }
    }

    #[test]
    fn each_missing_line_is_a_violation() {
        let needed =
            GOOD.lines().filter(|line| line.contains("workspace") || line.contains("bench"));
        let mut seen = 0;
        for line in needed {
            let found = check(&GOOD.replacen(line, "", 1));
            assert_eq!(found.len(), 1, "without {line:?}: {found:?}");
            seen += 1;
        }
        assert_eq!(seen, INHERITED.len() + 3);
    }

    #[test]
    fn a_value_of_its_own_is_a_violation() {
        let found = check(&GOOD.replace("license = { workspace = true }", "license = \"MIT\""));
        assert_eq!(found.len(), 1, "{found:?}");
    }

    #[test]
    fn one_quiet_binary_does_not_excuse_another() {
        let noisy = Member {
            name: "x".to_owned(),
            manifest: GOOD.to_owned(),
            has_lib: true,
            bins: 2,
            ..Member::default()
        };
        assert_eq!(manifests(&[noisy]).len(), 1);
    }
}
