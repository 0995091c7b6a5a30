//! Command lines by the thousand: all pairs of flags of every command, and random ones. No flag is
//! ignored in silence, nothing panics, and what is refused leaves nothing behind.

mod pairs;
mod random;

use clap::{Arg, ArgAction, Command};
use espalier_cli::{Understood, command, leaves, read};
use std::ffi::OsString;

/// A value of each flag that is not its default, by command and flag or by flag alone.
const SAMPLES: &[(&str, &str)] = &[
    ("simulate topology", "ring"),
    ("simulate json", "out.json"),
    ("trace topology", "ring"),
    ("trace model", "digits"),
    ("swarm topology", "ring"),
    ("byzantine topology", "ring"),
    ("exchanges topology", "ring"),
    ("rounds topology", "ring"),
    ("byzantine nodes", "12"),
    ("byzantine byzantine", "3"),
    ("byzantine seeds", "2"),
    ("byzantine retrain", "4:2"),
    ("byzantine model", "digits"),
    ("byzantine json", "out.json"),
    ("exchanges nodes", "9"),
    ("exchanges clock", "poisson"),
    ("exchanges json", "out.json"),
    ("rounds nodes", "9"),
    ("rounds json", "out.json"),
    ("rounds csv", "out.csv"),
    ("swarm replay", "regression.json"),
    ("verify report", "report.json"),
    ("verify recipe", "recipe.yaml"),
    ("man out", "pages"),
    ("merge paths", "recipe.yaml"),
    ("merge strategy", "linear"),
    ("merge base", "base.safetensors"),
    ("merge parameters", "normalize=false"),
    ("weights", "2"),
    ("merge output", "merged"),
    ("merge dtype", "float32"),
    ("merge out_adapter", "2"),
    ("missing", "base"),
    ("vocab", "union"),
    ("integers", "2"),
    ("memory", "50MB"),
    ("shard_size", "5MB"),
    ("strategies name", "ties"),
    ("state add model", "model.safetensors"),
    ("state add round", "3"),
    ("state init base", "base.safetensors"),
    ("members", "0101010101010101010101010101010101010101010101010101010101010101"),
    ("policy", "policy"),
    ("file", "ada.key"),
    ("dir", "team"),
    ("key", "ada.key"),
    ("name", "mine"),
    ("weight", "2"),
    ("others", "other"),
    ("output", "merged.safetensors"),
    ("save_model", "merged.safetensors"),
    ("nodes", "9"),
    ("rounds", "19"),
    ("schedule", "scheduled"),
    ("order", "synchronous"),
    ("exchange", "full-state"),
    ("wire", "frames"),
    ("seed", "7"),
    ("seeds", "3"),
    ("model", "synthetic:4x4"),
    ("strategy", "ties"),
    ("parameters", "accumulate=f64"),
    ("buffers", "mean"),
    ("honest_seeds", "4"),
    ("spread", "mild"),
    ("retrain", "3"),
    ("profile", "clustered"),
    ("late_joiners", "2@5"),
    ("partition", "2@3..5"),
    ("loss", "0.25"),
    ("duplicate", "0.125"),
    ("reorder", "0.5"),
    ("delay", "2"),
    ("crash", "0.0625"),
    ("outage", "0@3..6"),
    ("churn", "poisson:0.1:0.3"),
    ("retract", "3@6"),
    ("clock", "periodic"),
    ("period", "5s"),
    ("latency", "constant:20ms"),
    ("bandwidth", "2MB/s"),
    ("byzantine", "2"),
    ("attack", "nan"),
    ("metrics", "sample:3"),
    ("out", "folder"),
    ("log", "events.jsonl"),
    ("replay", "events.jsonl"),
    ("until", "5"),
    ("show", "1,2"),
    ("scenario", "scenario.toml"),
    ("report", "report.json"),
    ("evidence", "evidence.json"),
    ("minutes", "1"),
    ("port", "7000"),
    ("listen", "127.0.0.2"),
    ("token", "0123456789abcdef"),
    ("upload_limit", "7"),
    ("runs", "3"),
    ("workload", "broadcast"),
    ("period", "50"),
    ("shell", "bash"),
    ("threads", "3"),
];

/// The flags of a command, those of all commands included.
fn flags(command: &Command) -> Vec<Arg> {
    let all = command.get_arguments().filter(|arg| {
        !matches!(arg.get_action(), ArgAction::Help | ArgAction::HelpLong | ArgAction::HelpShort)
            && !matches!(arg.get_action(), ArgAction::Version)
    });
    all.cloned().collect()
}

/// The commands that do something, by their whole names.
fn commands() -> Vec<Command> {
    let mut command = command();
    command.build();
    let named = |(name, leaf): (String, &Command)| leaf.clone().name(&*name.leak());
    leaves(&command).into_iter().map(named).collect()
}

/// The words of a command's name.
fn name_words(command: &Command) -> Vec<String> {
    command.get_name().split(' ').map(str::to_owned).collect()
}

fn sample(command: &str, flag: &Arg) -> &'static str {
    let id = flag.get_id().as_str();
    let own = format!("{command} {id}");
    if (command, id) == ("maelstrom", "period") {
        return "50";
    }
    if !flag.get_action().takes_values() {
        return "";
    }
    let found = SAMPLES.iter().find(|(name, _)| *name == own);
    let found = found.or_else(|| SAMPLES.iter().find(|(name, _)| *name == id));
    found.unwrap_or_else(|| panic!("no sample for {own}: add one to the table")).1
}

/// The words that give a flag a value.
fn words(flag: &Arg, value: &str) -> Vec<String> {
    let takes = flag.get_action().takes_values();
    match flag.get_long() {
        None => vec![value.to_owned()],
        Some(long) if takes => vec![format!("--{long}={value}")],
        Some(long) => vec![format!("--{long}")],
    }
}

fn understand(words: &[String]) -> Result<Understood, (u8, String)> {
    let line = std::iter::once("espalier").chain(words.iter().map(String::as_str));
    read(line.map(OsString::from))
}
