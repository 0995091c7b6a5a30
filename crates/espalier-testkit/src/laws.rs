//! The laws of a join semilattice, checked on given values.
//!
//! ```text
//! idempotent    a ⊔ a = a
//! commutative   a ⊔ b = b ⊔ a
//! associative   (a ⊔ b) ⊔ c = a ⊔ (b ⊔ c)
//! absorbing     a ⊔ (a ⊔ b) = a ⊔ b
//! ordered       a ≤ b  ⇔  a ⊔ b = b
//! ```
//!
//! The checks take closures, so they need no trait and fit any type. Feed them from proptest:
//!
//! ```
//! use espalier_testkit::laws::{check_join_laws, check_partial_order};
//!
//! let max = |a: &mut u32, b: &u32| *a = (*a).max(*b);
//! check_join_laws(&3, &5, &4, max);
//! check_partial_order(&3, &5, &4, |a, b| a <= b, max);
//! ```

use proptest::strategy::Strategy;
use proptest::test_runner::{Config, TestRunner};
use std::fmt::Debug;

/// Checks that `join` is idempotent, commutative, associative and absorbing on three values, each
/// law in every rotation of them.
///
/// # Panics
///
/// With the broken law and the values that break it.
#[track_caller]
pub fn check_join_laws<T: Clone + PartialEq + Debug>(
    a: &T,
    b: &T,
    c: &T,
    join: impl Fn(&mut T, &T),
) {
    let join = |x: &T, y: &T| joined(&join, x, y);
    for (a, b, c) in [(a, b, c), (b, c, a), (c, a, b)] {
        let (ab, ba) = (join(a, b), join(b, a));
        equal("idempotent: a ⊔ a = a", &join(a, a), a, &[a]);
        equal("commutative: a ⊔ b = b ⊔ a", &ab, &ba, &[a, b]);
        let (left, right) = (join(&ab, c), join(a, &join(b, c)));
        equal("associative: (a ⊔ b) ⊔ c = a ⊔ (b ⊔ c)", &left, &right, &[a, b, c]);
        equal("absorbing: a ⊔ (a ⊔ b) = a ⊔ b", &join(a, &ab), &ab, &[a, b]);
        equal("absorbing: (a ⊔ b) ⊔ b = a ⊔ b", &join(&ab, b), &ab, &[a, b]);
    }
}

/// Checks that `leq` is a partial order on three values, and that `join` is its least upper bound.
///
/// # Panics
///
/// With the broken law and the values that break it.
#[track_caller]
pub fn check_partial_order<T: Clone + PartialEq + Debug>(
    a: &T,
    b: &T,
    c: &T,
    leq: impl Fn(&T, &T) -> bool,
    join: impl Fn(&mut T, &T),
) {
    for (a, b, c) in [(a, b, c), (a, c, b), (b, a, c), (b, c, a), (c, a, b), (c, b, a)] {
        let ab = joined(&join, a, b);
        holds("reflexive: a ≤ a", leq(a, a), &[a]);
        let both = leq(a, b) && leq(b, a);
        holds("antisymmetric: a ≤ b and b ≤ a imply a = b", !both || a == b, &[a, b]);
        let chain = leq(a, b) && leq(b, c);
        holds("transitive: a ≤ b and b ≤ c imply a ≤ c", !chain || leq(a, c), &[a, b, c]);
        holds("upper bound: a ≤ a ⊔ b", leq(a, &ab), &[a, b, &ab]);
        holds("upper bound: b ≤ a ⊔ b", leq(b, &ab), &[a, b, &ab]);
        let above = leq(a, c) && leq(b, c);
        let least = !above || leq(&ab, c);
        holds("least: a ≤ c and b ≤ c imply a ⊔ b ≤ c", least, &[a, b, c, &ab]);
        holds("consistent: a ≤ b exactly if a ⊔ b = b", leq(a, b) == (ab == *b), &[a, b, &ab]);
    }
}

