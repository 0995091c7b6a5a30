//! Laws on random histories, the obvious twin, and the cost of a join.

use super::*;
use espalier_testkit::laws::check_join_laws;
use proptest::prelude::*;
use std::collections::BTreeSet;

type Set = OrSet<u8, u8>;

fn entry(actor: u8, seq: u64, element: u8) -> Set {
    Set::with_entry(Dot::new(actor, seq), element, []).expect("a valid dot")
}

/// What one replica of a random history does.
#[derive(Debug, Clone)]
enum Step {
    Add { replica: usize, element: u8 },
    Remove { replica: usize, element: u8 },
    Sync { from: usize, to: usize },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (0usize..3, 0u8..5).prop_map(|(replica, element)| Step::Add { replica, element }),
        (0usize..3, 0u8..5).prop_map(|(replica, element)| Step::Remove { replica, element }),
        (0usize..3, 0usize..3).prop_map(|(from, to)| Step::Sync { from, to }),
    ];
    prop::collection::vec(step, 0..40)
}

/// The obvious twin: every add ever made and every removal ever made, as two grow-only sets.
#[derive(Debug, Clone, Default)]
struct Twin {
    adds: BTreeSet<(Dot<u8>, u8)>,
    removed: BTreeSet<Dot<u8>>,
}

impl Twin {
    fn elements(&self) -> BTreeSet<u8> {
        let live = |entry: &&(Dot<u8>, u8)| !self.removed.contains(&entry.0);
        self.adds.iter().filter(live).map(|(_, element)| *element).collect()
    }

    fn dots_of(&self, element: u8) -> Vec<Dot<u8>> {
        let live = |e: &&(Dot<u8>, u8)| e.1 == element && !self.removed.contains(&e.0);
        self.adds.iter().filter(live).map(|(dot, _)| *dot).collect()
    }
}

/// Runs a history on three replicas and their twins.
fn run(steps: &[Step]) -> Vec<(Set, Twin)> {
    let mut replicas: Vec<(Set, Twin)> = vec![Default::default(); 3];
    for step in steps {
        match *step {
            Step::Add { replica, element } => {
                let (set, twin) = &mut replicas[replica];
                let dot = set.context().next_dot(replica as u8).expect("far from the end");
                twin.removed.extend(twin.dots_of(element));
                twin.adds.insert((dot, element));
                set.insert(replica as u8, element).expect("far from the end");
            }
            Step::Remove { replica, element } => {
                let (set, twin) = &mut replicas[replica];
                twin.removed.extend(twin.dots_of(element));
                set.remove(&element);
            }
            Step::Sync { from, to } => {
                let (set, twin) = replicas[from].clone();
                replicas[to].0.join(&set);
                replicas[to].1.adds.extend(twin.adds);
                replicas[to].1.removed.extend(twin.removed);
            }
        }
    }
    replicas
}

proptest! {
    #[test]
    fn every_history_agrees_with_the_twin(steps in steps()) {
        for (set, twin) in run(&steps) {
            prop_assert_eq!(set.elements().copied().collect::<BTreeSet<_>>(), twin.elements());
            prop_assert_eq!(set.tombstones() as usize, twin.removed.len());
        }
    }

    #[test]
    fn states_of_random_histories_obey_the_laws(steps in steps()) {
        let r = run(&steps);
        check_join_laws(&r[0].0, &r[1].0, &r[2].0, |a, b| { a.join(b); });
    }

    #[test]
    fn a_delta_brings_the_receiver_where_the_whole_state_would(steps in steps()) {
        let r = run(&steps);
        let mut whole = r[1].0.clone();
        whole.join(&r[0].0);
        let mut by_delta = r[1].0.clone();
        by_delta.join(&r[0].0.delta_since(r[1].0.context()));
        prop_assert_eq!(by_delta, whole);
    }

    #[test]
    fn two_elements_under_one_dot_end_the_same_way(a in 0u8..9, b in 0u8..9, c in 0u8..9) {
        let states = [a, b, c].map(|e| entry(1, 1, e));
        check_join_laws(&states[0], &states[1], &states[2], |x, y| { x.join(y); });
        let removal = Set::with_removed([Dot::new(1, 1)]);
        check_join_laws(&states[0], &removal, &states[1], |x, y| { x.join(y); });
    }
}

#[test]
fn an_add_concurrent_with_a_removal_wins() {
    let mut ada = Set::default();
    ada.insert(1, 7).expect("far from the end");
    let mut bob = ada.clone();
    ada.remove(&7);
    bob.insert(2, 7).expect("far from the end");
    ada.join(&bob);
    assert!(ada.contains(&7));
}

#[test]
fn two_inserts_in_a_row_keep_both_elements() {
    let mut set = Set::default();
    let first = set.insert(1, 7).expect("far from the end");
    let second = set.insert(1, 8).expect("far from the end");
    assert_eq!(set.elements().collect::<Vec<_>>(), [&7, &8]);
    let mut other = Set::default();
    assert!(other.join(&second) && other.join(&first));
    assert_eq!(other, set);
    // The deltas alone, made without a join, are for one dot; that is what `insert` is for.
    let [a, b] = [1, 2].map(|element| set.delta_add(1, element).expect("far from the end"));
    assert_eq!(a.context(), b.context());
}

mod hostile;
