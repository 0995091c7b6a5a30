//! `rank_pattern` and `alpha_pattern` of an adapter: values for the modules whose names a regular
//! expression matches.
//!
//! PEFT takes the value of the first key, in the order of the file, that matches as
//! `(.*\.)?(KEY)$` from the beginning of the module's name. Expressions take time that is linear in
//! a name, and what they are compiled to is bounded. Syntax that Python's expressions do not share
//! is refused.

use core::{fmt, marker::PhantomData};
use std::collections::BTreeMap;

use regex::bytes::RegexBuilder;
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};

/// Values by expressions, in the order of the file.
#[derive(Debug)]
pub(crate) struct Patterns<V>(Vec<(String, V)>);

/// Most bytes that an expression is compiled to.
const MAX_COMPILED: usize = 1 << 16;
/// Most names that are matched with expressions, over all expressions.
const MAX_MATCHES: usize = 1 << 22;

impl<V> Default for Patterns<V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<V: Copy> Patterns<V> {
    /// The values of the modules that have one.
    pub(crate) fn values<'n>(
        &self,
        modules: impl Iterator<Item = &'n str>,
    ) -> Result<BTreeMap<&'n str, V>, String> {
        let mut open: Vec<&str> = modules.collect();
        let mut values = BTreeMap::new();
        let count = self.0.len();
        if count.saturating_mul(open.len()) > MAX_MATCHES {
            return Err(format!("{count} patterns are too many for {} modules", open.len()));
        }
        for (key, value) in &self.0 {
            let refuse = |why: &str| format!("pattern `{key}`: {why}");
            if let Some(syntax) = foreign(key) {
                return Err(refuse(&format!("{syntax} mean something else in Python")));
            }
            let expression = RegexBuilder::new(&format!(r"(.*\.)?({key})$"))
                .unicode(false)
                .size_limit(MAX_COMPILED)
                .build()
                .map_err(|error| refuse(&last_line(&error)))?;
            let begins = |name: &&str| {
                let found = expression.find(name.as_bytes());
                found.is_some_and(|found| found.start() == 0)
            };
            values.extend(open.extract_if(.., |name| begins(&&**name)).map(|name| (name, *value)));
        }
        Ok(values)
    }
}

/// What the library says of an expression, without the picture of where it is.
fn last_line(error: &regex::Error) -> String {
    let text = error.to_string();
    let line = text.lines().last().unwrap_or_default();
    line.strip_prefix("error: ").unwrap_or(line).to_owned()
}

/// Syntax that Python reads in another way.
fn foreign(key: &str) -> Option<&'static str> {
    let mut class = false;
    let mut before = ' ';
    let mut signs = key.chars().peekable();
    while let Some(sign) = signs.next() {
        match (class, before, sign) {
            (_, _, '\\') => match signs.next() {
                Some('<' | '>') => return Some(r"`\<` and `\>`"),
                // Neither a repetition nor half of an operator.
                _ => {
                    before = ' ';
                    continue;
                }
            },
            (true, _, '[') => return Some("classes within classes"),
            (true, '&', '&') | (true, '-', '-') | (true, '~', '~') => {
                return Some("operators within classes");
            }
            (true, _, ']') => class = false,
            (false, _, '[') => {
                class = true;
                // A bracket that comes first is one of the class.
                signs.next_if_eq(&'^');
                signs.next_if_eq(&']');
            }
            (false, '*' | '+' | '?' | '}', '+') => return Some("possessive repetitions"),
            _ => {}
        }
        before = sign;
    }
    None
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Patterns<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader(PhantomData))
    }
}

/// Keeps the order of a map.
struct Reader<V>(PhantomData<V>);

impl<'de, V: Deserialize<'de>> Visitor<'de> for Reader<V> {
    type Value = Patterns<V>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a map from patterns to numbers")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Patterns::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut patterns = Vec::new();
        while let Some(entry) = map.next_entry()? {
            patterns.push(entry);
        }
        Ok(Patterns(patterns))
    }
}

#[cfg(test)]
mod tests {
    use super::Patterns;

    fn values(json: &str) -> Result<Vec<(&'static str, u32)>, String> {
        const MODULES: [&str; 5] = [
            "model.layers.0.self_attn.q_proj",
            "model.layers.1.self_attn.q_proj",
            "model.layers.1.mlp.up_proj",
            "other.layers.1.mlp.up_proj",
            "lm_head",
        ];
        let patterns: Patterns<u32> = serde_json::from_str(json).expect("patterns");
        Ok(patterns.values(MODULES.into_iter())?.into_iter().collect())
    }

    #[test]
    fn keys_match_whole_ends_of_names() {
        let q0 = "model.layers.0.self_attn.q_proj";
        let q1 = "model.layers.1.self_attn.q_proj";
        let up = "model.layers.1.mlp.up_proj";
        let other = "other.layers.1.mlp.up_proj";
        for (json, found) in [
            (r#"{"q_proj": 3}"#, vec![(q0, 3), (q1, 3)]),
            (r#"{"_proj": 3}"#, vec![]),
            (r#"{"self_attn": 3}"#, vec![]),
            (r#"{".*q_proj": 3}"#, vec![(q0, 3), (q1, 3)]),
            (r#"{"(q|up)_proj": 3}"#, vec![(q0, 3), (up, 3), (q1, 3), (other, 3)]),
            (r#"{"up_proj|lm_head": 3}"#, vec![("lm_head", 3), (up, 3), (other, 3)]),
            (r#"{"layers\\.[1-9]\\d*\\.mlp\\.up_proj": 3}"#, vec![(up, 3), (other, 3)]),
            (r#"{"^model.layers.1.mlp.up_proj": 3}"#, vec![(up, 3)]),
            (r#"{"model.layers.[01].mlp.up_proj$": 3}"#, vec![(up, 3)]),
            (r#"{"z": 1, "0.*q_proj": 2, "q_proj": 3}"#, vec![(q0, 2), (q1, 3)]),
            (r#"{"q_proj": 3, "0.*q_proj": 2}"#, vec![(q0, 3), (q1, 3)]),
            ("null", vec![]),
        ] {
            assert_eq!(values(json), Ok(found), "{json}");
        }
    }

    #[test]
    fn what_python_reads_in_another_way_is_refused_by_name() {
        for (key, said) in [
            (r"(?=q)q_proj", "look-around"),
            (r"(q)\\1_proj", "backreferences"),
            ("q(", "unclosed group"),
            ("q*+", "possessive"),
            ("q{2}+", "possessive"),
            ("[[a]q", "classes within classes"),
            ("[][]", "classes within classes"),
            ("[^][]", "classes within classes"),
            ("[a&&b]", "operators"),
            (r"\\<q_proj", r"`\<`"),
            ("(((q{999}){999}){999})", "size"),
        ] {
            let error = values(&format!(r#"{{"{key}": 1}}"#)).expect_err(key);
            assert!(error.contains(said), "{key}: {error}");
        }
        assert_eq!(values(r#"{"\\++": 1, "[+*]+": 1, "[\\[]": 1}"#), Ok(vec![]));
        let many: Vec<String> = (0..1 << 20).map(|key| format!(r#""{key}": 1"#)).collect();
        let error = values(&format!("{{{}}}", many.join(","))).expect_err("too many");
        assert!(error.contains("too many"), "{error}");
    }
}
