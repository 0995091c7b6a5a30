//! `espalier state`: the CRDT in a folder.

mod add;
mod change;
mod contributions;
mod init;
mod merge;
mod resolve;
mod retract;
mod roster;
mod show;
mod verify;

use crate::args::{StateArgs, StateCommand};
use crate::console;
use crate::escape::line;
use crate::failure::Failure;
use anyhow::anyhow;
use espalier::file::count;
use espalier::replica::OpId;
use espalier::store::{Folder, Missing, StoreError};
use std::collections::BTreeMap;
use std::path::Path;

pub(crate) fn run(args: &StateArgs, quiet: bool) -> Result<(), Failure> {
    match &args.command {
        StateCommand::Init(args) => init::run(args, quiet),
        StateCommand::Add(args) => add::run(args, quiet),
        StateCommand::Retract(args) => retract::run(args, quiet),
        StateCommand::Merge(args) => merge::run(args, quiet),
        StateCommand::Show(args) => show::run(args, quiet),
        StateCommand::Resolve(args) => resolve::run(args, quiet),
        StateCommand::Verify(args) => verify::run(args, quiet),
        StateCommand::Roster(args) => roster::run(args),
    }
}

/// Opens a folder; one that is not a state is told how to become one.
fn open(dir: &Path) -> Result<Folder, Failure> {
    Folder::open(dir).map_err(|error| match error {
        StoreError::NotAState(_) => {
            let begin = format!("begin one with `espalier state init {}`", dir.display());
            Failure::Input(anyhow!("{error}; {begin}, or copy one there"))
        }
        error => error.into(),
    })
}

fn say(quiet: bool, text: &str) -> Result<(), Failure> {
    if quiet { Ok(()) } else { console::print(text) }
}

/// A path as it may stand in a line.
fn shown(path: &Path) -> String {
    line(&path.to_string_lossy()).into_owned()
}

/// How many tensors of each contribution are missing; `None` stands for the base.
fn missing_by_op(missing: &[Missing]) -> BTreeMap<Option<OpId>, usize> {
    let mut counts = BTreeMap::new();
    for Missing { op, .. } in missing {
        *counts.entry(*op).or_default() += 1;
    }
    counts
}

/// What somebody should do about what is missing.
fn advice(dir: &Path, missing: usize) -> String {
    let them = count(missing, "tensor");
    let dir = shown(dir);
    format!("{them} missing: copy the rest, or run `espalier state merge {dir} OTHER`")
}
