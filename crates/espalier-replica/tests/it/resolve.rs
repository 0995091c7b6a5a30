//! Trust and the merged model: the same everywhere, and no single author can spoil them.

use crate::{add, contribution, counted, key, model, policy, say, signed};
use espalier_identity::Digest;
use espalier_replica::{
    Arena, Body, Bound, Draft, Incomparable, MergeState, Policy, PolicySpec, ResolutionError,
    SignedOp, Tensors, Weight,
};
use espalier_tensor::{Dtype, Manifest, Model, TensorError, TensorMeta};
use espalier_trust::{FaultKind, Judgement};

/// Five honest authors near each other.
fn honest() -> MergeState {
    let mut state = MergeState::new(policy(0));
    for (i, x) in [1.0, 1.25, 0.75, 1.5, 0.5].into_iter().enumerate() {
        add(&mut state, &key(i as u8), x);
    }
    state
}

fn isolated(state: &MergeState, i: u8) -> bool {
    state.trust().expect("tensors are here")[&key(i).peer_id()].is_isolated()
}

fn root(state: &MergeState) -> Digest {
    state.resolve().expect("resolves").root()
}

#[test]
fn a_far_outlier_is_isolated_and_does_not_change_the_model() {
    let mut state = MergeState::new(policy(0));
    // Models of a size at which distances say something.
    let wide = |state: &mut MergeState, i: u8, x: f32| {
        let model = Model::from_f32(&[("w", &[64], &[x; 64])]).expect("legal");
        state.add(&key(i), Draft::new("model", model)).expect("legal");
    };
    for (i, x) in [1.0, 1.25, 0.75, 1.5, 0.5].into_iter().enumerate() {
        wide(&mut state, i as u8, x);
    }
    let before = root(&state);
    wide(&mut state, 9, 1e6);
    assert_eq!(state.trust().expect("here").judgement(), Judgement::Judged);
    assert!(isolated(&state, 9));
    assert!((0..5).all(|i| !isolated(&state, i)));
    assert_eq!(root(&state), before);
}

#[test]
fn where_distances_say_nothing_nobody_is_isolated_for_them() {
    let mut state = honest();
    add(&mut state, &key(9), 1e6);
    let table = state.trust().expect("here");
    assert_eq!(table.judgement(), Judgement::FewElements { elements: 2 });
    assert_eq!(table.isolated().count(), 0);
}

#[test]
fn values_that_are_not_finite_never_reach_the_model() {
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut state = honest();
        let before = root(&state);
        add(&mut state, &key(9), bad);
        assert!(isolated(&state, 9));
        assert_eq!(root(&state), before);
    }
    // Even where there is no majority to disagree with.
    let mut two = MergeState::new(policy(0));
    add(&mut two, &key(0), 1.0);
    add(&mut two, &key(1), f32::NAN);
    assert_eq!(two.resolve().expect("resolves").values_f32("w"), Some(vec![1.0, -1.0]));
}

#[test]
fn bytes_that_are_a_number_as_one_type_and_none_as_another_are_judged_apart() {
    // 0x7f80 is infinity in bf16; twice that is a fine f32 pair's worth of bytes.
    let bytes = vec![0x80, 0x7f, 0x00, 0x3f];
    let typed = |dtype, shape| {
        Model::from_tensors(vec![("w".into(), dtype, shape, bytes.clone())]).expect("legal")
    };
    let (wide, narrow) = (typed(Dtype::F32, vec![1]), typed(Dtype::Bf16, vec![2]));
    for order in [[&wide, &narrow], [&narrow, &wide]] {
        let arena = Arena::default();
        let found = order.map(|model| arena.first_beyond(model, Bound::MAX).is_some());
        assert_eq!(found, order.map(|model| model.meta(0).dtype == Dtype::Bf16));
    }
}

#[test]
fn a_contribution_whose_content_has_another_size_is_left_out() {
    let mut state = honest();
    let before = root(&state);
    let content = state.arena().store().put(vec![0; 12].into());
    let meta = TensorMeta { name: "w".into(), dtype: Dtype::F32, shape: vec![2], content };
    let manifest = Manifest::new(vec![meta]).expect("well formed");
    let lie =
        espalier_replica::Contribution { manifest, ..contribution(&model(0.0, 0.0), 0, vec![]) };
    say(&mut state, &key(9), Body::Contribute(lie));
    assert!(isolated(&state, 9));
    assert_eq!(root(&state), before);
}

