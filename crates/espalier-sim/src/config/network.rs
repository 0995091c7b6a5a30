//! Values of flags that say how the network and its nodes behave: time, links, cuts and churn.

use super::values::at;
use crate::error::{SimError, field};
use crate::text::{ParseError, text_serde, unknown, wrong};
use std::fmt;
use std::ops::Range;
use std::str::FromStr;

text_serde!(PartitionSpec, Outage, Churn, Clock, Span, Latency, Rate);

/// The longest file of latencies or of comings and goings, in bytes.
const MAX_FILE: u64 = 64 << 20;

/// Reads a text file that a field names.
pub(crate) fn text_of_file(name: &'static str, path: &str) -> Result<String, SimError> {
    let text = espalier_file::read_text(path, MAX_FILE);
    text.map_err(|error| field(name, format!("cannot read {path}: {error}")))
}

/// How a partition cuts the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// Nodes hear only their own part.
    Split,
    /// Messages go from a part to those of higher number, and not back.
    OneWay,
    /// As `Split`, but node 0 hears everybody and everybody hears it (a bridge, as Jepsen's).
    Bridge,
}

/// `[one-way:|bridge:]PARTS@FROM..UNTIL`: the network is cut in rounds `from` to `until - 1`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionSpec {
    /// The way in which the network is cut.
    pub cut: Cut,
    /// The number of parts, 2 or more.
    pub parts: u32,
    /// The rounds.
    pub rounds: Range<u32>,
}

/// `FROM..UNTIL` with 1 <= FROM < UNTIL.
fn rounds(text: &str) -> Option<Range<u32>> {
    let (from, until) = text.split_once("..")?;
    let rounds: Range<u32> = from.parse().ok()?..until.parse().ok()?;
    (!rounds.is_empty() && rounds.start > 0).then_some(rounds)
}

impl FromStr for PartitionSpec {
    type Err = ParseError;
    fn from_str(text: &str) -> Result<Self, ParseError> {
        let (cut, rest) = match text.split_once(':') {
            None => (Cut::Split, text),
            Some(("one-way", rest)) => (Cut::OneWay, rest),
            Some(("bridge", rest)) => (Cut::Bridge, rest),
            Some(_) => return Err(unknown(text, "a kind of partition", &["one-way", "bridge"])),
        };
        at(rest)
            .and_then(|(parts, span)| Some(Self { cut, parts, rounds: rounds(span)? }))
            .filter(|spec| spec.parts >= 2)
            .ok_or_else(|| {
                wrong(
                    text,
                    "[one-way:|bridge:]PARTS@FROM..UNTIL, with PARTS >= 2 and 1 <= FROM < UNTIL",
                )
            })
    }
}

impl fmt::Display for PartitionSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.cut {
            Cut::Split => "",
            Cut::OneWay => "one-way:",
            Cut::Bridge => "bridge:",
        })?;
        write!(f, "{}@{}..{}", self.parts, self.rounds.start, self.rounds.end)
    }
}

/// `NODE@FROM..UNTIL`: a node is down in rounds `from` to `until - 1` and comes back with what was
/// durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outage {
    /// The number of the node, from 0.
    pub node: u32,
    /// The rounds.
    pub rounds: Range<u32>,
}

impl FromStr for Outage {
    type Err = ParseError;
    fn from_str(text: &str) -> Result<Self, ParseError> {
        let number = text.strip_prefix("node_").unwrap_or(text);
        at(number)
            .and_then(|(node, span)| Some(Self { node, rounds: rounds(span)? }))
            .ok_or_else(|| wrong(text, "NODE@FROM..UNTIL, with 1 <= FROM < UNTIL, such as 0@3..6"))
    }
}

impl fmt::Display for Outage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}..{}", self.node, self.rounds.start, self.rounds.end)
    }
}

/// Nodes that leave with what they know and come back later.
#[derive(Debug, Clone, PartialEq)]
pub enum Churn {
    /// Poisson processes, in events per round: at which rate each node that is there leaves, and
    /// each that left comes back.
    Poisson {
        /// The rate for each present node.
        leave: f64,
        /// The rate for each node that has left.
        join: f64,
    },
    /// A file of lines `ROUND NODE leave|join|crash|restart`.
    File(String),
}

