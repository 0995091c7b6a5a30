//! Which flags go together: a flag that is given has an effect or is refused.
//!
//! A command runs in one of several modes. The table lists the flag that chooses each mode and the
//! flags that the mode heeds; a test fails for a flag that is in no mode. Checks that depend on
//! values, and not on flags alone, are made where the values are read.

use clap::ArgMatches;
use clap::parser::ValueSource;

/// The flags of a command.
pub(crate) struct Rules {
    /// The name of the command, with that of the one it is part of.
    pub(crate) command: &'static str,
    /// The modes. The last one has no flag that chooses it, unless one of the flags is required.
    pub(crate) modes: &'static [Mode],
    /// Flags that do nothing on their own.
    needs: &'static [Need],
    /// Flags that say the same in two ways.
    apart: &'static [(&'static str, &'static str)],
}

/// A way in which a command runs.
pub(crate) struct Mode {
    /// The flag that chooses it.
    pub(crate) by: Option<&'static str>,
    /// The flags that it heeds.
    pub(crate) heeds: &'static [&'static [&'static str]],
}

/// A flag, and the flags of which it needs at least one.
struct Need {
    flag: &'static str,
    one_of: &'static [&'static str],
}

/// The flags that every command that computes heeds.
const GLOBAL: &[&str] = &["quiet", "threads"];
/// What commands heed that compute nothing on several threads.
const QUIET: &[&str] = &["quiet"];
/// For commands that only print.
const QUIET_JSON: Need = Need { flag: "quiet", one_of: &["json"] };
/// What a merge heeds, with a recipe or without.
const MERGE: &[&str] = &[
    "paths",
    "output",
    "missing",
    "vocab",
    "integers",
    "memory",
    "provenance",
    "seed",
    "shard_size",
    "out_adapter",
    "save_modules",
    "dry_run",
    "json",
    "force",
];
/// The flags that describe a run, except its seed.
const RUN: &[&str] = &[
    "nodes",
    "rounds",
    "topology",
    "schedule",
    "order",
    "exchange",
    "model",
    "strategy",
    "parameters",
    "buffers",
    "spread",
    "retrain",
    "profile",
    "no_attest",
    "late_joiners",
    "partition",
    "loss",
    "duplicate",
    "reorder",
    "delay",
    "crash",
    "outage",
    "churn",
    "retract",
    "clock",
    "period",
    "latency",
    "bandwidth",
    "byzantine",
    "attack",
    "metrics",
];
/// When a run ends, and how messages are sent.
const END: &[&str] = &["until_converged", "wire"];
const ATTACK: Need = Need { flag: "attack", one_of: &["byzantine"] };
const MEMORY: &[&str] = &["any_size"];

const fn only(heeds: &'static [&'static [&'static str]]) -> Mode {
    Mode { by: None, heeds }
}

const fn by(flag: &'static str, heeds: &'static [&'static [&'static str]]) -> Mode {
    Mode { by: Some(flag), heeds }
}

