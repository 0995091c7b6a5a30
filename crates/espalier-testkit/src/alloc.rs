//! A counting allocator: how much memory a piece of code asks for.
//!
//! Hostile input must not cost memory out of proportion to its length, and only the allocator can
//! say whether it does. A test binary installs [`CountingAllocator`] and measures with
//! [`allocated`]:
//!
//! ```
//! use espalier_testkit::alloc::{CountingAllocator, allocated};
//!
//! #[global_allocator]
//! static ALLOCATOR: CountingAllocator = CountingAllocator;
//!
//! let (bytes, memory) = allocated(|| {
//!     drop(vec![0u8; 1000]);
//!     vec![0u8; 300]
//! });
//! assert_eq!((memory.total, memory.peak, memory.live), (1300, 1000, 300));
//! # drop(bytes);
//! ```
//!
//! # What is counted
//!
//! The bytes that the *calling thread* asks for and gives back, so tests that run side by side do
//! not disturb each other. Memory that other threads ask for is not seen, so parallel code has to
//! be measured on one thread. A block that another thread gives back stays live here. Bytes are
//! those asked for, without what the allocator adds to each block.

#![expect(unsafe_code, reason = "implementing `GlobalAlloc` is unsafe; it only calls `System`")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;

/// The system's allocator, which also counts. For `#[global_allocator]` in a test binary.
#[derive(Debug, Clone, Copy, Default)]
pub struct CountingAllocator;

/// What a piece of code asked for, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allocations {
    /// The sum of all requests. A block that is reallocated counts again, with its new size.
    pub total: usize,
    /// The most that was live at once, beyond what was live before. A block that is reallocated
    /// counts once, with the larger of its sizes.
    pub peak: usize,
    /// What is still live at the end, beyond what was live before; 0 if that is negative.
    pub live: usize,
}

/// Counts of one thread since it began. `live` falls below zero in a thread that gives back what
/// another one asked for.
#[derive(Clone, Copy)]
struct Counts {
    total: usize,
    live: isize,
    peak: isize,
}

thread_local! {
    // `const` and without a destructor: reading it never allocates, and it outlives all others.
    static COUNTS: Cell<Counts> = const { Cell::new(Counts { total: 0, live: 0, peak: 0 }) };
}

/// Enters a request of `asked` bytes by which the live bytes grow by `grown`.
fn enter(asked: usize, grown: isize) {
    // An allocator must not panic; a thread that is gone has nothing to count.
    let _ = COUNTS.try_with(|cell| {
        let mut counts = cell.get();
        counts.total = counts.total.wrapping_add(asked);
        counts.live = counts.live.wrapping_add(grown);
        counts.peak = counts.peak.max(counts.live);
        cell.set(counts);
    });
}

/// Sizes of layouts are at most `isize::MAX`.
fn signed(size: usize) -> isize {
    size as isize
}

// SAFETY: every method passes its arguments on to `System` and returns what that returns; the
// counting between them neither allocates nor unwinds.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps the contract, which is the same.
        let block = unsafe { System.alloc(layout) };
        if !block.is_null() {
            enter(layout.size(), signed(layout.size()));
        }
        block
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps the contract, which is the same.
        let block = unsafe { System.alloc_zeroed(layout) };
        if !block.is_null() {
            enter(layout.size(), signed(layout.size()));
        }
        block
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract, which is the same.
        unsafe { System.dealloc(block, layout) };
        enter(0, -signed(layout.size()));
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: the caller keeps the contract, which is the same.
        let moved = unsafe { System.realloc(block, layout, new_size) };
        if !moved.is_null() {
            enter(new_size, signed(new_size) - signed(layout.size()));
        }
        moved
    }
}

/// Runs `work` and says what this thread asked for meanwhile. May be nested.
///
/// # Panics
///
/// If [`CountingAllocator`] is not the global allocator of this binary: every count would be zero.
pub fn allocated<T>(work: impl FnOnce() -> T) -> (T, Allocations) {
    let before = COUNTS.get();
    drop(black_box(Box::new(0u8)));
    let outer = COUNTS.get();
    assert!(outer.total > before.total, "CountingAllocator is not the global allocator");

    COUNTS.set(Counts { peak: outer.live, ..outer });
    // Also when `work` panics and somebody catches it.
    let restore = Restore { outer_peak: outer.peak };
    let value = work();
    let inner = COUNTS.get();
    drop(restore);
    let allocations = Allocations {
        total: inner.total - outer.total,
        peak: inner.peak.abs_diff(outer.live),
        live: usize::try_from(inner.live - outer.live).unwrap_or(0),
    };
    (value, allocations)
}

/// Gives the measurement around this one its peak back.
struct Restore {
    outer_peak: isize,
}

impl Drop for Restore {
    fn drop(&mut self) {
        let inner = COUNTS.get();
        COUNTS.set(Counts { peak: inner.peak.max(self.outer_peak), ..inner });
    }
}
