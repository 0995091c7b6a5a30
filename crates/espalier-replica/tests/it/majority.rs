//! What counts is what a majority of the roster has: no minority decides by being early which
//! layout or which integers are merged, nor who is isolated for having others.

use crate::{cases, contribution, counted, key, policy, say};
use espalier_replica::{
    Body, Draft, Incomparable, MergeState, Policy, PolicySpec, ResolutionError, Tensors,
};
use espalier_tensor::Model;
use proptest::prelude::*;

const NOBODY: [u8; 0] = [];

/// A model of another layout for each name.
fn shaped(name: &str, x: f32) -> Model {
    Model::from_f32(&[(name, &[2], &[x, 1.0])]).expect("legal")
}

fn contribute(state: &mut MergeState, i: u8, model: Model) {
    state.add(&key(i), Draft::new("model", model)).expect("legal");
}

fn isolated(state: &MergeState) -> Vec<u8> {
    let trust = state.trust().expect("tensors are here");
    let is = |i: &u8| trust.get(&key(*i).peer_id()).is_some_and(|trust| trust.is_isolated());
    (0..20).filter(is).collect()
}

/// Why nothing is merged.
fn reason(state: &MergeState) -> Incomparable {
    let Err(ResolutionError::Incomparable(reason)) = state.resolve() else {
        panic!("{:?}", state.resolve())
    };
    assert_eq!(state.incomparable().as_ref(), Some(&reason));
    reason
}

#[test]
fn liars_of_another_shape_take_nothing_before_a_majority_is_there() {
    for liars in 1..5 {
        let mut state = MergeState::new(policy(10));
        (0..3).for_each(|i| contribute(&mut state, i, shaped("w", f32::from(i))));
        // Some of these names have a lesser schema than `w`, some a greater one.
        for i in 0..liars {
            contribute(&mut state, 9 - i, shaped("v", f32::from(i)));
        }
        assert_eq!(isolated(&state), NOBODY);
        let Incomparable::Layouts { mut counts, needed, mismatch, schemas } = reason(&state) else {
            panic!("layouts")
        };
        counts.sort_unstable();
        let mut expected = [3, usize::from(liars)];
        expected.sort_unstable();
        assert_eq!((counts, needed, mismatch.tensor.as_str()), (expected, 6, "v"));
        assert!(schemas.contains(&shaped("w", 0.0).manifest.schema()));
        // The majority comes, and decides.
        (3..5).for_each(|i| contribute(&mut state, i, shaped("w", f32::from(i))));
        reason(&state);
        contribute(&mut state, 5, shaped("w", 5.0));
        assert_eq!(isolated(&state), (10 - liars..10).collect::<Vec<_>>());
        assert_eq!(state.incomparable(), None);
        assert!(state.resolve().expect("a majority").values_f32("w").is_some());
    }
}

#[test]
fn no_name_decides_a_tie() {
    for name in 0..40 {
        let mut state = MergeState::new(policy(10));
        (0..3).for_each(|i| contribute(&mut state, i, shaped("w", f32::from(i))));
        let ground = format!("v{name}");
        (7..10).for_each(|i| contribute(&mut state, i, shaped(&ground, f32::from(i))));
        assert_eq!(isolated(&state), NOBODY);
        assert!(matches!(reason(&state), Incomparable::Layouts { counts: [3, 3], .. }));
    }
}

#[test]
fn nor_do_integers_of_a_minority_where_the_policy_names_a_schema() {
    let roster = (0..10).map(|i| key(i).peer_id()).collect();
    let spec = PolicySpec { roster, ..PolicySpec::for_model(&counted(0.0, 0)) };
    let mut state = MergeState::new(Policy::new(spec).expect("legal"));
    (0..3).for_each(|i| contribute(&mut state, i, counted(f32::from(i), 5)));
    assert!(state.resolve().is_ok(), "those who are here agree");
    (6..10).for_each(|i| contribute(&mut state, i, counted(f32::from(i), 6)));
    assert_eq!(isolated(&state), NOBODY);
    let differ = Incomparable::Integers { tensor: "n".into(), counts: [4, 3], needed: 6 };
    assert_eq!(reason(&state), differ);
    assert!(differ.to_string().contains("tensor `n`"));
    // Another layout than the policy's is nobody's but its author's mistake.
    let odd = Body::Contribute(contribution(&shaped("odd", 1.0), 0, Vec::new()));
    state.arena().put_model(shaped("odd", 1.0));
    say(&mut state, &key(3), odd);
    assert_eq!(isolated(&state), [3]);
    assert_eq!(reason(&state), differ);
    (3..6).for_each(|i| contribute(&mut state, i, counted(f32::from(i), 5)));
    assert_eq!(isolated(&state), [6, 7, 8, 9]);
    let merged = state.resolve().expect("a majority");
    assert_eq!(merged.content(merged.manifest.position("n").expect("there"))[..], [5; 8]);
}

