//! Writing a report: three files, each complete or not there.

use crate::html;
use crate::report::Report;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Name of the JSON file.
pub const JSON_FILE: &str = "report.json";
/// Name of the audit table.
pub const AUDIT_FILE: &str = "audit.csv";
/// Name of the page.
pub const HTML_FILE: &str = "report.html";

/// Why a report was not written.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    /// The user: it would overwrite something.
    #[error("{} exists; use --force to overwrite it, or --out for another folder", .0.display())]
    Exists(PathBuf),
    /// The environment.
    #[error("cannot write {}: {source}", .path.display())]
    Io {
        /// Which file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Writes `report.json`, `audit.csv` and `report.html` into `folder`, which is made if it is not
/// there. Each file is written under a temporary name, synced and renamed.
///
/// # Errors
/// [`OutputError`]. If a file exists and `force` is false, nothing is written.
pub fn write_report(report: &Report, folder: &Path, force: bool) -> Result<(), OutputError> {
    let names = [JSON_FILE, AUDIT_FILE, HTML_FILE];
    let taken = names.iter().map(|name| folder.join(name)).find(|path| path.exists());
    if let (Some(path), false) = (taken, force) {
        return Err(OutputError::Exists(path));
    }
    let failed = |path: PathBuf| move |source| OutputError::Io { path, source };
    std::fs::create_dir_all(folder).map_err(failed(folder.to_owned()))?;
    let json = report.to_json();
    let contents =
        [json.clone().into_bytes(), audit_csv(report), html::page(&json, AUDIT_FILE).into_bytes()];
    for (name, bytes) in names.into_iter().zip(contents) {
        let path = folder.join(name);
        write_file(&path, &bytes).map_err(failed(path))?;
    }
    Ok(())
}

/// Writes a file whole or not at all: under a temporary name beside it, synced and renamed.
///
/// # Errors
/// What the operating system says.
pub fn write_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().prefix(".espalier-").tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        file.as_file().set_permissions(std::fs::Permissions::from_mode(0o644))?;
    }
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

impl Report {
    /// The JSON form, one line.
    ///
    /// # Panics
    /// Never: every field has a JSON form.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut json = serde_json::to_string(self).expect("every field has a JSON form");
        json.push('\n');
        json
    }

    /// Reads the JSON form.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn from_json(json: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(json)
    }
}

fn audit_csv(report: &Report) -> Vec<u8> {
    let mut table = csv::Writer::from_writer(Vec::new());
    for entry in &report.audit {
        table.serialize(entry).expect("writing to memory does not fail");
    }
    table.into_inner().expect("writing to memory does not fail")
}
