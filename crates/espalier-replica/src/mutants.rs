//! Deliberate bugs, to prove that the tests would notice. Only with the feature `mutants`, which
//! only the test of `espalier-sim` that looks for them turns on.

use espalier_identity::Digest;
use std::sync::atomic::{AtomicU8, Ordering};

/// A bug that can be let loose at run time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Mutant {
    /// A retraction that comes before what it retracts is forgotten.
    EarlyRetraction = 1,
    /// A retraction of somebody else's contribution is obeyed.
    ForeignRetraction,
    /// What a peer lacks is counted from one operation too late.
    Frontier,
    /// A join of three or more operations loses one.
    LossyJoin,
    /// Views that are built anew leave the last operation out.
    LossyRebuild,
    /// Roots are compared by their first two bits.
    ShortRoots,
    /// The convicted are heard all the same.
    DeafToEvidence,
    /// Contributions are merged in the order in which they arrived.
    ArrivalOrder,
    /// Two operations at once make evidence forgotten.
    ShortMemory,
    /// Of forks only one side is written down.
    OneSidedFork,
    /// Operations whose ancestors are missing are named as seen.
    BlindDeps,
    /// Logical time stands still.
    StoppedClock,
}

static LOOSE: AtomicU8 = AtomicU8::new(0);

impl Mutant {
    /// Lets one loose in this process, or none, in place of what was.
    pub fn release(mutant: Option<Self>) {
        LOOSE.store(mutant.map_or(0, |mutant| mutant as u8), Ordering::SeqCst);
    }

    pub(crate) fn looks_alike(self, a: &Digest, b: &Digest) -> bool {
        self.is_loose() && a.as_bytes()[0] >> 6 == b.as_bytes()[0] >> 6
    }

    pub(crate) fn is_loose(self) -> bool {
        LOOSE.load(Ordering::Relaxed) == self as u8
    }
}
