//! A delta-state add-wins OR-Set without stored tombstones.
//!
//! An [`OrSet`] is a pair (E, C): E maps live dots to elements, C is the causal context, every dot
//! ever seen. A dot in C that is not in E was removed; nothing else is kept of it. The join is
//!
//! ```text
//! (E, C) ⊔ (E', C') = ( E ∩ E'  ∪  {d ∈ E : d ∉ C'}  ∪  {d ∈ E' : d ∉ C},   C ∪ C' )
//! ```
//!
//! A mutator returns a *delta*: a small state whose join has the mutator's effect, on the caller's
//! replica and on every other (Almeida, Shoker, Baquero, *Delta state replicated data types*,
//! JPDC 2018, figure 8; Bieniusa et al., *An optimized conflict-free replicated set*, 2012).
//! Adds win: a removal covers only the dots its author had seen.
//!
//! Per dot the states are ordered `unknown < live(greater element) < live(lesser element) <
//! removed`, so even two different elements under one dot, which only a broken or lying actor can
//! produce, end the same way on every replica.
//!
//! This crate knows no signatures, no tensors, no clock and no IO.
//!
//! ```
//! use espalier_lattice::Join;
//! use espalier_orset::OrSet;
//!
//! let (mut ada, mut bob) = (OrSet::default(), OrSet::default());
//! let add = ada.add("ada", "apple");
//! ada.join(&add);
//! let removal = ada.remove(&"apple");
//! ada.join(&removal);
//!
//! // The removal arrives first. The late add does not bring the apple back.
//! bob.join(&removal);
//! bob.join(&add);
//! assert!(!bob.contains(&"apple"));
//! assert_eq!((bob, 1), (ada.clone(), ada.tombstones()));
//! ```

use espalier_lattice::{CausalContext, Dot, Join};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// An add-wins observed-remove set of `E`, changed by actors `A`. Also its own delta type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Parts<A, E>", into = "Parts<A, E>")]
#[serde(bound(
    serialize = "A: Ord + Clone + Serialize, E: Ord + Clone + Serialize",
    deserialize = "A: Ord + Clone + Deserialize<'de>, E: Ord + Clone + Deserialize<'de>"
))]
pub struct OrSet<A: Ord + Clone, E: Ord + Clone> {
    live: BTreeMap<Dot<A>, E>,
    context: CausalContext<A>,
    /// The same as `live`, from the element's side.
    dots: BTreeMap<E, BTreeSet<Dot<A>>>,
}

/// What is written down: the index by element is derived.
#[derive(Serialize, Deserialize)]
#[serde(bound(
    serialize = "A: Ord + Clone + Serialize, E: Ord + Serialize",
    deserialize = "A: Ord + Clone + Deserialize<'de>, E: Ord + Deserialize<'de>"
))]
struct Parts<A: Ord, E> {
    live: BTreeMap<Dot<A>, E>,
    context: CausalContext<A>,
}

impl<A: Ord + Clone, E: Ord + Clone> From<Parts<A, E>> for OrSet<A, E> {
    fn from(parts: Parts<A, E>) -> Self {
        let mut set = Self { context: parts.context, ..Self::default() };
        for (dot, element) in parts.live {
            set.context.insert(dot.clone());
            set.put(dot, element);
        }
        set
    }
}

impl<A: Ord + Clone, E: Ord + Clone> From<OrSet<A, E>> for Parts<A, E> {
    fn from(set: OrSet<A, E>) -> Self {
        Self { live: set.live, context: set.context }
    }
}

impl<A: Ord + Clone, E: Ord + Clone> Default for OrSet<A, E> {
    fn default() -> Self {
        Self { live: BTreeMap::new(), context: CausalContext::default(), dots: BTreeMap::new() }
    }
}

impl<A: Ord + Clone, E: Ord + Clone> OrSet<A, E> {
    /// The delta by which `actor` adds `element`, replacing the dots under which it is live here.
    ///
    /// The caller joins it into its own state before it makes the next one: `actor`'s next dot is
    /// counted from what this state has seen. O(log n).
    #[must_use]
    pub fn add(&self, actor: A, element: E) -> Self {
        let dot = self.context.next_dot(actor);
        let replaced = self.dots.get(&element).into_iter().flatten().cloned();
        Self::delta_add(dot, element, replaced)
    }

    /// The delta that removes `element`: it covers the dots seen here. Empty if it is not live.
    #[must_use]
    pub fn remove(&self, element: &E) -> Self {
        Self::delta_remove(self.dots.get(element).into_iter().flatten().cloned())
    }

