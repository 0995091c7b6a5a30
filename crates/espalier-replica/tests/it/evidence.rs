//! Evidence: precise, complete, verifiable from itself, and never taken back.

use crate::histories::{accuse_all, any_steps, honest, look, play};
use crate::{add, cases, contribution, key, model, policy, say};
use espalier_identity::{Digest, Signature, canonical};
use espalier_lattice::Dot;
use espalier_provenance::MerkleMap;
use espalier_replica::{
    Blob, Body, Bound, ChangeError, Envelope, Fault, FaultError, MergeState, SignedOp, Weight,
};
use espalier_tensor::{Content, Dtype, Model};
use espalier_trust::{Dimension, FaultKind, Q16, Record as _};
use proptest::prelude::*;
use std::collections::BTreeSet;

proptest! {
    #![proptest_config(cases(160))]

    #[test]
    fn honest_histories_gain_no_evidence(steps in honest(50)) {
        for node in play(&steps, true) {
            prop_assert!(node.state.evidence().keys().next().is_none());
        }
    }

    #[test]
    fn slander_convicts_the_slanderer_and_nobody_else(
        victims in prop::collection::vec(0..3_u8, 1..6), swap in any::<bool>()
    ) {
        let mut state = MergeState::new(policy(0));
        let ops: Vec<_> = (0..3).map(|i| add(&mut state, &key(i), 1.0)).collect();
        for victim in victims {
            let encoded = |i: u8| bytes(&ops[usize::from(i % 3)]);
            let [a, b] = [victim, victim + 1].map(encoded);
            let fault = match swap {
                true => Fault::Equivocation { first: a, second: b },
                false => Fault::IllegalField { op: a },
            };
            say(&mut state, &key(9), Body::Evidence(fault));
        }
        let verdicts: Vec<_> = state.evidence().keys().copied().collect();
        prop_assert_eq!(verdicts, [(key(9).peer_id(), FaultKind::Slander)]);
        prop_assert_eq!(state.visible().count(), 3);
    }

    #[test]
    fn every_record_verifies_and_the_convicted_are_not_heard(steps in any_steps(50)) {
        for node in play(&steps, true) {
            let state = &node.state;
            for record in state.evidence().iter() {
                let again = record.fault().verify().expect("a proof");
                prop_assert_eq!(again.accused(), record.accused());
                prop_assert_eq!(again.kind(), record.kind());
                prop_assert_eq!(again.digest(), record.digest());
            }
            let convicted = state.evidence().convicted();
            let heard: BTreeSet<_> = state.visible().map(|e| e.op().op().author).collect();
            prop_assert!(heard.is_disjoint(&convicted));
            let table = state.trust().expect("tensors are here");
            prop_assert!(convicted.iter().all(|peer| table[peer].is_isolated()));
        }
    }
}

fn bytes(op: &SignedOp) -> Blob {
    canonical::encode(op).into()
}

