//! How a name is looked up.

/// A name in lower case with `-` for `_`: what two spellings of one name have in common.
pub(crate) fn plain(name: &str) -> String {
    name.trim().to_ascii_lowercase().replace('_', "-")
}

/// The candidate that `name` is probably a misspelling of.
pub(crate) fn nearest(
    name: &str,
    candidates: impl Iterator<Item = &'static str>,
) -> Option<&'static str> {
    const NEAR: f64 = 0.7;
    // Hostile names may be long; comparing is quadratic.
    let name: String = name.chars().take(64).collect::<String>().to_ascii_lowercase();
    candidates
        .map(|candidate| (strsim::jaro_winkler(&name, candidate), candidate))
        .filter(|(similarity, _)| *similarity >= NEAR)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}
