//! Who comes and goes, and when: outages, traces from a file, and Poisson processes.

use super::change::{Change, time_of};
use super::trace::{self, Line};
use crate::config::{Churn, Config, text_of_file};
use crate::engine::{Queue, Time};
use crate::error::{SimError, field};
use crate::seeds::{Dice, Seeds};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// Why a node does not take part. It does when no reason is left.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Absence {
    /// It joins late.
    pub(crate) late: bool,
    /// A trace lets it join later.
    pub(crate) absent: bool,
    /// It left, and knows what it knew.
    pub(crate) left: bool,
    /// It crashed by chance.
    pub(crate) chance: bool,
    /// It crashed in a trace.
    pub(crate) traced: bool,
    /// The number of outages it is in.
    pub(crate) outages: u32,
    /// Whether it has never been there. That is not a reason, but says how it comes.
    pub(crate) new: bool,
    /// Whether it lost its memory since it was there. Likewise.
    pub(crate) fell: bool,
}

impl Absence {
    /// Whether its machine is down.
    pub(crate) fn is_down(&self) -> bool {
        self.chance || self.traced || self.outages > 0
    }

    /// Takes a change in. A change that was drawn is one like others.
    pub(crate) fn heed(&mut self, change: Change) {
        match change {
            Change::Leave => self.left = true,
            Change::Join => (self.left, self.absent) = (false, false),
            Change::Crash => self.traced = true,
            Change::Restart => self.traced = false,
            Change::Down => self.outages += 1,
            Change::Up => self.outages = self.outages.saturating_sub(1),
        }
    }

    /// Whether it does not take part.
    pub(crate) fn is_away(&self) -> bool {
        self.late || self.absent || self.left || self.is_down()
    }
}

/// When who is away because the configuration says so, whatever chance has it: per node the times
/// from which and until which, ascending and apart.
pub(crate) type Named = BTreeMap<usize, Vec<Range<Time>>>;

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
    /// The lines of the trace, in the order of time.
    trace: Vec<Line>,
}

