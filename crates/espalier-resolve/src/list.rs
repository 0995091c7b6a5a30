//! Every strategy by its name: what it is in recipes, and what it is in policies.
//!
//! Recipes merge one tensor after the other, of ordered inputs with parameters of their own.
//! Policies merge a set of whole models. Five formulas are written twice, because each side has
//! promises about its bits; see `docs/DECISIONS.md`.

use espalier_blame::nearest;

use crate::{
    methods::{self, MethodInfo, consensus, fusion, negmerge, ram, spectral, stitch},
    parameters::StrategyError,
    policies::StrategyInfo,
    strategies::{
        average, caf, centered_clipping, dare_linear, formulas, geometric_median, krum, mda,
        meamed, median, slerp, task_arithmetic, ties, trimmed_mean, weight_average,
    },
};

/// A name, and what stands for it.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct StrategyEntry {
    /// The name.
    pub name: &'static str,
    /// What it is in recipes, where it is called a method.
    pub recipes: Option<&'static MethodInfo>,
    /// What it is in policies.
    pub policies: Option<&'static StrategyInfo>,
    /// Why it is missing in one of them, if it is.
    pub missing: &'static str,
}

const fn both(recipes: &'static MethodInfo, policies: &'static StrategyInfo) -> StrategyEntry {
    let name = recipes.name;
    StrategyEntry { name, recipes: Some(recipes), policies: Some(policies), missing: "" }
}

const fn recipes_only(info: &'static MethodInfo, missing: &'static str) -> StrategyEntry {
    StrategyEntry { name: info.name, recipes: Some(info), policies: None, missing }
}

const fn policies_only(info: &'static StrategyInfo) -> StrategyEntry {
    let missing = "it or its steps measure whole models, and a recipe merges tensor by tensor";
    StrategyEntry { name: info.name, recipes: None, policies: Some(info), missing }
}

const ONE: &str = "it takes one input, and a policy merges any number";
const SPHERE: &str = "`slerp` is the spherical mean there, and answers to this name";

static STRATEGIES: [StrategyEntry; 38] = [
    both(&methods::WEIGHT_AVERAGE, &weight_average::INFO),
    both(&methods::TASK_ARITHMETIC, &task_arithmetic::INFO),
    both(&methods::TIES, &ties::INFO),
    both(&methods::DARE_LINEAR, &dare_linear::INFO),
    both(&methods::DARE_TIES, &formulas::DARE_TIES),
    both(&methods::BREADCRUMBS, &formulas::BREADCRUMBS),
    both(&methods::BREADCRUMBS_TIES, &formulas::BREADCRUMBS_TIES),
    both(&methods::DELLA, &formulas::DELLA),
    both(&methods::DELLA_LINEAR, &formulas::DELLA_LINEAR),
    both(&methods::SCE, &formulas::SCE),
    both(&consensus::INFO, &formulas::CONSENSUS_TA),
    both(&ram::RAM, &formulas::RAM),
    both(&ram::RAM_PLUS, &formulas::RAM_PLUS),
    both(&stitch::INFO, &formulas::LOCALIZE_STITCH),
    both(&negmerge::INFO, &formulas::NEGMERGE),
    both(&methods::MODEL_STOCK, &formulas::MODEL_STOCK),
    both(&spectral::ISO_C, &formulas::ISO_C),
    both(&spectral::ISO_CTS, &formulas::ISO_CTS),
    both(&spectral::TSV_M, &formulas::TSV_M),
    both(&spectral::STAR, &formulas::STAR),
    both(&spectral::KNOTS, &formulas::KNOTS),
    both(&methods::SLERP, &slerp::INFO),
    recipes_only(
        &methods::NUSLERP,
        "it takes two inputs; `slerp` is the spherical mean of any number",
    ),
    recipes_only(&methods::MULTISLERP, SPHERE),
    recipes_only(&methods::KARCHER, SPHERE),
    recipes_only(&methods::PASSTHROUGH, ONE),
    recipes_only(&methods::NEARSWAP, ONE),
    recipes_only(&fusion::INFO, ONE),
    policies_only(&median::INFO),
    policies_only(&trimmed_mean::INFO),
    policies_only(&meamed::INFO),
    policies_only(&geometric_median::INFO),
    policies_only(&krum::KRUM),
    policies_only(&krum::MULTI_KRUM),
    policies_only(&mda::INFO),
    policies_only(&centered_clipping::INFO),
    policies_only(&caf::INFO),
    policies_only(&average::INFO),
];

/// All strategies, of recipes and of policies.
#[must_use]
pub fn strategies() -> &'static [StrategyEntry] {
    &STRATEGIES
}

/// All strategies of policies.
///
/// ```
/// let names: Vec<_> = espalier_resolve::registry().map(|info| info.name).collect();
/// assert!(names.contains(&"ties") && names.contains(&"krum") && !names.contains(&"nearswap"));
/// ```
pub fn registry() -> impl Iterator<Item = &'static StrategyInfo> + Clone {
    STRATEGIES.iter().filter_map(|entry| entry.policies)
}

/// All methods of recipes.
pub fn methods() -> impl Iterator<Item = &'static MethodInfo> + Clone {
    STRATEGIES.iter().filter_map(|entry| entry.recipes)
}

/// The strategy of policies that answers to `name`. Case and the difference of `-` and `_` do not
/// matter.
pub(crate) fn find(name: &str) -> Result<&'static StrategyInfo, StrategyError> {
    let all = registry().map(|info| (info, info.name, info.aliases));
    let elsewhere = methods().map(|info| (info.name, info.aliases));
    found(name, all, elsewhere, "recipes")
}