#[test]
fn a_majority_of_those_present_is_none_of_the_roster() {
    // Five of ten are here, four of them alike: one more could make it five to five.
    let mut state = MergeState::new(policy(10));
    (0..4).for_each(|i| contribute(&mut state, i, shaped("w", f32::from(i))));
    contribute(&mut state, 4, shaped("v", 0.0));
    assert!(matches!(reason(&state), Incomparable::Layouts { counts: [4, 1], needed: 6, .. }));
    assert_eq!(isolated(&state), NOBODY);
}

proptest! {
    #![proptest_config(cases(48))]

    /// Whatever they contribute and in whichever order it is heard: one outcome, and nobody is
    /// isolated for a layout or integers but by a majority of the roster that has others.
    #[test]
    fn only_a_majority_of_the_roster_isolates(
        n in 3..10_u8,
        chosen in prop::collection::vec(prop::option::of(0..3_u8), 10),
        integers: bool,
        schema: bool,
    ) {
        let made = |i: u8, kind: u8| match integers {
            true => counted(f32::from(i) / 8.0, kind),
            false => shaped(["u", "v", "w"][usize::from(kind)], f32::from(i) / 8.0),
        };
        let roster: Vec<_> = (0..n).map(|i| key(i).peer_id()).collect();
        let spec = match integers && schema {
            true => PolicySpec::for_model(&made(0, 0)),
            false => PolicySpec::any_schema(),
        };
        let policy = Policy::new(PolicySpec { roster, ..spec }).expect("legal");
        let mut states = Vec::new();
        for i in 0..n {
            if let Some(kind) = chosen[usize::from(i)] {
                let mut state = MergeState::new(policy.clone());
                contribute(&mut state, i, made(i, kind));
                states.push(state);
            }
        }
        let join = |states: &mut dyn Iterator<Item = &MergeState>| {
            let mut all = MergeState::new(policy.clone());
            states.for_each(|state| { all.merge(state).expect("one policy"); });
            all
        };
        let (there, back) = (join(&mut states.iter()), join(&mut states.iter().rev()));
        let read = MergeState::from_bytes(&there.to_bytes(Tensors::Inline)).expect("its own");
        for other in [&back, &read] {
            prop_assert_eq!(other.trust().expect("here"), there.trust().expect("here"));
            let outcome = |state: &MergeState| state.resolve().map(|m| m.root());
            let (ours, theirs) = (outcome(&there), outcome(other));
            prop_assert_eq!(format!("{ours:?}"), format!("{theirs:?}"));
        }
        let mut count = [0; 3];
        chosen[..usize::from(n)].iter().flatten().for_each(|kind| count[usize::from(*kind)] += 1);
        let needed = usize::from(n) / 2 + 1;
        let winner = (0..3).find(|kind| count[*kind] >= needed);
        let expected: Vec<u8> = (0..n).filter(|i| {
            let kind = chosen[usize::from(*i)].map(usize::from);
            winner.is_some_and(|winner| kind.is_some_and(|kind| kind != winner))
        }).collect();
        let agreed = count.iter().filter(|count| **count > 0).count() <= 1;
        prop_assert_eq!(there.incomparable().is_some(), winner.is_none() && !agreed);
        let others = isolated(&there);
        match winner {
            // Distances may isolate others of the majority.
            Some(_) => prop_assert!(expected.iter().all(|i| others.contains(i))),
            None => prop_assert_eq!(others, NOBODY),
        }
    }
}

#[test]
fn integers_that_are_merged_need_not_agree() {
    for buffers in ["mean", "base"] {
        let base = counted(0.0, 3);
        let roster = (0..10).map(|i| key(i).peer_id()).collect();
        let parameters = [("buffers".to_owned(), buffers.to_owned())].into();
        let spec = PolicySpec::for_model(&base);
        let spec = PolicySpec { roster, parameters, base: Some(base.root()), ..spec };
        let mut state = MergeState::new(Policy::new(spec).expect("legal"));
        state.arena().put_model(base);
        (0..7).for_each(|i| contribute(&mut state, i, counted(f32::from(i), 4 + i / 4)));
        assert_eq!((isolated(&state), state.incomparable()), (vec![], None), "{buffers}");
        assert!(state.resolve().is_ok(), "{buffers}: {:?}", state.resolve());
    }
}
