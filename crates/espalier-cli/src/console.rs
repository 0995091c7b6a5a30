//! What the user sees: lines on standard output, progress and errors on standard error.

use crate::escape;
use crate::failure::Failure;
use espalier::file::count;
use espalier::sim::Progress;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{IsTerminal as _, Write as _};
use std::ops::ControlFlow;
use std::time::Duration;

/// Narrower than this no table is made.
const MIN_WIDTH: usize = 40;
/// Wider than this no text is well read.
const MAX_PROSE: usize = 100;

/// Prints bytes as they are.
pub(crate) fn print_bytes(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    out.write_all(bytes)?;
    Ok(out.flush()?)
}

/// Prints text for people, possibly on a terminal.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    print_bytes(escape::lines(text).as_bytes())
}

/// Prints JSON.
pub(crate) fn print_json(text: &str) -> Result<(), Failure> {
    print_bytes(escape::json(text).as_bytes())
}

/// Prints a line for errors, whatever is in it. If even that fails there is nobody to tell.
pub(crate) fn complain(text: &str) {
    complain_in_lines(&complaint(text));
}

/// The line that [`complain`] prints.
pub(crate) fn complaint(text: &str) -> String {
    escape::line(text).into_owned()
}

/// Prints what is meant to have several lines.
pub(crate) fn complain_in_lines(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{}", escape::lines(text));
}

/// Says what is wrong and why, in one line.
pub(crate) fn complain_of(error: &anyhow::Error) {
    complain(&whole(error));
}

/// What is wrong and why.
pub(crate) fn whole(error: &anyhow::Error) -> String {
    let mut text = String::from("error");
    let mut said = String::new();
    for cause in error.chain().map(ToString::to_string) {
        // Some errors tell their cause themselves.
        if !said.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
        said = cause;
    }
    text
}

/// A progress bar on standard error: only on a terminal, only for what takes its time.
struct Patient {
    bar: ProgressBar,
}

impl Patient {
    fn new(quiet: bool, template: &str) -> Self {
        let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::hidden());
        let style = ProgressStyle::with_template(template);
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        if !quiet && std::io::stderr().is_terminal() {
            let late = bar.clone();
            // Short work ends before anything is drawn. Without this thread it is done in silence.
            let _ = std::thread::Builder::new().spawn(move || {
                std::thread::sleep(Duration::from_secs(1));
                if !late.is_finished() {
                    late.set_draw_target(ProgressDrawTarget::stderr());
                    late.enable_steady_tick(Duration::from_millis(200));
                }
            });
        }
        Self { bar }
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
                bar.set_message(count(distinct, "distinct state"));
            }
            Progress::Ended(_) => {}
        }
        ControlFlow::Continue(())
    }
}

/// Progress of a grid: the number of runs done.
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
        self.0.bar.set_message(escape::line(what).into_owned());
    }
}

/// Progress of a merge: bytes that are written.
pub(crate) struct Bytes(Patient);

impl Bytes {
    pub(crate) fn new(quiet: bool, of: u64) -> Self {
        let template = "merging {bar:30} {bytes}/{total_bytes} {bytes_per_sec}, {eta} left";
        let patient = Patient::new(quiet, template);
        patient.bar.set_length(of);
        Self(patient)
    }

    pub(crate) fn at(&self, bytes: u64) {
        self.0.bar.set_position(bytes);
    }

    pub(crate) fn seconds(&self) -> f64 {
        self.0.bar.elapsed().as_secs_f64()
    }
}

/// Progress of a swarm: the number of seeds done and the time taken.
pub(crate) struct Seeds(Patient);

impl Seeds {
    /// `of` is 0 if it goes by time.
    pub(crate) fn new(quiet: bool, of: u64) -> Self {
        let template =
            if of > 0 { "{msg:28} {bar:30} {pos}/{len} {elapsed}" } else { "{msg:28} {elapsed}" };
        let patient = Patient::new(quiet, template);
        patient.bar.set_length(of);
        patient.bar.set_message("the first seeds");
        Self(patient)
    }

