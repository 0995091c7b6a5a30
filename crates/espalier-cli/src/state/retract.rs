//! `espalier state retract`.

use super::change::{done, refused};
use crate::args::RetractArgs;
use crate::failure::Failure;
use crate::state::{open, shown};
use anyhow::anyhow;
use espalier::MergeState;
use espalier::file::count;
use espalier::lattice::Dot;
use espalier::replica::Delta;
use espalier::store::KeyFile;

pub(crate) fn run(args: &RetractArgs, quiet: bool) -> Result<(), Failure> {
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