/// All commands.
pub(crate) const RULES: &[Rules] = &[
    Rules {
        command: "simulate",
        modes: &[
            by("replay", &[GLOBAL, MEMORY, &["until", "show", "json"]]),
            by(
                "scenario",
                &[
                    GLOBAL,
                    MEMORY,
                    &["seeds", "seed", "out", "force", "json", "require_convergence"],
                ],
            ),
            only(&[
                GLOBAL,
                MEMORY,
                RUN,
                END,
                &["seed", "out", "force", "json", "save_model", "require_convergence", "log"],
            ]),
        ],
        needs: &[ATTACK],
        apart: &[],
    },
    Rules {
        command: "trace",
        modes: &[by("report", &[&["json"]]), only(&[GLOBAL, MEMORY, RUN, END, &["seed", "json"]])],
        needs: &[ATTACK, QUIET_JSON],
        apart: &[],
    },
    Rules {
        command: "byzantine",
        modes: &[only(&[
            GLOBAL,
            MEMORY,
            &["quick", "attack", "byzantine", "spread", "topology", "nodes", "seeds", "seed"],
            &["honest_seeds", "model", "profile", "retrain", "no_attest", "out", "force", "json"],
        ])],
        needs: &[],
        apart: &[],
    },
    Rules {
        command: "exchanges",
        modes: &[only(&[
            GLOBAL,
            MEMORY,
            &["nodes", "topology", "model", "loss", "clock", "latency", "seeds", "seed"],
            &["rounds", "json", "force"],
        ])],
        needs: &[Need { flag: "force", one_of: &["json"] }],
        apart: &[],
    },
    Rules {
        command: "rounds",
        modes: &[only(&[
            GLOBAL,
            &["nodes", "topology", "order", "seeds", "seed", "json", "csv", "force"],
        ])],
        needs: &[Need { flag: "force", one_of: &["json", "csv"] }],
        apart: &[],
    },
    Rules {
        command: "swarm",
        modes: &[
            by("replay", &[GLOBAL]),
            by("fixed", &[GLOBAL, MEMORY, RUN, &["seed", "seeds", "minutes", "out"]]),
            only(&[GLOBAL, &["seed", "seeds", "minutes", "out"]]),
        ],
        needs: &[ATTACK],
        apart: &[("seeds", "minutes")],
    },
    Rules {
        command: "verify",
        modes: &[
            by("evidence", &[&["quiet"]]),
            by("recipe", &[GLOBAL, &["report", "precise", "missing", "vocab", "integers", "seed"]]),
            by("report", &[GLOBAL, MEMORY]),
        ],
        needs: &[],
        apart: &[],
    },
    Rules {
        command: "merge",
        modes: &[
            by(
                "strategy",
                &[GLOBAL, MERGE, &["precise", "base", "parameters", "weights", "dtype"]],
            ),
            only(&[GLOBAL, MERGE, &["precise"]]),
        ],
        needs: &[Need { flag: "save_modules", one_of: &["out_adapter"] }],
        apart: &[("out_adapter", "shard_size")],
    },
    Rules {
        command: "strategies",
        modes: &[only(&[QUIET, &["name", "json"]])],
        needs: &[QUIET_JSON],
        apart: &[],
    },
    Rules {
        command: "serve",
        modes: &[only(&[GLOBAL, &["port", "listen", "token", "upload_limit", "runs"]])],
        needs: &[],
        apart: &[],
    },
    Rules {
        command: "key new",
        modes: &[only(&[QUIET, &["file", "json"]])],
        needs: &[],
        apart: &[],
    },
    Rules {
        command: "key show",
        modes: &[only(&[QUIET, &["file", "json"]])],
        needs: &[QUIET_JSON],
        apart: &[],
    },
    Rules {
        command: "state init",
        modes: &[
            by("policy", &[QUIET, &["dir", "base"]]),
            only(&[QUIET, &["dir", "strategy", "parameters", "base", "members"]]),
        ],
        needs: &[],
        apart: &[],
    },
    Rules {
        command: "state add",
        modes: &[only(&[QUIET, &["dir", "model", "key", "name", "weight", "round"]])],
        needs: &[],
        apart: &[],
    },
    Rules {
        command: "state retract",
        modes: &[only(&[QUIET, &["dir", "key", "name"]])],
        needs: &[],
        apart: &[],
    },
    Rules {
        command: "state merge",
        modes: &[only(&[QUIET, &["dir", "others"]])],
        needs: &[],
        apart: &[],
    },
    Rules {
        command: "state show",
        modes: &[only(&[GLOBAL, &["dir", "json"]])],
        needs: &[QUIET_JSON],
        apart: &[],
    },
    Rules {
        command: "state resolve",
        modes: &[only(&[GLOBAL, &["dir", "output", "force"]])],
        needs: &[],
        apart: &[],
    },
    Rules {
        command: "state verify",
        modes: &[only(&[QUIET, &["dir", "json"]])],
        needs: &[],
        apart: &[],
    },
    Rules { command: "state roster", modes: &[only(&[&["dir"]])], needs: &[], apart: &[] },
    Rules { command: "selfcheck", modes: &[only(&[GLOBAL])], needs: &[], apart: &[] },
    Rules {
        command: "maelstrom",
        modes: &[only(&[&["workload", "period", "threads"]])],
        needs: &[],
        apart: &[],
    },
    Rules { command: "completions", modes: &[only(&[&["shell"]])], needs: &[], apart: &[] },
    Rules { command: "man", modes: &[only(&[&["out"]])], needs: &[], apart: &[] },
];

