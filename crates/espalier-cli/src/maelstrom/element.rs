//! Elements: JSON values in one canonical form, which is the name of a contribution.
//!
//! Maelstrom's sets hold JSON values, ours hold contributions. A value that is added becomes a
//! signed contribution of a tiny model whose name is the value as text. What a node reads is the
//! names in its set of operations. Operations only come, so a value that was read once is read ever
//! after; that a later contribution replaces the earlier ones of its author makes no difference.

use espalier::identity::{Domain, PeerId};
use espalier::replica::{VerifiedOp, legal};
use espalier::tensor::{Model, TensorError};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

static TENSOR: Domain = Domain::new("espalier maelstrom tensor v1");

/// Elements of every tensor.
const TENSOR_SHAPE: u64 = 4;

/// A value that no contribution can carry unchanged. The client's; nothing was added.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum ElementError {
    /// Too long.
    #[error("the element has {len} bytes as JSON; at most {} are allowed", legal::MAX_NAME_LEN)]
    TooLong {
        /// Its length.
        len: usize,
    },
    /// A number that was rounded when it was read.
    #[error("{0} cannot be represented exactly in 64 bits; send it as a string")]
    Number(String),
}

/// The one text of a value: no spaces, keys ascending.
///
/// # Errors
/// [`ElementError`].
pub(super) fn canonical(value: &Value) -> Result<String, ElementError> {
    let mut text = String::new();
    write(value, &mut text)?;
    if text.len() > legal::MAX_NAME_LEN {
        return Err(ElementError::TooLong { len: text.len() });
    }
    Ok(text)
}

/// As deep as the reader of JSON let the value be.
fn write(value: &Value, text: &mut String) -> Result<(), ElementError> {
    match value {
        // What is whole and has no place in 64 bits comes as a float, perhaps a neighbouring one.
        Value::Number(n) if n.is_f64() && n.as_f64().is_none_or(|x| x.abs() >= TWO_TO_63) => {
            return Err(ElementError::Number(n.to_string()));
        }
        Value::Array(values) => {
            text.push('[');
            for (at, value) in values.iter().enumerate() {
                text.push_str(if at == 0 { "" } else { "," });
                write(value, text)?;
            }
            text.push(']');
        }
        Value::Object(fields) => {
            text.push('{');
            for (at, (key, value)) in ascending(fields).into_iter().enumerate() {
                text.push_str(if at == 0 { "" } else { "," });
                text.push_str(&Value::String(key.clone()).to_string());
                text.push(':');
                write(value, text)?;
            }
            text.push('}');
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            text.push_str(&value.to_string());
        }
    }
    Ok(())
}

const TWO_TO_63: f64 = 9_223_372_036_854_775_808.0;

/// Whether the map is ordered already depends on how the reader of JSON was built.
fn ascending(fields: &Map<String, Value>) -> BTreeMap<&String, &Value> {
    fields.iter().collect()
}

/// The model of an author's contribution number `seq`. Its tensor is nobody else's: two authors
/// with equal tensors are a copy and its original (E7).
///
/// # Errors
/// [`TensorError`] never: the shape fits the values.
pub(super) fn model(author: &PeerId, seq: u64) -> Result<Model, TensorError> {
    let hash = TENSOR.fields().field(author.as_bytes()).number(seq).finish();
    let (words, _) = hash.as_bytes().as_chunks::<4>();
    let words = words.iter().take(TENSOR_SHAPE as usize).map(|word| u32::from_le_bytes(*word));
    // 24 bits each are exact in an f32: from 0 to 1.
    let values: Vec<f32> = words.map(|word| (word >> 8) as f32 / 16_777_216.0).collect();
    Model::from_f32(&[("element", &[TENSOR_SHAPE], &values)])
}

/// The elements of the operations that a node took in.
#[derive(Debug, Default)]
pub(super) struct Elements {
    by_text: BTreeMap<String, Value>,
}

impl Elements {
    /// Takes in the element that an operation carries, if it does.
    ///
    /// Names that are not canonical JSON were not given by a node of this kind.
    pub(super) fn take(&mut self, op: &VerifiedOp) {
        let Some(name) = op.contribution().map(|contribution| &contribution.name) else { return };
        let Ok(value) = serde_json::from_str::<Value>(name) else { return };
        if canonical(&value).is_ok_and(|text| text == *name) {
            self.by_text.insert(name.clone(), value);
        }
    }

    /// Whether the element with this text is in.
    pub(super) fn contains(&self, text: &str) -> bool {
        self.by_text.contains_key(text)
    }

    /// All elements, ascending by their text.
    pub(super) fn list(&self) -> Vec<Value> {
        self.by_text.values().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(json: &str) -> Result<String, ElementError> {
        canonical(&serde_json::from_str(json).expect("JSON"))
    }

    #[test]
    fn one_value_has_one_text() {
        let spaced = r#" { "b" : [ 1 , 2.50, null ], "a\u0062" : { "y": true, "x": "é\n" } } "#;
        let tight = r#"{"ab":{"x":"é\n","y":true},"b":[1,2.5,null]}"#;
        assert_eq!(text(spaced).as_deref(), Ok(tight));
        assert_eq!(text("[[],{}]").as_deref(), Ok("[[],{}]"));
        for whole in ["0", "-1", "18446744073709551615", "-9223372036854775808"] {
            assert_eq!(text(whole).as_deref(), Ok(whole));
        }
    }

    #[test]
    fn what_would_change_is_refused() {
        for number in ["18446744073709551616", "-9223372036854775809", "1e300"] {
            assert!(matches!(text(number), Err(ElementError::Number(_))), "{number}");
            assert!(text(&format!("[{{\"a\":{number}}}]")).is_err());
        }
        let long = |len: usize| format!("\"{}\"", "x".repeat(len - 2));
        assert!(text(&long(legal::MAX_NAME_LEN)).is_ok());
        let len = legal::MAX_NAME_LEN + 1;
        assert_eq!(text(&long(len)), Err(ElementError::TooLong { len }));
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            (-1e9..1e9).prop_map(|x: f64| Value::from(x)),
            ".{0,4}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 12, 3, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                prop::collection::btree_map(".{0,2}", inner, 0..3)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_text_reads_back_as_its_value_and_stays_itself(value in values()) {
            if let Ok(text) = canonical(&value) {
                let back: Value = serde_json::from_str(&text).expect("JSON");
                prop_assert_eq!(&back, &value);
                prop_assert_eq!(canonical(&back), Ok(text));
            }
        }
    }
}
