//! Byzantine-robust rules and the steps before them.
//!
//! Rules look at the whole model: all its float tensors, one after another, are one vector per
//! input, a *row*. So they are prepared once for a plan and not once for a tensor:
//!
//! 1. [`survey`](survey::survey) computes the inner products of all rows in one pass, if the rule
//!    or a step asks for them;
//! 2. the steps ([`steps`]) replace the rows by combinations of them, and their products P by
//!    W P Wᵀ;
//! 3. a rule is either a function of the products, which gives one factor per row
//!    ([`combination`]: Krum, geometric median, …), or works coordinate by coordinate on the
//!    rows, which are mixed tile by tile ([`columns`]: median, trimmed mean, …).
//!
//! Where norms matter, with `clipping`, `arc` and centred clipping that starts there, rows are
//! differences from the base, or the models themselves if there is none. All else depends on
//! distances, and reads no base.
//!
//! **Liars.** The parameter `f` says how many rows may be lies. Every rule and step here tolerates
//! less than half of its rows, ⌊(rows − 1) / 2⌋; a larger `f` counts as that, with a
//! [`Note::Liars`].
//!
//! **What is not a number.** A row that is not finite, or whose squared norm is not below 10¹⁵⁰, is
//! left out where products are computed, with a [`Note::NotFinite`], and is one liar found: `f` is
//! lowered by it. If more rows than `f` are finite and so long (which only f64 can hold), or all
//! are so short that their squares vanish, rows are measured in another unit instead, a power of
//! two. If no row is finite, they are averaged, which has no result.
//!
//! **Precision.** Products are sums in f64 (relative error about 10⁻¹⁵ of |x| |y|). A squared
//! distance is p(i, i) + p(j, j) − 2 p(i, j), so its relative error is about 10⁻¹⁵ r² where r is
//! the length of the rows over their distance. Where norms do not matter, products are taken
//! relative to the row of median norm, which fewer than half of the rows cannot place far
//! outside; r is then small, unless that row is a lie. Where they do, r is what the models or
//! their differences from the base have: a distance of 10⁻⁴ of the norm is still known to seven
//! digits.

pub(crate) mod by_products;
pub(crate) mod columns;
pub(crate) mod products;
pub(crate) mod steps;
pub(crate) mod survey;

use self::survey::Need;
use crate::{
    parameters::{ParameterInfo, ParameterRange, Values},
    policies::Note,
};

/// The number of liars assumed.
pub(crate) const LIARS: ParameterInfo = ParameterInfo {
    name: "f",
    default: "0.3",
    range: ParameterRange::Liars,
    help: "how many inputs may be lies: below 1 a share of them, f n rounded down; else a count",
};

/// What is done before a rule.
pub(crate) const PRE: ParameterInfo = ParameterInfo {
    name: "pre",
    default: "none",
    range: ParameterRange::Chain(&["nnm", "bucketing", "clipping", "arc"]),
    help: "steps before the rule, first one first, as in `arc+nnm`",
};

/// Size of the buckets.
pub(crate) const BUCKET: ParameterInfo = ParameterInfo {
    name: "bucket",
    default: "2",
    range: ParameterRange::Whole { min: 1, max: 1000 },
    help: "how many rows the step `bucketing` averages at a time",
};

/// Where static clipping clips.
pub(crate) const CLIP: ParameterInfo = ParameterInfo {
    name: "clip",
    default: "auto",
    range: ParameterRange::PositiveOr("auto"),
    help: "the norm to which the step `clipping` clips; `auto` is the median norm",
};

/// An assumed number of liars: a share below 1, otherwise a count.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Liars(f64);

impl Liars {
    /// f n rounded down, the product taken in f64; or the count.
    fn among(self, inputs: usize) -> usize {
        if self.0 < 1.0 { (self.0 * inputs as f64) as usize } else { self.0 as usize }
    }
}

/// What is done with the rows before a rule sees them, and how many liars it is told of.
#[derive(Debug, Clone)]
pub(crate) struct Steps {
    liars: Liars,
    chain: Vec<steps::Step>,
}

impl Steps {
    pub(crate) fn new(values: &Values) -> Self {
        let clip = values.number_or_word("clip");
        let bucket = values.number("bucket") as usize;
        let step = |word: &str| match word {
            "nnm" => Some(steps::Step::Nnm),
            "bucketing" => Some(steps::Step::Bucketing(bucket)),
            "clipping" => Some(steps::Step::Clipping(clip)),
            "arc" => Some(steps::Step::Arc),
            _ => None,
        };
        let chain = values.word("pre").split('+').filter_map(step).collect();
        Self { liars: Liars(values.number("f")), chain }
    }

    /// Whether a rule with this need, or a step, depends on where the origin of the rows is.
    pub(crate) fn need_origin(&self, need: Need) -> bool {
        need == Need::Norms || self.chain.iter().any(|step| step.needs_origin())
    }
}

/// `asked`, or as many as can be tolerated: less than half of the rows.
pub(crate) fn tolerated(
    step: &'static str,
    rows: usize,
    asked: usize,
    notes: &mut Vec<Note>,
) -> usize {
    let used = asked.min(rows.saturating_sub(1) / 2);
    if used < asked {
        notes.push(Note::Liars { step, rows, asked, used });
    }
    used
}

/// The indices of `keys` in ascending order of their values, equal ones in the order they have.
pub(crate) fn order(keys: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..keys.len()).collect();
    order.sort_by(|&a, &b| keys[a].total_cmp(&keys[b]));
    order
}

/// The least value that a majority of `values` does not exceed; zero if there are none.
pub(crate) fn majority(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(values.len() / 2).copied().unwrap_or(0.0)
}
