//! What the libraries say of fields of a configuration, said of the flags that set them.

use espalier::sim::SimError;

/// Fields, and the flags that set them.
const FLAGS: &[(&str, &str)] = &[
    ("attack", "--attack"),
    ("attest", "--no-attest"),
    ("bandwidth", "--bandwidth"),
    ("buffers", "--buffers"),
    ("byzantine", "--byzantine"),
    ("churn", "--churn"),
    ("clock", "--clock"),
    ("crash", "--crash"),
    ("delay", "--delay"),
    ("duplicate", "--duplicate"),
    ("exchange", "--exchange"),
    ("late_joiners", "--late-joiners"),
    ("latency", "--latency"),
    ("loss", "--loss"),
    ("metrics", "--metrics"),
    ("model", "--model"),
    ("nodes", "--nodes"),
    ("order", "--order"),
    ("outage", "--outage"),
    ("parameters", "--param"),
    ("partition", "--partition"),
    ("period", "--period"),
    ("profile", "--profile"),
    ("reorder", "--reorder"),
    ("retract", "--retract"),
    ("retrain", "--retrain"),
    ("rounds", "--rounds"),
    ("schedule", "--schedule"),
    ("seed", "--seed"),
    ("seeds", "--seeds"),
    ("spread", "--spread"),
    ("strategy", "--strategy"),
    ("topology", "--topology"),
    ("until_converged", "--until-converged"),
    ("wire", "--wire"),
];

/// The flag that sets a field.
fn flag_of(field: &str) -> Option<&'static str> {
    let found = FLAGS.iter().find(|(name, _)| *name == field);
    found.map(|(_, flag)| *flag)
}

/// What is wrong with a run, in the words of the command line.
pub(crate) fn told(error: &SimError) -> String {
    match error.field().and_then(flag_of) {
        Some(flag) => format!("{flag}: {}", error.problem()),
        None => error.to_string(),
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
    fn every_field_has_a_flag_and_every_flag_is_one() {
        let Ok(Value::Object(config)) = serde_json::to_value(Config::default()) else {
            panic!("a configuration is an object");
        };
        // Only a report sets this.
        for field in config.keys().filter(|field| *field != "base_root") {
            assert!(flag_of(field).is_some(), "{field} has no flag");
        }
        let command = Cli::command();
        let simulate = command.find_subcommand("simulate").expect("a subcommand");
        let flags: BTreeSet<String> = simulate
            .get_arguments()
            .filter_map(|arg| Some(format!("--{}", arg.get_long()?)))
            .collect();
        for (field, flag) in FLAGS {
            assert!(flags.contains(*flag), "{flag} of {field} does not exist");
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