/// [`check_join_laws`] on random triples of `values`, shrunk to a small counter-example.
///
/// # Panics
///
/// If any triple breaks a law.
#[track_caller]
pub fn check_join_laws_for<S>(values: S, join: impl Fn(&mut S::Value, &S::Value))
where
    S: Strategy + Clone,
    S::Value: Clone + PartialEq + Debug,
{
    let config = Config { failure_persistence: None, ..Config::default() };
    let triples = (values.clone(), values.clone(), values);
    let outcome = TestRunner::new(config).run(&triples, |(a, b, c)| {
        check_join_laws(&a, &b, &c, &join);
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

fn joined<T: Clone>(join: &impl Fn(&mut T, &T), a: &T, b: &T) -> T {
    let mut result = a.clone();
    join(&mut result, b);
    result
}

#[track_caller]
fn equal<T: PartialEq + Debug>(law: &str, left: &T, right: &T, values: &[&T]) {
    assert!(
        left == right,
        "the join is not {law}\n{}  left:  {left:?}\n  right: {right:?}",
        listed(values)
    );
}

#[track_caller]
fn holds<T: Debug>(law: &str, holds: bool, values: &[&T]) {
    assert!(holds, "the order is not {law}\n{}", listed(values));
}

fn listed<T: Debug>(values: &[&T]) -> String {
    let names = ["a", "b", "c"];
    let mut text = String::new();
    for (index, value) in values.iter().enumerate() {
        let name = names.get(index).unwrap_or(&"…");
        text.push_str(&format!("  {name} = {value:?}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    type Set = BTreeSet<u8>;

    fn set(items: &[u8]) -> Set {
        items.iter().copied().collect()
    }

    fn union(a: &mut Set, b: &Set) {
        a.extend(b);
    }

    fn subset(a: &Set, b: &Set) -> bool {
        a.is_subset(b)
    }

    /// Asserts that `check` panics and names `law`.
    #[track_caller]
    fn breaks(law: &str, check: impl FnOnce()) {
        let Err(payload) = catch_unwind(AssertUnwindSafe(check)) else {
            panic!("the checker accepted what is not {law}");
        };
        let message = payload.downcast_ref::<String>().expect("a formatted message");
        assert!(message.contains(&format!("is not {law}")), "wrong law: {message}");
    }

    proptest! {
        #[test]
        fn union_passes(
            a in prop::collection::btree_set(0u8..5, 0..4),
            b in prop::collection::btree_set(0u8..5, 0..4),
            c in prop::collection::btree_set(0u8..5, 0..4),
        ) {
            check_join_laws(&a, &b, &c, union);
            check_partial_order(&a, &b, &c, subset, union);
        }
    }

    #[test]
    fn the_random_harness_passes_maximum_and_catches_a_fault() {
        check_join_laws_for(any::<u8>(), |a, b| *a = (*a).max(*b));
        let caught = catch_unwind(|| {
            // Wrong on one pair in eight.
            check_join_laws_for(0u8..32, |a, b| {
                if *a % 8 != *b % 8 {
                    *a = (*a).max(*b);
                }
            });
        });
        assert!(caught.is_err());
    }

    #[test]
    fn sum_is_not_idempotent() {
        breaks("idempotent", || check_join_laws(&1, &2, &4, |a: &mut u32, b| *a += b));
    }

    #[test]
    fn overwrite_is_not_commutative() {
        breaks("commutative", || check_join_laws(&1, &2, &3, |a: &mut u32, b| *a = *b));
    }

    #[test]
    fn average_is_not_associative() {
        breaks("associative", || {
            check_join_laws(&0.0, &4.0, &8.0, |a: &mut f64, b| *a = (*a + *b) / 2.0);
        });
    }

    #[test]
    fn a_fault_in_the_last_value_alone_is_found() {
        let faulty = |a: &mut u32, b: &u32| *a = if *a == 9 && *b == 9 { 10 } else { (*a).max(*b) };
        breaks("absorbing", || check_join_laws(&1, &2, &9, faulty));
    }

    #[test]
    fn a_strict_order_is_not_reflexive() {
        let max = |a: &mut u32, b: &u32| *a = (*a).max(*b);
        breaks("reflexive", || check_partial_order(&1, &2, &3, |a, b| a < b, max));
    }

    #[test]
    fn a_preorder_is_not_antisymmetric() {
        let by_first = |a: &(u8, u8), b: &(u8, u8)| a.0 <= b.0;
        let join = |a: &mut (u8, u8), b: &(u8, u8)| *a = (*a).max(*b);
        breaks("antisymmetric", || {
            check_partial_order(&(1, 1), &(1, 2), &(2, 0), by_first, join);
        });
    }

    #[test]
    fn a_cycle_is_not_transitive() {
        let beats = |a: &u8, b: &u8| a == b || (a + 1) % 3 == *b;
        let join = |a: &mut u8, b: &u8| {
            if (*a + 1) % 3 == *b {
                *a = *b;
            }
        };
        breaks("transitive", || check_partial_order(&0, &1, &2, beats, join));
    }

    #[test]
    fn intersection_is_not_an_upper_bound() {
        let meet = |a: &mut Set, b: &Set| a.retain(|item| b.contains(item));
        breaks("upper bound", || {
            check_partial_order(&set(&[1]), &set(&[2]), &set(&[3]), subset, meet);
        });
    }

    #[test]
    fn an_upper_bound_above_the_union_is_not_least() {
        let above = |a: &mut Set, b: &Set| {
            let comparable = a.is_subset(b) || b.is_subset(a);
            a.extend(b);
            if !comparable {
                a.insert(99);
            }
        };
        breaks("least", || {
            check_partial_order(&set(&[1]), &set(&[2]), &set(&[1, 2]), subset, above);
        });
    }

    #[test]
    fn a_join_that_jumps_to_the_top_is_not_consistent() {
        let jump = |a: &mut u8, b: &u8| *a = if a == b { *a } else { 3 };
        breaks("consistent", || check_partial_order(&0, &1, &3, |a, b| a <= b, jump));
    }
}
