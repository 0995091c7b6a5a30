//! The nearest of some names, for messages about unknown ones.

/// How alike two names must be, from 0 to 1.
const NEAR: f64 = 0.75;

/// The candidate of which `name` is probably a misspelling.
pub(crate) fn nearest<'a>(name: &str, candidates: &[&'a str]) -> Option<&'a str> {
    // Comparing is quadratic, and names may come from anywhere.
    let name: String = name.chars().take(64).collect::<String>().to_ascii_lowercase();
    let scored = candidates.iter().map(|known| (strsim::jaro_winkler(&name, known), *known));
    let near = scored.filter(|(likeness, _)| *likeness >= NEAR);
    near.max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn misspellings_are_found_and_strangers_are_not() {
        let names = ["iid", "mild", "strong", "dirichlet", "clusters"];
        assert_eq!(nearest("Dirichelt", &names), Some("dirichlet"));
        assert_eq!(nearest("cluster", &names), Some("clusters"));
        assert_eq!(nearest("zzz", &names), None);
        assert_eq!(nearest(&"x".repeat(1 << 20), &names), None);
    }
}
