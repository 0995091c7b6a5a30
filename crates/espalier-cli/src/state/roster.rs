//! `espalier state roster`.

use crate::args::RosterArgs;
use crate::console;
use crate::escape::line;
use crate::failure::Failure;
use crate::state::open;
use espalier::store::Loaded;

/// Who may contribute, and who has.
pub(crate) fn run(args: &RosterArgs) -> Result<(), Failure> {
    let Loaded { state, .. } = open(&args.dir)?.load()?;
    let mut text = String::new();
    if state.policy().spec().roster.is_empty() {
        text += "open to everybody; these have signed something:\n";
    }
    for member in state.roster() {
        let mut names = state.live().map(|entry| entry.op());
        let own = names.find(|op| op.op().author == member);
        let what = match own.and_then(|op| op.contribution()) {
            _ if state.evidence().convicts(&member) => "convicted".to_owned(),
            Some(contribution) => format!("`{}`", line(&contribution.name)),
            None => "nothing".into(),
        };
        text += &format!("{member}  {what}\n");
    }
    console::print(&text)
}
