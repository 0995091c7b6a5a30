//! What the header of a merged file says of how it was made.

use crate::failure::Failure;
use espalier::merge::Merge;
use espalier::recipe::Recipe;
use std::collections::BTreeMap;

const RECIPE: &str = "espalier_recipe";
const STRATEGY: &str = "espalier_strategy";
const CONTRIBUTIONS: &str = "espalier_contributions";
/// Libraries that load models look for this.
const FORMAT: (&str, &str) = ("format", "pt");

/// The entries; with `provenance` the contents of the models are among them.
pub(crate) fn metadata(
    recipe: &Recipe,
    merge: &Merge<'_>,
    provenance: bool,
) -> Result<BTreeMap<String, String>, Failure> {
    let mut metadata = BTreeMap::from([
        (FORMAT.0.to_owned(), FORMAT.1.to_owned()),
        (RECIPE.to_owned(), recipe.hash().to_string()),
        (STRATEGY.to_owned(), recipe.method().name.to_owned()),
    ]);
    if provenance {
        let found = merge.contents().map_err(|error| Failure::of(error.blame(), error))?;
        let roots: Vec<_> = found.iter().map(ToString::to_string).collect();
        metadata.insert(CONTRIBUTIONS.to_owned(), roots.join(","));
    }
    Ok(metadata)
}

/// What a header says that is not so.
pub(crate) fn claims(
    recipe: &Recipe,
    merge: &Merge<'_>,
    said: &BTreeMap<String, String>,
) -> Result<Vec<String>, Failure> {
    let mut found = metadata(recipe, merge, said.contains_key(CONTRIBUTIONS))?;
    found.remove(FORMAT.0);
    let differs = |(key, is): (String, String)| {
        let said = said.get(&key).filter(|said| **said != is)?;
        Some(format!("{key}: the header says {said}, it is {is}"))
    };
    Ok(found.into_iter().filter_map(differs).collect())
}
