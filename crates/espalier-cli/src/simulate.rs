//! `espalier simulate`.

use crate::args::{EndArgs, RunArgs, SimulateArgs};
use crate::console::complain_of;
use crate::console::{self, Bar};
use crate::escape::line;
use crate::failure::Failure;
use crate::limits::check_memory;
use crate::outputs::Outputs;
use crate::{model_file, replay, scenario};
use anyhow::anyhow;
use espalier::file::{count, read_text};
use espalier::sim::{
    self, Config, Family, HTML_FILE, JSON_FILE, Progress, REPORT_FILES, Report,
    memory_side_by_side, nodes_of_folder,
};
use std::fmt::Write as _;
use std::ops::ControlFlow;
use std::path::Path;

/// The largest number of rounds that the summary lists.
const ROUNDS_SHOWN: usize = 12;
/// The largest number of notes that the summary lists.
const NOTES_SHOWN: usize = 8;
/// What stands in the place of a figure that nobody computed.
const NOT_COMPUTED: &str = "not computed";
/// The largest number of names that a line lists.
const NAMES_SHOWN: usize = 6;

pub(crate) fn run(args: &SimulateArgs, quiet: bool) -> Result<(), Failure> {
    if let Some(log) = &args.replay {
        return replay::run(log, args, quiet);
    }
    if let Some(file) = &args.scenario {
        return scenario::run(file, args, quiet);
    }
    let out = args.out.as_deref().unwrap_or(Path::new("espalier-report"));
    let config = of_flags(args)?;
    if args.save_model.is_some() && config.is_counted() {
        let problem = "--save-model: counted replicas merge no models; use --wire frames";
        return Err(Failure::Input(anyhow!(problem)));
    }
    check_memory(std::iter::once(config.clone()), &args.memory)?;
    // Better to say so now than after a long run.
    let mut outputs = Outputs::new(args.force)
        .folder(out, &REPORT_FILES)
        .file("--json", args.json.as_deref())
        .file("--log", args.log.as_deref())
        .file("--save-model", args.save_model.as_deref())
        .input("--model", model_file(&config))
        .open()?;
    let say = !quiet && !outputs.to_stdout();
    let mut ended = None;
    let mut progress = progress(&config, quiet, say);
    let mut watch = |moment: Progress| {
        if let Progress::Ended(state) = &moment {
            ended = Some(state.clone());
        }
        progress(moment)
    };
    let report = match outputs.take("--log") {
        None => sim::simulate(&config, &mut watch)?,
        Some(log) => {
            let (report, written) = replay::record(&config, log, &mut watch)?;
            outputs.keep("--log", written);
            report
        }
    };
    let page = outputs.keep("--out", sim::write_report(&report, out, args.force));
    outputs.write("--json", || report.to_json());
    // It is begun again once there is something to write.
    let model = outputs.take("--save-model").map(|begun| begun.path().to_owned());
    let saved = model.zip(ended).map(|(path, state)| model_file::write(&state, &path, args.force));
    let written = outputs.done();
    if say {
        console::print(&summary(&report))?;
    }
    if say && page {
        let page = out.join(HTML_FILE);
        console::print(&format!("\nOpen {} to see it.\n", line(&page.to_string_lossy())))?;
    }
    written?;
    saved.transpose().map_err(|failure| match failure.within("--save-model") {
        Failure::Input(no_model) => {
            complain_of(&no_model);
            Failure::Check
        }
        failure => failure,
    })?;
    if args.require_convergence && !report.summary.converged {
        let distinct = report.rounds.last().map_or(0, |round| round.distinct_states);
        console::complain(&format!(
            "not converged: {} after {}",
            count(distinct, "distinct state"),
            count(report.rounds.len() - 1, "round")
        ));
        return Err(Failure::Check);
    }
    if let (true, Some(problem)) = (args.require_convergence, &report.summary.no_model) {
        console::complain(&format!("converged, but there is no merged model: {problem}"));
        return Err(Failure::Check);
    }
    Ok(())
}

/// What `simulate` runs.
pub(crate) fn of_flags(args: &SimulateArgs) -> Result<Config, Failure> {
    configure(&args.run, &args.end, 8, 20, Family::Digits)
}

