//! What a scenario leaves behind: JSON, two tables and a page.

use super::summary::FIGURES;
use super::{RunResult, ScenarioReport};
use crate::report::output::write_into;
use espalier_file::WriteError;
use std::path::Path;

/// Everything, and what is needed to run it again.
pub const SCENARIO_JSON: &str = "scenario.json";
/// A row per run and seed.
pub const SCENARIO_CSV: &str = "scenario.csv";
/// A row per run.
pub const SUMMARY_CSV: &str = "summary.csv";
/// The page.
pub const SCENARIO_HTML: &str = "scenario.html";

/// The files that a scenario leaves.
pub const SCENARIO_FILES: [&str; 4] = [SCENARIO_HTML, SCENARIO_JSON, SCENARIO_CSV, SUMMARY_CSV];

/// Writes `scenario.json`, `scenario.csv`, `summary.csv` and `scenario.html` into `folder`, which
/// is made if it is not there.
///
/// # Errors
/// [`WriteError`]. If a file exists and `force` is false, nothing is written.
pub fn write_scenario(
    report: &ScenarioReport,
    folder: &Path,
    force: bool,
) -> Result<(), WriteError> {
    let json = report.to_json();
    let page = espalier_page::SCENARIO.page(&json, &[]);
    let contents = [page, json, report.results_csv(), report.summary_csv()];
    write_into(folder, SCENARIO_FILES.into_iter().zip(contents), force)
}

impl ScenarioReport {
    /// The JSON form, one line.
    ///
    /// # Panics
    /// Never: every field has a JSON form.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("every field has a JSON form") + "\n"
    }

    /// A row per run and seed; what a run has not got is empty.
    #[must_use]
    pub fn results_csv(&self) -> String {
        let head = [
            "run",
            "seed",
            "rounds",
            "rounds_to_converge",
            "sent_bytes",
            "bytes_over_optimum",
            "final_accuracy",
            "final_mean_l2",
            "distinct_states",
            "liars",
            "isolated",
            "honest_isolated",
            "recall",
            "precision",
            "final_state_hash",
            "final_model_hash",
            "no_model",
        ];
        table(head.map(str::to_owned).to_vec(), self.results.iter().map(row))
    }

    /// A row per run: how many seeds, with how many it converged, and of each figure n, mean,
    /// interval, least and greatest.
    #[must_use]
    pub fn summary_csv(&self) -> String {
        let mut head: Vec<String> = ["run", "seeds", "converged"].map(str::to_owned).to_vec();
        for (name, _) in FIGURES {
            let parts = ["n", "mean", "low", "high", "min", "max"];
            head.extend(parts.map(|part| format!("{name}_{part}")));
        }
        let rows = self.summaries.iter().map(|summary| {
            let mut row =
                vec![summary.run.clone(), summary.seeds.to_string(), summary.converged.to_string()];
            for (name, _) in FIGURES {
                let figure = summary.figures.get(name).copied().flatten();
                row.push(figure.map_or(0, |figure| figure.n).to_string());
                row.push(maybe(figure.map(|figure| figure.mean)));
                row.push(maybe(figure.and_then(|figure| figure.low)));
                row.push(maybe(figure.and_then(|figure| figure.high)));
                row.push(maybe(figure.map(|figure| figure.min)));
                row.push(maybe(figure.map(|figure| figure.max)));
            }
            row
        });
        table(head, rows)
    }
}

fn maybe<T: ToString>(value: Option<T>) -> String {
    value.map_or(String::new(), |value| value.to_string())
}

fn row(result: &RunResult) -> Vec<String> {
    vec![
        result.run.clone(),
        result.seed.to_string(),
        result.rounds.to_string(),
        maybe(result.rounds_to_converge),
        result.sent_bytes.to_string(),
        maybe(result.bytes_over_optimum),
        maybe(result.final_accuracy),
        maybe(result.curves.mean_pairwise_l2.last().copied().flatten()),
        result.distinct_states.to_string(),
        result.liars.to_string(),
        maybe(result.isolated),
        maybe(result.honest_isolated),
        maybe(result.recall),
        maybe(result.precision),
        result.final_state_hash.to_string(),
        maybe(result.final_model_hash),
        maybe(result.no_model.as_deref()),
    ]
}

/// Names of runs may hold commas and quotes, so the fields are quoted where they must be.
fn table(head: Vec<String>, rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut table = csv::Writer::from_writer(Vec::new());
    for row in std::iter::once(head).chain(rows) {
        table.write_record(row).expect("writing to memory does not fail");
    }
    let bytes = table.into_inner().expect("writing to memory does not fail");
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use crate::lab::scenario::Scenario;

    /// The page's scripts look for the seeds in the text, to read them digit by digit.
    #[test]
    fn seeds_are_found_in_the_text_whatever_a_title_says() {
        let scenario = Scenario {
            title: "\"seeds\":[7]".into(),
            description: "\"seeds\":[8]".into(),
            seeds: vec![u64::MAX, 0],
            runs: Vec::new(),
        };
        let json = serde_json::to_string(&scenario).expect("a JSON form");
        assert_eq!(json.matches("\"seeds\":[").count(), 1);
        assert!(json.contains("\"seeds\":[18446744073709551615,0]"));
        let script = espalier_page::SCENARIO.script_with("const seeds").expect("a script");
        assert!(script.contains("/\"seeds\":\\["));
    }
}
