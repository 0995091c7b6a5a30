//! What a grid leaves behind: a journal while it runs, then JSON, CSV and a page.

use super::{CellResult, Grid, GridConfig};
use crate::report::output::write_into;
use espalier_blame::Blame;
use espalier_file::WriteError;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};

/// The report as JSON.
pub const GRID_JSON: &str = "byzantine.json";
/// The cells as a table.
pub const GRID_CSV: &str = "byzantine.csv";
/// The page.
pub const GRID_HTML: &str = "byzantine.html";
/// The files that a grid leaves.
pub const GRID_FILES: [&str; 3] = [GRID_JSON, GRID_CSV, GRID_HTML];
/// The journal of a grid that is not done.
const JOURNAL: &str = "byzantine.part.jsonl";
/// The longest line of a journal, in bytes; a cell takes about one thousand.
const MAX_LINE: u64 = 1 << 20;

/// A journal that cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GridFileError {
    /// It cannot be begun.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The system refused to read or write the journal.
    #[error("{}: {source}", .path.display())]
    Io {
        /// The file that cannot be read or written.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The journal belongs to a grid with other axes.
    #[error("{} belongs to a grid with other axes", .path.display())]
    OtherGrid {
        /// The file of the other grid.
        path: PathBuf,
    },
}

impl GridFileError {
    /// Who has to act on this error.
    #[must_use]
    pub fn blame(&self) -> Blame {
        match self {
            Self::Write(error) => error.blame(),
            Self::Io { .. } => Blame::Environment,
            Self::OtherGrid { .. } => Blame::Caller,
        }
    }

    /// A stable word for programs to tell this error from all others.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Write(error) => error.code(),
            Self::Io { .. } => "journal-io",
            Self::OtherGrid { .. } => "journal-other-grid",
        }
    }
}

/// The results of a grid as they come, one line each, so that an interrupted grid goes on where it
/// stopped. A line that was cut off by the interruption is left out.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
}

impl Journal {
    /// Opens or begins the journal of `config` in `folder`. What it holds already, and the journal
    /// to go on with. With `anew` what is there is thrown away.
    ///
    /// # Errors
    /// [`GridFileError`]; an existing journal of another grid is not touched.
    pub fn open(
        folder: &Path,
        config: &GridConfig,
        anew: bool,
    ) -> Result<(Vec<CellResult>, Self), GridFileError> {
        let path = folder.join(JOURNAL);
        let failed = |source| GridFileError::Io { path: path.clone(), source };
        espalier_file::make_folder(folder)?;
        let header = serde_json::to_string(config).map_err(|e| failed(e.into()))?;
        let mut known = Vec::new();
        if let Ok(file) = File::open(&path)
            && !anew
        {
            let mut lines = Lines(BufReader::new(file));
            if lines.next().map_err(failed)?.is_some_and(|first| first != header) {
                return Err(GridFileError::OtherGrid { path });
            }
            while let Some(line) = lines.next().map_err(failed)? {
                known.extend(serde_json::from_str::<CellResult>(&line).ok());
            }
        }
        // Written anew, so that nothing is appended to half a line.
        let mut text = header + "\n";
        for result in &known {
            text += &serde_json::to_string(result).map_err(|e| failed(e.into()))?;
            text.push('\n');
        }
        espalier_file::write(&path, text.as_bytes(), true)?;
        let file = OpenOptions::new().append(true).open(&path).map_err(failed)?;
        Ok((known, Self { path, file }))
    }

    /// Adds a result.
    ///
    /// # Errors
    /// [`GridFileError::Io`].
    pub fn add(&mut self, result: &CellResult) -> Result<(), GridFileError> {
        let failed = |source| GridFileError::Io { path: self.path.clone(), source };
        let line = serde_json::to_string(result).map_err(|e| failed(e.into()))? + "\n";
        self.file.write_all(line.as_bytes()).map_err(failed)
    }

    /// Removes the journal: the grid is done and written.
    ///
    /// # Errors
    /// [`GridFileError::Io`].
    pub fn close(self) -> Result<(), GridFileError> {
        let path = self.path;
        std::fs::remove_file(&path).map_err(|source| GridFileError::Io { path, source })
    }
}

/// Lines of bounded length.
struct Lines(BufReader<File>);

impl Lines {
    /// The next whole line that is text; `None` at the end.
    fn next(&mut self) -> io::Result<Option<String>> {
        let mut line = Vec::new();
        let read = self.0.by_ref().take(MAX_LINE).read_until(b'\n', &mut line)?;
        if read == 0 || line.pop() != Some(b'\n') {
            return Ok(None);
        }
        Ok(Some(String::from_utf8_lossy(&line).into_owned()))
    }
}

/// Writes a grid as JSON, CSV and a page into `folder`.
///
/// # Errors
/// [`WriteError`]. If a file exists and `force` is false, nothing is written.
pub fn write_grid(grid: &Grid, folder: &Path, force: bool) -> Result<(), WriteError> {
    let json = grid.to_json();
    let page = espalier_page::GRID.page(&json, &[]);
    write_into(folder, GRID_FILES.into_iter().zip([json, grid.to_csv(), page]), force)
}

/// The page over a grid: one file that needs no network.
#[must_use]
pub fn grid_html(grid: &Grid) -> String {
    espalier_page::GRID.page(&grid.to_json(), &[])
}

impl Grid {
    /// The grid as one line of JSON: its axes, its cells and the summaries of the groups.
    #[must_use]
    pub fn to_json(&self) -> String {
        let json = serde_json::json!({
            "config": self.config,
            "cells": self.cells,
            "groups": self.groups(),
            "protocol": self.protocol(),
        });
        json.to_string()
    }

    /// The cells as a table; the rules that were told f have a column each.
    #[must_use]
    pub fn to_csv(&self) -> String {
        let mut text = String::from(
            "nodes,spread,topology,share,attack,seed,liars,converged,isolated,agreed,error,mean,\
             floor,recall,weight,honest_isolated,convicted,honest_convicted,trust_bytes,accuracy,\
             clean_accuracy",
        );
        let rules: Vec<&str> = super::rule_names().collect();
        rules.iter().for_each(|rule| text += &format!(",{rule}"));
        text.push('\n');
        for result in &self.cells {
            text += &row(result, &rules);
            text.push('\n');
        }
        text
    }
}

fn row(result: &CellResult, rules: &[&str]) -> String {
    fn maybe<T: ToString>(value: Option<T>) -> String {
        value.map_or(String::new(), |value| value.to_string())
    }
    let c = &result.cell;
    let accuracy = result.accuracy.as_ref();
    let mut fields = vec![
        c.nodes.to_string(),
        c.spread.to_string(),
        c.topology.to_string(),
        c.share.to_string(),
        c.attack.to_string(),
        c.seed.to_string(),
        result.liars.to_string(),
        maybe(result.converged),
        maybe(result.isolated),
        result.agreed.to_string(),
        result.error.to_string(),
        result.mean.to_string(),
        maybe(result.floor),
        maybe(result.recall),
        result.weight.to_string(),
        result.honest_isolated.to_string(),
        result.convicted.0.to_string(),
        result.convicted.1.to_string(),
        result.trust_bytes.to_string(),
        maybe(accuracy.map(|a| a.resolved)),
        maybe(accuracy.map(|a| a.clean)),
    ];
    fields.extend(rules.iter().map(|rule| maybe(result.rules.get(*rule))));
    fields.join(",")
}