/// Flags to a configuration; a folder of models says how many nodes there are.
pub(crate) fn configure(
    args: &RunArgs,
    end: &EndArgs,
    nodes: u32,
    rounds: u32,
    model: Family,
) -> Result<Config, Failure> {
    let family = args.model.clone().unwrap_or(model);
    let folder = nodes_of_folder(&family)?;
    let config = args.config(folder.unwrap_or(nodes), rounds, family).map_err(Failure::usage)?;
    let config = end.of(config);
    config.check_asked()?;
    Ok(config)
}

/// The text of a report: a file, or `report.json` in a folder.
pub(crate) fn read_report(path: &Path) -> Result<String, Failure> {
    let path = if path.is_dir() { path.join(JSON_FILE) } else { path.to_owned() };
    read_text(&path, sim::MAX_REPORT_LEN)
        .map_err(|error| Failure::from(error).within(format!("cannot read {}", path.display())))
}

/// Runs with a progress bar. With `say` it first says what it runs, the seed included, so that a
/// run that does not end can be repeated.
pub(crate) fn simulate(config: &Config, quiet: bool, say: bool) -> Result<Report, Failure> {
    Ok(sim::simulate(config, &mut progress(config, quiet, say))?)
}

fn progress(config: &Config, quiet: bool, say: bool) -> impl FnMut(Progress) -> ControlFlow<()> {
    let mut bar = Bar::new(quiet);
    let announcement = say.then(|| announce(config));
    move |progress| {
        let line = match (&announcement, &progress) {
            (Some(text), Progress::Training) => Some(console::prose(&format!("{text}\n"))),
            (Some(_), Progress::Note(note)) => Some(format!("note: {}\n", line(note))),
            _ => None,
        };
        // A reader who has gone away is noticed when the summary is printed.
        let _ = line.map(|line| console::print(&line));
        bar.watch(progress)
    }
}

/// The file that a run reads its model from.
pub(crate) fn model_file(config: &Config) -> Option<&Path> {
    match &config.model {
        Family::Path(path) => Some(Path::new(path)),
        _ => None,
    }
}

/// A run that needs more memory says so before it begins.
const LARGE: u64 = 1 << 30;

fn announce(config: &Config) -> String {
    let Config { nodes, model, strategy, topology, rounds, seed, .. } = config;
    let model = model.to_string();
    let model = line(&model);
    let up_to = if config.until_converged { "up to " } else { "" };
    let need = memory_side_by_side(std::iter::once(config.clone()));
    let memory = match need > LARGE {
        true => format!(", about {} of memory", console::bytes(need)),
        false => String::new(),
    };
    format!(
        "{nodes} nodes, {model}, {strategy} over {topology}, {up_to}{}, seed {seed}{memory}",
        count(*rounds, "round")
    )
}

