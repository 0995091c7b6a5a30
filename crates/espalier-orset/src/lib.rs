//! A delta-state add-wins OR-Set without stored tombstones.
//!
//! An [`OrSet`] is a pair (E, C): E maps live dots to elements, C is the causal context, every dot
//! ever seen. A dot in C that is not in E was removed; nothing else is kept of it. The join is
//!
//! ```text
//! (E, C) ⊔ (E', C') = ( E ∩ E'  ∪  {d ∈ E : d ∉ C'}  ∪  {d ∈ E' : d ∉ C},   C ∪ C' )
//! ```
//!
//! A *delta* is a small state whose join has the effect of a change, on the replica that made it
//! and on every other (Almeida, Shoker, Baquero, *Delta state replicated data types*, JPDC 2018,
//! figure 8; Bieniusa et al., *An optimized conflict-free replicated set*, 2012).
//! [`insert`](OrSet::insert) and [`remove`](OrSet::remove) change the set and return the delta for
//! the others. Adds win: a removal covers only the dots its author had seen.
//!
//! Per dot the states are ordered `unknown < live(greater element) < live(lesser element) <
//! removed`, so even two different elements under one dot, which only a broken or lying actor can
//! produce, end the same way on every replica.
//!
//! Bytes of a stranger become a set that obeys all of this, or an error. Numbers in it may be as
//! large as the stranger likes: contexts are kept as ranges, and no operation here takes longer
//! because of them. What a stranger can do is to claim that an actor's events were seen which it
//! has not made yet; whoever cannot trust its peers has to check who says what, as
//! `espalier-replica` does with signatures.
//!
//! This crate knows no signatures, no tensors, no clock and no IO.
//!
//! ```
//! # fn main() -> Result<(), espalier_lattice::Exhausted> {
//! use espalier_lattice::Join;
//! use espalier_orset::OrSet;
//!
//! let (mut ada, mut bob) = (OrSet::default(), OrSet::default());
//! let add = ada.insert("ada", "apple")?;
//! let removal = ada.remove(&"apple");
//!
//! // The removal arrives first. The late add does not bring the apple back.
//! bob.join(&removal);
//! bob.join(&add);
//! assert!(!bob.contains(&"apple"));
//! assert_eq!((bob, 1), (ada.clone(), ada.tombstones()));
//! # Ok(())
//! # }
//! ```

mod dots;
mod read;

pub use espalier_lattice as lattice;

use dots::Dots;
use espalier_lattice::{CausalContext, Dot, Exhausted, InvalidSeq, Join};
use serde::de::{Deserializer, Error as _};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// An add-wins observed-remove set of `E`, changed by actors `A`. Also its own delta type.
///
/// Written as its live dots with their elements, ascending by dot, and its causal context. Only
/// what can be written can be read; in particular every live dot has to be in the context.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(bound(serialize = "A: Serialize, E: Serialize"))]
pub struct OrSet<A: Ord + Clone, E: Ord + Clone> {
    #[serde(serialize_with = "read::write_live")]
    live: BTreeMap<Dot<A>, E>,
    context: CausalContext<A>,
    /// The same as `live`, from the element's side.
    #[serde(skip)]
    dots: BTreeMap<E, Dots<A>>,
}

impl<A: Ord + Clone, E: Ord + Clone> Default for OrSet<A, E> {
    fn default() -> Self {
        Self { live: BTreeMap::new(), context: CausalContext::default(), dots: BTreeMap::new() }
    }
}

impl<'de, A, E> Deserialize<'de> for OrSet<A, E>
where
    A: Ord + Clone + Deserialize<'de>,
    E: Ord + Clone + Deserialize<'de>,
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read::Parts { live, context } = read::Parts::<A, E>::deserialize(deserializer)?;
        if !live.keys().all(|dot| context.contains(dot)) {
            return Err(D::Error::custom("a live dot of a set is not in its context"));
        }
        let mut set = Self { context, ..Self::default() };
        for (dot, element) in &live {
            set.index(dot.clone(), element.clone());
        }
        set.live = live;
        Ok(set)
    }
}

impl<A: Ord + Clone, E: Ord + Clone> OrSet<A, E> {
    /// Adds `element` under `actor`'s next dot, which replaces the dots under which it is live
    /// here. Returns the delta that does the same elsewhere. O(log n) for each dot.
    ///
    /// # Errors
    /// [`Exhausted`] if `actor` has no number left; nothing changed.
    pub fn insert(&mut self, actor: A, element: E) -> Result<Self, Exhausted> {
        let delta = self.delta_add(actor, element)?;
        self.join(&delta);
        Ok(delta)
    }

    /// Removes `element`: the dots under which it is live here. Returns the delta that does the
    /// same elsewhere, which is empty if the element is not live. O(log n) for each dot.
    pub fn remove(&mut self, element: &E) -> Self {
        let delta = self.delta_remove(element);
        self.join(&delta);
        delta
    }

