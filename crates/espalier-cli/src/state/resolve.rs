//! `espalier state resolve`.

use crate::args::ResolveArgs;
use crate::escape::line;
use crate::failure::Failure;
use crate::model_file;
use crate::outputs::Outputs;
use crate::state::{advice, open, say, shown};
use anyhow::anyhow;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

pub(crate) fn run(args: &ResolveArgs, quiet: bool) -> Result<(), Failure> {
    let folder = open(&args.dir)?;
    if lies_in(&args.output, &args.dir) {
        let dir = args.dir.display();
        return Err(Failure::Input(anyhow!("--output: it lies in {dir}; name a file elsewhere")));
    }
    // Better to say so now than after a long merge.
    let outputs = Outputs::new(args.force).file("--output", Some(args.output.as_path())).open()?;
    let state = folder.load()?.state;
    let missing = folder.load_tensors(&state);
    state.measure_ahead();
    let merged = model_file::write(&state, &args.output, args.force).map_err(|failure| {
        let contents: BTreeSet<_> = missing.iter().map(|missing| missing.content).collect();
        let dir = args.dir.display();
        match contents.len() {
            0 => failure.within(dir.to_string()),
            some => failure.within(advice(&args.dir, some)),
        }
    })?;
    let quiet = quiet || outputs.to_stdout();
    let (voices, all) = (merged.voices, state.visible().count());
    let mut text = format!(
        "merged {voices} of {all} contributions by {} into {}\nstate hash {}\n",
        state.policy().strategy().name(),
        shown(&args.output),
        state.state_hash()
    );
    merged.notes.iter().for_each(|note| text += &format!("note: {}\n", line(note)));
    if voices < all {
        text += &format!("next: espalier state show {} says why not all\n", shown(&args.dir));
    }
    say(quiet, &text)
}

/// Whether a file lies in a folder, or would.
fn lies_in(file: &Path, folder: &Path) -> bool {
    let parent = file.parent().filter(|parent| !parent.as_os_str().is_empty());
    let parent = fs::canonicalize(parent.unwrap_or(Path::new(".")));
    let folder = fs::canonicalize(folder);
    matches!((parent, folder), (Ok(parent), Ok(folder)) if parent.starts_with(&folder))
}
