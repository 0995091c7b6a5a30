//! A run: what is kept of it while it goes and after, and how it is computed.

use crate::error::Problem;
use crate::events::{Ending, Opening, RoundEvent};
use crate::models::Upload;
use crate::work::{Core, Stage, Status, Work};
use axum::http::StatusCode;
use espalier::sim::{
    AuditEntry, Config, Moment, Report, Sight, SimError, Summary, Watched, simulate_watched,
};
use serde::Serialize;
use serde_json::Value;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The number of exchanges that are kept of a run under way.
const AUDIT_KEPT: usize = 100_000;

/// A simulation and what can be asked about it.
#[derive(Debug)]
pub(crate) struct Run {
    core: Core,
    pub(crate) config: Config,
    /// The file that the configuration names; it stays until the run is forgotten.
    upload: Option<Arc<Upload>>,
    kept: Mutex<Kept>,
}

/// What a run has left behind so far.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    /// The last exchanges so far; empty once the report has them all.
    pub(crate) audit: Vec<AuditEntry>,
    /// The number of them.
    pub(crate) audit_total: u64,
    /// The sampled nodes after each round, the opening included.
    pub(crate) moments: Vec<Moment>,
    /// The whole run, once it has ended.
    pub(crate) report: Option<Arc<Report>>,
}

/// A run as it is answered.
#[derive(Serialize)]
pub(crate) struct RunView<'a> {
    id: &'a str,
    #[serde(flatten)]
    stage: &'a Stage,
    config: &'a Config,
    flags: Vec<String>,
    link: String,
    error: Option<&'a Problem>,
    summary: Option<&'a Summary>,
}

impl Run {
    pub(crate) fn new(core: Core, config: Config, upload: Option<Arc<Upload>>) -> Self {
        Self { core, config, upload, kept: Mutex::default() }
    }

    pub(crate) fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The whole report.
    ///
    /// # Errors
    /// 409 before the end, and if there never will be one.
    pub(crate) fn report(&self) -> Result<Arc<Report>, Problem> {
        self.kept().report.clone().ok_or_else(|| {
            let message = match self.core.stage().status {
                Status::Failed => "this run failed and has no report",
                Status::Stopped => "this run was stopped before it began",
                _ => "this run has not ended; its report comes when it ends",
            };
            Problem::new(StatusCode::CONFLICT, "not-ended", message)
        })
    }

    fn see(&self, sight: Sight<'_>) -> Result<(), Problem> {
        match sight {
            Sight::Training => Ok(()),
            Sight::Opening(watched) => {
                let opening = Opening::new(watched.report);
                self.push("opening", &opening)?;
                self.note(&watched)
            }
            Sight::Round(watched) => self.note(&watched),
        }
    }

    /// Writes a round down.
    fn note(&self, watched: &Watched<'_>) -> Result<(), Problem> {
        let Some(event) = RoundEvent::new(watched) else { return Ok(()) };
        {
            let mut kept = self.kept();
            kept.audit.extend(watched.audit().cloned());
            kept.audit_total = watched.report.audit_total;
            let surplus = kept.audit.len().saturating_sub(AUDIT_KEPT);
            kept.audit.drain(..surplus);
            kept.moments.push(watched.moment.clone());
        }
        self.core.reached(event.number());
        self.push("round", &event)
    }

    fn push(&self, name: &str, event: &impl Serialize) -> Result<(), Problem> {
        if self.core.log.push(name, event) {
            return Ok(());
        }
        let message = "this run says more than the page can keep: sample fewer nodes, or make \
                       fewer rounds";
        Err(Problem::field("too-large", "metrics", message))
    }

