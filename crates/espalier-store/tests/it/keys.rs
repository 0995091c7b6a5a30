//! A key never signs one number twice, whatever happens to folders and processes.

use crate::{Place, copy, model};
use espalier_store::identity::PeerId;
use espalier_store::replica::{Draft, MergeState, Policy, PolicySpec};
use espalier_store::{Folder, KeyError, KeyFile};
use std::fs;
use std::path::Path;

fn add(folder: &Folder, key: &Path, value: f32) -> Result<MergeState, KeyError> {
    let mut key = KeyFile::open(key)?;
    let mut state = folder.load().expect("lists").state;
    let draft = Draft::new("mine", model(value));
    key.publish(folder, &mut state, |state, key| state.add(key, draft))?;
    Ok(state)
}

fn last(folder: &Folder, author: &PeerId) -> u64 {
    folder.load().expect("lists").state.last_seq(author)
}

#[test]
fn a_key_is_made_once_and_read_by_its_owner() {
    let place = Place::new();
    let file = place.at("ada.key");
    let public_key = KeyFile::create(&file).expect("makes");
    assert_eq!(KeyFile::public_key(&file).expect("reads"), public_key);
    assert!(matches!(KeyFile::create(&file), Err(KeyError::Exists(_))));
    assert_eq!(KeyFile::public_key(&file).expect("as before"), public_key);
    assert_ne!(KeyFile::create(place.at("bob.key")).expect("makes"), public_key);
    assert_eq!(fs::read_dir(place.0.path()).expect("lists").count(), 4);
    // What is left of a key that is gone is not taken over.
    fs::remove_file(place.at("bob.key")).expect("removes");
    assert!(matches!(KeyFile::create(place.at("bob.key")), Err(KeyError::RecordExists(_))));
    for text in ["", "x", &"0".repeat(63), &"A".repeat(64), &"0".repeat(1000), "\u{fffd}"] {
        fs::write(&file, text).expect("writes");
        assert!(matches!(KeyFile::public_key(&file), Err(KeyError::Malformed(_))), "{text}");
    }
    assert!(matches!(KeyFile::public_key(place.0.path()), Err(KeyError::Malformed(_))));
    assert!(matches!(KeyFile::public_key(place.at("nowhere")), Err(KeyError::Read { .. })));
}

#[test]
#[cfg(unix)]
fn a_key_that_others_can_read_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = Place::new();
    let file = place.at("ada.key");
    KeyFile::create(&file).expect("makes");
    let mode = |mode| fs::set_permissions(&file, fs::Permissions::from_mode(mode)).expect("sets");
    for wide in [0o644, 0o640, 0o604, 0o620, 0o601] {
        mode(wide);
        let refused = KeyFile::open(&file).expect_err("others may read it");
        assert!(refused.to_string().contains("run `chmod 600 "), "{refused}");
    }
    for narrow in [0o600, 0o400] {
        mode(narrow);
        KeyFile::open(&file).expect("its owner's alone");
    }
}

#[test]
fn an_older_folder_does_not_make_a_key_sign_again() {
    let place = Place::new();
    let (folder, key) = (place.begin("state"), place.at("ada.key"));
    let author = KeyFile::create(&key).expect("makes");
    add(&folder, &key, 1.0).expect("first");
    copy(folder.path(), &place.at("backup"));
    add(&folder, &key, 2.0).expect("second");
    let backup = Folder::open(place.at("backup")).expect("opens");
    let refused = add(&backup, &key, 3.0).expect_err("would be a second number 2");
    assert!(matches!(refused, KeyError::Behind { signed: 2, here: 1, .. }), "{refused}");
    assert_eq!(last(&backup, &author), 1);
    backup.take_from(&folder).expect("one policy");
    let state = add(&backup, &key, 3.0).expect("third");
    assert_eq!(state.last_seq(&author), 3);
    assert!(!state.evidence().convicts(&author));
    // A key that was copied without what it has signed does not sign at all.
    fs::copy(&key, place.at("copy.key")).expect("copies");
    assert!(matches!(add(&folder, &place.at("copy.key"), 4.0), Err(KeyError::NoRecord(_))));
    let bob = place.at("bob.key");
    KeyFile::create(&bob).expect("makes");
    fs::copy(place.at("bob.key.seq"), place.at("copy.key.seq")).expect("copies");
    assert!(matches!(add(&folder, &place.at("copy.key"), 4.0), Err(KeyError::Record { .. })));
    fs::write(place.at("copy.key.seq"), "{").expect("writes");
    assert!(matches!(add(&folder, &place.at("copy.key"), 4.0), Err(KeyError::Record { .. })));
    // With it, it knows.
    fs::copy(place.at("ada.key.seq"), place.at("copy.key.seq")).expect("copies");
    assert!(matches!(add(&folder, &place.at("copy.key"), 4.0), Err(KeyError::Behind { .. })));
}

