//! The arrows between the folders of a crate. Rust lets every module of a crate use every other;
//! this keeps the top-level ones in layers, so that reading one needs only those below it.

use super::sources::rust;
use crate::workspace::File;

/// A crate whose top-level modules, folders and files directly below `src`, stand in layers.
struct Layered {
    /// The folder of its sources, with `/` at the end.
    src: &'static str,
    /// Bottom up. A module uses those of lower layers only; siblings never use each other. So there
    /// is no circle either.
    layers: &'static [&'static [&'static str]],
}

const CRATES: &[Layered] = &[
    Layered {
        src: "crates/espalier-identity/src/",
        layers: &[&["bounded", "canonical", "hex"], &["digest"], &["keys"]],
    },
    Layered {
        src: "crates/espalier-lattice/src/",
        layers: &[&["dot", "join"], &["vector"], &["context"]],
    },
    Layered { src: "crates/espalier-orset/src/", layers: &[&["dots", "read"]] },
    Layered { src: "crates/espalier-page/src/", layers: &[&["parts"], &["live"]] },
    Layered {
        src: "crates/espalier-provenance/src/",
        layers: &[&["content", "hash"], &["proof"], &["map"]],
    },
    Layered {
        src: "crates/espalier-reconcile/src/",
        layers: &[&["salt"], &["symbol", "walk"], &["encoder"], &["decoder"]],
    },
    Layered {
        src: "crates/espalier-topology/src/",
        layers: &[
            &["draw", "edge_list_error", "limits", "rows"],
            &["error", "regular"],
            &["edge_list"],
            &["network", "topology"],
            &["generate", "partition", "schedule", "spectral"],
            &["bound"],
        ],
    },
    Layered {
        src: "crates/espalier-trust/src/",
        layers: &[&["evidence", "fixed", "geometry"], &["attestation", "clock"], &["score"]],
    },
    Layered {
        src: "crates/espalier-file/src/",
        layers: &[
            &["count", "destination", "pending", "text", "write_error"],
            &["sink"],
            &["output"],
            &["folder", "write"],
        ],
    },
    Layered {
        src: "crates/espalier-tensor/src/",
        layers: &[
            &["dtype", "float16", "mapped", "random", "simd"],
            &["content", "float8", "foreign", "manifest"],
            &["convert", "error", "store"],
            &["model"],
            &["kernels", "schema"],
            &["safetensors"],
        ],
    },
    Layered {
        src: "crates/espalier-recipe/src/",
        layers: &[
            &["plan"],
            &["error"],
            &["layers", "yaml", "words"],
            &["field", "plan_error", "note"],
            &["parameter"],
            &["recipe"],
            &["builder", "config"],
            &["output_tensor"],
            &["build"],
        ],
    },
    Layered {
        src: "crates/espalier-merge/src/",
        layers: &[
            &["target", "layout", "out_adapter_error", "vocabulary_error"],
            &["error", "patterns"],
            &["adapter", "copied_files"],
            &["files"],
            &["aligned"],
            &["models", "tokens"],
            &["vocabulary", "same_tokens"],
            &["tokenizer", "merge", "replace"],
            &["config", "resume", "provenance", "verify"],
            &["folder", "out_adapter"],
            &["memory", "write"],
        ],
    },
    Layered {
        src: "crates/espalier-resolve/src/",
        layers: &[
            &["real"],
            &["parameters", "threshold"],
            &["methods"],
            &["policies"],
            &["robust"],
            &["strategies"],
            &["list"],
            &["plan"],
        ],
    },
    Layered {
        src: "crates/espalier-replica/src/",
        layers: &[
            &["mutants", "signed"],
            &["wire", "arena"],
            &["view", "counting", "error"],
            &["state"],
            &["gossip"],
        ],
    },
    Layered {
        src: "crates/espalier-node/src/",
        layers: &[&["config", "io"], &["gate", "links"], &["node"], &["trees"]],
    },
    Layered {
        src: "crates/espalier-store/src/",
        layers: &[&["error"], &["folder", "record"], &["key"]],
    },
    Layered {
        src: "crates/espalier-sim/src/",
        layers: &[
            &["mutants", "seeds", "tensors", "text", "error"],
            &["node"],
            &["attack"],
            &["config"],
            &["engine", "task"],
            &["course"],
            &["check", "world"],
            &["report"],
            &["run"],
            &["harness"],
            &["lab", "swarm"],
        ],
    },
    Layered {
        src: "crates/espalier-web/src/",
        layers: &[
            &["error", "limits"],
            &["access", "log", "models", "presets", "request"],
            &["work"],
            &["events"],
            &["run"],
            &["admission", "lab"],
            &["board"],
            &["app"],
            &[
                "assets",
                "middleware",
                "info",
                "lab_requests",
                "run_requests",
                "uploads",
                "work_requests",
            ],
            &["api"],
            &["server"],
        ],
    },
    Layered {
        src: "crates/espalier-cli/src/",
        layers: &[
            &["args", "escape", "heap", "signals"],
            &["failure"],
            &["console"],
            &["limits", "outputs"],
            &["model_file", "replay"],
            &[
                "byzantine",
                "exchanges",
                "key",
                "maelstrom",
                "man",
                "merge",
                "rounds",
                "scenario",
                "selfcheck",
                "serve",
                "state",
                "strategies",
                "swarm",
            ],
            &["simulate"],
            &["trace", "verify"],
            &["command_line"],
            &["main"],
        ],
    },
];

/// The file that declares the modules. It stands above all of them.
const ROOT: &str = "lib";

/// Imports that run up or sideways, and modules without a layer.
pub(super) fn arrows(files: &[File]) -> Vec<String> {
    CRATES.iter().flat_map(|layered| layered.arrows(files)).collect()
}

impl Layered {
    fn layer(&self, module: &str) -> Option<usize> {
        self.layers.iter().position(|layer| layer.contains(&module))
    }

