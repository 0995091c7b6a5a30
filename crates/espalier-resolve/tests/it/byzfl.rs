//! Robust strategies against what ByzFL computes; `fixtures/byzfl/make.py` asked it.

use serde_json::Value;

use crate::{
    robust::{distance, merged},
    slow, strategy,
};

fn numbers(value: &Value) -> Vec<f64> {
    let list = value.as_array().expect("a list");
    list.iter().map(|x| x.as_f64().expect("a number")).collect()
}

/// The parameters with which ByzFL was asked, next to f and the steps.
fn fixed(name: &str, inputs: usize) -> Vec<(&'static str, String)> {
    let mut pairs = vec![("clip", "1.5".to_owned()), ("bucket", inputs.to_string())];
    if name == "centered-clipping" {
        pairs.extend([("tau", "1".to_owned()), ("iterations", "3".to_owned())]);
    }
    if name == "geometric-median" {
        // Ours iterates until it stands still, whatever ByzFL's default of three steps gives.
        pairs.push(("nu", "1e-10".to_owned()));
    }
    pairs
}

#[test]
fn byzfl_fixture() {
    let path = espalier_testkit::fixture_path("byzfl/vectors.json");
    let text = std::fs::read_to_string(path).expect("the fixture");
    let cases: Vec<Value> = serde_json::from_str(&text).expect("valid JSON");
    let mut compared = 0;
    for case in &cases {
        let rows: Vec<Vec<f64>> =
            case["rows"].as_array().expect("rows").iter().map(numbers).collect();
        let f = case["f"].to_string();
        for result in case["results"].as_array().expect("results") {
            let name = result[0].as_str().expect("a name");
            let pre = result[1].as_str().expect("steps");
            let expected = numbers(&result[2]);
            let fixed = fixed(name, rows.len());
            let mut pairs: Vec<(&str, &str)> =
                fixed.iter().map(|(key, value)| (*key, value.as_str())).collect();
            pairs.extend([("f", f.as_str()), ("pre", pre)]);
            let built = strategy(name, &pairs);
            let actual = merged(&built, &rows, None).0;
            let scale = 1.0 + rows.iter().flatten().fold(0.0, |m, x| x.abs().max(m));
            let off = if name == "caf" {
                filter(&rows, f.parse().expect("a count"), &actual, &expected)
            } else {
                distance(&actual, &expected)
            };
            let limit = if name == "geometric-median" { 1e-7 } else { 1e-12 };
            assert!(off < limit * scale, "{built} of {}: {off:e}", case["what"]);
            compared += 1;
        }
    }
    assert_eq!(compared, 183, "as many results as were asked for");
}

/// ByzFL seeks the greatest deviation among all rows, also those that have no mass any more. Then
/// a row that is far away and gone keeps the others from losing any: at a distance of 10⁶ times
/// theirs it would take 10¹² turns. Ours seeks it among rows with mass. So ByzFL is compared with
/// the slow filter that does as it does, and ours with the one that does as we do.
fn filter(rows: &Vec<Vec<f64>>, f: usize, actual: &[f64], expected: &[f64]) -> f64 {
    let theirs = distance(expected, &slow::caf(rows, f, true));
    theirs.max(distance(actual, &slow::caf(rows, f, false)))
}
