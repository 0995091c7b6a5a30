//! Sets made to hurt: by their bytes, by their numbers, by their size.

use super::*;
use espalier_lattice::VersionVector;

/// Entries and contexts of any kind, at both ends of the numbers, in the form in which a set is
/// written.
type Written = (Vec<((u8, u64), u8)>, Vec<(u8, Vec<(u64, u64)>)>);

fn seq() -> impl Strategy<Value = u64> {
    prop_oneof![0u64..6, (u64::MAX - 4)..=u64::MAX]
}

fn written() -> impl Strategy<Value = Written> {
    let entry = ((0u8..3, seq()), 0u8..4);
    let ranges = prop::collection::vec((seq(), seq()), 0..3);
    (prop::collection::vec(entry, 0..4), prop::collection::vec((0u8..3, ranges), 0..3))
}

/// A set that some history could have left, with whole ranges of events that were made and undone.
/// Under one dot there are only as many elements as `per_dot` says.
fn any_set(per_dot: u8) -> impl Strategy<Value = Set> {
    let entries = prop::collection::vec((0u8..3, seq(), 0..per_dot), 0..5);
    let seen = prop::collection::vec((0u8..3, seq(), seq()), 0..3);
    (entries, seen).prop_map(|(entries, seen)| {
        let mut set = Set::default();
        for (actor, from, to) in seen {
            set.context.insert_range(actor, from..=to);
        }
        for (actor, seq, choice) in entries {
            let element = (seq % 3) as u8 + choice;
            if let Ok(entry) = Set::with_entry(Dot::new(actor, seq), element, []) {
                set.join(&entry);
            }
        }
        set
    })
}

/// What must hold of every set, wherever it comes from.
fn check(mut set: Set) {
    for (dot, element) in set.live.clone() {
        assert!(set.context.contains(&dot) && dot.is_valid());
        assert!(set.dots[&element].iter().any(|held| *held == dot));
    }
    assert_eq!(set.dots.values().flat_map(Dots::iter).count(), set.live.len());
    let bytes = postcard::to_allocvec(&set).expect("it can be written");
    assert_eq!(postcard::from_bytes::<Set>(&bytes).as_ref(), Ok(&set));
    let json = serde_json::to_string(&set).expect("it can be written");
    assert_eq!(serde_json::from_str::<Set>(&json).expect("it can be read"), set);

    let mut receiver = Set::default();
    receiver.join(&set.delta_since(receiver.context()));
    assert_eq!(receiver, set);
    for actor in 0..3 {
        match set.insert(actor, 9) {
            Ok(_) => assert!(set.contains(&9)),
            Err(Exhausted) => assert_eq!(set.context.next_dot(actor), Err(Exhausted)),
        }
    }
    for element in set.elements().copied().collect::<Vec<_>>() {
        set.remove(&element);
    }
    assert!(set.is_empty(), "every element can be removed");
    assert_eq!(set.tombstones(), set.context.len());
}

proptest! {
    #[test]
    fn whatever_is_read_is_a_set_and_is_written_the_same(parts in written()) {
        let bytes = postcard::to_allocvec(&parts).expect("plain numbers");
        if let Ok(set) = postcard::from_bytes::<Set>(&bytes) {
            prop_assert_eq!(postcard::to_allocvec(&set).expect("it can be written"), bytes);
            check(set);
        }
    }

    #[test]
    fn random_bytes_are_a_set_or_an_error(bytes in prop::collection::vec(0u8..5, 0..20)) {
        if let Ok((set, rest)) = postcard::take_from_bytes::<Set>(&bytes) {
            let read = &bytes[..bytes.len() - rest.len()];
            prop_assert_eq!(&postcard::to_allocvec(&set).expect("it can be written"), read);
            check(set);
        }
    }

    #[test]
    fn sets_with_any_numbers_obey_the_laws(a in any_set(3), b in any_set(3), c in any_set(3)) {
        check_join_laws(&a, &b, &c, |x, y| { x.join(y); });
        check(a);
    }

    #[test]
    fn deltas_of_any_sets_bring_the_receiver_up_to_date(a in any_set(1), b in any_set(1)) {
        let (mut whole, mut by_delta) = (b.clone(), b.clone());
        whole.join(&a);
        by_delta.join(&a.delta_since(b.context()));
        prop_assert_eq!(by_delta, whole);
    }
}

