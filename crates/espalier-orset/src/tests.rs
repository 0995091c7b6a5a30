//! Laws on random histories, the obvious twin, and the cost of a join.

use super::*;
use espalier_testkit::laws::check_join_laws;
use proptest::prelude::*;

type Set = OrSet<u8, u8>;

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
                let dot = set.context().next_dot(replica as u8);
                twin.removed.extend(twin.dots_of(element));
                twin.adds.insert((dot, element));
                let delta = set.add(replica as u8, element);
                set.join(&delta);
            }
            Step::Remove { replica, element } => {
                let (set, twin) = &mut replicas[replica];
                twin.removed.extend(twin.dots_of(element));
                let delta = set.remove(&element);
                set.join(&delta);
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
        let states = [a, b, c].map(|e| Set::delta_add(Dot::new(1, 1), e, []));
        check_join_laws(&states[0], &states[1], &states[2], |x, y| { x.join(y); });
        let removal = Set::delta_remove([Dot::new(1, 1)]);
        check_join_laws(&states[0], &removal, &states[1], |x, y| { x.join(y); });
    }
}

#[test]
fn an_add_concurrent_with_a_removal_wins() {
    let mut ada = Set::default();
    ada.join(&ada.add(1, 7));
    let mut bob = ada.clone();
    let removal = ada.remove(&7);
    ada.join(&removal);
    bob.join(&bob.add(2, 7));
    ada.join(&bob);
    assert!(ada.contains(&7));
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

#[test]
fn joining_a_small_delta_does_not_walk_the_large_state() {
    let comparisons = |n: u32| {
        let mut set = OrSet::<Counted, u32>::default();
        for i in 0..n {
            set.join(&OrSet::delta_add(Dot::new(Counted(i), 1), i, []));
        }
        let mut delta = OrSet::default();
        for i in n..n + 10 {
            delta.join(&OrSet::delta_add(Dot::new(Counted(i), 1), i, []));
        }
        COMPARISONS.with(|count| count.set(0));
        set.join(&delta);
        COMPARISONS.with(std::cell::Cell::get)
    };
    let (small, large) = (comparisons(1_000), comparisons(64_000));
    assert!(large < 3 * small, "64 times the state: {small} comparisons grew to {large}");
}
