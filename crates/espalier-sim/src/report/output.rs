//! Writing a report: three files, each complete or absent.

use super::{AuditEntry, Report};
use espalier_file::WriteError;
use std::io::{self, Write};
use std::path::Path;

/// Name of the JSON file.
pub const JSON_FILE: &str = "report.json";
/// Name of the audit table.
pub const AUDIT_FILE: &str = "audit.csv";
/// The columns of the audit table: the fields of an [`AuditEntry`](crate::AuditEntry).
const AUDIT_COLUMNS: [&str; 10] = [
    "round",
    "from",
    "to",
    "hash_before",
    "hash_after",
    "change_norm",
    "changed",
    "ops",
    "bytes",
    "outcome",
];
/// Name of the page.
pub const HTML_FILE: &str = "report.html";

/// The files of a report.
pub const REPORT_FILES: [&str; 3] = [HTML_FILE, JSON_FILE, AUDIT_FILE];

/// What writes the contents of a file.
type Contents<'a> = &'a dyn Fn(&mut dyn Write) -> io::Result<()>;

/// Writes `report.json`, `audit.csv` and `report.html` into `folder`, which is made if it is not
/// there. All are written and on the disk before the first gets its name, so a full disk leaves
/// nothing behind.
///
/// # Errors
/// [`WriteError`]. If a file exists and `force` is false, nothing is written.
pub fn write_report(report: &Report, folder: &Path, force: bool) -> Result<(), WriteError> {
    espalier_file::check_folder(folder, &REPORT_FILES, force)?;
    espalier_file::make_folder(folder)?;
    let page = |out: &mut dyn Write| write_page(report, out);
    let json = |out: &mut dyn Write| report.write_json(out);
    let audit = |out: &mut dyn Write| out.write_all(&audit_csv(&report.audit));
    let contents: [Contents<'_>; 3] = [&page, &json, &audit];
    let files = REPORT_FILES.into_iter().zip(contents);
    espalier_file::write_each(files.map(|(name, write)| (folder.join(name), write)), force)
}

/// Writes files into a folder, which is created if it does not exist.
pub(crate) fn write_into<'a, B: AsRef<[u8]>>(
    folder: &Path,
    files: impl Iterator<Item = (&'a str, B)>,
    force: bool,
) -> Result<(), WriteError> {
    espalier_file::make_folder(folder)?;
    espalier_file::write_all(files.map(|(name, bytes)| (folder.join(name), bytes)), force)
}

impl Report {
    /// The JSON form, one line.
    ///
    /// # Panics
    /// Never: every field has a JSON form.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut json = Vec::new();
        self.write_json(&mut json).expect("every field has a JSON form");
        String::from_utf8(json).expect("JSON is UTF-8")
    }

    /// Writes the JSON form, one line, without holding it: with `--metrics full` it can be larger
    /// than the report.
    ///
    /// # Errors
    /// What `out` returns.
    pub fn write_json(&self, mut out: &mut dyn Write) -> io::Result<()> {
        serde_json::to_writer(&mut out, self)?;
        out.write_all(b"\n")
    }

    /// Reads the JSON form.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn from_json(json: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(json)
    }
}

/// The page over a report: one file that needs no network.
///
/// # Panics
/// Never: writing to memory does not fail.
#[must_use]
pub fn report_html(report: &Report) -> String {
    let mut page = Vec::new();
    write_page(report, &mut page).expect("writing to memory does not fail");
    String::from_utf8(page).expect("texts in UTF-8")
}

fn write_page(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let flags = serde_json::Value::from(report.config.flags()).to_string();
    let attributes = [("audit", AUDIT_FILE), ("flags", &flags)];
    espalier_page::REPORT.write(out, &attributes, |out| report.write_json(out))
}

/// Entries of the audit as a table, with its columns even if there are none.
///
/// # Panics
/// Never: writing to memory does not fail.
#[must_use]
pub fn audit_csv<'a>(entries: impl IntoIterator<Item = &'a AuditEntry>) -> Vec<u8> {
    let mut table = csv::WriterBuilder::new().has_headers(false).from_writer(Vec::new());
    // By hand, so that a run without exchanges has them too.
    table.write_record(AUDIT_COLUMNS).expect("writing to memory does not fail");
    for entry in entries {
        table.serialize(entry).expect("writing to memory does not fail");
    }
    table.into_inner().expect("writing to memory does not fail")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Config, Family, simulate};
    use std::ops::ControlFlow;

    /// The columns are the fields in their order, whether there are entries or not.
    #[test]
    fn the_audit_table_has_its_columns_with_and_without_entries() {
        let model = Family::Synthetic(vec![4]);
        let config = Config { nodes: 2, rounds: 1, model, ..Config::default() };
        let mut report = simulate(&config, &mut |_| ControlFlow::Continue(())).expect("runs");
        let entry = serde_json::to_string(&report.audit[0]).expect("a JSON form");
        let places = AUDIT_COLUMNS.map(|name| entry.find(&format!("\"{name}\":")));
        assert!(places.is_sorted() && places.iter().all(Option::is_some));
        assert_eq!(entry.matches("\":").count(), AUDIT_COLUMNS.len());
        report.audit.clear();
        let csv = String::from_utf8(audit_csv(&report.audit)).expect("text");
        assert_eq!(csv, AUDIT_COLUMNS.join(",") + "\n");
    }

    /// The page writes the entries that it has inside as the same table.
    #[test]
    fn the_page_writes_the_columns_of_the_audit_table() {
        let script = espalier_page::REPORT.script_with("const AUDIT_FIELDS").expect("a script");
        let (_, rest) = script.split_once("const AUDIT_FIELDS = [").expect("a list");
        let (fields, _) = rest.split_once(']').expect("its end");
        let fields: Vec<_> =
            fields.split(',').map(|field| field.trim().trim_matches('\'')).collect();
        assert_eq!(fields, AUDIT_COLUMNS);
    }
}
