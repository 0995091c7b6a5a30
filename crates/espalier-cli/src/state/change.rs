//! `espalier state add` and `state retract`.

use crate::Failure;
use crate::args::{AddArgs, RetractArgs};
use crate::console;
use crate::escape::line;
use crate::state::init::open_model;
use crate::state::{open, say, shown};
use anyhow::anyhow;
use espalier::MergeState;
use espalier::file::count;
use espalier::lattice::Dot;
use espalier::replica::{ChangeError, Delta, Draft};
use espalier::store::{Folder, KeyError, KeyFile};
use std::path::Path;

pub(crate) fn add(args: &AddArgs, quiet: bool) -> Result<(), Failure> {
    let folder = open(&args.dir)?;
    let model = open_model(&args.model)?;
    let named = args.model.file_stem().unwrap_or_default().to_string_lossy();
    let name = args.name.clone().unwrap_or_else(|| named.into_owned());
    let (tensors, bytes) = (model.len(), console::bytes(model.manifest.byte_len()));
    // The key first: what another process signs with it has to be in what is read.
    let mut key = KeyFile::open(&args.key)?;
    let mut state = folder.load()?.state;
    let draft = Draft { round: args.round, ..Draft::new(&name, model).weight(args.weight) };
    let delta = key.publish(&folder, &mut state, |state, key| state.add(key, draft));
    let delta = delta.map_err(|error| refused(error, &args.key, &args.model))?;
    let tensors = count(tensors, "tensor");
    let (name, dir) = (line(&name), shown(&args.dir));
    let what = format!("added `{name}` to {dir}: {tensors}, {bytes}");
    done(&what, (&folder, &state, &key), &delta, quiet)
}

pub(crate) fn retract(args: &RetractArgs, quiet: bool) -> Result<(), Failure> {
    let folder = open(&args.dir)?;
    let mut key = KeyFile::open(&args.key)?;
    let mut state = folder.load()?.state;
    let author = key.peer_id();
    let mut others = Vec::new();
    let mut dots: Vec<Dot<_>> = Vec::new();
    for op in state.live().map(|entry| entry.op()).filter(|op| op.op().author == author) {
        let Some(contribution) = op.contribution() else { continue };
        match &args.name {
            Some(name) if *name != contribution.name => others.push(contribution.name.clone()),
            _ => dots.push(op.op().dot()),
        }
    }
    if dots.is_empty() {
        let dir = args.dir.display();
        let problem = match others.first() {
            Some(other) => format!("--name: yours in {dir} is called `{other}`"),
            None => format!("--key: this key has no contribution in {dir} to retract"),
        };
        return Err(Failure::Input(anyhow!(problem)));
    }
    let change = |state: &mut MergeState, key: &_| {
        let mut delta = Delta::default();
        for dot in &dots {
            delta.append(state.retract(key, *dot)?);
        }
        Ok(delta)
    };
    let delta = key.publish(&folder, &mut state, change);
    let delta = delta.map_err(|error| refused(error, &args.key, &args.dir))?;
    let gone = count(dots.len(), "contribution");
    let what = format!("retracted {gone} from {}", shown(&args.dir));
    done(&what, (&folder, &state, &key), &delta, quiet)
}

/// Names what a change was refused for.
fn refused(error: KeyError, key: &Path, what: &Path) -> Failure {
    let place = match &error {
        KeyError::Change(ChangeError::NotAdmitted { .. }) => format!("--key: {}", key.display()),
        KeyError::Change(_) => what.display().to_string(),
        _ => return error.into(),
    };
    Failure::from(error).within(place)
}

/// Says what a change did.
fn done(
    what: &str,
    (folder, state, key): (&Folder, &MergeState, &KeyFile),
    delta: &Delta,
    quiet: bool,
) -> Result<(), Failure> {
    let (dir, author) = (shown(folder.path()), key.peer_id());
    let seq = delta.ops().map(|op| op.op().seq).max().unwrap_or_default();
    let mut text = format!("{what}, as operation {seq} of {author}\n");
    text += &format!("state hash {}\n", state.state_hash());
    if state.evidence().convicts(&author) {
        text += "note: there is evidence against this key, so nothing it signs counts; make a new \
                 one with `espalier key new`\n";
    }
    if key.signs_elsewhere(folder) {
        text += "note: this key signs for states with other policies too; a key for each is safer, \
                 as operations that are copied from one to another could convict it\n";
    }
    text += &format!("next: espalier state show {dir}\n");
    say(quiet, &text)
}
