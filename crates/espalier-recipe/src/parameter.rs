//! A parameter's value: one for all tensors, one that changes over the layers, or one by names.

use std::collections::BTreeMap;

use espalier_blame::nearest;
use espalier_resolve::{ParameterInfo, ParameterRange, StrategyError, methods::MethodInfo};
use serde::Serialize;

use crate::{
    error::{RecipeError, RecipePlace},
    field::Field,
    note::Reading,
};

/// The first case whose filter stands in the tensor's name.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Parameter(Vec<Case>);

#[derive(Debug, Clone, PartialEq, Serialize)]
struct Case {
    /// None holds for every name.
    filter: Option<String>,
    value: Value,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
enum Value {
    /// In the registry's spelling.
    Scalar(String),
    /// Values at equal distances from the first layer to the last, and lines between them.
    Gradient(Vec<f64>),
    /// The same with words: each holds until the place of the next.
    Steps(Vec<String>),
}

/// Parameters by name.
pub(crate) type Parameters = BTreeMap<&'static str, Parameter>;

/// For what a set of parameters holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// One input.
    Model,
    /// A slice, a module or everything.
    All,
}

impl Parameter {
    /// What it is for a tensor at the place `t` of its layers, from 0 to 1.
    pub(crate) fn value(&self, tensor: &str, t: f64) -> Option<String> {
        let holds = |case: &&Case| {
            case.filter.as_ref().is_none_or(|filter| tensor.contains(filter.as_str()))
        };
        self.0.iter().find(holds).map(|case| match &case.value {
            Value::Scalar(text) => text.clone(),
            Value::Gradient(values) => {
                let (left, part) = place(values, t);
                let right = (left + 1).min(values.len() - 1);
                ((1.0 - part) * values[left] + part * values[right]).to_string()
            }
            Value::Steps(words) => words[place(words, t).0].clone(),
        })
    }
}

/// The value at or before `t`, and how far `t` is from it to the next one.
fn place<T>(values: &[T], t: f64) -> (usize, f64) {
    let at = t * (values.len() - 1) as f64;
    let left = (at as usize).min(values.len() - 1);
    (left, at - left as f64)
}

/// What the first of `levels` that has a value says.
pub(crate) fn look_up(
    levels: &[&Parameters],
    parameters: &[ParameterInfo],
    tensor: &str,
    t: f64,
) -> BTreeMap<String, String> {
    let value = |info: &ParameterInfo| {
        let value = |level: &&Parameters| level.get(info.name)?.value(tensor, t);
        Some((info.name.to_owned(), levels.iter().find_map(value)?))
    };
    parameters.iter().filter_map(value).collect()
}

/// The parameters in a mapping. Those of other methods have no effect, whatever they are.
pub(crate) fn read(
    field: &Field<'_>,
    reading: &Reading,
    scope: Scope,
) -> Result<Parameters, RecipeError> {
    let mut parameters = Parameters::new();
    for (name, value) in field.any_entries()? {
        if reading.is_of_others(name) {
            reading.note(name, value.place());
            continue;
        }
        let info = find(reading.method, name, scope, || value.place())?;
        parameters.insert(info.name, read_cases(&value, info)?);
    }
    Ok(parameters)
}

/// One value for all tensors, given as `text`.
pub(crate) fn scalar(
    method: &'static MethodInfo,
    name: &str,
    text: &str,
    place: impl Fn() -> RecipePlace,
) -> Result<(&'static str, Parameter), RecipeError> {
    let info = find(method, name, Scope::All, &place)?;
    let value = canonical(info.range, text).ok_or_else(|| {
        let wanted = wanted(info.range);
        RecipeError::Value { place: place(), value: crate::error::clip(text), wanted }
    })?;
    Ok((info.name, Parameter(vec![Case { filter: None, value: Value::Scalar(value) }])))
}

/// The method's parameter of this name, if it may stand there.
fn find(
    method: &'static MethodInfo,
    name: &str,
    scope: Scope,
    place: impl Fn() -> RecipePlace,
) -> Result<&'static ParameterInfo, RecipeError> {
    let named = |info: &&ParameterInfo| info.name == name;
    if let Some(info) = method.per_input.iter().find(named) {
        return Ok(info);
    }
    match method.shared.iter().find(named) {
        Some(info) if scope == Scope::All => Ok(info),
        Some(info) => Err(RecipeError::NotPerModel {
            place: place(),
            parameter: info.name,
            method: method.name,
        }),
        None => {
            let shared = method.shared.iter().filter(|_| scope == Scope::All);
            let known: Vec<_> = method.per_input.iter().chain(shared).map(|p| p.name).collect();
            let error = StrategyError::UnknownParameter {
                strategy: method.name,
                parameter: crate::error::clip(name),
                suggestion: nearest(name, known.iter().copied()),
                known: known.join(", "),
            };
            Err(RecipeError::Method { place: place(), error: Box::new(error) })
        }
    }
}

