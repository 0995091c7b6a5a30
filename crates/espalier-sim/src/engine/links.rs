//! The links: what becomes of a message between its sender and its receiver.

use super::queue::Time;
use crate::config::{Clock, Config, Cut, Latency, text_of_file};
use crate::error::{SimError, field};
use crate::seeds::Dice;
use espalier_file::count;
use std::collections::BTreeMap;

/// The longest a message is in flight, whatever the draw: a thousand hours.
const MAX_LATENCY: Time = 3_600_000_000_000;
/// The most regions of a latency file.
const MAX_REGIONS: usize = 4_096;

/// What becomes of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is never heard.
    Lost,
    /// It arrives after this many rounds, at their start.
    Rounds(u32),
    /// It is held back until the other exchanges of its round are over.
    HeldBack,
    /// It arrives at this time.
    At(Time),
}

/// The links of a run.
#[derive(Debug)]
pub(crate) struct Links {
    in_rounds: bool,
    /// Whether messages neither get lost nor take time, wherever they may pass.
    perfect: bool,
    /// Whether in rounds nothing happens to messages but that some get lost.
    only_lose: bool,
    loss: f64,
    pub(crate) duplicate: f64,
    reorder: f64,
    delay: u32,
    period: Time,
    latency: Delays,
    /// Bytes per second.
    bandwidth: Option<u64>,
    /// When each link has sent what it was given.
    free: BTreeMap<(usize, usize), Time>,
    cut: Option<(Cut, Vec<u32>)>,
}

#[derive(Debug)]
enum Delays {
    Drawn(Latency),
    /// Microseconds by (region, region), and how many nodes there are.
    Matrix {
        regions: usize,
        micros: Vec<Time>,
        nodes: usize,
    },
}

impl Links {
    /// # Errors
    /// [`SimError::Field`] if the file of latencies cannot be used.
    pub(crate) fn open(config: &Config) -> Result<Self, SimError> {
        let latency = match &config.latency {
            Latency::File(path) => matrix(path, config.nodes as usize)?,
            drawn => Delays::Drawn(drawn.clone()),
        };
        let Config { loss, duplicate, reorder, delay, .. } = *config;
        let mut links = Self {
            perfect: false,
            only_lose: false,
            in_rounds: config.clock == Clock::Rounds,
            loss,
            duplicate,
            reorder,
            delay,
            period: config.period.0,
            latency,
            bandwidth: config.bandwidth.map(|rate| rate.0),
            free: BTreeMap::new(),
            cut: None,
        };
        let unpunctual = links.duplicate + links.reorder > 0.0 || links.delay > 0;
        links.only_lose = links.in_rounds && !unpunctual;
        links.perfect = links.has_no_faults();
        Ok(links)
    }

    /// Cuts the network into parts, or heals it.
    pub(crate) fn cut(&mut self, cut: Option<(Cut, Vec<u32>)>) {
        self.cut = cut;
    }

    /// Makes all links perfect, and heals the network.
    pub(crate) fn calm(&mut self) {
        (self.loss, self.duplicate, self.reorder, self.delay) = (0.0, 0.0, 0.0, 0);
        (self.latency, self.bandwidth, self.cut) = (Delays::Drawn(Latency::None), None, None);
        (self.perfect, self.only_lose) = (true, self.in_rounds);
    }

    /// Whether messages neither get lost nor take time, wherever they may pass.
    pub(crate) fn is_perfect(&self) -> bool {
        self.perfect
    }

    /// Whether in rounds nothing happens to messages but that some get lost.
    pub(crate) fn only_lose(&self) -> bool {
        self.only_lose
    }

    /// Whether a message gets lost, where [`Links::only_lose`]. The dice are then where they are
    /// after the number of copies and [`Links::fate`].
    #[inline]
    pub(crate) fn loses(&self, dice: &mut Dice) -> bool {
        let _copies = dice.draw();
        let _rounds = dice.draw();
        let lost = dice.happens(self.loss);
        if !lost {
            let _reorder = dice.draw();
        }
        lost
    }

    fn has_no_faults(&self) -> bool {
        let faults = self.loss + self.duplicate + self.reorder;
        let instant = matches!(self.latency, Delays::Drawn(Latency::None));
        faults == 0.0 && self.delay == 0 && instant && self.bandwidth.is_none()
    }

