//! Text for terminals. Names of tensors, files and peers come from strangers, and a terminal obeys
//! some of the characters it shows.

use std::borrow::Cow;

/// Whether a character is not to be seen, or changes how others are shown: control characters,
/// format characters such as those of direction and width, and ends of lines of their own kind.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(u32::from(c),
            0x00ad | 0x034f | 0x061c | 0x06dd | 0x070f | 0x08e2 | 0x180e | 0x3164 | 0xfeff | 0xffa0
            | 0x0600..=0x0605 | 0x0890..=0x0891 | 0x115f..=0x1160 | 0x17b4..=0x17b5
            | 0x200b..=0x200f | 0x2028..=0x202e | 0x2060..=0x206f | 0xfff0..=0xfffb
            | 0x110bd | 0x110cd | 0x13430..=0x1343f | 0x1bca0..=0x1bca3 | 0x1d173..=0x1d17a
            | 0xe0000..=0xe0fff)
}

fn escaped(text: &str, hidden: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if hidden(c) { shown.extend(c.escape_default()) } else { shown.push(c) }
    }
    Cow::Owned(shown)
}

/// Text in which every hidden character but the end of a line is written as `\u{…}`, `\t` or `\r`.
pub(crate) fn lines(text: &str) -> Cow<'_, str> {
    escaped(text, |c| c != '\n' && is_hidden(c))
}

/// The same for what stands within a line, so that nothing in it can begin another.
pub(crate) fn line(text: &str) -> Cow<'_, str> {
    escaped(text, is_hidden)
}

/// JSON that says the same without hidden characters, which can only stand in its strings.
pub(crate) fn json(text: &str) -> Cow<'_, str> {
    let hidden = |c: char| !c.is_ascii_control() && is_hidden(c) || c == '\x7f';
    if !text.contains(hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if hidden(c) {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                shown.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_a_terminal_would_obey_is_written_out() {
        let hostile = "a\x1b[31m\u{9b}2J\x07\r\t\x7f\u{202e}\u{2066}\u{200b}\u{2028}\u{feff}\nb";
        let shown = lines(hostile);
        assert_eq!(
            shown,
            "a\\u{1b}[31m\\u{9b}2J\\u{7}\\r\\t\\u{7f}\\u{202e}\
             \\u{2066}\\u{200b}\\u{2028}\\u{feff}\nb"
        );
        assert_eq!(line("a\nb"), "a\\nb");
        for plain in ["", "naïve 模型 – “x” ± × …", "a\\b", "🦀"] {
            assert!(matches!(line(plain), Cow::Borrowed(same) if same == plain));
        }
    }

    proptest! {
        #[test]
        fn json_says_the_same(text in any::<String>(), tag in 0x7f_u32..0xe0100) {
            let text = format!("{text}\x7f{}", char::from_u32(tag).unwrap_or('x'));
            let written = serde_json::to_string(&text).expect("a text");
            let shown = json(&written);
            prop_assert!(!shown.contains(is_hidden));
            prop_assert_eq!(serde_json::from_str::<String>(&shown).expect("JSON"), text);
        }

        #[test]
        fn nothing_hidden_is_left(text in any::<String>()) {
            prop_assert!(!line(&text).contains(is_hidden));
            prop_assert_eq!(lines(&text).matches('\n').count(), text.matches('\n').count());
        }
    }
}
