//! `espalier trace`: how the state grew, in the terminal.

use crate::args::TraceArgs;
use crate::console;
use crate::failure::Failure;
use crate::limits::check_memory;
use crate::simulate::{configure, read_report, simulate};
use anyhow::Context as _;
use espalier::identity::Digest;
use espalier::sim::{Config, Family, Report, RetractSpec};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How many operations, nodes and rounds are listed at most; the report has all.
const SHOWN: usize = 50;

pub(crate) fn run(args: &TraceArgs, quiet: bool) -> Result<(), Failure> {
    let report = match &args.report {
        Some(path) => Report::from_json(&read_report(path)?)
            .with_context(|| format!("{} is not a report", path.display()))
            .map_err(Failure::Input)?,
        None => {
            let config = configure_run(args)?;
            check_memory(std::iter::once(config.clone()), &args.memory)?;
            simulate(&config, quiet, false)?
        }
    };
    if args.json {
        return console::print_json(&report.to_json());
    }
    console::print(&text(&report))
}

/// The small run that is traced.
pub(crate) fn configure_run(args: &TraceArgs) -> Result<Config, Failure> {
    let config = configure(&args.run, &args.end, 4, 6, Family::Synthetic(vec![16, 16]))?;
    if !args.run.retract.is_empty() || args.run.nodes.is_some() {
        return Ok(config);
    }
    // Without a removal the trace would show half of what a state can do, if there can be one.
    let removal = Config { retract: vec![RetractSpec { node: 1, round: 4 }], ..config.clone() };
    Ok(if removal.check_asked().is_ok() { removal } else { config })
}

fn text(report: &Report) -> String {
    let mut text = String::new();
    let mut section = |title: &str, body: String| {
        text.push_str(&format!("\n{}\n{body}", console::prose(title)));
    };
    section(
        "Provenance: the operations of the final state in their total order",
        provenance(report),
    );
    section("Merkle roots after each operation", roots(report));
    section("Nodes round by round: bytes of the serialised state, tombstones", sizes(report));
    section("Causal clock of each node at the end (- stands for a forked author)", clocks(report));
    section("Round trips: decode(encode(state)) has the same state hash", round_trips(report));
    text
}

fn short(digest: &Digest) -> String {
    digest.short()
}

fn provenance(report: &Report) -> String {
    let row = |op: &espalier::sim::TraceEntry| {
        vec![
            op.lamport.to_string(),
            short(&op.op),
            op.author.clone(),
            op.seq.to_string(),
            op.kind.clone(),
            op.content.as_ref().map_or("–".into(), short),
            op.weight.map_or("–".into(), |weight| format!("{weight}")),
            op.deps.to_string(),
            op.text.clone(),
        ]
    };
    let rows: Vec<_> = report.trace.iter().take(SHOWN).map(row).collect();
    let head = ["time", "op", "author", "seq", "kind", "content", "weight", "deps", "what"];
    let right = [true, false, false, true, false, false, true, true, false];
    console::fitted(2, &head, &right, &rows) + &more(report.trace.len())
}

fn roots(report: &Report) -> String {
    let row = |op: &espalier::sim::TraceEntry| {
        let [visible, gone] = [u64::from(op.visible), op.tombstones].map(|n| n.to_string());
        vec![short(&op.op), short(&op.state_hash), short(&op.bound_root), visible, gone]
    };
    let rows: Vec<_> = report.trace.iter().take(SHOWN).map(row).collect();
    let head = ["op", "state hash", "bound root", "visible", "tombstones"];
    console::fitted(1, &head, &[false, false, false, true, true], &rows) + &more(report.trace.len())
}

fn sizes(report: &Report) -> String {
    let shown = report.sampled_nodes.len().min(8);
    let mut head = vec!["round"];
    head.extend(report.sampled_nodes.iter().take(shown).map(String::as_str));
    let row = |round: &espalier::sim::Round| {
        let cell =
            |i: usize| format!("{} / {}", console::bytes(round.wire_bytes[i]), round.tombstones[i]);
        std::iter::once(round.round.to_string()).chain((0..shown).map(cell)).collect()
    };
    let rows: Vec<Vec<String>> = report.rounds.iter().take(SHOWN).map(row).collect();
    console::fitted(1, &head, &vec![true; shown + 1], &rows) + &more(report.rounds.len())
}

fn clocks(report: &Report) -> String {
    let Some(last) = report.rounds.last() else { return String::new() };
    let row = |(name, clock): (&String, &Arc<BTreeMap<String, i64>>)| {
        let tick = |(author, seq): (&String, &i64)| match seq {
            -1 => format!("{author}:-"),
            seq => format!("{author}:{seq}"),
        };
        vec![name.clone(), clock.iter().take(12).map(tick).collect::<Vec<_>>().join(" ")]
    };
    let rows: Vec<_> = report.sampled_nodes.iter().zip(&last.clock).take(SHOWN).map(row).collect();
    console::fitted(1, &["node", "clock"], &[false, false], &rows)
        + &more(report.sampled_nodes.len())
}

fn round_trips(report: &Report) -> String {
    let row = |proof: &espalier::sim::RoundTrip| {
        let verdict = if proof.pass { "PASS" } else { "FAIL" };
        let [before, after] = [&proof.before, &proof.after].map(short);
        vec![verdict.into(), proof.node.clone(), proof.form.clone(), before, after]
    };
    let rows: Vec<_> = report.round_trip.iter().take(SHOWN).map(row).collect();
    console::fitted(3, &["", "node", "form", "before", "after"], &[false; 5], &rows)
        + &more(report.round_trip.len())
}

fn more(total: usize) -> String {
    match total.saturating_sub(SHOWN) {
        0 => String::new(),
        rest => format!("… and {rest} more in the JSON report\n"),
    }
}
