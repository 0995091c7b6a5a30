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
struct Patient {
    bar: ProgressBar,
    /// Whether it may be shown and is not yet.
    waits: bool,
}

impl Patient {
    fn new(quiet: bool, template: &str) -> Self {
        let waits = !quiet && std::io::stderr().is_terminal();
        let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::hidden());
        let style = ProgressStyle::with_template(template);
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self { bar, waits }
    }

    /// Short work ends before anything is drawn.
    fn show(&mut self) {
        if self.waits && self.bar.elapsed() > Duration::from_secs(1) {
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
            self.waits = false;
        }
    }
}

impl Drop for Patient {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// How far a run is.
pub(crate) struct Bar(Patient);

impl Bar {
    pub(crate) fn new(quiet: bool) -> Self {
        Self(Patient::new(quiet, "{msg:28} {bar:30} {pos}/{len} {elapsed}"))
    }

    pub(crate) fn watch(&mut self, progress: Progress) -> ControlFlow<()> {
        let bar = &self.0.bar;
        match progress {
            Progress::Training | Progress::Note(_) => bar.set_message("nodes train"),
            Progress::Round { done, of, distinct } => {
                bar.set_length(u64::from(of));
                bar.set_position(u64::from(done));
                bar.set_message(format!("{distinct} distinct states"));
            }
        }
        self.0.show();
        ControlFlow::Continue(())
    }
}

/// How many runs of a grid are done.
pub(crate) struct Cells(Patient);

impl Cells {
    pub(crate) fn new(quiet: bool, of: usize, known: usize) -> Self {
        let patient = Patient::new(quiet, "{msg:28} {bar:30} {pos}/{len} {elapsed} of {duration}");
        patient.bar.set_length(of as u64);
        patient.bar.set_position(known as u64);
        Self(patient)
    }

    pub(crate) fn done(&mut self, what: &str) {
        self.0.bar.inc(1);
        self.0.bar.set_message(what.to_owned());
        self.0.show();
    }
}

/// How many seeds of a swarm are done, in how much time.
pub(crate) struct Seeds(Patient);

impl Seeds {
    /// `of` is 0 if it goes by time.
    pub(crate) fn new(quiet: bool, of: u64) -> Self {
        let template =
            if of > 0 { "{msg:28} {bar:30} {pos}/{len} {elapsed}" } else { "{msg:28} {elapsed}" };
        let patient = Patient::new(quiet, template);
        patient.bar.set_length(of);
        Self(patient)
    }

    pub(crate) fn done(&mut self, seeds: u64) {
        self.0.bar.set_position(seeds);
        self.0.bar.set_message(format!("{seeds} seeds, {:.1} a second", self.rate(seeds)));
        self.0.show();
    }

    /// Seeds a second.
    pub(crate) fn rate(&self, seeds: u64) -> f64 {
        seeds as f64 / self.seconds().max(1e-3)
    }

    pub(crate) fn seconds(&self) -> f64 {
        self.0.bar.elapsed().as_secs_f64()
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
