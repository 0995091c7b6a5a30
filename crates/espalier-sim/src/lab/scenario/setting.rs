//! One setting of a scenario file: from TOML to the value that a configuration reads.

use crate::config::{Config, Family};
use espalier_blame::{did_you_mean, nearest};
use serde_json::{Map, Number, Value};
use std::path::Path;
use toml::de::DeValue;

/// Fields of a configuration that a scenario does not set, and why.
const NOT_HERE: [(&str, &str); 2] = [
    ("seed", "seeds are set at the top for all runs, as in `seeds = 20`"),
    ("base_root", "it follows from the model"),
];

/// What can be set.
pub(super) struct Settings {
    /// All fields of a configuration, with their defaults.
    pub(super) defaults: Map<String, Value>,
}

impl Settings {
    pub(super) fn new() -> Self {
        match serde_json::to_value(Config::default()) {
            Ok(Value::Object(defaults)) => Self { defaults },
            _ => Self { defaults: Map::new() },
        }
    }

    /// Why `key` is not a setting; `None` if it is one. `others` may appear next to settings.
    pub(super) fn why_not(&self, key: &str, others: &[&str]) -> Option<String> {
        if let Some((_, why)) = NOT_HERE.iter().find(|(name, _)| *name == key) {
            return Some(format!("`{key}` cannot be set here: {why}"));
        }
        if self.defaults.contains_key(key) {
            return None;
        }
        let known = self.defaults.keys().map(String::as_str);
        let known = known.filter(|name| NOT_HERE.iter().all(|(other, _)| other != name));
        let known: Vec<&str> = known.chain(others.iter().copied()).collect();
        Some(format!("`{key}` is not a setting{}", did_you_mean(nearest(key, known))))
    }

    /// The value as a configuration reads it, or what is wrong with it. A number may stand for its
    /// text, and one value for a list of one. Relative paths begin at `folder`.
    pub(super) fn read(
        &self,
        key: &str,
        value: &DeValue<'_>,
        folder: &Path,
    ) -> Result<Value, String> {
        let plain = json(value)?;
        let text = as_text(&plain);
        let lists = [Value::Array(vec![plain.clone()]), Value::Array(vec![text.clone()])];
        let mut problems = Vec::new();
        for candidate in [plain, text].into_iter().chain(lists) {
            match alone(key, &candidate) {
                Ok(()) => return rooted(key, candidate, folder),
                Err(problem) => problems.push(problem),
            }
        }
        // Of all readings the one that got as far as the value itself says most.
        let is_type = |problem: &String| problem.starts_with("invalid type");
        let far = problems.iter().find(|problem| !is_type(problem)).or(problems.first());
        let problem = far.cloned().unwrap_or_default();
        Err(match self.defaults.get(key) {
            Some(Value::Null) | None => problem,
            Some(_) if !is_type(&problem) => problem,
            Some(default) => format!("{problem}, such as {default}"),
        })
    }
}

/// Whether a configuration with nothing but this setting can be read.
fn alone(key: &str, value: &Value) -> Result<(), String> {
    let object = Map::from_iter([(key.to_owned(), value.clone())]);
    match serde_json::from_value::<Config>(Value::Object(object)) {
        Ok(_) => Ok(()),
        Err(error) => Err(in_words(&error.to_string())),
    }
}

/// What the types of fields are called outside of the code.
fn in_words(problem: &str) -> String {
    let words = [
        ("expected u32", "expected a whole number from 0 to 2^32 - 1"),
        ("expected u64", "expected a whole number from 0 to 2^64 - 1"),
        ("expected f64", "expected a number"),
        ("expected a boolean", "expected true or false"),
        ("expected a sequence", "expected a list"),
        ("expected a map", "expected a table"),
        ("a map,", "a table,"),
        ("sequence,", "list,"),
    ];
    words.iter().fold(problem.to_owned(), |text, (code, word)| text.replace(code, word))
}

/// A TOML value as JSON. The parser bounds how deep it can be.
fn json(value: &DeValue<'_>) -> Result<Value, String> {
    Ok(match value {
        DeValue::String(text) => Value::String(text.clone().into_owned()),
        DeValue::Boolean(yes) => Value::Bool(*yes),
        DeValue::Integer(integer) => {
            let digits = integer.as_str();
            let parsed = i64::from_str_radix(digits, integer.radix());
            parsed.map_err(|_| format!("{digits} does not fit 64 bits"))?.into()
        }
        DeValue::Float(float) => {
            let number = float.as_str().parse().ok().and_then(Number::from_f64);
            let number = number.ok_or_else(|| format!("{} is not a finite number", float.as_str()));
            Value::Number(number?)
        }
        DeValue::Datetime(_) => return Err("a setting cannot be a date".into()),
        DeValue::Array(items) => {
            Value::Array(items.iter().map(|item| json(item.get_ref())).collect::<Result<_, _>>()?)
        }
        DeValue::Table(table) => {
            let entry = |(key, value): (&toml::Spanned<_>, &toml::Spanned<DeValue<'_>>)| {
                let key: &std::borrow::Cow<'_, str> = key.get_ref();
                Ok::<_, String>((key.clone().into_owned(), json(value.get_ref())?))
            };
            Value::Object(table.iter().map(entry).collect::<Result<_, _>>()?)
        }
    })
}

/// The same with text in place of plain numbers, also inside tables.
fn as_text(value: &Value) -> Value {
    match value {
        Value::Number(number) => Value::String(number.to_string()),
        Value::Bool(yes) => Value::String(yes.to_string()),
        Value::Object(fields) => {
            Value::Object(fields.iter().map(|(key, value)| (key.clone(), as_text(value))).collect())
        }
        other => other.clone(),
    }
}

/// A value in which a path, if it is one, begins where the scenario is; what is there must exist.
fn rooted(key: &str, value: Value, folder: &Path) -> Result<Value, String> {
    let Value::String(text) = &value else { return Ok(value) };
    let named = text.strip_prefix("file:");
    let model = || match text.parse() {
        Ok(Family::Path(path)) if key == "model" => Some(path),
        _ => None,
    };
    let Some(path) = named.map(str::to_owned).or_else(model) else { return Ok(value) };
    let joined = folder.join(&path);
    if !joined.exists() {
        let hint = did_you_mean(nearest(text, ["digits", "synthetic:16x16"]));
        let hint = if named.is_none() { hint } else { String::new() };
        return Err(format!("there is no file or folder {}{hint}", joined.display()));
    }
    let joined = joined.to_str().ok_or("the scenario's folder has a name that is not text")?;
    let prefix = if named.is_some() { "file:" } else { "" };
    Ok(Value::String(format!("{prefix}{joined}")))
}