/// The method of recipes that answers to `name`. Case and the difference of `-` and `_` do not
/// matter.
///
/// # Errors
/// [`StrategyError::Unknown`] with the nearest name, or [`StrategyError::Elsewhere`].
pub fn find_method(name: &str) -> Result<&'static MethodInfo, StrategyError> {
    let all = methods().map(|info| (info, info.name, info.aliases));
    let elsewhere = registry().map(|info| (info.name, info.aliases));
    found(name, all, elsewhere, "policies")
}

/// The entry that answers to `name` in recipes, or else in policies.
///
/// # Errors
/// [`StrategyError::Unknown`] with the nearest name.
pub fn find_strategy(name: &str) -> Result<&'static StrategyEntry, StrategyError> {
    let found = find_method(name).map(|info| info.name).or_else(|error| match error {
        StrategyError::Elsewhere { name, .. } => Ok(name),
        error => find(name).map(|info| info.name).map_err(|_| error),
    })?;
    let entry = STRATEGIES.iter().find(|entry| entry.name == found);
    entry.ok_or(StrategyError::Unknown { name: name.to_owned(), suggestion: None })
}

type Names = (&'static str, &'static [&'static str]);

fn answers(wanted: &str, (name, aliases): Names) -> bool {
    name == wanted || aliases.iter().any(|alias| plain(alias) == wanted)
}

/// The one of `all` that answers to `name`; `elsewhere` are those of the other side, which is
/// called `only`.
fn found<T>(
    name: &str,
    all: impl Iterator<Item = (T, &'static str, &'static [&'static str])> + Clone,
    mut elsewhere: impl Iterator<Item = Names>,
    only: &'static str,
) -> Result<T, StrategyError> {
    let wanted = plain(name);
    let known = all.clone().find(|&(_, name, aliases)| answers(&wanted, (name, aliases)));
    if let Some((info, ..)) = known {
        return Ok(info);
    }
    if let Some((name, _)) = elsewhere.find(|&names| answers(&wanted, names)) {
        let entry = STRATEGIES.iter().find(|entry| entry.name == name);
        let reason = entry.map_or("", |entry| entry.missing);
        return Err(StrategyError::Elsewhere { name, only, reason });
    }
    let names = all.flat_map(|(_, name, aliases)| aliases.iter().copied().chain([name]));
    Err(StrategyError::Unknown { name: name.to_owned(), suggestion: nearest(name, names) })
}

/// A name in lower case with `-` for `_`: what two spellings of one name have in common.
fn plain(name: &str) -> String {
    name.trim().to_ascii_lowercase().replace('_', "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_however_they_are_spelled() {
        for (given, name) in [
            ("task_arithmetic", "task-arithmetic"),
            ("Linear", "weight-average"),
            ("dare-ties", "dare-ties"),
            ("ramplus-tl", "ram-plus"),
        ] {
            assert_eq!(find_method(given).expect("a method").name, name);
            assert_eq!(find(given).expect("a strategy").name, name);
            assert_eq!(find_strategy(given).expect("an entry").name, name);
        }
        for error in [find_method("tise").map(drop), find("tise").map(drop)] {
            let error = error.expect_err("misspelled").to_string();
            assert!(error.contains("did you mean `ties`"), "{error}");
        }
        assert_eq!(find_strategy("krum").expect("an entry").name, "krum");
        assert_eq!(find_strategy("karcher").expect("an entry").name, "karcher");
        assert_eq!(find("karcher").expect("another name").name, "slerp");
    }

    #[test]
    fn what_is_missing_on_one_side_says_why() {
        let error = find("nearswap").expect_err("of recipes only");
        assert_eq!(error.code(), "strategy-elsewhere");
        let said = "`nearswap` works in recipes only: it takes one input, and a policy merges any \
                    number";
        assert_eq!(error.to_string(), said);
        let error = find_method("coordinate-median").expect_err("of policies only").to_string();
        assert!(error.starts_with("`median` works in policies only: it or its steps"), "{error}");
    }

    #[test]
    fn every_name_has_one_meaning_on_each_side() {
        let sides: [Vec<Names>; 2] = [
            registry().map(|info| (info.name, info.aliases)).collect(),
            methods().map(|info| (info.name, info.aliases)).collect(),
        ];
        for side in sides {
            let mut all: Vec<String> = Vec::new();
            for (name, aliases) in side {
                let mut own: Vec<String> =
                    aliases.iter().chain([&name]).map(|n| plain(n)).collect();
                own.sort();
                own.dedup();
                all.extend(own);
            }
            let count = all.len();
            all.sort();
            all.dedup();
            assert_eq!(all.len(), count);
        }
        for entry in strategies() {
            let here = [entry.recipes.map(|info| info.name), entry.policies.map(|info| info.name)];
            assert!(here.iter().flatten().all(|name| *name == entry.name), "{entry:?}");
            assert_eq!(entry.missing.is_empty(), here.iter().all(Option::is_some), "{entry:?}");
        }
    }

    #[test]
    fn defaults_are_in_their_ranges() {
        for info in methods() {
            for parameter in info.shared.iter().chain(info.per_input) {
                let text = parameter.default;
                let spelled = parameter.range.canonical(text);
                assert!(text.is_empty() || spelled.is_some(), "{} {parameter:?}", info.name);
            }
        }
        for info in registry() {
            for parameter in info.parameters {
                let spelled = parameter.range.canonical(parameter.default);
                assert!(spelled.is_some(), "{} {parameter:?}", info.name);
            }
        }
    }

    #[test]
    fn what_has_no_default_is_asked_for() {
        let slerp = find_method("slerp").expect("a method");
        let error = slerp.check_shared(&Default::default()).expect_err("no t").to_string();
        assert!(error.contains("`t`"), "{error}");
    }
}
