//! Parsing the command line, before anything runs.

use crate::args::{Cli, Command, rules};
use crate::failure::Failure;
use crate::{byzantine, exchanges, rounds, simulate, swarm, trace};
use clap::{CommandFactory as _, FromArgMatches as _};
use std::ffi::{OsStr, OsString};
use std::path::Path;

/// The definition of the command line.
#[must_use]
pub fn command() -> clap::Command {
    Cli::command()
}

/// The commands that do something, by their whole names: those that have no commands of their own.
#[must_use]
pub fn leaves(command: &clap::Command) -> Vec<(String, &clap::Command)> {
    let mut leaves = Vec::new();
    for part in command.get_subcommands().filter(|part| part.get_name() != "help") {
        let name = part.get_name();
        match part.has_subcommands() {
            false => leaves.push((name.to_owned(), part)),
            true => {
                let inner = self::leaves(part).into_iter();
                leaves.extend(inner.map(|(rest, leaf)| (format!("{name} {rest}"), leaf)));
            }
        }
    }
    leaves
}

/// Why words are not understood. Either way the exit code is 2.
pub(crate) enum Misread {
    /// They are not of the command line's form; help and version count here, too.
    Usage(clap::Error),
    /// A flag does not go with the others.
    Flags(String),
}

/// Reads words, and refuses flags that would have no effect.
pub(crate) fn words(words: impl IntoIterator<Item = OsString>) -> Result<Cli, Misread> {
    let mut command = Cli::command();
    let matches = command.try_get_matches_from_mut(attached(words)).map_err(Misread::Usage)?;
    rules::check(&command, &matches).map_err(Misread::Flags)?;
    Cli::from_arg_matches(&matches).map_err(|error| Misread::Usage(error.format(&mut command)))
}

/// Words in which a value that begins with a minus sign, such as -5%, is part of the word of its
/// flag: by itself it would be taken for a flag.
pub(crate) fn attached(words: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut all: Vec<OsString> = Vec::new();
    let mut flags_end = false;
    for word in words {
        flags_end |= word == "--";
        match all.last_mut() {
            Some(flag) if !flags_end && takes_a_value(flag) && is_negative(&word) => {
                flag.push("=");
                flag.push(word);
            }
            _ => all.push(word),
        }
    }
    all
}

/// Whether a word is a flag without a value.
fn takes_a_value(word: &OsStr) -> bool {
    word.to_str().is_some_and(|word| word.starts_with("--") && !word.contains('='))
}

/// Whether a word looks like a number below zero.
fn is_negative(word: &OsStr) -> bool {
    let digits = word.to_str().and_then(|word| word.strip_prefix('-'));
    digits.is_some_and(|digits| {
        let named = ["inf", "infinity", "nan"].iter().any(|name| digits.eq_ignore_ascii_case(name));
        named || digits.starts_with(|first: char| first.is_ascii_digit() || first == '.')
    })
}

/// A command line that can run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Understood {
    /// All that the flags say.
    pub flags: String,
    /// What is run, where that follows from flags and files: a configuration with all defaults.
    pub config: Option<String>,
    /// About how much there is to compute: nodes times rounds times runs times elements. `None`
    /// where the flags do not tell.
    pub effort: Option<u64>,
}

/// What a command line says; nothing is run or written. The first word is the program's name.
///
/// # Errors
/// The exit code, and what is wrong. Help and version have exit code 0.
pub fn read(line: impl IntoIterator<Item = OsString>) -> Result<Understood, (u8, String)> {
    let cli = words(line).map_err(|misread| match misread {
        Misread::Usage(error) => (error.exit_code() as u8, error.to_string()),
        Misread::Flags(problem) => (2, problem),
    })?;
    let flags = format!("{cli:?}");
    let planned = plan(&cli.command).map_err(|failure| {
        let (code, error) = failure.told();
        (code, error.map_or(String::new(), |error| format!("{error:#}")))
    })?;
    let (config, effort) = planned.unzip();
    Ok(Understood { flags, config, effort })
}

/// What would be run, and how much it is; `None` where files say so.
fn plan(command: &Command) -> Result<Option<(String, u64)>, Failure> {
    Ok(match command {
        Command::Simulate(args) if args.replay.is_some() => None,
        Command::Simulate(args) => match &args.scenario {
            Some(file) => {
                let scenario = crate::scenario::open(Path::new(file), args)?;
                let seeds = scenario.seeds.len() as u64;
                let runs = scenario.runs.iter().map(|run| run.config.effort());
                let effort = runs.fold(0, u64::saturating_add).saturating_mul(seeds);
                Some((format!("{scenario:?}"), effort))
            }
            None => {
                let config = simulate::of_flags(args)?;
                Some((format!("{config:?}"), config.effort()))
            }
        },
        Command::Trace(args) if args.report.is_some() => None,
        Command::Trace(args) => {
            let config = trace::configure_run(args)?;
            Some((format!("{config:?}"), config.effort()))
        }
        Command::Byzantine(args) => {
            let config = byzantine::configure(args)?;
            let cells = config.cells();
            let efforts = cells.iter().map(|cell| cell.config(&config).effort());
            Some((format!("{config:?}"), efforts.fold(0, u64::saturating_add)))
        }
        Command::Exchanges(args) => {
            let config = exchanges::configure(args)?;
            let runs = config.protocols.len() as u64 * (config.seeds.len() as u64 + 1);
            let effort = config.network.effort().saturating_mul(runs);
            Some((format!("{config:?}"), effort))
        }
        Command::Rounds(args) => {
            let config = rounds::configure(args)?;
            let nodes = config.nodes.iter().map(|n| u64::from(*n) * u64::from(*n)).sum::<u64>();
            let effort = nodes.saturating_mul(config.draws() as u64);
            Some((format!("{config:?}"), effort))
        }
        Command::Swarm(args) => {
            let seeds = args.seeds.map_or(1_000, u64::from);
            let fixed = swarm::fixed(args)?;
            let effort = fixed.as_ref().map_or(1 << 16, espalier::sim::Config::effort);
            Some((format!("{fixed:?}"), effort.saturating_mul(seeds)))
        }
        Command::Merge(_)
        | Command::Strategies(_)
        | Command::Verify(_)
        | Command::Serve(_)
        | Command::Key(_)
        | Command::State(_)
        | Command::Selfcheck
        | Command::Maelstrom(_)
        | Command::Completions { .. }
        | Command::Man { .. } => None,
    })
}