/// A state in which author `i` is guilty of E(i + 1), found by author 20.
pub(crate) fn guilty() -> MergeState {
    let mut state = MergeState::new(policy(0));
    let original = add(&mut state, &key(10), 7.0);
    let mut fork = state.clone();
    add(&mut state, &key(0), 1.0);
    add(&mut fork, &key(0), 2.0);
    state.merge(&fork).expect("one policy");
    let mut forged = original.clone();
    forged.signature = Signature::from_bytes([7; 64]);
    let (op, ids) = (bytes(&forged), [forged.id(), original.id()]);
    let map: MerkleMap = ids.iter().map(|id| (*id, Digest::ZERO)).collect();
    let envelope = Envelope::of_operations(&key(1), state.policy().hash(), ids.into_iter());
    let inclusion = map.prove(&forged.id()).expect("in there");
    let relayed = Fault::InvalidRelay { envelope, inclusion, op };
    add(&mut state, &key(2), f32::NAN);
    let mut illegal = contribution(&model(1.0, 1.0), 0, Vec::new());
    illegal.weight = Weight::from_raw(u64::MAX);
    say(&mut state, &key(3), Body::Contribute(illegal));
    add(&mut state, &key(4), 4.0);
    let mut broken = state.next_op(key(4).peer_id(), Body::Retract { targets: Vec::new() });
    broken.prev = Some(original.id());
    state.apply(vec![broken.sign(&key(4))]).expect("signed");
    let targets = vec![Dot::new(key(0).peer_id(), 1)];
    say(&mut state, &key(5), Body::Retract { targets });
    let Body::Contribute(model) = original.op.body.clone() else { panic!("a contribution") };
    let mut copy = state.next_op(key(6).peer_id(), Body::Contribute(model));
    copy.deps = vec![original.id()];
    let copy = copy.sign(&key(6));
    state.apply(vec![copy.clone()]).expect("signed");
    let copied = Fault::Copy { copy: bytes(&copy), path: vec![], original: bytes(&original) };
    let nothing = Fault::IllegalField { op: bytes(&original) };
    say(&mut state, &key(7), Body::Evidence(nothing));
    for value in [1, 2] {
        let (subject, dimension) = (key(10).peer_id(), Dimension::Accuracy);
        let (about, value) = (Digest::ZERO, Q16::from_raw(value));
        say(&mut state, &key(8), Body::Attest { subject, dimension, epoch: 3, about, value });
    }
    accuse_all(&key(20), &mut state);
    for fault in [relayed, copied] {
        state.accuse(&key(20), fault).expect("a proof");
    }
    state
}

#[test]
fn every_fault_is_found_and_nothing_else() {
    let found: BTreeSet<_> = guilty().evidence().keys().copied().collect();
    let expected = (0..).zip(FaultKind::ALL).map(|(i, kind)| (key(i).peer_id(), kind)).collect();
    assert_eq!(found, expected);
}

#[test]
fn records_explain_themselves_and_survive_json() {
    let state = guilty();
    let read: Vec<Fault> = serde_json::from_str(&state.evidence_json()).expect("our own");
    assert_eq!(read.len(), FaultKind::ALL.len());
    for (fault, record) in read.iter().zip(state.evidence().iter()) {
        assert_eq!(fault, record.fault());
        let explanation = fault.explain().expect("a proof");
        assert_eq!((explanation.accused, explanation.kind), (record.accused(), record.kind()));
        assert!(explanation.facts.len() >= 2, "{explanation}");
        let whole = explanation.facts.iter().all(|fact| !fact.is_empty() && !fact.ends_with(' '));
        assert!(whole, "{explanation}");
    }
    let op = bytes(state.ops().next().expect("some").signed());
    assert_eq!(Fault::IllegalField { op }.explain(), Err(FaultError::NoFault));
}

#[test]
fn a_record_with_any_bit_changed_is_refused() {
    for record in guilty().evidence().iter() {
        let bytes = canonical::encode(record.fault());
        assert_eq!(canonical::decode::<Fault>(&bytes).as_ref(), Ok(record.fault()));
        for at in 0..bytes.len() {
            let mut wrong = bytes.clone();
            wrong[at] ^= 1 << (at % 8);
            if let Ok(fault) = canonical::decode::<Fault>(&wrong) {
                assert!(fault.verify().is_err(), "{:?}: byte {at}", record.kind());
            }
        }
        for len in 0..bytes.len() {
            assert!(canonical::decode::<Fault>(&bytes[..len]).is_err());
        }
    }
}

#[test]
fn one_fault_is_published_once_and_nothing_else_is() {
    let mut state = guilty();
    let before = look(&state);
    accuse_all(&key(6), &mut state);
    assert_eq!(look(&state), before);
    let op = bytes(state.ops().next().expect("some").signed());
    let nothing = Fault::Equivocation { first: op.clone(), second: op };
    assert!(matches!(state.accuse(&key(6), nothing), Err(ChangeError::NoFault(_))));
    assert_eq!(look(&state), before);
}

