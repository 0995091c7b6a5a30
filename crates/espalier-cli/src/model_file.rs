//! Merged models in files.

use crate::failure::Failure;
use crate::outputs::is_stdout;
use espalier::MergeState;
use std::collections::BTreeMap;
use std::path::Path;

/// Facts about a merged model, for the user.
pub(crate) struct Merged {
    /// The number of contributions in it.
    pub(crate) voices: usize,
    /// What a reader of the model should know.
    pub(crate) notes: Vec<String>,
}

/// Resolves a state and writes the model, piece by piece, with what it was made of in its header.
pub(crate) fn write(state: &MergeState, out: &Path, force: bool) -> Result<Merged, Failure> {
    let resolution = state.resolution()?;
    let plan = resolution.plan()?;
    let voices = resolution.voices();
    let roots: Vec<String> = voices.iter().map(|voice| voice.root.to_string()).collect();
    let metadata = [
        ("espalier_state_hash", state.state_hash().to_string()),
        ("espalier_policy_hash", state.policy().hash().to_string()),
        ("espalier_strategy", state.policy().strategy().to_string()),
        ("espalier_contributions", roots.join(",")),
    ];
    let metadata: BTreeMap<_, _> =
        metadata.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    let out = if is_stdout(out) { Path::new("/dev/stdout") } else { out };
    plan.write_safetensors(&metadata, out, force)?;
    let notes = espalier::resolve::Note::summary(plan.notes());
    Ok(Merged { voices: voices.len(), notes })
}
