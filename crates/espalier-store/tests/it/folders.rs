//! What goes into a folder comes out of it, whichever way it was copied.

use crate::{Place, add, copy, files, key, model, policy, write};
use espalier_store::replica::{Draft, MergeState, Policy, PolicySpec};
use espalier_store::tensor::{Content, Model};
use espalier_store::{FlawKind, Folder, Missing, StoreError, Taken};
use std::fs;

#[test]
fn a_state_comes_back_as_it_was() {
    let place = Place::new();
    let folder = place.begin("state");
    for (author, value) in [(1, 1.0), (2, 3.0), (3, 8.0), (1, 2.0)] {
        add(&folder, author, value);
    }
    let mut expected = MergeState::new(policy());
    for (author, value) in [(1, 1.0), (2, 3.0), (3, 8.0), (1, 2.0)] {
        expected.add(&key(author), Draft::new("mine", model(value))).expect("legal");
    }
    let loaded = Folder::open(place.at("state")).expect("opens").load().expect("lists");
    assert_eq!(loaded.state, expected);
    assert_eq!(loaded.state.bound_root(), expected.bound_root());
    assert!(loaded.waiting.is_empty() && loaded.flaws.is_empty());
    assert_eq!(folder.load_tensors(&loaded.state), []);
    assert_eq!(loaded.state.resolve().expect("all is here"), expected.resolve().expect("legal"));
    let audit = folder.verify().expect("lists");
    // The shared one once, and what was replaced is still there.
    assert!(audit.passes() && audit.tensors == 5, "{audit:?}");
}

#[test]
fn writing_the_same_again_changes_no_file() {
    let place = Place::new();
    let folder = place.begin("state");
    add(&folder, 1, 1.0);
    let times = || {
        let time = |file: &_| fs::metadata(file).expect("there").modified().expect("known");
        files(folder.path()).iter().map(time).collect::<Vec<_>>()
    };
    let before = times();
    for op in folder.ops().expect("lists").0 {
        assert!(!folder.put_op(&op).expect("fine"));
    }
    let content = Content::from(7.0_f32.to_le_bytes().to_vec());
    assert!(!folder.put_tensor(&content).expect("fine"));
    assert_eq!(times(), before);
    // Damaged in place, it is written again.
    let file = folder.path().join("tensors").join(content.digest().to_string());
    fs::write(&file, b"1234").expect("writes");
    assert!(folder.tensor(&content.digest(), 4).is_none());
    assert!(folder.put_tensor(&content).expect("writes"));
    assert_eq!(fs::read(&file).expect("reads"), content[..]);
}

#[test]
fn the_union_of_two_folders_is_the_merge_of_their_states() {
    let place = Place::new();
    let one = place.begin("one");
    add(&one, 1, 1.0);
    copy(one.path(), &place.at("two"));
    let two = Folder::open(place.at("two")).expect("opens");
    add(&one, 2, 2.0);
    add(&two, 3, 3.0);
    write(&two, |state| {
        let dot = state.live().next().expect("one of them").op().op().dot();
        let by = (1..4).map(key).find(|key| key.peer_id() == dot.actor).expect("one of ours");
        state.retract(&by, dot).expect("live");
    });
    let state = |folder: &Folder| folder.load().expect("lists").state;
    let mut union = state(&one);
    union.merge(&state(&two)).expect("one policy");

    copy(one.path(), &place.at("copied"));
    copy(two.path(), &place.at("copied"));
    let copied = Folder::open(place.at("copied")).expect("opens");
    assert_eq!(state(&copied), union);

    let taken = Taken { ops: 2, tensors: 1, ..Taken::default() };
    assert_eq!(one.take_from(&two).expect("one policy"), taken);
    assert_eq!(one.take_from(&two).expect("one policy"), Taken::default());
    two.take_from(&one).expect("one policy");
    for folder in [&one, &two, &copied] {
        let state = state(folder);
        assert_eq!(state.bound_root(), union.bound_root());
        assert_eq!(folder.load_tensors(&state), []);
    }
}

#[test]
fn what_is_taken_is_only_what_is_whole_and_needed() {
    let place = Place::new();
    let (one, two) = (place.begin("one"), place.begin("two"));
    add(&two, 1, 1.0);
    add(&two, 1, 2.0);
    add(&two, 2, 3.0);
    for file in files(&two.path().join("tensors")) {
        let bytes = fs::read(&file).expect("reads");
        if bytes.starts_with(&3.0_f32.to_le_bytes()) {
            fs::write(file, &bytes[..5]).expect("writes");
        }
    }
    fs::write(two.path().join("ops/rubbish"), b"x").expect("writes");
    fs::write(two.path().join(format!("ops/{}", "0".repeat(64))), b"x").expect("writes");
    // Of five tensors one was replaced, and one is half there.
    let taken = Taken { ops: 3, tensors: 2, lacking: 1, damaged: 1 };
    assert_eq!(one.take_from(&two).expect("one policy"), taken);
    let state = one.load().expect("lists").state;
    let missing = one.load_tensors(&state);
    assert!(matches!(missing[..], [Missing { op: Some(_), .. }]), "{missing:?}");
    // The rest arrives.
    add(&two, 3, 9.0);
    two.put_tensor(model(3.0).content(1)).expect("writes");
    let taken = Taken { ops: 1, tensors: 2, lacking: 0, damaged: 1 };
    assert_eq!(one.take_from(&two).expect("one policy"), taken);
    assert!(one.verify().expect("lists").passes());
}

