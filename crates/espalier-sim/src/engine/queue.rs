//! The queue of what is still to happen: by virtual time, and at one time in the order of filing.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Virtual time in microseconds since the start of the run.
pub(crate) type Time = u64;

/// Events by (time, order of filing). O(log n) each way.
#[derive(Debug)]
pub(crate) struct Queue<E> {
    heap: BinaryHeap<Reverse<Item<E>>>,
    filed: u64,
}

#[derive(Debug)]
struct Item<E> {
    at: (Time, u64),
    event: E,
}

impl<E> PartialEq for Item<E> {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}

impl<E> Eq for Item<E> {}

impl<E> PartialOrd for Item<E> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<E> Ord for Item<E> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.at.cmp(&other.at)
    }
}

impl<E> Default for Queue<E> {
    fn default() -> Self {
        Self { heap: BinaryHeap::new(), filed: 0 }
    }
}

impl<E> Queue<E> {
    pub(crate) fn push(&mut self, time: Time, event: E) {
        self.heap.push(Reverse(Item { at: (time, self.filed), event }));
        self.filed += 1;
    }

    /// The next event, if it is due by `until`.
    pub(crate) fn pop(&mut self, until: Time) -> Option<(Time, E)> {
        if self.heap.peek().is_none_or(|Reverse(item)| item.at.0 > until) {
            return None;
        }
        self.heap.pop().map(|Reverse(Item { at: (time, _), event })| (time, event))
    }

    /// Takes out the events of which `what` says something, and returns that in their order.
    pub(crate) fn remove<T>(&mut self, what: impl Fn(&E) -> Option<T>) -> Vec<T> {
        let mut removed = Vec::new();
        self.heap.retain(|Reverse(item)| match what(&item.event) {
            None => true,
            Some(said) => {
                removed.push((item.at, said));
                false
            }
        });
        removed.sort_unstable_by_key(|(at, _)| *at);
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