    fn simulate(&self) -> Result<Report, Problem> {
        let file = self.upload.as_ref().map(|upload| upload.path());
        let mut failed = None;
        let report = simulate_watched(&self.config, file, &mut |sight| {
            if let Err(problem) = self.see(sight) {
                failed.get_or_insert(problem);
            }
            if failed.is_some() || self.core.is_stopped() {
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        });
        match failed {
            Some(problem) => Err(problem),
            None => report.map_err(|error| self.blame(&error)),
        }
    }

    /// What the user can do about it; the place of an uploaded file is not told.
    fn blame(&self, error: &SimError) -> Problem {
        if self.upload.is_none() {
            return refusal(error);
        }
        match error {
            SimError::Model(_) | SimError::Mismatch { .. } => {
                Problem::field(error.code(), "model", "the uploaded file cannot be used")
            }
            SimError::Element { element, .. } => {
                let message = format!("what the nodes train from the uploaded file: {element}");
                Problem::field(error.code(), "model", message)
            }
            error => refusal(error),
        }
    }
}

impl Work for Run {
    fn core(&self) -> &Core {
        &self.core
    }

    fn work(&self) {
        match self.simulate() {
            Err(problem) => {
                // What it was failing over may be much.
                *self.kept() = Kept::default();
                self.core.fail(problem);
            }
            Ok(report) => {
                let status = if self.core.is_stopped() { Status::Stopped } else { Status::Done };
                let bytes = weight(&report);
                // Whoever reads the ending finds the report there.
                let mut kept = self.kept();
                kept.audit = Vec::new();
                let report = Arc::new(report);
                kept.report = Some(report.clone());
                drop(kept);
                self.core.end(status, bytes, |log| {
                    log.push("ending", &Ending::new(status, &report));
                });
            }
        }
    }

    fn value(&self) -> Value {
        let (stage, report) = (self.core.stage(), self.kept().report.clone());
        let view = RunView {
            id: &self.core.id,
            stage: &stage,
            config: &self.config,
            flags: self.config.flags(),
            link: link(&self.config),
            error: stage.error.as_ref(),
            summary: report.as_ref().map(|report| &report.summary),
        };
        serde_json::to_value(view).unwrap_or_default()
    }
}

/// Bytes of what a run remembers of the distance of two contributions: per block a number, and its
/// place in an order.
const DISTANCES: usize = 17 * 12;

/// About how many bytes a run holds in memory besides its events.
fn weight(report: &Report) -> usize {
    let model = report.model.bytes as usize;
    let trainings = report.config.retrain.map_or(1, |every| 1 + report.config.rounds / every);
    let nodes = report.nodes.len();
    let clocks = report.rounds.iter().flat_map(|round| &round.clock);
    // Each of those who share a clock counts its part.
    let clocks: usize = clocks.map(|clock| clock.len() / Arc::strong_count(clock)).sum();
    nodes * (model * trainings as usize + DISTANCES * nodes)
        + report.audit.len() * 256
        + report.trace.len() * 512
        + clocks * 70
}

/// A configuration that cannot be run: which field, and what would be right.
pub(crate) fn refusal(error: &SimError) -> Problem {
    match error.field() {
        Some(field) => Problem::blamed(error.blame(), error.code(), field, error.problem()),
        None => Problem::new(StatusCode::INTERNAL_SERVER_ERROR, error.code(), error.to_string()),
    }
}

/// The address of the page that makes this run again: the fields that differ from the defaults.
fn link(config: &Config) -> String {
    let (given, usual) = (serde_json::to_value(config), serde_json::to_value(Config::default()));
    let (Ok(Value::Object(given)), Ok(usual)) = (given, usual) else { return "/".to_owned() };
    let mut link = form_urlencoded::Serializer::for_suffix("/?".to_owned(), 2);
    for (name, value) in &given {
        if name == "base_root" || (usual.get(name) == Some(value) && name != "seed") {
            continue;
        }
        match value {
            Value::Object(parameters) => {
                for (parameter, value) in parameters {
                    link.append_pair(&format!("{name}.{parameter}"), &plain(value));
                }
            }
            value => {
                link.append_pair(name, &plain(value));
            }
        }
    }
    link.finish()
}

/// A value as it stands in an address; lists are joined by commas.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(values) => values.iter().map(plain).collect::<Vec<_>>().join(","),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}
