//! Event logs as files: a run writes one, and replaying it runs the same again, compares event by
//! event, and can stop at one to look at the nodes.
//!
//! A log is lines of JSON: a head with the configuration, a record per event, and an end with the
//! number of events and the hash over them. The records are not needed to run it again; they are
//! there to be compared and read.

use super::{play_until, simulate_heard};
use crate::config::Config;
use crate::engine::Logged;
use crate::error::SimError;
use crate::report::Report;
use crate::report::node_view::{Last, NodeView};
use crate::run::progress::Progress;
use espalier_blame::Blame;
use espalier_identity::{Digest, PeerId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{self, BufRead, Read as _, Write};
use std::ops::ControlFlow;

/// The version of the format.
const VERSION: u32 = 1;
/// The longest line that is read, in bytes.
const MAX_LINE: u64 = 1 << 20;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    espalier_event_log: u32,
    config: Config,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct End {
    events: u64,
    hash: Digest,
}

/// Why a log cannot be replayed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// The event log cannot be read.
    #[error("cannot read the event log: {0}")]
    Io(#[from] io::Error),
    /// The text is not an event log.
    #[error("line {line} of the event log: {problem}")]
    Format {
        /// The number of the line, from 1.
        line: u64,
        /// The problem.
        problem: String,
    },
    /// The configuration in the log cannot be run.
    #[error("the configuration of the event log cannot be run: {0}")]
    Run(#[from] SimError),
}

impl ReplayError {
    /// Who has to act on this error.
    #[must_use]
    pub fn blame(&self) -> Blame {
        match self {
            Self::Io(_) => Blame::Caller,
            Self::Format { .. } => Blame::Peer,
            Self::Run(error) => error.blame(),
        }
    }

    /// A stable word for programs to tell this error from all others.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Io(_) => "log-not-read",
            Self::Format { .. } => "log-line",
            Self::Run(error) => error.code(),
        }
    }
}

/// The first place where a run differs from its log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Divergence {
    /// The number of the event, from 1.
    pub event: u64,
    /// What the log says; `None` where it has ended.
    pub logged: Option<Logged>,
    /// What the run did; `None` where it has ended.
    pub happened: Option<Logged>,
}

/// The outcome of a replay.
#[derive(Debug)]
pub struct Replayed {
    /// The configuration of the log.
    pub config: Config,
    /// The number of events that happened.
    pub events: u64,
    /// The last of them.
    pub last: Option<Logged>,
    /// The first difference, at which the replay stopped.
    pub divergence: Option<Divergence>,
    nodes: Vec<Last>,
    names: BTreeMap<PeerId, String>,
}

impl Replayed {
    /// The number of nodes.
    #[must_use]
    pub fn node_count(&self) -> usize {
        self.nodes.len()
    }

    /// A node as it was then; `None` beyond the last. O(n log n), trust included.
    #[must_use]
    pub fn node(&self, number: usize) -> Option<NodeView> {
        self.nodes.get(number).map(|node| NodeView::of(node, &self.names))
    }

    /// All nodes as they were then, in order.
    pub fn nodes(&self) -> impl Iterator<Item = NodeView> {
        self.nodes.iter().map(|node| NodeView::of(node, &self.names))
    }
}

/// [`crate::simulate`], with every event written to `log`. Returns, with the report, whether that
/// succeeded. A log that fails, as on a full disk, does not end the run.
///
/// # Errors
/// As [`crate::simulate`].
pub fn simulate_logged(
    config: &Config,
    mut log: impl Write,
    watch: &mut dyn FnMut(Progress) -> ControlFlow<()>,
) -> Result<(Report, io::Result<()>), SimError> {
    let mut written = put(&mut log, &Head { espalier_event_log: VERSION, config: config.clone() });
    let mut listener = |_: u64, record: &Logged| {
        if written.is_ok() {
            written = put(&mut log, record);
        }
        true
    };
    let report = simulate_heard(config, Some(&mut listener), watch)?;
    let end = End { events: report.summary.logged, hash: report.summary.event_log };
    let written = written.and_then(|()| put(&mut log, &end)).and_then(|()| log.flush());
    Ok((report, written))
}

fn put(out: &mut impl Write, line: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, line)?;
    out.write_all(b"\n")
}

/// The lines of a log.
struct Lines<R> {
    from: R,
    line: u64,
}

impl<R: BufRead> Lines<R> {
    fn next(&mut self) -> Result<Option<String>, ReplayError> {
        let mut text = String::new();
        self.line += 1;
        let read = (&mut self.from).take(MAX_LINE).read_line(&mut text);
        match read {
            Ok(0) => Ok(None),
            Ok(_) if text.ends_with('\n') => Ok(Some(text)),
            Ok(_) => Err(self.wrong("it is cut off, or longer than 1 MiB")),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                Err(self.wrong("it is not text"))
            }
            Err(error) => Err(error.into()),
        }
    }

    fn wrong(&self, problem: impl ToString) -> ReplayError {
        ReplayError::Format { line: self.line, problem: problem.to_string() }
    }

    fn head(&mut self) -> Result<Config, ReplayError> {
        let wide = self.from.fill_buf().map(espalier_file::is_utf16)?;
        let text = self.next()?.unwrap_or_default();
        if wide {
            return Err(self.wrong("it is UTF-16 text; save it as UTF-8"));
        }
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        let head: Head = serde_json::from_str(text).map_err(|error| self.wrong(error))?;
        if head.espalier_event_log != VERSION {
            return Err(self.wrong(format!("it has version {}", head.espalier_event_log)));
        }
        Ok(head.config)
    }

    /// The next record; `None` at the end. A log that was cut off after a line is compared as
    /// far as
    /// it goes.
    fn record(&mut self) -> Result<Option<Logged>, ReplayError> {
        let Some(text) = self.next()? else { return Ok(None) };
        match serde_json::from_str(&text) {
            Ok(record) => Ok(Some(record)),
            Err(_) if serde_json::from_str::<End>(&text).is_ok() => Ok(None),
            Err(error) => Err(self.wrong(error)),
        }
    }
}

/// The configuration of an event log, from its first line.
///
/// # Errors
/// [`ReplayError`].
pub fn config_of_log(log: impl BufRead) -> Result<Config, ReplayError> {
    Lines { from: log, line: 0 }.head()
}

/// Runs the configuration of an event log again and compares event by event; stops at the first
/// difference, or after event number `until`.
///
/// # Errors
/// [`ReplayError`].
pub fn replay(log: impl BufRead, until: Option<u64>) -> Result<Replayed, ReplayError> {
    let mut lines = Lines { from: log, line: 0 };
    let config = lines.head()?;
    let (mut events, mut last, mut divergence, mut failed) = (0, None, None, None);
    let mut listener = |event: u64, record: &Logged| {
        match lines.record() {
            Err(error) => failed = Some(error),
            Ok(logged) if logged != Some(*record) => {
                divergence = Some(Divergence { event, logged, happened: Some(*record) });
            }
            Ok(_) => (events, last) = (event, Some(*record)),
        }
        failed.is_none() && divergence.is_none() && until.is_none_or(|until| event < until)
    };
    let nodes = play_until(&config, &mut listener)?;
    if let Some(error) = failed {
        return Err(error);
    }
    if divergence.is_none()
        && until.is_none_or(|until| events < until)
        && let Some(logged) = lines.record()?
    {
        let logged = Some(logged);
        divergence = Some(Divergence { event: events + 1, logged, happened: None });
    }
    let names = nodes.iter().enumerate().map(|(i, node)| (node.id, format!("node_{i}"))).collect();
    Ok(Replayed { config, events, last, divergence, nodes, names })
}
