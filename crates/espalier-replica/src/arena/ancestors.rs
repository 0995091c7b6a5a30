//! The signed past of an operation: what it names by hash, what that names, and so on.

use crate::arena::entry::Entry;
use crate::signed::fault::MAX_PATH;
use crate::signed::op::{Op, OpId};
use std::collections::BTreeSet;
use std::sync::Arc;

/// What a search found.
#[derive(Debug)]
pub(crate) enum Search {
    /// A shortest path, the goal last.
    Found(Vec<Arc<Entry>>),
    /// No path exists.
    Nothing,
    /// None was found, but the search was cut short.
    Unknown,
}

/// Looks through the past of `start` for the nearest operation that is a goal, breadth first and in
/// the order of naming, so that the result depends on the operations only. At most [`MAX_PATH`] lie
/// between, and at most `visits` are looked at. O(visits log visits).
pub(crate) fn search(
    start: &Op,
    find: impl Fn(&OpId) -> Option<Arc<Entry>>,
    goal: impl Fn(&Entry) -> bool,
    visits: usize,
) -> Search {
    let mut seen = BTreeSet::<OpId>::new();
    let mut reached = Vec::<Reached>::new();
    let mut complete = true;
    let mut next: Option<usize> = None;
    loop {
        let names: Vec<OpId> = match next {
            None => start.past().copied().collect(),
            Some(at) => reached.get(at).map_or(Vec::new(), Reached::names),
        };
        let between = next.map_or(0, |at| reached[at].between + 1);
        for id in names {
            if !seen.insert(id) {
                continue;
            }
            if seen.len() > visits {
                return Search::Unknown;
            }
            let Some(entry) = find(&id) else {
                complete = false;
                continue;
            };
            let found = goal(&entry);
            reached.push(Reached { entry, from: next, between });
            if found {
                return Search::Found(path_to(&reached, reached.len() - 1));
            }
        }
        let at = next.map_or(0, |at| at + 1);
        match reached.get(at) {
            Some(reached) if reached.between < MAX_PATH => next = Some(at),
            _ if complete => return Search::Nothing,
            _ => return Search::Unknown,
        }
    }
}

/// An operation that was reached, the one it was reached from, and the number in between.
struct Reached {
    entry: Arc<Entry>,
    from: Option<usize>,
    between: usize,
}

impl Reached {
    fn names(&self) -> Vec<OpId> {
        self.entry.op().op().past().copied().collect()
    }
}

fn path_to(reached: &[Reached], goal: usize) -> Vec<Arc<Entry>> {
    let mut path = Vec::new();
    let mut at = Some(goal);
    while let Some(reached) = at.and_then(|at| reached.get(at)) {
        path.push(reached.entry.clone());
        at = reached.from;
    }
    path.reverse();
    path
}
