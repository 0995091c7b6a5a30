//! `espalier state merge`.

use crate::args::StateMergeArgs;
use crate::failure::Failure;
use crate::state::{open, say, shown};
use espalier::file::count;

pub(crate) fn run(args: &StateMergeArgs, quiet: bool) -> Result<(), Failure> {
    let folder = open(&args.dir)?;
    // All of them first: nothing is taken if one of them is not of this state.
    let others = args.others.iter().map(|other| open(other)).collect::<Result<Vec<_>, _>>()?;
    others.iter().try_for_each(|other| folder.check_same_policy(other))?;
    let mut text = String::new();
    for other in &others {
        let taken = folder.take_from(other)?;
        let (ops, tensors) = (count(taken.ops, "operation"), count(taken.tensors, "tensor"));
        let other = shown(other.path());
        text += &format!("took {ops} and {tensors} from {other}\n");
        if taken.damaged > 0 {
            let damaged = count(taken.damaged, "operation");
            text +=
                &format!("note: {damaged} damaged; `espalier state verify {other}` says which\n");
        }
        if taken.lacking > 0 {
            let lacking = count(taken.lacking, "tensor");
            text += &format!("note: {lacking} still missing; {other} does not have them whole\n");
        }
    }
    let state = folder.load()?.state;
    text += &format!("state hash {}\n", state.state_hash());
    text += &format!("next: espalier state show {}\n", shown(&args.dir));
    say(quiet, &text)
}
