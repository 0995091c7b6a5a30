//! Whatever stands in a folder, it loads as the state of what is whole.

use crate::{Place, add, copy, files, key, write};
use espalier_store::replica::{MergeState, VerifiedOp};
use espalier_store::{FlawKind, Folder, StoreError};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What happens to a file on its way.
#[derive(Debug, Clone)]
enum Harm {
    None,
    Lost,
    Cut(usize),
    Flipped(usize),
    Longer,
    Renamed,
    SwappedWith(usize),
}

fn harm() -> impl Strategy<Value = Harm> {
    prop_oneof![
        6 => Just(Harm::None),
        1 => Just(Harm::Lost),
        1 => any::<usize>().prop_map(Harm::Cut),
        1 => any::<usize>().prop_map(Harm::Flipped),
        1 => Just(Harm::Longer),
        1 => Just(Harm::Renamed),
        1 => any::<usize>().prop_map(Harm::SwappedWith),
    ]
}

/// A folder in which three authors said eight things.
fn rich(place: &Place) -> Folder {
    let folder = place.begin("rich");
    for (author, value) in [(1, 1.0), (2, 2.0), (3, 3.0), (1, 4.0), (2, 5.0), (1, 6.0), (3, 7.0)] {
        add(&folder, author, value);
    }
    write(&folder, |state| {
        let dot = state.live().next().expect("some").op().op().dot();
        let by = (1..4).map(key).find(|key| key.peer_id() == dot.actor).expect("one of ours");
        state.retract(&by, dot).expect("live");
    });
    folder
}

/// Does harm to a file in a folder.
fn hurt(folder: &Path, file: &Path, harm: &Harm, others: &[PathBuf]) {
    let path = folder.join(file);
    let Ok(mut bytes) = fs::read(&path) else { return };
    match harm {
        Harm::None => {}
        Harm::Lost => fs::remove_file(path).expect("removes"),
        Harm::Cut(at) => fs::write(path, &bytes[..at % bytes.len()]).expect("writes"),
        Harm::Flipped(at) => {
            let at = at % (8 * bytes.len());
            bytes[at / 8] ^= 1 << (at % 8);
            fs::write(path, bytes).expect("writes");
        }
        Harm::Longer => fs::write(path, [bytes, vec![0]].concat()).expect("writes"),
        Harm::Renamed => {
            let name = path.file_name().expect("a name").to_string_lossy().replace(['0', '1'], "2");
            fs::rename(&path, path.with_file_name(name)).expect("renames");
        }
        Harm::SwappedWith(other) => {
            let other = folder.join(&others[other % others.len()]);
            let Ok(theirs) = fs::read(&other) else { return };
            fs::write(other, bytes).expect("writes");
            fs::write(path, theirs).expect("writes");
        }
    }
}

