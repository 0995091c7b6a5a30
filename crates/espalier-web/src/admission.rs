//! Which configurations are run: none that names a file of the server, none that would not end.

use crate::error::Problem;
use crate::limits::Limits;
use crate::models::Upload;
use crate::run::refusal;
use espalier::sim::{Churn, Config, Family, Latency, Wire, memory_left};
use espalier::topology::Topology;

/// How a configuration names a model that was uploaded.
const UPLOAD: &str = "upload:";
/// Parameters of the network of digits, rounded up.
const DIGITS: u64 = 8_192;
/// The most texts in a list of a configuration.
const MOST_TEXTS: usize = 64;
/// The most rounds that a message may be under way.
const MOST_DELAY: u32 = 200;

/// The identifier of the upload that a configuration names, if it names one.
pub(crate) fn upload_of(config: &Config) -> Option<&str> {
    match &config.model {
        Family::Path(path) => path.strip_prefix(UPLOAD),
        Family::Digits | Family::Synthetic(_) => None,
    }
}

/// Checks a configuration; `upload` is what its model names. Returns about how many bytes of
/// memory the run takes.
///
/// # Errors
/// 400 with the field that is wrong.
pub(crate) fn admit(
    config: &Config,
    limits: &Limits,
    upload: Option<&Upload>,
) -> Result<u64, Problem> {
    let wrong = |field: &str, message: String| Problem::field("bad-config", field, message);
    let range = |field, value, most, least| match (least..=most).contains(&value) {
        true => Ok(()),
        false => Err(wrong(field, format!("must be {least} to {most}, not {value}"))),
    };
    range("nodes", config.nodes, limits.nodes, 2)?;
    range("rounds", config.rounds, limits.rounds, 1)?;
    no_files(config, upload)?;
    if config.base_root.is_some() {
        return Err(wrong("base_root", "is only for reports; leave it out".into()));
    }
    if config.wire == Wire::Counted {
        return Err(wrong("wire", "the page needs frames; use auto or frames".into()));
    }
    if config.delay > MOST_DELAY {
        return Err(wrong("delay", format!("must be at most {MOST_DELAY} rounds")));
    }
    let lists = [
        ("outage", config.outage.len()),
        ("retract", config.retract.len()),
        ("attack", config.attack.len()),
    ];
    if let Some((field, _)) = lists.into_iter().find(|(_, len)| *len > MOST_TEXTS) {
        return Err(wrong(field, format!("must have at most {MOST_TEXTS} entries")));
    }
    let sampled = u64::from(config.metrics.count(config.nodes)) * u64::from(config.nodes);
    if sampled > limits.sampled {
        let most = limits.sampled / u64::from(config.nodes.max(1));
        let message = format!("of {} nodes at most {most} can be sampled", config.nodes);
        return Err(wrong("metrics", message));
    }
    elements(config, limits, upload)?;
    config.check_asked().map_err(|error| refusal(&error))?;
    let need = match upload {
        Some(file) => {
            let model = Family::Path(file.path().display().to_string());
            Config { model, ..config.clone() }.memory()
        }
        None => config.memory(),
    };
    fits("this run", need)?;
    Ok(need)
}

/// What this machine has not got is not begun.
pub(crate) fn fits(what: &str, need: u64) -> Result<(), Problem> {
    match memory_left() {
        Some(left) if need > left.bytes => {
            let [need, has] = [need, left.bytes].map(|bytes| bytes >> 20);
            let message = format!(
                "{what} would need about {need} MiB of memory, and {} leaves {has} MiB; take a \
                 smaller model, or fewer nodes or rounds",
                left.by
            );
            Err(Problem::field("too-large", "model", message))
        }
        _ => Ok(()),
    }
}