#[test]
fn other_schemas_are_left_out_and_break_nothing() {
    let mut state = honest();
    let before = root(&state);
    let other = Model::from_f32(&[("v", &[3], &[1.0, 2.0, 3.0])]).expect("legal");
    state.add(&key(8), Draft::new("other", other)).expect("any schema is allowed");
    state.add(&key(9), Draft::new("none", Model::from_f32(&[]).expect("legal"))).expect("legal");
    assert!(isolated(&state, 8) && isolated(&state, 9));
    assert_eq!(root(&state), before);
    let schema = Some(model(0.0, 0.0).manifest.schema());
    let strict = Policy::new(PolicySpec { schema, ..PolicySpec::any_schema() }).expect("legal");
    let mut state = state.with_policy(strict);
    assert_eq!(state.resolve().expect("resolves").values_f32("w"), Some(vec![1.0, -1.0]));
    let other = Model::from_f32(&[("v", &[1], &[1.0])]).expect("legal");
    assert!(state.add(&key(8), Draft::new("other", other)).is_err());
}

fn tensors(op: &SignedOp) -> Option<&[TensorMeta]> {
    match &op.op.body {
        Body::Contribute(c) => Some(c.manifest.tensors()),
        _ => None,
    }
}

#[test]
fn a_minority_with_other_integers_is_left_out() {
    let mut state = MergeState::new(policy(0));
    for i in 0..5 {
        let draft = Draft::new("counted", counted(1.0 + f32::from(i) / 8.0, 7));
        state.add(&key(i), draft).expect("legal");
    }
    let before = root(&state);
    state.add(&key(9), Draft::new("odd", counted(1.0, 8))).expect("legal");
    assert!(isolated(&state, 9));
    assert_eq!(root(&state), before);
}

#[test]
fn integers_without_a_majority_are_a_typed_error() {
    let mut state = MergeState::new(policy(0));
    for i in 0..3 {
        state.add(&key(i), Draft::new("counted", counted(1.0, i))).expect("legal");
    }
    let resolved = state.resolve();
    let reason = Incomparable::Integers { tensor: "n".into(), counts: [1, 1], needed: 2 };
    assert!(
        matches!(&resolved, Err(ResolutionError::Incomparable(r)) if *r == reason),
        "{resolved:?}"
    );
    assert!((0..3).all(|i| !isolated(&state, i)));
    let whole = |state: &mut MergeState, i| {
        let tensor = ("n".to_owned(), Dtype::I64, vec![1], vec![1; 8]);
        let model = Model::from_tensors(vec![tensor]).expect("legal");
        state.add(&key(i), Draft::new("no floats", model)).expect("legal");
    };
    // Each came upon the same, and none had heard of the others.
    let mut states = [(); 3].map(|()| state.clone());
    states.iter_mut().zip(0..).for_each(|(state, i)| whole(state, i));
    states.iter().for_each(|other| {
        state.merge(other).expect("one policy");
    });
    assert_eq!(state.visible().count(), 3);
    assert!(state.resolve().is_ok());
}

/// What a weight means: an ordinary voice adds its whole difference, whatever unit weights have.
#[test]
fn differences_are_averaged_or_added_up_as_asked() {
    let merged = |normalize: Option<&str>, weights: [f64; 3]| {
        let parameters = normalize.map(|value| ("normalize".to_owned(), value.to_owned()));
        let mut state = MergeState::new(policy(0));
        let base = state.arena().put_model(model(1.0, 1.0)).root();
        let spec = PolicySpec {
            strategy: "task-arithmetic".into(),
            parameters: parameters.into_iter().collect(),
            base: Some(base),
            ..policy(0).spec().clone()
        };
        state = MergeState::with_arena(Policy::new(spec).expect("legal"), state.arena().clone());
        for (i, weight) in (0..3).zip(weights) {
            let draft = Draft::new("tuned", model(1.5, f32::from(i) / 2.0));
            state.add(&key(i), draft.weight(weight)).expect("legal");
        }
        let resolution = state.resolution().expect("resolves");
        let (factors, base) = resolution.coefficients().expect("affine");
        assert!((factors.iter().sum::<f64>() + base - 1.0).abs() < 1e-12);
        resolution.model().expect("finite").values_f32("w").expect("present")[0]
    };
    for unit in [1.0, 60_000.0] {
        let equal = [unit; 3];
        assert_eq!(merged(None, equal), 1.5, "the mean is the default");
        assert_eq!(merged(Some("true"), equal), 1.5);
        assert_eq!(merged(Some("false"), equal), 2.5, "1 + 3 × 0.5");
        // The heaviest counts twice, at most.
        assert_eq!(merged(Some("false"), [unit, unit, 9.0 * unit]), 3.0, "1 + 4 × 0.5");
        assert_eq!(merged(Some("true"), [unit, unit, 9.0 * unit]), 1.5);
    }
}

