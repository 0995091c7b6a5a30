//! Folders and key files, from outside.

mod folders;
mod hostile;
mod keys;

use espalier_store::Folder;
use espalier_store::identity::Keypair;
use espalier_store::replica::{Draft, MergeState, Policy, PolicySpec};
use espalier_store::tensor::Model;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A folder for a test, and states in it.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(TempDir::new().expect("a folder"))
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn begin(&self, name: &str) -> Folder {
        Folder::create(self.at(name), policy(), None).expect("begins")
    }
}

fn policy() -> Policy {
    Policy::new(PolicySpec::any_schema()).expect("valid")
}

fn key(number: u8) -> Keypair {
    Keypair::from_seed([number; 32])
}

/// Two tensors, one of which several models share.
fn model(value: f32) -> Model {
    Model::from_f32(&[("w", &[2], &[value, 1.0]), ("shared", &[1], &[7.0])]).expect("fits")
}

/// Makes a change to a state and writes it down, without a key file.
fn write(folder: &Folder, change: impl FnOnce(&mut MergeState)) -> MergeState {
    let mut state = folder.load().expect("lists").state;
    let before = state.clone();
    change(&mut state);
    for op in state.since(&before).ops() {
        for meta in op.contribution().into_iter().flat_map(|c| c.manifest.tensors()) {
            let content = state.arena().store().get(&meta.content).expect("in the arena");
            folder.put_tensor(&content).expect("writes");
        }
        folder.put_op(op).expect("writes");
    }
    state
}

fn add(folder: &Folder, author: u8, value: f32) {
    write(folder, |state| {
        state.add(&key(author), Draft::new("mine", model(value))).expect("legal");
    });
}

/// Copies every file, as `cp -r` does.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("makes");
    for entry in fs::read_dir(from).expect("lists") {
        let entry = entry.expect("an entry");
        let to = to.join(entry.file_name());
        match entry.path().is_dir() {
            true => copy(&entry.path(), &to),
            false => fs::copy(entry.path(), to).map(drop).expect("copies"),
        }
    }
}

/// All files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).expect("lists") {
        let path = entry.expect("an entry").path();
        if path.is_dir() { all.extend(files(&path)) } else { all.push(path) }
    }
    all.sort();
    all
}