/// Names, and how many more there are.
fn some_of(names: &[String]) -> String {
    let shown = names.iter().take(NAMES_SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(NAMES_SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

/// The run in a screenful.
pub(crate) fn summary(report: &Report) -> String {
    let mut text = String::from("\n");
    text.push_str(&rounds(report));
    text.push('\n');
    // A value is one line, whatever the names of files and tensors in it say.
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "{name:<22} {}", crate::escape::line(&value));
    };
    let summary = &report.summary;
    let topology = &report.topology;
    let bounds = format!("theory {} to {}", topology.rounds_lower, topology.rounds_upper);
    line(
        "converged",
        match summary.rounds_to_converge {
            Some(round) => format!("yes, from round {round} on ({bounds})"),
            None => {
                let distinct = report.rounds.last().map_or(0, |round| round.distinct_states);
                format!("no, {} at the end ({bounds})", count(distinct, "distinct state"))
            }
        },
    );
    line("state hash", summary.final_state_hash.to_string());
    line("merged model", merged_model(report));
    if report.model.base_accuracy.is_some() && summary.final_accuracy.is_none() {
        let why = if summary.no_model.is_some() { "none" } else { NOT_COMPUTED };
        line("accuracy", why.into());
    }
    if let (Some(merged), Some(alone)) = (summary.final_accuracy, &report.model.alone_accuracy) {
        let mean = alone.iter().sum::<f64>() / alone.len() as f64;
        let best = alone.iter().copied().fold(0.0, f64::max);
        let alone = format!("alone: {} mean, {} best", percent(mean), percent(best));
        line("accuracy", format!("{} merged ({alone})", percent(merged)));
    }
    // Before everything has reached everybody the ratio says nothing.
    let optimum = summary.bytes_over_optimum.filter(|_| summary.converged);
    let optimum = optimum.map(|ratio| format!(", {ratio:.2} × the least possible"));
    let sent = console::bytes(summary.sent_bytes);
    let exchanges = count(summary.exchanges, "exchange");
    line("sent", format!("{sent} in {exchanges}{}", optimum.unwrap_or_default()));
    if !report.round_trip.is_empty() {
        let passed = report.round_trip.iter().filter(|proof| proof.pass).count();
        line("round trips", format!("{passed} of {} pass", report.round_trip.len()));
    }
    if report.sampled_nodes.is_empty() {
        let why = "per-node figures not computed (too many nodes, or --metrics off)";
        line("figures", why.into());
    } else if report.sampled_nodes.len() < report.nodes.len() {
        let (sampled, all) = (report.sampled_nodes.len(), report.nodes.len());
        line(
            "figures",
            format!("mean L2, accuracy and isolated above are for {sampled} of {all} nodes"),
        );
    }
    line("isolated", isolated(report));
    if let Some(detection) = summary.detection {
        let recall = percent(detection.recall);
        let precision = match detection.precision {
            Some(precision) => format!("{} of the isolated are liars", percent(precision)),
            None => "nobody is isolated".into(),
        };
        line("liars found", format!("{recall}; {precision}"));
    }
    let notes = report.notes();
    notes.iter().take(NOTES_SHOWN).for_each(|note| line("note", note.clone()));
    if notes.len() > NOTES_SHOWN {
        line("", format!("and {} in the report", count(notes.len() - NOTES_SHOWN, "more note")));
    }
    text
}

/// The root of the merged model, or why there is none.
fn merged_model(report: &Report) -> String {
    let summary = &report.summary;
    match (summary.final_model_hash, &summary.no_model) {
        (Some(hash), _) => hash.to_string(),
        (None, Some(problem)) => format!("none: {problem}"),
        (None, None) => NOT_COMPUTED.into(),
    }
}

/// Whom the merge leaves out, as far as somebody looked.
fn isolated(report: &Report) -> String {
    let Some(isolated) = &report.summary.isolated else { return NOT_COMPUTED.into() };
    let names: Vec<_> = isolated.iter().map(|name| report.label(name)).collect();
    match &report.summary.not_judged {
        Some(why) if names.is_empty() => format!("not judged: {why}"),
        Some(why) => format!("{}; the others were not judged: {why}", some_of(&names)),
        None if names.is_empty() => "nobody".into(),
        None => some_of(&names),
    }
}

/// The rounds up to convergence, or a selection of them.
fn rounds(report: &Report) -> String {
    let until = report.summary.rounds_to_converge.map_or(report.rounds.len(), |r| r as usize + 1);
    let step = until.div_ceil(ROUNDS_SHOWN).max(1);
    let shown = |at: usize| at.is_multiple_of(step) || at + 1 == until;
    let mut rows = Vec::new();
    for (_, round) in report.rounds.iter().take(until).enumerate().filter(|(at, _)| shown(*at)) {
        let known = || round.task_accuracy.iter().flatten().copied();
        let accuracy = known().count();
        let mean = known().sum::<f64>() / accuracy.max(1) as f64;
        rows.push(vec![
            round.round.to_string(),
            round.distinct_states.to_string(),
            round.mean_pairwise_l2.map_or("–".into(), |l2| format!("{l2:.4}")),
            if accuracy > 0 { percent(mean) } else { "–".into() },
            console::bytes(round.sent_bytes),
            round.isolated.as_ref().map_or("–".into(), |isolated| isolated.len().to_string()),
        ]);
    }
    let head = ["round", "states", "mean L2", "accuracy", "sent", "isolated"];
    console::fitted(1, &head, &[true; 6], &rows)
}
