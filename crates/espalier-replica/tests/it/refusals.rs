//! What refusals say: the element, the field or the schema that is wrong, and with which value.

use crate::{key, model, policy};
use espalier_identity::Digest;
use espalier_lattice::Dot;
use espalier_replica::{
    Body, ChangeError, DecodeError, Draft, MAX_ROSTER, MergeState, Policy, PolicyError, PolicySpec,
    Tensors,
};
use espalier_tensor::Model;

fn refused(state: &mut MergeState, model: Model) -> ChangeError {
    state.add(&key(0), Draft::new("refused", model)).expect_err("it cannot be contributed")
}

#[test]
fn a_value_that_no_bound_covers_is_named() {
    let values = [1.0, f32::NEG_INFINITY, f32::NAN];
    let bad = Model::from_f32(&[("a", &[2], &[1.0, 2.0]), ("b", &[3], &values)]).expect("legal");
    let error = refused(&mut MergeState::new(policy(0)), bad);
    let said =
        "element 1 of tensor `b` is -inf; it must be finite and less than 2^128 in magnitude";
    assert_eq!(error.to_string(), said);
}

#[test]
fn another_schema_is_named_by_its_difference_or_its_hash() {
    let ours = model(1.0, 2.0);
    let schema = ours.manifest.schema();
    let spec = PolicySpec { schema: Some(schema), ..PolicySpec::any_schema() };
    let mut state = MergeState::new(Policy::new(spec).expect("legal"));
    let longer = Model::from_f32(&[("w", &[3], &[1.0, 2.0, 3.0])]).expect("legal");
    let found = longer.manifest.schema();
    let said = "the model does not have the federation's schema: ";
    let error = refused(&mut state, longer.clone()).to_string();
    assert_eq!(error, format!("{said}expected schema {schema}, found {found}"));
    state.add(&key(1), Draft::new("ours", ours)).expect("legal");
    let error = refused(&mut state, longer).to_string();
    let mismatch = "tensor `w` is f32 [2] in the first model and f32 [3] in the second";
    assert_eq!(error, format!("{said}{mismatch}"));
}

#[test]
fn a_policy_names_the_constant_and_the_number_of_keys() {
    let mut spec = PolicySpec::any_schema();
    spec.constants.history = 17;
    let error = Policy::new(spec).expect_err("too much history");
    let said = "the trust constant `history` is 17; it must be from 1 to 16";
    assert_eq!(error.to_string(), said);
    let roster = vec![key(0).peer_id(); MAX_ROSTER + 1];
    let error = Policy::new(PolicySpec { roster, ..PolicySpec::any_schema() });
    assert!(matches!(error, Err(PolicyError::Roster { keys }) if keys == MAX_ROSTER + 1));
}

#[test]
fn a_list_that_nobody_can_read_is_named() {
    let state = MergeState::new(policy(0));
    let targets = (1..=10_000).map(|seq| Dot { actor: key(0).peer_id(), seq }).collect();
    let op = state.next_op(key(0).peer_id(), Body::Retract { targets }).sign(&key(0));
    let error = state.clone().apply(vec![op]).expect_err("too many targets").to_string();
    assert!(error.contains("an operation has more than ") && error.ends_with(" retracted dots"));
}

#[test]
fn tensors_with_another_hash_and_tensors_that_nothing_needs_are_told_apart() {
    let mut state = MergeState::new(policy(0));
    state.add(&key(0), Draft::new("ours", model(1.0, 2.0))).expect("legal");
    let text = state.to_json(Tensors::Inline);
    let changed = |change: &dyn Fn(&mut serde_json::Map<String, serde_json::Value>)| {
        let mut json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        change(json["tensors"].as_object_mut().expect("a map"));
        MergeState::from_json(&json.to_string())
    };
    let wrong = changed(&|tensors| {
        tensors.values_mut().for_each(|bytes| *bytes = "AAAA".into());
    });
    let found = Digest::of_content(&[0, 0, 0]);
    assert!(matches!(wrong, Err(DecodeError::Content { found: it, .. }) if it == found));
    let needless = changed(&|tensors| {
        tensors.insert(found.to_string(), "AAAA".into());
    });
    assert!(matches!(needless, Err(DecodeError::Unneeded(it)) if it == found));
}
