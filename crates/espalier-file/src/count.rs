//! Numbers of things in messages.

/// A number and what it counts, in words.
///
/// ```
/// use espalier_file::count;
/// assert_eq!(count(1_u64, "byte"), "1 byte");
/// assert_eq!(count(2_usize, "more note"), "2 more notes");
/// assert_eq!(count(0_u32, "entry"), "0 entries");
/// assert_eq!(count(3_u8, "crash"), "3 crashes");
/// ```
#[must_use]
pub fn count(number: impl TryInto<u64>, what: &str) -> String {
    let number = number.try_into().unwrap_or(u64::MAX);
    let stem = what.strip_suffix('y').filter(|stem| !stem.ends_with(['a', 'e', 'o', 'u']));
    match stem {
        _ if number == 1 => format!("1 {what}"),
        Some(stem) => format!("{number} {stem}ies"),
        None if what.ends_with("sh") || what.ends_with('x') => format!("{number} {what}es"),
        None => format!("{number} {what}s"),
    }
}