#[test]
fn a_weight_counts_at_most_twice_the_median() {
    let weigh = |weight: f64| {
        let mut state = MergeState::new(policy(0));
        for i in 0..5 {
            add(&mut state, &key(i), 1.0 + f32::from(i) / 4.0);
        }
        let draft = Draft::new("heavy", model(1.5, -1.5)).weight(weight);
        state.add(&key(2), draft).expect("legal");
        let resolution = state.resolution().expect("resolves");
        let voices = resolution.voices().iter();
        let heavy = voices.clone().find(|voice| voice.author == key(2).peer_id());
        let heavy = heavy.expect("heard").weight;
        (heavy / voices.map(|voice| voice.weight).fold(0.0, f64::max), heavy, root(&state))
    };
    let (twice, thousand) = (weigh(2.0), weigh(1000.0));
    assert_eq!(twice, thousand);
    assert!(thousand.1 <= 2.0 && weigh(1.0).1 <= 1.0);
    let illegal = [f64::NAN, 0.0, -1.0, f64::INFINITY, 1e30];
    for weight in illegal {
        let draft = Draft::new("w", model(1.0, 1.0)).weight(weight);
        assert!(honest().add(&key(0), draft).is_err(), "{weight}");
    }
    assert!(Weight::new(0.5).is_some_and(Weight::is_legal));
}

#[test]
fn rounds_far_ahead_are_not_visible_and_come_back_when_their_time_comes() {
    let mut state = honest();
    let draft = |i: u8, round| Draft {
        round,
        ..Draft::new("model", model(1.0, f32::from(i) / 64.0 - 1.0))
    };
    state.add(&key(9), draft(9, 1_000_000)).expect("legal");
    assert_eq!(state.visible().count(), 5);
    for i in 0..5 {
        state.add(&key(i), draft(i, 999_999)).expect("legal");
    }
    assert_eq!(state.visible().count(), 6);
    let rebuilt = state.with_policy(state.policy().clone());
    assert_eq!(rebuilt.bound_root(), state.bound_root());
}

#[test]
fn missing_tensors_and_an_empty_state_are_typed_errors() {
    let empty = MergeState::new(policy(0)).resolve();
    assert!(matches!(empty, Err(ResolutionError::Nothing { visible: 0, .. })), "{empty:?}");
    let state = honest();
    let bytes = state.to_bytes(Tensors::ByReference);
    let bare = MergeState::from_bytes(&bytes).expect("our own");
    let missing = bare.resolve();
    let source = |error: &ResolutionError| {
        matches!(error, ResolutionError::Tensor { source: TensorError::Missing { .. }, .. })
    };
    assert!(missing.as_ref().is_err_and(source), "{missing:?}");
    state.visible().for_each(|entry| {
        let manifest = &entry.op().contribution().expect("visible").manifest;
        let content = state.arena().store().get(&manifest.tensors()[0].content);
        bare.arena().store().put(content.expect("ours"));
    });
    assert_eq!(root(&bare), root(&state), "an error is not remembered");
}

