//! What to say about a misspelt name.

/// How alike two names must be, from 0 to 1.
const NEAR: f64 = 0.75;

/// For each this many letters one may be wrong, missing or too much; one in any case.
const LETTERS_TO_AN_ERROR: usize = 3;

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
    let near =
        scored.filter(|(likeness, known)| *likeness >= NEAR && is_misspelt_or_cut(&name, known));
    near.max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, known)| known)
}

/// Whether `name` has few errors, so that short names are not taken for quite different ones, or is
/// the beginning of `known`.
fn is_misspelt_or_cut(name: &str, known: &str) -> bool {
    let letters = name.chars().count();
    let most = (letters / LETTERS_TO_AN_ERROR).max(1);
    let cut = letters >= LETTERS_TO_AN_ERROR && known.starts_with(name);
    cut || strsim::osa_distance(name, known) <= most
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

    #[test]
    fn short_names_have_one_error_at_most() {
        assert_eq!(nearest("foo", ["flood", "food", "star"]), Some("food"));
        assert_eq!(nearest("foo", ["flood", "star"]), None);
        assert_eq!(nearest("rign", ["ring", "line"]), Some("ring"), "two letters changed places");
        assert_eq!(nearest("p", ["f", "k"]), None);
        assert_eq!(nearest("watts", ["watts-strogatz"]), Some("watts-strogatz"), "the beginning");
        assert_eq!(nearest("equivocate", ["equivocation", "ring"]), Some("equivocation"));
    }
}