    fn arrows(&self, files: &[File]) -> Vec<String> {
        let mut violations = Vec::new();
        for (path, text) in rust(files) {
            let Some(inside) = path.strip_prefix(self.src) else { continue };
            let place = Place::of(inside);
            if place.module == ROOT || place.is_test {
                continue;
            }
            if self.layer(place.module).is_none() {
                violations.push(format!("{path}:1: {} has no layer", place.module));
                continue;
            }
            for (line, target) in place.targets(text) {
                violations.extend(
                    self.forbidden(place.module, &target)
                        .map(|why| format!("{path}:{line}: {} -> {target}: {why}", place.module)),
                );
            }
        }
        violations
    }

    /// Why one module may not use another, if it may not.
    fn forbidden(&self, from: &str, to: &str) -> Option<String> {
        if from == to {
            return None;
        }
        let Some(below) = self.layer(to) else {
            return Some("by way of the crate's root, which is above; name its module".to_owned());
        };
        let above = self.layer(from)?;
        (below >= above).then(|| format!("layer {above} may not use layer {below}"))
    }
}

/// A file among the sources of a crate.
struct Place<'a> {
    /// The top-level module that it belongs to.
    module: &'a str,
    /// How many `super` lead from it to the crate's root.
    depth: usize,
    is_test: bool,
}

impl<'a> Place<'a> {
    /// `inside` is the path below `src`.
    fn of(inside: &'a str) -> Self {
        let path = inside.strip_suffix(".rs").unwrap_or(inside);
        let path = path.strip_suffix("/mod").unwrap_or(path);
        let mut parts = path.split('/');
        let module = parts.next().unwrap_or_default();
        let is_test = path.split('/').any(|part| part == "tests");
        Self { module, depth: 1 + parts.count(), is_test }
    }

    /// The top-level modules that the text names outside its tests, each with its line.
    fn targets(&self, text: &str) -> Vec<(usize, String)> {
        let code = code(text);
        let root = "super::".repeat(self.depth);
        let mut found = Vec::new();
        for mark in ["crate::", root.as_str()] {
            for (start, _) in code.match_indices(mark) {
                // `$crate::` and `super::super::` that lead further are other paths.
                let before = code[..start].chars().last();
                if before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | ':' | '$')) {
                    continue;
                }
                let line = |at: usize| code[..at].matches('\n').count() + 1;
                let names = names(&code, start + mark.len());
                found.extend(names.into_iter().map(|(at, name)| (line(at), name)));
            }
        }
        found.sort();
        found
    }
}

/// The first parts of the paths that go on at `at`: one name, or those of a list in braces, each
/// with its place.
fn names(code: &str, at: usize) -> Vec<(usize, String)> {
    let word = |at: usize| {
        let word = code[at..].chars().take_while(|c| c.is_alphanumeric() || *c == '_');
        word.collect::<String>()
    };
    if !code[at..].starts_with('{') {
        return vec![(at, word(at))];
    }
    let (mut depth, mut begins, mut found) = (0, false, Vec::new());
    for (offset, c) in code[at..].char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 1 => break,
            '}' => depth -= 1,
            ',' => {}
            c if c.is_whitespace() => continue,
            _ if begins => found.push((at + offset, word(at + offset))),
            _ => {}
        }
        begins = depth == 1 && matches!(c, '{' | ',');
    }
    found
}

