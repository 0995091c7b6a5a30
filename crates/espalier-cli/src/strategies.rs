//! `espalier strategies`.

use crate::args::StrategiesArgs;
use crate::console;
use crate::failure::Failure;
use espalier::resolve::methods::{Base, MethodInfo};
use espalier::resolve::{ParameterInfo, StrategyEntry, StrategyInfo, find_strategy, strategies};

pub(crate) fn run(args: &StrategiesArgs) -> Result<(), Failure> {
    let Some(name) = &args.name else { return show(strategies(), args.json) };
    let entry = find_strategy(name).map_err(|error| Failure::of(error.blame(), error))?;
    show(&[*entry], args.json)
}

fn show(entries: &[StrategyEntry], json: bool) -> Result<(), Failure> {
    if json {
        let merge = entries.iter().filter_map(|entry| entry.recipes).map(method_json);
        let state = entries.iter().filter_map(|entry| entry.policies).map(strategy_json);
        let value = serde_json::json!({
            "merge": merge.collect::<Vec<_>>(),
            "state": state.collect::<Vec<_>>(),
        });
        return console::print_json(&format!("{value:#}\n"));
    }
    let texts: Vec<String> = entries.iter().map(described).collect();
    console::print(&texts.join("\n"))
}

fn described(entry: &StrategyEntry) -> String {
    let (recipes, policies) = (entry.recipes, entry.policies);
    let place = match (recipes, policies) {
        (Some(_), Some(_)) => "in recipes and policies",
        (Some(_), None) => "in recipes only",
        _ => "in policies only",
    };
    let aliases = recipes.map(|info| info.aliases).or(policies.map(|info| info.aliases));
    let mut text = format!("{}, {place}", names(entry.name, aliases.unwrap_or_default()));
    let own = match recipes.map(|info| info.base) {
        Some(Base::Required) => ", needs a base",
        Some(Base::Optional) => ", with or without a base",
        Some(Base::First) => ", in recipes the base is the first input",
        Some(Base::Input) => "",
        None if policies.is_some_and(|info| info.needs_base) => ", needs a base",
        None => "",
    };
    text += own;
    text += "\n";
    let formula = recipes.map(|info| (info.summary, info.source));
    let other = policies.map(|info| (info.summary, info.source));
    let Some((summary, source)) = formula.or(other) else { return text };
    text += &format!("  {summary}\n");
    if let Some((other, _)) = other.filter(|other| other.0 != summary) {
        text += &format!("  in policies: {other}\n");
    }
    if !source.is_empty() {
        text += &format!("  {source}\n");
    }
    if !entry.missing.is_empty() {
        let side = if recipes.is_some() { "policies" } else { "recipes" };
        text += &format!("  not in {side}: {}\n", entry.missing);
    }
    text + &parameters(recipes, policies)
}

/// The parameters of recipes, each with what is different in policies; then those of policies
/// only.
fn parameters(recipes: Option<&MethodInfo>, policies: Option<&StrategyInfo>) -> String {
    let both = recipes.is_some() && policies.is_some();
    let in_policies = policies.map_or(&[][..], |info| info.parameters);
    let shared = recipes.map_or(&[][..], |info| info.shared).iter().map(|one| (one, false));
    let per_input = recipes.map_or(&[][..], |info| info.per_input).iter().map(|one| (one, true));
    let in_recipes: Vec<(&ParameterInfo, bool)> = shared.chain(per_input).collect();
    let mut text = String::new();
    for &(one, of_each) in &in_recipes {
        let other = in_policies.iter().find(|other| other.name == one.name);
        let note = match (of_each, both && other.is_none(), both) {
            (true, true, _) => " (of each model, in recipes)",
            (true, false, true) => " (of each model in recipes)",
            (true, false, false) => " (of each model)",
            (false, true, _) => " (in recipes)",
            (false, false, _) => "",
        };
        text += &line(one, note, other);
    }
    let known = |one: &&ParameterInfo| in_recipes.iter().all(|(other, _)| other.name != one.name);
    for one in in_policies.iter().filter(known) {
        text += &line(one, if both { " (in policies)" } else { "" }, None);
    }
    text
}

fn line(one: &ParameterInfo, note: &str, in_policies: Option<&ParameterInfo>) -> String {
    let mut text = format!("  {}{note}: {}; {}; {}", one.name, one.help, one.range, default(one));
    let Some(other) = in_policies else { return text + "\n" };
    let range = (other.range != one.range).then(|| other.range.to_string());
    let default = (other.default != one.default).then(|| default(other));
    let different: Vec<String> = range.into_iter().chain(default).collect();
    if !different.is_empty() {
        text += &format!("; in policies {}", different.join(", "));
    }
    text + "\n"
}

fn default(one: &ParameterInfo) -> String {
    match one.default {
        "" => "to be given".to_owned(),
        default => format!("default {default}"),
    }
}

fn names(name: &str, aliases: &[&str]) -> String {
    let others: Vec<&str> = aliases.iter().copied().filter(|alias| *alias != name).collect();
    match others.is_empty() {
        true => name.to_owned(),
        false => format!("{name} (also {})", others.join(", ")),
    }
}

fn parameter_json(parameter: &ParameterInfo) -> serde_json::Value {
    let default = Some(parameter.default).filter(|text| !text.is_empty());
    serde_json::json!({
        "name": parameter.name,
        "default": default,
        "range": parameter.range.to_string(),
        "help": parameter.help,
    })
}

fn method_json(info: &'static MethodInfo) -> serde_json::Value {
    let base = match info.base {
        Base::Required => "required",
        Base::Optional => "optional",
        Base::First => "first",
        Base::Input => "input",
    };
    let (least, most) = info.inputs;
    serde_json::json!({
        "name": info.name,
        "aliases": info.aliases,
        "formula": info.summary,
        "source": info.source,
        "base": base,
        "least_inputs": least,
        "most_inputs": Some(most).filter(|most| *most < usize::MAX),
        "uses_randomness": info.uses_randomness,
        "parameters": info.shared.iter().map(parameter_json).collect::<Vec<_>>(),
        "parameters_of_each_model": info.per_input.iter().map(parameter_json).collect::<Vec<_>>(),
    })
}

fn strategy_json(info: &'static StrategyInfo) -> serde_json::Value {
    serde_json::json!({
        "name": info.name,
        "aliases": info.aliases,
        "formula": info.summary,
        "source": info.source,
        "base": if info.needs_base { "required" } else { "unused" },
        "uses_randomness": info.uses_randomness,
        "parameters": info.parameters.iter().map(parameter_json).collect::<Vec<_>>(),
    })
}
