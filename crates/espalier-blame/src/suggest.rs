//! What to say about a misspelt name.

/// How alike two names must be, from 0 to 1.
const NEAR: f64 = 0.75;

/// The most characters that are compared: comparing is quadratic, and names may come from anywhere.
const COMPARED: usize = 64;

/// The candidate that `name` is probably a misspelling of. Case does not matter; candidates are
/// expected in lower case. Of equally near ones it is the last.
///
/// ```
/// use espalier_blame::{did_you_mean, nearest};
///
/// let near = nearest("tise", ["linear", "ties", "slerp"]);
/// assert_eq!(near, Some("ties"));
/// assert_eq!(format!("unknown strategy{}", did_you_mean(near)),
///     "unknown strategy (did you mean `ties`?)");
/// assert_eq!(did_you_mean(nearest("zzz", ["linear", "ties"])), "");
/// ```
#[must_use]
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name: String = name.chars().take(COMPARED).collect::<String>().to_ascii_lowercase();
    let scored = candidates.into_iter().map(|known| (strsim::jaro_winkler(&name, known), known));
    let near = scored.filter(|(likeness, _)| *likeness >= NEAR);
    near.max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, known)| known)
}

/// What follows a message about an unknown name; nothing if no known name is near.
#[must_use]
pub fn did_you_mean(nearest: Option<&str>) -> String {
    nearest.map(|name| format!(" (did you mean `{name}`?)")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn misspellings_are_found_and_strangers_are_not() {
        let names = ["iid", "mild", "strong", "dirichlet", "clusters"];
        assert_eq!(nearest("Dirichelt", names), Some("dirichlet"));
        assert_eq!(nearest("cluster", names), Some("clusters"));
        assert_eq!(nearest("zzz", names), None);
        assert_eq!(nearest(&"x".repeat(1 << 20), names), None);
    }
}
