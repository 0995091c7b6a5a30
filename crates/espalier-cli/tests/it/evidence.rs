//! `espalier verify --evidence`: records are judged from themselves alone, offline.

use crate::Place;
use espalier::lattice::Dot;
use espalier::prelude::*;
use espalier::replica::Body;

/// A state in which one author removed somebody else's contribution.
fn guilty() -> MergeState {
    let policy = Policy::new(PolicySpec::any_schema()).expect("valid");
    let (ada, eve) = (Keypair::from_seed([1; 32]), Keypair::from_seed([2; 32]));
    let mut state = MergeState::new(policy);
    let model = Model::from_f32(&[("w", &[1], &[1.0])]).expect("fits");
    state.add(&ada, Draft::new("ada's", model)).expect("legal");
    let targets = vec![Dot::new(ada.peer_id(), 1)];
    let op = state.next_op(eve.peer_id(), Body::Retract { targets }).sign(&eve);
    state.apply(vec![op]).expect("signed");
    state
}

#[test]
fn every_form_of_a_file_is_read_and_explained() {
    let (place, state) = (Place::new(), guilty());
    let list = state.evidence_json();
    let one = list.trim().trim_start_matches('[').trim_end_matches(']');
    let report = format!("{{\"rounds\": 3, \"evidence\": {list}}}");
    let texts = [&list, one, &report, &state.to_json(Tensors::ByReference)];
    for text in texts {
        std::fs::write(place.path().join("evidence.json"), text).expect("writes");
        let said = place.ok(&["verify", "--evidence", "evidence.json"]);
        assert!(said.contains("PASS record 1: E6 foreign retraction by "), "{said}");
        assert!(said.contains("it removes operation 1 of "), "{said}");
        assert!(said.ends_with("1 of 1 record proven\n"), "{said}");
        assert_eq!(place.ok(&["verify", "--quiet", "--evidence", "evidence.json"]), "");
    }
    std::fs::write(place.path().join("state"), state.to_bytes(Tensors::Inline)).expect("writes");
    let said = place.ok(&["verify", "--evidence", "state"]);
    assert!(said.contains("PASS record 1: E6"), "{said}");
}

#[test]
fn a_record_that_proves_nothing_fails_and_rubbish_is_refused() {
    let (place, list) = (Place::new(), guilty().evidence_json());
    let claim = list.replace("foreign-retraction", "illegal-field");
    std::fs::write(place.path().join("claim.json"), claim).expect("writes");
    let ran = place.run(&["verify", "--evidence", "claim.json"]);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert!(ran.stdout.contains("FAIL record 1: claims E4 illegal field, but"), "{}", ran.stdout);
    for rubbish in ["", "{}", "[1]", "ESPL", "\u{fffd}", "{\"evidence\": 3}"] {
        std::fs::write(place.path().join("rubbish"), rubbish).expect("writes");
        place.fails(2, &["verify", "--evidence", "rubbish"]);
    }
    place.fails(2, &["verify", "--evidence", "nowhere"]);
    place.fails(2, &["verify"]);
}
