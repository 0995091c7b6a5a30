//! The requests about runs.

use crate::admission::{admit, upload_of};
use crate::app::{Answer, App, download};
use crate::error::{Problem, json, ok};
use crate::request::{Names, Query, json_body};
use crate::run::{Kept, Run};
use crate::work::Work as _;
use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use espalier::identity::Digest;
use espalier::replica::{Fault, Provenance};
use espalier::sim::{
    AuditEntry, Config, Moment, NodeInfo, Outcome, TraceEntry, audit_csv, report_html,
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The largest number of entries in an answer, and the number if none is asked for.
const PAGE: (u64, u64) = (1_000, 50);
/// How long a record of evidence may be to be answered whole, as JSON.
const RECORD: usize = 64 << 10;

/// The body that asks for a run.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    config: Config,
}

/// A part of a list.
#[derive(Serialize)]
struct Part<'a, T> {
    total: u64,
    #[serde(flatten)]
    audit: Option<AuditCounts>,
    offset: u64,
    entries: Vec<&'a T>,
}

#[derive(Serialize)]
struct AuditCounts {
    kept: u64,
    matching: u64,
}

pub(crate) async fn start(State(app): State<Arc<App>>, headers: HeaderMap, body: Body) -> Answer {
    let Asked { config } = json_body(&headers, body, app.limits.body).await?;
    let upload = upload_of(&config).and_then(|id| app.models.find(id));
    let need = admit(&config, &app.limits, upload.as_deref())?;
    let rounds = config.rounds;
    let run = app.board.add(|core| Run::new(core, config, upload), rounds, need)?;
    Ok(json(StatusCode::CREATED, &run.value()))
}

/// Which entries of the audit are wanted.
#[derive(Debug, Default)]
struct Filter {
    node: Option<String>,
    outcome: Option<Outcome>,
    changed: Option<bool>,
    round: Option<u32>,
}

const FILTER: [&str; 4] = ["node", "outcome", "changed", "round"];

impl Filter {
    fn read(query: &Query) -> Result<Self, Problem> {
        let outcomes = [
            ("merged", Outcome::Merged),
            ("noop", Outcome::Noop),
            ("lost", Outcome::Lost),
            ("blocked", Outcome::Blocked),
        ];
        Ok(Self {
            node: query.text("node").map(str::to_owned),
            outcome: query.word("outcome", &outcomes)?,
            changed: query.word("changed", &[("true", true), ("false", false)])?,
            round: query.number("round", 0..=u32::MAX)?,
        })
    }

    fn takes(&self, entry: &AuditEntry) -> bool {
        self.node.as_ref().is_none_or(|node| [&entry.from, &entry.to].contains(&node))
            && self.outcome.is_none_or(|outcome| entry.outcome == outcome)
            && self.changed.is_none_or(|changed| entry.changed == changed)
            && self.round.is_none_or(|round| entry.round == round)
    }
}

/// The entries that are kept, and how many there were.
fn audit_of(kept: &Kept) -> (&[AuditEntry], u64) {
    match &kept.report {
        Some(report) => (&report.audit, report.audit_total),
        None => (&kept.audit, kept.audit_total),
    }
}

fn page_of(query: &Query) -> Result<(u64, usize), Problem> {
    let offset = query.number("offset", 0..=u64::MAX)?.unwrap_or(0);
    let limit = query.number("limit", 1..=PAGE.0)?.unwrap_or(PAGE.1);
    Ok((offset, limit as usize))
}

pub(crate) async fn audit(
    State(app): State<Arc<App>>,
    Names(id): Names<String>,
    RawQuery(query): RawQuery,
) -> Answer {
    let known = [&FILTER[..], &["offset", "limit", "order"]].concat();
    let query = Query::read(query.as_deref(), &known)?;
    let (filter, (offset, limit)) = (Filter::read(&query)?, page_of(&query)?);
    let first = query.word("order", &[("last", false), ("first", true)])?.unwrap_or(false);
    let run = app.board.find::<Run>(&id)?;
    let page = move || {
        let kept = run.kept();
        let (entries, total) = audit_of(&kept);
        let matching: Vec<_> = entries.iter().filter(|entry| filter.takes(entry)).collect();
        let counts = AuditCounts { kept: entries.len() as u64, matching: matching.len() as u64 };
        let skip = usize::try_from(offset).unwrap_or(usize::MAX);
        let entries: Vec<&AuditEntry> = match first {
            true => matching.into_iter().skip(skip).take(limit).collect(),
            false => matching.into_iter().rev().skip(skip).take(limit).collect(),
        };
        ok(&Part { total, audit: Some(counts), offset, entries })
    };
    app.compute(page).await
}

pub(crate) async fn audit_table(
    State(app): State<Arc<App>>,
    Names(id): Names<String>,
    RawQuery(query): RawQuery,
) -> Answer {
    let table = filtered(&app, &id, query.as_deref(), |entries| audit_csv(entries)).await?;
    Ok(download("text/csv; charset=utf-8", "audit.csv", table))
}

pub(crate) async fn audit_json(
    State(app): State<Arc<App>>,
    Names(id): Names<String>,
    RawQuery(query): RawQuery,
) -> Answer {
    let entries = filtered(&app, &id, query.as_deref(), |entries| serde_json::to_vec(&entries));
    let entries = entries.await?.map_err(|_| Problem::defect("the audit has no JSON form"))?;
    Ok(download("application/json", "audit.json", entries))
}

/// What `write` makes of those entries of a run's audit that a query asks for.
async fn filtered<T: Send + 'static>(
    app: &App,
    id: &str,
    query: Option<&str>,
    write: impl FnOnce(Vec<&AuditEntry>) -> T + Send + 'static,
) -> Result<T, Problem> {
    let filter = Filter::read(&Query::read(query, &FILTER)?)?;
    let run = app.board.find::<Run>(id)?;
    let work = move || {
        let kept = run.kept();
        write(audit_of(&kept).0.iter().filter(|entry| filter.takes(entry)).collect())
    };
    app.compute(work).await
}