#[test]
fn operations_wait_for_those_before_them() {
    let place = Place::new();
    let folder = place.begin("state");
    add(&folder, 1, 1.0);
    let before = folder.load().expect("lists").state;
    let first = files(&folder.path().join("ops"));
    add(&folder, 1, 2.0);
    add(&folder, 1, 3.0);
    let after = folder.load().expect("lists").state;
    let kept = fs::read(&first[0]).expect("reads");
    fs::remove_file(&first[0]).expect("removes");
    let loaded = folder.load().expect("lists");
    assert_eq!((loaded.state.op_count(), loaded.waiting.len()), (0, 2));
    assert!(!folder.verify().expect("lists").passes());
    fs::write(&first[0], kept).expect("writes");
    let loaded = folder.load().expect("lists");
    assert_eq!(loaded.state, after);
    assert_ne!(loaded.state, before);
}

#[test]
fn who_is_not_on_the_roster_is_passed_over() {
    let place = Place::new();
    let roster = vec![key(1).peer_id(), key(2).peer_id()];
    let closed = Policy::new(PolicySpec { roster, ..PolicySpec::any_schema() }).expect("valid");
    let folder = Folder::create(place.at("closed"), closed, None).expect("begins");
    let open = place.begin("open");
    add(&open, 1, 1.0);
    add(&open, 3, 3.0);
    copy(&open.path().join("ops"), &folder.path().join("ops"));
    copy(&open.path().join("tensors"), &folder.path().join("tensors"));
    let audit = folder.verify().expect("lists");
    assert!(audit.passes());
    assert_eq!((audit.loaded.state.op_count(), audit.loaded.waiting.len()), (1, 1));
}

#[test]
fn a_base_is_part_of_the_folder() {
    let place = Place::new();
    let base = model(0.5);
    let spec = PolicySpec {
        strategy: "task-arithmetic".into(),
        base: Some(base.root()),
        ..PolicySpec::for_model(&base)
    };
    let policy = Policy::new(spec).expect("valid");
    let absent = Folder::create(place.at("x"), policy.clone(), None);
    assert!(matches!(absent, Err(StoreError::NoBase)));
    let other = Folder::create(place.at("x"), policy.clone(), Some(&model(1.0)));
    assert!(matches!(other, Err(StoreError::OtherBase)));
    let folder = Folder::create(place.at("state"), policy.clone(), Some(&base)).expect("begins");
    let again = Folder::create(place.at("state"), policy, Some(&base));
    assert!(matches!(again, Err(StoreError::Taken(_))));
    add(&folder, 1, 1.0);
    let state = folder.load().expect("lists").state;
    assert_eq!(folder.load_tensors(&state), []);
    assert_eq!(state.resolve().expect("resolves").values_f32("w"), Some(vec![1.0, 1.0]));
    // Half a base is as good as none, and says so.
    let file = folder.path().join("base");
    let bytes = fs::read(&file).expect("reads");
    fs::write(&file, &bytes[..9]).expect("writes");
    let state = folder.load().expect("lists").state;
    assert_eq!(folder.load_tensors(&state), [Missing { content: base.root(), op: None }]);
    let audit = folder.verify().expect("lists");
    let damaged = audit.loaded.flaws.iter().filter(|f| matches!(f.kind, FlawKind::Damaged));
    assert_eq!(
        damaged.map(|flaw| flaw.file.as_path()).collect::<Vec<_>>(),
        [std::path::Path::new("base")]
    );
    assert!(!audit.passes());
}

#[test]
fn long_tensors_are_mapped_and_states_of_other_policies_stay_apart() {
    let place = Place::new();
    let folder = place.begin("state");
    let long = Model::from_f32(&[("w", &[100_000], &[0.25; 100_000])]).expect("fits");
    write(&folder, |state| {
        state.add(&key(1), Draft::new("long", long.clone())).expect("legal");
    });
    let state = folder.load().expect("lists").state;
    assert_eq!(folder.load_tensors(&state), []);
    assert_eq!(state.resolve().expect("resolves"), long);
    let median = PolicySpec { strategy: "median".into(), ..PolicySpec::any_schema() };
    let median = Policy::new(median).expect("valid");
    let other = Folder::create(place.at("other"), median, None).expect("begins");
    assert!(matches!(other.take_from(&folder), Err(StoreError::OtherPolicy { .. })));
    assert!(matches!(Folder::open(place.at("nowhere")), Err(StoreError::NotAState(_))));
}
