//! Values of flags that say what is merged, by whom, and what is looked at.

use crate::text::{ParseError, text_serde, unknown, wrong};
use std::fmt;
use std::str::FromStr;

text_serde!(Buffers, Family, LateJoiners, RetractSpec, Share, Spread, Metrics);

/// The model that is merged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Family {
    /// The embedded images and a small network.
    Digits,
    /// One seeded tensor of this shape.
    Synthetic(Vec<u64>),
    /// A safetensors file, a sharded index, or a folder of several models.
    Path(String),
}

/// The most elements of a synthetic tensor.
pub const MAX_SYNTHETIC: u64 = 1 << 28;

impl FromStr for Family {
    type Err = ParseError;
    fn from_str(text: &str) -> Result<Self, ParseError> {
        let Some(shape) = text.strip_prefix("synthetic:") else {
            return match text {
                "" => Err(wrong(text, "digits, synthetic:SHAPE or a path")),
                "digits" => Ok(Self::Digits),
                path => Ok(Self::Path(path.into())),
            };
        };
        let expected = "a shape such as synthetic:16x16, with at most 2^28 elements";
        let sizes: Result<Vec<u64>, _> = shape.split('x').map(str::parse).collect();
        let sizes = sizes.map_err(|_| wrong(text, expected))?;
        let elements = sizes.iter().try_fold(1_u64, |product, size| product.checked_mul(*size));
        match elements {
            Some(1..=MAX_SYNTHETIC) if sizes.len() <= 8 => Ok(Self::Synthetic(sizes)),
            _ => Err(wrong(text, expected)),
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Digits => f.write_str("digits"),
            Self::Path(path) => f.write_str(path),
            Self::Synthetic(shape) => {
                let sizes: Vec<_> = shape.iter().map(u64::to_string).collect();
                write!(f, "synthetic:{}", sizes.join("x"))
            }
        }
    }
}

/// How tensors of integers, such as the counters of batch normalisation, are merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Buffers {
    /// They must be the same in all models.
    Error,
    /// They are those of the base model.
    Base,
    /// They are the rounded weighted mean.
    Mean,
}

impl Buffers {
    /// The strategies' parameter of this name.
    pub(crate) const PARAMETER: &'static str = "buffers";
}

impl FromStr for Buffers {
    type Err = ParseError;
    fn from_str(text: &str) -> Result<Self, ParseError> {
        match text {
            "error" => Ok(Self::Error),
            "base" => Ok(Self::Base),
            "mean" => Ok(Self::Mean),
            _ => Err(unknown(text, "base, mean or error", &["base", "mean", "error"])),
        }
    }
}

impl fmt::Display for Buffers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Base => "base",
            Self::Mean => "mean",
        })
    }
}

/// `COUNT@ROUND`: the last `count` honest nodes join in `round`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LateJoiners {
    /// The number of nodes that join.
    pub count: u32,
    /// The round in which they join; at least 1.
    pub round: u32,
}

pub(super) fn at<A: FromStr>(text: &str) -> Option<(A, &str)> {
    let (before, after) = text.split_once('@')?;
    Some((before.parse().ok()?, after))
}

impl FromStr for LateJoiners {
    type Err = ParseError;
    fn from_str(text: &str) -> Result<Self, ParseError> {
        at(text)
            .and_then(|(count, round)| Some(Self { count, round: round.parse().ok()? }))
            .filter(|late| late.count > 0 && late.round > 0)
            .ok_or_else(|| wrong(text, "COUNT@ROUND, both at least 1, such as 2@5"))
    }
}

impl fmt::Display for LateJoiners {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.count, self.round)
    }
}

/// `NODE@ROUND`: node number `node` retracts its contribution at the start of `round`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetractSpec {
    /// The number of the node, from 0.
    pub node: u32,
    /// The round in which they join; at least 1.
    pub round: u32,
}

impl FromStr for RetractSpec {
    type Err = ParseError;
    fn from_str(text: &str) -> Result<Self, ParseError> {
        let number = text.strip_prefix("node_").unwrap_or(text);
        at(number)
            .and_then(|(node, round)| Some(Self { node, round: round.parse().ok()? }))
            .filter(|retract| retract.round > 0)
            .ok_or_else(|| wrong(text, "NODE@ROUND, with ROUND at least 1, such as 3@6"))
    }
}

impl fmt::Display for RetractSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.node, self.round)
    }
}

/// `COUNT` or `PERCENT%` of the nodes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Share {
    /// This number of nodes.
    Count(u32),
    /// A share in percent, rounded to the nearest; but a share below 50 % never becomes half of the
    /// nodes, so rounding cannot turn a minority into a tie.
    Percent(f64),
}

impl Share {
    /// The number of nodes among `nodes`.
    #[must_use]
    pub fn of(self, nodes: u32) -> u32 {
        match self {
            Self::Count(count) => count,
            Self::Percent(percent) => {
                let nearest = (f64::from(nodes) * percent / 100.0 + 0.5) as u32;
                if percent < 50.0 { nearest.min(nodes.saturating_sub(1) / 2) } else { nearest }
            }
        }
    }
}

