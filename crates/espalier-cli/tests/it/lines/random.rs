//! Random command lines.

use super::{commands, flags, name_words, sample, understand, words};
use crate::Place;
use clap::Command;
use espalier_cli::Understood;
use espalier_testkit::Dice;
use std::collections::BTreeSet;

/// Values that some flag takes and most do not.
const ODD: &[&str] = &[
    "",
    " ",
    "0",
    "1",
    "2",
    "3",
    "-1",
    "-0.5",
    "0.5",
    "1e308",
    "-1e308",
    "NaN",
    "inf",
    "1e-7",
    "4294967295",
    "4294967296",
    "18446744073709551615",
    "99999999999999999999",
    "00012",
    "+3",
    "０",
    "٣",
    "é",
    "\u{202e}",
    "\u{1b}[31m",
    "\n",
    "\t",
    "a=b",
    "=",
    "a=",
    "=b",
    ",",
    ",,",
    "1,,2",
    "1,1",
    "3,5",
    "%",
    "34%",
    "-1%",
    "150%",
    "0.0001%",
    ":",
    "::",
    "file:",
    "file:nowhere",
    "@",
    "3@",
    "@3",
    "0@0",
    "1@1..1",
    "1@5..2",
    "2@1..4294967295",
    "4294967295@1..2",
    "3@4294967295",
    "..",
    "1..2",
    "one-way:2@1..3",
    "bridge:2@2..4",
    "poisson:0:0",
    "poisson:1e-9:10",
    "dirichlet:1e-7",
    "dirichlet:1e6",
    "clusters:4294967295",
    "synthetic:0",
    "synthetic:4",
    "synthetic:8x8",
    "synthetic:268435456",
    "synthetic:1x1x1x1x1x1x1x1x1",
    "digits",
    "nowhere",
    ".",
    "/",
    "-",
    "--",
    "--help",
    "ring",
    "star",
    "regular:3",
    "regular:4294967295",
    "erdos-renyi:1e-9",
    "watts-strogatz:2:0",
    "barabasi-albert:1",
    "torus",
    "ties",
    "slerp",
    "krum",
    "density=0.3",
    "f=2",
    "sign-flip",
    "nan,inf",
    "alie:1e300",
    "ipm:NaN",
    "withhold:4294967295",
    "full",
    "off",
    "sample:0",
    "sample:3",
    "sample:4294967295",
    "rounds",
    "periodic",
    "none",
    "0s",
    "1us",
    "1ms",
    "24h",
    "99999999h",
    "constant:0s",
    "uniform:1ms..0s",
    "lognormal:1s:3",
    "1B/s",
    "1GB/s",
    "1125899906842624B/s",
    "auto",
    "frames",
    "counted",
    "delta",
    "intervals",
    "broadcast",
    "sequential",
    "synchronous",
    "scheduled",
    "strict",
    "clustered",
    "true",
    "bash",
    "g-set",
];

/// A random command line, most of it nearly right.
fn draw(dice: &mut Dice, commands: &[Command]) -> Vec<String> {
    let command = dice.one(commands);
    let flags = flags(command);
    let mut line = name_words(command);
    // Small, so that it can be run.
    let names: BTreeSet<&str> = flags.iter().map(|flag| flag.get_id().as_str()).collect();
    if names.contains("model") && dice.below(8) > 0 {
        line.push("--model=synthetic:4".into());
    }
    if command.get_name() == "swarm" && dice.below(2) == 0 {
        line.push("--fixed".into());
    }
    for _ in 0..dice.below(5) {
        let flag = dice.one(&flags);
        let value = match dice.below(3) {
            0 => *dice.one(ODD),
            _ => sample(command.get_name(), flag),
        };
        let again = if dice.below(12) == 0 { 2 } else { 1 };
        for _ in 0..again {
            match flag.get_long() {
                Some(long) if flag.get_action().takes_values() && dice.below(2) == 0 => {
                    line.extend([format!("--{long}"), value.to_owned()]);
                }
                _ => line.extend(words(flag, value)),
            }
        }
    }
    if dice.below(20) == 0 {
        line.push((*dice.one(ODD)).to_owned());
    }
    line
}

