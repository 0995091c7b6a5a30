//! `espalier state verify`.

use crate::args::ShowArgs;
use crate::console;
use crate::escape::line;
use crate::failure::Failure;
use crate::state::{missing_by_op, open};
use espalier::file::count;
use espalier::replica::VerifiedOp;
use espalier::store::{Audit, Loaded};
use serde_json::json;
use std::collections::BTreeSet;
use std::path::Path;

pub(crate) fn run(args: &ShowArgs, quiet: bool) -> Result<(), Failure> {
    let audit = open(&args.dir)?.verify()?;
    let passes = audit.passes();
    if args.json {
        console::print_json(&format!("{:#}\n", as_json(&audit)))?;
    } else if !quiet || !passes {
        console::print(&as_text(&audit, &args.dir))?;
    }
    if passes { Ok(()) } else { Err(Failure::Check) }
}

fn as_json(audit: &Audit) -> serde_json::Value {
    let Audit { loaded: Loaded { state, waiting, flaws }, missing, tensors } = audit;
    let flaw = |flaw: &espalier::store::Flaw| {
        json!({
            "file": flaw.file.to_string_lossy(),
            "problem": flaw.kind.to_string(),
            "harmless": flaw.kind.is_harmless(),
        })
    };
    let waits = |op: &VerifiedOp| json!({ "author": op.op().author, "seq": op.op().seq });
    json!({
        "pass": audit.passes(),
        "state_hash": state.state_hash(),
        "bound_root": state.bound_root(),
        "operations": state.op_count(),
        "tensors": tensors,
        "flaws": flaws.iter().map(flaw).collect::<Vec<_>>(),
        "missing": missing.iter().map(|missing| missing.content).collect::<BTreeSet<_>>(),
        "waiting": waiting.iter().map(waits).collect::<Vec<_>>(),
    })
}

fn as_text(audit: &Audit, dir: &Path) -> String {
    let Audit { loaded: Loaded { state, waiting, flaws }, missing, tensors } = audit;
    let mut text = String::new();
    let mut say = |said: String| text = std::mem::take(&mut text) + &line(&said) + "\n";
    for flaw in flaws {
        let word = if flaw.kind.is_harmless() { "note" } else { "FAIL" };
        say(format!("{word}: {}: {}", flaw.file.display(), flaw.kind));
    }
    for op in waiting {
        let (author, seq) = (op.op().author, op.op().seq);
        say(match state.accepts(&author) {
            true => {
                let last = state.last_seq(&author);
                format!("FAIL: operation {seq} of {author} waits for number {}", last + 1)
            }
            false => format!("note: {author} is not on the roster"),
        });
    }
    for (op, lacking) in missing_by_op(missing) {
        let lacking = count(lacking, "tensor");
        let of = op.and_then(|op| state.ops().find(|known| known.id() == op));
        say(match of.and_then(|op| Some((op.contribution()?, op.op().author))) {
            Some((contribution, author)) => {
                format!("FAIL: {lacking} missing of `{}` by {author}", contribution.name)
            }
            None => format!("FAIL: {lacking} missing of the base model"),
        });
    }
    say(format!("state hash {}", state.state_hash()));
    let whole = format!(
        "{} and {} are whole",
        count(state.op_count(), "operation"),
        count(*tensors, "tensor")
    );
    say(match audit.passes() {
        true => format!("PASS: {whole}"),
        false => format!("FAIL: {whole}, and something is lacking or damaged"),
    });
    if !audit.passes() {
        let dir = dir.display();
        say(format!("next: copy the rest again, or run `espalier state merge {dir} OTHER`"));
    }
    text
}
