//! The obvious twin, the laws, and inputs made to hurt.

use super::*;
use espalier_testkit::laws::check_join_laws;
use proptest::prelude::*;
use std::collections::BTreeSet;

type Context = CausalContext<u8>;

/// Dots at both ends of the numbers, valid or not.
fn dots() -> impl Strategy<Value = Vec<Dot<u8>>> {
    let seq = prop_oneof![0u64..8, (u64::MAX - 6)..=u64::MAX];
    prop::collection::vec((0u8..3, seq).prop_map(|(a, s)| Dot::new(a, s)), 0..14)
}

/// The obvious twin: a plain set of the valid dots.
fn plain(dots: &[Dot<u8>]) -> BTreeSet<Dot<u8>> {
    dots.iter().filter(|dot| dot.is_valid()).copied().collect()
}

fn walked(context: &Context) -> BTreeSet<Dot<u8>> {
    let walk = |(actor, range): (&u8, RangeInclusive<u64>)| {
        let actor = *actor;
        range.map(move |seq| Dot::new(actor, seq))
    };
    context.ranges().flat_map(walk).collect()
}

proptest! {
    #[test]
    fn contexts_equal_plain_sets_of_dots(a in dots(), b in dots(), probe in dots()) {
        let mut context = Context::from_iter(a.clone());
        context.join(&Context::from_iter(b.clone()));
        let mut set = plain(&a);
        set.extend(plain(&b));
        prop_assert_eq!(context.len(), set.len() as u64);
        prop_assert_eq!(walked(&context), set.clone());
        for dot in probe {
            prop_assert_eq!(context.contains(&dot), set.contains(&dot));
            prop_assert_eq!(context.clone().insert(dot), dot.is_valid() && !set.contains(&dot));
        }
        for actor in 0..4 {
            let free = (1..).find(|seq| !set.contains(&Dot::new(actor, *seq)));
            let next = context.next_dot(actor).map(|dot| dot.seq);
            prop_assert_eq!(next.ok(), free, "far from the end there is always one");
        }
        // One representation per set, however it was built.
        prop_assert_eq!(Context::from_iter(set.into_iter().rev()), context);
    }

    #[test]
    fn ranges_are_the_dots_in_them(
        a in dots(), actor in 0u8..3, from in 0u64..9, length in 0u64..9, high: bool,
    ) {
        let from = if high { u64::MAX - from } else { from };
        let range = from..=from.saturating_add(length);
        let mut by_range = Context::from_iter(a.clone());
        let mut by_dot = by_range.clone();
        let news = range.clone().fold(false, |news, s| by_dot.insert(Dot::new(actor, s)) | news);
        prop_assert_eq!(by_range.insert_range(actor, range), news);
        prop_assert_eq!(by_range, by_dot);
    }

    #[test]
    fn what_is_taken_out_is_the_difference_of_sets(a in dots(), b in dots()) {
        let context = Context::from_iter(a.clone());
        let without: BTreeSet<_> = b.into_iter().collect();
        let rest: BTreeSet<_> = plain(&a).difference(&without).copied().collect();
        prop_assert_eq!(context.without(&without), Context::from_iter(rest));
    }

    #[test]
    fn the_vector_is_the_largest_downward_closed_part(a in dots()) {
        let context = Context::from_iter(a.clone());
        let set = plain(&a);
        for (actor, top) in context.vector().iter() {
            prop_assert!((1..=top).all(|seq| set.contains(&Dot::new(*actor, seq))));
            prop_assert!(!set.contains(&Dot::new(*actor, top + 1)));
        }
        let actors: BTreeSet<_> = set.iter().filter(|d| d.seq == 1).map(|d| d.actor).collect();
        prop_assert_eq!(context.vector().iter().map(|(a, _)| *a).collect::<BTreeSet<_>>(), actors);
        let mut back = Context::from(context.vector());
        back.join(&context);
        prop_assert_eq!(back, context);
    }

    #[test]
    fn contexts_are_a_lattice(a in dots(), b in dots(), c in dots()) {
        let [a, b, c] = [a, b, c].map(Context::from_iter);
        check_join_laws(&a, &b, &c, |x, y| { x.join(y); });
    }

    #[test]
    fn every_context_can_be_read_back(a in dots()) {
        let context = Context::from_iter(a);
        let bytes = postcard::to_allocvec(&context).expect("it can be written");
        prop_assert_eq!(postcard::from_bytes(&bytes), Ok(context.clone()));
        let json = serde_json::to_string(&context).expect("it can be written");
        prop_assert_eq!(serde_json::from_str::<Context>(&json).ok(), Some(context));
    }

    #[test]
    fn what_can_be_read_is_written_the_same(bytes in prop::collection::vec(0u8..5, 0..16)) {
        if let Ok((context, rest)) = postcard::take_from_bytes::<Context>(&bytes) {
            let read = &bytes[..bytes.len() - rest.len()];
            prop_assert_eq!(&postcard::to_allocvec(&context).expect("it can be written"), read);
        }
    }
}

