//! Who may know who lies. Rust's privacy keeps the labels of the simulator inside one module; this
//! keeps the module from growing a door.

use super::sources::{contains, rust};
use crate::workspace::File;

/// The simulator's sources.
const SIMULATOR: &str = "crates/espalier-sim/src/";
/// The module that may know.
const HARNESS: &str = "crates/espalier-sim/src/harness/";
/// The type that knows.
const LABELS: &str = "Labels";

/// Places outside the harness that name the labels, and places inside that let them out.
pub(super) fn labels(files: &[File]) -> Vec<String> {
    let mut violations = Vec::new();
    for (path, text) in rust(files).filter(|(path, _)| path.starts_with(SIMULATOR)) {
        for (index, line) in text.lines().enumerate().filter(|(_, line)| contains(line, LABELS)) {
            let place = format!("{path}:{}", index + 1);
            if !path.starts_with(HARNESS) {
                violations.push(format!("{place} names {LABELS} outside the harness"));
            } else if lets_out(line) {
                violations.push(format!("{place} makes {LABELS} visible outside the harness"));
            }
        }
    }
    violations
}

/// Whether a line declares, returns or re-exports something for all of the crate.
fn lets_out(line: &str) -> bool {
    let line = line.trim_start();
    let public = line.strip_prefix("pub").is_some_and(|rest| !rest.starts_with("(super)"));
    // An argument, or a field that is private anyway, lets nothing out.
    let returned = line.split("->").nth(1).is_some_and(|result| contains(result, LABELS));
    public && (returned || !contains(line, "fn"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, text: &str) -> usize {
        labels(&[File { path: path.to_owned(), text: Some(text.to_owned()) }]).len()
    }

    #[test]
    fn naming_the_labels_elsewhere_is_a_violation() {
        for line in [
            "use crate::harness::labels::Labels;",
            "    labels: Labels,",
            "fn honest(labels: &Labels, node: usize) -> bool {",
            "/// See `Labels`.",
        ] {
            assert_eq!(check("crates/espalier-sim/src/world.rs", line), 1, "{line}");
            assert_eq!(check("crates/espalier-sim/src/attack/mod.rs", line), 1, "{line}");
            assert_eq!(check("crates/espalier-sim/src/harness/observe.rs", line), 0, "{line}");
            assert_eq!(check("crates/espalier-cli/src/main.rs", line), 0, "{line}");
        }
        assert_eq!(check("crates/espalier-sim/src/html.rs", "let axis = TickLabels::new();"), 0);
    }

    #[test]
    fn letting_the_labels_out_is_a_violation() {
        let inside = "crates/espalier-sim/src/harness/labels.rs";
        for line in [
            "pub(crate) struct Labels(Vec<Option<Attack>>);",
            "pub struct Labels(Vec<Option<Attack>>);",
            "pub(crate) use labels::Labels;",
            "    pub(crate) labels: Labels,",
            "    pub(crate) fn labels(&self) -> &Labels {",
            "pub(in crate) type Known = Labels;",
        ] {
            assert_eq!(check(inside, line), 1, "{line}");
        }
        for line in [
            "pub(super) struct Labels(Vec<Option<Attack>>);",
            "    labels: Labels,",
            "    pub(super) fn new(labels: Labels) -> Self {",
            "use labels::Labels;",
        ] {
            assert_eq!(check(inside, line), 0, "{line}");
        }
    }
}