#[test]
fn what_is_not_a_set_is_refused() {
    let read = |live: &str, context: &str| {
        serde_json::from_str::<Set>(&format!(r#"{{"live":{live},"context":{context}}}"#))
    };
    let one = r#"[[{"actor":1,"seq":1},7]]"#;
    assert!(read(one, "[[1,[[1,1]]]]").is_ok_and(|set| set == entry(1, 1, 7)));
    for (live, context, part) in [
        (r#"[[{"actor":1,"seq":0},7]]"#, "[]", "0 is not the number"),
        (r#"[[{"actor":1,"seq":18446744073709551615},7]]"#, "[]", "18446744073709551615 is not"),
        ("[]", "[[1,[[1,18446744073709551615]]]]", "not a range"),
        ("[]", "[[1,[[0,3]]]]", "not a range"),
        (one, "[]", "not in its context"),
        (one, "[[1,[[2,2]]]]", "not in its context"),
        (
            r#"[[{"actor":1,"seq":1},7],[{"actor":1,"seq":1},8]]"#,
            "[[1,[[1,1]]]]",
            "ascending order",
        ),
        (
            r#"[[{"actor":1,"seq":2},7],[{"actor":1,"seq":1},8]]"#,
            "[[1,[[1,2]]]]",
            "ascending order",
        ),
        ("[]", "[],\"dots\":{}", "unknown field `dots`"),
    ] {
        let error = read(live, context).expect_err("refused").to_string();
        assert!(error.contains(part), "{live} {context}: {error}");
    }
}

#[test]
fn dots_that_no_event_has_are_refused_where_sets_are_made() {
    for seq in [0, u64::MAX] {
        let dot = Dot::new(1, seq);
        assert_eq!(Set::with_entry(dot, 7, []), Err(InvalidSeq { seq }));
        assert_eq!(Set::with_removed([dot]), Set::default());
    }
    let mut last = entry(1, Dot::<u8>::MAX_SEQ, 7);
    last.context.insert_range(1, 1..=u64::MAX);
    assert_eq!((last.tombstones(), last.insert(1, 8)), (u64::MAX - 2, Err(Exhausted)));
    assert!(last.contains(&7) && !last.contains(&8));
    last.remove(&7);
    assert!(last.is_empty());
}

/// An actor that counts how often actors are compared.
#[derive(Debug, Clone, Copy)]
struct Counted(u32);

thread_local!(static COMPARISONS: std::cell::Cell<u64> = const { std::cell::Cell::new(0) });

impl PartialEq for Counted {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}
impl Eq for Counted {}
impl PartialOrd for Counted {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Counted {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        COMPARISONS.with(|count| count.set(count.get() + 1));
        self.0.cmp(&other.0)
    }
}

/// What a piece of code compares.
fn comparisons<T>(work: impl FnOnce() -> T) -> (T, u64) {
    COMPARISONS.with(|count| count.set(0));
    let value = work();
    (value, COMPARISONS.with(std::cell::Cell::get))
}

/// `n` live elements of one actor, `gap` events apart, of which those between were undone.
fn spread(n: u32, gap: u64) -> OrSet<Counted, u32> {
    let top = VersionVector::from_iter([(Counted(1), u64::from(n) * gap)]);
    let mut set = OrSet { context: top.into(), ..OrSet::default() };
    (0..n).for_each(|i| set.put(Dot::new(Counted(1), u64::from(i + 1) * gap), i));
    set
}

#[test]
fn the_numbers_in_a_set_cost_nothing() {
    let steps = |gap: u64| {
        let (mut set, mut other) = (spread(20, gap), spread(10, gap));
        let (sizes, steps) = comparisons(|| {
            let delta = set.delta_since(other.context());
            assert!(other.join(&delta), "it brings ten entries");
            assert!(!set.join(&other.delta_since(set.context())));
            set.remove(&3);
            set.join(&OrSet::with_removed([Dot::new(Counted(1), 5 * gap)]));
            (delta.len(), delta.context().ranges().count(), set.len(), set.tombstones())
        });
        assert_eq!(sizes, (10, 11, 18, 20 * gap - 18), "a range for each gap in what both know");
        steps
    };
    assert_eq!(steps(10), steps(1 << 58));
}

#[test]
fn joining_a_small_delta_does_not_walk_the_large_state() {
    let steps = |n: u32| {
        let mut set = OrSet::<Counted, u32>::default();
        for i in 0..n {
            set.join(&OrSet::with_entry(Dot::new(Counted(i), 1), i, []).expect("valid"));
        }
        let mut delta = OrSet::default();
        for i in n..n + 10 {
            delta.join(&OrSet::with_entry(Dot::new(Counted(i), 1), i, []).expect("valid"));
        }
        comparisons(|| set.join(&delta)).1
    };
    let (small, large) = (steps(1_000), steps(64_000));
    assert!(large < 3 * small, "64 times the state: {small} comparisons grew to {large}");
}