#[test]
fn an_actor_without_numbers_gets_an_error_and_not_a_dot() {
    let mut context = Context::from(VersionVector::from_iter([(1, u64::MAX - 2)]));
    let last = context.next_dot(1).expect("one is left");
    assert_eq!(last, Dot::new(1, Dot::<u8>::MAX_SEQ));
    assert!(context.insert(last));
    assert_eq!(context.next_dot(1), Err(Exhausted));
    assert!(!context.insert(Dot::new(1, u64::MAX)) && !context.insert(Dot::new(1, 0)));
    assert_eq!(context.next_dot(2), Ok(Dot::new(2, 1)), "others are not concerned");
}

#[test]
fn dots_that_no_event_has_are_refused() {
    for seq in [0, u64::MAX] {
        let json = format!(r#"{{"actor":1,"seq":{seq}}}"#);
        let error = serde_json::from_str::<Dot<u8>>(&json).expect_err("refused").to_string();
        assert!(error.contains(&format!("{seq} is not the number of an event")), "{error}");
        let bytes = postcard::to_allocvec(&(1u8, seq)).expect("plain numbers");
        postcard::from_bytes::<Dot<u8>>(&bytes).expect_err("refused");
    }
    let unknown = r#"{"actor":1,"seq":1,"more":1}"#;
    serde_json::from_str::<Dot<u8>>(unknown).expect_err("unknown field");
    let good = Dot::new(1u8, Dot::<u8>::MAX_SEQ);
    let bytes = postcard::to_allocvec(&good).expect("it can be written");
    assert_eq!(postcard::from_bytes(&bytes), Ok(good));
}

#[test]
fn what_is_never_written_is_refused() {
    let read = |text: &str| serde_json::from_str::<Context>(text);
    let most = Dot::<u8>::MAX_SEQ;
    assert!(read(&format!("[[1,[[1,3],[5,5],[7,{most}]]],[2,[[2,2]]]]")).is_ok());
    for (text, why) in [
        ("[[1,[[0,3]]]]", "0 numbers no event"),
        ("[[1,[[1,18446744073709551615]]]]", "nor does 2^64 - 1"),
        ("[[1,[[3,2]]]]", "backwards"),
        ("[[1,[[1,3],[4,5]]]]", "touching"),
        ("[[1,[[1,3],[2,5]]]]", "overlapping"),
        ("[[1,[[5,5],[1,3]]]]", "descending"),
        ("[[1,[]]]", "an actor without ranges"),
        ("[[2,[[1,1]]],[1,[[1,1]]]]", "descending actors"),
        ("[[1,[[1,1]]],[1,[[3,3]]]]", "an actor twice"),
        (r#"{"1":[[1,1]]}"#, "not a list"),
    ] {
        assert!(read(text).is_err(), "{why}: {text}");
    }
}

/// An actor that counts how often actors are compared.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Counted(u8);

thread_local!(static COMPARISONS: std::cell::Cell<u64> = const { std::cell::Cell::new(0) });

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

#[test]
fn costs_are_counted_in_ranges_and_not_in_numbers() {
    let steps = |top: u64| {
        COMPARISONS.with(|count| count.set(0));
        let mut ours = CausalContext::from(VersionVector::from_iter([(Counted(1), top)]));
        let theirs = CausalContext::from(VersionVector::from_iter([(Counted(1), top / 2)]));
        assert!(!ours.join(&theirs));
        assert_eq!(ours.len(), top);
        let rest = ours.without(&[Dot::new(Counted(1), 2), Dot::new(Counted(1), top / 2)]);
        assert_eq!((rest.len(), rest.ranges().count()), (top - 2, 3));
        assert!(ours.insert_range(Counted(1), top / 2..=top + 1));
        COMPARISONS.with(std::cell::Cell::get)
    };
    assert_eq!(steps(10), steps(1 << 62));
}
