//! The operations of a replica in the order in which they came: what exchanges by intervals count
//! in.

use crate::arena::bits::Bits;
use crate::signed::policy::Policy;
use crate::state::MergeState;
use crate::wire::message::{Mark, Point};
use espalier_identity::Domain;

static MARK: Domain = Domain::new("espalier log mark v1");

/// Operations in the order in which they came, each with a hash over it and all before it. The
/// order is of this replica alone; nothing depends on it but what is sent again.
#[derive(Debug, Clone)]
pub(crate) struct Log {
    start: Mark,
    places: Vec<(u32, Mark)>,
    logged: Bits,
}

impl Log {
    pub(crate) fn new(policy: &Policy) -> Self {
        let start = short(MARK.fields().digest(&policy.hash()).finish().as_bytes());
        Self { start, places: Vec::new(), logged: Bits::default() }
    }

    pub(crate) fn len(&self) -> u64 {
        self.places.len() as u64
    }

    /// Appends what is new in a state, by (author, seq, id).
    pub(crate) fn extend(&mut self, state: &MergeState) {
        let new: Vec<_> = state.ops.minus(&self.logged).collect();
        let mut entries = state.arena().entries(new.into_iter());
        entries.sort_by_cached_key(|entry| (entry.op().op().dot(), entry.op().id()));
        for entry in entries {
            let (before, id) = (self.end().mark, entry.op().id());
            let mark = short(MARK.fields().field(&before).field(id.as_bytes()).finish().as_bytes());
            self.logged.insert(entry.index);
            self.places.push((entry.index, mark));
        }
    }

    /// The point after this many operations.
    pub(crate) fn point(&self, position: u64) -> Option<Point> {
        let mark = match position.checked_sub(1) {
            None => self.start,
            Some(last) => self.places.get(usize::try_from(last).ok()?)?.1,
        };
        Some(Point { position, mark })
    }

    pub(crate) fn end(&self) -> Point {
        let mark = self.places.last().map_or(self.start, |(_, mark)| *mark);
        Point { position: self.len(), mark }
    }

    pub(crate) fn has(&self, point: &Point) -> bool {
        self.point(point.position).as_ref() == Some(point)
    }

    /// The operations after a position, as the arena numbers them.
    pub(crate) fn after(&self, position: u64) -> impl Iterator<Item = u32> {
        let from = self.places.len().min(usize::try_from(position).unwrap_or(usize::MAX));
        self.places.iter().skip(from).map(|(index, _)| *index)
    }

    /// How far two logs are one.
    pub(crate) fn common(&self, other: &Self) -> u64 {
        let pairs: Vec<_> = self.places.iter().zip(&other.places).collect();
        // A mark covers everything before it.
        pairs.partition_point(|((_, a), (_, b))| a == b) as u64
    }
}

fn short(hash: &[u8; 32]) -> Mark {
    let mut mark = Mark::default();
    mark.copy_from_slice(&hash[..8]);
    mark
}