/// Whoever opens the page may not read what the server can.
fn no_files(config: &Config, upload: Option<&Upload>) -> Result<(), Problem> {
    let file = |field: &str| {
        let message = "files of the server are not read; upload a model, or choose another value";
        Err(Problem::field("bad-config", field, message))
    };
    match &config.model {
        Family::Path(_) if upload_of(config).is_none() => {
            let message = "must be digits, synthetic:SHAPE such as synthetic:16x16, or upload:ID \
                           of a model that was uploaded; files of the server are not read";
            return Err(Problem::field("bad-config", "model", message));
        }
        Family::Path(_) if upload.is_none() => {
            let message = "there is no such upload; it may have been removed";
            return Err(Problem::field("bad-config", "model", message));
        }
        _ => {}
    }
    if matches!(config.topology, Topology::File(_)) {
        return file("topology");
    }
    if matches!(config.latency, Latency::File(_)) {
        return file("latency");
    }
    if matches!(config.churn, Some(Churn::File(_))) {
        return file("churn");
    }
    Ok(())
}

/// All contributions together must fit into memory.
fn elements(config: &Config, limits: &Limits, upload: Option<&Upload>) -> Result<(), Problem> {
    let each = match &config.model {
        Family::Digits => Some(DIGITS),
        Family::Synthetic(shape) => {
            shape.iter().try_fold(1_u64, |all, size| all.checked_mul(*size))
        }
        Family::Path(_) => upload.map(|upload| upload.parameters),
    };
    let trainings =
        config.retrain.filter(|every| *every > 0).map_or(0, |every| config.rounds / every);
    let models = u64::from(config.nodes) * (1 + u64::from(trainings));
    match each.and_then(|each| each.checked_mul(models)) {
        Some(all) if all <= limits.elements => Ok(()),
        _ => {
            let most = limits.elements / models;
            let message = format!(
                "{models} contributions may have {most} elements each; take a smaller model, \
                 fewer nodes or fewer trainings"
            );
            Err(Problem::field("bad-config", "model", message))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_names_a_file_or_would_not_end_is_refused_by_field() {
        let cases = [
            ("model", r#"{"model": "/etc/passwd"}"#),
            ("model", r#"{"model": "upload:00"}"#),
            ("model", r#"{"model": "synthetic:8192x8192"}"#),
            ("topology", r#"{"topology": "file:/etc/passwd"}"#),
            ("latency", r#"{"latency": "file:/etc/passwd", "clock": "periodic"}"#),
            ("churn", r#"{"churn": "file:/etc/passwd"}"#),
            ("nodes", r#"{"nodes": 1000000000}"#),
            ("nodes", r#"{"nodes": 1}"#),
            ("rounds", r#"{"rounds": 201}"#),
            ("wire", r#"{"wire": "counted"}"#),
            ("metrics", r#"{"nodes": 1024, "metrics": "full"}"#),
            ("loss", r#"{"loss": 2}"#),
            ("late_joiners", r#"{"late_joiners": "2@90"}"#),
            ("retrain", r#"{"retrain": 0}"#),
            // What would have no effect.
            ("attack", r#"{"attack": ["nan"]}"#),
            ("attack", r#"{"attack": ["nan", "inf"], "byzantine": "1"}"#),
            ("attest", r#"{"attest": false, "model": "synthetic:4"}"#),
            ("period", r#"{"period": "5s"}"#),
            ("byzantine", r#"{"byzantine": "1%"}"#),
            ("outage", r#"{"outage": ["0@50..60"]}"#),
            ("outage", r#"{"nodes": 2, "outage": ["0@2..5", "1@4..6"]}"#),
            ("retract", r#"{"retract": ["0@3", "0@4"]}"#),
            ("late_joiners", r#"{"late_joiners": "2@21"}"#),
            ("parameters", r#"{"strategy": "ties", "parameters": {"density": "7"}}"#),
        ];
        for (field, text) in cases {
            let config: Config =
                serde_json::from_str(text).unwrap_or_else(|e| panic!("{text}: {e}"));
            let problem = admit(&config, &Limits::default(), None).expect_err(text);
            assert_eq!(problem.field.as_deref(), Some(field), "{text}: {problem:?}");
            assert!(!problem.message.contains("--"), "{text}: {}", problem.message);
        }
        admit(&Config::default(), &Limits::default(), None).expect("the defaults run");
    }
}