/// The text with comments, and whatever is compiled for tests only, blanked out line by line.
fn code(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut skipped = Skipped::Nothing;
    for line in text.lines() {
        let body = line.trim_start();
        let indent = &line[..line.len() - body.len()];
        skipped = match skipped {
            Skipped::Nothing if body == "#[cfg(test)]" => Skipped::Item,
            Skipped::Nothing => {
                out.push_str(body.split("//").next().unwrap_or_default());
                Skipped::Nothing
            }
            Skipped::Item if body.starts_with("#[") => Skipped::Item,
            Skipped::Item if body.ends_with([';', ',', '}']) => Skipped::Nothing,
            // Formatted code closes an item where it began.
            Skipped::Item => Skipped::UpTo(format!("{indent}}}")),
            Skipped::UpTo(end) if line == end => Skipped::Nothing,
            Skipped::UpTo(end) => Skipped::UpTo(end),
        };
        out.push('\n');
    }
    out
}

/// What of a text is left out at the moment.
enum Skipped {
    Nothing,
    /// What comes next.
    Item,
    /// Everything up to this line.
    UpTo(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: Layered =
        Layered { src: "a/src/", layers: &[&["low"], &["mid", "side"], &["top"]] };

    fn check(path: &str, text: &str) -> Vec<String> {
        SMALL.arrows(&[File { path: path.to_owned(), text: Some(text.to_owned()) }])
    }

    #[test]
    fn lower_layers_and_ones_own_folder_are_fine() {
        for fine in [
            "use crate::low::Thing;",
            "use crate::low;",
            "use crate::{low::Thing, mid::part};",
            "use crate::mid::part::Piece;",
            "use super::other;",
            "use std::collections::BTreeMap;",
            "// use crate::top::Thing;",
            "//! See [`Thing`](crate::top::Thing).",
            "pub(crate) fn f() {}",
            "let x = $crate::top::f();",
        ] {
            assert_eq!(check("a/src/mid/part.rs", fine), Vec::<String>::new(), "{fine}");
        }
        assert!(check("a/src/lib.rs", "pub use crate::top::Thing;").is_empty());
        assert!(check("b/src/low.rs", "use crate::top::Thing;").is_empty(), "another crate");
    }

    #[test]
    fn imports_that_run_up_or_sideways_are_violations() {
        for wrong in [
            "use crate::top::Thing;",
            "use crate::side::Thing;",
            "use crate::top;",
            "use crate::Thing;",
            "fn f() -> crate::top::Thing {",
            "use crate::{low::Thing, top::Other};",
            "use crate::{\n    low::{Thing, more},\n    top::Other,\n};",
            "use super::super::top::Thing;",
            "pub(in crate::top) fn f() {}",
        ] {
            assert_eq!(check("a/src/mid/part.rs", wrong).len(), 1, "{wrong}");
        }
        assert_eq!(check("a/src/mid/mod.rs", "use super::top::Thing;").len(), 1);
        assert_eq!(check("a/src/mid.rs", "use super::top::Thing;").len(), 1);
        assert!(check("a/src/mid/mod.rs", "use super::low::Thing;").is_empty());
    }

    #[test]
    fn a_violation_names_file_and_line() {
        let found =
            check("a/src/low.rs", "//! Low.\n\nuse crate::{\n    low,\n    top::Thing,\n};\n");
        assert_eq!(found, ["a/src/low.rs:5: low -> top: layer 0 may not use layer 2"]);
    }

    #[test]
    fn tests_may_use_everything() {
        let inline = "#[cfg(test)]\nmod tests {\n    use crate::top::Thing;\n}\n";
        assert!(check("a/src/low.rs", inline).is_empty());
        let item = "#[cfg(test)]\nimpl Low {\n    fn f() -> crate::top::Thing {}\n}\n";
        assert!(check("a/src/low.rs", item).is_empty());
        let after = format!("{item}use crate::top::Thing;\n");
        assert_eq!(check("a/src/low.rs", &after).len(), 1, "code after the test");
        let line = "#[cfg(test)]\nuse crate::top::Thing;\n";
        assert!(check("a/src/low.rs", line).is_empty());
        let file = "#[cfg(test)]\nmod tests;\n\nuse crate::top::Thing;\n";
        assert_eq!(check("a/src/low.rs", file).len(), 1, "a file of tests ends at once");
        assert!(check("a/src/mid/tests.rs", "use crate::top::Thing;").is_empty());
    }

    #[test]
    fn every_module_has_a_layer() {
        assert_eq!(check("a/src/new/mod.rs", ""), ["a/src/new/mod.rs:1: new has no layer"]);
    }

    #[test]
    fn no_module_stands_in_two_layers() {
        for layered in CRATES {
            let mut all: Vec<_> = layered.layers.iter().copied().flatten().collect();
            let count = all.len();
            all.sort_unstable();
            all.dedup();
            assert_eq!(all.len(), count, "{}", layered.src);
        }
    }
}