impl FromStr for Churn {
    type Err = ParseError;
    fn from_str(text: &str) -> Result<Self, ParseError> {
        let expected =
            "poisson:LEAVE:JOIN with rates per round above 0 and at most 10, or file:PATH";
        match text.split_once(':') {
            Some(("file", path)) if !path.is_empty() => Ok(Self::File(path.into())),
            Some(("poisson", rates)) => {
                let rate = |text: &str| text.parse().ok().filter(|r| (1e-9..=10.0).contains(r));
                let parsed = rates.split_once(':').and_then(|(leave, join)| {
                    Some(Self::Poisson { leave: rate(leave)?, join: rate(join)? })
                });
                parsed.ok_or_else(|| wrong(text, expected))
            }
            _ => Err(unknown(text, expected, &["poisson", "file"])),
        }
    }
}

impl fmt::Display for Churn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Poisson { leave, join } => write!(f, "poisson:{leave}:{join}"),
            Self::File(path) => write!(f, "file:{path}"),
        }
    }
}

/// When nodes begin exchanges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// In rounds, one node after the other. An exchange is over before the next begins, unless its
    /// messages are held up for rounds.
    Rounds,
    /// Once a period, each node at its own time, by a clock that is up to 1 % fast or slow.
    Periodic,
    /// At random, once a period on average (the asynchronous time model of Boyd et al. 2006).
    Poisson,
    /// Never by time: a node passes on what it has just learnt, and is otherwise silent.
    None,
}

impl FromStr for Clock {
    type Err = ParseError;
    fn from_str(text: &str) -> Result<Self, ParseError> {
        match text {
            "rounds" => Ok(Self::Rounds),
            "periodic" => Ok(Self::Periodic),
            "poisson" => Ok(Self::Poisson),
            "none" => Ok(Self::None),
            _ => Err(unknown(
                text,
                "rounds, periodic, poisson or none",
                &["rounds", "periodic", "poisson", "none"],
            )),
        }
    }
}

impl fmt::Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rounds => "rounds",
            Self::Periodic => "periodic",
            Self::Poisson => "poisson",
            Self::None => "none",
        })
    }
}

/// A length of virtual time, in whole microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub u64);

impl Span {
    /// A second.
    pub const SECOND: Self = Self(1_000_000);
    /// The longest span: about 31 years.
    pub const MAX: Self = Self(1 << 50);
}

/// A number with a unit that says how much one is.
fn with_unit(text: &str, units: &[(&str, f64)]) -> Option<f64> {
    let digits = text.find(|c: char| !(c.is_ascii_digit() || c == '.'))?;
    let (number, unit) = text.split_at(digits);
    let one = units.iter().find(|(name, _)| *name == unit)?.1;
    let value = number.parse::<f64>().ok()? * one;
    (value.is_finite() && value >= 0.0).then_some(value)
}

impl FromStr for Span {
    type Err = ParseError;
    fn from_str(text: &str) -> Result<Self, ParseError> {
        let units = [("us", 1.0), ("ms", 1e3), ("s", 1e6), ("min", 6e7), ("h", 3.6e9)];
        let micros = with_unit(text, &units).map(|value| (value + 0.5) as u64);
        micros
            .filter(|micros| *micros <= Self::MAX.0)
            .map(Self)
            .ok_or_else(|| wrong(text, "a time such as 20ms, 1.5s or 2min"))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.write_str("0s"),
            us if us.is_multiple_of(1_000_000) => write!(f, "{}s", us / 1_000_000),
            us if us.is_multiple_of(1_000) => write!(f, "{}ms", us / 1_000),
            us => write!(f, "{us}us"),
        }
    }
}

/// How long a message is in flight, not counting the time that its bytes take.
#[derive(Debug, Clone, PartialEq)]
pub enum Latency {
    /// No time.
    None,
    /// Always the same.
    Constant(Span),
    /// Uniform from the first to the second.
    Uniform(Span, Span),
    /// Log-normal: the median, and the standard deviation of the logarithm.
    LogNormal(Span, f64),
    /// From a file: k rows of k milliseconds, from the region of the row to that of the column.
    /// Of n
    /// nodes the i-th is in region i k / n, rounded down.
    File(String),
}

