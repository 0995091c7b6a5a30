//! Errors about fields of a configuration, reworded for the flags that set them.

use espalier::sim::SimError;

/// The flag that sets a field. All but two flags are named like their field.
fn flag_of(field: &str) -> String {
    match field {
        "attest" => "--no-attest".to_owned(),
        "parameters" => "--param".to_owned(),
        name => format!("--{}", name.replace('_', "-")),
    }
}

/// What is wrong with a run, in the words of the command line.
pub(crate) fn told(error: &SimError) -> String {
    match error.field() {
        Some(field) => format!("{}: {}", flag_of(field), error.problem()),
        None => error.problem(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::Cli;
    use clap::CommandFactory as _;
    use espalier::sim::Config;
    use serde_json::Value;
    use std::collections::BTreeSet;

    #[test]
    fn every_field_has_a_flag() {
        let Ok(Value::Object(config)) = serde_json::to_value(Config::default()) else {
            panic!("a configuration is an object");
        };
        let command = Cli::command();
        let simulate = command.find_subcommand("simulate").expect("a subcommand");
        let flags: BTreeSet<String> = simulate
            .get_arguments()
            .filter_map(|arg| Some(format!("--{}", arg.get_long()?)))
            .collect();
        // Only a report sets `base_root`.
        for field in config.keys().filter(|field| *field != "base_root") {
            assert!(flags.contains(&flag_of(field)), "{field} has no flag");
        }
    }

    #[test]
    fn a_field_is_told_as_its_flag() {
        let config = Config { late_joiners: "8@2".parse().ok(), ..Config::default() };
        let error = config.check().expect_err("nobody would be there");
        assert_eq!(error.field(), Some("late_joiners"));
        assert!(told(&error).starts_with("--late-joiners: at least one of 8"), "{}", told(&error));
    }
}