#[test]
fn records_inside_records_are_bytes_and_are_not_followed() {
    let mut op = canonical::encode(&add(&mut MergeState::new(policy(0)), &key(0), 1.0));
    let (mut state, eve) = (MergeState::new(policy(0)), key(1));
    for depth in 0..2000 {
        let body = Body::Evidence(Fault::IllegalField { op: op.into() });
        let nested: SignedOp = state.next_op(eve.peer_id(), body).sign(&eve);
        op = canonical::encode(&nested);
        if depth % 200 == 0 {
            let read = SignedOp::from_bytes(&op).expect("canonical");
            state.apply(vec![read]).expect("signed");
        }
    }
    let verdicts: Vec<_> = state.evidence().keys().map(|(_, kind)| *kind).collect();
    assert_eq!(verdicts, [FaultKind::Slander]);
    assert!(Fault::IllegalField { op: op.into() }.verify().is_err());
}

#[test]
fn illegal_fields_convict_and_have_no_effect() {
    let honest = contribution(&model(1.0, 1.0), 0, Vec::new());
    let dots = vec![Dot::new(key(0).peer_id(), 1); 1025];
    let bodies = [
        Body::Contribute(espalier_replica::Contribution {
            round: espalier_replica::legal::MAX_ROUND + 1,
            ..honest.clone()
        }),
        Body::Contribute(espalier_replica::Contribution {
            name: "x".repeat(257),
            ..honest.clone()
        }),
        Body::Contribute(espalier_replica::Contribution {
            bound: Bound::from_bits(f32::INFINITY.to_bits()),
            ..honest.clone()
        }),
        Body::Contribute(espalier_replica::Contribution { replaces: dots.clone(), ..honest }),
        Body::Retract { targets: dots },
        Body::Attest {
            subject: key(1).peer_id(),
            dimension: Dimension::Accuracy,
            epoch: 1,
            about: Digest::ZERO,
            value: Q16::from_raw((1 << 16) + 1),
        },
    ];
    for body in bodies {
        let mut state = MergeState::new(policy(0));
        say(&mut state, &key(0), body);
        let verdicts: Vec<_> = state.evidence().keys().copied().collect();
        assert_eq!(verdicts, [(key(0).peer_id(), FaultKind::IllegalField)]);
        assert_eq!((state.visible().count(), state.tombstones()), (0, 0));
        assert!(state.attestations().is_empty());
    }
}

#[test]
fn nobody_escapes_a_record_by_signing_more_than_fits_into_one() {
    // Names as long as allowed, as many as fit into one operation.
    let content = Content::from([0, 0, 192, 127].repeat(2048));
    let tensor = |i: usize| (format!("{i:0>500}"), Dtype::F32, vec![2048], content.clone());
    let fits = |n: usize| {
        let model = Model::from_contents((0..n).map(tensor).collect()).expect("legal");
        let mut state = MergeState::new(policy(0));
        let body = Body::Contribute(contribution(&model, 0, Vec::new()));
        let op = state.next_op(key(0).peer_id(), body).sign(&key(0));
        state.arena().put_model(model);
        state.apply(vec![op]).map(|_| state)
    };
    let (mut least, mut most) = (7000, 8000);
    while most - least > 1 {
        let middle = (least + most) / 2;
        if fits(middle).is_ok() { least = middle } else { most = middle }
    }
    let mut state = fits(least).expect("fits");
    accuse_all(&key(1), &mut state);
    assert!(state.evidence().has(&key(0).peer_id(), FaultKind::NonFinite));
}

/// Regression: a node whose training diverged signed its NaN and convicted itself.
#[test]
fn no_honest_author_convicts_itself_by_training_that_diverges() {
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut state = MergeState::new(policy(0));
        let refused = state.add(&key(0), espalier_replica::Draft::new("diverged", model(bad, 0.0)));
        assert!(matches!(refused, Err(ChangeError::Magnitude { .. })), "{bad}");
        assert_eq!(state.op_count(), 0);
    }
}
