//! Bytes and JSON: what is written is read back, and nothing else is.

use crate::histories::{any_steps, look, play};
use crate::{add, cases, key, policy, signed};
use espalier_identity::Digest;
use espalier_replica::{Arena, DecodeError, HEADER_LEN, MergeState, Policy, PolicyError, Tensors};
use proptest::prelude::*;

fn small() -> MergeState {
    let mut state = MergeState::new(policy(3));
    (0..3).for_each(|i| {
        add(&mut state, &key(i), f32::from(i));
    });
    state
}

/// Puts a payload into a frame with the right checksum.
pub(crate) fn reframe(payload: &[u8]) -> Vec<u8> {
    let mut frame = b"ESPL\x01".to_vec();
    frame.extend((payload.len() as u32).to_le_bytes());
    frame.extend(&Digest::of_content(payload).as_bytes()[..8]);
    frame.extend(payload);
    frame
}

proptest! {
    #![proptest_config(cases(48))]

    #[test]
    fn states_survive_both_forms(steps in any_steps(40)) {
        for node in play(&steps, true).iter().step_by(3) {
            let state = &node.state;
            for tensors in [Tensors::ByReference, Tensors::Inline] {
                let bytes = state.to_bytes(tensors);
                let from_bytes = MergeState::from_bytes(&bytes).expect("our own");
                let from_json = MergeState::from_json(&state.to_json(tensors)).expect("our own");
                for read in [from_bytes, from_json] {
                    prop_assert_eq!(look(&read), look(state));
                    if tensors == Tensors::Inline {
                        prop_assert_eq!(&read.to_bytes(tensors), &bytes);
                        let root = |state: &MergeState| state.resolve().ok().map(|m| m.root());
                        prop_assert_eq!(root(&read), root(state));
                    }
                }
            }
            for tensors in [Tensors::ByReference, Tensors::Inline] {
                let len = state.to_bytes(tensors).len() as u64;
                prop_assert_eq!(state.encoded_len(tensors), len);
            }
        }
    }

    #[test]
    fn changed_payloads_are_read_as_something_else_or_refused(
        at in any::<prop::sample::Index>(), bit in 0..8_u8, insert in any::<bool>()
    ) {
        let bytes = small().to_bytes(Tensors::Inline);
        let mut payload = bytes[HEADER_LEN..].to_vec();
        let at = at.index(payload.len());
        if insert { payload.insert(at, bit) } else { payload[at] ^= 1 << bit }
        let frame = reframe(&payload);
        if let Ok(read) = MergeState::from_bytes(&frame) {
            prop_assert_eq!(read.to_bytes(Tensors::Inline), frame, "one state, one spelling");
        }
    }

    #[test]
    fn changed_json_is_refused_or_means_something(
        at in any::<prop::sample::Index>(), with in "[0-9a-z\"{},:\\[\\]]{0,3}", cut in 0..3_usize
    ) {
        let text = small().to_json(Tensors::Inline);
        let at = at.index(text.len() - cut);
        let changed = format!("{}{with}{}", &text[..at], &text[at + cut..]);
        if let Ok(read) = MergeState::from_json(&changed) {
            let again = MergeState::from_json(&read.to_json(Tensors::Inline)).expect("our own");
            prop_assert_eq!(look(&again), look(&read));
        }
    }

    #[test]
    fn noise_is_no_state(noise in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(MergeState::from_bytes(&noise).is_err());
        prop_assert!(MergeState::from_bytes(&reframe(&noise)).is_err());
        prop_assert!(MergeState::from_json(&String::from_utf8_lossy(&noise)).is_err());
    }
}

#[test]
fn every_truncation_and_every_flipped_bit_is_found() {
    let bytes = small().to_bytes(Tensors::Inline);
    for len in 0..bytes.len() {
        assert!(MergeState::from_bytes(&bytes[..len]).is_err());
        assert!(MergeState::from_bytes(&reframe(&bytes[HEADER_LEN..len.max(HEADER_LEN)])).is_err());
    }
    for at in 0..bytes.len() {
        let mut wrong = bytes.clone();
        wrong[at] ^= 1 << (at % 8);
        assert!(MergeState::from_bytes(&wrong).is_err(), "byte {at}");
    }
}

#[test]
fn hostile_lengths_allocate_nothing() {
    let claim = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f];
    let bytes = small().to_bytes(Tensors::ByReference);
    for at in 0..bytes.len() - HEADER_LEN {
        let mut payload = bytes[HEADER_LEN..][..at].to_vec();
        payload.extend(claim);
        assert!(MergeState::from_bytes(&reframe(&payload)).is_err());
    }
}

