//! What the user sees: lines on standard output, progress and errors on standard error.

use crate::Failure;
use espalier::sim::Progress;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{IsTerminal as _, Write as _};
use std::ops::ControlFlow;
use std::time::Duration;

/// Prints bytes as they are.
pub(crate) fn print_bytes(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    out.write_all(bytes)?;
    Ok(out.flush()?)
}

/// Prints text.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    print_bytes(text.as_bytes())
}

/// Prints a line for errors. If even that fails there is nobody to tell.
pub(crate) fn complain(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// A progress bar on standard error: only on a terminal, only for what takes its time.
pub(crate) struct Bar {
    bar: ProgressBar,
    /// Whether it may be shown and is not yet.
    waits: bool,
}

impl Bar {
    pub(crate) fn new(quiet: bool) -> Self {
        let waits = !quiet && std::io::stderr().is_terminal();
        let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::hidden());
        let style = ProgressStyle::with_template("{msg:28} {bar:30} {pos}/{len} {elapsed}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self { bar, waits }
    }

    /// Shows how far a run is.
    pub(crate) fn watch(&mut self, progress: Progress) -> ControlFlow<()> {
        match progress {
            Progress::Training => self.bar.set_message("nodes train"),
            Progress::Round { done, of, distinct } => {
                self.bar.set_length(u64::from(of));
                self.bar.set_position(u64::from(done));
                self.bar.set_message(format!("{distinct} distinct states"));
            }
        }
        // Short runs end before anything is drawn.
        if self.waits && self.bar.elapsed() > Duration::from_secs(1) {
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
            self.waits = false;
        }
        ControlFlow::Continue(())
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// A table with columns as wide as their widest cell; numbers are right-aligned by the caller's
/// choice of `right` columns.
pub(crate) fn table(head: &[&str], right: &[bool], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([head[column].chars().count()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let line = |cells: Vec<&str>| {
        let mut text = String::new();
        for ((cell, width), right) in cells.into_iter().zip(&widths).zip(right) {
            let pad = " ".repeat(width - cell.chars().count());
            text.push_str(&if *right {
                format!("{pad}{cell}  ")
            } else {
                format!("{cell}{pad}  ")
            });
        }
        text.trim_end().to_owned() + "\n"
    };
    let mut text = line(head.to_vec());
    for row in rows {
        text.push_str(&line(row.iter().map(String::as_str).collect()));
    }
    text
}

/// A count of bytes for people.
pub(crate) fn bytes(count: u64) -> String {
    let mut value = count as f64;
    for unit in ["B", "KiB", "MiB", "GiB"] {
        if value < 1024.0 {
            return if unit == "B" { format!("{count} B") } else { format!("{value:.1} {unit}") };
        }
        value /= 1024.0;
    }
    format!("{value:.1} TiB")
}