impl FromStr for Latency {
    type Err = ParseError;
    fn from_str(text: &str) -> Result<Self, ParseError> {
        let expected = "none, constant:TIME, uniform:TIME..TIME, lognormal:MEDIAN:SIGMA with \
                        SIGMA at most 3, or file:PATH, such as lognormal:40ms:0.5";
        let parsed = match text.split_once(':') {
            None if text == "none" => Some(Self::None),
            Some(("constant", time)) => time.parse().ok().map(Self::Constant),
            Some(("uniform", range)) => range.split_once("..").and_then(|(low, high)| {
                let (low, high) = (low.parse().ok()?, high.parse().ok()?);
                (low <= high).then_some(Self::Uniform(low, high))
            }),
            Some(("lognormal", rest)) => rest.split_once(':').and_then(|(median, sigma)| {
                let sigma = sigma.parse().ok().filter(|s| (0.0..=3.0).contains(s))?;
                Some(Self::LogNormal(median.parse().ok()?, sigma))
            }),
            Some(("file", path)) if !path.is_empty() => Some(Self::File(path.into())),
            _ => None,
        };
        let names = ["none", "constant", "uniform", "lognormal", "file"];
        parsed.ok_or_else(|| unknown(text, expected, &names))
    }
}

impl fmt::Display for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Constant(time) => write!(f, "constant:{time}"),
            Self::Uniform(low, high) => write!(f, "uniform:{low}..{high}"),
            Self::LogNormal(median, sigma) => write!(f, "lognormal:{median}:{sigma}"),
            Self::File(path) => write!(f, "file:{path}"),
        }
    }
}

/// Bytes per second, 1 or more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate(pub u64);

impl FromStr for Rate {
    type Err = ParseError;
    fn from_str(text: &str) -> Result<Self, ParseError> {
        let units = [("B/s", 1.0), ("kB/s", 1e3), ("MB/s", 1e6), ("GB/s", 1e9)];
        let bytes = with_unit(text, &units).map(|value| (value + 0.5) as u64);
        bytes
            .filter(|bytes| (1..=1 << 50).contains(bytes))
            .map(Self)
            .ok_or_else(|| wrong(text, "a rate such as 500kB/s, 10MB/s or 1GB/s"))
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            b if b.is_multiple_of(1_000_000_000) => write!(f, "{}GB/s", b / 1_000_000_000),
            b if b.is_multiple_of(1_000_000) => write!(f, "{}MB/s", b / 1_000_000),
            b if b.is_multiple_of(1_000) => write!(f, "{}kB/s", b / 1_000),
            b => write!(f, "{b}B/s"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_reads_back_what_it_writes() {
        fn check<T: FromStr<Err = ParseError> + fmt::Display + PartialEq + fmt::Debug>(
            texts: &[&str],
        ) {
            for text in texts {
                let value: T = text.parse().unwrap_or_else(|e| panic!("{text}: {e}"));
                assert_eq!(value.to_string(), *text);
            }
        }
        check::<PartitionSpec>(&["2@3..9", "one-way:3@1..2", "bridge:2@4..8"]);
        check::<Outage>(&["0@3..6"]);
        check::<Churn>(&["poisson:0.02:0.1", "file:trace.txt"]);
        check::<Clock>(&["rounds", "periodic", "poisson", "none"]);
        check::<Span>(&["0s", "1s", "20ms", "17us", "90s"]);
        check::<Latency>(&[
            "none",
            "constant:20ms",
            "uniform:10ms..80ms",
            "lognormal:40ms:0.5",
            "file:wan.txt",
        ]);
        check::<Rate>(&["1B/s", "500kB/s", "10MB/s", "3GB/s"]);
    }

    #[test]
    fn nonsense_says_what_would_be_right() {
        let error = "3@9..2".parse::<PartitionSpec>().expect_err("backwards");
        assert!(error.to_string().contains("FROM < UNTIL"), "{error}");
        let error = "brigde:2@1..3".parse::<PartitionSpec>().expect_err("misspelt");
        assert!(error.to_string().contains("did you mean `bridge`?"), "{error}");
        for text in ["uniform:9ms..2ms", "lognormal:1s:NaN", "lognormal:1s", "constant:-1s", "x"] {
            assert!(text.parse::<Latency>().is_err(), "{text}");
        }
        for text in ["poisson:0:1", "poisson:1", "poisson:NaN:1", "poisson:11:1", "file:"] {
            assert!(text.parse::<Churn>().is_err(), "{text}");
        }
        for text in ["1", "s", "1e400s", "99999999h", "-1s", "1 s"] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
        assert!("0B/s".parse::<Rate>().is_err() && "10".parse::<Rate>().is_err());
    }
}
