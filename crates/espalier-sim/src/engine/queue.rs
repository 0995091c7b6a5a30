//! The queue of what is still to happen: by virtual time, and at one time in the order of filing.

use slab::Slab;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Virtual time in microseconds since the start of the run.
pub(crate) type Time = u64;

/// Events by (time, order of filing). O(log n) each way; what is moved then is small, the events
/// stay where they are.
#[derive(Debug)]
pub(crate) struct Queue<E> {
    /// Time, order of filing, and where the event is.
    heap: BinaryHeap<Reverse<(Time, u64, usize)>>,
    events: Slab<E>,
    filed: u64,
}

impl<E> Default for Queue<E> {
    fn default() -> Self {
        Self { heap: BinaryHeap::new(), events: Slab::new(), filed: 0 }
    }
}

impl<E> Queue<E> {
    pub(crate) fn push(&mut self, time: Time, event: E) {
        self.heap.push(Reverse((time, self.filed, self.events.insert(event))));
        self.filed += 1;
    }

    /// The next event, if it is due by `until`.
    pub(crate) fn pop(&mut self, until: Time) -> Option<(Time, E)> {
        let due = self.heap.peek().is_some_and(|Reverse((time, ..))| *time <= until);
        let Reverse((time, _, at)) = due.then(|| self.heap.pop()).flatten()?;
        Some((time, self.events.remove(at)))
    }

    /// Takes out the events of which `what` says something, and returns that in their order.
    pub(crate) fn remove<T>(&mut self, what: impl Fn(&E) -> Option<T>) -> Vec<T> {
        let (events, mut removed) = (&mut self.events, Vec::new());
        self.heap.retain(|Reverse((time, filed, at))| {
            let Some(said) = events.get(*at).and_then(&what) else { return true };
            events.remove(*at);
            removed.push(((*time, *filed), said));
            false
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
