//! What a merged model may replace: an earlier result, and no file that the new one does not have.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use espalier_file::WriteError;

use crate::{error::MergeError, layout, models::OpenModel, target::MergeTarget};

/// Whether the target does not exist, or is an empty folder.
pub(crate) fn is_free(path: &Path) -> Result<bool, MergeError> {
    match fs::read_dir(path) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => Ok(false),
        Err(error) => Err(MergeError::io("look at", path)(error)),
    }
}

/// Refuses a target that is there and may not be replaced, that is one of the models, or that holds
/// files which the new model does not have: `others` are those that it has besides tensors.
pub(crate) fn check(
    target: &MergeTarget,
    models: &[OpenModel],
    others: &[PathBuf],
) -> Result<(), MergeError> {
    let path = &target.path;
    if !target.force && !target.is_file() && !is_free(path)? {
        return Err(WriteError::Exists(path.clone()).into());
    }
    // What is not there replaces nothing.
    let Ok(place) = fs::canonicalize(path) else { return Ok(()) };
    for model in models.iter().flat_map(OpenModel::paths) {
        let Ok(read) = fs::canonicalize(model) else { continue };
        if read.starts_with(&place) || (place.is_file() && place.starts_with(&read)) {
            let model = model.display().to_string();
            return Err(MergeError::IsInput { path: path.clone(), model });
        }
    }
    match place.is_dir() {
        true => only_known(path, Path::new(""), others),
        false => Ok(()),
    }
}

fn only_known(folder: &Path, below: &Path, others: &[PathBuf]) -> Result<(), MergeError> {
    let place = folder.join(below);
    for entry in fs::read_dir(&place).map_err(MergeError::io("list", &place))? {
        let entry = entry.map_err(MergeError::io("list", &place))?;
        let name = below.join(entry.file_name());
        let about = entry.file_type().map_err(MergeError::io("look at", entry.path()))?;
        let within = others.iter().any(|other| other != &name && other.starts_with(&name));
        if about.is_dir() && within {
            only_known(folder, &name, others)?;
        } else if about.is_dir() || !(others.contains(&name) || layout::writes(&name)) {
            return Err(MergeError::Foreign { path: folder.to_owned(), name });
        }
    }
    Ok(())
}