#[test]
fn what_was_signed_and_did_not_arrive_is_handed_on_and_nothing_else() {
    let place = Place::new();
    let (folder, key) = (place.begin("state"), place.at("ada.key"));
    let author = KeyFile::create(&key).expect("makes");
    add(&folder, &key, 1.0).expect("first");
    copy(folder.path(), &place.at("before"));
    // The folder does not take the operation: the process might as well end here.
    let ops = folder.path().join("ops");
    fs::rename(&ops, place.at("ops")).expect("renames");
    fs::write(&ops, "in the way").expect("writes");
    let mut opened = KeyFile::open(&key).expect("opens");
    let before = Folder::open(place.at("before")).expect("opens");
    let mut state = before.load().expect("lists").state;
    let draft = Draft::new("mine", model(2.0));
    let failed = opened.publish(&folder, &mut state, |state, key| state.add(key, draft));
    assert!(matches!(failed, Err(KeyError::Store(_))), "{failed:?}");
    drop(opened);
    fs::remove_file(&ops).expect("removes");
    fs::rename(place.at("ops"), &ops).expect("renames");
    assert_eq!(last(&folder, &author), 1);
    let lost = state.ops().map(|op| op.id()).collect::<Vec<_>>();

    let state = add(&folder, &key, 3.0).expect("third");
    assert_eq!((state.last_seq(&author), last(&folder, &author)), (3, 3));
    assert!(!state.evidence().convicts(&author));
    let held: Vec<_> = state.ops().map(|op| op.id()).collect();
    assert!(lost.iter().all(|id| held.contains(id)));
    // It is done with, so it heals no other folder.
    assert!(matches!(add(&before, &key, 4.0), Err(KeyError::Behind { signed: 3, here: 1, .. })));
}

#[test]
fn a_refused_change_signs_nothing() {
    let place = Place::new();
    let (folder, key) = (place.begin("state"), place.at("ada.key"));
    let author = KeyFile::create(&key).expect("makes");
    add(&folder, &key, 1.0).expect("first");
    assert!(matches!(add(&folder, &key, f32::NAN), Err(KeyError::Change(_))));
    assert_eq!(last(&folder, &author), 1);
    add(&folder, &key, 2.0).expect("second");
    assert_eq!(last(&folder, &author), 2);
}

#[test]
fn each_state_has_its_numbers_and_processes_wait_for_each_other() {
    let place = Place::new();
    let (folder, key) = (place.begin("state"), place.at("ada.key"));
    let author = KeyFile::create(&key).expect("makes");
    let median = PolicySpec { strategy: "median".into(), ..PolicySpec::any_schema() };
    let median = Policy::new(median).expect("valid");
    let other = Folder::create(place.at("other"), median, None).expect("begins");
    assert!(!KeyFile::open(&key).expect("opens").signs_elsewhere(&folder));
    add(&folder, &key, 1.0).expect("first");
    add(&other, &key, 2.0).expect("first there");
    assert!(KeyFile::open(&key).expect("opens").signs_elsewhere(&folder));
    assert_eq!((last(&folder, &author), last(&other, &author)), (1, 1));
    std::thread::scope(|scope| {
        for value in 0..8_u8 {
            let (folder, key) = (&folder, &key);
            scope.spawn(move || add(folder, key, f32::from(value)).expect("in its turn"));
        }
    });
    let state = folder.load().expect("lists").state;
    assert_eq!(state.last_seq(&author), 9);
    assert!(!state.evidence().convicts(&author));
}