fn number(name: &str, usual: usize) -> usize {
    std::env::var(name).ok().map_or(usual, |text| text.parse().expect("a number"))
}

/// The most work of a line that is run, in the units of [`Understood::effort`].
const SMALL: u64 = 4_000_000;

/// Whether a line may be run here: it ends, soon, and listens to nobody.
fn is_small(line: &[String], understood: &Understood) -> bool {
    let ends = !["serve", "maelstrom", "selfcheck"].contains(&line[0].as_str());
    // Nothing is written outside of the folder that is looked at.
    let outside =
        line.iter().any(|word| word == "/" || word.ends_with("=/") || word.contains(".."));
    let ends = ends && !outside;
    let file = ["verify", "man", "completions"].contains(&line[0].as_str())
        || line.iter().any(|word| word.starts_with("--replay") || word.starts_with("--report"));
    let timed = line.iter().any(|word| word.starts_with("--minutes"));
    ends && !timed && (file || understood.effort.is_some_and(|effort| effort <= SMALL))
}

/// Runs a line and checks what it leaves.
fn run(line: &[String]) -> i32 {
    let place = Place::new();
    let words: Vec<&str> = line.iter().map(String::as_str).collect();
    let ran = place.run(&words);
    assert!((0..=3).contains(&ran.code), "{line:?}: exit code {}", ran.code);
    let left: Vec<String> = place.files(".");
    let half = left.iter().any(|name| name.contains(".tmp") || name.ends_with(".part"));
    assert!(!half, "{line:?} leaves {left:?}");
    if ran.code == 2 {
        assert!(left.is_empty(), "{line:?} is refused and leaves {left:?}: {}", ran.stderr);
        assert!(ran.stderr.starts_with("error: "), "{line:?}: {}", ran.stderr);
        assert_eq!(ran.stdout, "", "{line:?}");
    }
    if ran.code == 1 {
        let checks = ["--require-convergence", "swarm", "rounds", "verify", "--replay"];
        let asked = line.iter().any(|word| checks.iter().any(|check| word.starts_with(check)));
        assert!(asked, "{line:?} failed a check that nobody asked for: {}", ran.stderr);
    }
    ran.code
}

/// `ESPALIER_COMMAND_LINES` says how many lines are drawn, `ESPALIER_COMMAND_LINES_RUN` how many
/// of those that are small are run, too.
#[test]
fn random_command_lines_are_refused_or_do_what_they_say() {
    let (count, runs) =
        (number("ESPALIER_COMMAND_LINES", 20_000), number("ESPALIER_COMMAND_LINES_RUN", 60));
    let (mut dice, commands) = (Dice(1), commands());
    let (mut good, mut small, mut codes) = (0, Vec::new(), [0; 4]);
    for _ in 0..count {
        let line = draw(&mut dice, &commands);
        match understand(&line) {
            Ok(understood) => {
                good += 1;
                if is_small(&line, &understood) {
                    small.push(line);
                }
            }
            Err((0, _)) => assert!(line.iter().any(|word| word.contains("help")), "{line:?}"),
            Err((code, problem)) => {
                assert!(code == 2 && !problem.trim().is_empty(), "{line:?}: {code} {problem}");
                // What is refused before anything runs is refused by the program, too.
                if runs >= count {
                    assert_eq!(run(&line), 2, "{line:?}");
                }
            }
        }
    }
    assert!(good > count / 10 && good < count * 9 / 10, "{good} of {count} can run");
    let step = (small.len() / runs.max(1)).max(1);
    for line in small.iter().step_by(step) {
        codes[run(line) as usize] += 1;
    }
    assert!(codes[0] * 2 > codes.iter().sum::<usize>(), "{good} of {count}: {codes:?}");
}