fn read_cases(field: &Field<'_>, info: &ParameterInfo) -> Result<Parameter, RecipeError> {
    if field.is_map() {
        return Ok(Parameter(vec![read_case(field, info)?]));
    }
    let items = if field.is_list() { field.items()? } else { Vec::new() };
    if !items.iter().any(Field::is_map) {
        return Ok(Parameter(vec![Case { filter: None, value: read_value(field, info)? }]));
    }
    items.iter().map(|item| read_case(item, info)).collect::<Result<_, _>>().map(Parameter)
}

fn read_case(field: &Field<'_>, info: &ParameterInfo) -> Result<Case, RecipeError> {
    let entries = field.entries(&["filter", "value"], &[])?;
    let filter = entries.get("filter").map(Field::text).transpose()?;
    let filter = filter.filter(|filter| *filter != "*").map(ToOwned::to_owned);
    Ok(Case { filter, value: read_value(entries.need("value")?, info)? })
}

fn read_value(field: &Field<'_>, info: &ParameterInfo) -> Result<Value, RecipeError> {
    let one = |field: &Field<'_>| {
        let text = field.text()?;
        canonical(info.range, text).ok_or_else(|| field.wants(text, wanted(info.range)))
    };
    if !field.is_list() {
        return one(field).map(Value::Scalar);
    }
    match info.range {
        ParameterRange::Number { .. } => {}
        ParameterRange::Choice(_) => {
            return field.items()?.iter().map(one).collect::<Result<_, _>>().map(Value::Steps);
        }
        _ => return Err(field.is_not("a scalar")),
    }
    let number = |field: &Field<'_>| {
        let text = one(field)?;
        text.parse().map_err(|_| field.wants(&text, wanted(info.range)))
    };
    field.items()?.iter().map(number).collect::<Result<_, _>>().map(Value::Gradient)
}

/// The registry's spelling. Truth values have all spellings of YAML, and those of numbers.
fn canonical(range: ParameterRange, text: &str) -> Option<String> {
    let text = text.trim();
    let ParameterRange::Choice(words) = range else { return range.canonical(text) };
    let lower = text.to_ascii_lowercase();
    let word = match lower.as_str() {
        "true" | "yes" | "on" | "1" | "1.0" => "true",
        "false" | "no" | "off" | "0" | "0.0" => "false",
        _ => text,
    };
    words.contains(&word).then(|| word.to_owned())
}

fn wanted(range: ParameterRange) -> String {
    match range {
        ParameterRange::Number { min, max, .. } if min == -f64::MAX && max == f64::MAX => {
            "a number".to_owned()
        }
        range => range.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(filter: Option<&str>, value: Value) -> Case {
        Case { filter: filter.map(ToOwned::to_owned), value }
    }

    #[test]
    fn gradients_are_straight_between_their_values() {
        let gradient = Parameter(vec![case(None, Value::Gradient(vec![0.1, 0.7, 0.3]))]);
        let at = |t: f64| gradient.value("w", t).expect("a value");
        assert_eq!([at(0.0), at(0.5), at(1.0)], ["0.1", "0.7", "0.3"]);
        // The form that others compute, to the last bit.
        assert_eq!(at(1.0 / 3.0), ((1.0 - 2.0 / 3.0) * 0.1 + 2.0 / 3.0 * 0.7).to_string());
        let lone = Parameter(vec![case(None, Value::Gradient(vec![5.0]))]);
        assert_eq!(lone.value("w", 0.4).as_deref(), Some("5"));
    }

    #[test]
    fn steps_hold_until_the_next_one() {
        let words = ["true", "false"].map(ToOwned::to_owned).to_vec();
        let steps = Parameter(vec![case(None, Value::Steps(words))]);
        let at = |t: f64| steps.value("w", t).expect("a value");
        assert_eq!([at(0.0), at(0.99), at(1.0)], ["true", "true", "false"]);
    }

    #[test]
    fn filters_are_parts_of_names_as_they_are_written() {
        let one = |text: &str| Value::Scalar(text.to_owned());
        let some = Parameter(vec![case(Some("mlp"), one("1")), case(Some("up"), one("2"))]);
        let of = |name: &str| some.value(name, 0.0);
        assert_eq!(of("h.0.mlp.up").as_deref(), Some("1"));
        assert_eq!(of("h.0.up").as_deref(), Some("2"));
        assert_eq!((of("h.0.MLP"), of("h.0.u.p")), (None, None));
    }
}