impl Mode {
    fn heeds(&self, flag: &str) -> bool {
        self.by == Some(flag) || self.heeds.iter().any(|list| list.contains(&flag))
    }
}

/// Refuses a flag that would have no effect next to the others.
///
/// # Errors
/// A message that says what is wrong and what to do instead.
pub(crate) fn check(command: &clap::Command, matches: &ArgMatches) -> Result<(), String> {
    let (mut command, mut matches, mut name) = (command, matches, String::new());
    while let Some((part, inner)) = matches.subcommand() {
        let Some(found) = command.find_subcommand(part) else { return Ok(()) };
        (command, matches, name) = (found, inner, format!("{name} {part}"));
    }
    let rules = RULES.iter().find(|rules| rules.command == name.trim_start());
    let Some(rules) = rules else { return Ok(()) };
    let flags = command.get_arguments().map(|flag| flag.get_id().as_str());
    let is_given = |id: &str| {
        let known = matches.ids().any(|known| known.as_str() == id);
        known && matches.value_source(id) == Some(ValueSource::CommandLine)
    };
    // Those of all commands are not among a command's own.
    let given: Vec<&str> = flags.chain(GLOBAL.iter().copied()).filter(|id| is_given(id)).collect();
    let shown = |id: &str| shown(command, id);
    let chosen = |mode: &&Mode| mode.by.is_none_or(|flag| given.contains(&flag));
    let Some(mode) = rules.modes.iter().find(chosen) else {
        let ways: Vec<_> = rules.modes.iter().filter_map(|mode| mode.by).map(shown).collect();
        return Err(format!("nothing to do: give {}", ways.join(" or ")));
    };
    for &flag in &given {
        if !mode.heeds(flag) {
            return Err(format!("{}: {}", shown(flag), why_not(rules, mode, flag, &shown)));
        }
        let need = rules.needs.iter().find(|need| need.flag == flag);
        if let Some(need) = need.filter(|need| !need.one_of.iter().any(|id| given.contains(id))) {
            let others: Vec<_> = need.one_of.iter().map(|id| shown(id)).collect();
            return Err(format!("{}: does nothing without {}", shown(flag), others.join(" or ")));
        }
        let other = rules.apart.iter().find(|(first, _)| *first == flag);
        if let Some((_, other)) = other.filter(|(_, other)| given.contains(other)) {
            return Err(format!("{}: does not go with {}", shown(flag), shown(other)));
        }
    }
    Ok(())
}

/// Why a mode does not heed a flag, and which one does.
fn why_not(rules: &Rules, mode: &Mode, flag: &str, shown: &dyn Fn(&str) -> String) -> String {
    let others: Vec<_> = rules.modes.iter().filter(|other| other.heeds(flag)).collect();
    let needs: Vec<String> = others.iter().filter_map(|other| other.by).map(shown).collect();
    let needs_one = others.iter().all(|other| other.by.is_some());
    let needed = needs.join(" or ");
    match mode.by.map(shown) {
        _ if others.is_empty() => format!("does nothing in `{}`; leave it out", rules.command),
        None => format!("does nothing without {needed}"),
        Some(chosen) if needs.contains(&shown(flag)) => format!("does not go with {chosen}"),
        Some(chosen) if needs_one => format!("does nothing with {chosen}; it needs {needed}"),
        Some(chosen) => format!("does nothing with {chosen}; leave it out"),
    }
}

