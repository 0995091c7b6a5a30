//! The heap. When memory runs out the program ends with exit code 3 and a message instead of an
//! abort.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::io::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// The system's, watched.
pub(crate) struct Heap;

/// Whether the program is ending.
static OVER: AtomicBool = AtomicBool::new(false);

thread_local! {
    /// Whether it is this thread that ends it.
    static ENDS: Cell<bool> = const { Cell::new(false) };
}

#[expect(unsafe_code, reason = "an allocator is unsafe; this one hands on what it is given")]
// SAFETY: every call goes to the system's allocator with the same arguments, and what that returns
// is returned.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps the contract of this very function.
        seen(unsafe { System.alloc(layout) }, layout.size())
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        seen(unsafe { System.alloc_zeroed(layout) }, layout.size())
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as above.
        seen(unsafe { System.realloc(memory, layout, size) }, size)
    }
}

/// What was allocated, if it was.
fn seen(memory: *mut u8, size: usize) -> *mut u8 {
    if memory.is_null() {
        end(size);
    }
    memory
}

/// Ends the program. Nothing here allocates; if something below does and fails, that is given up.
#[cold]
fn end(size: usize) {
    if ENDS.get() {
        return;
    }
    if OVER.swap(true, Ordering::SeqCst) {
        // Another thread ends the program.
        loop {
            std::thread::sleep(Duration::from_secs(1));
        }
    }
    ENDS.set(true);
    let _ = writeln!(
        std::io::stderr(),
        "error: out of memory (cannot allocate {size} more bytes); use a smaller run, or raise \
         the limit"
    );
    // Files that are not whole and have names all the same.
    let _ = espalier::file::try_discard_pending();
    std::process::exit(3);
}