    /// Whether the network lets messages from `a` to `b` pass.
    #[inline]
    pub(crate) fn pass(&self, a: usize, b: usize) -> bool {
        match &self.cut {
            None => true,
            Some((Cut::Split, part)) => part[a] == part[b],
            Some((Cut::OneWay, part)) => part[a] <= part[b],
            Some((Cut::Bridge, part)) => a == 0 || b == 0 || part[a] == part[b],
        }
    }

    /// Draws the fate of a message of `bytes` bytes that is sent at `now`.
    pub(crate) fn fate(
        &mut self,
        (from, to): (usize, usize),
        bytes: u64,
        now: Time,
        dice: &mut Dice,
    ) -> Fate {
        let rounds = dice.below(self.delay as usize + 1) as u32;
        if dice.happens(self.loss) {
            return Fate::Lost;
        }
        if self.in_rounds {
            return match rounds {
                0 if dice.happens(self.reorder) => Fate::HeldBack,
                rounds => Fate::Rounds(rounds),
            };
        }
        let mut at = now;
        if let Some(rate) = self.bandwidth {
            let takes = u128::from(bytes) * 1_000_000 / u128::from(rate);
            let free = self.free.entry((from, to)).or_default();
            at = at.max(*free).saturating_add(u64::try_from(takes).unwrap_or(Time::MAX));
            *free = at;
        }
        at = at.saturating_add(self.latency(from, to, dice));
        at = at.saturating_add(self.period.saturating_mul(u64::from(rounds)));
        if dice.happens(self.reorder) {
            at = at.saturating_add(dice.below(self.period as usize) as Time);
        }
        Fate::At(at)
    }

    fn latency(&self, from: usize, to: usize, dice: &mut Dice) -> Time {
        match &self.latency {
            Delays::Drawn(Latency::None | Latency::File(_)) => 0,
            Delays::Drawn(Latency::Constant(time)) => time.0,
            Delays::Drawn(Latency::Uniform(low, high)) => {
                low.0 + dice.below((high.0 - low.0 + 1) as usize) as Time
            }
            Delays::Drawn(Latency::LogNormal(median, sigma)) => {
                let time = median.0 as f64 * libm::exp(sigma * dice.normal());
                if time < MAX_LATENCY as f64 { (time + 0.5) as Time } else { MAX_LATENCY }
            }
            Delays::Matrix { regions, micros, nodes } => {
                let region = |node: usize| node * regions / nodes;
                micros[region(from) * regions + region(to)]
            }
        }
    }
}

/// Reads a matrix of latencies: a line per region, milliseconds as
/// [fields](espalier_file::fields).
fn matrix(path: &str, nodes: usize) -> Result<Delays, SimError> {
    let name = "latency";
    let text = text_of_file(name, path)?;
    let mut rows: Vec<Vec<Time>> = Vec::new();
    for (number, words) in espalier_file::lines(&text) {
        let wrong = |problem: String| field(name, format!("{path}, line {number}: {problem}"));
        let words = words.map_err(|error| wrong(error.to_string()))?;
        let row: Result<Vec<_>, _> = words.into_iter().map(millis).collect();
        rows.push(row.map_err(|word| wrong(format!("`{word}` is not a number of milliseconds")))?);
        if rows.len() > MAX_REGIONS {
            return Err(field(name, format!("{path} has more than {MAX_REGIONS} regions")));
        }
    }
    let regions = rows.len();
    if regions == 0 {
        return Err(field(name, format!("{path} has no regions; give each of them a line")));
    }
    if let Some(row) = rows.iter().position(|row| row.len() != regions) {
        let problem = format!(
            "{path}: row {} has {} in a matrix of {}; it must be square",
            row + 1,
            count(rows[row].len(), "number"),
            count(regions, "row")
        );
        return Err(field(name, problem));
    }
    if regions > nodes {
        return Err(field(
            name,
            format!("{path} has {regions} regions, more than the {nodes} nodes"),
        ));
    }
    Ok(Delays::Matrix { regions, micros: rows.concat(), nodes })
}

