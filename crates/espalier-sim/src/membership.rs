//! Who comes and goes, and when: outages, traces from a file, and Poisson processes.

use crate::config::{Churn, Config, text_of_file};
use crate::engine::{Queue, Time};
use crate::error::{SimError, flag};
use crate::seeds::{Dice, Seeds};
use std::collections::BTreeSet;

/// What happens to a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// It goes, and keeps what it knows.
    Leave,
    /// It comes, for the first time or again.
    Join,
    /// It goes down without a word.
    Crash,
    /// It comes back with what was durable.
    Restart,
}

/// What is going to happen to the nodes of a run.
#[derive(Debug)]
pub(crate) struct Membership {
    due: Queue<(usize, Change)>,
    /// Mean times in microseconds until a node leaves and until it comes back, and each node's
    /// dice.
    poisson: Option<(f64, f64, Vec<Dice>)>,
    /// Nodes that are not there at the beginning.
    pub(crate) absent: BTreeSet<usize>,
    /// When the last change happens that is certain.
    pub(crate) last: Time,
}

impl Membership {
    /// # Errors
    /// [`SimError::Flag`] if a trace cannot be used.
    pub(crate) fn open(config: &Config) -> Result<Self, SimError> {
        let mut new =
            Self { due: Queue::default(), poisson: None, absent: BTreeSet::new(), last: 0 };
        let round = |round: u32| Time::from(round - 1) * config.period.0;
        for outage in &config.outage {
            new.file(round(outage.rounds.start), outage.node as usize, Change::Crash);
            new.file(round(outage.rounds.end), outage.node as usize, Change::Restart);
        }
        match &config.churn {
            None => {}
            Some(Churn::File(path)) => {
                let text = text_of_file("--churn", path)?;
                new.read(&text, path, config)?;
            }
            Some(Churn::Poisson { leave, join }) => {
                let period = config.period.0 as f64;
                let seeds = Seeds(config.seed);
                let dice = (0..config.nodes).map(|i| seeds.rng("churn", u64::from(i)));
                new.poisson = Some((period / leave, period / join, dice.collect()));
                for node in 0..config.nodes as usize {
                    new.go_on(0, node, Change::Join);
                }
            }
        }
        Ok(new)
    }

    fn file(&mut self, time: Time, node: usize, change: Change) {
        self.last = self.last.max(time);
        self.due.push(time, (node, change));
    }

    /// Reads lines `ROUND NODE CHANGE`; what follows a `#` is for people.
    fn read(&mut self, text: &str, path: &str, config: &Config) -> Result<(), SimError> {
        let mut seen = BTreeSet::new();
        let mut lines = Vec::new();
        for (number, words) in espalier_file::lines(text) {
            let problem = |what: &str| flag("--churn", format!("{path}, line {number}: {what}"));
            let words = words.map_err(|error| problem(&error.to_string()))?;
            let [round, node, change] = words[..] else {
                return Err(problem("not ROUND NODE leave|join|crash|restart"));
            };
            let round = round.parse::<f64>().ok().filter(|r| (1.0..=1e9).contains(r));
            let round = round.ok_or_else(|| problem("the round is a number from 1"))?;
            let node = node.strip_prefix("node_").unwrap_or(node).parse::<usize>().ok();
            let node = node.filter(|node| *node < config.nodes as usize);
            let node = node
                .ok_or_else(|| problem(&format!("nodes are numbered 0 to {}", config.nodes - 1)))?;
            let change = match change {
                "leave" => Change::Leave,
                "join" => Change::Join,
                "crash" => Change::Crash,
                "restart" => Change::Restart,
                _ => return Err(problem("a change is leave, join, crash or restart")),
            };
            lines.push((((round - 1.0) * config.period.0 as f64) as Time, node, change));
        }
        lines.sort_by_key(|(time, ..)| *time);
        for (time, node, change) in lines {
            if seen.insert(node) && change == Change::Join {
                self.absent.insert(node);
            }
            self.file(time, node, change);
        }
        Ok(())
    }

    /// Lets nothing happen any more.
    pub(crate) fn end(&mut self) {
        (self.due, self.poisson) = (Queue::default(), None);
    }

    /// The next change up to a time.
    pub(crate) fn next(&mut self, until: Time) -> Option<(Time, usize, Change)> {
        self.due.pop(until).map(|(time, (node, change))| (time, node, change))
    }

    /// Draws when a node that comes and goes by chance does what follows on `change`.
    pub(crate) fn go_on(&mut self, now: Time, node: usize, change: Change) {
        let Some((leave, join, dice)) = &mut self.poisson else { return };
        let (mean, next) = match change {
            Change::Join => (*leave, Change::Leave),
            Change::Leave => (*join, Change::Join),
            Change::Crash | Change::Restart => return,
        };
        let wait = -libm::log(1.0 - dice[node].unit()) * mean;
        self.due.push(now.saturating_add(wait as Time).saturating_add(1), (node, next));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_is_read_in_the_order_of_time() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("trace.txt").display().to_string();
        let open = |text: &str| {
            std::fs::write(&path, text).expect("writes");
            Membership::open(&Config {
                churn: Some(Churn::File(path.clone())),
                ..Config::default()
            })
        };
        let mut trace =
            open("\u{feff}4 2 join # late\r\n\n2.5, node_1, leave\n3 0 crash\n5 0 restart\n")
                .expect("reads");
        assert_eq!(trace.absent, BTreeSet::from([2]));
        let all: Vec<_> = std::iter::from_fn(|| trace.next(Time::MAX)).collect();
        let expected = [
            (1_500_000, 1, Change::Leave),
            (2_000_000, 0, Change::Crash),
            (3_000_000, 2, Change::Join),
            (4_000_000, 0, Change::Restart),
        ];
        assert_eq!(all, expected);
        assert_eq!(trace.last, 4_000_000);
        for (text, problem) in [
            ("1 2", "line 1: not ROUND NODE"),
            ("0 2 join", "the round"),
            ("1 8 join", "0 to 7"),
            ("\n1 2 die", "line 2: a change is"),
            ("1 2 leave\n1,,leave", "line 2: a comma without a value"),
        ] {
            let error = open(text).expect_err(text).to_string();
            assert!(error.contains(problem), "{error}");
        }
    }

    /// With rates 1/4 and 1/2 a node is there two thirds of the time.
    #[test]
    fn poisson_rates_are_what_they_say() {
        let config = Config { churn: "poisson:0.25:0.5".parse().ok(), ..Config::default() };
        let mut churn = Membership::open(&config).expect("opens");
        let (mut there, mut since) = (vec![true; 8], vec![0; 8]);
        let (mut up, end) = (0, 4_000_000_000);
        while let Some((now, node, change)) = churn.next(end) {
            assert_eq!(there[node], change == Change::Leave);
            if change == Change::Leave {
                up += now - since[node];
            }
            since[node] = now;
            there[node] = !there[node];
            churn.go_on(now, node, change);
        }
        let share = up as f64 / (8 * end) as f64;
        assert!((share - 2.0 / 3.0).abs() < 0.02, "{share}");
    }
}
