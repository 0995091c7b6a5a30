//! All pairs of flags of every command.

use super::{commands, flags, name_words, sample, understand, words};
use crate::Place;
use clap::{Arg, Command};
use std::fmt::Write as _;

/// Flags that permit, and so need not change what is run.
const PERMITS: &[&str] = &["any_size", "threads", "quiet"];

const SCENARIO: &str = "title = \"t\"\nseeds = 2\n[defaults]\nmodel = \"synthetic:4\"\nnodes = 5\n\
                        [[run]]\nname = \"one\"\n";

/// Flags that stand in the help of a command, as they do in that of all, and that it refuses
/// because they would do nothing.
const NEVER: &[&str] = &[
    "strategies threads",
    "key new threads",
    "key show threads",
    "state init threads",
    "state add threads",
    "state retract threads",
    "state merge threads",
    "state verify threads",
    "state roster quiet",
    "state roster threads",
    "maelstrom quiet",
    "completions quiet",
    "completions threads",
    "man quiet",
    "man threads",
];

/// Every pair of flags of every command: an error, or both have an effect.
#[test]
fn every_flag_beside_every_other_has_an_effect_or_is_refused() {
    let place = Place::new();
    std::fs::write(place.path().join("scenario.toml"), SCENARIO).unwrap();
    let (mut pairs, mut refused, mut ignored) = (0, 0, String::new());
    let mut never = Vec::new();
    for command in commands() {
        let name = command.get_name();
        let flags = flags(&command);
        let value = |flag: &Arg| match flag.get_id().as_str() {
            // A file that is there.
            "scenario" => place.path().join("scenario.toml").display().to_string(),
            _ => sample(name, flag).to_owned(),
        };
        let line = |given: &[&Arg]| -> Vec<String> {
            let flags = given.iter().flat_map(|flag| words(flag, &value(flag)));
            name_words(&command).into_iter().chain(flags).collect()
        };
        // Some flags say something only next to another.
        let by = ["byzantine", "replay", "scenario", "fixed", "json", "clock", "shell", "workload"];
        let by = by.iter().chain(&["report", "evidence", "model", "recipe", "out_adapter"]);
        let beside = by.filter_map(|id| flags.iter().find(|flag| flag.get_id() == *id));
        // And some have to be there.
        let required: Vec<&Arg> = flags.iter().filter(|flag| flag.is_required_set()).collect();
        let alone = std::iter::once(required.clone());
        let mut beside: Vec<Vec<&Arg>> =
            alone.chain(beside.map(|flag| join(&required, &[flag]))).collect();
        // A merge has a strategy or a recipe, which has all that goes with a strategy.
        if name == "merge" {
            let with = flags.iter().filter(|flag| flag.get_id() == "strategy");
            beside.extend(with.map(|flag| join(&required, &[flag])));
        }
        // Runs of a swarm have a clock or liars only where they are fixed.
        if let Some(fixed) = flags.iter().find(|flag| flag.get_id() == "fixed") {
            let with = ["clock", "byzantine"];
            let with = with.iter().filter_map(|id| flags.iter().find(|flag| flag.get_id() == *id));
            beside.extend(with.map(|flag| vec![fixed, flag]));
        }
        for a in &flags {
            let alone = beside.iter().any(|base| understand(&line(&join(base, &[a]))).is_ok());
            if !alone {
                never.push(format!("{name} {}", a.get_id()));
            }
            for b in flags.iter().filter(|b| b.get_id() > a.get_id()) {
                for base in &beside {
                    pairs += 1;
                    let Ok(both) = understand(&line(&join(base, &[a, b]))) else {
                        refused += 1;
                        continue;
                    };
                    for (with, without) in [(a, b), (b, a)] {
                        let inside = base.iter().any(|flag| flag.get_id() == with.get_id());
                        let permits = PERMITS.contains(&with.get_id().as_str());
                        if let Ok(one) = understand(&line(&join(base, &[without])))
                            && !inside
                            && (one.flags == both.flags
                                || (describes(&command, with)
                                    && !permits
                                    && one.config == both.config))
                        {
                            let line = line(&join(base, &[a, b])).join(" ");
                            writeln!(ignored, "{line}: `{}` does nothing", with.get_id()).unwrap();
                        }
                    }
                }
            }
        }
    }
    // A flag of every command says that these do not take it.
    assert_eq!(never, NEVER);
    assert!(ignored.is_empty(), "{ignored}");
    assert!(pairs > 4_000 && refused > 1_000 && refused < pairs, "{refused} of {pairs}");
}

fn join<'a>(base: &[&'a Arg], more: &[&'a Arg]) -> Vec<&'a Arg> {
    let mut all = base.to_vec();
    for flag in more {
        if all.iter().all(|known| known.get_id() != flag.get_id()) {
            all.push(flag);
        }
    }
    all
}

/// Whether a flag says what is run, and not what becomes of it.
fn describes(command: &Command, flag: &Arg) -> bool {
    let outputs = [
        "out",
        "force",
        "json",
        "csv",
        "log",
        "save_model",
        "require_convergence",
        "until",
        "show",
        "replay",
        "minutes",
        "report",
        "evidence",
        "quiet",
        "threads",
        "any_size",
        "quick",
    ];
    let id = flag.get_id().as_str();
    let computes = ["simulate", "trace", "byzantine", "exchanges", "rounds"];
    computes.contains(&command.get_name()) && !outputs.contains(&id)
}
