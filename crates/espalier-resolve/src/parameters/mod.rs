//! Parameters of strategies: their ranges, their defaults and their one canonical spelling.

mod error;

use core::fmt;
use std::collections::BTreeMap;

pub use self::error::StrategyError;
use espalier_blame::nearest;

/// What a parameter may be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ParameterRange {
    /// A number between two bounds, the lower one excluded if `above` is true.
    Number {
        /// Lower bound.
        min: f64,
        /// Whether the lower bound itself is excluded.
        above: bool,
        /// Upper bound, included.
        max: f64,
    },
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A whole number between two bounds, both included.
    Whole {
        /// Lower bound.
        min: u32,
        /// Upper bound.
        max: u32,
    },
    /// A number above zero, or this word.
    PositiveOr(&'static str),
    /// How many liars: a share from 0 to 0.5, or a whole number from 1.
    Liars,
    /// `none`, or some of these words, each at most once, joined by `+`.
    Chain(&'static [&'static str]),
}

/// The largest number where only a sign is required, and the largest count.
const LARGEST: f64 = 1e30;
const MOST: f64 = 1e6;

// Bounds are constants of this crate and never NaN.
impl Eq for ParameterRange {}

impl ParameterRange {
    /// Zero excluded, one included: a share that is kept.
    pub(crate) const SHARE: Self = Self::Number { min: 0.0, above: true, max: 1.0 };
    /// A factor of any sign.
    pub(crate) const FACTOR: Self = Self::Number { min: -1000.0, above: false, max: 1000.0 };
    /// Yes or no.
    pub(crate) const FLAG: Self = Self::Choice(&["false", "true"]);

    /// The canonical spelling of `text`, if it is in the range.
    #[must_use]
    pub fn canonical(self, text: &str) -> Option<String> {
        match self {
            Self::Number { min, above, max } => {
                // Adding zero turns minus zero into zero.
                let value = text.trim().parse::<f64>().ok()? + 0.0;
                let inside = if above { value > min } else { value >= min };
                (inside && value <= max).then(|| value.to_string())
            }
            Self::Choice(words) => {
                let word = words.iter().find(|word| **word == text.trim())?;
                Some((*word).to_owned())
            }
            Self::Whole { min, max } => {
                let value = text.trim().parse::<f64>().ok()? + 0.0;
                let inside = value >= min.into() && value <= max.into() && value.trunc() == value;
                inside.then(|| value.to_string())
            }
            Self::PositiveOr(word) if text.trim() == word => Some(word.to_owned()),
            Self::PositiveOr(_) => {
                Self::Number { min: 0.0, above: true, max: LARGEST }.canonical(text)
            }
            Self::Liars => {
                let value = text.trim().parse::<f64>().ok()? + 0.0;
                let share = (0.0..=0.5).contains(&value);
                let count = (1.0..=MOST).contains(&value) && value.trunc() == value;
                (share || count).then(|| value.to_string())
            }
            Self::Chain(words) => {
                let given: Vec<&str> = text.split('+').map(str::trim).collect();
                let once =
                    |(i, word): (usize, &&str)| words.contains(word) && !given[..i].contains(word);
                let valid = given == ["none"] || given.iter().enumerate().all(once);
                valid.then(|| given.join("+"))
            }
        }
    }
}

impl fmt::Display for ParameterRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number { min, above, max } if *max == f64::MAX => match above {
                _ if *min == f64::MIN => write!(f, "any number"),
                true => write!(f, "a number above {min}"),
                false => write!(f, "a number from {min} on"),
            },
            Self::Number { min, above: true, max } => {
                write!(f, "a number above {min}, at most {max}")
            }
            Self::Number { min, above: false, max } => write!(f, "a number from {min} to {max}"),
            Self::Choice(words) => write!(f, "one of {}", words.join(", ")),
            Self::Whole { min, max } => write!(f, "a whole number from {min} to {max}"),
            Self::PositiveOr(word) => {
                write!(f, "`{word}` or a number above 0, at most {LARGEST:e}")
            }
            Self::Liars => write!(f, "a share from 0 to 0.5 or a whole number up to {MOST}"),
            Self::Chain(words) => {
                write!(f, "`none` or some of {}, each once, joined by `+`", words.join(", "))
            }
        }
    }
}