fn millis(word: &str) -> Result<Time, String> {
    let value = word.parse::<f64>().ok().filter(|ms| (0.0..=3.6e9).contains(ms));
    value.map(|ms| (ms * 1000.0 + 0.5) as Time).ok_or_else(|| word.chars().take(40).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seeds::Seeds;

    fn links(latency: &str, bandwidth: Option<&str>) -> Links {
        let config = Config {
            latency: latency.parse().expect("a latency"),
            bandwidth: bandwidth.map(|rate| rate.parse().expect("a rate")),
            clock: Clock::Periodic,
            ..Config::default()
        };
        Links::open(&config).expect("opens")
    }

    fn at(fate: Fate) -> Time {
        let Fate::At(time) = fate else { panic!("{fate:?}") };
        time
    }

    #[test]
    fn a_link_sends_one_message_after_the_other() {
        let mut links = links("constant:5ms", Some("1MB/s"));
        let dice = &mut Seeds(1).rng("test", 0);
        let mut send = |link, bytes, now| at(links.fate(link, bytes, now, dice));
        assert_eq!(send((0, 1), 1_000, 0), 1_000 + 5_000);
        assert_eq!(send((0, 1), 2_000, 0), 3_000 + 5_000, "it waits for the one before");
        assert_eq!(send((1, 0), 1_000, 0), 1_000 + 5_000, "the way back is free");
        assert_eq!(send((0, 1), 1_000, 9_000), 10_000 + 5_000);
    }

    #[test]
    fn latencies_have_the_moments_of_their_distributions() {
        let dice = &mut Seeds(2).rng("test", 0);
        let mut draw = |text: &str| -> Vec<Time> {
            let mut links = links(text, None);
            let mut all: Vec<_> = (0..4_001).map(|_| at(links.fate((0, 1), 9, 0, dice))).collect();
            all.sort_unstable();
            all
        };
        let uniform = draw("uniform:10ms..80ms");
        assert!(uniform[0] >= 10_000 && uniform[4_000] <= 80_000);
        assert!(uniform[2_000].abs_diff(45_000) < 2_500, "median {}", uniform[2_000]);
        let lognormal = draw("lognormal:40ms:0.5");
        assert!(lognormal[2_000].abs_diff(40_000) < 1_800, "median {}", lognormal[2_000]);
        // One standard deviation above: 84 % of all.
        let above = (40_000.0 * libm::exp(0.5)) as Time;
        let below = lognormal.partition_point(|time| *time < above) as f64 / 4_001.0;
        assert!((below - 0.8413).abs() < 0.02, "{below}");
    }

    #[test]
    fn a_cut_is_what_it_is_called() {
        let mut links = links("none", None);
        let parts = vec![0, 0, 1, 1];
        let pass = |links: &Links| -> Vec<bool> {
            [(0, 1), (0, 2), (2, 0), (1, 2), (2, 1), (2, 3)].map(|(a, b)| links.pass(a, b)).into()
        };
        assert!(pass(&links).into_iter().all(|pass| pass));
        links.cut(Some((Cut::Split, parts.clone())));
        assert_eq!(pass(&links), [true, false, false, false, false, true]);
        links.cut(Some((Cut::OneWay, parts.clone())));
        assert_eq!(pass(&links), [true, true, false, true, false, true]);
        links.cut(Some((Cut::Bridge, parts)));
        assert_eq!(pass(&links), [true, true, true, false, false, true]);
    }

    #[test]
    fn a_matrix_gives_the_latency_between_regions() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = |text: &str| {
            let path = folder.path().join("wan.txt").display().to_string();
            std::fs::write(&path, text).expect("writes");
            path
        };
        let path = file("# Paris, Tokyo\n0.5, 120\n118 0.5\n\n");
        let mut links = links(&format!("file:{path}"), None);
        let dice = &mut Seeds(1).rng("test", 0);
        let mut time = |from, to| at(links.fate((from, to), 1, 0, dice));
        // Of eight nodes the first four are in Paris.
        assert_eq!([time(0, 3), time(0, 4), time(7, 3)], [500, 120_000, 118_000]);
        for (text, problem) in [
            ("1 2\n3", "row 2 has 1 number in a matrix of 2 rows"),
            ("1,,2\n3 4 5", "line 1: a comma without a value"),
            ("1 x\n", "line 1: `x` is not a number"),
            ("", "wan.txt has no regions"),
            ("# none\n", "wan.txt has no regions"),
            ("1 -2\n3 4", "`-2`"),
        ] {
            let error = matrix(&file(text), 8).expect_err(text).to_string();
            assert!(error.contains(problem) && error.starts_with("latency"), "{error}");
        }
    }
}
