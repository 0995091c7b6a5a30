//! `espalier strategies`.

use crate::args::StrategiesArgs;
use crate::console;
use crate::failure::Failure;
use espalier::resolve::methods::{Base, MethodInfo, find_method, methods};
use espalier::resolve::{ParameterInfo, StrategyInfo, registry};

pub(crate) fn run(args: &StrategiesArgs) -> Result<(), Failure> {
    if let Some(name) = &args.name {
        let known = registry().iter().find(|info| info.name == name);
        let method = match find_method(name) {
            Ok(method) => Some(method),
            Err(_) if known.is_some() => None,
            Err(error) => return Err(Failure::of(error.blame(), error)),
        };
        return show(method.as_slice(), known.as_slice(), args.json);
    }
    let methods: Vec<&MethodInfo> = methods().iter().collect();
    show(&methods, &registry().iter().collect::<Vec<_>>(), args.json)
}

fn show(
    methods: &[&'static MethodInfo],
    strategies: &[&'static StrategyInfo],
    json: bool,
) -> Result<(), Failure> {
    if json {
        let value = serde_json::json!({
            "merge": methods.iter().map(|info| method_json(info)).collect::<Vec<_>>(),
            "state": strategies.iter().map(|info| strategy_json(info)).collect::<Vec<_>>(),
        });
        return console::print_json(&format!("{value:#}\n"));
    }
    let mut text = String::new();
    if !methods.is_empty() {
        text += "Strategies of `espalier merge`, for files:\n";
    }
    for info in methods {
        let base = match info.base {
            Base::Required => ", needs a base",
            Base::Optional => ", with or without a base",
            Base::First => ", the base is the first input",
            Base::Input => "",
        };
        text += &format!("\n{}{base}\n  {}\n", names(info.name, info.aliases), info.summary);
        text += &paper(info.source);
        for parameter in info.shared {
            text += &described(parameter, "");
        }
        for parameter in info.per_input {
            text += &described(parameter, " (of each model)");
        }
    }
    if !strategies.is_empty() {
        let gap = if text.is_empty() { "" } else { "\n" };
        text += &format!("{gap}Strategies of a merge state, for federations and `simulate`:\n");
    }
    for info in strategies {
        let base = if info.needs_base { ", needs a base" } else { "" };
        text += &format!("\n{}{base}\n  {}\n", names(info.name, info.aliases), info.summary);
        text += &paper(info.source);
        for parameter in info.parameters {
            text += &described(parameter, "");
        }
    }
    console::print(&text)
}

fn names(name: &str, aliases: &[&str]) -> String {
    let others: Vec<&str> = aliases.iter().copied().filter(|alias| *alias != name).collect();
    match others.is_empty() {
        true => name.to_owned(),
        false => format!("{name} (also {})", others.join(", ")),
    }
}

fn paper(source: &str) -> String {
    if source.is_empty() { String::new() } else { format!("  {source}\n") }
}

fn described(parameter: &ParameterInfo, of: &str) -> String {
    let ParameterInfo { name, default, range, help } = parameter;
    let default = match default.is_empty() {
        true => "to be given".to_owned(),
        false => format!("default {default}"),
    };
    format!("  {name}{of}: {help}; {range}; {default}\n")
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

fn method_json(info: &MethodInfo) -> serde_json::Value {
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

fn strategy_json(info: &StrategyInfo) -> serde_json::Value {
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
