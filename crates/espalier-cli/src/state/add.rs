//! `espalier state add`.

use super::change::{done, refused};
use crate::args::AddArgs;
use crate::console;
use crate::escape::line;
use crate::failure::Failure;
use crate::state::init::open_model;
use crate::state::{open, shown};
use espalier::file::count;
use espalier::replica::Draft;
use espalier::store::KeyFile;

pub(crate) fn run(args: &AddArgs, quiet: bool) -> Result<(), Failure> {
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
