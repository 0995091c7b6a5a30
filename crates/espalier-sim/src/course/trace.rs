//! Traces of who comes and goes: the lines of a file, and which of them have no effect.

use super::change::{Change, time_of};
use crate::config::{Clock, Config};
use crate::engine::Time;
use crate::error::{SimError, field};
use std::collections::BTreeMap;

/// A line of a trace.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Line {
    /// The number of the line, from 1.
    number: usize,
    /// As it is written.
    round: f64,
    pub(crate) time: Time,
    pub(crate) node: usize,
    pub(crate) change: Change,
}

/// Reads lines `ROUND NODE CHANGE`, in the order of time; what follows a `#` is for people.
///
/// # Errors
/// [`SimError::Field`] with the number of the line.
pub(crate) fn read(text: &str, path: &str, config: &Config) -> Result<Vec<Line>, SimError> {
    let mut lines = Vec::new();
    for (number, words) in espalier_file::lines(text) {
        let problem = |what: &str| in_line(path, number, what);
        let words = words.map_err(|error| problem(&error.to_string()))?;
        let [round, node, change] = words[..] else {
            return Err(problem("not ROUND NODE leave|join|crash|restart"));
        };
        let round = round.parse::<f64>().ok().filter(|r| (1.0..=1e9).contains(r));
        let round = round.ok_or_else(|| problem("the round must be a number from 1"))?;
        let node = node.strip_prefix("node_").unwrap_or(node).parse::<usize>().ok();
        let node = node.filter(|node| *node < config.nodes as usize);
        let node =
            node.ok_or_else(|| problem(&format!("nodes are numbered 0 to {}", config.nodes - 1)))?;
        let change = match change {
            "leave" => Change::Leave,
            "join" => Change::Join,
            "crash" => Change::Crash,
            "restart" => Change::Restart,
            _ => return Err(problem("the change must be leave, join, crash or restart")),
        };
        let time = ((round - 1.0) * config.period.0 as f64) as Time;
        lines.push(Line { number, round, time, node, change });
    }
    lines.sort_by_key(|line| line.time);
    Ok(lines)
}

fn in_line(path: &str, number: usize, problem: &str) -> SimError {
    field("churn", format!("{path}, line {number}: {problem}"))
}

/// Where a trace has a node, and since which line.
#[derive(Debug, Clone, Copy)]
enum Place {
    There,
    Left(usize),
    Down(usize),
}

/// The first of what a trace says without effect: that somebody goes who is away, or comes back
/// who is there or is away for another reason, or goes after the last round.
pub(crate) fn without_effect(lines: &[Line], path: &str, config: &Config) -> Option<SimError> {
    if lines.is_empty() {
        let problem = format!("no node comes or goes in {path}; name nodes in it, or leave it out");
        return Some(field("churn", problem));
    }
    let mut places = BTreeMap::new();
    lines.iter().find_map(|line| {
        let Line { number, round, node, change, .. } = *line;
        // A node whose first line lets it join is not there before.
        let before = places.get(&node).copied();
        let (after, comes_back) = match (before, change) {
            (None, Change::Join) => (Place::There, false),
            (None | Some(Place::There), Change::Leave) => (Place::Left(number), false),
            (None | Some(Place::There), Change::Crash) => (Place::Down(number), false),
            (Some(Place::Left(_)), Change::Join) | (Some(Place::Down(_)), Change::Restart) => {
                (Place::There, true)
            }
            (Some(Place::Left(since)), _) => {
                let problem = format!("node {node} left in line {since}; only join can follow");
                return Some(in_line(path, number, &problem));
            }
            (Some(Place::Down(since)), _) => {
                let problem =
                    format!("node {node} crashed in line {since}; only restart can follow");
                return Some(in_line(path, number, &problem));
            }
            (None | Some(Place::There), _) => {
                let problem = format!("node {node} is active; only leave or crash can follow");
                return Some(in_line(path, number, &problem));
            }
        };
        places.insert(node, after);
        // Who is away at the end comes back later, or not at all.
        (!comes_back && !happens(line.time, config)).then(|| {
            let last = config.rounds;
            let problem = format!("round {round} is after the last one, {last}");
            in_line(path, number, &problem)
        })
    })
}

