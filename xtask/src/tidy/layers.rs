//! The arrows between crates, and what the core may never pull in.

use crate::workspace::{Member, Workspace};
use std::collections::BTreeSet;

/// What every crate may use, for it uses none: the words in which all of them blame.
const GROUND: &str = "espalier-blame";

/// Bottom up. A crate depends on lower layers only; siblings never import each other.
const LAYERS: &[&[&str]] = &[
    &["espalier-file", "espalier-lattice", "espalier-identity"],
    &[
        "espalier-orset",
        "espalier-trust",
        "espalier-provenance",
        "espalier-reconcile",
        "espalier-tensor",
        "espalier-topology",
    ],
    &["espalier-resolve"],
    &["espalier-replica", "espalier-page", "espalier-recipe"],
    &["espalier-node", "espalier-store", "espalier-merge"],
    &["espalier-sim", "espalier-net"],
    &["espalier"],
    &["espalier-web"],
    &["espalier-cli", "espalier-py"],
];

/// What stands beside the layers. Only tests may use the first; nothing may use the others.
const TESTKIT: &str = "espalier-testkit";
const TOOLS: &[&str] = &["benches", FUZZ, "xtask"];
/// Fuzz targets measure memory as the tests do.
const FUZZ: &str = "espalier-fuzz";

/// What a crate knows nothing of, although a lower layer has it.
const ABSENT: &[(&str, &str)] = &[
    ("espalier-orset", "espalier-identity"),
    ("espalier-provenance", "espalier-lattice"),
    ("espalier-topology", "espalier-lattice"),
    ("espalier-topology", "espalier-identity"),
    ("espalier-resolve", "espalier-orset"),
];

/// These crates are the core: pure, and usable alone.
const CORE: &[&str] = &[
    GROUND,
    "espalier-file",
    "espalier-lattice",
    "espalier-identity",
    "espalier-orset",
    "espalier-trust",
    "espalier-provenance",
    "espalier-reconcile",
    "espalier-tensor",
    "espalier-topology",
    "espalier-resolve",
    "espalier-replica",
    "espalier-recipe",
    "espalier-node",
];

/// The core under one name, and more only where a feature asks for it.
const FACADE: &str = "espalier";

/// Runtimes, sockets, pages and command lines: none of them without the facade's features.
const HEAVY: &[&str] = &["tokio", "iroh", "axum", "clap", "pyo3", "espalier-page"];

/// Crates that stay below so many crates in all, themselves included: the smallest useful one, and
/// all of the core.
const SMALL: &[(&str, usize)] = &[("espalier-orset", 20), (FACADE, 100)];

/// Violations of the arrows, each in one line.
pub(super) fn arrows(members: &[Member]) -> Vec<String> {
    let names: BTreeSet<&str> = members.iter().map(|member| member.name.as_str()).collect();
    let mut violations = Vec::new();
    for member in members {
        let from = member.name.as_str();
        let beside = from == GROUND || from == TESTKIT || TOOLS.contains(&from);
        if layer(from).is_none() && !beside {
            violations
                .push(format!("{from} has no layer; give it one in xtask/src/tidy/layers.rs"));
            continue;
        }
        for dependency in &member.dependencies {
            let to = dependency.name.as_str();
            if names.contains(to) {
                violations.extend(forbidden(from, to, dependency.dev));
            }
        }
    }
    violations
}

fn layer(name: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&name))
}

/// Why the arrow may not be, if it may not.
fn forbidden(from: &str, to: &str, dev: bool) -> Option<String> {
    if TOOLS.contains(&to) {
        return Some(format!("{from} -> {to}: nothing depends on {to}"));
    }
    if from == GROUND || from == TESTKIT || from == "xtask" {
        return Some(format!("{from} -> {to}: {from} stands apart from the layers"));
    }
    if from == "benches" || from == FUZZ || to == GROUND {
        return None;
    }
    if to == TESTKIT {
        return (!dev).then(|| format!("{from} -> {to}: only as a dev-dependency"));
    }
    if !dev && ABSENT.contains(&(from, to)) {
        return Some(format!("{from} -> {to}: {from} knows nothing of it"));
    }
    let (Some(above), Some(below)) = (layer(from), layer(to)) else { return None };
    let allowed = below < above || below == above && dev;
    let kind = if dev { "dev-dependency " } else { "" };
    (!allowed).then(|| format!("{kind}{from} -> {to}: layer {above} may not use layer {below}"))
}

