//! The queue of pending events, by virtual time; events of the same time in the order they were
//! added.

use slab::Slab;
use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

/// Virtual time in microseconds since the start of the run.
pub(crate) type Time = u64;

/// Events by (time, order of filing). O(log n) each way; what is moved then is small, the events
/// stay where they are.
#[derive(Debug)]
pub(crate) struct Queue<E> {
    heap: BinaryHeap<Reverse<Due>>,
    events: Slab<E>,
    filed: u64,
}

/// When an event is due, and where it is. Ordered by time and then by filing, which is one number,
/// as that is compared without a branch.
#[derive(Debug, Clone, Copy)]
struct Due {
    /// The time in the upper half, the order of filing in the lower one.
    key: u128,
    at: usize,
}

impl Due {
    fn new(time: Time, filed: u64, at: usize) -> Self {
        Self { key: u128::from(time) << 64 | u128::from(filed), at }
    }

    fn time(self) -> Time {
        (self.key >> 64) as Time
    }
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for Due {}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }

    fn lt(&self, other: &Self) -> bool {
        self.key < other.key
    }

    fn le(&self, other: &Self) -> bool {
        self.key <= other.key
    }
}

impl Ord for Due {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key.cmp(&other.key)
    }
}

impl<E> Default for Queue<E> {
    fn default() -> Self {
        Self { heap: BinaryHeap::new(), events: Slab::new(), filed: 0 }
    }
}

impl<E> Queue<E> {
    pub(crate) fn push(&mut self, time: Time, event: E) {
        self.heap.push(Reverse(Due::new(time, self.filed, self.events.insert(event))));
        self.filed += 1;
    }

    /// The next event, if it is due by `until`.
    pub(crate) fn pop(&mut self, until: Time) -> Option<(Time, E)> {
        let is_due = self.heap.peek().is_some_and(|Reverse(due)| due.time() <= until);
        let Reverse(due) = is_due.then(|| self.heap.pop()).flatten()?;
        Some((due.time(), self.events.remove(due.at)))
    }

    /// Takes out the events for which `what` returns something, and returns those values in order.
    pub(crate) fn remove<T>(&mut self, what: impl Fn(&E) -> Option<T>) -> Vec<T> {
        let (events, mut removed) = (&mut self.events, Vec::new());
        self.heap.retain(|Reverse(due)| {
            let Some(said) = events.get(due.at).and_then(&what) else { return true };
            events.remove(due.at);
            removed.push((due.key, said));
            false
        });
        removed.sort_unstable_by_key(|(key, _)| *key);
        removed.into_iter().map(|(_, said)| said).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// A stable sort by time is the slow, obvious queue.
        #[test]
        fn is_a_stable_sort(times in prop::collection::vec(0..9_u64, 0..60), until in 0..10_u64) {
            let mut queue = Queue::default();
            times.iter().enumerate().for_each(|(filed, time)| queue.push(*time, filed));
            let mut sorted: Vec<_> = times.iter().copied().zip(0..).collect();
            sorted.sort_by_key(|(time, _)| *time);
            sorted.retain(|(time, _)| *time <= until);
            let popped: Vec<_> = std::iter::from_fn(|| queue.pop(until)).collect();
            prop_assert_eq!(popped, sorted);
        }
    }
}