#[test]
fn every_replica_resolves_to_the_same_bits() {
    let mut state = honest();
    add(&mut state, &key(9), 50.0);
    let mut twin = MergeState::new(policy(0));
    add(&mut twin, &key(8), 1.25);
    state.merge(&twin).expect("one policy");
    let mut ops = signed(&state);
    for turn in 0..ops.len() {
        ops.rotate_left(1);
        let arena = if turn % 2 == 0 { Arena::default() } else { state.arena().clone() };
        let mut other = MergeState::with_arena(policy(0), arena);
        for op in &ops {
            other.apply(vec![op.clone()]).expect("first operations only");
        }
        let mut merged = MergeState::new(policy(0));
        merged.merge(&state).expect("one policy");
        other.merge(&merged).expect("one policy");
        for op in state.ops().filter_map(|op| op.contribution()) {
            for meta in op.manifest.tensors() {
                let content = state.arena().store().get(&meta.content);
                other.arena().store().put(content.expect("ours"));
            }
        }
        assert_eq!(root(&other), root(&state));
        assert_eq!(*other.trust().expect("here"), *state.trust().expect("here"));
        let order = |state: &MergeState| {
            let resolution = state.resolution().expect("resolves");
            resolution.voices().iter().map(|v| (v.root, v.author)).collect::<Vec<_>>()
        };
        assert_eq!(order(&other), order(&state));
    }
}

#[test]
fn looking_at_every_step_gives_the_same_trust_as_looking_once() {
    let mut dice = crate::Dice(7);
    let mut random = |spread: f32| {
        let value = |_| (dice.draw() >> 40) as f32 / (1 << 24) as f32 * spread;
        let values: Vec<f32> = (0..5000).map(value).collect();
        Model::from_f32(&[("w", &[5000], &values)]).expect("legal")
    };
    let mut origin = MergeState::new(policy(9));
    for round in 0..3 {
        for i in 0..9 {
            let model = random(if i == 8 { 2.0 } else { 1.0 });
            let draft = Draft { round, ..Draft::new("model", model) };
            origin.add(&key(i), draft).expect("legal");
        }
    }
    let all = signed(&origin);
    let resolve = |ops: &mut dyn Iterator<Item = SignedOp>, look: bool| {
        let mut state = MergeState::new(policy(9));
        for meta in all.iter().filter_map(tensors).flatten() {
            let content = origin.arena().store().get(&meta.content);
            state.arena().store().put(content.expect("its own"));
        }
        for op in ops {
            state.apply(vec![op]).expect("in order");
            if look {
                state.trust().expect("here");
            }
        }
        (state.trust().expect("here"), root(&state))
    };
    let once = resolve(&mut all.iter().cloned(), false);
    assert_eq!(resolve(&mut all.iter().cloned(), true), once);
    let by_round = (0..3).flat_map(|round| all.iter().skip(round).step_by(3).rev());
    assert_eq!(resolve(&mut by_round.cloned(), true), once);
}

#[test]
fn two_authors_may_contribute_the_same_content() {
    let alone = |i| {
        let mut state = MergeState::new(policy(0));
        add(&mut state, &key(i), 2.0);
        state
    };
    let mut state = alone(0);
    (1..4).for_each(|i| {
        state.merge(&alone(i)).expect("one policy");
    });
    assert_eq!(state.visible().count(), 4);
    assert_eq!(state.resolve().expect("resolves").values_f32("w"), Some(vec![2.0, -2.0]));
}

#[test]
fn the_state_hash_tells_federations_of_different_size_apart() {
    // Both see one contribution; that there are more authors changes what a majority is.
    let (mut small, mut large) = (MergeState::new(policy(0)), MergeState::new(policy(0)));
    let op = add(&mut small, &key(0), 1.0);
    large.apply(vec![op]).expect("signed");
    assert_eq!(small.state_hash(), large.state_hash());
    let nothing = Body::Retract { targets: Vec::new() };
    say(&mut large, &key(1), nothing);
    assert_ne!(small.state_hash(), large.state_hash());
}

#[test]
fn the_convicted_lose_their_voice_and_their_measurements() {
    use espalier_trust::{Dimension, Q16};
    let mut state = honest();
    for i in 1..4 {
        state.attest(&key(i), key(0).peer_id(), Dimension::Accuracy, Q16::ZERO).expect("legal");
    }
    assert!(isolated(&state, 0), "a majority measured harm");
    let before = state.state_hash();
    let mut illegal = contribution(&model(1.0, 1.0), 0, Vec::new());
    illegal.weight = Weight::from_raw(0);
    say(&mut state, &key(1), Body::Contribute(illegal));
    assert!(state.evidence().has(&key(1).peer_id(), FaultKind::IllegalField));
    assert!(!isolated(&state, 0) && isolated(&state, 1));
    assert_ne!(state.state_hash(), before);
}