/// Whether a run gets to this time.
fn happens(time: Time, config: &Config) -> bool {
    match config.clock {
        // A fraction of a round waits for the next one.
        Clock::Rounds => time <= time_of(config.rounds, config),
        _ => time < time_of(config.rounds.saturating_add(1), config),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_in_the_order_of_time() {
        let config = Config::default();
        let all = |text: &str| read(text, "trace.txt", &config);
        let lines = all("4 2 join # late\r\n\n2.5, node_1, leave\n3 0 crash\n5 0 restart\n")
            .expect("reads");
        let lines: Vec<_> = lines.iter().map(|l| (l.number, l.time, l.node, l.change)).collect();
        let expected = [
            (3, 1_500_000, 1, Change::Leave),
            (4, 2_000_000, 0, Change::Crash),
            (1, 3_000_000, 2, Change::Join),
            (5, 4_000_000, 0, Change::Restart),
        ];
        assert_eq!(lines, expected);
        for (text, problem) in [
            ("1 2", "line 1: not ROUND NODE"),
            ("0 2 join", "the round"),
            ("1 8 join", "0 to 7"),
            ("\n1 2 die", "line 2: the change must be"),
            ("1 2 leave\n1,,leave", "line 2: a comma without a value"),
        ] {
            let error = all(text).expect_err(text).to_string();
            assert!(error.contains(problem), "{error}");
        }
    }

    #[test]
    fn a_line_without_effect_is_named() {
        let config = Config::default();
        let found = |text: &str, config: &Config| {
            let lines = read(text, "trace.txt", config).expect(text);
            without_effect(&lines, "trace.txt", config).map(|error| error.to_string())
        };
        for (text, problem) in [
            ("", "no node comes or goes in trace.txt; name nodes in it, or leave it out"),
            (
                "# nobody\n\n",
                "no node comes or goes in trace.txt; name nodes in it, or leave it out",
            ),
            ("3 1 restart", "trace.txt, line 1: node 1 is active; only leave or crash can follow"),
            (
                "3 1 join\n5 1 join",
                "trace.txt, line 2: node 1 is active; only leave or crash can follow",
            ),
            (
                "3 1 leave\n5 1 leave",
                "trace.txt, line 2: node 1 left in line 1; only join can follow",
            ),
            (
                "3 1 leave\n5 1 crash",
                "trace.txt, line 2: node 1 left in line 1; only join can follow",
            ),
            (
                "9 1 restart\n3 1 leave",
                "trace.txt, line 1: node 1 left in line 2; only join can follow",
            ),
            (
                "3 1 crash\n5 1 crash",
                "trace.txt, line 2: node 1 crashed in line 1; only restart can follow",
            ),
            (
                "3 1 crash\n5 1 leave",
                "trace.txt, line 2: node 1 crashed in line 1; only restart can follow",
            ),
            (
                "3 1 crash\n5 1 join",
                "trace.txt, line 2: node 1 crashed in line 1; only restart can follow",
            ),
            ("3 1 leave\n21 2 crash", "trace.txt, line 2: round 21 is after the last one, 20"),
            ("20.5 2 leave", "trace.txt, line 1: round 20.5 is after the last one, 20"),
            ("21 2 join", "trace.txt, line 1: round 21 is after the last one, 20"),
        ] {
            assert_eq!(found(text, &config), Some(format!("churn: {problem}")), "{text}");
        }
        for text in [
            "1 1 leave\n1 1 join\n20 1 leave",
            "3 1 crash\n30 1 restart\n4 2 leave\n31 2 join",
            "5 1 join\n6 1 crash\n7 1 restart\n8 1 leave\n9 1 join",
        ] {
            assert_eq!(found(text, &config), None, "{text}");
        }
        // In virtual time a round has a middle.
        let timed = Config { clock: Clock::Periodic, ..config };
        assert_eq!(found("20.5 2 leave", &timed), None);
    }
}
