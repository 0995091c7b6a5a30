//! What a folder of sources is made of, for registries whose entries are files.

use std::collections::BTreeSet;
use std::path::Path;

/// The names of the modules in a folder, `mod.rs` and `tests.rs` left out.
///
/// # Panics
/// If the folder cannot be read.
#[must_use]
pub fn modules_in(folder: impl AsRef<Path>) -> BTreeSet<String> {
    let folder = folder.as_ref();
    let entries = std::fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("cannot read {}: {error}", folder.display()));
    let paths = entries.map(|entry| entry.expect("an entry of the folder").path());
    let rust = paths.filter(|path| path.extension().is_some_and(|end| end == "rs"));
    let names = rust.filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()));
    names.filter(|name| name != "mod" && name != "tests").collect()
}