/// How a flag is written.
fn shown(command: &clap::Command, id: &str) -> String {
    let flag = command.get_arguments().find(|flag| flag.get_id() == id);
    let name = |flag: &clap::Arg| match flag.get_long() {
        Some(long) => format!("--{long}"),
        None => flag.get_value_names().unwrap_or_default().join(" "),
    };
    flag.map_or(format!("--{id}"), name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// A new flag has to be put into the table, and with it what it needs.
    #[test]
    fn every_flag_of_every_command_stands_in_the_table() {
        let mut command = crate::command();
        command.build();
        let commands = crate::command_line::leaves(&command);
        let names: Vec<_> = commands.iter().map(|(name, _)| name.as_str()).collect();
        for rules in RULES {
            assert!(names.contains(&rules.command), "there is no `{}`", rules.command);
        }
        for (name, command) in &commands {
            let rules = RULES.iter().find(|rules| rules.command == *name);
            let rules = rules.unwrap_or_else(|| panic!("`{name}` is not in the table"));
            let flags = command.get_arguments().map(|flag| flag.get_id().as_str());
            let flags: BTreeSet<&str> =
                flags.filter(|id| !["help", "version"].contains(id)).collect();
            let heeded = |flag: &str| rules.modes.iter().any(|mode| mode.heeds(flag));
            for flag in flags.iter().filter(|flag| !GLOBAL.contains(flag)) {
                assert!(heeded(flag), "`{name}`: no mode heeds `{flag}`");
            }
            let lists = rules.modes.iter().flat_map(|mode| mode.heeds.iter().copied().flatten());
            let chosen = rules.modes.iter().filter_map(|mode| mode.by.as_ref());
            let needs = rules.needs.iter().flat_map(|need| need.one_of.iter().chain([&need.flag]));
            let apart = rules.apart.iter().flat_map(|(a, b)| [a, b]);
            for flag in lists.chain(chosen).chain(needs).chain(apart) {
                assert!(flags.contains(flag), "`{name}` has no `{flag}`");
            }
        }
    }

    #[test]
    fn what_is_wrong_is_said_with_what_would_be_right() {
        let said = |line: &str| {
            let words = line.split(' ').map(std::ffi::OsString::from);
            crate::read(std::iter::once("espalier".into()).chain(words)).expect_err(line)
        };
        for (line, problem) in [
            ("simulate --until 5", "--until: does nothing without --replay"),
            (
                "simulate --scenario x --until 5",
                "--until: does nothing with --scenario; it needs --replay",
            ),
            ("simulate --seeds 5", "--seeds: does nothing without --scenario"),
            (
                "simulate --replay x --seeds 5",
                "--seeds: does nothing with --replay; it needs --scenario",
            ),
            ("simulate --replay x --out y", "--out: does nothing with --replay; leave it out"),
            ("simulate --replay x --seed 2", "--seed: does nothing with --replay; leave it out"),
            ("simulate --replay x --force", "--force: does nothing with --replay; leave it out"),
            (
                "simulate --replay x --require-convergence",
                "--require-convergence: does nothing with --replay; leave it out",
            ),
            ("simulate --replay x --nodes 3", "--nodes: does nothing with --replay; leave it out"),
            ("simulate --scenario x --replay y", "--scenario: does not go with --replay"),
            ("simulate --scenario x --log y", "--log: does nothing with --scenario; leave it out"),
            ("simulate --attack nan", "--attack: does nothing without --byzantine"),
            ("trace --report x --rounds 3", "--rounds: does nothing with --report; leave it out"),
            ("swarm --nodes 5", "--nodes: does nothing without --fixed"),
            ("swarm --replay x --seeds 5", "--seeds: does nothing with --replay; leave it out"),
            ("swarm --fixed --wire frames", "error: unexpected argument '--wire' found"),
            ("swarm --seeds 5 --minutes 1", "--seeds: does not go with --minutes"),
            ("rounds --force", "--force: does nothing without --json or --csv"),
            ("exchanges --force", "--force: does nothing without --json"),
            ("verify", "nothing to do: give --evidence or --recipe or REPORT"),
            ("verify x --evidence y", "REPORT: does not go with --evidence"),
            ("man --quiet", "--quiet: does nothing in `man`"),
        ] {
            let (code, said) = said(line);
            assert!(code == 2 && said.starts_with(problem), "{line}: {said}");
        }
    }
}