    /// The delta of [`insert`](Self::insert), without changing this set.
    ///
    /// Join it into this set before the next one is made: the dot is the next that this set has
    /// not seen, so without a join two deltas get the same dot, and one of two elements under one
    /// dot is lost.
    ///
    /// # Errors
    /// [`Exhausted`] if `actor` has no number left.
    pub fn delta_add(&self, actor: A, element: E) -> Result<Self, Exhausted> {
        let dot = self.context.next_dot(actor)?;
        let replaced = self.dots.get(&element).into_iter().flat_map(Dots::iter).cloned();
        Self::with_entry(dot, element, replaced).map_err(|_| Exhausted)
    }

    /// The delta of [`remove`](Self::remove), without changing this set.
    #[must_use]
    pub fn delta_remove(&self, element: &E) -> Self {
        Self::with_removed(self.dots.get(element).into_iter().flat_map(Dots::iter).cloned())
    }

    /// The delta that makes `element` live under `dot` and removes the `replaced` dots. For callers
    /// that number events themselves: two elements must never get one dot.
    ///
    /// # Errors
    /// [`InvalidSeq`] if `dot` names no event.
    pub fn with_entry(
        dot: Dot<A>,
        element: E,
        replaced: impl IntoIterator<Item = Dot<A>>,
    ) -> Result<Self, InvalidSeq> {
        dot.check()?;
        let mut delta = Self::with_removed(replaced);
        delta.context.insert(dot.clone());
        delta.put(dot, element);
        Ok(delta)
    }

    /// The delta that removes `dots`, whether or not anybody has seen them yet. Dots that name no
    /// event are ignored.
    #[must_use]
    pub fn with_removed(dots: impl IntoIterator<Item = Dot<A>>) -> Self {
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
        let (first, last) = (Dot::new(actor.clone(), 1), Dot::new(actor.clone(), u64::MAX));
        self.live.range(first..=last)
    }

    /// The element live under `dot`.
    pub fn get(&self, dot: &Dot<A>) -> Option<&E> {
        self.live.get(dot)
    }

    /// The number of distinct live elements.
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

    /// The number of dots that were seen and are no longer live, at most `u64::MAX`: what a set
    /// with explicit tombstones would have to store. Here it is a difference of two counts.
    /// O(ranges).
    pub fn tombstones(&self) -> u64 {
        self.context.len().saturating_sub(self.live.len() as u64)
    }

    /// What a replica that has seen `context` lacks, as a delta: the entries it has not seen, and
    /// the dots of this context that are no longer live.
    ///
    /// O((live dots + ranges of this context) log n), whatever the numbers in the ranges. A context
    /// does not show which of two elements a lying actor put under one dot; only the join of whole
    /// sets settles that.
    #[must_use]
    pub fn delta_since(&self, context: &CausalContext<A>) -> Self {
        let mut delta = Self::default();
        let (known, news): (Vec<_>, Vec<_>) =
            self.live.iter().partition(|(dot, _)| context.contains(dot));
        // A context that says "seen" about a live dot that is not sent would remove it at the
        // receiver.
        delta.context = self.context.without(known.into_iter().map(|(dot, _)| dot));
        for (dot, element) in news {
            delta.put(dot.clone(), element.clone());
        }
        delta
    }

    fn put(&mut self, dot: Dot<A>, element: E) {
        self.drop_dot(&dot);
        self.index(dot.clone(), element.clone());
        self.live.insert(dot, element);
    }

    fn index(&mut self, dot: Dot<A>, element: E) {
        match self.dots.entry(element) {
            Entry::Vacant(place) => {
                place.insert(Dots::One(dot));
            }
            Entry::Occupied(mut place) => place.get_mut().insert(dot),
        }
    }

    fn drop_dot(&mut self, dot: &Dot<A>) -> bool {
        let Some(element) = self.live.remove(dot) else { return false };
        if let Some(left) = self.dots.remove(&element).and_then(|dots| dots.without(dot)) {
            self.dots.insert(element, left);
        }
        true
    }

    /// Drops every live dot that `other` has seen and no longer holds. Looks at the live dots
    /// within the ranges of the other context, of which there are at most as many as dots in them.
    fn drop_removed_by(&mut self, other: &Self) -> bool {
        let mut gone = Vec::new();
        for (actor, range) in other.context.ranges() {
            let (from, to) = range.into_inner();
            let range = Dot::new(actor.clone(), from)..=Dot::new(actor.clone(), to);
            let live = self.live.range(range).map(|(dot, _)| dot);
            gone.extend(live.filter(|dot| !other.live.contains_key(dot)).cloned());
        }
        gone.iter().fold(false, |changed, dot| self.drop_dot(dot) | changed)
    }
}

/// O((r + d) log n) for r ranges in the other context and d dots that are live on either side
/// within them.
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

/// The program of the README, compiled and run by the tests of the documentation.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

#[cfg(test)]
mod tests;