    /// The delta that makes `element` live under `dot` and removes the `replaced` dots. For callers
    /// that number events themselves.
    #[must_use]
    pub fn delta_add(dot: Dot<A>, element: E, replaced: impl IntoIterator<Item = Dot<A>>) -> Self {
        let mut delta = Self::delta_remove(replaced);
        delta.context.insert(dot.clone());
        delta.put(dot, element);
        delta
    }

    /// The delta that removes `dots`, whether or not anybody has seen them yet.
    #[must_use]
    pub fn delta_remove(dots: impl IntoIterator<Item = Dot<A>>) -> Self {
        Self { context: dots.into_iter().collect(), ..Self::default() }
    }

    /// Whether `element` is live under at least one dot. O(log n).
    pub fn contains(&self, element: &E) -> bool {
        self.dots.contains_key(element)
    }

    /// Live elements, ascending, each once.
    pub fn elements(&self) -> impl Iterator<Item = &E> {
        self.dots.keys()
    }

    /// Live dots with their elements, ascending by dot.
    pub fn entries(&self) -> impl Iterator<Item = (&Dot<A>, &E)> {
        self.live.iter()
    }

    /// The live dots of one actor with their elements, ascending.
    pub fn entries_of(&self, actor: &A) -> impl Iterator<Item = (&Dot<A>, &E)> {
        let (first, last) = (Dot::new(actor.clone(), 0), Dot::new(actor.clone(), u64::MAX));
        self.live.range(first..=last)
    }

    /// The element live under `dot`.
    pub fn get(&self, dot: &Dot<A>) -> Option<&E> {
        self.live.get(dot)
    }

    /// How many distinct elements are live.
    pub fn len(&self) -> usize {
        self.dots.len()
    }

    /// Whether nothing is live.
    pub fn is_empty(&self) -> bool {
        self.dots.is_empty()
    }

    /// Every dot seen.
    pub fn context(&self) -> &CausalContext<A> {
        &self.context
    }

    /// How many dots were seen and are no longer live: what a set with explicit tombstones would
    /// have to store. Here it is a difference of two counts.
    pub fn tombstones(&self) -> u64 {
        self.context.len() - self.live.len() as u64
    }

    /// What a replica that has seen `context` lacks, as a delta: the entries it has not seen, and
    /// the dots of this context that are no longer live.
    #[must_use]
    pub fn delta_since(&self, context: &CausalContext<A>) -> Self {
        let mut delta = Self { context: self.context.clone(), ..Self::default() };
        for (dot, element) in self.live.iter() {
            if context.contains(dot) {
                // Both know it and it is live: not this delta's business.
                continue;
            }
            delta.put(dot.clone(), element.clone());
        }
        // A context that says "seen" about a live, unsent dot would remove it at the receiver.
        let spoken_for = |dot: &Dot<A>| !self.live.contains_key(dot) || !context.contains(dot);
        delta.context = self.context.dots().filter(spoken_for).collect();
        delta
    }

    fn put(&mut self, dot: Dot<A>, element: E) {
        self.drop_dot(&dot);
        self.dots.entry(element.clone()).or_default().insert(dot.clone());
        self.live.insert(dot, element);
    }

    fn drop_dot(&mut self, dot: &Dot<A>) -> bool {
        let Some(element) = self.live.remove(dot) else { return false };
        if let Some(dots) = self.dots.get_mut(&element) {
            dots.remove(dot);
            if dots.is_empty() {
                self.dots.remove(&element);
            }
        }
        true
    }

    /// Drops every live dot that `other` has seen and no longer holds.
    ///
    /// Walks the smaller side: for a delta the few dots it speaks of, for a whole state our own
    /// live dots. (The count of a hostile context may be astronomical; walking is bounded by us.)
    fn drop_removed_by(&mut self, other: &Self) -> bool {
        let gone: Vec<_> = if other.context.len() <= self.live.len() as u64 {
            other.context.dots().filter(|dot| !other.live.contains_key(dot)).collect()
        } else {
            let unseen =
                |dot: &&Dot<A>| other.context.contains(dot) && !other.live.contains_key(*dot);
            self.live.keys().filter(unseen).cloned().collect()
        };
        gone.iter().fold(false, |changed, dot| self.drop_dot(dot) | changed)
    }
}

/// O(d log n) for a delta that speaks of d dots, O(n log n) for a whole state.
impl<A: Ord + Clone, E: Ord + Clone> Join for OrSet<A, E> {
    fn join(&mut self, other: &Self) -> bool {
        let mut changed = self.drop_removed_by(other);
        for (dot, element) in &other.live {
            let news = match self.live.get(dot) {
                Some(mine) => element < mine,
                None => !self.context.contains(dot),
            };
            if news {
                self.put(dot.clone(), element.clone());
                changed = true;
            }
        }
        self.context.join(&other.context) | changed
    }
}

#[cfg(test)]
mod tests;
