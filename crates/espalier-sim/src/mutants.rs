//! Deliberate bugs of the simulator, as those of [`espalier_replica::Mutant`]. Only with the
//! feature
//! `mutants`.

use std::sync::atomic::{AtomicU8, Ordering};

/// A bug that can be let loose at run time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum SimMutant {
    /// Own operations are not synchronised before others see them.
    Unsynchronised = 1,
    /// Messages that are lost count twice.
    CountedTwice,
    /// Mail to a node that crashes waits for it.
    MailWaits,
    /// Links make two of what travels on streams.
    StreamsRepeat,
}

static LOOSE: AtomicU8 = AtomicU8::new(0);

impl SimMutant {
    /// Lets one loose in this process, or none, in place of what was.
    pub fn release(mutant: Option<Self>) {
        LOOSE.store(mutant.map_or(0, |mutant| mutant as u8), Ordering::SeqCst);
    }

    pub(crate) fn is_loose(self) -> bool {
        LOOSE.load(Ordering::Relaxed) == self as u8
    }
}