/// A parameter of a strategy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParameterInfo {
    /// The parameter's name.
    pub name: &'static str,
    /// What it is when it is not given, in canonical spelling.
    pub default: &'static str,
    /// What it may be.
    pub range: ParameterRange,
    /// What it does, in a line.
    pub help: &'static str,
}

/// Parameters that every strategy has.
pub(crate) const COMMON: [ParameterInfo; 3] = [
    ParameterInfo {
        name: "accumulate",
        default: "f32",
        range: ParameterRange::Choice(&["f32", "f64"]),
        help: "the type of the arithmetic; tensors stored as f64 are always computed in f64",
    },
    ParameterInfo {
        name: "dtype",
        default: "same",
        range: ParameterRange::Choice(&["same", "f64", "f32", "f16", "bf16"]),
        help: "the type of merged floating-point tensors; `same` is the base's or the first \
               input's",
    },
    ParameterInfo {
        name: "buffers",
        default: "error",
        range: ParameterRange::Choice(&["error", "base", "mean"]),
        help: "tensors of integers, such as counters: `error` if they are not the same in all \
               models; `base` takes the base's; `mean` takes the weighted mean, rounded half to \
               even",
    },
];

/// A complete set of valid values in canonical spelling.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Values(BTreeMap<String, String>);

impl Values {
    /// Checks what was given and fills in what was not.
    pub(crate) fn new(
        strategy: &'static str,
        parameters: &[ParameterInfo],
        given: &BTreeMap<String, String>,
    ) -> Result<Self, StrategyError> {
        let all: Vec<ParameterInfo> = parameters.iter().chain(&COMMON).copied().collect();
        Self::exactly(strategy, &all, given)
    }

    /// The same without the parameters that every strategy has. A parameter whose default is the
    /// empty text has to be given.
    pub(crate) fn exactly(
        strategy: &'static str,
        parameters: &[ParameterInfo],
        given: &BTreeMap<String, String>,
    ) -> Result<Self, StrategyError> {
        let all = || parameters.iter();
        if let Some(parameter) = given.keys().find(|name| all().all(|p| p.name != **name)) {
            let names: Vec<_> = all().map(|p| p.name).collect();
            return Err(StrategyError::UnknownParameter {
                strategy,
                parameter: parameter.clone(),
                suggestion: nearest(parameter, names.iter().copied()),
                known: names.join(", "),
            });
        }
        let value = |info: &ParameterInfo| {
            let text = given.get(info.name).map_or(info.default, String::as_str);
            if text.is_empty() && info.default.is_empty() {
                return Err(StrategyError::Missing { strategy, parameter: info.name });
            }
            let value = info.range.canonical(text).ok_or_else(|| StrategyError::Range {
                strategy,
                parameter: info.name,
                value: text.to_owned(),
                range: info.range,
            })?;
            Ok((info.name.to_owned(), value))
        };
        Ok(Self(all().map(value).collect::<Result<_, _>>()?))
    }

    pub(crate) fn into_map(self) -> BTreeMap<String, String> {
        self.0
    }

    pub(crate) fn as_map(&self) -> &BTreeMap<String, String> {
        &self.0
    }

    /// Those of these parameters.
    pub(crate) fn among(&self, parameters: &[ParameterInfo]) -> BTreeMap<String, String> {
        let named = parameters.iter().filter_map(|info| self.0.get_key_value(info.name));
        named.map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// A word; empty if the strategy does not have it, which its registry entry excludes.
    pub(crate) fn word(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    /// A number, exactly the one that the canonical spelling means.
    pub(crate) fn number(&self, name: &str) -> f64 {
        self.word(name).parse().unwrap_or(f64::NAN)
    }

    /// A number; `None` for a word.
    pub(crate) fn number_or_word(&self, name: &str) -> Option<f64> {
        self.word(name).parse().ok()
    }

    pub(crate) fn flag(&self, name: &str) -> bool {
        self.word(name) == "true"
    }
}