/// The JSON form with a change.
fn changed(change: impl FnOnce(&mut serde_json::Value)) -> Result<MergeState, DecodeError> {
    let mut json = serde_json::from_str(&small().to_json(Tensors::Inline)).expect("JSON");
    change(&mut json);
    MergeState::from_json(&json.to_string())
}

#[test]
fn a_policy_has_one_byte_string() {
    let policy = policy(3);
    let bytes = policy.to_bytes();
    assert_eq!(Policy::from_bytes(&bytes).map(|read| read.hash()).ok(), Some(policy.hash()));
    let longer = Policy::from_bytes(&[&bytes[..], &[0]].concat());
    assert!(matches!(longer, Err(PolicyError::Encoding(_))), "{longer:?}");
    let mut spec = policy.spec().clone();
    spec.roster.reverse();
    let reversed = Policy::from_bytes(&espalier_identity::canonical::encode(&spec));
    assert!(matches!(reversed, Err(PolicyError::Form)), "{reversed:?}");
}

#[test]
fn a_list_has_one_order_and_one_spelling() {
    assert!(changed(|_| {}).is_ok());
    let ops = |json: &mut serde_json::Value| json["ops"].as_array().expect("a list").clone();
    let twice = changed(|json| json["ops"] = [ops(json), ops(json)].concat().into());
    assert!(matches!(twice, Err(DecodeError::Unplaced(_))), "{twice:?}");
    let doubled = changed(|json| {
        let mut doubled = ops(json);
        doubled.insert(0, doubled[0].clone());
        json["ops"] = doubled.into();
    });
    assert!(matches!(doubled, Err(DecodeError::Unplaced(_))), "{doubled:?}");
    let reversed = changed(|json| json["ops"] = ops(json).into_iter().rev().collect());
    assert!(matches!(reversed, Err(DecodeError::Unplaced(_))), "{reversed:?}");
    let roster = changed(|json| {
        json["policy"]["roster"].as_array_mut().expect("a list").reverse();
    });
    let form = matches!(roster, Err(DecodeError::Policy(PolicyError::Form)));
    assert!(form, "{roster:?}");
    let zero = "0".repeat(64);
    let alien = changed(|json| json["tensors"][&zero] = "AAAA".into());
    assert!(matches!(alien, Err(DecodeError::Unneeded(_))), "{alien:?}");
    let needless = Digest::of_content(b"needless").to_string();
    let needless = changed(|json| json["tensors"][&needless] = "bmVlZGxlc3M=".into());
    assert!(matches!(needless, Err(DecodeError::Unneeded(_))), "{needless:?}");
}

#[test]
fn unknown_fields_are_refused_wherever_they_stand() {
    for path in ["", "/policy", "/policy/constants", "/ops/0", "/ops/0/op"] {
        let odd = changed(|json| json.pointer_mut(path).expect("there")["odd"] = 1.into());
        assert!(matches!(odd, Err(DecodeError::Json(_))), "{path}: {odd:?}");
    }
    let odd = changed(|json| json["ops"][0]["op"]["body"]["contribute"]["odd"] = 1.into());
    assert!(matches!(odd, Err(DecodeError::Json(_))), "{odd:?}");
}

#[test]
fn a_third_fork_in_a_file_has_no_place() {
    let mut forks = Vec::new();
    for i in 0..3_u8 {
        forks.extend(signed(&{
            let mut state = MergeState::new(policy(3));
            add(&mut state, &key(0), f32::from(i));
            state
        }));
    }
    forks.sort_by_key(espalier_replica::SignedOp::id);
    let mut json: serde_json::Value =
        serde_json::from_str(&small().to_json(Tensors::ByReference)).expect("JSON");
    json["ops"] = serde_json::to_value(&forks).expect("JSON");
    let read = MergeState::from_json(&json.to_string());
    assert!(matches!(read, Err(DecodeError::Unplaced(id)) if id == forks[2].id()), "{read:?}");
}

#[test]
fn reading_into_a_shared_arena_gives_the_same_state() {
    let state = small();
    let bytes = state.to_bytes(Tensors::ByReference);
    let read = MergeState::from_bytes_in(&bytes, state.arena().clone()).expect("our own");
    assert_eq!(look(&read), look(&state));
    assert!(read.resolve().is_ok(), "the tensors are in the arena");
    let alone = MergeState::from_bytes_in(&bytes, Arena::default()).expect("our own");
    assert!(alone.resolve().is_err());
}