/// What the operations with a whole file come to, worked out the slow way: one at a time, as long
/// as any can be taken.
fn slow_state(whole: &Folder, hurt: &Folder) -> MergeState {
    let ops = whole.ops().expect("lists").0;
    let is_whole = |op: &VerifiedOp| {
        let name = format!("ops/{}", op.id());
        let read = |folder: &Folder| fs::read(folder.path().join(&name)).ok();
        read(hurt).is_some_and(|bytes| Some(bytes) == read(whole))
    };
    let mut left: Vec<_> = ops.into_iter().filter(is_whole).collect();
    let mut state = MergeState::new(whole.policy().clone());
    loop {
        let before = left.len();
        left.retain(|op| state.apply(vec![op.signed().clone()]).is_err());
        if left.len() == before {
            return state;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_folder_loads_as_what_is_whole_in_it(
        harms in prop::collection::vec(harm(), 40), order in any::<u64>(),
    ) {
        let place = Place::new();
        let whole = rich(&place);
        copy(whole.path(), &place.at("hurt"));
        let relative = |file: PathBuf| file.strip_prefix(whole.path()).expect("below").to_owned();
        let mut names: Vec<_> = files(whole.path()).into_iter().map(relative).collect();
        names.retain(|name| *name != Path::new("policy"));
        for (name, harm) in names.iter().zip(&harms) {
            hurt(&place.at("hurt"), name, harm, &names);
        }
        let folder = Folder::open(place.at("hurt")).expect("opens");
        let state = folder.load().expect("lists").state;
        prop_assert_eq!(&state, &slow_state(&whole, &folder));
        let missing = folder.load_tensors(&state);
        for missing in &missing {
            prop_assert!(folder.tensor(&missing.content, u64::MAX).is_none());
        }
        if missing.is_empty() && state.visible().next().is_some() {
            prop_assert!(state.resolve().is_ok());
        }
        let audit = folder.verify().expect("lists");
        prop_assert_eq!(audit.missing.len(), missing.len());

        // The rest arrives, in any order: then it is whole, whatever else stands there.
        let turn = order as usize % names.len();
        names.rotate_left(turn);
        for name in &names {
            fs::copy(whole.path().join(name), folder.path().join(name)).expect("copies");
        }
        let all = whole.load().expect("lists").state;
        prop_assert_eq!(&folder.load().expect("lists").state, &all);
        prop_assert_eq!(folder.load_tensors(&all), []);
    }

    #[test]
    fn a_policy_of_any_bytes_opens_or_is_refused(bytes in prop::collection::vec(0_u8.., 0..200)) {
        let place = Place::new();
        fs::create_dir(place.at("x")).expect("makes");
        fs::write(place.at("x").join("policy"), bytes).expect("writes");
        let refused = matches!(Folder::open(place.at("x")), Err(StoreError::Policy { .. }));
        prop_assert!(refused);
    }
}

#[test]
fn a_flipped_policy_is_refused_or_another() {
    let place = Place::new();
    let folder = place.begin("state");
    let file = folder.path().join("policy");
    let bytes = fs::read(&file).expect("reads");
    for bit in 0..8 * bytes.len() {
        let mut hurt = bytes.clone();
        hurt[bit / 8] ^= 1 << (bit % 8);
        fs::write(&file, hurt).expect("writes");
        let opened = Folder::open(folder.path());
        assert!(opened.map_or(true, |opened| opened.policy() != folder.policy()), "{bit}");
    }
}

#[test]
fn every_flaw_is_named() {
    let place = Place::new();
    let folder = rich(&place);
    let ops = files(&folder.path().join("ops"));
    let at = |name: &str| folder.path().join(name);
    fs::write(at("README"), "hello").expect("writes");
    fs::write(at("ops/README"), "hello").expect("writes");
    fs::write(at("tensors/README"), "hello").expect("writes");
    fs::write(at(".stfolder"), "").expect("writes");
    fs::write(at("ops/.espalier-x.part"), "half").expect("writes");
    fs::write(at(&format!("tensors/{}", "0".repeat(64))), "unclaimed").expect("writes");
    fs::write(at(&format!("ops/{}", "1".repeat(64))), vec![0; (4 << 20) + 1]).expect("writes");
    fs::create_dir(at(&format!("ops/{}", "2".repeat(64)))).expect("makes");
    fs::copy(&ops[0], at(&format!("ops/{}", "3".repeat(64)))).expect("copies");
    let audit = folder.verify().expect("lists");
    let kinds: BTreeSet<_> = audit
        .loaded
        .flaws
        .iter()
        .map(|flaw| (flaw.file.to_string_lossy()[..5].to_owned(), flaw.kind.to_string()))
        .collect();
    let expected = [
        ("READM", FlawKind::Foreign),
        ("ops/1", FlawKind::TooLong),
        ("ops/2", FlawKind::NotAFile),
        ("ops/3", FlawKind::Damaged),
        ("ops/R", FlawKind::Foreign),
        ("tenso", FlawKind::Foreign),
        ("tenso", FlawKind::Unclaimed),
    ];
    let expected = expected.map(|(name, kind)| (name.to_owned(), kind.to_string()));
    assert_eq!(kinds, expected.into_iter().collect());
    assert!(!audit.passes());
}

#[test]
#[cfg(unix)]
fn pipes_and_links_are_neither_opened_nor_written_through() {
    let place = Place::new();
    let folder = rich(&place);
    let (one, other) = (files(&folder.path().join("ops")), files(&folder.path().join("tensors")));
    let (op, tensor) = (&one[0], &other[0]);
    let outside = place.at("outside");
    fs::rename(op, &outside).expect("renames");
    std::os::unix::fs::symlink(&outside, op).expect("links");
    fs::rename(tensor, place.at("tensor")).expect("renames");
    let made = std::process::Command::new("mkfifo").arg(tensor).status().expect("runs");
    assert!(made.success());
    let audit = folder.verify().expect("does not wait");
    let not_files = audit.loaded.flaws.iter().filter(|f| matches!(f.kind, FlawKind::NotAFile));
    assert!(not_files.count() >= 1, "{audit:?}");
    let content = fs::read(place.at("tensor")).expect("reads").into();
    assert!(matches!(folder.put_tensor(&content), Err(StoreError::NotAFile(_))));
}