impl Membership {
    /// # Errors
    /// [`SimError::Field`] if a trace cannot be used.
    pub(crate) fn open(config: &Config) -> Result<Self, SimError> {
        let mut new = Self::of_outages(config);
        match &config.churn {
            None => {}
            Some(Churn::File(path)) => {
                let text = text_of_file("churn", path)?;
                new.follow(trace::read(&text, path, config)?);
                new.somebody_is_there("churn", config)?;
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

    /// The outages, as if there were nothing else.
    pub(crate) fn of_outages(config: &Config) -> Self {
        let (due, absent, trace) = (Queue::default(), BTreeSet::new(), Vec::new());
        let mut new = Self { due, poisson: None, absent, last: 0, trace };
        for outage in &config.outage {
            let Range { start, end } = times_of(&outage.rounds, config);
            new.file(start, outage.node as usize, Change::Down);
            new.file(end, outage.node as usize, Change::Up);
        }
        new
    }

    fn file(&mut self, time: Time, node: usize, change: Change) {
        self.last = self.last.max(time);
        self.due.push(time, (node, change));
    }

    /// Lets happen what a trace says.
    fn follow(&mut self, lines: Vec<Line>) {
        let mut seen = BTreeSet::new();
        for &Line { time, node, change, .. } in &lines {
            if seen.insert(node) && change == Change::Join {
                self.absent.insert(node);
            }
            self.file(time, node, change);
        }
        self.trace = lines;
    }

    /// Who is away when because outages or a trace say so.
    pub(crate) fn named(&self, config: &Config) -> Named {
        let mut named = Named::new();
        for outage in &config.outage {
            let times = times_of(&outage.rounds, config);
            named.entry(outage.node as usize).or_default().push(times);
        }
        let mut open: BTreeMap<usize, (Absence, Time)> = self
            .absent
            .iter()
            .map(|node| (*node, (Absence { absent: true, ..Absence::default() }, 0)))
            .collect();
        for &Line { time, node, change, .. } in &self.trace {
            let (mut away, since) = open.remove(&node).unwrap_or_default();
            let before = away.is_away();
            away.heed(change);
            let since = if before { since } else { time };
            if before && !away.is_away() {
                named.entry(node).or_default().push(since..time);
            }
            open.insert(node, (away, since));
        }
        for (node, (away, since)) in open {
            if away.is_away() {
                named.entry(node).or_default().push(since..Time::MAX);
            }
        }
        named.into_iter().map(|(node, times)| (node, union(times))).collect()
    }

    /// Checks that somebody honest is there at any time, whoever lies and whatever chance takes
    /// away: chance takes the last one never.
    ///
    /// # Errors
    /// [`SimError::Field`].
    pub(crate) fn somebody_is_there(
        &self,
        name: &'static str,
        config: &Config,
    ) -> Result<(), SimError> {
        let named = self.named(config);
        let mut steps: Vec<(Time, i64)> = Vec::new();
        for times in named.values().flatten() {
            steps.extend([(times.start, 1), (times.end, -1)]);
        }
        // At the same time some come before others go.
        steps.sort_unstable();
        let joined = config.late_joiners.map_or(0, |late| time_of(late.round, config));
        let late = |time| config.late_joiners.filter(|_| time < joined).map_or(0, |l| l.count);
        let end = Time::from(config.rounds).saturating_mul(config.period.0);
        let (liars, mut away) = (config.byzantine.of(config.nodes), 0);
        for (time, step) in steps {
            away += step;
            let late = late(time);
            let all = away + i64::from(late) + i64::from(liars);
            if all >= i64::from(config.nodes) && time < end {
                let round = time / config.period.0.max(1) + 1;
                let problem = format!(
                    "in round {round} nobody honest might be there: of {} nodes, {away} away, \
                     {late} still to join, {liars} possibly lying",
                    config.nodes
                );
                return Err(field(name, problem));
            }
        }
        Ok(())
    }

    /// Whether who comes and goes is drawn.
    pub(crate) fn is_by_chance(&self) -> bool {
        self.poisson.is_some()
    }

    /// The first line of the trace that comes to nothing, if there is one.
    pub(crate) fn without_effect(&self, config: &Config) -> Option<SimError> {
        let Some(Churn::File(path)) = &config.churn else { return None };
        trace::without_effect(&self.trace, path, config)
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
            Change::Crash | Change::Restart | Change::Down | Change::Up => return,
        };
        let wait = -libm::log(1.0 - dice[node].unit()) * mean;
        self.due.push(now.saturating_add(wait as Time).saturating_add(1), (node, next));
    }
}

/// Who is not there at the beginning.
#[derive(Debug)]
pub(crate) struct Opening {
    pub(crate) membership: Membership,
    /// Those that join together, the last of them first.
    pub(crate) late: Vec<usize>,
    pub(crate) absent: BTreeSet<usize>,
}

impl Opening {
    /// `late` join together.
    ///
    /// # Errors
    /// [`SimError::Field`] if a file of comings and goings cannot be used.
    pub(crate) fn new(config: &Config, mut late: Vec<usize>) -> Result<Self, SimError> {
        let membership = Membership::open(config)?;
        late.sort_unstable_by(|a, b| b.cmp(a));
        let absent = membership.absent.iter().chain(&late).copied().collect();
        Ok(Self { membership, late, absent })
    }

    pub(crate) fn is_absent(&self, node: usize) -> bool {
        self.absent.contains(&node)
    }
}

fn times_of(rounds: &Range<u32>, config: &Config) -> Range<Time> {
    time_of(rounds.start, config)..time_of(rounds.end, config)
}

/// The same times, ascending and apart.
fn union(mut times: Vec<Range<Time>>) -> Vec<Range<Time>> {
    times.sort_unstable_by_key(|times| (times.start, times.end));
    let mut apart: Vec<Range<Time>> = Vec::new();
    for times in times {
        match apart.last_mut() {
            Some(last) if times.start <= last.end => last.end = last.end.max(times.end),
            _ => apart.push(times),
        }
    }
    apart
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_first_joins_in_a_trace_is_not_there_before() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("trace.txt").display().to_string();
        std::fs::write(&path, "\u{feff}4 2 join\n3 0 crash\n5 0 restart\n").expect("writes");
        let churn = Some(Churn::File(path));
        let mut trace = Membership::open(&Config { churn, ..Config::default() }).expect("opens");
        assert_eq!(trace.absent, BTreeSet::from([2]));
        let all: Vec<_> = std::iter::from_fn(|| trace.next(Time::MAX)).collect();
        let expected = [
            (2_000_000, 0, Change::Crash),
            (3_000_000, 2, Change::Join),
            (4_000_000, 0, Change::Restart),
        ];
        assert_eq!(all, expected);
        assert_eq!(trace.last, 4_000_000);
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