impl FromStr for Share {
    type Err = ParseError;
    fn from_str(text: &str) -> Result<Self, ParseError> {
        let parsed = match text.strip_suffix('%') {
            None => text.parse().ok().map(Self::Count),
            Some(percent) => percent.parse().ok().map(Self::Percent),
        };
        let in_range = |share: &Self| match share {
            Self::Count(_) => true,
            Self::Percent(percent) => (0.0..=100.0).contains(percent),
        };
        parsed
            .filter(in_range)
            .ok_or_else(|| wrong(text, "a number of nodes, or a share such as 34%"))
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => write!(f, "{count}"),
            Self::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

/// The way in which the nodes' data differ.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Spread {
    /// They do not, except by chance.
    Iid,
    /// A little: `digits` draws class shares from Dirichlet(10).
    Mild,
    /// Much: Dirichlet(1).
    Strong,
    /// Class shares from Dirichlet(A) (Hsu, Qi, Brown 2019).
    Dirichlet(f64),
    /// K groups of nodes, each with classes of its own.
    Clusters(u32),
}

impl FromStr for Spread {
    type Err = ParseError;
    fn from_str(text: &str) -> Result<Self, ParseError> {
        let expected = "iid, mild, strong, dirichlet:A with A from 0.001 to 1000000, or \
                        clusters:K with K >= 2";
        let parsed = match text.split_once(':') {
            None => match text {
                "iid" => Some(Self::Iid),
                "mild" => Some(Self::Mild),
                "strong" => Some(Self::Strong),
                _ => None,
            },
            Some(("dirichlet", a)) => {
                a.parse().ok().filter(|a: &f64| (1e-3..=1e6).contains(a)).map(Self::Dirichlet)
            }
            Some(("clusters", k)) => k.parse().ok().filter(|k| *k >= 2).map(Self::Clusters),
            Some(_) => None,
        };
        let names = ["iid", "mild", "strong", "dirichlet", "clusters"];
        parsed.ok_or_else(|| unknown(text, expected, &names))
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Iid => f.write_str("iid"),
            Self::Mild => f.write_str("mild"),
            Self::Strong => f.write_str("strong"),
            Self::Dirichlet(a) => write!(f, "dirichlet:{a}"),
            Self::Clusters(k) => write!(f, "clusters:{k}"),
        }
    }
}

/// The nodes for which per-node figures are computed and written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metrics {
    /// All up to 256 nodes, a sample of 64 above.
    Auto,
    /// All nodes.
    Full,
    /// A seeded sample.
    Sample(u32),
    /// No nodes.
    Off,
}

impl Metrics {
    /// The number of nodes among `nodes`.
    #[must_use]
    pub fn count(self, nodes: u32) -> u32 {
        match self {
            Self::Auto if nodes > 256 => 64,
            Self::Auto | Self::Full => nodes,
            Self::Sample(count) => count.min(nodes),
            Self::Off => 0,
        }
    }
}

impl FromStr for Metrics {
    type Err = ParseError;
    fn from_str(text: &str) -> Result<Self, ParseError> {
        let parsed = match text.split_once(':') {
            None => match text {
                "auto" => Some(Self::Auto),
                "full" => Some(Self::Full),
                "off" => Some(Self::Off),
                _ => None,
            },
            Some(("sample", count)) => count.parse().ok().filter(|k| *k > 0).map(Self::Sample),
            Some(_) => None,
        };
        let expected = "full, sample:K with K >= 1, off, or auto";
        parsed.ok_or_else(|| unknown(text, expected, &["full", "sample", "off", "auto"]))
    }
}

impl fmt::Display for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Full => f.write_str("full"),
            Self::Sample(count) => write!(f, "sample:{count}"),
            Self::Off => f.write_str("off"),
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
        check::<Family>(&["digits", "synthetic:16x16", "synthetic:7", "some/model.safetensors"]);
        check::<Buffers>(&["error", "base", "mean"]);
        check::<LateJoiners>(&["2@5"]);
        check::<RetractSpec>(&["0@4"]);
        check::<Share>(&["3", "34%", "12.5%"]);
        check::<Spread>(&["iid", "mild", "strong", "dirichlet:0.3", "clusters:2"]);
        check::<Metrics>(&["auto", "full", "sample:9", "off"]);
    }

    #[test]
    fn a_minority_is_never_rounded_to_half() {
        let of = |percent: f64, nodes| Share::Percent(percent).of(nodes);
        assert_eq!([of(45.0, 8), of(49.9, 2), of(34.0, 12), of(49.0, 100)], [3, 0, 4, 49]);
        assert_eq!([of(50.0, 8), of(50.0, 9), of(100.0, 8)], [4, 5, 8]);
        assert_eq!([of(45.0, 0), of(45.0, 1)], [0, 0]);
    }

    #[test]
    fn nonsense_says_what_would_be_right() {
        for shape in
            ["synthetic:", "synthetic:0", "synthetic:99999999999x9999999999999", "synthetic:4x"]
        {
            assert!(shape.parse::<Family>().is_err(), "{shape}");
        }
        assert!("NaN%".parse::<Share>().is_err());
        assert!("101%".parse::<Share>().is_err());
        for spread in ["dirichlet:0", "dirichlet:1e-7", "dirichlet:1e7", "dirichlet:NaN"] {
            let problem = spread.parse::<Spread>().expect_err(spread).to_string();
            assert!(problem.contains("A from 0.001 to 1000000"), "{problem}");
        }
        for share in ["-1", "-5%", "1.5", ""] {
            assert!(share.parse::<Share>().is_err(), "{share}");
        }
    }
}