    pub(crate) fn done(&mut self, seeds: u64) {
        self.0.bar.set_position(seeds);
        self.0.bar.set_message(format!(
            "{}, {:.1} a second",
            count(seeds, "seed"),
            self.rate(seeds)
        ));
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
fn table(head: &[&str], right: &[bool], rows: &[Vec<String>]) -> String {
    let shown = |cells: &[String]| -> Vec<String> {
        cells.iter().map(|cell| escape::line(cell).into_owned()).collect()
    };
    let rows: Vec<Vec<String>> = rows.iter().map(|row| shown(row)).collect();
    let head: Vec<_> = head.iter().map(|name| escape::line(name)).collect();
    let head: Vec<&str> = head.iter().map(AsRef::as_ref).collect();
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
    let mut text = line(head.clone());
    for row in &rows {
        text.push_str(&line(row.iter().map(String::as_str).collect()));
    }
    text
}

/// How wide a line may be: the terminal; what is not read on one has whole rows.
fn width() -> usize {
    terminal_size::terminal_size_of(std::io::stdout())
        .map_or(usize::MAX, |(width, _)| usize::from(width.0).max(MIN_WIDTH))
}

/// Text in lines that fit.
pub(crate) fn prose(text: &str) -> String {
    wrapped(width().min(MAX_PROSE), text)
}

fn wrapped(width: usize, text: &str) -> String {
    let wrap = |line: &str| {
        let (mut text, mut used) = (String::new(), 0);
        for word in line.split(' ') {
            let len = word.chars().count();
            if used > 0 && used + 1 + len > width {
                text.push('\n');
                used = 0;
            } else if used > 0 {
                text.push(' ');
                used += 1;
            }
            text.push_str(word);
            used += len;
        }
        text
    };
    text.split('\n').map(wrap).collect::<Vec<_>>().join("\n")
}

/// The same as [`table`], in several parts one below the other where it is too wide. Each part
/// begins with the first `keys` columns, which say what a row is of.
pub(crate) fn fitted(keys: usize, head: &[&str], right: &[bool], rows: &[Vec<String>]) -> String {
    parts(width(), keys, head, right, rows)
}

fn parts(width: usize, keys: usize, head: &[&str], right: &[bool], rows: &[Vec<String>]) -> String {
    let wide = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([head[column].chars().count()]).max().unwrap_or(0) + 2
    };
    let first: usize = (0..keys).map(wide).sum();
    let mut parts: Vec<Vec<usize>> = Vec::new();
    let mut used = 0_usize;
    for column in keys..head.len() {
        // A column without a head belongs to the one before it.
        let joined = column + 1 < head.len() && head[column + 1].is_empty();
        let needs = wide(column) + if joined { wide(column + 1) } else { 0 };
        let full = used.saturating_add(needs) > width.saturating_add(2);
        if parts.is_empty() || !head[column].is_empty() && full {
            parts.push((0..keys).collect());
            used = first;
        }
        if let Some(part) = parts.last_mut() {
            part.push(column);
        }
        used += wide(column);
    }
    let part = |columns: &Vec<usize>| {
        let head: Vec<&str> = columns.iter().map(|column| head[*column]).collect();
        let right: Vec<bool> = columns.iter().map(|column| right[*column]).collect();
        let row = |row: &Vec<String>| columns.iter().map(|column| row[*column].clone()).collect();
        table(&head, &right, &rows.iter().map(row).collect::<Vec<_>>())
    };
    parts.iter().map(part).collect::<Vec<_>>().join("\n")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wide_table_is_put_in_parts_that_fit_and_keep_every_cell() {
        let head = ["name", "first", "value", "", "last"];
        let rows = vec![
            ["a", "1", "2.5", "rule", "3"].map(str::to_owned).to_vec(),
            ["long name", "1", "2.5", "another rule", "3"].map(str::to_owned).to_vec(),
        ];
        let text = parts(30, 1, &head, &[false, true, true, false, true], &rows);
        assert!(text.lines().all(|line| line.chars().count() <= 30), "{text}");
        assert_eq!(text.matches("long name").count(), 3, "{text}");
        assert!(text.contains("value  \n") || text.contains("value\n"), "{text}");
        assert!(text.contains("2.5  another rule"), "{text}");
        let whole = parts(200, 1, &head, &[false, true, true, false, true], &rows);
        assert_eq!(whole, table(&head, &[false, true, true, false, true], &rows));
    }

    #[test]
    fn prose_is_put_in_lines_that_fit() {
        let text = "one two three\n\nfour five sixteen and-a-word-that-is-longer\n";
        let expected = "one two\nthree\n\nfour five\nsixteen\nand-a-word-that-is-longer\n";
        assert_eq!(wrapped(9, text), expected);
        assert_eq!(wrapped(100, text), text);
    }
}
