//! The counting allocator, installed.

use espalier_testkit::alloc::{Allocations, CountingAllocator, allocated};
use std::hint::black_box;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

#[test]
fn what_is_asked_for_and_given_back_is_counted() {
    let (kept, memory) = allocated(|| {
        let kept = black_box(vec![1u8; 100]);
        drop(black_box(vec![0u8; 5000]));
        drop(black_box(Box::new([7u64; 4])));
        kept
    });
    assert_eq!(memory, Allocations { total: 5132, peak: 5100, live: 100 });
    drop(kept);
}

#[test]
fn a_block_that_grows_counts_in_the_total_again_and_in_the_peak_once() {
    let (block, memory) = allocated(|| {
        let mut block = black_box(Vec::<u8>::with_capacity(64));
        block.reserve_exact(256);
        block
    });
    assert_eq!(memory, Allocations { total: 64 + 256, peak: 256, live: 256 });
    let (_, memory) = allocated(|| drop(block));
    assert_eq!(memory, Allocations { total: 0, peak: 0, live: 0 });
}

#[test]
fn measurements_nest_and_the_outer_one_keeps_its_peak() {
    let (inner, outer) = allocated(|| {
        drop(black_box(vec![0u8; 4000]));
        let ((), inner) = allocated(|| drop(black_box(vec![0u8; 300])));
        inner
    });
    assert_eq!((inner.peak, inner.total), (300, 300));
    assert_eq!(outer.peak, 4000);

    let (_, outer) = allocated(|| {
        let held = black_box(vec![0u8; 1000]);
        allocated(|| drop(black_box(vec![0u8; 500]))).1.peak + held.len()
    });
    assert_eq!(outer.peak, 1500);
}

#[test]
fn other_threads_are_not_counted() {
    let (sender, receiver) = std::sync::mpsc::channel::<()>();
    let other = std::thread::spawn(move || {
        receiver.recv().expect("the main thread is there");
        drop(black_box(vec![0u8; 1 << 20]));
    });
    let ((), memory) = allocated(|| {
        sender.send(()).expect("the other thread waits");
        other.join().expect("it does not panic");
    });
    assert!(memory.total < 1 << 16, "{memory:?}");
}

#[test]
fn a_panic_inside_leaves_the_outer_peak_alone() {
    let (_, outer) = allocated(|| {
        drop(black_box(vec![0u8; 1 << 20]));
        // Past the hook, whose backtrace would be counted.
        let unwinding = || allocated(|| std::panic::resume_unwind(Box::new("on purpose")));
        std::panic::catch_unwind(unwinding).map(|((), _)| ()).expect_err("it unwinds")
    });
    assert!((1 << 20..1 << 21).contains(&outer.peak), "{outer:?}");
}