pub(crate) async fn trace(
    State(app): State<Arc<App>>,
    Names(id): Names<String>,
    RawQuery(query): RawQuery,
) -> Answer {
    let query = Query::read(query.as_deref(), &["offset", "limit"])?;
    let (offset, limit) = page_of(&query)?;
    let report = app.board.find::<Run>(&id)?.kept().report.clone();
    let trace: &[TraceEntry] = report.as_ref().map_or(&[], |report| &report.trace);
    let skip = usize::try_from(offset).unwrap_or(usize::MAX);
    let entries = trace.iter().skip(skip).take(limit).collect();
    Ok(ok(&Part { total: trace.len() as u64, audit: None, offset, entries }))
}

/// A record of evidence in words, and as it is if it is not too long for a page.
#[derive(Serialize)]
struct EvidenceView {
    accused: String,
    kind: String,
    title: String,
    facts: Vec<String>,
    record: Option<serde_json::Value>,
}

fn evidence_view(fault: &Fault, nodes: &[NodeInfo]) -> EvidenceView {
    let record = serde_json::to_value(fault).ok();
    let record = record.filter(|record| record.to_string().len() <= RECORD);
    let title = fault.kind().to_string();
    let kind = title.split(' ').next().unwrap_or_default().to_owned();
    match fault.explain() {
        Ok(why) => {
            let name = nodes.iter().find(|node| node.id == why.accused);
            let accused = name.map_or_else(|| why.accused.short(), |node| node.name.clone());
            EvidenceView { accused, kind, title, facts: why.facts, record }
        }
        Err(error) => {
            let facts = vec![format!("it convicts nobody: {error}")];
            EvidenceView { accused: String::new(), kind, title, facts, record }
        }
    }
}

pub(crate) async fn evidence(State(app): State<Arc<App>>, Names(id): Names<String>) -> Answer {
    let report = app.board.find::<Run>(&id)?.kept().report.clone();
    app.compute(move || {
        let view = |report: &Arc<espalier::sim::Report>| -> Vec<_> {
            report.evidence.iter().map(|fault| evidence_view(fault, &report.nodes)).collect()
        };
        ok(&report.as_ref().map(view).unwrap_or_default())
    })
    .await
}

/// The moment after a round, by default the last, and the number of a node.
fn moment_of(run: &Run, name: &str, query: &Query) -> Result<(u32, Moment, u32), Problem> {
    let kept = run.kept();
    let last = kept.moments.len().checked_sub(1).ok_or_else(|| {
        Problem::new(StatusCode::CONFLICT, "not-begun", "this run has not begun its exchanges")
    })?;
    let round = query.number("round", 0..=last as u32)?.unwrap_or(last as u32);
    let number = name.strip_prefix("node_").and_then(|number| number.parse().ok());
    let number = number.filter(|number| *number < run.config.nodes).ok_or_else(|| {
        let last = run.config.nodes - 1;
        Problem::not_found(format!("no such node; nodes are node_0 to node_{last}"))
    })?;
    Ok((round, kept.moments[round as usize].clone(), number))
}

fn not_sampled() -> Problem {
    Problem::not_found("this node is not in the sample, so nothing about it was kept")
}

#[derive(Serialize)]
struct AtRound<T> {
    round: u32,
    #[serde(flatten)]
    what: T,
}

pub(crate) async fn node(
    State(app): State<Arc<App>>,
    Names((id, name)): Names<(String, String)>,
    RawQuery(query): RawQuery,
) -> Answer {
    let query = Query::read(query.as_deref(), &["round"])?;
    let (round, moment, number) = moment_of(&*app.board.find(&id)?, &name, &query)?;
    app.compute(move || {
        let what = moment.node(number).ok_or_else(not_sampled)?;
        Ok(ok(&AtRound { round, what }))
    })
    .await?
}

#[derive(Serialize)]
struct ProofView {
    op: Digest,
    bound_root: Digest,
    proof: Provenance,
}

pub(crate) async fn proof(
    State(app): State<Arc<App>>,
    Names((id, name)): Names<(String, String)>,
    RawQuery(query): RawQuery,
) -> Answer {
    let query = Query::read(query.as_deref(), &["round", "op"])?;
    let op = query.text("op").and_then(|text| text.parse::<Digest>().ok()).ok_or_else(|| {
        Problem::field("bad-parameter", "op", "must be the hash of an operation, 64 hex digits")
    })?;
    let (round, moment, number) = moment_of(&*app.board.find(&id)?, &name, &query)?;
    app.compute(move || {
        let (bound_root, proof) = moment.proof(number, &op).ok_or_else(|| {
            Problem::not_found(
                "that node did not hold this operation at that time, or is not in the sample",
            )
        })?;
        Ok(ok(&AtRound { round, what: ProofView { op, bound_root, proof } }))
    })
    .await?
}

pub(crate) async fn report_json(State(app): State<Arc<App>>, Names(id): Names<String>) -> Answer {
    let report = app.board.find::<Run>(&id)?.report()?;
    let json = app.compute(move || report.to_json()).await?;
    Ok(download("application/json", "report.json", json.into_bytes()))
}

pub(crate) async fn report_page(State(app): State<Arc<App>>, Names(id): Names<String>) -> Answer {
    let report = app.board.find::<Run>(&id)?.report()?;
    let page = app.compute(move || report_html(&report)).await?;
    // Its script stands inside it, so it is for a folder and not for this address.
    Ok(download("text/html; charset=utf-8", "report.html", page.into_bytes()))
}
