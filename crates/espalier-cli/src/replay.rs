//! `espalier simulate --log` and `--replay`.

use crate::args::SimulateArgs;
use crate::console;
use crate::failure::Failure;
use crate::limits::check_memory;
use crate::outputs::is_stdout;
use anyhow::{Context as _, anyhow};
use espalier::file::{Output, WriteError, count};
use espalier::sim::{self, Config, NodeView, Progress, Replayed, Report};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::ops::ControlFlow;
use std::path::Path;

/// The number of nodes shown if none is asked for.
const NODES_SHOWN: usize = 16;
/// This many nodes are set up for the shortest of logs.
const FEW_NODES: u64 = 64;
/// An event takes no fewer bytes in a log.
const LEAST_LINE: u64 = 24;
/// The largest number of names that a line lists.
const NAMES_SHOWN: usize = 12;

/// Runs a simulation and writes its event log. Returns, with the report, whether the log was
/// written.
pub(crate) fn record(
    config: &Config,
    log: Output,
    watch: &mut dyn FnMut(Progress) -> ControlFlow<()>,
) -> Result<(Report, Result<(), WriteError>), Failure> {
    let mut log = BufWriter::new(log);
    let (report, written) = sim::simulate_logged(config, &mut log, watch)?;
    let path = log.get_ref().path().to_owned();
    let whole = match written {
        Ok(()) => log.into_inner().map_err(|error| error.into_error()),
        Err(error) => {
            // What is left in the buffer is not tried again.
            drop(log.into_parts());
            Err(error)
        }
    };
    Ok((report, whole.map_err(WriteError::io(path)).and_then(Output::finish)))
}

/// Replays a log, compares, and shows nodes.
pub(crate) fn run(path: &Path, args: &SimulateArgs, quiet: bool) -> Result<(), Failure> {
    let to_stdout = args.json.as_deref().is_some_and(is_stdout);
    if let Some(file) = args.json.as_ref().filter(|_| !to_stdout) {
        let problem = format!("--json: a replay only prints JSON; use `-`, not {}", file.display());
        return Err(Failure::Input(anyhow!(problem)));
    }
    if quiet && !to_stdout && !args.show.is_empty() {
        return Err(Failure::Input(anyhow!("--show: does nothing with --quiet")));
    }
    let open = || {
        let file = File::open(path).with_context(|| format!("cannot read {}", path.display()));
        file.map(BufReader::new).map_err(Failure::Input)
    };
    let config = sim::config_of_log(open()?)?;
    check_memory(std::iter::once(config.clone()), &args.memory)?;
    check_length(path, &config)?;
    let file = open()?;
    let until = args.until.map(u64::from);
    let replayed = sim::replay(file, until)?;
    if replayed.divergence.is_none() && until.is_some_and(|until| replayed.events < until) {
        return Err(Failure::Input(anyhow!("--until: {}", end_of(&replayed))));
    }
    let nodes = chosen(&replayed, &args.show)?;
    if to_stdout {
        let json = serde_json::to_string_pretty(&nodes).map_err(Failure::environment)?;
        console::print_json(&format!("{json}\n"))?;
    } else if !quiet || replayed.divergence.is_some() {
        console::print(&text(&replayed, &nodes, until.is_some() || !args.show.is_empty()))?;
    }
    match replayed.divergence {
        Some(_) => Err(Failure::Check),
        None => Ok(()),
    }
}

/// Where a log ends, for somebody who looks beyond.
fn end_of(replayed: &Replayed) -> String {
    let events = count(replayed.events, "event");
    match &replayed.last {
        Some(last) => format!("the log ends after {events}, at {:.3} s", last.time as f64 / 1e6),
        None => format!("the log ends after {events}"),
    }
}

/// Refuses a log too short for the nodes it names: to set them up takes long, and the log
/// would end before all of them have done anything.
fn check_length(path: &Path, config: &Config) -> Result<(), Failure> {
    let bytes = std::fs::metadata(path).map_or(0, |data| data.len());
    if u64::from(config.nodes) <= (bytes / LEAST_LINE).max(FEW_NODES) {
        return Ok(());
    }
    let (nodes, path) = (config.nodes, path.display());
    Err(Failure::Input(anyhow!("{path} is too short to be a log of {nodes} nodes")))
}

fn chosen(replayed: &Replayed, show: &[String]) -> Result<Vec<NodeView>, Failure> {
    if show.is_empty() {
        return Ok(replayed.nodes().take(NODES_SHOWN).collect());
    }
    let find = |name: &String| {
        let number = name.strip_prefix("node_").unwrap_or(name).parse().ok();
        number.and_then(|number| replayed.node(number)).ok_or_else(|| {
            let most = replayed.node_count() - 1;
            Failure::Input(anyhow!(
                "--show: there is no node `{name}`; nodes are node_0 to node_{most}"
            ))
        })
    };
    show.iter().map(find).collect()
}

fn text(replayed: &Replayed, nodes: &[NodeView], show: bool) -> String {
    let mut text = String::new();
    if let Some(divergence) = &replayed.divergence {
        let or_end = |record: &Option<sim::Logged>| {
            record.map_or("nothing more".to_owned(), |record| record.to_string())
        };
        let _ = writeln!(text, "event {} differs", divergence.event);
        let _ = writeln!(text, "  in the log  {}", or_end(&divergence.logged));
        let _ = writeln!(text, "  now         {}", or_end(&divergence.happened));
    } else {
        let _ = writeln!(text, "{}, all as in the log", count(replayed.events, "event"));
    }
    if let Some(last) = &replayed.last {
        let _ = writeln!(text, "last: event {}, {last}", replayed.events);
    }
    if show {
        nodes.iter().for_each(|node| describe(node, &mut text));
    }
    text
}

fn describe(node: &NodeView, text: &mut String) {
    let down = if node.active { "" } else { ", inactive" };
    let _ = writeln!(text, "\n{}{down}", node.name);
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "  {name:<14} {value}");
    };
    let some = |values: Vec<String>| {
        let more = values.len().saturating_sub(NAMES_SHOWN);
        let shown = values.into_iter().take(NAMES_SHOWN).collect::<Vec<_>>().join(", ");
        if more > 0 { format!("{shown} and {more} more") } else { shown }
    };
    line("operations", node.operations.to_string());
    line("visible", some(node.visible.clone()));
    line("tombstones", node.tombstones.to_string());
    line("clock", some(node.clock.iter().map(|(who, seq)| format!("{who} {seq}")).collect()));
    let below = |trust: &BTreeMap<String, f64>| {
        let doubted = trust.iter().filter(|(_, trust)| **trust < 1.0);
        let doubted: Vec<_> = doubted.map(|(who, trust)| format!("{who} {trust:.3}")).collect();
        if doubted.is_empty() { "nobody".into() } else { some(doubted) }
    };
    line("trust below 1", node.trust.as_ref().map_or("not computed".into(), below));
    line("state hash", node.state_hash.to_string());
    line("bound root", node.bound_root.to_string());
}
