//! The map beside a plain one, entry by entry and all at once.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// Keys with long shared prefixes and suffixes, to visit every kind of split.
fn key() -> impl Strategy<Value = Digest> {
    (0u8..4, 0u8..4, 0u8..4).prop_map(|(a, b, c)| {
        let mut bytes = [0; 32];
        (bytes[0], bytes[13], bytes[31]) = (a << 6, b, c << 3);
        Digest::from_bytes(bytes)
    })
}

fn value() -> impl Strategy<Value = Digest> {
    (0u8..3).prop_map(|v| Digest::from_bytes([v; 32]))
}

fn entries() -> impl Strategy<Value = Vec<(Digest, Option<Digest>)>> {
    prop::collection::vec((key(), prop::option::of(value())), 0..40)
}

fn apply(steps: &[(Digest, Option<Digest>)]) -> (MerkleMap, BTreeMap<Digest, Digest>) {
    let (mut map, mut twin) = (MerkleMap::default(), BTreeMap::new());
    for (key, value) in steps {
        match value {
            Some(value) => {
                assert_eq!(map.insert(*key, *value), twin.insert(*key, *value) != Some(*value));
            }
            None => assert_eq!(map.remove(key), twin.remove(key).is_some()),
        }
    }
    (map, twin)
}

proptest! {
    #[test]
    fn agrees_with_a_plain_map_and_forgets_its_history(steps in entries()) {
        let (map, twin) = apply(&steps);
        let mut seen = BTreeMap::new();
        map.for_each(|k, v| { seen.insert(*k, *v); });
        prop_assert_eq!(&seen, &twin);
        prop_assert_eq!(map.len(), twin.len());
        let keys: Vec<_> = twin.keys().copied().collect();
        let set: MerkleMap = keys.iter().map(|key| (*key, Digest::ZERO)).collect();
        prop_assert_eq!(MerkleMap::root_of_set(&keys), set.root());
        let rebuilt: MerkleMap = twin.into_iter().rev().collect();
        prop_assert_eq!(rebuilt.root(), map.root());
    }

    #[test]
    fn entries_at_once_are_entries_one_by_one(
        steps in entries(),
        batch in prop::collection::vec((key(), value()), 0..40),
    ) {
        let (mut map, mut twin) = apply(&steps);
        let before = map.clone();
        map.insert_all(batch.iter().copied());
        let changed = batch.iter().filter(|(k, v)| twin.insert(*k, *v) != Some(*v)).count();
        let mut seen = BTreeMap::new();
        map.for_each(|k, v| { seen.insert(*k, *v); });
        prop_assert_eq!(&seen, &twin);
        let mut one_by_one = before.clone();
        batch.iter().for_each(|(k, v)| { one_by_one.insert(*k, *v); });
        prop_assert_eq!((map.root(), map.len()), (one_by_one.root(), twin.len()));
        if let (0, Some(before), Some(after)) = (changed, &before.0, &map.0) {
            prop_assert!(Arc::ptr_eq(before, after));
        }
    }

    #[test]
    fn different_maps_have_different_roots(a in entries(), b in entries()) {
        let ((a, twin_a), (b, twin_b)) = (apply(&a), apply(&b));
        prop_assert_eq!(a.root() == b.root(), twin_a == twin_b);
    }

    #[test]
    fn diff_is_the_symmetric_difference(a in entries(), b in entries()) {
        let ((a, twin_a), (b, twin_b)) = (apply(&a), apply(&b));
        let mut expected = BTreeMap::new();
        for key in twin_a.keys().chain(twin_b.keys()) {
            match (twin_a.get(key), twin_b.get(key)) {
                (Some(x), None) => { expected.insert(*key, KeyDifference::Ours(*x)); }
                (None, Some(y)) => { expected.insert(*key, KeyDifference::Theirs(*y)); }
                (Some(x), Some(y)) if x != y => {
                    expected.insert(*key, KeyDifference::Both(*x, *y));
                }
                _ => {}
            }
        }
        let mut found = Vec::new();
        a.diff(&b, |key, difference| found.push((*key, difference)));
        prop_assert_eq!(found, expected.into_iter().collect::<Vec<_>>());
    }

    #[test]
    fn proofs_verify_and_any_change_breaks_them(
        steps in entries(),
        pick in any::<prop::sample::Index>(),
    ) {
        let (map, twin) = apply(&steps);
        prop_assume!(!twin.is_empty());
        let key = *twin.keys().nth(pick.index(twin.len())).expect("in range");
        let proof = map.prove(&key).expect("present");
        prop_assert!(proof.verify(&map.root()).is_ok());
        let mut wrong = proof.clone();
        wrong.value = Digest::from_bytes([9; 32]);
        prop_assert!(wrong.verify(&map.root()).is_err());
        for i in 0..proof.path.len() {
            let mut wrong = proof.clone();
            wrong.path[i].sibling = Digest::from_bytes([9; 32]);
            prop_assert!(wrong.verify(&map.root()).is_err());
            let mut wrong = proof.clone();
            wrong.path[i].bit ^= 1;
            prop_assert!(wrong.verify(&map.root()).is_err());
            let mut wrong = proof.clone();
            wrong.path.remove(i);
            prop_assert!(wrong.verify(&map.root()).is_err());
        }
    }
}

fn hashed(i: u32) -> Digest {
    Digest::of_content(&i.to_le_bytes())
}

#[test]
fn paths_and_differences_stay_logarithmic() {
    let map: MerkleMap = (0..20_000).map(|i| (hashed(i), Digest::ZERO)).collect();
    let longest = (0..20_000).step_by(97).filter_map(|i| map.prove(&hashed(i)));
    let longest = longest.map(|proof| proof.path.len()).max().unwrap_or(0);
    assert!(longest <= 40, "{longest} steps for 20,000 entries");
    let mut other = map.clone();
    other.insert(hashed(20_001), Digest::ZERO);
    let mut differences = 0;
    map.diff(&other, |_, _| differences += 1);
    assert_eq!(differences, 1);
}
