//! `espalier exchanges`.

use crate::args::ExchangesArgs;
use crate::console::{self, Cells};
use crate::failure::Failure;
use crate::limits::check_memory;
use crate::outputs::Outputs;
use espalier::file::count;
use espalier::sim::{
    Clock, Config, Estimate, Exchanges, ExchangesConfig, Protocol, ProtocolResult, run_exchanges,
};
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Mutex;

/// The most seeds of one comparison.
const MAX_SEEDS: u32 = 10_000;

pub(crate) fn run(args: &ExchangesArgs, quiet: bool) -> Result<(), Failure> {
    let config = configure(args)?;
    let runs = config.runs();
    check_memory(runs.iter().cloned(), &args.memory)?;
    let mut outputs = Outputs::new(args.force).file("--json", args.json.as_deref()).open()?;
    // What goes to standard output with `--json -` is JSON and nothing else.
    let quiet = quiet || outputs.to_stdout();
    // A probe for each protocol comes on top.
    let runs = config.protocols.len() * (config.seeds.len() + 1);
    let bar = Mutex::new(Cells::new(quiet, runs, 0));
    let watch = |protocol: Protocol| {
        if let Ok(mut bar) = bar.lock() {
            bar.done(&protocol.to_string());
        }
    };
    let result = run_exchanges(&config, &watch)?;
    drop(bar);
    outputs.write("--json", || result.to_json() + "\n");
    let written = outputs.done();
    if !quiet {
        console::print(&summary(&result))?;
    }
    written
}

pub(crate) fn configure(args: &ExchangesArgs) -> Result<ExchangesConfig, Failure> {
    let seeds = args.seeds.get();
    if seeds > MAX_SEEDS {
        let problem = format!("--seeds: must be 1 to {MAX_SEEDS}, not {seeds}");
        return Err(Failure::Input(anyhow::anyhow!(problem)));
    }
    let most = args.nodes.saturating_mul(20).saturating_add(200);
    let network = Config {
        nodes: args.nodes,
        rounds: args.rounds.map_or(most, |rounds| rounds.get()),
        topology: args.topology.clone(),
        model: args.model.clone(),
        loss: args.loss,
        latency: args.latency.clone(),
        ..Config::default()
    };
    let seeds = u64::from(seeds);
    if args.seed.checked_add(seeds).is_none() {
        let problem = format!("--seeds: {seeds} seeds from {} go beyond 2^64 - 1", args.seed);
        return Err(Failure::Input(anyhow::anyhow!(problem)));
    }
    if args.force && args.json.as_deref() == Some(Path::new("-")) {
        return Err(Failure::Input(anyhow::anyhow!("--force: there is no file to overwrite")));
    }
    let config = ExchangesConfig {
        network,
        clock: args.clock,
        protocols: Protocol::ALL.to_vec(),
        seeds: (args.seed..args.seed + seeds).collect(),
    };
    config.check()?;
    Ok(config)
}

/// The comparison as a table.
fn summary(all: &Exchanges) -> String {
    let Config { nodes, topology, model, loss, .. } = &all.config.network;
    let (each, least) = (console::bytes(all.model_bytes), console::bytes(all.optimum));
    let mut told = format!("{nodes} nodes, {topology}, {model} of {each}");
    if *loss > 0.0 {
        let _ = write!(told, ", {loss} of the messages lost");
    }
    let runs = all.config.seeds.len();
    let each = count(runs, "run");
    let _ = write!(
        told,
        "\n{each} each; means with 95 % confidence intervals. Bringing every contribution to every \
         node takes at least {least}\n\n"
    );
    let mut text = console::prose(&told);
    let head = [
        "exchange",
        "until all equal",
        "messages",
        "bytes",
        "× optimum",
        "tensors ×",
        "exact sets",
        "survives loss",
    ];
    let right = [false, true, true, true, true, true, false, false];
    let rows: Vec<_> = all.results.iter().map(|result| row(result, runs)).collect();
    text.push_str(&console::fitted(1, &head, &right, &rows));
    for left in &all.left_out {
        let told = format!("{} is left out: {}\n", left.protocol, left.reason);
        text.push_str(&console::prose(&told));
    }
    text
}

fn row(result: &ProtocolResult, runs: usize) -> Vec<String> {
    let unit = if result.clock == Clock::Rounds { "rounds" } else { "s" };
    let until = match &result.until_equal {
        None => "not equal".into(),
        Some(until) if (result.ended as usize) < runs => {
            format!("{} {unit} in {}", interval(until, 2), count(result.ended, "run"))
        }
        Some(until) => format!("{} {unit}", interval(until, 2)),
    };
    let of = |estimate: &Option<Estimate>, digits| {
        estimate.as_ref().map_or("–".into(), |estimate| interval(estimate, digits))
    };
    let bytes = result.bytes.map_or("–".into(), |bytes| console::bytes(bytes.mean as u64));
    let yes = |is: bool| if is { "yes" } else { "no" }.to_owned();
    vec![
        result.protocol.clone(),
        until,
        of(&result.messages, 0),
        bytes,
        of(&result.over_optimum, 3),
        of(&result.tensors_over_optimum, 3),
        yes(result.exact_sets),
        yes(result.survives_loss),
    ]
}

/// A mean, and half its interval if that is not nothing.
fn interval(estimate: &Estimate, digits: usize) -> String {
    let mean = format!("{:.digits$}", estimate.mean);
    match estimate.half_width {
        Some(half) if half > 0.0 => format!("{mean} ± {half:.digits$}"),
        _ => mean,
    }
}
