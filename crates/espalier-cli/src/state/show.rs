//! `espalier state show`.

use crate::args::ShowArgs;
use crate::console;
use crate::failure::Failure;
use crate::state::contributions::{self, Shown};
use crate::state::{self, advice, open, say};
use espalier::file::count;
use espalier::identity::{Digest, PeerId};
use espalier::store::Loaded;
use serde::Serialize;
use std::collections::BTreeSet;

/// The state as JSON has it.
#[derive(Serialize)]
struct State {
    policy_hash: Digest,
    state_hash: Digest,
    bound_root: Digest,
    contributions: Vec<Shown>,
    members: BTreeSet<PeerId>,
    /// Addresses of tensors.
    missing: BTreeSet<Digest>,
    tombstones: u64,
}

pub(crate) fn run(args: &ShowArgs, quiet: bool) -> Result<(), Failure> {
    let folder = open(&args.dir)?;
    let Loaded { state, waiting, flaws } = folder.load()?;
    let missing = folder.load_tensors(&state);
    let shown = State {
        policy_hash: state.policy().hash(),
        state_hash: state.state_hash(),
        bound_root: state.bound_root(),
        contributions: contributions::of(&state, &missing),
        members: state.roster(),
        missing: missing.iter().map(|missing| missing.content).collect(),
        tombstones: state.tombstones(),
    };
    if args.json {
        let json = serde_json::to_string_pretty(&shown).map_err(Failure::environment)?;
        return console::print_json(&format!("{json}\n"));
    }
    let dir = state::shown(&args.dir);
    let mut text = String::new();
    let mut line = |name: &str, value: String| text += &format!("{name:<14} {value}\n");
    let members = match state.policy().spec().roster.is_empty() {
        true => "open to everybody".to_owned(),
        false => count(shown.members.len(), "member"),
    };
    line("policy", format!("{}, {members}", state.policy().strategy()));
    line("policy hash", shown.policy_hash.to_string());
    line("state hash", shown.state_hash.to_string());
    line("bound root", shown.bound_root.to_string());
    line("operations", state.op_count().to_string());
    line("tombstones", shown.tombstones.to_string());
    if !missing.is_empty() {
        line("missing", advice(&args.dir, shown.missing.len()));
    }
    if !waiting.is_empty() || !flaws.is_empty() {
        let waiting = count(waiting.len(), "operation");
        let files = count(flaws.len(), "file");
        line("passed over", format!("{waiting} that wait for others, {files} of no use"));
        line("", format!("`espalier state verify {dir}` says which"));
    }
    let next = match shown.contributions.iter().any(|shown| shown.in_merge) {
        true => format!("next: espalier state resolve {dir} -o merged.safetensors\n"),
        false if shown.contributions.is_empty() => {
            format!("next: espalier state add {dir} MODEL --key FILE\n")
        }
        false => String::new(),
    };
    if !shown.contributions.is_empty() {
        text = text + "\n" + &table(&shown.contributions) + "\n";
    }
    say(quiet, &(text + &next))
}

fn table(contributions: &[Shown]) -> String {
    let row = |shown: &Shown| {
        vec![
            shown.author.short(),
            shown.name.clone(),
            shown.weight.to_string(),
            shown.trust.map_or("–".into(), |trust| format!("{trust:.3}")),
            shown.reason.clone().unwrap_or_else(|| "yes".into()),
        ]
    };
    let rows: Vec<_> = contributions.iter().map(row).collect();
    let head = ["author", "name", "weight", "trust", "merged"];
    console::fitted(2, &head, &[false, false, true, true, false], &rows)
}
