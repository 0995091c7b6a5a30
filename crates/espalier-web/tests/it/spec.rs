//! The description of the interface: every answer of a test is checked against it.

use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::LazyLock;

static DOCUMENT: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(espalier_web::OPENAPI).expect("JSON"));

/// Whether a path is one of this template, and on how many names they agree: the closest counts.
fn agreement(path: &str, template: &str) -> Option<usize> {
    let (path, template): (Vec<_>, Vec<_>) =
        (path.split('/').collect(), template.split('/').collect());
    let fits = path.len() == template.len()
        && path.iter().zip(&template).all(|(a, b)| a == b || b.starts_with('{'));
    fits.then(|| path.iter().zip(&template).filter(|(a, b)| a == b).count())
}

fn resolved(value: &Value) -> &Value {
    match value["$ref"].as_str().and_then(|to| to.strip_prefix('#')) {
        Some(pointer) => DOCUMENT.pointer(pointer).expect("a reference leads somewhere"),
        None => value,
    }
}

/// Checks a value against a schema of the document.
#[track_caller]
pub(crate) fn check_schema(schema: &Value, value: &Value) {
    let mut root = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "components": DOCUMENT["components"],
    });
    root.as_object_mut().unwrap().extend(schema.as_object().unwrap().clone());
    let validator = jsonschema::validator_for(&root).expect("a schema");
    let errors: Vec<_> =
        validator.iter_errors(value).map(|e| format!("{}: {e}", e.instance_path())).collect();
    assert!(errors.is_empty(), "{errors:#?}\n{value:.2000}");
}

/// Checks the data of an event against `event_NAME`.
#[track_caller]
pub(crate) fn check_event(name: &str, data: &Value) {
    check_schema(&json!({ "$ref": format!("#/components/schemas/event_{name}") }), data);
}

/// Checks an answer. What is at no address of the document must be refused.
#[track_caller]
pub(crate) fn check_answer(method: &str, path: &str, status: u16, body: Option<&Value>) {
    let Some(path) = path.split('?').next().and_then(|path| path.strip_prefix("/api/v1")) else {
        return;
    };
    let paths = DOCUMENT["paths"].as_object().unwrap();
    let found = paths.iter().filter_map(|(t, item)| Some((agreement(path, t)?, item)));
    let operation = found.max_by_key(|(agreed, _)| *agreed).map(|(_, item)| item);
    let operation = operation.and_then(|item| item.get(method.to_lowercase()));
    let Some(operation) = operation else {
        assert!(status == 404 || status == 405 || status == 421, "{method} {path}: {status}");
        let schema = json!({ "$ref": "#/components/schemas/error" });
        return check_schema(&schema, body.expect("an error says what is wrong"));
    };
    let response = resolved(&operation["responses"][status.to_string()]);
    assert!(response.is_object(), "{method} {path} may not answer {status}: {body:?}");
    let schema = &response["content"]["application/json"]["schema"];
    match body {
        Some(body) => check_schema(schema, body),
        None => assert!(schema.is_null(), "{method} {path}: {status} should be JSON"),
    }
}

/// The routes as the source has them.
fn routes() -> BTreeSet<(String, String)> {
    let source = include_str!("../../src/api.rs");
    let mut routes = BTreeSet::new();
    for rest in source.split(".route(\"").skip(1) {
        let (path, handlers) = rest.split_once("\", ").expect("a path and its handlers");
        let handlers = handlers.split(".route").next().unwrap().split(';').next().unwrap();
        for method in ["get", "post", "delete", "put", "patch"] {
            let called = [format!("{method}("), format!(".{method}(")];
            if handlers.starts_with(&called[0]) || handlers.contains(&called[1]) {
                routes.insert((path.to_owned(), method.to_owned()));
            }
        }
    }
    // These are the page and its files.
    routes.retain(|(path, _)| path != "/" && !path.starts_with("/assets"));
    routes
}

#[test]
fn every_route_is_in_the_document_and_nothing_else() {
    let mut described = BTreeSet::new();
    for (path, item) in DOCUMENT["paths"].as_object().unwrap() {
        described.extend(item.as_object().unwrap().keys().map(|m| (path.clone(), m.clone())));
    }
    assert_eq!(routes(), described);
    assert!(described.len() > 20);
}

#[test]
fn examples_are_what_they_are_examples_of() {
    let mut checked = 0;
    for response in DOCUMENT["components"]["responses"].as_object().unwrap().values() {
        let content = &response["content"]["application/json"];
        check_schema(&content["schema"], &content["example"]);
        checked += 1;
    }
    for item in DOCUMENT["paths"].as_object().unwrap().values() {
        let content = &item["post"]["requestBody"]["content"]["application/json"];
        if content.is_object() {
            check_schema(&content["schema"], &content["example"]);
            checked += 1;
        }
    }
    assert_eq!(checked, 14);
}

/// What the report and the interface share is described alike.
#[test]
fn shared_schemas_are_those_of_the_report() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/report.schema.json");
    let report =
        std::fs::read_to_string(path).unwrap().replace("#/$defs/", "#/components/schemas/");
    let report: Value = serde_json::from_str(&report).unwrap();
    for (name, schema) in report["$defs"].as_object().unwrap() {
        assert_eq!(&DOCUMENT["components"]["schemas"][name], schema, "{name}");
    }
}