/// Violations of the limits on what each core crate, and the facade without features, pulls in.
pub(super) fn trees(workspace: &Workspace) -> Vec<String> {
    let present = workspace.members.iter().map(|member| member.name.as_str());
    let mut violations = Vec::new();
    for name in present.filter(|name| CORE.contains(name) || *name == FACADE) {
        match workspace.tree(name) {
            Ok(tree) => violations.extend(tree_violations(name, &tree)),
            Err(error) => violations.push(format!("{name}: {error:#}")),
        }
    }
    violations
}

/// `tree` has one entry, `name vX.Y.Z`, for each crate that `name` pulls in, itself included.
fn tree_violations(name: &str, tree: &BTreeSet<String>) -> Vec<String> {
    let mut violations = Vec::new();
    let limit = SMALL.iter().find(|(small, _)| *small == name).map(|(_, limit)| *limit);
    if let Some(limit) = limit.filter(|limit| tree.len() >= *limit) {
        violations.push(format!("{name} pulls in {} crates; fewer than {limit}", tree.len()));
    }
    for found in tree {
        let found = found.split(' ').next().unwrap_or_default();
        let family = |heavy: &&str| {
            found.strip_prefix(heavy).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
        };
        if HEAVY.iter().any(family) {
            violations.push(format!("{name} pulls in {found}"));
        }
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Dependency;

    fn member(name: &str, normal: &[&str], dev: &[&str]) -> Member {
        let depend = |dev: bool| move |name: &&str| Dependency { name: (*name).to_owned(), dev };
        Member {
            name: name.to_owned(),
            dependencies: normal
                .iter()
                .map(depend(false))
                .chain(dev.iter().map(depend(true)))
                .collect(),
            ..Member::default()
        }
    }

    /// Violations when every crate named by an arrow is in the workspace.
    fn check(member: Member) -> Vec<String> {
        let mut members = vec![member];
        for dependency in members[0].dependencies.clone() {
            members.push(Member { name: dependency.name, ..Member::default() });
        }
        arrows(&members)
    }

    #[test]
    fn lower_layers_and_foreign_crates_are_fine() {
        let sim = member(
            "espalier-sim",
            &["espalier-replica", "espalier-lattice"],
            &["espalier-testkit"],
        );
        assert!(check(sim).is_empty());
        assert!(arrows(&[member("espalier-sim", &["serde", "rayon"], &["insta"])]).is_empty());
        assert!(check(member("benches", &["espalier", "espalier-testkit"], &[])).is_empty());
        let net = member("espalier-net", &["espalier-store", "espalier-node"], &[]);
        assert!(check(net).is_empty());
        assert!(check(member("espalier-trust", &[], &["espalier-tensor"])).is_empty());
        assert!(check(member("espalier-file", &["espalier-blame"], &[])).is_empty());
    }

    #[test]
    fn wrong_arrows_are_violations() {
        let wrong: &[(&str, &[&str], &[&str])] = &[
            ("espalier-lattice", &["espalier-orset"], &[]),
            ("espalier-trust", &["espalier-tensor"], &[]),
            ("espalier-net", &["espalier-sim"], &[]),
            ("espalier-store", &["espalier-net"], &[]),
            ("espalier-store", &["espalier-node"], &[]),
            ("espalier-orset", &["espalier-identity"], &[]),
            ("espalier-lattice", &[], &["espalier-replica"]),
            ("espalier-lattice", &["espalier-testkit"], &[]),
            ("espalier-testkit", &["espalier-lattice"], &[]),
            ("espalier-blame", &["espalier-file"], &[]),
            ("xtask", &["espalier-lattice"], &[]),
            ("espalier", &["benches"], &[]),
            ("espalier", &["espalier-cli"], &[]),
        ];
        for (from, normal, dev) in wrong {
            let found = check(member(from, normal, dev));
            assert_eq!(found.len(), 1, "{from} -> {normal:?} {dev:?}: {found:?}");
        }
    }

    #[test]
    fn a_crate_without_a_layer_is_a_violation() {
        assert_eq!(arrows(&[member("espalier-misc", &[], &[])]).len(), 1);
    }

    fn tree(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| format!("{name} v1.0.0")).collect()
    }

    #[test]
    fn heavy_crates_and_their_families_are_violations() {
        let found = tree_violations("espalier-tensor", &tree(&["serde", "tokio", "iroh-base"]));
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(tree_violations("espalier-tensor", &tree(&["clapper", "tokiox"])).is_empty());
    }

    #[test]
    fn small_crates_may_not_grow() {
        for &(small, limit) in SMALL {
            let names: Vec<String> = (0..limit).map(|index| format!("crate-{index}")).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            assert_eq!(tree_violations(small, &tree(&names)).len(), 1);
            assert!(tree_violations(small, &tree(&names[1..])).is_empty());
            assert!(tree_violations("espalier-replica", &tree(&names)).is_empty());
        }
    }
}
